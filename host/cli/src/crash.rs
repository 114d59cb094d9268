//! Crash points: the process kills itself at a named moment, so that tests need no luck to hit it.
//!
//! Each call that the engine makes of the record, of a cloud or of a plugin has a moment before and one after it, named by the
//! call and its number: `ledger.settle#3/after`. SHIFTGATE_CRASH_LOG names a file that every moment is written to as it passes;
//! at the one that SHIFTGATE_CRASH_AT names, the process is gone, as by `kill -9`. Without the two variables nothing of this is
//! in the way. It may not change what a call does.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use shiftgate_engine::{Ports, Runs};
use shiftgate_model::*;
use shiftgate_workflow::Plan;

use crate::env::Environment;

/// The variable that names the moment to be gone at.
const AT: &str = "SHIFTGATE_CRASH_AT";
/// The variable that names the file of all moments.
const LOG: &str = "SHIFTGATE_CRASH_LOG";

/// Every moment of a process, as it passes.
struct Moments {
    at: Option<String>,
    log: Option<File>,
    passed: HashMap<&'static str, u32>,
}

/// The same, for every port.
#[derive(Clone)]
struct Crashing<T: ?Sized> {
    inner: Arc<T>,
    moments: Arc<Mutex<Moments>>,
}

/// The ports with their moments, where the environment asks for them.
pub(crate) fn points(env: &Environment, ports: Ports) -> Ports {
    let at = env.get(AT).map(str::to_owned);
    let log = env.get(LOG).and_then(|path| OpenOptions::new().create(true).append(true).open(path).ok());
    if at.is_none() && log.is_none() {
        return ports;
    }
    let moments = Arc::new(Mutex::new(Moments { at, log, passed: HashMap::new() }));
    Ports {
        groups: Arc::new(Crashing { inner: ports.groups, moments: Arc::clone(&moments) }),
        routes: ports.routes.map(|inner| Arc::new(Crashing { inner, moments: Arc::clone(&moments) }) as _),
        plugins: Arc::new(Crashing { inner: ports.plugins, moments: Arc::clone(&moments) }),
        ledger: Arc::new(Crashing { inner: ports.ledger, moments: Arc::clone(&moments) }),
        locks: Arc::new(Crashing { inner: ports.locks, moments: Arc::clone(&moments) }),
        events: Arc::new(Crashing { inner: ports.events, moments: Arc::clone(&moments) }),
        evidence: Arc::new(Crashing { inner: ports.evidence, moments: Arc::clone(&moments) }),
        parking: Arc::new(Crashing { inner: ports.parking, moments: Arc::clone(&moments) }),
        runs: Arc::new(Crashing { inner: ports.runs, moments }),
        clock: ports.clock,
    }
}

impl<T: ?Sized + Send + Sync> Crashing<T> {
    /// A call with its two moments.
    async fn around<R>(&self, call: &'static str, act: impl Future<Output = R> + Send) -> R {
        let number = self.begin(call);
        self.pass(call, number, "before");
        let done = act.await;
        self.pass(call, number, "after");
        done
    }

    fn begin(&self, call: &'static str) -> u32 {
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let number = moments.passed.entry(call).or_default();
        *number += 1;
        *number
    }

    fn pass(&self, call: &str, number: u32, side: &str) {
        let moment = format!("{call}#{number}/{side}");
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = &mut moments.log {
            // A log that cannot be written is short, and its reader finds that out.
            let _ = writeln!(log, "{moment}");
        }
        if moments.at.as_deref() == Some(moment.as_str()) {
            // Nothing that the process holds is put in order: that is what a kill is.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            std::process::abort();
        }
    }
}

#[async_trait]
impl Ledger for Crashing<dyn Ledger> {
    async fn intend(&self, run: &RunId, step: &StepId, effect: &str, intent: &Value) -> Result<Effect, StoreError> {
        self.around("ledger.intend", self.inner.intend(run, step, effect, intent)).await
    }

    async fn settle(&self, run: &RunId, step: &StepId, effect: &str, outcome: &Value) -> Result<(), StoreError> {
        self.around("ledger.settle", self.inner.settle(run, step, effect, outcome)).await
    }

    async fn record(&self, run: &RunId) -> Result<Vec<EffectRecord>, StoreError> {
        self.inner.record(run).await
    }

    async fn known(&self, effect: &str) -> Result<bool, StoreError> {
        self.inner.known(effect).await
    }

    async fn of_others(
        &self,
        account: &str,
        family: &Family,
        run: &RunId,
        beginning: &str,
    ) -> Result<Vec<(RunId, String)>, StoreError> {
        self.inner.of_others(account, family, run, beginning).await
    }
}

#[async_trait]
impl Locks for Crashing<dyn Locks> {
    async fn acquire(&self, account: &str, family: &Family, run: &RunId) -> Result<Acquired, StoreError> {
        self.around("locks.acquire", self.inner.acquire(account, family, run)).await
    }

    async fn enter(&self, account: &str, family: &Family, run: &RunId, fence: i64) -> Result<Option<i64>, StoreError> {
        self.around("locks.enter", self.inner.enter(account, family, run, fence)).await
    }

    async fn holds(&self, account: &str, family: &Family, run: &RunId, hold: Hold) -> Result<bool, StoreError> {
        self.inner.holds(account, family, run, hold).await
    }

    async fn release(&self, account: &str, family: &Family, run: &RunId) -> Result<(), StoreError> {
        self.around("locks.release", self.inner.release(account, family, run)).await
    }
}

