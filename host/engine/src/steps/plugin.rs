//! Steps that are plugins: start, then poll after each wait, in a fresh instance every time. What a verification or an
//! approval amounts to is decided in `verdicts`; this file calls, waits and cancels.

use std::collections::BTreeMap;

use serde_json::Value;
use shiftgate_model::{
    Call, Digest, Ending, ErrorClass, EventKind, Millis, Outcome, Parked, PluginCall, PluginKind, PluginReply, Receipt,
    ReceiptAction, RunInfo, Stage, StepError, StepId, Suspension, Timestamp, Wake,
};
use shiftgate_workflow::{Action, Approve, PluginStep, fill};

use super::background::Woken;
use super::verdicts::{consider, decided_by_person, expired, judge};
use super::{Cx, Job, Stop, background, calls, of_ending};
use crate::{Facts, StepState, TaskReply, Waking};

/// A step that has called its plugin so often is in no hurry.
const EAGER: u32 = 100;
/// How long it waits from then on at least: each call is on record.
const REST: Millis = Millis::seconds(1);

pub(super) async fn run(cx: &Cx<'_>, job: &Job<'_>) -> Result<TaskReply, Stop> {
    match &job.step.action {
        Action::Verify(step) => verify(cx, job, step).await,
        Action::Approve(approve) => self::approve(cx, job, approve).await,
        Action::WrapUp(step) => wrap_up(cx, job, step).await,
        Action::Setup | Action::Deploy(_) | Action::Swap(_) | Action::Shift(_) | Action::Background => {
            Err(StepError::new(ErrorClass::Application, "this step is no plugin").into())
        }
    }
}

async fn verify(cx: &Cx<'_>, job: &Job<'_>, step: &PluginStep) -> Result<TaskReply, Stop> {
    let visit = Visit::of(cx, job, step, PluginKind::Verification, Some(step.limit()));
    let action = match &job.resumed {
        // A process that was killed behind its start has left it there already.
        None if step.background && background::is_open(cx).await? => return Ok(TaskReply::Done(job.facts.clone())),
        None => Call::Start { summary: None },
        Some((state, waking)) if state.plugin.is_none() => return decided_by_person(cx, job, waking).await,
        Some((_, Waking::Expired)) => {
            visit.cancel().await?;
            return Err(visit.late().into());
        }
        Some((state, waking)) => poll(state, waking),
    };
    match visit.call(action).await?.outcome {
        Outcome::Wait(suspension) if step.background => visit.leave(suspension).await,
        Outcome::Wait(suspension) => visit.suspend(suspension, 0),
        Outcome::Reported(report) => judge(cx, job, &visit.source, report).await,
        other => Err(visit.broken(&other).into()),
    }
}

async fn approve(cx: &Cx<'_>, job: &Job<'_>, approve: &Approve) -> Result<TaskReply, Stop> {
    let visit = Visit::of(cx, job, &approve.step, PluginKind::Approval, Some(approve.expires));
    let (action, shown) = match &job.resumed {
        None => {
            let message = visit.filled(&Value::String(approve.message.clone()))?;
            let kind = EventKind::ApprovalRequested {
                message: message.as_str().unwrap_or_default().to_owned(),
                approvers: approve.approvers.clone(),
                quorum: approve.quorum.max(1),
                expires_at: visit.started_at.plus(approve.expires),
            };
            cx.say_once(&format!("{}/requested/{}/{}", cx.step, cx.fence, job.attempt), kind).await?;
            (Call::Start { summary: None }, 0)
        }
        Some((_, Waking::Expired)) => {
            visit.cancel().await?;
            return expired(cx, approve).await;
        }
        Some((state, waking)) => (poll(state, waking), state.shown),
    };
    let Outcome::Counted(progress) = visit.call(action).await?.outcome else {
        return Err(StepError::new(ErrorClass::Application, format!("plugin `{}` did not count ballots", visit.source)).into());
    };
    let seen = u32::try_from(progress.tally.ballots.len()).unwrap_or(u32::MAX);
    if let Some(reply) = consider(cx, job, approve, &progress.tally, shown).await? {
        visit.cancel().await?;
        return Ok(reply);
    }
    match progress.next {
        Some(suspension) => visit.suspend(suspension, seen),
        None => {
            let message = format!("plugin `{}` expects no more ballots, and those it has decide nothing", visit.source);
            Err(StepError::new(ErrorClass::Approval, message).into())
        }
    }
}

async fn wrap_up(cx: &Cx<'_>, job: &Job<'_>, step: &PluginStep) -> Result<TaskReply, Stop> {
    let visit = Visit::of(cx, job, step, PluginKind::WrapUp, Some(step.limit()));
    let action = match &job.resumed {
        None => Call::Start { summary: Some(job.ending.clone().unwrap_or((Ending::Succeeded, String::new()))) },
        Some((_, Waking::Expired)) => {
            visit.cancel().await?;
            return Err(visit.late().into());
        }
        Some((state, waking)) => poll(state, waking),
    };
    match visit.call(action).await?.outcome {
        Outcome::Wait(suspension) => visit.suspend(suspension, 0),
        Outcome::Received(receipt) => received(cx, job, &receipt).await,
        other => Err(visit.broken(&other).into()),
    }
}

