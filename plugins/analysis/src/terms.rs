//! How a number is measured and what it has to be, as a workflow file says it and as it is meant. The terms are those of Argo
//! Rollouts.
//!
//! Pure. What stands beside `metrics` holds for each of them that says nothing else. `goal` is what a number has to be; `record`
//! goes by both.

use shiftgate_sdk::prelude::*;

use crate::compare::Compare;
use crate::goal::{Goal, Reduce};

/// The most measurements of one metric.
const MOST: u32 = 1000;
const MINUTE: Duration = Duration::from_secs(60);

/// What a workflow says of a number: what it is called, what it has to be, how often it is measured, and what may go wrong.
#[derive(Clone, Debug, Default, PartialEq, Config)]
pub struct Terms {
    /// What the number is called in the report; `value` when it is not said.
    pub name: Option<String>,
    /// Its unit: `ratio`, `ms`.
    pub unit: Option<String>,
    /// The most that it may be, inclusive.
    pub max: Option<f64>,
    /// The least that it may be, inclusive.
    pub min: Option<f64>,
    /// An expression over `result` that is true of a good measurement: `result[0] < 0.05`. Instead of `max` and `min`.
    #[config(min_length = 1)]
    pub success_condition: Option<String>,
    /// An expression over `result` that is true of a failed measurement. It wins over `successCondition`.
    #[config(min_length = 1)]
    pub failure_condition: Option<String>,
    /// Compares what is deployed with a baseline, instead of a threshold.
    pub compare: Option<Compare>,
    /// How far back one measurement looks.
    pub range: Option<Duration>,
    /// The distance of samples in a range; 15s when it is not said.
    pub step: Option<Duration>,
    /// How the samples of a range become the number that is held against `max` and `min`; the worst when it is not said.
    pub reduce: Option<Reduce>,
    /// How long to wait before the first measurement.
    pub initial_delay: Option<Duration>,
    /// The time between measurements; 1m when there are several.
    pub interval: Option<Duration>,
    /// How many measurements; 1 when neither this nor `for` is given.
    #[config(minimum = 1, maximum = 1000)]
    pub count: Option<u32>,
    /// How long to measure: as many measurements as there are intervals in it. Instead of `count`.
    pub r#for: Option<Duration>,
    /// How many measurements may fail; one more fails the verification. -1 for any number; 0 when it is not said.
    #[config(minimum = -1)]
    pub failure_limit: Option<i64>,
    /// How many measurements may be without data or undecided; one more makes the verification inconclusive. -1 for any number; 0
    /// when it is not said.
    #[config(minimum = -1)]
    pub inconclusive_limit: Option<i64>,
    /// How many queries in a row may go wrong; one more is an error of the step. 4 when it is not said.
    pub consecutive_error_limit: Option<u32>,
    /// Ends with success as soon as so many measurements in a row are good. 0 for never, also when it is not said.
    pub consecutive_success_limit: Option<u32>,
    /// Measures and reports, and changes nothing.
    pub dry_run: Option<bool>,
    /// A failure of this metric fails the whole, whatever the score is.
    pub critical: Option<bool>,
    /// The group of the score that it belongs to.
    pub group: Option<String>,
}

/// One number that is measured, with everything that holds for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric<Q> {
    /// What to ask.
    pub query: Q,
    /// What the number is called.
    pub name: String,
    /// Its unit; empty for none.
    pub unit: String,
    /// What it has to be.
    pub goal: Goal,
    /// How far back a measurement looks; none takes what the provider does by itself, or, to compare, all since the step began.
    pub range: Option<Duration>,
    /// The distance of samples in a range.
    pub step: Duration,
    /// Before the first measurement.
    pub initial_delay: Duration,
    /// Between measurements.
    pub interval: Duration,
    /// How many measurements.
    pub count: u32,
    /// How many may fail; below 0 any number.
    pub failure_limit: i64,
    /// How many may be undecided; below 0 any number.
    pub inconclusive_limit: i64,
    /// How many queries in a row may go wrong.
    pub consecutive_error_limit: u32,
    /// Good ones in a row that end it; 0 for never.
    pub consecutive_success_limit: u32,
    /// Whether it changes nothing.
    pub dry_run: bool,
    /// Whether its failure fails the whole.
    pub critical: bool,
    /// The group of the score.
    pub group: Option<String>,
}

impl Terms {
    /// These terms, and where they say nothing, the outer ones.
    #[must_use]
    pub fn over(&self, outer: &Self) -> Self {
        macro_rules! first {
            ($($field:ident),*) => { Self { $($field: self.$field.clone().or_else(|| outer.$field.clone())),*, ..self.paired(outer) } };
        }
        first!(
            name,
            unit,
            range,
            step,
            reduce,
            initial_delay,
            interval,
            failure_limit,
            inconclusive_limit,
            consecutive_error_limit,
            consecutive_success_limit,
            dry_run,
            critical,
            group
        )
    }

    /// The fields that take each other's place: where one of them is said, the outer ones do not hold.
    fn paired(&self, outer: &Self) -> Self {
        let goal = if self.has_goal() { self } else { outer };
        let length = if self.count.is_some() || self.r#for.is_some() { self } else { outer };
        Self {
            max: goal.max,
            min: goal.min,
            success_condition: goal.success_condition.clone(),
            failure_condition: goal.failure_condition.clone(),
            compare: goal.compare.clone(),
            count: length.count,
            r#for: length.r#for,
            ..Self::default()
        }
    }

