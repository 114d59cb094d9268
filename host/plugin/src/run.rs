//! Runs plugins: one call, one fresh instance, every budget in place before any of its code runs.
//!
//! Implements [`PluginRunner`] for the engine. The way of a call: load, rights, config against the schema, a place in the
//! queue, instance, call, answer against the budgets and the contract. `loader.rs`, `grants/`, `kinds/` and `trap.rs` do the
//! parts.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use shiftgate_model::{
    Call, Clock, Digest, Level, LogLine, Millis, Outcome, PluginCall, PluginError, PluginKind, PluginReply, PluginRunner,
    PluginSource, RunInfo,
};
use tokio::sync::Semaphore;

use crate::Budgets;
use crate::budgets::Exceeded;
use crate::cache::Cache;
use crate::egress::{Egress, Lookup, Network, SystemLookup};
use crate::engine::{self, Ticker};
use crate::error::{HostError, LoadError};
use crate::grants::Rights;
use crate::guest::{Guest, GuestParts, linker};
use crate::inspect::{Inspection, inspect};
use crate::kinds::{Answered, Request};
use crate::loader::{Loaded, Loader, Workshop};
use crate::log::Log;
use crate::schema::Problem;
use crate::trap::{Dead, Teller};

/// Config problems that are told at once.
const PROBLEMS: usize = 100;

/// What a plugin host is made from.
pub struct PluginsConfig {
    /// Where compiled components are kept; made when it is not there. This user's alone.
    pub cache_dir: PathBuf,
    /// Where the plugins are that come with shiftgate: `prometheus` means `prometheus.wasm` in the first that has it.
    pub bundled_dirs: Vec<PathBuf>,
    /// What a plugin may use up.
    pub budgets: Budgets,
    /// The run's clock, which guests see.
    pub clock: Arc<dyn Clock>,
    /// What guests' random numbers come from, with the step's idempotency key and attempt; none takes the system's.
    pub seed: Option<u64>,
    /// What answers in the network's place, in a test of a plugin; none is the network itself.
    pub network: Option<Arc<dyn Network>>,
}

/// The plugin host. Cheap to clone; all clones are one host.
///
/// It is called within a tokio runtime. In a multi-threaded one a plugin is loaded from the cache on the caller's own thread,
/// which tokio does not allow in a `LocalSet`.
#[derive(Clone)]
pub struct Plugins(Arc<Host>);

struct Host {
    loader: Loader,
    egress: Arc<Egress>,
    budgets: Budgets,
    clock: Arc<dyn Clock>,
    seed: Option<u64>,
    slots: Semaphore,
    _ticker: Ticker,
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugins").field("budgets", &self.0.budgets).finish_non_exhaustive()
    }
}

impl Plugins {
    /// Starts a plugin host: an engine, its clock, and the cache of compiled components.
    ///
    /// # Errors
    /// [`HostError`] when this machine cannot run WebAssembly. A cache that cannot be used is no error: plugins are compiled
    /// again then.
    pub fn new(config: PluginsConfig) -> Result<Self, HostError> {
        Self::with_lookup(config, SystemLookup)
    }

    /// The same, with names resolved by `lookup`.
    pub(crate) fn with_lookup(config: PluginsConfig, lookup: impl Lookup) -> Result<Self, HostError> {
        let PluginsConfig { cache_dir, bundled_dirs, budgets, clock, seed, network } = config;
        let engine = engine::build(&budgets)?;
        let ticker = Ticker::start(engine.weak())?;
        let cache = Cache::open(&cache_dir, &engine);
        let workshop = Workshop { linker: linker(&engine)?, cache, limit: budgets.component_bytes, engine };
        let slots = Semaphore::new(budgets.concurrent_calls as usize);
        let egress = Arc::new(Egress::new(lookup).over(network));
        let loader = Loader::new(workshop, bundled_dirs);
        Ok(Self(Arc::new(Host { loader, egress, budgets, clock, seed, slots, _ticker: ticker })))
    }

    /// Loads and compiles a plugin without running it, so that a later call is fast and a mistake is found early.
    ///
    /// # Errors
    /// As [`PluginRunner::call`], for everything that is wrong with the file or the grants.
    pub async fn prepare(&self, source: &PluginSource, kind: PluginKind) -> Result<Digest, PluginError> {
        let teller = Teller { plugin: &source.name, step: "" };
        let loaded = self.0.loader.load(source, kind).await.map_err(|error| teller.load(&error))?;
        Rights::new(&source.name, &loaded.manifest, &source.grants, &serde_json::Value::Null)
            .map_err(|reason| teller.grant(reason))?;
        Ok(loaded.digest.clone())
    }

