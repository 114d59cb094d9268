//! `shiftgate resume`, `rollback`, `abort` and `retry`: what an operator does with a run that is there already, from its own
//! copy of the plan. Each is on record before anything is done for it; a run that another process drives hears of it there.

use shiftgate_engine::{Order, Runs as _, close_orders, give_order};
use shiftgate_model::{Ending, EventKind, Events as _, RunId};
use shiftgate_store::{DriveError, Record};

use crate::app::{self, App};
use crate::args::{self, Busy, Look, Resume, Rollback};
use crate::drive::{self, Drive, Driven};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view::Wait;
use crate::wiring::Clouds;
use crate::{credentials, preflight, run_id, shared, wiring};

pub(crate) async fn run(app: &mut App, args: &Resume) -> Result<Exit, Failure> {
    let ask = Ask { way: Way::On, look: &args.look, when_busy: args.when_busy, accept_drift: args.accept_drift, reason: None };
    ask.take_up(app).await
}

/// `shiftgate rollback`: everything that the run has changed is put back, from its record.
pub(crate) async fn roll_back(app: &mut App, args: &Rollback) -> Result<Exit, Failure> {
    let Resume { look, when_busy, accept_drift } = &args.resume;
    let reason = args.why.reason.as_deref();
    let ask = Ask { way: Way::Back, look, when_busy: *when_busy, accept_drift: *accept_drift, reason };
    ask.take_up(app).await
}

/// `shiftgate abort`: the run stops where it stands, and says what is where.
pub(crate) async fn abort(app: &mut App, args: &args::Order) -> Result<Exit, Failure> {
    let reason = args.why.reason.as_deref();
    let ask = Ask { way: Way::Off, look: &args.look, when_busy: Busy::Wait, accept_drift: false, reason };
    ask.take_up(app).await
}

/// `shiftgate retry`: the step that a person is asked about is tried again; a run that failed and was aborted goes on with the
/// step that failed.
pub(crate) async fn retry(app: &mut App, args: &args::Order) -> Result<Exit, Failure> {
    let record = app.record().await?;
    let found = run_id::find(&record, &args.look.run).await?;
    if matches!(found.ending, Some(Ending::Aborted | Ending::Stuck)) {
        let ask = Ask { way: Way::On, look: &args.look, when_busy: Busy::Wait, accept_drift: false, reason: None };
        return ask.take_up(app).await;
    }
    let run = &found.id;
    let view = app::view(&record, run).await?;
    let Some(Wait::Intervention { step, .. }) = &view.waits_for else {
        return Err(Failure::new(Exit::NothingWaits, format!("run {run} asks nobody whether a step is to be tried again"))
            .hint(format!("see `{}`", app.commands().of("status", run))));
    };
    give_order(&record, run, Order::Retry, &wish(app, args.why.reason.as_deref())).await?;
    app.screen.print(&format!("Recorded: `{step}` of run {run} is tried again\n"))?;
    super::vote::nobody_hears(app, &record, run).await;
    Ok(Exit::Succeeded)
}

/// Where a run goes from where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    On,
    Back,
    Off,
}

/// What is asked of a run.
struct Ask<'a> {
    way: Way,
    look: &'a Look,
    when_busy: Busy,
    accept_drift: bool,
    reason: Option<&'a str>,
}

