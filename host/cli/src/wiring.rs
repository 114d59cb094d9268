//! Puts the rooms together: the one place that knows which room stands behind which port.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use shiftgate_author::Place;
use shiftgate_cloud::{AwsSigner, Elb, ElbConfig, Spot, SpotConfig};
use shiftgate_engine::{Activities, Pace, Ports, Settings, WhenBusy};
use shiftgate_model::{AccountId, Groups, Routes};
use shiftgate_plugin::{Compiler, Plugins, PluginsConfig, Policy};
use shiftgate_store::{Record, SystemClock};
use shiftgate_workflow::duration;

use crate::app::{App, PolicyAt};
use crate::args::{Busy, COMPILE};
use crate::crash;
use crate::env::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::no_clouds::NoClouds;
use crate::vault::{Places, Signing};

/// The variable that says how long a changed rule takes to reach every node of a load balancer.
const PROPAGATION: &str = "SHIFTGATE_PROPAGATION";

/// The plugin host, under the operator's policy.
pub(crate) fn plugins(app: &App) -> Result<Arc<Plugins>, Failure> {
    Ok(Arc::new(Plugins::new(PluginsConfig { policy: policy(app)?, ..plugins_config(app)? })?))
}

/// A plugin host that looks at files only, and so asks no policy.
pub(crate) fn inspector(app: &App) -> Result<Plugins, Failure> {
    Ok(Plugins::new(plugins_config(app)?)?)
}

/// Where a plugin host has its things, and who compiles. Compiled plugins are kept over calls of the program.
pub(crate) fn place(app: &App) -> Result<Place, Failure> {
    let cache_dir = match app.env.cache_dir() {
        Some(dir) => dir.join("components"),
        None => app.state_dir()?.join("components"),
    };
    let bundled_dirs = app.env.plugin_dirs(app.global.plugin_dir.as_deref());
    Ok(Place { cache_dir, bundled_dirs, compiler: compiler(&app.env) })
}

fn plugins_config(app: &App) -> Result<PluginsConfig, Failure> {
    let Place { cache_dir, bundled_dirs, compiler } = place(app)?;
    Ok(PluginsConfig {
        bundled_dirs,
        compiler,
        vault: Arc::new(Places::new(app.env.clone())),
        signer: Arc::new(Signing(AwsSigner::default())),
        ..PluginsConfig::new(cache_dir, Arc::new(SystemClock))
    })
}

/// The operator's policy, where there is one: a file that is named has to be there.
pub(crate) fn policy(app: &App) -> Result<Option<Policy>, Failure> {
    match app.policy_file() {
        Some(PolicyAt::Named(file)) => Ok(Some(Policy::read(&file)?)),
        Some(PolicyAt::Usual(file)) if is_there(&file) => Ok(Some(Policy::read(&file)?)),
        Some(PolicyAt::Usual(_)) | None => Ok(None),
    }
}

/// Whether a policy may be there: a file that cannot be looked at is not taken for none, nor a link that leads nowhere.
pub(crate) fn is_there(file: &Path) -> bool {
    let nothing = [ErrorKind::NotFound, ErrorKind::NotADirectory];
    file.symlink_metadata().map_or_else(|error| !nothing.contains(&error.kind()), |_| true)
}

/// Strangers' code is compiled by this program in a process of its own.
fn compiler(env: &Environment) -> Compiler {
    match env.exe() {
        Some(program) => Compiler::Child { program: program.to_path_buf(), args: vec![COMPILE.to_owned()] },
        None => Compiler::Here,
    }
}

/// What the clients of a run are built from.
#[derive(Clone, Debug)]
pub(crate) struct CloudConfig {
    pub(crate) spot: SpotConfig,
    /// None for a plan without load balancers: nothing of AWS is needed then, and none of its files are read.
    pub(crate) aws: Option<ElbConfig>,
}

/// The clients of a run.
pub(crate) struct Clouds {
    pub(crate) spot: Arc<Spot>,
    pub(crate) elb: Option<Arc<Elb>>,
}

impl Clouds {
    pub(crate) async fn connect(config: &CloudConfig) -> Result<Self, Failure> {
        let elb = match &config.aws {
            Some(aws) => Some(Arc::new(Elb::new(aws.clone()).await?)),
            None => None,
        };
        Ok(Self { spot: Arc::new(Spot::new(config.spot.clone())?), elb })
    }

    /// The load balancers' port; none for a plan without load balancers.
    pub(crate) fn routes(&self) -> Option<Arc<dyn Routes>> {
        self.elb.clone().map(|elb| elb as _)
    }
}

/// How a run looks and waits. Where SHIFTGATE_PROPAGATION says how long a rule takes to reach every node of a load balancer,
/// a stand-in of AWS mostly, that counts.
pub(crate) fn pace(env: &Environment) -> Result<Pace, Failure> {
    let pace = Pace::default();
    let Some(text) = env.get(PROPAGATION) else { return Ok(pace) };
    let propagation = duration(text).map_err(|error| {
        Failure::new(Exit::Usage, format!("{PROPAGATION}: {error}")).hint("write a length of time, as in 20s, or unset it")
    })?;
    Ok(Pace { propagation, ..pace })
}

/// Everything that acts for a run.
pub(crate) fn activities(
    env: &Environment,
    record: &Record,
    clouds: &Clouds,
    plugins: &Arc<Plugins>,
    pace: Pace,
    when_busy: Busy,
) -> Arc<Activities> {
    let when_busy = match when_busy {
        Busy::Wait => WhenBusy::Wait,
        Busy::Refuse => WhenBusy::Refuse,
    };
    let settings = Settings { account: clouds.spot.account().as_str().to_owned(), pace, when_busy };
    acting(env, record, Arc::clone(&clouds.spot) as _, clouds.routes(), plugins, settings)
}

/// The same for a run whose account cannot be called from here, and why.
pub(crate) fn without_clouds(
    env: &Environment,
    record: &Record,
    plugins: &Arc<Plugins>,
    account: &AccountId,
    why: String,
) -> Arc<Activities> {
    let settings = Settings { account: account.as_str().to_owned(), pace: Pace::default(), when_busy: WhenBusy::Wait };
    acting(env, record, Arc::new(NoClouds(why)), None, plugins, settings)
}

fn acting(
    env: &Environment,
    record: &Record,
    groups: Arc<dyn Groups>,
    routes: Option<Arc<dyn Routes>>,
    plugins: &Arc<Plugins>,
    settings: Settings,
) -> Arc<Activities> {
    let record = Arc::new(record.clone());
    let ports = Ports {
        groups,
        routes,
        plugins: Arc::clone(plugins) as _,
        ledger: Arc::clone(&record) as _,
        locks: Arc::clone(&record) as _,
        events: Arc::clone(&record) as _,
        evidence: Arc::clone(&record) as _,
        parking: Arc::clone(&record) as _,
        runs: record,
        clock: Arc::new(SystemClock),
    };
    Arc::new(Activities::new(crash::points(env, ports), settings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_model::Millis;

    #[test]
    fn a_stand_in_of_aws_may_be_quicker() {
        let propagation = |variables: &[(&str, &str)]| pace(&Environment::of(variables, "/bin/shiftgate")).map(|p| p.propagation);
        assert_eq!(propagation(&[]).ok(), Some(Millis::seconds(20)));
        assert_eq!(propagation(&[(PROPAGATION, "0s")]).ok(), Some(Millis(0)));
        assert_eq!(propagation(&[(PROPAGATION, "soon")]).err().map(|failure| failure.exit()), Some(Exit::Usage));
    }
}