    /// Looks at a component file without compiling it or running its code. `file` is a path or the name of a bundled plugin.
    ///
    /// # Errors
    /// [`HostError::Load`] when the file is missing, unreadable, too large, or no component at all. Anything else that keeps
    /// it from being a plugin stands in [`Inspection::problems`].
    pub fn inspect(&self, file: &str) -> Result<Inspection, HostError> {
        let raw = self.0.loader.read(file)?;
        Ok(inspect(&raw, &self.0.loader.workshop().cache)?)
    }
}

#[async_trait]
impl PluginRunner for Plugins {
    async fn call(&self, source: &PluginSource, call: &PluginCall) -> Result<PluginReply, PluginError> {
        let host = &self.0;
        let teller = Teller { plugin: &source.name, step: call.run.step.as_str() };
        let loaded = host.loader.load(source, call.kind).await.map_err(|error| teller.load(&error))?;
        let rights =
            Rights::new(&source.name, &loaded.manifest, &source.grants, &call.config).map_err(|reason| teller.grant(reason))?;
        if let Some(refused) = refused_config(&loaded, call).map_err(|error| teller.load(&error))? {
            return match call.action {
                Call::Validate => Ok(reply(Outcome::ConfigRefused(refused).into(), &Log::new(&host.budgets), &loaded)),
                Call::Start { .. } | Call::Poll { .. } | Call::Cancel { .. } => Err(teller.config(&refused)),
            };
        }
        readable_state(&loaded, &call.action, teller)?;
        host.run(&loaded, call, rights, teller).await
    }
}

/// What the schema says against a config; a cancel goes through in any case.
fn refused_config(loaded: &Loaded, call: &PluginCall) -> Result<Option<Vec<Problem>>, LoadError> {
    if matches!(call.action, Call::Cancel { .. }) {
        return Ok(None);
    }
    let problems = loaded.schema()?.problems(&call.config, PROBLEMS);
    Ok(Some(problems).filter(|problems| !problems.is_empty()))
}

/// A plugin only gets back a state that its manifest says it reads.
fn readable_state(loaded: &Loaded, action: &Call, teller: Teller<'_>) -> Result<(), PluginError> {
    let (Call::Poll { state, .. } | Call::Cancel { state }, Some(versions)) = (action, &loaded.manifest.state) else {
        return Ok(());
    };
    if state.version == versions.writes || versions.reads.contains(&state.version) {
        return Ok(());
    }
    Err(teller.state(state.version, &versions.reads))
}

impl Host {
    async fn run(
        &self,
        loaded: &Loaded,
        call: &PluginCall,
        rights: Rights,
        teller: Teller<'_>,
    ) -> Result<PluginReply, PluginError> {
        let compute = match call.action {
            Call::Start { .. } => self.budgets.start_compute,
            Call::Validate | Call::Poll { .. } | Call::Cancel { .. } => self.budgets.poll_compute,
        };
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await.ok();
        let log = Log::new(&self.budgets);
        let parts = GuestParts {
            budgets: &self.budgets,
            clock: &self.clock,
            egress: &self.egress,
            rights,
            log: log.clone(),
            compute,
            seed: self.seed.map(|seed| call_seed(seed, &call.run)),
        };
        let mut store = Guest::store(&self.loader.workshop().engine, parts);
        let request = Request { config: &call.config, run: &call.run, action: &call.action, budgets: &self.budgets };
        let answer = tokio::time::timeout(self.budgets.wall.duration(), loaded.kind.call(&mut store, &request)).await;
        match answer {
            Ok(Ok(answered)) => Ok(reply(answered, &log, loaded)),
            Ok(Err(fault)) => {
                let stderr = told_to_developers(&log, loaded);
                let dead = Dead { loaded, guest: store.data(), budgets: &self.budgets, compute, stderr: &stderr };
                Err(teller.fault(&fault, &dead))
            }
            Err(_) => {
                told_to_developers(&log, loaded);
                Err(teller.exceeded(&out_of_time(self.budgets.wall), true))
            }
        }
    }
}

/// The reply of a call, with what it left in its log.
fn reply(answered: Answered, log: &Log, loaded: &Loaded) -> PluginReply {
    let written = log.finish();
    let mut lines = written.lines;
    lines.extend(answered.remarks.into_iter().map(|message| LogLine { level: Level::Warn, message }));
    PluginReply { outcome: answered.outcome, log: lines, progress: written.progress, digest: loaded.digest.clone() }
}

fn out_of_time(wall: Millis) -> Exceeded {
    Exceeded::new("wall time", wall.to_string(), "the call had not ended")
}

/// The log of a call that has no reply to carry it; returns the last of its standard error.
fn told_to_developers(log: &Log, loaded: &Loaded) -> String {
    let written = log.finish();
    for line in &written.lines {
        tracing::debug!(plugin = %loaded.manifest.name, level = ?line.level, "{}", line.message);
    }
    written.stderr
}

/// Random numbers of one call: the same for the same attempt of the same step.
fn call_seed(seed: u64, run: &RunInfo) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(run.attempt.to_le_bytes());
    hash.update(run.idempotency_key.as_bytes());
    hash.finalize().into()
}
