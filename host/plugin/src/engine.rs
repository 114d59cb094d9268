//! The wasmtime engine: how guests are compiled, where their memory lies, and the clock that interrupts them.
//!
//! Instances come from a pool whose slots stay mapped (a fresh instance costs about 10 microseconds that way), or from plain
//! allocation where the address space has no room for a pool. Nothing here knows the contract; `loader.rs` is next.

use std::num::NonZeroUsize;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use shiftgate_model::Millis;
use wasmtime::{Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::Budgets;
use crate::error::HostError;

/// How often the engine's epoch moves, and so how exact a compute budget is.
pub(crate) const TICK: Millis = Millis(10);

/// What of a slot stays resident between two calls, once the kernel can say which pages were touched.
const MEMORY_KEPT: usize = 2 << 20;
const TABLE_KEPT: usize = 1 << 20;
/// Idle slots that stay resident.
const WARM: u32 = 16;
/// Room for a guest's own stack.
pub(crate) const GUEST_STACK: usize = 512 << 10;
/// Guest frames of a crash report.
const FRAMES: usize = 12;

/// Builds the engine, with a pool where one can be mapped.
pub(crate) fn build(budgets: &Budgets) -> Result<Engine, HostError> {
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(budgets)));
    match Engine::new(&config) {
        Ok(engine) => Ok(engine),
        Err(error) => {
            tracing::info!(%error, "no room for a pool of instances; each call allocates its own");
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config).map_err(|error| HostError::Engine { reason: format!("{error:#}") })
        }
    }
}

/// What compiled code depends on, whatever allocates its memory.
pub(crate) fn base() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(2 * GUEST_STACK)
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES))
        // Not the default, which asks the environment.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Frames are named without these three; compiled code is a quarter smaller, and so is what a load has to verify.
        .generate_address_map(false)
        .native_unwind_info(false)
        .debug_symbols(false);
    config
}

fn pool(budgets: &Budgets) -> PoolingAllocationConfig {
    let calls = budgets.concurrent_calls;
    let table_elements = usize::try_from(budgets.table_elements).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_stacks(calls)
        .total_memories(calls.saturating_mul(budgets.memories))
        .total_tables(calls.saturating_mul(budgets.tables))
        .total_core_instances(calls.saturating_mul(budgets.instances))
        .max_core_instances_per_component(budgets.instances)
        .max_memories_per_component(budgets.memories)
        .max_tables_per_component(budgets.tables)
        .max_tables_per_module(budgets.tables)
        .max_memories_per_module(budgets.memories)
        .table_elements(table_elements)
        .max_unused_warm_slots(calls.min(WARM));
    // Without the page map scan, keeping pages costs a memset of all that is kept, at every call.
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Auto).linear_memory_keep_resident(MEMORY_KEPT).table_keep_resident(TABLE_KEPT);
    }
    pool
}

/// Moves the engine's epoch until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    /// Closing the channel is what ends the thread.
    _stop: Sender<()>,
}

impl Ticker {
    pub(crate) fn start(engine: EngineWeak) -> Result<Self, HostError> {
        let (stop, stopped) = channel::<()>();
        std::thread::Builder::new()
            .name("shiftgate-epoch".to_owned())
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(Duration::from_millis(TICK.0)) {
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => return,
                    }
                }
            })
            .map_err(|source| HostError::Ticker { source })?;
        Ok(Self { _stop: stop })
    }
}
