//! Drives runs: duroxide with the interpreter and its activities, on one journal file of its own.
//!
//! A command drives one run on `runs/<run>/engine.db`; a server drives many on one file. [`Engine::launch`] starts a run
//! or goes on with it, [`Engine::ended`] waits for it, and a forwarder carries ballots from the record into the run.
//! It decides nothing about deployments. What a run is said to have done lies in the [`Record`], never here.

mod backwards;
mod forwarder;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::runtime::registry::{ActivityRegistry, ActivityRegistryBuilder};
use duroxide::runtime::{OrchestrationRegistry, OrchestrationStatus, Runtime, RuntimeOptions};
use duroxide::{ActivityContext, Client, ClientError, OrchestrationContext};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use shiftgate_engine::{Activities, INTERPRETER, INTERPRETER_VERSION, deploy, rollback_decided};
use shiftgate_model::{Ending, Millis, RunId, StoreError};
use shiftgate_workflow::Plan;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::forwarder::{Driven, Forwarder};
use crate::adapter::{Duroxide, VERSIONS};
use crate::fault;
use crate::journal::Journal;
use crate::record::Record;

/// The names that activities are registered under: those of [`shiftgate_engine::Task`].
const ACTIVITIES: [&str; 4] = ["begin", "step", "rollback", "finish"];

/// How an engine works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// How many activities run at once. A step that looks at a group again and again is one for as long as it looks; a
    /// run that waits for a person or a timer is none.
    pub worker_concurrency: usize,
    /// How long [`Engine::stop`] lets an activity finish. One that is cut short runs again when the run goes on.
    pub grace: Millis,
}

impl Default for EngineOptions {
    /// 64 activities, one second.
    fn default() -> Self {
        Self { worker_concurrency: 64, grace: Millis::seconds(1) }
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
    grace: Millis,
}

impl Engine {
    /// Opens the journal in `file` (made, for its owner only, where it is missing) and goes on with every run in it, but for
    /// one that the record says is to be rolled back and that went forward: [`Engine::launch`] takes it up anew.
    ///
    /// # Errors
    /// Another process has the journal open, or what stands in the way of opening it.
    pub async fn start(
        file: &Path,
        record: &Record,
        activities: Arc<Activities>,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        let handler: Handler = Arc::new(move |_, input| {
            let activities = Arc::clone(&activities);
            Box::pin(async move { activities.perform_text(&input).await })
        });
        Self::start_with(file, record, interpret, handler, options).await
    }

    /// The same with another interpreter and other activities, for the tests of this room.
    pub(crate) async fn start_with(
        file: &Path,
        record: &Record,
        interpreter: Interpreter,
        handler: Handler,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        keep_quiet();
        let journal = Arc::new(Journal::open(file).await?);
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
        let runtime =
            Runtime::start_with_options(Arc::clone(&provider), activities.build(), interpreters, runtime_options(&options)).await;
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
            grace: options.grace,
        };
        for instance in given_up {
            engine.over(&instance).await?;
        }
        Ok(engine)
    }

    /// Starts a run, or goes on with it; nothing happens to one that runs, or that came to its end.
    ///
    /// A run that stopped before its end, was aborted, was given up for an order, or is to be rolled back after its success, is
    /// interpreted anew under a further name in the journal: its steps find in the ledger what they did before.
    ///
    /// # Errors
    /// The journal or the record cannot be read or written.
    pub async fn launch(&self, run: &RunId, plan: &Plan) -> Result<(), EngineError> {
        let input = Input { run: run.clone(), plan: plan.clone() };
        let text = serde_json::to_string(&input);
        let text = text.map_err(|error| self.failed(format!("write the plan of run {run} down"), error.to_string()))?;
        self.launch_text(run, text).await
    }

    pub(crate) async fn launch_text(&self, run: &RunId, input: String) -> Result<(), EngineError> {
        let _one_at_a_time = self.launching.lock().await;
        let latest = self.latest(run).await?;
        let fresh = match &latest {
            None => Some(name(run, 1)),
            Some((number, OrchestrationStatus::Failed { .. })) => Some(name(run, number + 1)),
            Some((number, OrchestrationStatus::Completed { output, .. })) => {
                let again = match ending(output) {
                    Some(Ending::Aborted | Ending::Stuck) => true,
                    Some(Ending::Succeeded) => rollback_decided(&self.record, run).await?.is_some(),
                    Some(Ending::Failed | Ending::RolledBack) | None => false,
                };
                again.then(|| name(run, number + 1))
            }
            Some(_) => None,
        };
        if let Some(instance) = &fresh {
            self.record.reopen(run).await?;
            let started = self.client.start_orchestration_versioned(instance, INTERPRETER, INTERPRETER_VERSION, input).await;
            started.map_err(|error| self.client_failed(format!("launch run {run}"), &error))?;
            self.begun(instance).await?;
        }
        let instance = fresh.unwrap_or_else(|| name(run, latest.map_or(1, |(number, _)| number)));
        self.driven.with(|runs| runs.insert(run.clone(), instance));
        Ok(())
    }

