//! Drives runs: duroxide with the interpreter and its activities, on one journal.
//!
//! A command drives one run on `runs/<run>/engine.db`; workers on many hosts drive all runs of one database, and each takes
//! up what another left when its lease is over. [`Engine::launch`] starts a run or goes on with it, [`Engine::ended`] waits
//! for it, and a forwarder carries ballots from the record into the run. It decides nothing about deployments. What a run is
//! said to have done lies in the [`Record`], never here. Next: `engine/launch`, then `engine/activities_of`.

mod activities_of;
mod backwards;
mod follow;
mod forwarder;
mod launch;
mod presence;

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::runtime::registry::{ActivityRegistry, ActivityRegistryBuilder};
use duroxide::runtime::{OrchestrationRegistry, Runtime, RuntimeOptions};
use duroxide::{ActivityContext, Client, ClientError, OrchestrationContext};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use shiftgate_engine::{INTERPRETER, deploy};
use shiftgate_model::{Ending, Millis, RunId, StoreError};
use shiftgate_workflow::Plan;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::activities_of::ActivitiesOf;
use self::forwarder::{Driven, Forwarder};
use self::presence::Presence;
use crate::adapter::{Duroxide, VERSIONS};
use crate::at::JournalAt;
use crate::fault;
use crate::journal::Journal;
use crate::record::Record;

/// The names that activities are registered under: those of [`shiftgate_engine::Task`].
const ACTIVITIES: [&str; 4] = ["begin", "step", "rollback", "finish"];

/// duroxide renews a lease each half of its time, rounded up to seconds; a shorter one would run out before.
const SHORTEST_LEASE: Duration = Duration::from_secs(2);

/// How long an engine that stops tries to say so to a database.
const LEAVE: Duration = Duration::from_secs(3);

/// How an engine works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// How many activities run at once. A step that looks at a group again and again is one for as long as it looks; a
    /// run that waits for a person or a timer is none.
    pub worker_concurrency: usize,
    /// How long [`Engine::stop`] lets an activity finish. One that is cut short runs again when the run goes on.
    pub grace: Millis,
    /// In a database: how long what a worker has under way is its own after it was last heard of. Another one takes it up
    /// then, so it is also how long a run stands still when its worker is killed. Whole seconds, two at least; every worker
    /// of a database should have the same. In a file nothing waits for it.
    pub lease: Millis,
    /// In a database: how long it may be away before whoever waits is told. Runs go on when it is back, told or not.
    pub patience: Millis,
    /// What this host calls itself in [`Record::workers`].
    pub host: String,
}

impl Default for EngineOptions {
    /// 64 activities, one second; a lease of five seconds, a patience of sixty; the system's name of this host.
    fn default() -> Self {
        Self {
            worker_concurrency: 64,
            grace: Millis::seconds(1),
            lease: Millis::seconds(5),
            patience: Millis::seconds(60),
            host: presence::host(),
        }
    }
}

/// Why an engine could not do its part. The run stands where it stood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The journal could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run's interpreter or an activity gave up, because the record failed it.
    #[error("run {run} stopped before its end: {reason}")]
    Stopped {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// The run was never launched here.
    #[error("run {0} is not in this engine's journal; launch it first")]
    NotLaunched(RunId),
}

/// What the interpreter starts from, as it lies in the journal.
#[derive(Serialize, Deserialize)]
struct Input {
    run: RunId,
    plan: Plan,
}

