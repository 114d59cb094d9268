//! Between the model's values and the contract's, for what all three kinds share.
//!
//! Outward: facts of the run, state, wakes. Inward: everything that a plugin answers is untrusted, so it is counted against
//! the budgets, its texts are made printable, and its JSON has to be JSON. `promises.rs` then looks at what it means.

use std::collections::BTreeMap;

use serde_json::Value;
use shiftgate_model::{ActionState, Finding, GroupFacts, Metric, Millis, RunInfo, Suspension, Verdict, Wake, WeighedGroup};

use crate::Budgets;
use crate::bindings::types;
use crate::budgets::Exceeded;
use crate::kinds::Fault;
use crate::log::{cut, printable};

/// The longest name of a metric, an output or a signal, in bytes.
const NAME_LIMIT: usize = 200;
/// The most signals that a plugin may wait for at once.
const SIGNAL_LIMIT: usize = 16;
/// The longest wait; clocks and journals have an end somewhere beyond it.
const LONGEST_WAIT: Millis = Millis::minutes(366 * 24 * 60);

/// Facts of the run, in the contract's words.
pub(crate) fn run_info(run: &RunInfo) -> types::RunInfo {
    types::RunInfo {
        run: run.run.to_string(),
        step: run.step.to_string(),
        attempt: run.attempt,
        idempotency_key: run.idempotency_key.clone(),
        workflow: run.workflow.clone(),
        phase: run.phase.clone(),
        service: run.service.clone(),
        environment: run.environment.clone(),
        infrastructure: run.infrastructure.clone(),
        strategy: run.strategy.clone(),
        artifact: types::Artifact { ami: run.artifact.to_string(), name: String::new(), tags: Vec::new() },
        new_group: run.new_group.as_ref().map(group),
        old_group: run.old_group.as_ref().map(group),
        target_groups: run.target_groups.iter().map(weighed).collect(),
        started_at: run.started_at.0,
        deadline: run.deadline.map(|deadline| deadline.0),
        dry_run: run.dry_run,
        attributes: run.attributes.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
    }
}

fn weighed(group: &WeighedGroup) -> types::TargetGroup {
    types::TargetGroup { arn: group.group.to_string(), weight: u32::from(group.weight) }
}

fn group(group: &GroupFacts) -> types::Group {
    types::Group {
        id: group.id.to_string(),
        name: group.name.to_string(),
        minimum: group.capacity.minimum,
        target: group.capacity.target,
        maximum: group.capacity.maximum,
        instances: group.instances.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) fn saved_state(state: &ActionState) -> types::SavedState {
    types::SavedState { version: state.version, bytes: state.bytes.clone() }
}

pub(crate) fn wake(wake: &Wake) -> types::Wake {
    match wake {
        Wake::Timer => types::Wake::Timer,
        Wake::Signal { name, payload } => types::Wake::Signal(types::Signal { name: name.clone(), payload: payload.to_string() }),
    }
}

/// Takes a plugin's answer in, piece by piece, against the budgets of one call.
pub(crate) struct Intake<'a> {
    budgets: &'a Budgets,
    used: u64,
}

impl<'a> Intake<'a> {
    pub(crate) const fn new(budgets: &'a Budgets) -> Self {
        Self { budgets, used: 0 }
    }

    fn take(&mut self, count: usize) -> Result<(), Exceeded> {
        self.used = self.used.saturating_add(count as u64);
        let limit = u64::from(self.budgets.output_bytes);
        if self.used > limit { Err(Exceeded::size("outputs", limit, self.used)) } else { Ok(()) }
    }

    /// A text for people: one printable line.
    pub(crate) fn text(&mut self, text: &str) -> Result<String, Exceeded> {
        self.take(text.len())?;
        Ok(cut(&printable(text), self.budgets.log_line_bytes as usize))
    }

    /// A short name.
    fn name(&mut self, text: &str) -> Result<String, Exceeded> {
        self.take(text.len())?;
        Ok(cut(&printable(text), NAME_LIMIT))
    }

