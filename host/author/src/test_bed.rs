//! Where a component is tested: the real plugin host, with a scripted network, a clock that jumps, and always the same chance.
//!
//! Loading, schema, grants, budgets and the log are the host's own; only where answers and the time come from is different. One
//! test runs after the other. What a scenario is stands in `scenario/`, what every plugin has to stand in `conformance/`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::Value;
use shiftgate_model::{
    Call, Clock as _, Grants, Millis, PluginCall, PluginError, PluginReply, PluginRunner as _, PluginSource, Suspension,
    Timestamp, Wake,
};
use shiftgate_plugin::{Compiler, HttpRequest, Inspection, Manifest, Plugins, PluginsConfig};

use crate::AuthorError;
use crate::conformance;
use crate::drive::{Outside, Step, Story, Woken, drive};
use crate::scenario::{Route, Said, Scenario, Signal, compare};
use crate::stage::{BEGIN, Seen, Stage};

/// Where the plugin host of a test has its things.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where compiled components are kept.
    pub cache_dir: PathBuf,
    /// Where plugins of a bare name are.
    pub bundled_dirs: Vec<PathBuf>,
    /// Who compiles.
    pub compiler: Compiler,
}

/// A component, and a host for it alone.
#[derive(Debug)]
pub struct TestBed {
    plugins: Plugins,
    stage: Arc<Stage>,
    /// One test at a time: they share the stage.
    turn: tokio::sync::Mutex<()>,
    inspection: Inspection,
    manifest: Manifest,
    loaded_in: Duration,
}

/// A test that was run.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What was tested.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// How much time passed in it.
    pub passed: Millis,
    /// What went wrong, each in a line; empty when nothing did.
    pub failures: Vec<String>,
    /// Why there was nothing to test; none when there was.
    pub skipped: Option<String>,
    /// The scenario's file; none for what every plugin has to stand.
    pub file: Option<PathBuf>,
}

/// What is played for one test.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) step: Step,
    pub(crate) grants: Grants,
    pub(crate) routes: Vec<Route>,
    pub(crate) instead: Option<Said>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) until: Option<Millis>,
    /// So many wakes, and it counts as endless.
    pub(crate) patience: usize,
}

/// A scenario may last for hours of looks a second apart.
const PATIENCE: usize = 10_000;

impl TestBed {
    /// Loads a component: a path, or the bare name of a plugin that comes along.
    ///
    /// # Errors
    /// [`AuthorError::Unusable`] when it is no plugin that the host takes; as [`Plugins::new`] and [`Plugins::prepare`].
    pub async fn open(place: Place, file: &str) -> Result<Self, AuthorError> {
        let stage = Arc::new(Stage::new());
        let plugins = Plugins::new(PluginsConfig {
            bundled_dirs: place.bundled_dirs,
            compiler: place.compiler,
            seed: Some(7),
            network: Some(Arc::clone(&stage) as _),
            ..PluginsConfig::new(place.cache_dir, Arc::clone(&stage) as _)
        })?;
        let inspection = crate::inspect(&plugins, file)?;
        let manifest = match (&inspection.manifest, inspection.problems.is_empty()) {
            (Some(manifest), true) => manifest.clone(),
            _ => return Err(AuthorError::Unusable { problems: inspection.problems }),
        };
        let source = source(&manifest, &inspection, Grants::default());
        let began = Instant::now();
        plugins.prepare(&source, manifest.kind).await?;
        let loaded_in = began.elapsed();
        Ok(Self { plugins, stage, turn: tokio::sync::Mutex::default(), inspection, manifest, loaded_in })
    }

    /// What the component says of itself.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it looks like from outside.
    #[must_use]
    pub const fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// How long it took to compile and link it, or to take it from the cache.
    #[must_use]
    pub const fn loaded_in(&self) -> Duration {
        self.loaded_in
    }

    /// Whether scenarios can be of this plugin.
    ///
    /// # Errors
    /// [`AuthorError::BadScenario`] for the first that cannot.
    pub fn expect_own(&self, scenarios: &[Scenario]) -> Result<(), AuthorError> {
        scenarios.iter().try_for_each(|scenario| scenario.expect_kind(self.manifest.kind))
    }

    /// Plays a scenario, and holds what happened against what it expects.
    pub async fn scenario(&self, scenario: &Scenario) -> Checked {
        let began = Instant::now();
        let (story, seen) = self.play(&self.script(scenario)).await;
        let failures = compare(&scenario.expect, &story, &seen).iter().map(ToString::to_string).collect();
        let (name, file) = (scenario.name.clone(), Some(scenario.file.clone()));
        Checked { name, took: began.elapsed(), passed: story.took, failures, skipped: None, file }
    }

    /// Plays what every plugin has to stand. It takes config and world from the first scenario in which the plugin does its job,
    /// or else from `config`; `each` hears of every test as it ends.
    ///
    /// # Errors
    /// [`AuthorError::NoConfig`] when the plugin refuses the config, or there is none and none that its schema suggests.
    pub async fn conformance(
        &self,
        scenarios: &[Scenario],
        config: Option<Value>,
        each: &mut dyn FnMut(Checked),
    ) -> Result<(), AuthorError> {
        conformance::run(self, scenarios, config, each).await
    }

