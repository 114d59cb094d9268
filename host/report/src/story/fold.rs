//! How each event goes into the story: the run, its steps with what they were busy with, questions, errors, wrap-ups. Pure.

use shiftgate_model::{Ballot, Event, EventKind, Millis, ReceiptAction, StepError, StepId, Timestamp};

use super::{
    Answer, Busy, Cast, Facts, Head, Heading, Line, Question, Receipt, Rollback, Span, State, Step, StepState, Story, Trouble,
};
use crate::text::Text;
use crate::words::date_time;

/// The phase that the next steps belong to, while the events go by.
type Phase = Option<String>;

pub(super) fn folded(facts: Facts, events: &[Event]) -> Story {
    let began = events.first().map_or(facts.created_at, |event| event.at);
    let mut story = Story {
        run: Text::of(&facts.run),
        head: facts.heading.as_ref().map(Head::of),
        began,
        ended: None,
        until: began,
        state: State::Running,
        summary: Text::default(),
        rollback: None,
        steps: Vec::new(),
        groups: Vec::new(),
        routes: Vec::new(),
        traffic: Vec::new(),
        left: Vec::new(),
        verifications: Vec::new(),
        questions: Vec::new(),
        receipts: Vec::new(),
        errors: Vec::new(),
        events: Vec::with_capacity(events.len()),
    };
    for planned in facts.planned {
        story.join(&planned.id, planned.phase.as_deref(), &planned.title, StepState::Pending);
    }
    let mut phase = None;
    for event in events {
        story.see(event, &mut phase);
    }
    let last = events.last().map_or(began, |event| event.at);
    story.until = story.ended.unwrap_or_else(|| if facts.driven == Some(false) { last } else { last.max(facts.now) });
    if story.ended.is_some() {
        let pending = |step: &&mut Step| step.state == StepState::Pending;
        story.steps.iter_mut().filter(pending).for_each(|step| step.state = StepState::NotReached);
    } else {
        story.state = match facts.driven {
            Some(false) => State::Stopped,
            _ if story.questions.iter().any(|question| matches!(question.answer, Answer::Open)) => State::Asks,
            _ if story.rollback.is_some() => State::RollingBack,
            _ => State::Running,
        };
    }
    story
}

impl Story {
    fn see(&mut self, event: &Event, phase: &mut Phase) {
        let step = event.step.as_ref().map(Text::of).unwrap_or_default();
        self.events.push(Line { sequence: event.sequence, at: event.at, step, what: Text::of(&event.kind) });
        self.see_run(event, phase);
        if let Some(id) = &event.step {
            self.see_step(id, event.at, &event.kind, phase);
            self.see_question(id, event.at, &event.kind);
            self.see_error(id, event.at, &event.kind);
        }
        self.see_groups(event.at, &event.kind);
        self.see_routes(event.at, &event.kind);
    }

    fn see_run(&mut self, event: &Event, phase: &mut Phase) {
        match &event.kind {
            EventKind::RunStarted { workflow, strategy, service, environment, infrastructure, artifact } => {
                let [workflow, strategy, service] = [workflow, strategy, service].map(Text::of);
                let [environment, infrastructure] = [environment, infrastructure].map(Text::of);
                let artifact = Text::of(artifact);
                self.head = Some(Head { workflow, strategy, service, environment, infrastructure, artifact });
            }
            EventKind::RunResumed => {
                self.ended = None;
                self.summary = Text::default();
                self.left.clear();
            }
            EventKind::PhaseStarted { phase: name } => *phase = Some(name.clone()),
            EventKind::RollbackStarted { reason } => {
                *phase = None;
                self.leave_off(event.at);
                self.rollback = Some(Rollback { at: event.at, reason: Text::of(reason) });
                if let Some(id) = &event.step {
                    self.start(id, None, "Rollback", event.at);
                }
            }
            EventKind::Left { what } => self.left.push(Text::of(what)),
            EventKind::RunEnded { ending, summary } => {
                self.leave_off(event.at);
                self.state = State::Ended(*ending);
                self.ended = Some(event.at);
                self.summary = Text::of(summary);
            }
            _ => {}
        }
    }

