//! Drives one run from this process and shows its events as they happen, until it ends or a signal comes.
//!
//! A run outlives everything here: a closed output does not stop it, a first signal leaves it where it stands, recorded,
//! and `resume` goes on. What the run does is the engine's.

use std::sync::Arc;

use shiftgate_engine::Activities;
use shiftgate_model::{Ending, Event, Events as _, RunId};
use shiftgate_store::{DriveError, DriverLock, Engine, EngineError, EngineOptions, Record};
use shiftgate_workflow::Plan;

use crate::app::App;
use crate::args::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::log::Log;
use crate::text::Commands;

/// A run, and how it is shown.
pub(crate) struct Drive<'a> {
    pub(crate) record: &'a Record,
    pub(crate) run: &'a RunId,
    pub(crate) plan: &'a Plan,
    pub(crate) activities: Arc<Activities>,
    pub(crate) output: Format,
    /// Events up to this number are history, and not shown.
    pub(crate) after: u64,
    pub(crate) commands: Commands,
    /// Text to show just before the lines of an event.
    pub(crate) aside: Option<Aside<'a>>,
}

/// What stands beside an event, in lines; empty for nothing.
pub(crate) type Aside<'a> = Box<dyn Fn(&Event) -> String + Send + 'a>;

/// How driving a run ended.
pub(crate) enum Driven {
    /// The run came to its end.
    Ended(Ending),
    /// A signal came; the run stands where it stood.
    Interrupted,
}

/// The right to drive a run from this process.
pub(crate) fn lock(record: &Record, run: &RunId) -> Result<DriverLock, Failure> {
    record.drive(run).map_err(|error| match error {
        DriveError::Busy { .. } => Failure::new(Exit::Busy, error.to_string()),
        DriveError::Store(error) => error.into(),
    })
}

/// Drives the run. The caller holds its lock.
pub(crate) async fn drive(app: &mut App, drive: Drive<'_>) -> Result<Driven, Failure> {
    let mut interrupts = Interrupts::listen()?;
    let at = drive.record.journal(drive.run);
    let engine = Engine::start(&at, drive.record, Arc::clone(&drive.activities), EngineOptions::default()).await?;
    let (run, plan) = (drive.run, drive.plan);
    let mut follower = Follower::new(drive);
    let end = match engine.launch(run, plan).await {
        Ok(()) => follow(app, &engine, &mut follower, &mut interrupts).await,
        Err(error) => Err(engine_failure(error)),
    };
    tokio::select! {
        () = engine.stop() => {}
        () = interrupts.next() => Interrupts::leave_at_once(),
    }
    follower.show(app).await?;
    end
}

async fn follow(
    app: &mut App,
    engine: &Engine,
    follower: &mut Follower<'_>,
    interrupts: &mut Interrupts,
) -> Result<Driven, Failure> {
    let mut changes = follower.record.changes();
    let mut ended = std::pin::pin!(engine.ended(follower.run));
    loop {
        changes.borrow_and_update();
        follower.show(app).await?;
        tokio::select! {
            biased;
            ending = &mut ended => return ending.map(Driven::Ended).map_err(engine_failure),
            () = interrupts.next() => return Ok(Driven::Interrupted),
            changed = changes.changed() => changed.map_err(Failure::bug)?,
        }
    }
}

/// Shows events, each once.
struct Follower<'a> {
    record: &'a Record,
    run: &'a RunId,
    log: Log,
    output: Format,
    after: u64,
    aside: Option<Aside<'a>>,
    /// Whether standard output takes no more.
    lost: bool,
}

impl<'a> Follower<'a> {
    fn new(drive: Drive<'a>) -> Self {
        Self {
            record: drive.record,
            run: drive.run,
            log: Log::new(drive.run.clone(), Some(drive.plan), drive.commands),
            output: drive.output,
            after: drive.after,
            aside: drive.aside,
            lost: false,
        }
    }

    /// Shows what is new. An output that takes no more is told of once and then left alone: a deployment does not stop
    /// because nobody reads along.
    async fn show(&mut self, app: &mut App) -> Result<(), Failure> {
        for event in self.record.read(self.run, self.after).await? {
            self.after = event.sequence;
            let mut lines = self.log.lines(&event);
            if let Some(aside) = &self.aside {
                lines.insert_str(0, &aside(&event));
            }
            if self.lost {
                continue;
            }
            let printed = match self.output {
                Format::Text => app.screen.print(&lines),
                Format::Json => app.screen.json(&event),
            };
            if printed.is_err() {
                self.lost = true;
                app.screen.note("standard output takes no more; the run goes on without it");
            }
        }
        Ok(())
    }
}

pub(crate) fn engine_failure(error: EngineError) -> Failure {
    match error {
        EngineError::Store(error) => error.into(),
        EngineError::Stopped { .. } => Failure::new(Exit::State, error.to_string()).hint(
            "make the state directory usable again, then `shiftgate resume` the run; nothing was done that is not recorded",
        ),
        EngineError::NotLaunched(_) => Failure::bug(error),
    }
}

/// The exit code of a run's end.
pub(crate) const fn exit(ending: Ending) -> Exit {
    match ending {
        Ending::Succeeded => Exit::Succeeded,
        Ending::Failed => Exit::Failed,
        Ending::RolledBack => Exit::RolledBack,
        Ending::Aborted => Exit::Aborted,
        Ending::Stuck => Exit::Stuck,
    }
}
