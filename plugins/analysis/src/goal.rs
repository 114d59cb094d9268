//! What a number has to be, and whether a measurement is it: a threshold, a condition, or a comparison with a baseline.
//!
//! Pure. NaN and infinity never pass, and neither does no data. `condition` reads expressions, `compare` asks the judge.

use shiftgate_sdk::prelude::*;

use crate::answer::Data;
use crate::compare::Compare;
use crate::condition::Condition;
use crate::terms::Terms;

/// What a measurement is held against.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// Limits of a number, inclusive.
    Threshold {
        /// The least.
        min: Option<f64>,
        /// The most.
        max: Option<f64>,
        /// How samples become the number.
        reduce: Reduce,
    },
    /// Expressions; at least one.
    Condition {
        /// True of a good measurement.
        success: Option<String>,
        /// True of a failed one; it wins.
        failure: Option<String>,
    },
    /// The judge's word on two sets of samples.
    Compare(Compare),
}

/// How the samples of a range become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Config)]
pub enum Reduce {
    /// The sample farthest on the wrong side of the threshold, or nearest to it.
    #[default]
    Worst,
    /// The latest.
    Last,
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// What one measurement came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// It can be told.
    Told {
        /// Pass, fail, or inconclusive.
        verdict: Verdict,
        /// The number; none where it is not one.
        value: Option<f64>,
        /// The number or what stands for it, in words.
        text: String,
    },
    /// There is too little to tell yet; the next one has more.
    Early {
        /// What is missing.
        text: String,
        /// What it means at the last measurement.
        last: Verdict,
    },
    /// It went wrong; the next one may do better.
    Error(String),
}

impl Judged {
    fn number(verdict: Verdict, value: f64) -> Self {
        Self::Told { verdict, value: Some(value), text: value.to_string() }
    }

    pub(crate) fn undecided(why: impl Into<String>) -> Self {
        Self::Told { verdict: Verdict::Inconclusive, value: None, text: why.into() }
    }
}

impl Goal {
    pub(crate) fn of(terms: &Terms) -> Self {
        if let Some(compare) = &terms.compare {
            return Self::Compare(compare.clone());
        }
        if terms.success_condition.is_some() || terms.failure_condition.is_some() {
            return Self::Condition { success: terms.success_condition.clone(), failure: terms.failure_condition.clone() };
        }
        Self::Threshold { min: terms.min, max: terms.max, reduce: terms.reduce.unwrap_or_default() }
    }

    /// What is wrong with the goal that the terms give, at a place in the config.
    pub(crate) fn problems(terms: &Terms, place: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let threshold = terms.min.is_some() || terms.max.is_some();
        let condition = terms.success_condition.is_some() || terms.failure_condition.is_some();
        match [threshold, condition, terms.compare.is_some()].iter().filter(|given| **given).count() {
            0 => problems.push(Problem::at(place, "give a threshold (`max`, `min`, or both), a condition, or `compare`")),
            1 => {}
            _ => problems.push(Problem::at(place, "give one of: a threshold (`max`, `min`), a condition, `compare`")),
        }
        if let (Some(min), Some(max)) = (terms.min, terms.max)
            && min > max
        {
            problems.push(Problem::at(format!("{place}/min"), format!("no value is at least {min} and at most {max}")));
        }
        for (field, text) in [("successCondition", &terms.success_condition), ("failureCondition", &terms.failure_condition)] {
            if let Some(Err(error)) = text.as_deref().map(Condition::parse) {
                problems.push(Problem::at(format!("{place}/{field}"), error));
            }
        }
        if let Some(compare) = &terms.compare {
            problems.extend(compare.problems(terms, &format!("{place}/compare")));
        }
        problems
    }

    /// The goal in words: `<= 0.01`, `0.9 to 1`, `result[0] < 0.05`.
    pub fn words(&self) -> String {
        match self {
            Self::Threshold { min: Some(min), max: Some(max), .. } => format!("{min} to {max}"),
            Self::Threshold { min: Some(min), max: None, .. } => format!(">= {min}"),
            Self::Threshold { min: None, max: Some(max), .. } => format!("<= {max}"),
            Self::Threshold { min: None, max: None, .. } => String::new(),
            Self::Condition { success: Some(success), failure: None } => success.clone(),
            Self::Condition { success: None, failure: Some(failure) } => format!("not ({failure})"),
            Self::Condition { success: Some(success), failure: Some(failure) } => format!("{success} and not ({failure})"),
            Self::Condition { success: None, failure: None } => String::new(),
            Self::Compare(compare) => compare.words(),
        }
    }

