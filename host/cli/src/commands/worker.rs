//! `shiftgate worker`: drives the runs of a database, together with the other workers there, until a signal comes.
//!
//! A worker takes whatever is due of any run, so it needs the credentials and the plugins of all of them. Runs of one
//! infrastructure share a client, and with it the account's rate limit and the looks at its groups.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shiftgate_engine::{Activities, Pace, Runs as _};
use shiftgate_model::RunId;
use shiftgate_plugin::Plugins;
use shiftgate_store::{ActivitiesOf, Engine, EngineOptions, Record};
use tokio::sync::Mutex;

use crate::app::App;
use crate::args::{Busy, Worker};
use crate::env::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::wiring::Clouds;
use crate::{credentials, wiring};

pub(crate) async fn run(app: &mut App, args: &Worker) -> Result<Exit, Failure> {
    let record = app.record().await?;
    if !record.is_shared() {
        let message =
            format!("{} is a directory: the command that starts a run drives it, and there is no work for others", record.at());
        return Err(Failure::new(Exit::Usage, message).hint("name a database with --store postgres://… or SHIFTGATE_STORE"));
    }
    let mut interrupts = Interrupts::listen()?;
    let defaults = EngineOptions::default();
    let options = EngineOptions {
        lease: args.lease,
        worker_concurrency: usize::try_from(args.steps).unwrap_or(defaults.worker_concurrency),
        ..defaults
    };
    let host = options.host.clone();
    let crew = Crew {
        env: app.env.clone(),
        record: record.clone(),
        plugins: wiring::plugins(app)?,
        pace: wiring::pace(&app.env)?,
        made: Mutex::default(),
    };
    let engine = Engine::start(&record.journal(&RunId::new("any")), &record, crew, options).await?;
    app.screen.note(&format!("Worker {host} on {}; Ctrl-C stops it, and other workers go on with what it had", record.at()));
    interrupts.next().await;
    app.screen.note("Stopping: calls under way are finished, the rest is given back");
    tokio::select! {
        () = engine.stop() => {}
        () = interrupts.next() => Interrupts::leave_at_once(),
    }
    Ok(Exit::Succeeded)
}

/// Makes what acts for a run, once for all the runs of an infrastructure.
struct Crew {
    env: Environment,
    record: Record,
    plugins: Arc<Plugins>,
    pace: Pace,
    /// By account, infrastructure, and whether there are load balancers.
    made: Mutex<HashMap<String, Arc<Activities>>>,
}

#[async_trait]
impl ActivitiesOf for Crew {
    async fn of(&self, run: &RunId) -> Result<Arc<Activities>, String> {
        let words = |failure: Failure| failure.words();
        let plan = self.record.plan(run).await.map_err(|error| error.to_string())?;
        let row = self.record.run(run).await.map_err(|error| error.to_string())?;
        let row = row.ok_or_else(|| format!("run {run} is not in the record"))?;
        let infrastructure = serde_json::to_string(&plan.infrastructure).map_err(|error| error.to_string())?;
        let key = format!("{} {} {infrastructure}", row.account, plan.setup.routing.is_some());
        let mut made = self.made.lock().await;
        if let Some(activities) = made.get(&key) {
            return Ok(Arc::clone(activities));
        }
        // What fails is not kept: credentials may be put right while the worker is there.
        let clouds = match credentials::clouds(&self.env, &plan, Some(row.account.clone())) {
            Ok(config) => Clouds::connect(&config).await.map_err(words)?,
            Err(failure) => {
                return Ok(wiring::without_clouds(&self.env, &self.record, &self.plugins, &row.account, failure.words()));
            }
        };
        let activities = wiring::activities(&self.env, &self.record, &clouds, &self.plugins, self.pace, Busy::Wait);
        made.insert(key, Arc::clone(&activities));
        Ok(activities)
    }
}