#[async_trait]
impl Events for Crashing<dyn Events> {
    async fn append(&self, run: &RunId, step: Option<&StepId>, key: Option<&str>, kind: EventKind) -> Result<(), StoreError> {
        self.around("events.append", self.inner.append(run, step, key, kind)).await
    }

    async fn read(&self, run: &RunId, after: u64) -> Result<Vec<Event>, StoreError> {
        self.inner.read(run, after).await
    }
}

#[async_trait]
impl EvidenceLog for Crashing<dyn EvidenceLog> {
    async fn keep(&self, run: &RunId, evidence: &Evidence) -> Result<Option<Report>, StoreError> {
        self.around("evidence.keep", self.inner.keep(run, evidence)).await
    }

    async fn standing(&self, run: &RunId, call: &CallKey) -> Result<Option<Evidence>, StoreError> {
        self.inner.standing(run, call).await
    }

    async fn baseline(&self, run: &RunId, step: &StepId) -> Result<Option<Baseline>, StoreError> {
        self.inner.baseline(run, step).await
    }
}

#[async_trait]
impl Parking for Crashing<dyn Parking> {
    async fn park(&self, run: &RunId, parked: &Parked, under: Option<Holding<'_>>) -> Result<bool, StoreError> {
        self.around("parking.park", self.inner.park(run, parked, under)).await
    }

    async fn parked(&self, run: &RunId) -> Result<Vec<Parked>, StoreError> {
        self.inner.parked(run).await
    }

    async fn unpark(&self, run: &RunId, step: &StepId, under: Option<Holding<'_>>) -> Result<bool, StoreError> {
        self.around("parking.unpark", self.inner.unpark(run, step, under)).await
    }
}

#[async_trait]
impl Runs for Crashing<dyn Runs> {
    async fn plan(&self, run: &RunId) -> Result<Arc<Plan>, StoreError> {
        self.inner.plan(run).await
    }

    async fn end(&self, run: &RunId, ending: Ending, at: Timestamp) -> Result<(), StoreError> {
        self.around("runs.end", self.inner.end(run, ending, at)).await
    }
}

#[async_trait]
impl PluginRunner for Crashing<dyn PluginRunner> {
    async fn call(&self, source: &PluginSource, call: &PluginCall) -> Result<PluginReply, PluginError> {
        self.around("plugins.call", self.inner.call(source, call)).await
    }
}

#[async_trait]
impl Groups for Crashing<dyn Groups> {
    async fn list(&self) -> Result<Vec<Group>, CloudError> {
        self.around("groups.list", self.inner.list()).await
    }

    async fn read(&self, id: &GroupId) -> Result<Option<Group>, CloudError> {
        self.around("groups.read", self.inner.read(id)).await
    }

    async fn create(&self, spec: &GroupSpec) -> Result<Created, CloudError> {
        self.around("groups.create", self.inner.create(spec)).await
    }

    async fn set_capacity(&self, id: &GroupId, capacity: Capacity) -> Result<(), CloudError> {
        self.around("groups.set_capacity", self.inner.set_capacity(id, capacity)).await
    }

    async fn rename(&self, id: &GroupId, name: &GroupName) -> Result<(), CloudError> {
        self.around("groups.rename", self.inner.rename(id, name)).await
    }

    async fn delete(&self, id: &GroupId) -> Result<Deleted, CloudError> {
        self.around("groups.delete", self.inner.delete(id)).await
    }

    async fn health(&self, id: &GroupId) -> Result<Vec<InstanceHealth>, CloudError> {
        self.around("groups.health", self.inner.health(id)).await
    }
}

#[async_trait]
impl Routes for Crashing<dyn Routes> {
    async fn load_balancer(&self, name: &str) -> Result<Option<LoadBalancer>, CloudError> {
        self.around("routes.load_balancer", self.inner.load_balancer(name)).await
    }

    async fn listeners(&self, load_balancer: &LoadBalancerArn) -> Result<Vec<Listener>, CloudError> {
        self.around("routes.listeners", self.inner.listeners(load_balancer)).await
    }

    async fn listener(&self, listener: &ListenerArn) -> Result<Option<Listener>, CloudError> {
        self.around("routes.listener", self.inner.listener(listener)).await
    }

    async fn rules(&self, listener: &ListenerArn) -> Result<Vec<Rule>, CloudError> {
        self.around("routes.rules", self.inner.rules(listener)).await
    }

    async fn rules_by_arn(&self, rules: &[RuleArn]) -> Result<Vec<Rule>, CloudError> {
        self.around("routes.rules_by_arn", self.inner.rules_by_arn(rules)).await
    }

    async fn set_actions(&self, route: &Route, actions: &Actions) -> Result<(), CloudError> {
        self.around("routes.set_actions", self.inner.set_actions(route, actions)).await
    }

    async fn target_groups(&self, groups: &[TargetGroupArn]) -> Result<Vec<TargetGroup>, CloudError> {
        self.around("routes.target_groups", self.inner.target_groups(groups)).await
    }

    async fn draining(&self, group: &TargetGroupArn) -> Result<Draining, CloudError> {
        self.around("routes.draining", self.inner.draining(group)).await
    }

    async fn target_health(&self, group: &TargetGroupArn) -> Result<Vec<TargetHealth>, CloudError> {
        self.around("routes.target_health", self.inner.target_health(group)).await
    }
}
