//! Changes routes: all of them, or none.
//!
//! Every rule is read and checked before the first is written; each write is read back, and the next rule with it. When one
//! fails, those that were tried are put back, in reverse. What a rule may look like comes from the ledger: what this run last wrote, or what was
//! there before it; anything else is drift, and nobody's change is written over.

use serde_json::json;
use shiftgate_model::{Actions, ErrorClass, EventKind, Forward, Rule, RuleArn, StepError, TargetGroupArn, TargetState};

use super::super::effect::{expected, is_of, next_name};
use super::super::steady::moment;
use super::super::{Cx, Stop};
use super::{Balancer, Side};

/// How often a rule is read back that still is what it was before the write.
const MOST_LOOKS: u32 = 5;

/// One rule on its way to other actions.
pub(super) struct Change<'b> {
    pub(super) balancer: &'b Balancer,
    pub(super) side: &'b Side,
    pub(super) wanted: Actions,
    /// Whether users come in here: then no target group that cannot serve may get more than it has.
    pub(super) guarded: bool,
}

impl Change<'_> {
    fn rule(&self) -> &RuleArn {
        &self.side.route.rule
    }

    fn name(&self) -> String {
        self.balancer.name.clone()
    }
}

/// A rule as it was before a change.
struct Before<'c> {
    change: &'c Change<'c>,
    live: Actions,
}

/// Brings every rule to what its change wants, in order.
pub(super) async fn change_all(cx: &Cx<'_>, changes: &[Change<'_>]) -> Result<(), Stop> {
    let rules: Vec<RuleArn> = changes.iter().map(|change| change.rule().clone()).collect();
    let found = read_some(cx, &rules).await?;
    let mut befores = Vec::new();
    for change in changes {
        let live = one_of(&found, change.rule())?;
        may_change(cx, change, &live).await?;
        befores.push(Before { change, live });
    }
    // What the next rule is, as the read-back of the one before it has seen it.
    let mut seen: Option<Actions> = None;
    for (index, before) in befores.iter().enumerate() {
        let Before { change, live } = before;
        if let Some(now) = seen.take().filter(|now| now != live) {
            let stop = StepError::route_drift(change.rule(), live, &now).into();
            return Err(put_back(cx, befores.get(..index).unwrap_or_default(), stop).await);
        }
        let next = rules.get(index + 1);
        match apply(cx, change, live, &change.wanted, next).await {
            Ok(peeked) => seen = peeked,
            Err(stop) => return Err(put_back(cx, befores.get(..=index).unwrap_or_default(), stop).await),
        }
    }
    Ok(())
}