    fn see_step(&mut self, id: &StepId, at: Timestamp, kind: &EventKind, phase: &Phase) {
        match kind {
            EventKind::StepStarted { title } => self.start(id, phase.as_deref(), title, at),
            EventKind::StepSkipped { .. } => {
                self.join(id, phase.as_deref(), "", StepState::Skipped);
                self.close(id, at, StepState::Skipped, None);
            }
            EventKind::StepSucceeded { took } => self.close(id, at, StepState::Done, Some(*took)),
            EventKind::StepFailed { .. } => self.close(id, at, StepState::Failed, None),
            EventKind::StepIgnored { .. } => self.close(id, at, StepState::Ignored, None),
            EventKind::SteadyStateAwaited { .. } => self.busy(id, at, Busy::Settles),
            EventKind::DrainAwaited { .. } => self.busy(id, at, Busy::Drains),
            EventKind::ApprovalRequested { .. } | EventKind::InterventionRequested { .. } => self.busy(id, at, Busy::Asks),
            EventKind::LockWaited { holder, .. } => {
                self.join(id, phase.as_deref(), &format!("Wait for run {holder}"), StepState::Running);
                self.busy(id, at, Busy::Waits);
                self.step(id, |step| step.queues = true);
            }
            EventKind::Waiting { .. } | EventKind::StepRetried { .. } => self.busy(id, at, Busy::Waits),
            EventKind::SteadyStateReached { .. }
            | EventKind::CapacityFound { .. }
            | EventKind::GroupEmptied { .. }
            | EventKind::Approved { .. }
            | EventKind::Rejected { .. }
            | EventKind::ApprovalExpired
            | EventKind::InterventionExpired { .. }
            | EventKind::RetryOrdered { .. } => self.busy(id, at, Busy::Acts),
            // A next attempt says no more than that; and the plugin of an approval acts while people are asked.
            EventKind::Measured { .. } | EventKind::PluginLoaded { .. } if self.waits(id) => self.busy(id, at, Busy::Acts),
            _ => {}
        }
    }

    fn see_question(&mut self, id: &StepId, at: Timestamp, kind: &EventKind) {
        match kind {
            EventKind::ApprovalRequested { message, approvers, quorum, expires_at } => {
                let who = if approvers.is_empty() { "anyone".to_owned() } else { approvers.join(", ") };
                self.ask(id, at, *expires_at, Text::of(message), Text::of(format!("{quorum} of {who}")));
            }
            EventKind::InterventionRequested { error, expires_at, otherwise } => {
                self.ask(id, at, *expires_at, Text::of(error), Text::of(format!("without an answer: {otherwise}")));
            }
            EventKind::BallotCast { ballot } => self.vote(id, ballot, None),
            EventKind::BallotRefused { ballot, reason } => self.vote(id, ballot, Some(Text::of(reason))),
            EventKind::Approved { by } => self.answer(id, at, Answer::Approved(Text::of(by.join(", ")))),
            EventKind::Rejected { by, comment } if comment.is_empty() => {
                self.answer(id, at, Answer::Rejected(Text::of(by)));
            }
            EventKind::Rejected { by, comment } => self.answer(id, at, Answer::Rejected(Text::of(format!("{by}: {comment}")))),
            EventKind::ApprovalExpired => self.answer(id, at, Answer::Expired(Text::default())),
            EventKind::InterventionExpired { otherwise } => self.answer(id, at, Answer::Expired(Text::of(otherwise))),
            EventKind::RetryOrdered { reason } => self.answer(id, at, Answer::Retried(Text::of(reason))),
            EventKind::WrapUpActed { action } => {
                let failed = matches!(action, ReceiptAction::Failed(_));
                self.receipts.push(Receipt { at, step: Text::of(id), what: Text::of(kind), failed });
            }
            _ => {}
        }
    }

    fn see_error(&mut self, id: &StepId, at: Timestamp, kind: &EventKind) {
        let (error, then): (&StepError, String) = match kind {
            EventKind::StepFailed { error } => (error, "the step failed".to_owned()),
            EventKind::StepIgnored { error } => (error, "the run went on".to_owned()),
            EventKind::StepRetried { attempt, after, error } => (error, format!("attempt {attempt} after {after}")),
            EventKind::InterventionRequested { error, expires_at, .. } => {
                (error, format!("a person was asked, until {}", date_time(*expires_at)))
            }
            _ => return,
        };
        self.errors.push(Trouble {
            at,
            step: Text::of(id),
            class: error.class,
            message: Text::of(&error.message),
            hint: error.hint.as_ref().map(Text::of),
            then: Text::of(then),
        });
    }

