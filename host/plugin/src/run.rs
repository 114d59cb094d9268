//! Runs plugins: one call, one fresh instance, every budget in place before any of its code runs.
//!
//! Implements [`PluginRunner`] for the engine. The way of a call: load, rights, config against the schema, a place in the
//! queue, instance, call, answer against the budgets and the contract. `loader.rs`, `grants/`, `kinds/` and `trap.rs` do the
//! parts.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shiftgate_model::{
    Call, Called, Clock, Digest, Grants, Level, Limit, LogLine, Millis, Outcome, PluginCall, PluginError, PluginKind,
    PluginReply, PluginRunner, PluginSource, RunInfo, Timestamp,
};
use tokio::sync::Semaphore;

use crate::Budgets;
use crate::budgets::{Bounds, Exceeded};
use crate::cache::Cache;
use crate::compile::{Allowance, Compiler};
use crate::egress::{Carried, Egress, Lookup, Network, SystemLookup};
use crate::engine::{self, Ticker};
use crate::error::{HostError, LoadError};
use crate::grants::{Rights, Settled};
use crate::guest::{Guest, GuestParts, linker};
use crate::inspect::{Inspection, inspect};
use crate::kinds::{Answered, Request};
use crate::loader::{Loaded, Loader, Workshop};
use crate::log::{Log, Written};
use crate::policy::{Entry, Policy};
use crate::schema::Problem;
use crate::seal;
use crate::tape::Answers;
use crate::trap::{Dead, Teller};
use crate::vault::{NoCredentials, Signer, Vault};

/// Config problems that are told at once.
const PROBLEMS: usize = 100;

/// What a plugin host is made from. [`PluginsConfig::new`] has the defaults.
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
    /// What the operator allows; none leaves it to workflow and manifest.
    pub policy: Option<Policy>,
    /// What answers in the network's place, in a test of a plugin; none is the network itself.
    pub network: Option<Arc<dyn Network>>,
    /// What answers every request from a record, so that nothing leaves; none where calls reach the outside.
    pub answers: Option<Arc<dyn Answers>>,
    /// Who compiles.
    pub compiler: Compiler,
    /// Where secrets are.
    pub vault: Arc<dyn Vault>,
    /// Who signs for AWS.
    pub signer: Arc<dyn Signer>,
    /// Who resolves names.
    pub lookup: Arc<dyn Lookup>,
}

impl PluginsConfig {
    /// A host without bundled plugins, policy and credentials, that compiles by itself and asks the system's resolver.
    #[must_use]
    pub fn new(cache_dir: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            cache_dir,
            bundled_dirs: Vec::new(),
            budgets: Budgets::default(),
            clock,
            seed: None,
            policy: None,
            network: None,
            answers: None,
            compiler: Compiler::Here,
            vault: Arc::new(NoCredentials),
            signer: Arc::new(NoCredentials),
            lookup: Arc::new(SystemLookup),
        }
    }
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
    answers: Option<Arc<dyn Answers>>,
    seed: Option<u64>,
    policy: Option<Policy>,
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
        let PluginsConfig { cache_dir, bundled_dirs, budgets, clock, seed, policy, .. } = config;
        let PluginsConfig { network, answers, compiler, vault, signer, lookup, .. } = config;
        let engine = engine::build(&budgets)?;
        let ticker = Ticker::start(engine.weak())?;
        let cache = Cache::open(&cache_dir, &engine);
        let allowance = Allowance::of(&budgets);
        let workshop = Workshop { linker: linker(&engine)?, cache, compiler, allowance, engine };
        let slots = Semaphore::new(budgets.concurrent_calls as usize);
        let egress = Arc::new(Egress::new(lookup, vault, signer).over(network));
        let loader = Loader::new(workshop, bundled_dirs);
        Ok(Self(Arc::new(Host { loader, egress, budgets, clock, answers, seed, policy, slots, _ticker: ticker })))
    }

    /// Loads and compiles a plugin without running it, so that a later call is fast and a mistake is found early.
    ///
    /// # Errors
    /// As [`PluginRunner::call`], for everything that is wrong with the file or the grants.
    pub async fn prepare(&self, source: &PluginSource, kind: PluginKind) -> Result<Digest, PluginError> {
        let teller = Teller { plugin: &source.name, step: "" };
        let (loaded, terms) = self.0.admit(source, kind, teller).await?;
        terms.settle(&loaded, &source.grants, &serde_json::Value::Null, teller)?;
        Ok(loaded.digest.clone())
    }

    /// Looks at a component file without compiling it or running its code. `file` is a path or the name of a bundled plugin.
    ///
    /// # Errors
    /// [`HostError::Load`] when the file is missing, unreadable, too large, or no component at all. Anything else that keeps
    /// it from being a plugin stands in [`Inspection::problems`].
    pub fn inspect(&self, file: &str) -> Result<Inspection, HostError> {
        let raw = self.0.loader.read(file, Bounds::default().most(Limit::File))?;
        Ok(inspect(&raw, &self.0.loader.workshop().cache)?)
    }
}

