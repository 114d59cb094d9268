//! `shiftgate run`: a workflow file becomes a run, and the run is driven to its end from here.

use std::sync::Arc;

use shiftgate_engine::Pace;
use shiftgate_model::{Clock as _, RunId};
use shiftgate_plugin::Plugins;
use shiftgate_store::{NewRun, Record, SystemClock};
use shiftgate_workflow::{Configs, Plan};

use crate::app::App;
use crate::args::{Busy, Format, Run};
use crate::drive::{self, Aside, Drive, Driven};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Disk};
use crate::text::Commands;
use crate::wiring::{CloudConfig, Clouds};
use crate::{credentials, preflight, run_id, shared, wiring};

pub(crate) async fn run(app: &mut App, args: &Run) -> Result<Exit, Failure> {
    let source = files::workflow(&args.workflow.file)?;
    let files = Disk::beside(&args.workflow.file);
    let (mut plan, configs) = super::validate::plan(app, &source, &files, &args.workflow.inputs)?;
    super::plan::assume(&mut plan, &args.routes)?;
    let record = app.record().await?;
    if record.is_shared() {
        return hand_over(app, args, &record, &mut plan, source.name).await;
    }
    let run = run_id::new(SystemClock.now());
    let plugins = bind(app, &mut plan, &configs, &run).await?;
    let config = credentials::clouds(&app.env, &plan, None)?;
    if let Some(digest) = &args.plan {
        super::plan::unmoved(&record, &mut plan, &config, digest).await?;
    }
    let launch = Launch {
        record: &record,
        plan: &plan,
        plugins,
        file: source.name,
        config,
        pace: wiring::pace(&app.env)?,
        when_busy: args.when_busy,
        output: args.output,
        commands: app.commands(),
        aside: None,
    };
    match launch.run(app, &run).await? {
        Driven::Ended(ending) => Ok(drive::exit(ending)),
        Driven::Interrupted => Err(interrupted(app, &run)),
    }
}

/// A run for the workers of a database: they have the credentials and the plugins, and look before they begin.
async fn hand_over(app: &mut App, args: &Run, record: &Record, plan: &mut Plan, file: String) -> Result<Exit, Failure> {
    let account = credentials::account(&app.env, plan)?;
    if let Some(digest) = &args.plan {
        let config = credentials::clouds(&app.env, plan, Some(account.clone()))?;
        super::plan::unmoved(record, plan, &config, digest).await?;
    }
    if args.when_busy == Busy::Refuse {
        preflight::nobody_else(record, &account, plan).await?;
    }
    let now = SystemClock.now();
    let run = run_id::new(now);
    record.create_run(&NewRun::of(plan, run.clone(), account, file, now)).await?;
    app.screen.note(&format!("Run {run}"));
    Ok(drive::exit(shared::launch(app, record, &run, plan, args.output, 0).await?))
}

/// Every plugin loads and takes its config. From here on, no other component takes a step of the run over.
pub(crate) async fn bind(app: &mut App, plan: &mut Plan, configs: &Configs, run: &RunId) -> Result<Arc<Plugins>, Failure> {
    let plugins = wiring::plugins(app)?;
    let checked = preflight::plugins(plugins.as_ref(), run, plan).await?;
    if let Some(diagnostics) = configs.diagnostics(&checked.problems) {
        return Err(super::validate::refused(app, &diagnostics));
    }
    plan.pin(&checked.digests);
    Ok(plugins)
}

/// A run to be made.
pub(crate) struct Launch<'a> {
    pub(crate) record: &'a Record,
    /// Bound to its components.
    pub(crate) plan: &'a Plan,
    pub(crate) plugins: Arc<Plugins>,
    /// The workflow file, as the user named it.
    pub(crate) file: String,
    pub(crate) config: CloudConfig,
    pub(crate) pace: Pace,
    pub(crate) when_busy: Busy,
    pub(crate) output: Format,
    pub(crate) commands: Commands,
    /// Text to show just before the lines of an event.
    pub(crate) aside: Option<Aside<'a>>,
}

impl Launch<'_> {
    /// Looks before it records, then drives the run.
    pub(crate) async fn run(self, app: &mut App, run: &RunId) -> Result<Driven, Failure> {
        preflight::account(&self.config.spot).await?;
        if self.when_busy == Busy::Refuse {
            preflight::nobody_else(self.record, &self.config.spot.account, self.plan).await?;
        }
        let clouds = Clouds::connect(&self.config).await?;
        preflight::load_balancers(&clouds, self.plan).await?;
        let _lock = drive::lock(self.record, run)?;
        self.record.create_run(&self.row(run)).await?;
        app.screen.note(&format!("Run {run}"));
        let drive = Drive {
            record: self.record,
            run,
            plan: self.plan,
            activities: wiring::activities(&app.env, self.record, &clouds, &self.plugins, self.pace, self.when_busy),
            output: self.output,
            after: 0,
            commands: self.commands,
            aside: self.aside,
        };
        drive::drive(app, drive).await
    }

    fn row(&self, run: &RunId) -> NewRun<'_> {
        let account = self.config.spot.account.clone();
        NewRun::of(self.plan, run.clone(), account, self.file.clone(), SystemClock.now())
    }
}

/// A signal came: the run stands, and this is how it goes on.
pub(crate) fn interrupted(app: &mut App, run: &RunId) -> Failure {
    let resume = app.commands().of("resume", run);
    app.screen.note(&format!(
        "\nInterrupted: run {run} stands where it stood, and nothing is lost.\nNext: `{resume}` goes on from there"
    ));
    Failure::Shown(Exit::Interrupted)
}
