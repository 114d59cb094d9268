//! Changes routes: all of them, or none.
//!
//! Every rule is read and checked before the first is written; each write is read back. When one fails, those that were
//! tried are put back, in reverse. What a rule may look like comes from the ledger: what this run last wrote, or what was
//! there before it; anything else is drift, and nobody's change is written over.

use serde_json::json;
use shiftgate_model::{Actions, EffectRecord, ErrorClass, EventKind, Forward, RuleArn, StepError, TargetGroupArn, TargetState};

use super::super::effect::expected;
use super::super::{Cx, Stop};
use super::{Balancer, Side};

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
    let mut befores = Vec::new();
    for change in changes {
        let live = read(cx, change.rule()).await?;
        undrifted(cx, change, &live).await?;
        if change.guarded && live != change.wanted {
            can_serve(cx, change, &live).await?;
        }
        befores.push(Before { change, live });
    }
    for (index, before) in befores.iter().enumerate() {
        if let Err(stop) = apply(cx, before.change, &before.live, &before.change.wanted).await {
            return Err(put_back(cx, befores.get(..=index).unwrap_or_default(), stop).await);
        }
    }
    Ok(())
}

/// Writes one rule and reads it back; nothing is written when it is there already.
async fn apply(cx: &Cx<'_>, change: &Change<'_>, live: &Actions, wanted: &Actions) -> Result<(), Stop> {
    let record = cx.ports.ledger.record(cx.run).await?;
    let effect = effect_name(&record, cx.step.as_str(), change.rule(), wanted);
    let (load_balancer, port, rule) = (change.name(), change.side.port, change.rule().clone());
    if live == wanted {
        cx.effect(&effect, json!(wanted), |_| async { Ok(wanted.clone()) }).await?;
        cx.say(EventKind::RouteUnchanged { load_balancer, port, rule, forward: shown(wanted) }).await?;
        return Ok(());
    }
    let (from, to) = (shown(live), shown(wanted));
    cx.say(EventKind::RouteRequested { load_balancer: load_balancer.clone(), port, rule: rule.clone(), from, to: to.clone() })
        .await?;
    cx.effect(&effect, json!(wanted), |_| async {
        cx.routes()?.set_actions(&change.side.route, wanted).await?;
        let found = read(cx, change.rule()).await?;
        if found == *wanted { Ok(wanted.clone()) } else { Err(StepError::route_drift(&rule, wanted, &found).into()) }
    })
    .await?;
    cx.say(EventKind::RouteWritten { load_balancer, port, rule, forward: to }).await?;
    Ok(())
}

/// Gives rules back what they had, the last one first; the error that led here says what could not be.
async fn put_back(cx: &Cx<'_>, befores: &[Before<'_>], stop: Stop) -> Stop {
    let Stop::Step(mut error) = stop else { return stop };
    let mut written = Vec::new();
    for before in befores.iter().rev() {
        match read(cx, before.change.rule()).await {
            Ok(live) if live == before.live => {}
            Ok(live) => written.push((before, live)),
            Err(Stop::Store(error)) => return Stop::Store(error),
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
            Ok(()) => apply(cx, before.change, &live, &before.live).await,
            Err(stop) => Err(stop),
        };
        match done {
            Ok(()) => {}
            Err(Stop::Store(error)) => return Stop::Store(error),
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
    match cx.routes()?.rule(rule).await? {
        Some(found) => Ok(found.actions),
        None => {
            let message = format!("rule {rule} is gone: somebody deleted it under this run");
            Err(StepError::new(ErrorClass::Drift, message)
                .hint("this run can no longer change where requests go; look at the listener in AWS's console")
                .into())
        }
    }
}

async fn undrifted(cx: &Cx<'_>, change: &Change<'_>, live: &Actions) -> Result<(), Stop> {
    let record = cx.ports.ledger.record(cx.run).await?;
    let rule = change.rule();
    let allowed = expected(record.iter().filter(|entry| is_of(entry, rule)), change.side.actions.clone());
    if *live == change.wanted || allowed.contains(live) {
        return Ok(());
    }
    let last = allowed.first().unwrap_or(&change.side.actions);
    Err(StepError::route_drift(rule, last, live).into())
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

async fn serves(cx: &Cx<'_>, balancer: &str, group: &TargetGroupArn) -> Result<(), Stop> {
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

/// The entries of one rule.
pub(super) fn is_of(entry: &EffectRecord, rule: &RuleArn) -> bool {
    entry.effect.strip_prefix("route ").and_then(|rest| rest.split(' ').next()) == Some(rule.as_str())
}

/// The name of the effect that writes a rule. A rule may be written more than once in a step, when it is put back or when
/// the step is tried again: each write has its own entry, and the last one is gone on with while its outcome is not known.
fn effect_name(record: &[EffectRecord], step: &str, rule: &RuleArn, wanted: &Actions) -> String {
    let of_step: Vec<_> = record.iter().filter(|entry| entry.step.as_str() == step && is_of(entry, rule)).collect();
    match of_step.last() {
        Some(last) if last.outcome.is_none() && last.intent == json!(wanted) => last.effect.clone(),
        _ => format!("route {rule} {}", of_step.len()),
    }
}

/// What an event shows of an action list.
fn shown(actions: &Actions) -> Forward {
    actions.forward().cloned().unwrap_or(Forward { order: None, targets: Vec::new(), stickiness_seconds: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_model::{ForwardTarget, RouteAction, StepId};

    fn actions(weight: u16) -> Actions {
        let targets = vec![ForwardTarget { group: TargetGroupArn::new("tg"), weight: Some(weight) }];
        Actions(vec![RouteAction::Forward(Forward { order: None, targets, stickiness_seconds: None })])
    }

    fn entry(effect: &str, weight: u16, settled: bool) -> EffectRecord {
        EffectRecord {
            step: StepId::new("route/shift-1"),
            effect: effect.into(),
            intent: json!(actions(weight)),
            outcome: settled.then(|| json!(actions(weight))),
        }
    }

    #[test]
    fn every_write_has_an_entry_and_an_unknown_one_is_gone_on_with() {
        let rule = RuleArn::new("arn:rule/1");
        let name = |record: &[EffectRecord], weight| effect_name(record, "route/shift-1", &rule, &actions(weight));
        assert_eq!(name(&[], 10), "route arn:rule/1 0");
        // Its outcome is not known: the same write goes on, another one is an entry of its own.
        let unknown = [entry("route arn:rule/1 0", 10, false)];
        assert_eq!(name(&unknown, 10), "route arn:rule/1 0");
        assert_eq!(name(&unknown, 0), "route arn:rule/1 1");
        // Its outcome was never known, it was put back, and the step is tried again.
        let unknown = [entry("route arn:rule/1 0", 10, false), entry("route arn:rule/1 1", 0, true)];
        assert_eq!(name(&unknown, 10), "route arn:rule/1 2");
        let put_back = [entry("route arn:rule/1 0", 10, true), entry("route arn:rule/1 1", 0, true)];
        assert_eq!(name(&put_back, 10), "route arn:rule/1 2");
        assert!(!is_of(&entry("route arn:rule/11 0", 10, true), &rule));
    }
}
