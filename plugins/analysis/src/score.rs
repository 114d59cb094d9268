//! One number for many metrics: the share of good ones in each group, weighed. As Kayenta's judge and Orca do it.
//!
//! Pure. Without a score each metric counts for itself.

use std::collections::BTreeMap;

use judge::{Classification, Entry, Label, Mode, Thresholds};
use serde_json::Value;
use shiftgate_sdk::prelude::{Config, Problem, Verdict};

use crate::compare::Method;
use crate::goal::Goal;
use crate::record::Record;
use crate::terms::Metric;

/// How single verdicts become one.
#[derive(Clone, Debug, PartialEq, Config)]
pub struct Score {
    /// The score from which the whole passes.
    #[config(default = 75.0, minimum = 0, maximum = 100)]
    pub pass: f64,
    /// The score from which a person is asked, instead of failing.
    #[config(default = 50.0, minimum = 0, maximum = 100)]
    pub marginal: f64,
    /// The weight of each group, in percent. What is left goes to the other groups, in equal shares.
    #[config(default)]
    pub weights: BTreeMap<String, f64>,
    /// What becomes of groups and metrics without data: with `exact` they have no say, with `kayenta` a group without data passes.
    #[config(default = "exact")]
    pub method: Method,
}

impl Score {
    /// What is wrong with it, where the metrics have these groups.
    pub(crate) fn problems(&self, groups: &[&str]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut at = |field: &str, message: String| problems.push(Problem::at(format!("/score{field}"), message));
        if self.marginal > self.pass {
            at("/marginal", format!("no score is below {} and at least {}", self.pass, self.marginal));
        }
        for (name, weight) in &self.weights {
            if !groups.contains(&name.as_str()) {
                at(&format!("/weights/{name}"), "no metric has this `group`".to_owned());
            }
            if !(0.0..=100.0).contains(weight) {
                at(&format!("/weights/{name}"), format!("{weight} is no share of 100"));
            }
        }
        let sum: f64 = self.weights.values().sum();
        if sum > 100.0 {
            at("/weights", format!("they are {sum} together, and 100 is the most"));
        }
        problems
    }

    /// The verdict of all, when every metric has ended.
    pub(crate) fn decide<Q>(&self, metrics: &[Metric<Q>], records: &[Record]) -> (Verdict, String) {
        let score = self.of(metrics, records);
        let verdict = match score.classification {
            Classification::Pass => Verdict::Pass,
            Classification::Marginal => Verdict::Inconclusive,
            Classification::Fail => Verdict::Fail,
        };
        (verdict, score.reason)
    }

    /// The score as evidence shows it.
    pub(crate) fn evidence<Q>(&self, metrics: &[Metric<Q>], records: &[Record]) -> Value {
        serde_json::to_value(self.of(metrics, records)).unwrap_or_default()
    }

    fn of<Q>(&self, metrics: &[Metric<Q>], records: &[Record]) -> judge::Score {
        let groups: Vec<[&str; 1]> = metrics.iter().map(|metric| [metric.group.as_deref().unwrap_or("others")]).collect();
        let entries: Vec<Entry<'_>> = metrics
            .iter()
            .zip(records)
            .zip(&groups)
            .map(|((metric, record), groups)| Entry {
                groups,
                label: label(record),
                critical: critical(metric, record),
                muted: metric.dry_run,
            })
            .collect();
        let mode = match self.method {
            Method::Exact => Mode::Exact,
            Method::Kayenta => Mode::Kayenta,
        };
        judge::score(mode, &entries, &self.weights, Thresholds { pass: self.pass, marginal: self.marginal })
    }
}

fn label(record: &Record) -> Label {
    match record.end.as_ref().and_then(|end| end.verdict) {
        Some(Verdict::Pass | Verdict::Warn) => Label::Pass,
        Some(Verdict::Fail) => Label::High,
        Some(Verdict::Inconclusive | Verdict::Skipped) => Label::Nodata,
        None => Label::Error,
    }
}

/// Whether the metric's end decides for all. A comparison is critical from its critical effect on only.
pub(crate) fn critical<Q>(metric: &Metric<Q>, record: &Record) -> bool {
    if !metric.critical {
        return false;
    }
    match (&metric.goal, &record.judgement) {
        (Goal::Compare(_), Some(judgement)) => judgement.get("critical") == Some(&Value::Bool(true)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::End;
    use crate::terms::Terms;
    use serde_json::json;
    use shiftgate_sdk::prelude::Timestamp;

    fn decided(score: Value, ends: &[(&str, bool, Option<Verdict>)]) -> (Verdict, String) {
        let score: Score = serde_json::from_value(score).unwrap();
        let metric = |(group, critical, _): &(&str, bool, Option<Verdict>)| {
            serde_json::from_value::<Terms>(json!({"max": 1, "group": group, "critical": critical})).unwrap().metric(())
        };
        let record = |(_, _, verdict): &(&str, bool, Option<Verdict>)| Record {
            end: Some(End { verdict: *verdict, reason: String::new() }),
            ..Record::new(Timestamp(0))
        };
        let (metrics, records): (Vec<_>, Vec<_>) = ends.iter().map(|end| (metric(end), record(end))).unzip();
        score.decide(&metrics, &records)
    }

    #[test]
    fn groups_are_weighed_and_marginal_asks_a_person() {
        let weights = || json!({"weights": {"errors": 75, "latency": 25}});
        let ends = |errors, latency| [("errors", false, Some(errors)), ("latency", false, Some(latency))];
        let decided = |errors, latency| decided(weights(), &ends(errors, latency));
        assert_eq!(decided(Verdict::Pass, Verdict::Pass).0, Verdict::Pass);
        assert_eq!(
            decided(Verdict::Pass, Verdict::Fail),
            (Verdict::Pass, "score 75, at least 75: 1 of 2 metrics failed".to_owned())
        );
        assert_eq!(decided(Verdict::Fail, Verdict::Pass).0, Verdict::Fail);
        let half = super::tests::decided(json!({}), &ends(Verdict::Pass, Verdict::Fail));
        assert_eq!(half.0, Verdict::Inconclusive);
    }

    #[test]
    fn no_data_and_critical_metrics_end_at_nothing() {
        let ends = [("a", false, Some(Verdict::Pass)), ("b", false, Some(Verdict::Inconclusive))];
        assert_eq!(decided(json!({}), &ends).0, Verdict::Fail);
        let ends = [("a", false, Some(Verdict::Pass)), ("a", false, Some(Verdict::Pass)), ("b", true, Some(Verdict::Fail))];
        assert_eq!(
            decided(json!({}), &ends),
            (Verdict::Fail, "score 0, less than 50: 1 of 3 metrics failed critically".to_owned())
        );
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let score: Score =
            serde_json::from_value(json!({"pass": 50, "marginal": 60, "weights": {"a": 80, "b": 30, "c": -1}})).unwrap();
        let pointers: Vec<String> = score.problems(&["a", "b"]).into_iter().map(|problem| problem.pointer).collect();
        assert_eq!(pointers, ["/score/marginal", "/score/weights/c", "/score/weights/c", "/score/weights"]);
    }
}