    /// How far a number is beyond the threshold; 0 at it, negative on the right side. None where there is no threshold.
    pub fn badness(&self, value: f64) -> Option<f64> {
        let Self::Threshold { min, max, .. } = self else { return None };
        let above = max.map_or(f64::NEG_INFINITY, |max| value - max);
        let below = min.map_or(f64::NEG_INFINITY, |min| min - value);
        Some(above.max(below))
    }

    /// Holds one side's data against a threshold or a condition.
    pub(crate) fn judge(&self, data: &Data) -> Judged {
        match self {
            Self::Threshold { reduce, .. } => match self.reduced(data, *reduce) {
                Some(value) => Judged::number(self.verdict(value), value),
                None => Judged::undecided("the result is NaN"),
            },
            Self::Condition { success, failure } => conditioned(data, success.as_deref(), failure.as_deref()),
            Self::Compare(_) => Judged::Error("a comparison has two sides".to_owned()),
        }
    }

    /// Infinity is never good: it fails on the wrong side of the threshold, and cannot be judged on the other.
    fn verdict(&self, value: f64) -> Verdict {
        match self.badness(value) {
            Some(badness) if badness > 0.0 => Verdict::Fail,
            Some(_) if value.is_finite() => Verdict::Pass,
            _ => Verdict::Inconclusive,
        }
    }

    /// The one number; none without a sample that is one. NaN is left out.
    fn reduced(&self, data: &Data, reduce: Reduce) -> Option<f64> {
        let mut values = data.points.iter().map(|point| point.value).filter(|value| !value.is_nan());
        match reduce {
            Reduce::Worst => values.max_by(|a, b| {
                let badness = |value: &f64| self.badness(*value).unwrap_or(*value);
                badness(a).total_cmp(&badness(b))
            }),
            // The latest that is a number: the last sample of a range is often not there yet.
            Reduce::Last => values.next_back(),
            Reduce::Max => values.reduce(f64::max),
            Reduce::Min => values.reduce(f64::min),
            Reduce::Sum => values.reduce(|a, b| a + b),
            Reduce::Mean => {
                let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
                (count > 0).then(|| sum / f64::from(count))
            }
        }
    }
}