async fn received(cx: &Cx<'_>, job: &Job<'_>, receipt: &Receipt) -> Result<TaskReply, Stop> {
    let mut failed = Vec::new();
    for action in &receipt.actions {
        cx.say(EventKind::WrapUpActed { action: action.clone() }).await?;
        if let ReceiptAction::Failed(what) = action {
            failed.push(what.as_str());
        }
    }
    if failed.is_empty() {
        return Ok(TaskReply::Done(job.facts.clone()));
    }
    Err(StepError::new(ErrorClass::Application, failed.join("; ")).into())
}

/// Tells the plugin of a waiting step that an operator has ordered otherwise.
pub(super) async fn cancel(cx: &Cx<'_>, job: &Job<'_>) -> Result<(), Stop> {
    let (step, kind) = match &job.step.action {
        Action::Verify(step) => (step, PluginKind::Verification),
        Action::Approve(approve) => (&approve.step, PluginKind::Approval),
        Action::WrapUp(step) => (step, PluginKind::WrapUp),
        Action::Setup | Action::Deploy(_) | Action::Swap(_) | Action::Shift(_) | Action::Background => return Ok(()),
    };
    Visit::of(cx, job, step, kind, Some(step.limit())).cancel().await
}

/// How a waiting plugin is woken. A step without saved state cannot be polled; its state is empty then.
fn poll(state: &StepState, waking: &Waking) -> Call {
    let wake = match waking {
        Waking::Timer | Waking::Expired | Waking::Ordered => Wake::Timer,
        Waking::Ballot(payload) => Wake::Signal { name: "ballot".into(), payload: payload.clone() },
    };
    let empty = || shiftgate_model::ActionState::new(0, Vec::new());
    Call::Poll { state: state.plugin.clone().unwrap_or_else(empty), wake }
}

/// One call of a step's plugin.
struct Visit<'a> {
    cx: &'a Cx<'a>,
    job: &'a Job<'a>,
    step: &'a PluginStep,
    kind: PluginKind,
    source: String,
    started_at: Timestamp,
    deadline: Option<Timestamp>,
}

impl<'a> Visit<'a> {
    fn of(cx: &'a Cx<'a>, job: &'a Job<'a>, step: &'a PluginStep, kind: PluginKind, limit: Option<Millis>) -> Self {
        let (started_at, deadline) = match &job.resumed {
            // A step that began under an earlier release may have none.
            Some((state, _)) => (state.started_at, state.deadline.or_else(|| limit.map(|limit| state.started_at.plus(limit)))),
            None => {
                let now = cx.ports.clock.now();
                (now, limit.map(|limit| now.plus(limit)))
            }
        };
        Self { cx, job, step, kind, source: step.plugin.name.clone(), started_at, deadline }
    }

    fn filled(&self, value: &Value) -> Result<Value, StepError> {
        fill(value, &self.job.facts.expressions(self.cx.run))
            .map_err(|e| StepError::new(ErrorClass::Application, format!("step `{}`: {e}", self.cx.step)))
    }

    async fn call(&self, action: Call) -> Result<PluginReply, Stop> {
        let config = self.filled(&self.step.with)?;
        let run = run_info(self.cx, self.job, self.started_at, self.deadline);
        calls::call(self.cx, &self.step.plugin, PluginCall { kind: self.kind, config, run, action }).await
    }

    /// The step is over for now: its verification goes on in the background.
    async fn leave(&self, suspension: Suspension) -> Result<TaskReply, Stop> {
        let due = background::due(self.cx, &self.source, &suspension, self.deadline)?;
        let config = self.filled(&self.step.with)?;
        let run = run_info(self.cx, self.job, self.started_at, self.deadline);
        let stage = Stage::Waits { state: suspension.state };
        let parked = Parked { run, fence: self.cx.fence, config, due, stage };
        background::park(self.cx, &parked).await?;
        background::begun(self.cx, &parked, self.step.timeout).await?;
        Ok(TaskReply::Done(self.job.facts.clone()))
    }

    fn suspend(&self, suspension: Suspension, shown: u32) -> Result<TaskReply, Stop> {
        let ballot = suspension.signals.iter().any(|signal| signal == "ballot");
        if suspension.after.is_none() && !ballot {
            return Err(waits_for_nothing(&self.source).into());
        }
        let (now, after) = (self.cx.ports.clock.now(), rest(&suspension));
        Ok(TaskReply::Wait {
            state: StepState {
                started_at: self.started_at,
                deadline: self.deadline,
                plugin: Some(suspension.state),
                shown,
                asked: None,
                beside: None,
            },
            after,
            ballot,
            expires: self.deadline.map(|deadline| deadline.since(now)),
        })
    }

