//! The least that an embedding of wasmtime does for the same call: a fresh instance in a pool, and the call. No budgets, no rights, no
//! schema, no log. What a plugin call is held against.

use std::path::Path;

use serde_json::Value;
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "verification-plugin",
        imports: { "shiftgate:step/http@0.1.0.send": async | trappable, default: trappable },
        exports: { default: async },
    });
}

use bindings::shiftgate::step::{host, http, types};
use bindings::{VerificationPlugin, VerificationPluginPre};

/// A component, ready to be instantiated.
pub(crate) struct Bare {
    engine: Engine,
    plugin: VerificationPluginPre<Guest>,
}

struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl types::Host for Guest {}

impl host::Host for Guest {
    fn log(&mut self, _: host::Level, _: String) -> wasmtime::Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: String) -> wasmtime::Result<()> {
        Ok(())
    }

    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(0)
    }
}

impl http::Host for Guest {
    async fn send(&mut self, _: http::Request) -> wasmtime::Result<Result<http::Response, http::HttpError>> {
        Ok(Err(http::HttpError::Quota))
    }
}

impl Bare {
    pub(crate) fn load(file: &Path) -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.max_unused_warm_slots(16);
        if PoolingAllocationConfig::is_pagemap_scan_available() {
            pool.pagemap_scan(Enabled::Auto).linear_memory_keep_resident(2 << 20).table_keep_resident(1 << 20);
        }
        let mut config = Config::new();
        config.concurrency_support(false).allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).expect("an engine");
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI");
        VerificationPlugin::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest).expect("the contract");
        let component = Component::from_file(&engine, file).expect("a component");
        let plugin = VerificationPluginPre::new(linker.instantiate_pre(&component).expect("it links")).expect("a verification");
        Self { engine, plugin }
    }

    /// How many problems the plugin finds in its config, which is JSON that the guest gets as text: so has the host to hand it over.
    pub(crate) async fn validate(&self, config: &Value) -> usize {
        let config = &config.to_string();
        let guest = Guest { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, guest);
        let plugin = self.plugin.instantiate_async(&mut store).await.expect("an instance");
        let problems = plugin.shiftgate_step_config().call_validate(&mut store, config).await;
        problems.expect("the plugin answers").len()
    }
}