/// Brings each rule to what its change wants, whatever becomes of the others: for a rollback, in which a rule that cannot be
/// put back must not take another one along.
pub(super) async fn restore_each(cx: &Cx<'_>, changes: &[Change<'_>]) -> Result<(), Stop> {
    let mut failed: Option<StepError> = None;
    for change in changes {
        let error = match restore(cx, change).await {
            Ok(()) => continue,
            Err(stop @ (Stop::Store(_) | Stop::Background(_))) => return Err(stop),
            Err(Stop::Step(error)) => error,
        };
        match &mut failed {
            None => failed = Some(error),
            Some(first) => first.message.push_str(&format!("; and {}", error.message)),
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

async fn restore(cx: &Cx<'_>, change: &Change<'_>) -> Result<(), Stop> {
    let live = read(cx, change.rule()).await?;
    may_change(cx, change, &live).await?;
    apply(cx, change, &live, &change.wanted, None).await?;
    Ok(())
}

/// Nobody else has changed the rule, and no group gets more than it can serve.
async fn may_change(cx: &Cx<'_>, change: &Change<'_>, live: &Actions) -> Result<(), Stop> {
    undrifted(cx, change, live).await?;
    if change.guarded && *live != change.wanted { can_serve(cx, change, live).await } else { Ok(()) }
}

/// Writes one rule and reads it back, together with the one that is written next; what that one is comes back. Nothing is
/// written when the rule is there already.
async fn apply(
    cx: &Cx<'_>,
    change: &Change<'_>,
    live: &Actions,
    wanted: &Actions,
    next: Option<&RuleArn>,
) -> Result<Option<Actions>, Stop> {
    let record = cx.ports.ledger.record(cx.run).await?;
    let effect = next_name(&record, cx.step.as_str(), &route_effect(change.rule()), &json!(wanted));
    let (load_balancer, port, rule) = (change.name(), change.side.port, change.rule().clone());
    if live == wanted {
        cx.effect(&effect, json!(wanted), |_| async { Ok(wanted.clone()) }).await?;
        cx.say(EventKind::RouteUnchanged { load_balancer, port, rule, forward: shown(wanted) }).await?;
        return Ok(None);
    }
    let (from, to) = (shown(live), shown(wanted));
    cx.say(EventKind::RouteRequested { load_balancer: load_balancer.clone(), port, rule: rule.clone(), from, to: to.clone() })
        .await?;
    let mut peeked = None;
    let also = &mut peeked;
    cx.effect(&effect, json!(wanted), |_| async {
        cx.routes()?.set_actions(&change.side.route, wanted).await?;
        *also = read_back(cx, &rule, live, wanted, next).await?;
        Ok(wanted.clone())
    })
    .await?;
    cx.say(EventKind::RouteWritten { load_balancer, port, rule, forward: to }).await?;
    Ok(peeked)
}

/// The rule is what was written. An answer from before the write is asked for again, a few times.
async fn read_back(
    cx: &Cx<'_>,
    rule: &RuleArn,
    before: &Actions,
    wanted: &Actions,
    next: Option<&RuleArn>,
) -> Result<Option<Actions>, Stop> {
    let rules: Vec<RuleArn> = std::iter::once(rule).chain(next).cloned().collect();
    for look in 1.. {
        let found = read_some(cx, &rules).await?;
        let live = one_of(&found, rule)?;
        if live == *wanted {
            return next.map(|next| one_of(&found, next)).transpose().map_err(Stop::from);
        }
        if live != *before || look >= MOST_LOOKS {
            return Err(StepError::route_drift(rule, wanted, &live).into());
        }
        moment(cx).await;
    }
    Ok(None)
}

/// Gives rules back what they had, the last one first; the error that led here says what could not be.
async fn put_back(cx: &Cx<'_>, befores: &[Before<'_>], stop: Stop) -> Stop {
    let Stop::Step(mut error) = stop else { return stop };
    let mut written = Vec::new();
    for before in befores.iter().rev() {
        match read(cx, before.change.rule()).await {
            Ok(live) if live == before.live => {}
            Ok(live) => written.push((before, live)),
            Err(stop @ (Stop::Store(_) | Stop::Background(_))) => return stop,
            Err(Stop::Step(other)) => left(&mut error, before, &other),
        }
    }
    if written.is_empty() {
        return Stop::Step(error);
    }
    if let Err(store) = cx.say(EventKind::RoutesPutBack { reason: error.message.clone() }).await {
        return Stop::Store(store);
    }
    for (before, live) in written {
        let done = match undrifted(cx, before.change, &live).await {
            Ok(()) => apply(cx, before.change, &live, &before.live, None).await.map(|_| ()),
            Err(stop) => Err(stop),
        };
        match done {
            Ok(()) => {}
            Err(stop @ (Stop::Store(_) | Stop::Background(_))) => return stop,
            Err(Stop::Step(other)) => left(&mut error, before, &other),
        }
    }
    Stop::Step(error)
}

fn left(error: &mut StepError, before: &Before<'_>, why: &StepError) {
    let name = before.change.name();
    error.message.push_str(&format!("; and `{name}` could not be put back to {}: {}", before.live, why.message));
}

/// The rule's actions as they are now.
pub(super) async fn read(cx: &Cx<'_>, rule: &RuleArn) -> Result<Actions, Stop> {
    Ok(one_of(&read_some(cx, std::slice::from_ref(rule)).await?, rule)?)
}

async fn read_some(cx: &Cx<'_>, rules: &[RuleArn]) -> Result<Vec<Rule>, Stop> {
    Ok(cx.routes()?.rules_by_arn(rules).await?)
}

fn one_of(found: &[Rule], rule: &RuleArn) -> Result<Actions, StepError> {
    match found.iter().find(|found| found.arn == *rule) {
        Some(found) => Ok(found.actions.clone()),
        None => {
            let message = format!("rule {rule} is gone: somebody deleted it under this run");
            Err(StepError::new(ErrorClass::Drift, message)
                .hint("this run can no longer change where requests go; look at the listener in AWS's console"))
        }
    }
}

async fn undrifted(cx: &Cx<'_>, change: &Change<'_>, live: &Actions) -> Result<(), Stop> {
    let record = cx.ports.ledger.record(cx.run).await?;
    let rule = change.rule();
    let allowed = expected(record.iter().filter(|entry| is_of(entry, &route_effect(rule))), change.side.actions.clone());
    if *live == change.wanted || allowed.contains(live) {
        return Ok(());
    }
    let last = allowed.first().unwrap_or(&change.side.actions);
    cx.drifted(StepError::route_drift(rule, last, live)).await
}

/// No target group gets more than it has unless one of its targets at least is healthy: a load balancer answers 503 for an
/// empty group, and sends requests to sick targets when all of them are.
async fn can_serve(cx: &Cx<'_>, change: &Change<'_>, live: &Actions) -> Result<(), Stop> {
    let Some(forward) = change.wanted.forward() else { return Ok(()) };
    for target in &forward.targets {
        if change.wanted.weight_of(&target.group) > live.weight_of(&target.group) {
            serves(cx, &change.balancer.name, &target.group).await?;
        }
    }
    Ok(())
}

/// At least one target of the group is healthy.
pub(super) async fn serves(cx: &Cx<'_>, balancer: &str, group: &TargetGroupArn) -> Result<(), Stop> {
    let targets = cx.routes()?.target_health(group).await?;
    let healthy = targets.iter().filter(|target| target.state == TargetState::Healthy).count();
    if healthy > 0 {
        return Ok(());
    }
    let mut message = format!(
        "`{balancer}` is not given more traffic for target group `{}`: {healthy} of {} targets are healthy",
        group.name(),
        targets.len()
    );
    if let Some(one) = targets.first() {
        let reason = one.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        message.push_str(&format!("; {} is {}{reason}", one.target, one.state));
    }
    Err(StepError::new(ErrorClass::Application, message)
        .hint("look at the instances' health checks; the routes are as they were before this step")
        .into())
}

/// The name of the effect that writes a rule.
pub(super) fn route_effect(rule: &RuleArn) -> String {
    format!("route {rule}")
}

/// What an event shows of an action list.
fn shown(actions: &Actions) -> Forward {
    actions.forward().cloned().unwrap_or(Forward { order: None, targets: Vec::new(), stickiness_seconds: None })
}