/// Performs one activity given as text: its name, its input, its reply.
pub(crate) type Handler = Arc<dyn Fn(&'static str, String) -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// Runs one run given as text: its context, its input, its ending.
pub(crate) type Interpreter = fn(Duroxide, String) -> BoxFuture<'static, Result<String, String>>;

/// Drives runs until it is stopped.
pub struct Engine {
    client: Client,
    runtime: Arc<Runtime>,
    journal: Arc<Journal>,
    record: Record,
    driven: Arc<Driven>,
    launching: tokio::sync::Mutex<()>,
    forwarding: CancellationToken,
    forwarder: Option<JoinHandle<()>>,
    presence: Option<Presence>,
    grace: Millis,
    patience: Millis,
}

impl Engine {
    /// Opens the journal and goes on with every run in it.
    ///
    /// A file (made, for its owner only, where it is missing) is this process's alone: a run in it that the record says is to
    /// be rolled back and that went forward is given up, and [`Engine::launch`] takes it up anew. In a database (tables made
    /// where they are missing) the engine becomes one worker of many: it takes whatever is due of any run there, and asks
    /// `activities` for those of that run.
    ///
    /// # Errors
    /// Another process has the file open, or what stands in the way of opening it or of reaching the database.
    pub async fn start(
        at: &JournalAt,
        record: &Record,
        activities: impl ActivitiesOf + 'static,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        Self::start_with(at, record, interpret, activities_of::handler(activities), options).await
    }

    /// The same with another interpreter and other activities, for the tests of this room.
    pub(crate) async fn start_with(
        at: &JournalAt,
        record: &Record,
        interpreter: Interpreter,
        handler: Handler,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        keep_quiet();
        let journal = Arc::new(Journal::open(at, options.patience).await?);
        let handler = match journal.is_shared() {
            true => activities_of::patient(handler, record.clone(), options.patience),
            false => handler,
        };
        let provider: Arc<dyn Provider> = Arc::clone(&journal) as Arc<dyn Provider>;
        let interpreters = VERSIONS
            .into_iter()
            .fold(OrchestrationRegistry::builder(), |builder, (version, hears_orders)| {
                builder.register_versioned(INTERPRETER, version, move |context: OrchestrationContext, input: String| {
                    interpreter(Duroxide { context, hears_orders }, input)
                })
            })
            .build();
        let activities =
            ACTIVITIES.into_iter().fold(ActivityRegistry::builder(), |builder, name| register(builder, name, &handler));
        let client = Client::new(Arc::clone(&provider));
        let given_up = backwards::give_up(&journal, &client, record).await?;
        let presence = match journal.is_shared() {
            true => Some(Presence::begin(record.clone(), &options.host).await?),
            false => None,
        };
        let runtime_options = runtime_options(&options, journal.is_shared());
        let runtime = Runtime::start_with_options(Arc::clone(&provider), activities.build(), interpreters, runtime_options).await;
        let driven = Arc::new(Driven::default());
        let forwarding = CancellationToken::new();
        let forwarder = Forwarder {
            record: record.clone(),
            client: client.clone(),
            journal: Arc::clone(&journal),
            driven: Arc::clone(&driven),
        };
        let forwarder = Some(tokio::spawn(forwarder.forward_until(forwarding.clone())));
        let launching = tokio::sync::Mutex::new(());
        let engine = Self {
            client,
            runtime,
            journal,
            record: record.clone(),
            driven,
            launching,
            forwarding,
            forwarder,
            presence,
            grace: options.grace,
            patience: options.patience,
        };
        for instance in given_up {
            engine.over(&instance).await?;
        }
        Ok(engine)
    }

    /// Stops: takes no more work, lets activities finish for the grace period, closes the journal. Runs that have not
    /// come to their end stand, and go on with the next engine on the same file, or with the other workers of the database.
    pub async fn stop(mut self) {
        self.forwarding.cancel();
        if let Some(forwarder) = self.forwarder.take()
            && let Err(error) = forwarder.await
        {
            tracing::warn!(%error, "the forwarder of ballots ended badly");
        }
        Arc::clone(&self.runtime).shutdown(Some(self.grace.0)).await;
        let Some(presence) = self.presence.take() else { return self.journal.close().await };
        // A database that is away keeps nobody: its connections close with the process, and the leases run out.
        let leave = async { tokio::join!(self.journal.close(), presence.end()) };
        if tokio::time::timeout(LEAVE, leave).await.is_err() {
            tracing::debug!("the database is away; this worker leaves without a word");
        }
    }

    fn client_failed(&self, action: String, error: &ClientError) -> StoreError {
        let text = error.to_string();
        let reason = fault::sqlite_message_reason(&text).unwrap_or(text);
        self.failed(action, reason)
    }

    fn failed(&self, action: String, reason: String) -> StoreError {
        fault::of(action, self.journal.place(), reason)
    }
}

impl Drop for Engine {
    /// An engine that was not stopped is cut off: its tasks would go on without anyone to wait for them.
    fn drop(&mut self) {
        self.forwarding.cancel();
        if self.forwarder.is_some()
            && let Ok(handle) = tokio::runtime::Handle::try_current()
        {
            handle.spawn(Arc::clone(&self.runtime).shutdown(Some(0)));
        }
    }
}

/// The interpreter on duroxide, from text to text.
fn interpret(durable: Duroxide, input: String) -> BoxFuture<'static, Result<String, String>> {
    Box::pin(async move {
        let input: Input = serde_json::from_str(&input).map_err(|error| format!("cannot read the run's input: {error}"))?;
        let ending = deploy(&durable, &input.run, &input.plan).await.map_err(|error| error.0)?;
        serde_json::to_string(&ending).map_err(|error| format!("cannot write the run's end down: {error}"))
    })
}

fn register(builder: ActivityRegistryBuilder, name: &'static str, handler: &Handler) -> ActivityRegistryBuilder {
    let handler = Arc::clone(handler);
    builder.register(name, move |_: ActivityContext, input: String| handler(name, input))
}

fn ending(output: &str) -> Option<Ending> {
    serde_json::from_str(output).ok()
}

fn runtime_options(options: &EngineOptions, shared: bool) -> RuntimeOptions {
    let defaults = RuntimeOptions::default();
    // Nobody waits for a lease in a file.
    let lease = |default: Duration| if shared { options.lease.duration().max(SHORTEST_LEASE) } else { default };
    RuntimeOptions {
        // The journal wakes duroxide's workers, so these two only say how often a sleeping one looks up by itself.
        dispatcher_min_poll_interval: Duration::from_millis(5),
        dispatcher_long_poll_timeout: Duration::from_secs(30),
        orchestration_concurrency: 2,
        worker_concurrency: options.worker_concurrency.max(1),
        orchestrator_lock_timeout: lease(defaults.orchestrator_lock_timeout),
        worker_lock_timeout: lease(defaults.worker_lock_timeout),
        // A process that was killed ten times is no poison: its activities are safe to run again.
        max_attempts: u32::MAX - 1,
        activity_cancellation_grace_period: options.grace.duration(),
        ..defaults
    }
}

/// duroxide installs a subscriber that prints to stdout where a program has none; stdout is data here.
fn keep_quiet() {
    if !tracing::dispatcher::has_been_set() {
        // Another thread may be first: then there is one, which is all that is wanted.
        let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default());
    }
}

#[cfg(test)]
mod tests;