    /// Requests of the manifest that no scenario has sent, each as the manifest says it.
    pub async fn unused_requests(&self, scenarios: &[Scenario]) -> Vec<String> {
        let mut used = vec![false; self.manifest.requests.http.len()];
        for scenario in scenarios {
            let (_, seen) = self.play(&self.script(scenario)).await;
            for (request, used) in self.manifest.requests.http.iter().zip(&mut used) {
                *used |= seen.requests.iter().any(|sent| request.covers(&scenario.config, &sent.method, &sent.url));
            }
        }
        let unused = self.manifest.requests.http.iter().zip(used).filter(|(_, used)| !used);
        unused.map(|(request, _)| place_of(request)).collect()
    }

    /// What a scenario plays.
    pub(crate) fn script(&self, scenario: &Scenario) -> Script {
        Script {
            step: scenario.step(&self.manifest),
            grants: scenario.granted(&self.manifest),
            routes: scenario.http.clone(),
            instead: None,
            signals: scenario.signals.clone(),
            until: scenario.until,
            patience: PATIENCE,
        }
    }

    /// Plays a script from its beginning.
    pub(crate) async fn play(&self, script: &Script) -> (Story, Seen) {
        let _turn = self.turn.lock().await;
        self.stage.set(&script.routes, script.instead.clone());
        let source = source(&self.manifest, &self.inspection, script.grants.clone());
        let mut outside = Jumping::new(&self.stage, script);
        let story = drive(&self.plugins, &source, &script.step, &mut outside).await;
        let unheard = outside.signals.iter().map(|signal| format!("`{}` at {}", signal.name, signal.at)).collect();
        (story, Seen { unheard, ..self.stage.seen() })
    }

    /// One call, in a world that begins at `now`.
    pub(crate) async fn call(&self, script: &Script, action: Call, now: Timestamp) -> Result<PluginReply, PluginError> {
        let _turn = self.turn.lock().await;
        self.stage.set(&script.routes, script.instead.clone());
        self.stage.jump(now);
        let source = source(&self.manifest, &self.inspection, script.grants.clone());
        let Step { kind, config, run, .. } = script.step.clone();
        self.plugins.call(&source, &PluginCall { kind, config, run, action }).await
    }
}

/// A request of a manifest in a line.
pub(crate) fn place_of(request: &HttpRequest) -> String {
    let place = match (&request.url, &request.from_config) {
        (Some(url), _) => url.clone(),
        (None, pointer) => format!("the URL at {}", pointer.as_deref().unwrap_or_default()),
    };
    format!("{} {place}", request.methods.join("|"))
}

/// The component as a workflow would name it; a file that changes meanwhile is refused.
fn source(manifest: &Manifest, inspection: &Inspection, grants: Grants) -> PluginSource {
    let named = PluginSource::new(manifest.name.clone(), inspection.file.display().to_string());
    PluginSource { sha256: Some(inspection.digest.clone()), grants, ..named }
}

/// A world in which nobody waits.
struct Jumping<'a> {
    stage: &'a Stage,
    /// Signals that have not come yet, the next one first.
    signals: Vec<Signal>,
    until: Option<Timestamp>,
    patience: usize,
}

impl<'a> Jumping<'a> {
    fn new(stage: &'a Stage, script: &Script) -> Self {
        let mut signals = script.signals.clone();
        signals.sort_by_key(|signal| signal.at);
        Self { stage, signals, until: script.until.map(|until| BEGIN.plus(until)), patience: script.patience }
    }
}

#[async_trait]
impl Outside for Jumping<'_> {
    fn now(&self) -> Timestamp {
        self.stage.now()
    }

    fn patience(&self) -> usize {
        self.patience
    }

    async fn wake(&mut self, wait: &Suspension, deadline: Option<Timestamp>) -> Woken {
        let now = self.now();
        let next = self.signals.iter().position(|signal| wait.signals.contains(&signal.name));
        let signal = next.and_then(|next| self.signals.get(next)).map(|signal| BEGIN.plus(signal.at).max(now));
        let timer = wait.after.map(|after| now.plus(after));
        // At the same moment a signal is heard before a timer, and both before the end.
        let moments = [(signal, 0), (timer, 1), (deadline, 2), (self.until, 3)];
        let first = moments.into_iter().filter_map(|(at, what)| Some((at?, what))).min();
        let Some((at, what)) = first else { return Woken::Left };
        self.stage.jump(at);
        match what {
            0 => match next {
                Some(next) => {
                    let Signal { name, payload, .. } = self.signals.remove(next);
                    Woken::By(Wake::Signal { name, payload })
                }
                None => Woken::Left,
            },
            1 => Woken::By(Wake::Timer),
            2 => Woken::Expired,
            _ => Woken::Left,
        }
    }

    fn hear(&mut self, _reply: &PluginReply) {}
}
