//! What the engine asks of the outside: clouds, plugins, the record. Each trait is implemented in one room.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Actions, Baseline, CallKey, Called, Capacity, CloudError, Created, Deleted, Draining, EffectToken, Event, EventKind,
    Evidence, Family, Group, GroupId, GroupName, GroupSpec, InstanceHealth, Listener, ListenerArn, LoadBalancer, LoadBalancerArn,
    Parked, PluginCall, PluginReply, PluginSource, Report, Route, Rule, RuleArn, RunId, StepId, StoreError, TargetGroup,
    TargetGroupArn, TargetHealth, Timestamp,
};

/// Elastigroups of one account. Implemented by `cloud`.
///
/// Every call retries by itself what may be retried, obeys the account's rate limits, and returns the last error.
#[async_trait]
pub trait Groups: Send + Sync {
    /// Every group of the account, in no set order.
    async fn list(&self) -> Result<Vec<Group>, CloudError>;

    /// One group; none when there is no such group (any more).
    async fn read(&self, id: &GroupId) -> Result<Option<Group>, CloudError>;

    /// Creates a group at 0/0/0, once: a group that carries the same marker is adopted instead of doubled, also after a
    /// lost reply.
    ///
    /// Errors: `Refused` when a group of that name stands there that does not carry the marker.
    async fn create(&self, spec: &GroupSpec) -> Result<Created, CloudError>;

    /// Writes all three numbers.
    async fn set_capacity(&self, id: &GroupId, capacity: Capacity) -> Result<(), CloudError>;

    /// Gives a group another name. Names are not unique in Spot: a name that another group has is taken all the same.
    async fn rename(&self, id: &GroupId, name: &GroupName) -> Result<(), CloudError>;

    /// Deletes a group with all its instances.
    async fn delete(&self, id: &GroupId) -> Result<Deleted, CloudError>;

    /// One entry an instance, spot requests without an instance included; empty when there are none.
    async fn health(&self, id: &GroupId) -> Result<Vec<InstanceHealth>, CloudError>;
}

/// Listeners, rules and target groups of one account and region. Implemented by `cloud` over ELBv2.
///
/// Every call retries by itself what may be retried, and returns the last error. Nothing here registers a target: Spot
/// does that for the instances of its groups.
#[async_trait]
pub trait Routes: Send + Sync {
    /// The load balancer of that name; none when there is none.
    async fn load_balancer(&self, name: &str) -> Result<Option<LoadBalancer>, CloudError>;

    /// Every listener of a load balancer, in no set order.
    async fn listeners(&self, load_balancer: &LoadBalancerArn) -> Result<Vec<Listener>, CloudError>;

    /// One listener; none when there is no such listener (any more).
    async fn listener(&self, listener: &ListenerArn) -> Result<Option<Listener>, CloudError>;

    /// Every rule of a listener, the default rule included, in no set order.
    async fn rules(&self, listener: &ListenerArn) -> Result<Vec<Rule>, CloudError>;

    /// Some rules as they are now, by one call where all of them exist, in no set order; one that does not exist (any more)
    /// is left out.
    async fn rules_by_arn(&self, rules: &[RuleArn]) -> Result<Vec<Rule>, CloudError>;

    /// One rule as it is now, by one call; none when there is no such rule (any more).
    async fn rule(&self, rule: &RuleArn) -> Result<Option<Rule>, CloudError> {
        Ok(self.rules_by_arn(std::slice::from_ref(rule)).await?.pop())
    }

    /// Replaces the whole action list of a rule: a default rule's through its listener, any other's through itself.
    ///
    /// Errors: `Refused` when the list holds an action that this program could not send back as it came.
    async fn set_actions(&self, route: &Route, actions: &Actions) -> Result<(), CloudError>;

    /// The target groups of those ARNs, in no set order; one that does not exist (any more) is left out.
    async fn target_groups(&self, groups: &[TargetGroupArn]) -> Result<Vec<TargetGroup>, CloudError>;

    /// How long a target group keeps targets and clients.
    async fn draining(&self, group: &TargetGroupArn) -> Result<Draining, CloudError>;

    /// One entry a registered target, draining ones included; empty when there are none.
    async fn target_health(&self, group: &TargetGroupArn) -> Result<Vec<TargetHealth>, CloudError>;
}

/// A plugin could not be loaded or did not keep its promise; not a verdict of the plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("plugin `{plugin}`: {message}")]
pub struct PluginError {
    /// The plugin's name in the workflow file.
    pub plugin: String,
    /// What went wrong: file, kind, contract, config, budget, trap, or the plugin's own error.
    pub message: String,
    /// What to do next; the exact lines, where lines would help.
    pub hint: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// What the call had done by then; none when the plugin was not called at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<Box<Called>>,
}

/// Runs steps that are WebAssembly components. Implemented by `plugin`.
#[async_trait]
pub trait PluginRunner: Send + Sync {
    /// One call in a fresh instance.
    async fn call(&self, source: &PluginSource, call: &PluginCall) -> Result<PluginReply, PluginError>;
}

/// What is known of an effect before it is attempted (again).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The same on every attempt.
    pub token: EffectToken,
    /// What an earlier attempt recorded; the world is not touched again then.
    pub outcome: Option<Value>,
    /// Whether an earlier attempt recorded the intent and no outcome: look before acting.
    pub attempted: bool,
}