    fn ask(&mut self, id: &StepId, at: Timestamp, expires: Timestamp, what: Text, terms: Text) {
        let (votes, answer) = (Vec::new(), Answer::Open);
        let step = Text::of(id);
        self.questions.push(Question { key: id.clone(), step, at, expires, what, terms, votes, answer, answered: None });
    }

    fn vote(&mut self, id: &StepId, ballot: &Ballot, refused: Option<Text>) {
        let cast =
            Cast { by: Text::of(&ballot.subject), vote: ballot.vote, at: ballot.at, comment: Text::of(&ballot.comment), refused };
        let asked = self.questions.iter_mut().rfind(|question| question.key == *id);
        asked.into_iter().for_each(|question| question.votes.push(cast.clone()));
    }

    fn answer(&mut self, id: &StepId, at: Timestamp, answer: Answer) {
        let open = |question: &&mut Question| question.key == *id && matches!(question.answer, Answer::Open);
        if let Some(question) = self.questions.iter_mut().rfind(open) {
            question.answer = answer;
            question.answered = Some(at);
        }
    }

    fn start(&mut self, id: &StepId, phase: Option<&str>, title: &str, at: Timestamp) {
        // The wait for another run is over when a step begins. A verification in the background waits beside the steps.
        let queues = |step: &&mut Step| step.queues && step.state == StepState::Running && step.key != *id;
        for step in self.steps.iter_mut().filter(queues) {
            step.end_span(at);
            step.state = StepState::Done;
        }
        self.join(id, phase, title, StepState::Running);
        self.step(id, |step| {
            step.title = Text::of(title);
            step.state = StepState::Running;
            step.queues = false;
            step.took = None;
        });
        self.busy(id, at, Busy::Acts);
    }

    /// From now on the step is busy with something else. One that ended does not begin again by that.
    fn busy(&mut self, id: &StepId, at: Timestamp, what: Busy) {
        self.step(id, |step| {
            let open = step.spans.last().filter(|span| span.to.is_none()).map(|span| span.what);
            if step.state == StepState::Running && open != Some(what) {
                step.end_span(at);
                step.spans.push(Span { what, from: at, to: None });
            }
        });
    }

    fn waits(&self, id: &StepId) -> bool {
        let step = self.steps.iter().find(|step| step.key == *id);
        step.and_then(|step| step.spans.last()).is_some_and(|span| span.what == Busy::Waits && span.to.is_none())
    }

    fn close(&mut self, id: &StepId, at: Timestamp, state: StepState, took: Option<Millis>) {
        self.step(id, |step| {
            step.end_span(at);
            step.state = state;
            step.took = took.or_else(|| step.spans.first().map(|first| at.since(first.from)));
        });
    }

    /// What was under way when the run ended, or went back, is over.
    fn leave_off(&mut self, at: Timestamp) {
        for step in self.steps.iter_mut().filter(|step| step.state == StepState::Running) {
            step.end_span(at);
            step.state = StepState::Left;
        }
        for question in &mut self.questions {
            if matches!(question.answer, Answer::Open) {
                question.answer = Answer::Dropped;
            }
        }
    }

    fn join(&mut self, id: &StepId, phase: Option<&str>, title: &str, state: StepState) {
        if !self.steps.iter().any(|step| step.key == *id) {
            self.steps.push(Step {
                key: id.clone(),
                id: Text::of(id),
                phase: phase.map(Text::of),
                title: Text::of(title),
                state,
                queues: false,
                took: None,
                spans: Vec::new(),
            });
        }
    }

    fn step(&mut self, id: &StepId, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.key == *id) {
            change(step);
        }
    }
}

impl Head {
    fn of(heading: &Heading) -> Self {
        let Heading { workflow, strategy, service, environment, infrastructure, artifact } = heading;
        let [workflow, strategy, service] = [workflow, strategy, service].map(Text::of);
        let [environment, infrastructure] = [environment, infrastructure].map(Text::of);
        Self { workflow, strategy, service, environment, infrastructure, artifact: Text::of(artifact) }
    }
}

impl Step {
    fn end_span(&mut self, at: Timestamp) {
        if let Some(last) = self.spans.last_mut().filter(|span| span.to.is_none()) {
            last.to = Some(at);
        }
    }
}