    /// Tells the plugin that its step is over. What it answers changes nothing.
    async fn cancel(&self) -> Result<(), Stop> {
        let Some(state) = self.job.resumed.as_ref().and_then(|(state, _)| state.plugin.clone()) else {
            return Ok(());
        };
        match self.call(Call::Cancel { state }).await {
            Err(Stop::Store(error)) => Err(error.into()),
            Ok(_) | Err(Stop::Step(_) | Stop::Background(_)) => Ok(()),
        }
    }

    fn late(&self) -> StepError {
        late(&self.source, self.started_at, self.deadline)
    }

    fn broken(&self, outcome: &Outcome) -> StepError {
        broken(&self.source, self.kind, outcome)
    }
}

/// The step's time is over.
pub(super) fn late(plugin: &str, started_at: Timestamp, deadline: Option<Timestamp>) -> StepError {
    let limit = deadline.map_or(Millis(0), |deadline| deadline.since(started_at));
    StepError::new(ErrorClass::Timeout, format!("plugin `{plugin}` did not end in {limit}"))
        .hint("give the step a longer `timeout`, or the plugin less to wait for")
}

/// When a plugin that waits is called again: as it asks, but not at once for ever.
pub(super) fn rest(suspension: &Suspension) -> Option<Millis> {
    let calls = suspension.state.seal.as_ref().map_or(0, |seal| seal.polls);
    suspension.after.map(|after| if calls < EAGER { after } else { after.max(REST) })
}

/// The plugin waits, and nothing would ever wake it.
pub(super) fn waits_for_nothing(plugin: &str) -> StepError {
    StepError::new(ErrorClass::Application, format!("plugin `{plugin}` waits for nothing that could wake it"))
}

/// The plugin answered as one of another kind.
pub(super) fn broken(plugin: &str, kind: PluginKind, outcome: &Outcome) -> StepError {
    let what = match outcome {
        Outcome::Accepted | Outcome::ConfigRefused(_) => "took the call for a check of its config",
        Outcome::Counted(_) => "counted ballots",
        Outcome::Reported(_) => "reported a verdict",
        Outcome::Received(_) => "returned a receipt",
        Outcome::Wait(_) => "waits",
    };
    StepError::new(ErrorClass::Application, format!("plugin `{plugin}` of a {kind} step {what}"))
}

fn run_info(cx: &Cx<'_>, job: &Job<'_>, started_at: Timestamp, deadline: Option<Timestamp>) -> RunInfo {
    let plan = cx.plan;
    RunInfo {
        run: cx.run.clone(),
        step: cx.step.clone(),
        attempt: job.attempt,
        idempotency_key: format!("{}/{}{}", cx.run, cx.step, of_ending(job)),
        workflow: plan.workflow.clone(),
        phase: job.phase.map_or_else(String::new, |(_, name)| name.to_owned()),
        service: plan.service.clone(),
        environment: plan.environment.clone(),
        infrastructure: plan.infrastructure.name.clone(),
        strategy: plan.strategy.as_str().to_owned(),
        artifact: plan.artifact.clone(),
        new_group: job.facts.new_group.clone(),
        old_group: job.facts.old_group.clone(),
        target_groups: job.facts.target_groups.clone(),
        started_at,
        deadline,
        dry_run: false,
        attributes: BTreeMap::new(),
    }
}

/// Loads every plugin of the plan and shows it its config, before anything is touched. The component behind each one's name.
pub(crate) async fn check_plugins(cx: &Cx<'_>) -> Result<BTreeMap<String, Digest>, Stop> {
    let (mut problems, mut digests) = (Vec::new(), BTreeMap::new());
    for (step, plugin, kind) in cx.plan.plugin_steps() {
        let (found, digest) = check(cx, &step.id, step, plugin, kind).await?;
        problems.extend(found);
        digests.insert(plugin.plugin.name.clone(), digest);
    }
    if problems.is_empty() {
        return Ok(digests);
    }
    Err(StepError::new(ErrorClass::Application, problems.join("; ")).hint("mend the workflow file; nothing was touched").into())
}

async fn check(
    cx: &Cx<'_>,
    id: &StepId,
    step: &shiftgate_workflow::Step,
    plugin: &PluginStep,
    kind: PluginKind,
) -> Result<(Vec<String>, Digest), Stop> {
    let job = Job { step, phase: None, attempt: 1, facts: Facts::default(), resumed: None, woken: Woken::Itself, ending: None };
    let cx = Cx { step: id, ..*cx };
    let visit = Visit::of(&cx, &job, plugin, kind, None);
    let config = visit.filled(&plugin.with)?;
    let run = run_info(&cx, &job, visit.started_at, None);
    let call = PluginCall { kind, config, run, action: Call::Validate };
    let reply = cx.ports.plugins.call(&plugin.plugin, &call).await.map_err(calls::step_error)?;
    let problems = match reply.outcome {
        Outcome::ConfigRefused(problems) => problems
            .into_iter()
            .map(|(pointer, message)| {
                format!("step `{id}`: plugin `{}` refuses its config at `{pointer}`: {message}", visit.source)
            })
            .collect(),
        _ => Vec::new(),
    };
    Ok((problems, reply.digest))
}