#[async_trait]
impl PluginRunner for Plugins {
    async fn call(&self, source: &PluginSource, call: &PluginCall) -> Result<PluginReply, PluginError> {
        let host = &self.0;
        let teller = Teller { plugin: &source.name, step: call.run.step.as_str() };
        let (loaded, terms) = host.admit(source, call.kind, teller).await?;
        let settled = terms.settle(&loaded, &source.grants, &call.config, teller)?;
        if let Some(refused) = refused_config(&loaded, call, &settled).map_err(|error| teller.load(&error))? {
            return match call.action {
                Call::Validate => Ok(reply(Outcome::ConfigRefused(refused).into(), Log::new(&terms.budgets).finish(), &loaded)),
                Call::Start { .. } | Call::Poll { .. } | Call::Cancel { .. } => Err(teller.config(&refused)),
            };
        }
        readable_state(&loaded, &call.action, teller)?;
        let polls = match &call.action {
            Call::Poll { state, .. } | Call::Cancel { state } => {
                seal::open(state, &call.run, &loaded.digest).map_err(|reason| teller.seal(&reason))?
            }
            Call::Validate | Call::Start { .. } => 0,
        };
        let mut reply = host.run(&loaded, call, &settled, &terms.budgets.after(polls), teller).await?;
        reply.outcome = seal::seal(reply.outcome, &call.run, &loaded.digest, polls.saturating_add(1));
        Ok(reply)
    }
}

/// The terms on which a component runs: what it may use up, and what the operator says of it.
struct Terms<'h> {
    budgets: Cow<'h, Budgets>,
    operator: Option<(&'h Path, &'h Entry)>,
}

impl Terms<'_> {
    /// What it may do under this config.
    fn settle(&self, loaded: &Loaded, grants: &Grants, config: &Value, teller: Teller<'_>) -> Result<Arc<Settled>, PluginError> {
        if let Some((file, entry)) = self.operator {
            entry.allows(grants).map_err(|reason| teller.policy(file, &reason, None))?;
        }
        let make = || Rights::new(teller.plugin, &loaded.manifest, grants, config, self.operator);
        let settled = loaded.settled.of(teller.plugin, grants, config, make);
        settled.map_err(|reason| teller.grant(reason))
    }
}

