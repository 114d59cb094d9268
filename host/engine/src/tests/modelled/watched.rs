//! The engine's ports over the world in memory, watched: each call can be the last of its process, go wrong, or lose its
//! reply, and before each change of a cloud the invariants are asked. The world is that of the other tests; plugins answer
//! from the recipe. Next: `invariants`.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use async_trait::async_trait;
use serde_json::Value;
use shiftgate_model::*;
use shiftgate_workflow::Plan;
use tokio::time::Instant;

use super::super::balancers::rule_arn;
use super::super::witnessed::reply;
use super::super::world::World;
use super::invariants::{Book, Change, before};
use super::model::Says;
use crate::Runs;

/// A call of a cloud, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    Read,
    Health,
    Targets,
    Rules,
    Create,
    Capacity,
    Rename,
    Delete,
    Route,
}

/// How a call goes wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Throttled,
    Broken,
    Denied,
    Refused,
    /// It has its effect, and the reply is lost.
    ReplyLost,
}

impl How {
    fn error(self) -> CloudError {
        let remote = |status| Origin::Remote { status, code: None, message: "no".into() };
        let origin = match self {
            Self::Throttled => remote(429),
            Self::Broken => remote(503),
            Self::Denied => remote(403),
            Self::Refused => remote(400),
            Self::ReplyLost => Origin::Transport("the connection was reset".into()),
        };
        CloudError { service: Service::Spot, operation: "Call".into(), subject: None, origin, retry: Retry::Never }
    }
}

pub(in crate::tests) struct Watched {
    pub(in crate::tests) world: Arc<World>,
    book: Mutex<Book>,
}