impl Ask<'_> {
    async fn take_up(self, app: &mut App) -> Result<Exit, Failure> {
        let record = app.record().await?;
        let found = run_id::find(&record, &self.look.run).await?;
        let run = &found.id;
        if self.way == Way::Off && found.ending == Some(Ending::Aborted) {
            app.screen.note(&format!("run {run} was aborted already"));
            return Ok(Exit::Succeeded);
        }
        self.possible(app, run, found.ending)?;
        let after = app::view(&record, run).await?.events;
        if record.is_shared() {
            return self.hand_over(app, &record, run, found.ending, after).await;
        }
        let _lock = match record.drive(run) {
            Ok(lock) => lock,
            Err(DriveError::Busy { .. }) if self.way != Way::On => return self.leave_to_driver(app, &record, run, after).await,
            Err(DriveError::Busy { run, holder }) => {
                return Err(Failure::new(Exit::Busy, DriveError::Busy { run, holder }.to_string()));
            }
            Err(DriveError::Store(error)) => return Err(error.into()),
        };
        // Whoever drove it until now may have brought it to its end.
        let row = record.run(run).await?.ok_or_else(|| Failure::bug(format!("run {run} is gone from the record")))?;
        self.possible(app, run, row.ending)?;
        if self.way == Way::Off {
            give_order(&record, run, Order::Abort, &wish(app, self.reason)).await?;
        }
        let plan = record.plan(run).await?;
        let config = credentials::clouds(&app.env, &plan, Some(row.account.clone()))?;
        let pace = wiring::pace(&app.env)?;
        preflight::account(&config.spot).await?;
        let plugins = wiring::plugins(app)?;
        let clouds = Clouds::connect(&config).await?;
        preflight::load_balancers(&clouds, &plan).await?;
        app.screen.note(&format!("Run {run}"));
        if self.way != Way::Off {
            self.order(app, &record, run).await?;
        }
        let mut shown = after;
        loop {
            let drive = Drive {
                record: &record,
                run,
                plan: &plan,
                activities: wiring::activities(&app.env, &record, &clouds, &plugins, pace, self.when_busy),
                output: self.look.output,
                after: shown,
                commands: app.commands(),
                aside: None,
            };
            match drive::drive(app, drive).await? {
                // It succeeded before it heard of the order; what succeeded is rolled back as well.
                Driven::Ended(Ending::Succeeded) if self.way == Way::Back => {
                    shown = app::view(&record, run).await?.events;
                    record.reopen(run).await?;
                    record.append(run, None, None, EventKind::RunResumed).await?;
                }
                Driven::Ended(ending) => return self.exit(app, run, ending),
                Driven::Interrupted => return Err(super::run::interrupted(app, run)),
            }
        }
    }

    /// Workers drive the run: they hear of what is asked, and what they do is shown.
    async fn hand_over(
        &self,
        app: &mut App,
        record: &Record,
        run: &RunId,
        ending: Option<Ending>,
        after: u64,
    ) -> Result<Exit, Failure> {
        match self.way {
            Way::Off => give_order(record, run, Order::Abort, &wish(app, self.reason)).await?,
            Way::On | Way::Back => self.wishes(app, record, run).await?,
        }
        if ending.is_some() {
            record.reopen(run).await?;
            record.append(run, None, None, EventKind::RunResumed).await?;
        }
        app.screen.note(&format!("Run {run}"));
        let plan = record.plan(run).await?;
        let ended = shared::launch(app, record, run, &plan, self.look.output, after).await?;
        self.heard(app, run, ended)
    }

    /// The order is on record, and the run has no ending any more.
    async fn order(&self, app: &App, record: &Record, run: &RunId) -> Result<(), Failure> {
        self.wishes(app, record, run).await?;
        record.reopen(run).await?;
        Ok(record.append(run, None, None, EventKind::RunResumed).await?)
    }

    /// What is asked, on record.
    async fn wishes(&self, app: &App, record: &Record, run: &RunId) -> Result<(), Failure> {
        let (taken_back, wish) = ("the run goes on", wish(app, self.reason));
        close_orders(record, run, &[Order::Abort], taken_back).await?;
        if self.accept_drift {
            give_order(record, run, Order::AcceptDrift, &wish).await?;
        } else {
            close_orders(record, run, &[Order::AcceptDrift], taken_back).await?;
        }
        if self.way == Way::Back {
            give_order(record, run, Order::Rollback, &wish).await?;
        }
        Ok(())
    }

    /// Another process drives the run: it hears of the order, and what it does is shown here.
    async fn leave_to_driver(&self, app: &mut App, record: &Record, run: &RunId, after: u64) -> Result<Exit, Failure> {
        if self.accept_drift {
            return Err(Failure::new(Exit::Busy, format!("run {run} is driven by another process"))
                .hint("--accept-drift is for a run that has stopped: wait until it has"));
        }
        let order = if self.way == Way::Back { Order::Rollback } else { Order::Abort };
        give_order(record, run, order, &wish(app, self.reason)).await?;
        app.screen.note(&format!("Run {run} is driven by another process, which is told"));
        let ending = super::logs::follow(app, record, run, self.look.output, after).await?;
        self.heard(app, run, ending)
    }

    /// A run that others drive may come to its end before it hears of what is asked.
    fn heard(&self, app: &App, run: &RunId, ending: Ending) -> Result<Exit, Failure> {
        if ending == Ending::Succeeded && self.way == Way::Back {
            let back = app.commands().of("rollback", run);
            return Err(Failure::new(Exit::Busy, format!("run {run} succeeded before it heard of the rollback"))
                .hint(format!("`{back}` rolls it back now")));
        }
        self.exit(app, run, ending)
    }

    /// An ending is terminal, but for an abort, for a rollback that got stuck, and for a success that is rolled back.
    fn possible(&self, app: &App, run: &RunId, ending: Option<Ending>) -> Result<(), Failure> {
        let nothing = match (self.way, ending) {
            (_, None) | (Way::On | Way::Back, Some(Ending::Aborted | Ending::Stuck)) | (Way::Back, Some(Ending::Succeeded)) => {
                return Ok(());
            }
            (Way::On, _) => "there is nothing to go on with",
            (Way::Back, _) => "there is nothing to put back",
            (Way::Off, _) => "there is nothing to stop",
        };
        let (ending, logs) = (ending.map(|ending| ending.to_string()).unwrap_or_default(), app.commands().of("logs", run));
        Err(Failure::new(Exit::Ended, format!("run {run} has ended: {ending}; {nothing}"))
            .hint(format!("`{logs}` shows what happened; `shiftgate run` starts a new one")))
    }

    /// A run that ends as it was asked to is a success of the command.
    fn exit(&self, app: &App, run: &RunId, ending: Ending) -> Result<Exit, Failure> {
        match (self.way, ending) {
            (Way::Back, Ending::RolledBack) | (Way::Off, Ending::Aborted) => Ok(Exit::Succeeded),
            (Way::Off, ended) => self.possible(app, run, Some(ended)).map(|()| drive::exit(ended)),
            (_, ending) => Ok(drive::exit(ending)),
        }
    }
}

/// Who asks, and why, in a sentence.
pub(super) fn wish(app: &App, reason: Option<&str>) -> String {
    let who = app.env.user().unwrap_or("somebody");
    match reason.map(str::trim).filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{who} asked for it: {reason}"),
        None => format!("{who} asked for it"),
    }
}