    /// Refuses a list with more entries than findings may have.
    pub(crate) fn count(&self, what: &'static str, found: usize) -> Result<(), Exceeded> {
        let limit = self.budgets.findings;
        if found > limit as usize { Err(Exceeded::count(what, limit, found)) } else { Ok(()) }
    }

    pub(crate) fn findings(&mut self, findings: Vec<types::Finding>) -> Result<Vec<Finding>, Exceeded> {
        self.count("findings", findings.len())?;
        let taken = findings.into_iter();
        taken.map(|finding| Ok(Finding { verdict: verdict(finding.verdict), message: self.text(&finding.message)? })).collect()
    }

    pub(crate) fn metrics(&mut self, metrics: Vec<types::Metric>) -> Result<Vec<Metric>, Exceeded> {
        let limit = self.budgets.metrics;
        if metrics.len() > limit as usize {
            return Err(Exceeded::count("metrics", limit, metrics.len()));
        }
        let taken = metrics.into_iter();
        taken
            .map(|metric| {
                Ok(Metric {
                    name: self.name(&metric.name)?,
                    value: metric.value.filter(|value| value.is_finite()),
                    unit: self.name(&metric.unit)?,
                    threshold: self.text(&metric.threshold)?,
                    verdict: verdict(metric.verdict),
                })
            })
            .collect()
    }

    /// Names with JSON texts. JSON that cannot be read is a broken promise.
    pub(crate) fn attributes(&mut self, what: &str, attributes: Vec<(String, String)>) -> Result<BTreeMap<String, Value>, Fault> {
        let mut values = BTreeMap::new();
        for (name, text) in attributes {
            let name = self.name(&name)?;
            self.take(text.len())?;
            let value = serde_json::from_str(&text)
                .map_err(|error| Fault::Broken(format!("the {what} `{name}` is not JSON: {error}")))?;
            values.insert(name, value);
        }
        Ok(values)
    }

    /// A wait. One without a wake is a broken promise: it would never end.
    pub(crate) fn suspension(&mut self, suspension: types::Suspension) -> Result<Suspension, Fault> {
        let types::Suspension { state, after, signals } = suspension;
        let limit = u64::from(self.budgets.state_bytes);
        if state.bytes.len() as u64 > limit {
            return Err(Exceeded::size("state", limit, state.bytes.len() as u64).into());
        }
        if after.is_none() && signals.is_empty() {
            return Err(Fault::Broken("it wants to wait, and names neither a time nor a signal to be woken by".to_owned()));
        }
        if let Some(after) = after.map(Millis).filter(|after| *after > LONGEST_WAIT) {
            return Err(Fault::Broken(format!("it wants to wait {after}; {LONGEST_WAIT} is the most")));
        }
        if signals.len() > SIGNAL_LIMIT {
            return Err(Fault::Broken(format!("it waits for {} signals; {SIGNAL_LIMIT} are the most", signals.len())));
        }
        if let Some(signal) = signals.iter().find(|signal| !is_signal(signal)) {
            return Err(Fault::Broken(format!(
                "it waits for a signal `{}`, which cannot be a signal's name",
                cut(&printable(signal), NAME_LIMIT)
            )));
        }
        Ok(Suspension { state: ActionState::new(state.version, state.bytes), after: after.map(Millis), signals })
    }

    /// The plugin's own error.
    pub(crate) fn step_error(&mut self, error: &types::StepError) -> Result<Fault, Exceeded> {
        Ok(Fault::Step {
            code: self.name(&error.code)?,
            message: self.text(&error.message)?,
            retryable: !matches!(error.retry, types::Retry::Never),
        })
    }
}

fn is_signal(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

pub(crate) const fn verdict(verdict: types::Verdict) -> Verdict {
    match verdict {
        types::Verdict::Pass => Verdict::Pass,
        types::Verdict::Warn => Verdict::Warn,
        types::Verdict::Fail => Verdict::Fail,
        types::Verdict::Inconclusive => Verdict::Inconclusive,
        types::Verdict::Skipped => Verdict::Skipped,
    }
}