/// A moment in which a process can be gone.
pub(in crate::tests) async fn moment() {
    let mut again = true;
    std::future::poll_fn(move |cx| {
        if std::mem::take(&mut again) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

impl Watched {
    pub(super) fn new(world: Arc<World>, book: Book) -> Arc<Self> {
        Arc::new(Self { world, book: Mutex::new(book) })
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    fn fault(&self, kind: Kind, lost: bool) -> Option<CloudError> {
        let mut book = self.book();
        let at = book.faults.iter().position(|(of, how)| *of == kind && (*how == How::ReplyLost) == lost)?;
        Some(book.faults.remove(at).1.error())
    }

    async fn call<T: Send>(&self, kind: Kind, call: impl Future<Output = Result<T, CloudError>> + Send) -> Result<T, CloudError> {
        moment().await;
        if let Some(error) = self.fault(kind, false) {
            return Err(error);
        }
        // What comes with the reply is noted by `call`: the world may be another one a moment later.
        let reply = call.await;
        moment().await;
        self.fault(kind, true).map_or(reply, Err)
    }

    async fn change<T: Send>(
        &self,
        kind: Kind,
        change: Change<'_>,
        call: impl Future<Output = Result<T, CloudError>> + Send,
    ) -> Result<T, CloudError> {
        self.call(kind, async {
            before(&self.world, &mut self.book(), change);
            call.await
        })
        .await
    }

    fn seen(&self, things: impl Iterator<Item = String>) {
        let mut book = self.book();
        for thing in things {
            if let Some(foreign) = book.foreign.get_mut(&thing) {
                foreign.seen = true;
            }
        }
    }

    fn seen_groups<'g>(&self, groups: impl Iterator<Item = &'g Group>) {
        self.seen(groups.flat_map(|group| [format!("capacity {}", group.id), format!("name {}", group.id)]));
    }

    fn seen_healthy(&self, of: &str, healthy: usize) {
        self.book().healthy.insert(of.to_owned(), (u32::try_from(healthy).unwrap(), Instant::now()));
    }

    fn seen_targets(&self, group: &TargetGroupArn, targets: &[TargetHealth]) {
        self.seen_healthy(group.as_str(), targets.iter().filter(|target| target.state == TargetState::Healthy).count());
    }

    fn seen_instances(&self, group: &GroupId, instances: &[InstanceHealth]) {
        self.seen_healthy(group.as_str(), instances.iter().filter(|one| one.health == Health::Healthy).count());
    }

    fn seen_rules(&self, rules: &[Rule]) {
        self.seen(rules.iter().map(|rule| format!("route {}", rule.arn)));
    }
}

#[async_trait]
impl Groups for Watched {
    async fn list(&self) -> Result<Vec<Group>, CloudError> {
        let look = async { self.world.list().await.inspect(|groups| self.seen_groups(groups.iter())) };
        self.call(Kind::List, look).await
    }

    async fn read(&self, id: &GroupId) -> Result<Option<Group>, CloudError> {
        let look = async { Groups::read(&*self.world, id).await.inspect(|group| self.seen_groups(group.iter())) };
        self.call(Kind::Read, look).await
    }

    async fn create(&self, spec: &GroupSpec) -> Result<Created, CloudError> {
        self.change(Kind::Create, Change::Create, self.world.create(spec)).await
    }

    async fn set_capacity(&self, id: &GroupId, capacity: Capacity) -> Result<(), CloudError> {
        self.change(Kind::Capacity, Change::Capacity(id, capacity), self.world.set_capacity(id, capacity)).await
    }

    async fn rename(&self, id: &GroupId, name: &GroupName) -> Result<(), CloudError> {
        self.change(Kind::Rename, Change::Name(id, name), self.world.rename(id, name)).await
    }

    async fn delete(&self, id: &GroupId) -> Result<Deleted, CloudError> {
        self.change(Kind::Delete, Change::Delete(id), self.world.delete(id)).await
    }

    async fn health(&self, id: &GroupId) -> Result<Vec<InstanceHealth>, CloudError> {
        let look = async { self.world.health(id).await.inspect(|instances| self.seen_instances(id, instances)) };
        self.call(Kind::Health, look).await
    }
}

#[async_trait]
impl Routes for Watched {
    async fn load_balancer(&self, name: &str) -> Result<Option<LoadBalancer>, CloudError> {
        self.call(Kind::Rules, self.world.load_balancer(name)).await
    }

    async fn listeners(&self, load_balancer: &LoadBalancerArn) -> Result<Vec<Listener>, CloudError> {
        self.call(Kind::Rules, self.world.listeners(load_balancer)).await
    }

    async fn listener(&self, listener: &ListenerArn) -> Result<Option<Listener>, CloudError> {
        self.call(Kind::Rules, self.world.listener(listener)).await
    }

    async fn rules(&self, listener: &ListenerArn) -> Result<Vec<Rule>, CloudError> {
        let look = async { self.world.rules(listener).await.inspect(|rules| self.seen_rules(rules)) };
        self.call(Kind::Rules, look).await
    }

    async fn rules_by_arn(&self, rules: &[RuleArn]) -> Result<Vec<Rule>, CloudError> {
        let look = async { self.world.rules_by_arn(rules).await.inspect(|rules| self.seen_rules(rules)) };
        self.call(Kind::Rules, look).await
    }

    async fn set_actions(&self, route: &Route, actions: &Actions) -> Result<(), CloudError> {
        self.change(Kind::Route, Change::Route(&route.rule, actions), self.world.set_actions(route, actions)).await
    }

    async fn target_groups(&self, groups: &[TargetGroupArn]) -> Result<Vec<TargetGroup>, CloudError> {
        self.call(Kind::Targets, self.world.target_groups(groups)).await
    }

    async fn draining(&self, group: &TargetGroupArn) -> Result<Draining, CloudError> {
        self.call(Kind::Targets, self.world.draining(group)).await
    }

    async fn target_health(&self, group: &TargetGroupArn) -> Result<Vec<TargetHealth>, CloudError> {
        let look = async { self.world.target_health(group).await.inspect(|targets| self.seen_targets(group, targets)) };
        self.call(Kind::Targets, look).await
    }
}

#[async_trait]
impl PluginRunner for Watched {
    async fn call(&self, _source: &PluginSource, call: &PluginCall) -> Result<PluginReply, PluginError> {
        moment().await;
        let outcome = self.answer(call);
        moment().await;
        Ok(reply(outcome, &call.action, self.now()))
    }
}

impl Watched {
    fn answer(&self, call: &PluginCall) -> Outcome {
        let mut book = self.book();
        let step = call.run.step.as_str();
        let says = book.script.get(step).copied().unwrap_or(Says::Pass);
        match (call.kind, &call.action) {
            (_, Call::Validate | Call::Cancel { .. }) => Outcome::Accepted,
            (PluginKind::Approval, Call::Start { .. }) => counted(if book.yes { vec![1] } else { Vec::new() }),
            (PluginKind::Approval, Call::Poll { state, wake }) => {
                let mut votes = state.bytes.clone();
                if let Wake::Signal { payload, .. } = wake {
                    votes.push(u8::from(payload["vote"] == "approve"));
                }
                counted(votes)
            }
            (PluginKind::Verification, Call::Start { .. }) if says == Says::PassLater => Outcome::Wait(in_a_minute()),
            (PluginKind::Verification, _) => super::super::report(match says {
                Says::Pass | Says::PassLater => Verdict::Pass,
                Says::Fail => Verdict::Fail,
                Says::Inconclusive => Verdict::Inconclusive,
            }),
            (PluginKind::WrapUp, Call::Start { summary }) => {
                let ending = summary.as_ref().map_or(Ending::Succeeded, |(ending, _)| *ending);
                let key = call.run.idempotency_key.clone();
                if book.told_for_good.contains(&key) {
                    book.broken.push(format!("11: wrap-up {key} is told again of an ending that was told"));
                }
                let attempt = (book.process, call.run.attempt);
                book.told.push((key, ending, attempt));
                Outcome::Wait(in_a_minute())
            }
            (PluginKind::WrapUp, Call::Poll { .. }) => {
                let what = "the channel".to_owned();
                let action = if says == Says::Fail { ReceiptAction::Failed(what) } else { ReceiptAction::Done(what) };
                Outcome::Received(Receipt { actions: vec![action], outputs: Default::default() })
            }
        }
    }
}

fn in_a_minute() -> Suspension {
    let state = ActionState::new(1, Vec::new());
    Suspension { state, after: Some(Millis::minutes(1)), signals: Vec::new() }
}

/// One byte a vote: 1 is a yes.
fn counted(votes: Vec<u8>) -> Outcome {
    let ballot = |vote: &u8| Ballot {
        subject: "ann".into(),
        vote: if *vote == 1 { Vote::Approve } else { Vote::Reject },
        at: Timestamp(0),
        comment: String::new(),
        bound_digest: None,
    };
    let tally = Tally { ballots: votes.iter().map(ballot).collect(), summary: String::new() };
    let state = ActionState::new(1, votes);
    Outcome::Counted(Progress { tally, next: Some(Suspension { state, after: None, signals: vec!["ballot".into()] }) })
}

#[async_trait]
impl Ledger for Watched {
    async fn intend(&self, run: &RunId, step: &StepId, effect: &str, intent: &Value) -> Result<Effect, StoreError> {
        moment().await;
        let intended = self.world.intend(run, step, effect, intent).await?;
        self.book().intended(step.as_str(), effect);
        moment().await;
        Ok(intended)
    }

    async fn settle(&self, run: &RunId, step: &StepId, effect: &str, outcome: &Value) -> Result<(), StoreError> {
        moment().await;
        self.world.settle(run, step, effect, outcome).await?;
        self.book().settled(effect);
        moment().await;
        Ok(())
    }

    async fn record(&self, run: &RunId) -> Result<Vec<EffectRecord>, StoreError> {
        self.world.record(run).await
    }

    async fn known(&self, effect: &str) -> Result<bool, StoreError> {
        self.world.known(effect).await
    }

    async fn of_others(&self, account: &str, family: &Family, run: &RunId, of: &str) -> Result<Vec<(RunId, String)>, StoreError> {
        self.world.of_others(account, family, run, of).await
    }
}

#[async_trait]
impl Locks for Watched {
    async fn acquire(&self, account: &str, family: &Family, run: &RunId) -> Result<Acquired, StoreError> {
        moment().await;
        let acquired = self.world.acquire(account, family, run).await;
        moment().await;
        acquired
    }

    async fn enter(&self, account: &str, family: &Family, run: &RunId, fence: i64) -> Result<Option<i64>, StoreError> {
        self.world.enter(account, family, run, fence).await
    }

    async fn holds(&self, account: &str, family: &Family, run: &RunId, hold: Hold) -> Result<bool, StoreError> {
        self.world.holds(account, family, run, hold).await
    }

    async fn release(&self, account: &str, family: &Family, run: &RunId) -> Result<(), StoreError> {
        moment().await;
        self.world.release(account, family, run).await?;
        moment().await;
        Ok(())
    }
}

#[async_trait]
impl Events for Watched {
    async fn append(&self, run: &RunId, step: Option<&StepId>, key: Option<&str>, kind: EventKind) -> Result<(), StoreError> {
        moment().await;
        self.world.append(run, step, key, kind).await?;
        moment().await;
        Ok(())
    }

    async fn read(&self, run: &RunId, after: u64) -> Result<Vec<Event>, StoreError> {
        Events::read(&*self.world, run, after).await
    }
}

#[async_trait]
impl Runs for Watched {
    async fn plan(&self, run: &RunId) -> Result<Arc<Plan>, StoreError> {
        self.world.plan(run).await
    }

    async fn end(&self, run: &RunId, ending: Ending, at: Timestamp) -> Result<(), StoreError> {
        moment().await;
        // As the store has it: an ending is terminal, but for an abort and for a rollback that got stuck.
        let stands = self.world.state().ending;
        if stands.is_some_and(|first| first != ending && !matches!(first, Ending::Aborted | Ending::Stuck)) {
            self.book().broken.push(format!("the run is recorded as {stands:?} and was to become {ending}"));
        }
        self.world.end(run, ending, at).await?;
        moment().await;
        Ok(())
    }
}

impl Clock for Watched {
    fn now(&self) -> Timestamp {
        self.world.now()
    }
}

/// The production rule of a load balancer, and the stage rule of one that has it.
pub(super) fn rules_of(balancer: &str) -> (RuleArn, RuleArn) {
    (rule_arn(balancer, 80), rule_arn(balancer, 8080))
}