/// One line of the record of what was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectRecord {
    /// The step that did it.
    pub step: StepId,
    /// The effect's name inside the step: `create`, `capacity sig-0a1b2c3d`.
    pub effect: String,
    /// What was intended, before the world was touched.
    pub intent: Value,
    /// What came of it; none while that is not known.
    pub outcome: Option<Value>,
}

/// Promise on paper before touching the world. Implemented by `store`, fully synced.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Records the intent, or returns what an earlier attempt recorded. The first intent of an effect is kept.
    async fn intend(&self, run: &RunId, step: &StepId, effect: &str, intent: &Value) -> Result<Effect, StoreError>;

    /// Records the outcome; the first one is kept.
    async fn settle(&self, run: &RunId, step: &StepId, effect: &str, outcome: &Value) -> Result<(), StoreError>;

    /// All of a run's effects, in the order of their intents.
    async fn record(&self, run: &RunId) -> Result<Vec<EffectRecord>, StoreError>;

    /// Whether any run on record has done an effect of that name, or begun to: `name sig-0a1b2c3d`.
    async fn known(&self, effect: &str) -> Result<bool, StoreError>;

    /// The effects whose names begin so of every run of that account and family but this one, whatever came of them; the
    /// runs in the order in which they were asked for.
    async fn of_others(
        &self,
        account: &str,
        family: &Family,
        run: &RunId,
        beginning: &str,
    ) -> Result<Vec<(RunId, String)>, StoreError>;
}

/// How an attempt to take a lock ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is this run's, with a fencing number that only grows.
    Held {
        /// The fencing number.
        fence: i64,
    },
    /// Another run has it.
    Busy {
        /// The run that has it.
        holder: RunId,
        /// How many runs wait before this one.
        ahead: u32,
    },
}

/// What fences a process off that was thought dead, and wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Grows with every run that takes the lock, and with each time that a run takes it again.
    pub fence: i64,
    /// Grows with every activity of the run that may change a cloud.
    pub term: i64,
}

/// The lock that a run writes under, as its writer took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding<'a> {
    /// The Spot account.
    pub account: &'a str,
    /// The group family.
    pub family: &'a Family,
    /// What the writer holds of it.
    pub hold: Hold,
}

/// One run at a time on an account's group family, first come first served. The holder is a run, not a process: a lock
/// does not lapse. Implemented by `store`.
#[async_trait]
pub trait Locks: Send + Sync {
    /// Takes the lock, or takes (and keeps) a place in its queue.
    async fn acquire(&self, account: &str, family: &Family, run: &RunId) -> Result<Acquired, StoreError>;

    /// A new term of this run's hold: from now on [`holds`](Self::holds) is false of every term before. None when the lock is not
    /// this run's under that fencing number.
    async fn enter(&self, account: &str, family: &Family, run: &RunId, fence: i64) -> Result<Option<i64>, StoreError>;

    /// Whether the lock is still this run's, under that fencing number and in that term.
    async fn holds(&self, account: &str, family: &Family, run: &RunId, hold: Hold) -> Result<bool, StoreError>;

    /// Gives the lock, or the place in the queue, back; nothing happens when it is not this run's.
    async fn release(&self, account: &str, family: &Family, run: &RunId) -> Result<(), StoreError>;
}

/// The one stream of what happened. Implemented by `store`.
#[async_trait]
pub trait Events: Send + Sync {
    /// Appends; with a `key`, only the first event of that key in the run is kept.
    async fn append(&self, run: &RunId, step: Option<&StepId>, key: Option<&str>, kind: EventKind) -> Result<(), StoreError>;

    /// A run's events with a sequence number above `after`, in order.
    async fn read(&self, run: &RunId, after: u64) -> Result<Vec<Event>, StoreError>;
}

/// What verifications leave, call by call. Implemented by `store`.
#[async_trait]
pub trait EvidenceLog: Send + Sync {
    /// Keeps what one call left, and returns the report that stands for it.
    ///
    /// A call is one by its step, fence, attempt and number. One that is performed again, after a crash, takes the place of what
    /// it left before; only a report stays, with all that led to it: the first one counts.
    async fn keep(&self, run: &RunId, evidence: &Evidence) -> Result<Option<Report>, StoreError>;

    /// What a call left that has ended in a report already; none while it has not.
    async fn standing(&self, run: &RunId, call: &CallKey) -> Result<Option<Evidence>, StoreError>;

    /// What a step of a run compares with: the same step of the last run of its workflow on its family that succeeded, or of the
    /// one that is pinned; none where there is no such run, or its step judged nothing.
    async fn baseline(&self, run: &RunId, step: &StepId) -> Result<Option<Baseline>, StoreError>;
}

/// Where the background verifications of a run stand between two of their calls. Implemented by `store`.
///
/// A process that was thought dead, and wakes, overwrites nothing of its successor's: what is written under a lock is written
/// while the lock is held so, or not at all.
#[async_trait]
pub trait Parking: Send + Sync {
    /// Keeps where one stands; it takes the place of where it stood before. One is one by its step. False when the lock is not
    /// held so any more: nothing is written then.
    async fn park(&self, run: &RunId, parked: &Parked, under: Option<Holding<'_>>) -> Result<bool, StoreError>;

    /// Those that are open, the next one due first.
    async fn parked(&self, run: &RunId) -> Result<Vec<Parked>, StoreError>;

    /// Forgets one: it has ended. Nothing happens when it is not there. False as for [`park`](Self::park).
    async fn unpark(&self, run: &RunId, step: &StepId, under: Option<Holding<'_>>) -> Result<bool, StoreError>;
}

/// The time of day, for events and deadlines; waits go through the engine.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}
