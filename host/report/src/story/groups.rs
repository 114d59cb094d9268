//! What each event says of groups, of routes, and of the share of requests that the new group gets. Pure.

use shiftgate_model::{Capacity, EventKind, Forward, ForwardTarget, GroupId, TargetGroupArn, Timestamp};

use super::{Group, Role, Route, Story};
use crate::text::Text;

impl Story {
    pub(super) fn see_groups(&mut self, at: Timestamp, kind: &EventKind) {
        match kind {
            EventKind::LiveGroupFound { id, name, capacity } => self.group(id, |group| {
                group.name = Text::of(name);
                group.role = Role::Old;
                group.original.get_or_insert(*capacity);
                group.has(at, *capacity);
            }),
            EventKind::GroupCreated { id, name, .. } => self.group(id, |group| {
                group.name = Text::of(name);
                group.role = Role::New;
                group.has(at, Capacity::ZERO);
                group.healthy.push((at, 0));
            }),
            EventKind::CapacityFound { group, capacity }
            | EventKind::CapacityRequested { group, capacity }
            | EventKind::CapacityUnchanged { group, capacity } => self.group(group, |group| group.has(at, *capacity)),
            EventKind::HealthSeen { group, total, healthy, .. } => self.group(group, |group| {
                group.total = Some(*total);
                group.healthy.push((at, *healthy));
            }),
            EventKind::GroupEmptied { group } => self.group(group, |group| {
                group.total = Some(0);
                group.healthy.push((at, 0));
            }),
            EventKind::DeleteRequested { group, name }
            | EventKind::GroupKept { group, name, .. }
            | EventKind::GroupRenamed { group, name } => self.group(group, |group| group.name = Text::of(name)),
            EventKind::GroupDeleted { group, .. } => self.group(group, |group| group.deleted = Some(at)),
            _ => {}
        }
    }

    pub(super) fn see_routes(&mut self, at: Timestamp, kind: &EventKind) {
        match kind {
            // A setup that is gone on with reads again; what was there first is what was there before the run.
            EventKind::RouteRead { load_balancer, port, rule, forward }
                if !self.routes.iter().any(|route| route.rule == *rule) =>
            {
                let route = Route {
                    rule: rule.clone(),
                    load_balancer: Text::of(load_balancer),
                    port: *port,
                    before: Text::of(forward),
                    now: Text::of(forward),
                    read: forward.clone(),
                    stage: None,
                };
                self.routes.push(route);
            }
            EventKind::TargetGroupsTold { load_balancer, stage, .. } => {
                let balancer = Text::of(load_balancer);
                // The rule of the stage side sends all to the stage group, and no users come in there.
                let production = |route: &&mut Route| route.load_balancer == balancer && share(&route.read, stage) < Some(100.0);
                for route in self.routes.iter_mut().filter(production) {
                    let share = share(&route.read, stage);
                    route.stage = Some(stage.clone());
                    if self.traffic.is_empty() {
                        self.traffic.extend(share.map(|share| (at, share)));
                    }
                }
            }
            EventKind::RouteWritten { rule, forward, .. } | EventKind::RouteUnchanged { rule, forward, .. } => {
                let Some(route) = self.routes.iter_mut().find(|route| route.rule == *rule) else { return };
                route.now = Text::of(forward);
                let share = route.stage.as_ref().and_then(|stage| share(forward, stage));
                self.traffic.extend(share.map(|share| (at, share)));
            }
            EventKind::Shifted { weight } => self.traffic.push((at, f64::from(weight.get()))),
            EventKind::Swapped => self.traffic.push((at, 100.0)),
            _ => {}
        }
    }

    /// Changes the group, which joins the list when it is seen for the first time.
    fn group(&mut self, id: &GroupId, change: impl FnOnce(&mut Group)) {
        if !self.groups.iter().any(|group| group.key == *id) {
            self.groups.push(Group {
                key: id.clone(),
                id: Text::of(id),
                name: Text::default(),
                role: Role::Older,
                original: None,
                capacity: None,
                target: Vec::new(),
                healthy: Vec::new(),
                total: None,
                deleted: None,
            });
        }
        if let Some(group) = self.groups.iter_mut().find(|group| group.key == *id) {
            change(group);
        }
    }
}

impl Group {
    fn has(&mut self, at: Timestamp, capacity: Capacity) {
        self.capacity = Some(capacity);
        self.target.push((at, capacity.target));
    }

    /// Its healthy instances at the last look.
    pub(crate) fn healthy_now(&self) -> Option<u32> {
        self.healthy.last().map(|(_, healthy)| *healthy)
    }
}

/// The share of a target group in a rule, 0 to 100; none where the rule sends nothing anywhere.
fn share(forward: &Forward, of: &TargetGroupArn) -> Option<f64> {
    let weight = |target: &ForwardTarget| f64::from(target.weight.unwrap_or(1));
    let all: f64 = forward.targets.iter().map(weight).sum();
    let theirs: f64 = forward.targets.iter().filter(|target| target.group == *of).map(weight).sum();
    (all > 0.0).then(|| theirs / all * 100.0)
}
