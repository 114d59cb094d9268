//! What the load balancers hold of a group's instances: one look at each target group that the group stands in.

use shiftgate_model::{EventKind, InstanceId, TargetGroupArn, TargetHealth, TargetState};

use super::{Cx, Stop};

/// What was last said of each target group, so that the log shows changes only.
#[derive(Default)]
pub(super) struct Seen(Vec<(TargetGroupArn, String)>);

/// How a look ended.
pub(super) enum Targets {
    /// Enough instances are healthy in every target group.
    Ready,
    /// Some are not: which, and what they are.
    NotYet(String),
    /// A target group could not be looked at.
    Unknown(String),
}

/// Looks at each target group until one does not have `target` of the instances healthy.
pub(super) async fn look(
    cx: &Cx<'_>,
    groups: &[TargetGroupArn],
    instances: &[InstanceId],
    target: u32,
    seen: &mut Seen,
) -> Result<Targets, Stop> {
    for group in groups {
        let targets = match cx.routes()?.target_health(group).await {
            Ok(targets) => targets,
            Err(error) => {
                let reason = error.to_string();
                let kind = EventKind::TargetsUnavailable { target_group: group.clone(), reason: reason.clone() };
                seen.say(cx, group, kind).await?;
                return Ok(Targets::Unknown(reason));
            }
        };
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let found = instances.iter().filter_map(|id| targets.iter().find(|target| target.target == *id));
        let (registered, healthy) = (found.clone().count(), found.filter(is_healthy).count());
        let kind = EventKind::TargetsSeen {
            target_group: group.clone(),
            desired: target,
            registered: number(registered),
            healthy: number(healthy),
        };
        seen.say(cx, group, kind).await?;
        if number(healthy) < target {
            return Ok(Targets::NotYet(words(group, instances, &targets)));
        }
    }
    Ok(Targets::Ready)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "an iterator's filter passes a reference to its item")]
fn is_healthy(target: &&TargetHealth) -> bool {
    target.state == TargetState::Healthy
}

/// Which instances are not healthy there, and why; the first five.
fn words(group: &TargetGroupArn, instances: &[InstanceId], targets: &[TargetHealth]) -> String {
    let state = |id: &InstanceId| match targets.iter().find(|target| target.target == *id) {
        Some(TargetHealth { state: TargetState::Healthy, .. }) => None,
        Some(TargetHealth { state, reason: Some(reason), .. }) => Some(format!("{id} is {state} ({reason})")),
        Some(TargetHealth { state, reason: None, .. }) => Some(format!("{id} is {state}")),
        None => Some(format!("{id} is not registered")),
    };
    let list: Vec<String> = instances.iter().filter_map(state).take(5).collect();
    format!("in target group `{}`: {}", group.name(), list.join(", "))
}

impl Seen {
    async fn say(&mut self, cx: &Cx<'_>, group: &TargetGroupArn, kind: EventKind) -> Result<(), Stop> {
        let line = kind.to_string();
        if self.0.iter().any(|(known, last)| known == group && *last == line) {
            return Ok(());
        }
        cx.say(kind).await?;
        self.0.retain(|(known, _)| known != group);
        self.0.push((group.clone(), line));
        Ok(())
    }
}