    fn has_goal(&self) -> bool {
        self.max.is_some()
            || self.min.is_some()
            || self.success_condition.is_some()
            || self.failure_condition.is_some()
            || self.compare.is_some()
    }

    fn interval(&self) -> Duration {
        self.interval.unwrap_or(MINUTE)
    }

    /// A comparison of several measurements first lets one interval go by: at once there is nothing to compare.
    fn initial_delay(&self) -> Duration {
        let waits = self.compare.is_some() && self.range.is_none() && self.count() > 1;
        self.initial_delay.unwrap_or(if waits { self.interval() } else { Duration::ZERO })
    }

    fn count(&self) -> u32 {
        match (self.count, self.r#for) {
            (Some(count), _) => count,
            (None, Some(length)) => {
                let intervals = length.as_millis().div_ceil(self.interval().as_millis().max(1));
                u32::try_from(intervals).unwrap_or(u32::MAX).max(1)
            }
            (None, None) => 1,
        }
    }

    /// What is meant, with every default in place.
    pub fn metric<Q>(&self, query: Q) -> Metric<Q> {
        Metric {
            query,
            name: self.name.clone().unwrap_or_else(|| "value".to_owned()),
            unit: self.unit.clone().unwrap_or_default(),
            goal: Goal::of(self),
            range: self.range,
            step: self.step.unwrap_or(Duration::from_secs(15)),
            initial_delay: self.initial_delay(),
            interval: self.interval(),
            count: self.count(),
            failure_limit: self.failure_limit.unwrap_or(0),
            inconclusive_limit: self.inconclusive_limit.unwrap_or(0),
            consecutive_error_limit: self.consecutive_error_limit.unwrap_or(4),
            consecutive_success_limit: self.consecutive_success_limit.unwrap_or(0),
            dry_run: self.dry_run.unwrap_or(false),
            critical: self.critical.unwrap_or(false),
            group: self.group.clone(),
        }
    }

    /// What the schema cannot say, at a place in the config: `` or `/metrics/0`.
    pub fn problems(&self, place: &str) -> Vec<Problem> {
        let mut problems = Goal::problems(self, place);
        let mut at = |field: &str, message: String| problems.push(Problem::at(format!("{place}{field}"), message));
        if self.count.is_some() && self.r#for.is_some() {
            at("/for", "give `count` or `for`, not both".to_owned());
        }
        if self.interval.is_some() && self.count.is_none() && self.r#for.is_none() {
            at("/interval", "an interval needs `count` or `for`: how often, or how long to measure".to_owned());
        }
        if self.interval.is_some_and(Duration::is_zero) {
            at("/interval", "expected more than no time".to_owned());
        }
        if self.step.is_some_and(Duration::is_zero) {
            at("/step", "expected more than no time".to_owned());
        }
        if self.range.is_some_and(Duration::is_zero) {
            at("/range", "expected more than no time".to_owned());
        }
        if self.count() > MOST {
            at("/for", format!("these are {} measurements; {MOST} is the most", self.count()));
        }
        let row = self.consecutive_success_limit.unwrap_or(0);
        if row > self.count() {
            let message = format!("{row} successes in a row cannot come from {} measurements", self.count());
            at("/consecutiveSuccessLimit", message);
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(config: Value) -> Terms {
        serde_json::from_value(config).unwrap()
    }

    fn pointers(config: Value) -> Vec<String> {
        terms(config).problems("").into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn every_problem_is_told_at_once() {
        assert_eq!(pointers(json!({"max": 1})), [""; 0]);
        assert_eq!(pointers(json!({})), [""]);
        let config = json!({
            "min": 2, "max": 1, "count": 2, "for": "5m", "interval": "0s", "range": "0s", "step": "0s", "consecutiveSuccessLimit": 3,
        });
        assert_eq!(pointers(config), ["/min", "/for", "/interval", "/step", "/range", "/consecutiveSuccessLimit"]);
        assert_eq!(pointers(json!({"max": 1, "interval": "10s"})), ["/interval"]);
        assert_eq!(pointers(json!({"max": 1, "for": "2d"})), ["/for"]);
    }

    #[test]
    fn a_length_becomes_a_count() {
        let count = |config: Value| terms(config).metric(()).count;
        assert_eq!(count(json!({})), 1);
        assert_eq!(count(json!({"count": 7})), 7);
        assert_eq!(count(json!({"for": "10m"})), 10);
        assert_eq!(count(json!({"for": "65s", "interval": "30s"})), 3);
    }

    #[test]
    fn what_a_metric_does_not_say_is_said_outside() {
        let outer = terms(json!({"max": 1, "interval": "30s", "for": "5m", "unit": "ratio", "failureLimit": 2}));
        let plain = terms(json!({"name": "errors"})).over(&outer).metric(());
        assert_eq!((plain.name.as_str(), plain.unit.as_str(), plain.count, plain.failure_limit), ("errors", "ratio", 10, 2));
        assert_eq!(plain.goal, Goal::Threshold { min: None, max: Some(1.0), reduce: Reduce::Worst });
        let own = terms(json!({"min": 2, "count": 3})).over(&outer).metric(());
        assert_eq!(own.goal, Goal::Threshold { min: Some(2.0), max: None, reduce: Reduce::Worst });
        assert_eq!(own.count, 3);
    }
}