/// As Argo Rollouts reads them: failure wins; with both, neither true is undecided; with one, it decides alone.
fn conditioned(data: &Data, success: Option<&str>, failure: Option<&str>) -> Judged {
    let (success, failure) = match (success.map(Condition::parse).transpose(), failure.map(Condition::parse).transpose()) {
        (Ok(success), Ok(failure)) => (success, failure),
        (Err(error), _) | (_, Err(error)) => return Judged::Error(error),
    };
    // What compares with NaN is false, and so "not failed"; only who says what to do about it may pass with it.
    let blind = !data.result.is_finite() && ![&success, &failure].into_iter().flatten().any(Condition::speaks_of_gaps);
    let holds = |condition: Option<Condition<'_>>| condition.map(|condition| condition.holds(&data.result)).transpose();
    let verdict = match (holds(success), holds(failure)) {
        (Err(error), _) | (_, Err(error)) => return Judged::Error(error),
        (Ok(_), Ok(Some(true))) => Verdict::Fail,
        (Ok(Some(true)), Ok(_)) | (Ok(None), Ok(Some(false))) if blind => Verdict::Inconclusive,
        (Ok(Some(true)), Ok(_)) | (Ok(None), Ok(Some(false))) => Verdict::Pass,
        (Ok(Some(false)), Ok(None)) => Verdict::Fail,
        (Ok(Some(false)), Ok(Some(false))) | (Ok(None), Ok(None)) => Verdict::Inconclusive,
    };
    let value = data.result.as_number().filter(|value| value.is_finite());
    Judged::Told { verdict, value, text: data.result.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Point;

    fn goal(config: Value) -> Goal {
        Goal::of(&serde_json::from_value(config).unwrap())
    }

    fn points(values: &[f64]) -> Data {
        let point = |(second, value): (usize, &f64)| Point { at: Timestamp(second as u64 * 1000), value: *value };
        Data::series(values.iter().enumerate().map(point).collect())
    }

    fn verdict(config: Value, values: &[f64]) -> (Verdict, Option<f64>) {
        match goal(config).judge(&points(values)) {
            Judged::Told { verdict, value, .. } => (verdict, value),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_threshold_is_inclusive_and_infinity_is_never_good() {
        assert_eq!(verdict(json!({"max": 1}), &[1.0]), (Verdict::Pass, Some(1.0)));
        assert_eq!(verdict(json!({"max": 1}), &[1.5]), (Verdict::Fail, Some(1.5)));
        assert_eq!(verdict(json!({"min": 0.5, "max": 1}), &[0.25]), (Verdict::Fail, Some(0.25)));
        assert_eq!(verdict(json!({"max": 1}), &[f64::INFINITY]).0, Verdict::Fail);
        assert_eq!(verdict(json!({"min": 0}), &[f64::INFINITY]).0, Verdict::Inconclusive);
        assert_eq!(verdict(json!({"max": 1}), &[f64::NEG_INFINITY]).0, Verdict::Inconclusive);
        assert_eq!(verdict(json!({"max": 1}), &[f64::NAN]), (Verdict::Inconclusive, None));
    }

    #[test]
    fn a_range_becomes_one_number_as_told() {
        let values = [1.0, 4.0, f64::NAN, 2.0];
        let reduced = |reduce: &str| verdict(json!({"max": 10, "reduce": reduce}), &values).1;
        let found = ["worst", "last", "mean", "sum", "max", "min"].map(reduced).map(Option::unwrap);
        assert_eq!(found, [4.0, 2.0, 7.0 / 3.0, 7.0, 4.0, 1.0]);
        assert_eq!(verdict(json!({"min": 3}), &values), (Verdict::Fail, Some(1.0)), "the worst is the smallest here");
    }

    #[test]
    fn conditions_decide_as_in_argo_rollouts() {
        let both = || json!({"successCondition": "result < 1", "failureCondition": "result > 5"});
        let told = |config: Value, value: f64| match goal(config).judge(&Data::number(Timestamp(0), value)) {
            Judged::Told { verdict, .. } => verdict,
            other => panic!("{other:?}"),
        };
        assert_eq!([0.5, 3.0, 6.0].map(|value| told(both(), value)), [Verdict::Pass, Verdict::Inconclusive, Verdict::Fail]);
        let success = || json!({"successCondition": "result < 1"});
        assert_eq!([0.5, 3.0].map(|value| told(success(), value)), [Verdict::Pass, Verdict::Fail]);
        let failure = || json!({"failureCondition": "result > 5"});
        assert_eq!([0.5, 6.0].map(|value| told(failure(), value)), [Verdict::Pass, Verdict::Fail]);
        let wins = json!({"successCondition": "true", "failureCondition": "true"});
        assert_eq!(told(wins, 0.0), Verdict::Fail);
    }

    #[test]
    fn nan_and_infinity_pass_no_condition_that_does_not_speak_of_them() {
        let told = |config: Value, values: &[f64]| match goal(config).judge(&points(values)) {
            Judged::Told { verdict, .. } => verdict,
            other => panic!("{other:?}"),
        };
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for condition in ["result[0] > 0.05 && result[0] < 9", "any(result, # == 1)", "result[0] != 0"] {
                let failure = json!({"failureCondition": condition});
                assert_eq!(told(failure, &[0.0, value]), Verdict::Inconclusive, "{condition} of {value}");
            }
        }
        assert_eq!(told(json!({"failureCondition": "result[0] > 0.05"}), &[f64::INFINITY]), Verdict::Fail);
        assert_eq!(told(json!({"successCondition": "isNaN(result[0]) || result[0] < 1"}), &[f64::NAN]), Verdict::Pass);
        assert_eq!(told(json!({"successCondition": "default(result[0], 0) < 1"}), &[f64::NAN]), Verdict::Pass);
        let word = json!({"failureCondition": "result[0] > 1 || 'default' == 'isNaN'"});
        assert_eq!(told(word, &[f64::NAN]), Verdict::Inconclusive, "a word in a text speaks of nothing");
    }

    #[test]
    fn a_condition_that_cannot_be_evaluated_is_an_error_and_no_verdict() {
        let judged = goal(json!({"successCondition": "result[3] < 1"})).judge(&points(&[1.0]));
        assert_eq!(judged, Judged::Error("`result[3] < 1` cannot be evaluated: there is no item 3; the list has 1".to_owned()));
    }

    #[test]
    fn one_goal_at_a_time() {
        let problems = |config: Value| {
            let problems = Goal::problems(&serde_json::from_value(config).unwrap(), "/metrics/1");
            problems.into_iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect::<Vec<_>>()
        };
        let one_of = "/metrics/1: give one of: a threshold (`max`, `min`), a condition, `compare`";
        assert_eq!(problems(json!({"max": 1, "successCondition": "result < 1"})), [one_of]);
        assert_eq!(
            problems(json!({"successCondition": "result <"})),
            ["/metrics/1/successCondition: `result <`: expected a value at the end"]
        );
    }
}