/// What the schema says against a config; a cancel goes through in any case.
fn refused_config(loaded: &Loaded, call: &PluginCall, settled: &Settled) -> Result<Option<Vec<Problem>>, LoadError> {
    if matches!(call.action, Call::Cancel { .. }) || settled.fits.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let problems = loaded.schema()?.problems(&call.config, PROBLEMS).map_err(|error| loaded.hard_schema(&error))?;
    settled.fits.store(problems.is_empty(), Ordering::Relaxed);
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
    /// Loads a plugin, and finds the terms on which it runs.
    async fn admit(
        &self,
        source: &PluginSource,
        kind: PluginKind,
        teller: Teller<'_>,
    ) -> Result<(Arc<Loaded>, Terms<'_>), PluginError> {
        // A limit of the file is needed before it is known which component it is; the operator's may be less, and is asked below.
        let asked = source.limits.get(&Limit::File).map(|asked| (*asked).min(Bounds::default().most(Limit::File)));
        let limit = asked.unwrap_or(self.budgets.component_bytes);
        let loaded = self.loader.load(source, kind, limit).await.map_err(|error| teller.load(&error))?;
        let Some(policy) = &self.policy else {
            if source.limits.is_empty() {
                return Ok((loaded, Terms { budgets: Cow::Borrowed(&self.budgets), operator: None }));
            }
            let budgets = self.budgets.with(&source.limits, &Bounds::default()).map_err(|reason| teller.limits(reason))?;
            return Ok((loaded, Terms { budgets: Cow::Owned(budgets), operator: None }));
        };
        let Some(entry) = policy.entry(&loaded.digest) else {
            let reason = format!("does not name the component with sha256 {}", loaded.digest.0);
            let hint = format!("`shiftgate plugin grant {}` shows what it asks for, and names it there", loaded.file.display());
            return Err(teller.policy(&policy.file, &reason, Some(hint)));
        };
        let budgets = self.budgets.with(&source.limits, &entry.bounds).map_err(|reason| teller.limits(reason))?;
        loaded.fits(budgets.component_bytes).map_err(|error| teller.load(&error))?;
        Ok((loaded, Terms { budgets: Cow::Owned(budgets), operator: Some((&policy.file, entry)) }))
    }

    async fn run(
        &self,
        loaded: &Loaded,
        call: &PluginCall,
        settled: &Settled,
        budgets: &Budgets,
        teller: Teller<'_>,
    ) -> Result<PluginReply, PluginError> {
        let compute = match call.action {
            Call::Start { .. } => budgets.start_compute,
            Call::Validate | Call::Poll { .. } | Call::Cancel { .. } => budgets.poll_compute,
        };
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await.ok();
        let log = Log::new(budgets);
        let parts = GuestParts {
            budgets,
            clock: &self.clock,
            egress: &self.egress,
            answers: self.answers.as_ref(),
            rights: Arc::clone(&settled.rights),
            log: log.clone(),
            compute,
            seed: self.seed.map(|seed| call_seed(seed, &call.run)),
        };
        let mut store = Guest::store(&self.loader.workshop().engine, parts);
        let request = Request { config: &settled.text, run: &call.run, action: &call.action, budgets };
        let answer = tokio::time::timeout(budgets.wall.duration(), loaded.kind.call(&mut store, &request)).await;
        match answer {
            Ok(Ok(answered)) => {
                let carried = store.data().carried();
                let outcome = carried.mask_outcome(answered.outcome);
                let remarks = answered.remarks.into_iter().map(|remark| carried.mask(remark)).collect();
                let answered = reply(Answered { outcome, remarks }, masked(log.finish(), carried), loaded);
                let (began, exchanges, left_out) = store.data().tape();
                Ok(PluginReply { began, exchanges, left_out, ..answered })
            }
            Ok(Err(fault)) => {
                let carried = store.data().carried();
                let stderr = told_to_developers(masked(log.finish(), carried), loaded);
                let dead = Dead { loaded, guest: store.data(), budgets, compute, stderr: &stderr };
                let told = teller.fault(&fault, &dead);
                let hint = told.hint.map(|hint| carried.mask(hint));
                Err(PluginError { message: carried.mask(told.message), hint, called: called(store.data(), loaded), ..told })
            }
            Err(_) => {
                told_to_developers(masked(log.finish(), store.data().carried()), loaded);
                let told = teller.exceeded(&out_of_time(budgets.wall), true);
                Err(PluginError { called: called(store.data(), loaded), ..told })
            }
        }
    }
}

/// The reply of a call, with what it left in its log.
fn reply(answered: Answered, written: Written, loaded: &Loaded) -> PluginReply {
    let mut lines = written.lines;
    lines.extend(answered.remarks.into_iter().map(|message| LogLine { level: Level::Warn, message }));
    PluginReply {
        outcome: answered.outcome,
        log: lines,
        progress: written.progress,
        digest: loaded.digest.clone(),
        began: Timestamp::default(),
        exchanges: Vec::new(),
        left_out: 0,
    }
}

/// What a call that failed had done by then.
fn called(guest: &Guest, loaded: &Loaded) -> Option<Box<Called>> {
    let (began, exchanges, left_out) = guest.tape();
    Some(Box::new(Called { digest: loaded.digest.clone(), began, exchanges, left_out }))
}

/// A log without the secrets that left in its call.
fn masked(written: Written, carried: &Carried) -> Written {
    let lines = written.lines.into_iter().map(|line| LogLine { message: carried.mask(line.message), ..line });
    Written {
        lines: lines.collect(),
        progress: written.progress.map(|progress| carried.mask(progress)),
        stderr: carried.mask(written.stderr),
    }
}

fn out_of_time(wall: Millis) -> Exceeded {
    Exceeded::new("wall time", wall.to_string(), "the call had not ended")
}

/// The log of a call that has no reply to carry it; returns the last of its standard error.
fn told_to_developers(written: Written, loaded: &Loaded) -> String {
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