    /// Waits until a run has come to its end.
    ///
    /// # Errors
    /// [`EngineError::Stopped`] when the run gave up; [`EngineError::Store`] as soon as the journal cannot be written:
    /// duroxide goes on trying, so the caller may wait again, or stop the engine and resume later.
    pub async fn ended(&self, run: &RunId) -> Result<Ending, EngineError> {
        let (mut endings, mut faults) = (self.journal.endings(), self.journal.faults());
        let instance = match self.driven.instance(run) {
            Some(instance) => instance,
            None => self
                .latest(run)
                .await?
                .map(|(number, _)| name(run, number))
                .ok_or_else(|| EngineError::NotLaunched(run.clone()))?,
        };
        loop {
            match self.status(&instance).await? {
                OrchestrationStatus::Completed { output, .. } => {
                    self.driven.with(|runs| runs.remove(run));
                    return ending(&output).ok_or_else(|| EngineError::Stopped {
                        run: run.clone(),
                        reason: format!("its end cannot be read: `{output}`"),
                    });
                }
                OrchestrationStatus::Failed { details, .. } => {
                    self.driven.with(|runs| runs.remove(run));
                    return Err(EngineError::Stopped { run: run.clone(), reason: details.display_message() });
                }
                OrchestrationStatus::Running { .. } | OrchestrationStatus::NotFound => {}
            }
            tokio::select! {
                _ = endings.changed() => {}
                _ = faults.changed() => {
                    let reason = faults.borrow_and_update().clone().unwrap_or_default();
                    return Err(self.failed(format!("record the progress of run {run}"), reason).into());
                }
            }
        }
    }

    /// What the run last said of where it is; none when it said nothing yet, or was never launched here.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn standing(&self, run: &RunId) -> Result<Option<String>, EngineError> {
        Ok(match self.latest(run).await? {
            Some((_, OrchestrationStatus::Running { custom_status, .. })) => custom_status,
            Some((
                _,
                OrchestrationStatus::Completed { custom_status, .. } | OrchestrationStatus::Failed { custom_status, .. },
            )) => custom_status,
            Some((_, OrchestrationStatus::NotFound)) | None => None,
        })
    }

    /// Sends a signal to a run; it is kept until the run waits for it.
    ///
    /// # Errors
    /// The run was never launched here, or the journal cannot be written.
    pub async fn signal(&self, run: &RunId, name: &str, payload: &str) -> Result<(), EngineError> {
        let instance = self.driven.instance(run).ok_or_else(|| EngineError::NotLaunched(run.clone()))?;
        let sent = self.client.enqueue_event(&instance, name, payload).await;
        Ok(sent.map_err(|error| self.client_failed(format!("signal run {run}"), &error))?)
    }

    /// Stops: takes no more work, lets activities finish for the grace period, closes the journal. Runs that have not
    /// come to their end stand, and go on with the next engine on the same file.
    pub async fn stop(mut self) {
        self.forwarding.cancel();
        if let Some(forwarder) = self.forwarder.take()
            && let Err(error) = forwarder.await
        {
            tracing::warn!(%error, "the forwarder of ballots ended badly");
        }
        Arc::clone(&self.runtime).shutdown(Some(self.grace.0)).await;
        self.journal.close().await;
    }

    /// The newest name of a run in the journal, by its number, and how that stands; none when it has none.
    async fn latest(&self, run: &RunId) -> Result<Option<(u32, OrchestrationStatus)>, EngineError> {
        let mut latest = None;
        for number in 1.. {
            match self.status(&name(run, number)).await? {
                OrchestrationStatus::NotFound => break,
                status => latest = Some((number, status)),
            }
        }
        Ok(latest)
    }

    /// Waits until the first turn of an instance is in the journal: a signal sent before it would be dropped.
    async fn begun(&self, instance: &str) -> Result<(), StoreError> {
        self.until(instance, "launch", |status| !matches!(status, OrchestrationStatus::NotFound)).await
    }

    /// Waits until an instance that was given up is over: the run's next name is free then.
    async fn over(&self, instance: &str) -> Result<(), StoreError> {
        self.until(instance, "turn back", |status| !matches!(status, OrchestrationStatus::Running { .. })).await
    }

    async fn until(&self, instance: &str, to: &str, there: fn(&OrchestrationStatus) -> bool) -> Result<(), StoreError> {
        let (mut turns, mut faults) = (self.journal.written(), self.journal.faults());
        while !there(&self.status(instance).await?) {
            tokio::select! {
                _ = turns.changed() => {}
                _ = faults.changed() => {
                    let reason = faults.borrow_and_update().clone().unwrap_or_default();
                    return Err(self.failed(format!("{to} {instance}"), reason));
                }
            }
        }
        Ok(())
    }

    async fn status(&self, instance: &str) -> Result<OrchestrationStatus, StoreError> {
        let status = self.client.get_orchestration_status(instance).await;
        status.map_err(|error| self.client_failed(format!("read how {instance} stands"), &error))
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

/// The name of a run in the journal: the run's own, then `<run>~2`, `<run>~3`, …
fn name(run: &RunId, number: u32) -> String {
    if number == 1 { run.to_string() } else { format!("{run}~{number}") }
}

/// The run that has this name in the journal: a run's id has no `~`.
fn run_of(instance: &str) -> RunId {
    RunId::new(instance.split('~').next().unwrap_or(instance))
}

fn ending(output: &str) -> Option<Ending> {
    serde_json::from_str(output).ok()
}

fn runtime_options(options: &EngineOptions) -> RuntimeOptions {
    RuntimeOptions {
        // The journal wakes duroxide's workers, so these two only say how often a sleeping one looks up by itself.
        dispatcher_min_poll_interval: Duration::from_millis(5),
        dispatcher_long_poll_timeout: Duration::from_secs(30),
        orchestration_concurrency: 2,
        worker_concurrency: options.worker_concurrency.max(1),
        // A process that was killed ten times is no poison: its activities are safe to run again.
        max_attempts: u32::MAX - 1,
        activity_cancellation_grace_period: options.grace.duration(),
        ..RuntimeOptions::default()
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
