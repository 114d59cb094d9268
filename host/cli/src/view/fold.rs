//! How each event changes what is known of a run: of its steps, of its groups, and of what it waits for.

use shiftgate_model::{Capacity, Event, EventKind, GroupId, StepId, Timestamp, Vote};
use shiftgate_report::Heading;

use super::{GroupView, Role, RouteView, StepState, StepView, View, Wait};

impl View {
    /// The next event of the run.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.events = event.sequence;
        let step = event.step.as_ref();
        match &event.kind {
            EventKind::RunStarted { workflow, strategy, service, environment, infrastructure, artifact } => {
                self.started_at.get_or_insert(event.at);
                self.header = Some(Heading {
                    workflow: workflow.clone(),
                    strategy: strategy.clone(),
                    service: service.clone(),
                    environment: environment.clone(),
                    infrastructure: infrastructure.clone(),
                    artifact: artifact.clone(),
                });
            }
            EventKind::RunResumed => {
                self.ending = None;
                self.ended_at = None;
                self.left.clear();
            }
            EventKind::PhaseStarted { phase } => self.phase = Some(phase.clone()),
            EventKind::RollbackStarted { reason } => {
                self.rolling_back = Some(reason.clone());
                self.phase = None;
                self.leave_off();
                if let Some(step) = step {
                    self.step_started(step, "Rollback", event.at);
                }
            }
            EventKind::Left { what } => self.left.push(what.clone()),
            EventKind::RunEnded { ending, summary } => {
                self.ending = Some(*ending);
                self.ended_at = Some(event.at);
                self.summary.clone_from(summary);
                self.waits_for = None;
            }
            other => {
                self.apply_to_step(step, event.at, other);
                self.apply_to_groups(other);
                self.apply_to_routes(other);
                self.apply_to_waits(step, event.at, other);
            }
        }
    }

    fn apply_to_step(&mut self, id: Option<&StepId>, at: Timestamp, kind: &EventKind) {
        let Some(id) = id else { return };
        match kind {
            EventKind::StepStarted { title } => self.step_started(id, title, at),
            EventKind::StepSkipped { reason } => self.step_is(id, StepState::Skipped, reason),
            EventKind::StepSucceeded { took } => self.step(id, |step| {
                step.state = StepState::Done;
                step.took = Some(*took);
            }),
            EventKind::StepFailed { error } => self.step_is(id, StepState::Failed, &error.message),
            EventKind::StepIgnored { error } => self.step_is(id, StepState::Ignored, &error.message),
            EventKind::StepRetried { attempt, error, .. } => {
                self.step_is(id, StepState::Running, &format!("attempt {attempt}, after: {}", error.message));
            }
            EventKind::Waiting { .. } | EventKind::ApprovalRequested { .. } => {
                self.step(id, |step| step.state = StepState::Waiting);
            }
            EventKind::InterventionRequested { error, .. } => self.step_is(id, StepState::Waiting, &error.message),
            EventKind::Approved { .. } | EventKind::Rejected { .. } | EventKind::ApprovalExpired => {
                self.step(id, |step| step.state = StepState::Running);
            }
            EventKind::BackgroundStarted { .. } => self.step_is(id, StepState::Running, "goes on in the background"),
            EventKind::Verified { summary, .. } => self.step(id, |step| step.detail.clone_from(summary)),
            EventKind::PluginProgress { message } => self.step(id, |step| step.detail.clone_from(message)),
            _ => {}
        }
    }

    fn apply_to_groups(&mut self, kind: &EventKind) {
        match kind {
            EventKind::LiveGroupFound { id, name, capacity } => self.group(id, |group| {
                group.name = Some(name.clone());
                group.role = Role::Old;
                group.original = Some(*capacity);
                group.capacity = Some(*capacity);
            }),
            EventKind::GroupCreated { id, name, .. } => self.group(id, |group| {
                group.name = Some(name.clone());
                group.role = Role::New;
                group.capacity = Some(Capacity::ZERO);
            }),
            EventKind::CapacityFound { group, capacity }
            | EventKind::CapacityRequested { group, capacity }
            | EventKind::CapacityUnchanged { group, capacity } => {
                self.group(group, |group| group.capacity = Some(*capacity));
            }
            EventKind::HealthSeen { group, total, healthy, .. } => self.group(group, |group| {
                group.total = Some(*total);
                group.healthy = Some(*healthy);
            }),
            EventKind::GroupEmptied { group } => self.group(group, |group| {
                group.total = Some(0);
                group.healthy = Some(0);
            }),
            EventKind::DeleteRequested { group, name } | EventKind::GroupKept { group, name, .. } => {
                self.group(group, |group| group.name = Some(name.clone()));
            }
            EventKind::GroupDeleted { group, .. } => self.group(group, |group| group.deleted = true),
            EventKind::GroupRenamed { group, name } => self.group(group, |group| group.name = Some(name.clone())),
            _ => {}
        }
    }

    fn apply_to_routes(&mut self, kind: &EventKind) {
        match kind {
            // A setup that is gone on with reads again; what was there first is what was there before the run.
            EventKind::RouteRead { load_balancer, port, rule, forward }
                if !self.routes.iter().any(|route| route.rule == *rule) =>
            {
                let [now, before] = [forward.to_string(), forward.to_string()];
                let (load_balancer, rule) = (load_balancer.clone(), rule.clone());
                self.routes.push(RouteView { load_balancer, port: *port, rule, now, before });
            }
            EventKind::RouteWritten { rule, forward, .. } | EventKind::RouteUnchanged { rule, forward, .. } => {
                let known = self.routes.iter_mut().find(|route| route.rule == *rule);
                known.into_iter().for_each(|route| route.now = forward.to_string());
            }
            _ => {}
        }
    }

    fn apply_to_waits(&mut self, step: Option<&StepId>, at: Timestamp, kind: &EventKind) {
        match kind {
            EventKind::LockWaited { family, holder, ahead } => {
                self.waits_for = Some(Wait::Lock { family: family.clone(), holder: holder.clone(), ahead: *ahead });
            }
            EventKind::SteadyStateAwaited { group, timeout } => {
                let until = at.plus(*timeout);
                self.waits_for = Some(Wait::SteadyState { step: step.cloned(), group: group.clone(), until });
            }
            EventKind::DrainAwaited { target_group, time } => {
                let target_group = target_group.name().to_owned();
                self.waits_for = Some(Wait::Drain { step: step.cloned(), target_group, until: at.plus(*time) });
            }
            EventKind::ApprovalRequested { message, approvers, quorum, expires_at } => {
                let Some(step) = step.cloned() else { return };
                self.waits_for = Some(Wait::Vote {
                    step,
                    message: message.clone(),
                    approvers: approvers.clone(),
                    quorum: *quorum,
                    expires_at: *expires_at,
                    votes: Vec::new(),
                });
            }
            EventKind::InterventionRequested { error, expires_at, otherwise } => {
                let Some(step) = step.cloned() else { return };
                let (error, otherwise) = (error.message.clone(), otherwise.clone());
                self.waits_for = Some(Wait::Intervention { step, error, otherwise, expires_at: *expires_at });
            }
            EventKind::BallotCast { ballot } => {
                if let Some(Wait::Vote { votes, .. }) = &mut self.waits_for {
                    let vote = if ballot.vote == Vote::Approve { "approves" } else { "rejects" };
                    votes.push(format!("{} {vote}", ballot.subject));
                }
            }
            EventKind::Waiting { until, signal } if self.vote().is_none() => {
                self.waits_for = Some(Wait::Signal { step: step.cloned(), signal: signal.clone(), until: *until });
            }
            // A background verification says its part beside the step that waits.
            kind if !begins(kind) && self.waits_for.as_ref().is_some_and(|wait| wait.is_of_another(step)) => {}
            EventKind::SteadyStateReached { .. }
            | EventKind::CapacityFound { .. }
            | EventKind::GroupEmptied { .. }
            | EventKind::Approved { .. }
            | EventKind::Rejected { .. }
            | EventKind::ApprovalExpired
            | EventKind::InterventionExpired { .. }
            | EventKind::RetryOrdered { .. }
            | EventKind::StepStarted { .. }
            | EventKind::StepSkipped { .. }
            | EventKind::StepSucceeded { .. }
            | EventKind::StepFailed { .. }
            | EventKind::StepIgnored { .. }
            | EventKind::StepRetried { .. } => self.waits_for = None,
            _ => {}
        }
    }

    fn step_started(&mut self, id: &StepId, title: &str, at: Timestamp) {
        self.step(id, |step| {
            title.clone_into(&mut step.title);
            step.state = StepState::Running;
            step.detail.clear();
            step.started_at.get_or_insert(at);
            step.took = None;
        });
    }

    /// A step that was under way when its process was killed does not go on once the run is rolled back, and says no more.
    fn leave_off(&mut self) {
        self.waits_for = None;
        for step in &mut self.steps {
            if matches!(step.state, StepState::Running | StepState::Waiting) {
                step.state = StepState::Skipped;
                step.detail = "left as it stood, for the rollback".to_owned();
            }
        }
    }

    fn step_is(&mut self, id: &StepId, state: StepState, detail: &str) {
        self.step(id, |step| {
            step.state = state;
            detail.clone_into(&mut step.detail);
        });
    }

    /// Changes the step, which joins the list when it is not of the plan's.
    fn step(&mut self, id: &StepId, change: impl FnOnce(&mut StepView)) {
        if !self.steps.iter().any(|step| step.id == *id) {
            self.steps.push(StepView {
                id: id.clone(),
                phase: self.phase.clone(),
                title: String::new(),
                state: StepState::Running,
                detail: String::new(),
                started_at: None,
                took: None,
            });
        }
        if let Some(step) = self.steps.iter_mut().find(|step| step.id == *id) {
            change(step);
        }
    }

    /// Changes the group, which joins the list when it is seen for the first time.
    fn group(&mut self, id: &GroupId, change: impl FnOnce(&mut GroupView)) {
        if !self.groups.iter().any(|group| group.id == *id) {
            self.groups.push(GroupView {
                id: id.clone(),
                name: None,
                role: Role::Other,
                capacity: None,
                original: None,
                healthy: None,
                total: None,
                deleted: false,
            });
        }
        if let Some(group) = self.groups.iter_mut().find(|group| group.id == *id) {
            change(group);
        }
    }
}

const fn begins(kind: &EventKind) -> bool {
    matches!(kind, EventKind::StepStarted { .. })
}
