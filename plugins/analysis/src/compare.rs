//! A comparison of what is deployed with a baseline: what a workflow says of it, and what the judge makes of two sets of samples.
//!
//! Pure. The judge is `plugins/judge`, and docs/judge.md says what it computes; `scope` finds the two sides.

use judge::{Cause, EffectSize, Judge, Judgement, Label, MetricSpec, Mode, Outliers};
use serde_json::Value;
use shiftgate_sdk::prelude::{Config, Duration, Problem, Verdict};

use crate::goal::Judged;
use crate::terms::{Metric, Terms};

/// Compares the samples of what is deployed with those of a baseline.
#[derive(Clone, Debug, PartialEq, Config)]
pub struct Compare {
    /// What to compare with.
    #[config(default = "old-group")]
    pub with: With,
    /// How long before, with `earlier`.
    pub offset: Option<Duration>,
    /// How the samples are judged.
    #[config(default = "exact")]
    pub method: Method,
    /// Which way the number must not go.
    #[config(default = "either")]
    pub direction: Direction,
    /// How sure the judge has to be that there is a difference. The exact method shares the risk between all measurements of the
    /// verification.
    #[config(default = 0.98, exclusive_minimum = 0, exclusive_maximum = 1)]
    pub confidence: f64,
    /// A difference that is no more than this share of the baseline's median (of the estimate, with `kayenta`) is none. 0.1 with
    /// `exact`, 0.25 with `kayenta`.
    #[config(minimum = 0)]
    pub tolerance: Option<f64>,
    /// A difference that is no more than this, in the number's own unit, is none; for numbers that are about 0.
    #[config(default = 0.0, minimum = 0)]
    pub minimal_difference: f64,
    /// What becomes of samples that are NaN.
    #[config(default = "remove")]
    pub nan_strategy: Missing,
    /// How many interquartile ranges beyond the quartiles a sample is an outlier, and left out; all stay when it is not said.
    #[config(exclusive_minimum = 0)]
    pub outlier_factor: Option<f64>,
    /// How the size of a difference is measured.
    #[config(default = "mean-ratio")]
    pub effect: Measure,
    /// An increase fails from this effect on.
    pub allowed_increase: Option<f64>,
    /// A decrease fails from this effect down.
    pub allowed_decrease: Option<f64>,
    /// A failed increase of a critical number is critical from this effect on.
    pub critical_increase: Option<f64>,
    /// A failed decrease of a critical number is critical from this effect down.
    pub critical_decrease: Option<f64>,
    /// No data is a failure, not only a gap.
    #[config(default = false)]
    pub must_have_data: bool,
    /// Fails also when single samples are far from the baseline; only with `exact`.
    pub sensitivity: Option<Sensitivity>,
}

/// What is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum With {
    /// The group that was live before this run, in the same time.
    OldGroup,
    /// The same step of the last deployment that succeeded, or of the run that is pinned as baseline.
    Previous,
    /// The same query, so long before as `offset` says.
    Earlier,
}

/// How samples are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum Method {
    /// Order statistics of the pairwise differences; exact where samples are few.
    Exact,
    /// As Kayenta's `NetflixACAJudge-v1.0` does.
    Kayenta,
}

/// Which way a number must not go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum Direction {
    /// Neither way.
    Either,
    /// Not up: errors, latency.
    Increase,
    /// Not down: throughput, successes.
    Decrease,
}

/// What becomes of a sample that is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum Missing {
    /// It is left out.
    Remove,
    /// It counts as 0.
    Replace,
}

/// How the size of a difference is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum Measure {
    /// The mean over the baseline's mean; 1 is no difference.
    MeanRatio,
    /// How probable it is that a sample is above one of the baseline; 0.5 is no difference.
    Cles,
}

/// From how many standard deviations of the baseline on a sample is far from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum Sensitivity {
    /// 5, and half of the samples.
    Low,
    /// 4, and half of the samples.
    Medium,
    /// 3, and half of the samples.
    High,
    /// 3, and more than a quarter of the samples.
    VeryHigh,
}

/// What is compared with, with all that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The old group.
    OldGroup,
    /// An earlier deployment.
    Previous,
    /// The same query, so long before.
    Earlier(Duration),
}

impl With {
    /// With the length that `earlier` needs; none is no time.
    pub fn against(self, offset: Option<Duration>) -> Against {
        match self {
            Self::OldGroup => Against::OldGroup,
            Self::Previous => Against::Previous,
            Self::Earlier => Against::Earlier(offset.unwrap_or(Duration::ZERO)),
        }
    }

    /// What is wrong with the length that stands beside it, at its place in the config.
    pub fn problem(self, offset: Option<Duration>, place: &str) -> Option<Problem> {
        match (self, offset) {
            (Self::Earlier, None) => Some(Problem::at(format!("{place}/offset"), "say how long before: `1d`, `7d`")),
            (Self::OldGroup | Self::Previous, Some(_)) => {
                Some(Problem::at(format!("{place}/offset"), "an offset goes with `earlier` only"))
            }
            (Self::Earlier, Some(_)) | (Self::OldGroup | Self::Previous, None) => None,
        }
    }
}

impl Compare {
    pub(crate) fn against(&self) -> Against {
        self.with.against(self.offset)
    }

    /// Whether the two sides are two groups at the same time, so that a query has to say which.
    pub fn tells_groups_apart(&self) -> bool {
        self.with == With::OldGroup
    }

    /// What is wrong with the comparison that the terms ask for, at its place in the config.
    pub(crate) fn problems(&self, terms: &Terms, place: &str) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.with.problem(self.offset, place).into_iter().collect();
        if self.sensitivity.is_some() && self.method == Method::Kayenta {
            problems.push(Problem::at(format!("{place}/sensitivity"), "the method `kayenta` has none"));
        }
        let several = terms.count.is_some_and(|count| count > 1) || terms.r#for.is_some();
        if !several && terms.initial_delay.is_none() && terms.range.is_none() {
            let message = "a comparison needs samples, and those take time: give `for`, or `initialDelay`, or `range`";
            problems.push(Problem::at(place, message));
        }
        problems
    }

    pub(crate) fn words(&self) -> String {
        let forbidden = match self.direction {
            Direction::Either => "no different from",
            Direction::Increase => "no higher than",
            Direction::Decrease => "no lower than",
        };
        match self.against() {
            Against::OldGroup => format!("{forbidden} the old group"),
            Against::Previous => format!("{forbidden} the previous deployment"),
            Against::Earlier(offset) => format!("{forbidden} {offset} earlier"),
        }
    }

    /// The judge, for so many looks at the data.
    fn judge(&self, looks: u32) -> Judge {
        let (mode, confidence) = match self.method {
            // Each look may find a difference that is none; all of them together are to be no more often wrong than one.
            Method::Exact => (Mode::Exact, 1.0 - (1.0 - self.confidence) / f64::from(looks.max(1))),
            Method::Kayenta => (Mode::Kayenta, self.confidence),
        };
        let sensitivity = self.sensitivity.map(|sensitivity| match sensitivity {
            Sensitivity::Low => judge::Sensitivity::Low,
            Sensitivity::Medium => judge::Sensitivity::Medium,
            Sensitivity::High => judge::Sensitivity::High,
            Sensitivity::VeryHigh => judge::Sensitivity::VeryHigh,
        });
        Judge { confidence, tolerance: self.tolerance, sensitivity, ..Judge::new(mode) }
    }

    fn spec(&self, critical: bool) -> MetricSpec {
        MetricSpec {
            direction: match self.direction {
                Direction::Either => judge::Direction::Either,
                Direction::Increase => judge::Direction::Increase,
                Direction::Decrease => judge::Direction::Decrease,
            },
            nan_strategy: match self.nan_strategy {
                Missing::Remove => judge::Missing::Remove,
                Missing::Replace => judge::Missing::Replace,
            },
            outliers: match self.outlier_factor {
                None => Outliers::Keep,
                Some(outlier_factor) => Outliers::Remove { outlier_factor, reduce_sensitivity: true },
            },
            critical,
            must_have_data: self.must_have_data,
            muted: false,
            effect_size: EffectSize {
                measure: match self.effect {
                    Measure::MeanRatio => judge::Measure::MeanRatio,
                    Measure::Cles => judge::Measure::Cles,
                },
                allowed_increase: self.allowed_increase,
                allowed_decrease: self.allowed_decrease,
                critical_increase: self.critical_increase,
                critical_decrease: self.critical_decrease,
            },
            tolerance: None,
            minimal_difference: self.minimal_difference,
        }
    }
}

/// Judges two sets of samples: what it means for this measurement, and the judgement as evidence shows it.
pub(crate) fn judge<Q>(compare: &Compare, metric: &Metric<Q>, baseline: &[f64], canary: &[f64]) -> (Judged, Option<Value>) {
    let judgement = compare.judge(metric.count).metric(&compare.spec(metric.critical), baseline, canary);
    (meaning(&judgement, metric.range.is_some()), serde_json::to_value(&judgement).ok())
}

/// What a judgement means for one measurement. `sliding`: each measurement looks at samples of its own, and not at all so far.
fn meaning(judgement: &Judgement, sliding: bool) -> Judged {
    let text = judgement.sentence.clone();
    let early = judgement.cause.is_some_and(|cause| more_may_come(cause, sliding));
    let (verdict, value) = match judgement.label {
        // Kayenta's "no data passes" is not followed: without data nothing passes here.
        Label::Pass if judgement.cause.is_some() => (Verdict::Inconclusive, None),
        Label::Pass => (Verdict::Pass, Some(judgement.canary.median)),
        Label::High | Label::Low => (Verdict::Fail, Some(judgement.canary.median)),
        Label::NodataFail => (Verdict::Fail, None),
        Label::Nodata | Label::Error => (Verdict::Inconclusive, None),
    };
    if early { Judged::Early { text, last: verdict } } else { Judged::Told { verdict, value, text } }
}

/// Whether samples that are still to come can mend it.
const fn more_may_come(cause: Cause, sliding: bool) -> bool {
    match cause {
        // A stretch of time without a sample stays one.
        Cause::NoSamples | Cause::NoBaseline | Cause::NoCanary => !sliding,
        Cause::TooFew | Cause::AllEqual => true,
        Cause::Infinite | Cause::Settings => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metric(more: Value) -> Metric<()> {
        let mut config = json!({"name": "errors", "for": "5m", "compare": {"direction": "increase", "minimalDifference": 0.001}});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<Terms>(config).unwrap().metric(())
    }

    fn judged(metric: &Metric<()>, baseline: &[f64], canary: &[f64]) -> Judged {
        let crate::goal::Goal::Compare(compare) = &metric.goal else { panic!("no comparison") };
        judge(compare, metric, baseline, canary).0
    }

    fn verdict(judged: &Judged) -> Option<Verdict> {
        match judged {
            Judged::Told { verdict, .. } => Some(*verdict),
            Judged::Early { .. } | Judged::Error(_) => None,
        }
    }

    #[test]
    fn a_worse_canary_fails_and_an_equal_one_passes() {
        let good: Vec<f64> = (0..20).map(|n| 0.001 + f64::from(n % 5) * 1e-4).collect();
        let bad: Vec<f64> = (0..20).map(|n| 0.05 + f64::from(n % 7) * 1e-3).collect();
        let metric = metric(json!({}));
        assert_eq!(verdict(&judged(&metric, &good, &bad)), Some(Verdict::Fail));
        assert_eq!(verdict(&judged(&metric, &good, &good)), Some(Verdict::Pass));
        assert_eq!(verdict(&judged(&metric, &bad, &good)), Some(Verdict::Pass), "lower is no failure");
    }

    #[test]
    fn too_few_samples_are_early_and_not_a_verdict() {
        let last = |metric: &Metric<()>, baseline: &[f64], canary: &[f64]| match judged(metric, baseline, canary) {
            Judged::Early { last, .. } => Some(last),
            Judged::Told { .. } | Judged::Error(_) => None,
        };
        let metric = metric(json!({}));
        for (baseline, canary) in [(&[][..], &[][..]), (&[1.0], &[]), (&[1.0, 2.0], &[5.0, 6.0])] {
            assert_eq!(last(&metric, baseline, canary), Some(Verdict::Inconclusive), "{baseline:?} {canary:?}");
        }
        let must = self::metric(json!({"compare": {"mustHaveData": true}}));
        assert_eq!(last(&must, &[1.0], &[]), Some(Verdict::Fail), "early as well, and a failure only at the end");
        let sliding = self::metric(json!({"range": "1m"}));
        assert_eq!(verdict(&judged(&sliding, &[1.0], &[])), Some(Verdict::Inconclusive), "what was not there stays so");
        let kayenta = self::metric(json!({"compare": {"method": "kayenta", "nanStrategy": "replace"}}));
        assert_eq!(last(&kayenta, &[], &[]), Some(Verdict::Inconclusive), "no data never passes");
    }

    #[test]
    fn the_risk_is_shared_between_all_looks() {
        let crate::goal::Goal::Compare(compare) = metric(json!({})).goal else { panic!("no comparison") };
        assert!((compare.judge(1).confidence - 0.98).abs() < 1e-12);
        assert!((compare.judge(20).confidence - 0.999).abs() < 1e-12);
        let kayenta = Compare { method: Method::Kayenta, ..compare };
        assert!((kayenta.judge(20).confidence - 0.98).abs() < 1e-12);
    }

    #[test]
    fn problems_name_what_is_missing() {
        let problems = |config: Value| {
            let terms: Terms = serde_json::from_value(config).unwrap();
            terms.problems("").into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
        };
        assert_eq!(problems(json!({"for": "5m", "compare": {}})), [""; 0]);
        assert_eq!(problems(json!({"compare": {}})), ["/compare"]);
        assert_eq!(problems(json!({"for": "5m", "compare": {"with": "earlier"}})), ["/compare/offset"]);
        assert_eq!(problems(json!({"for": "5m", "compare": {"offset": "1d"}})), ["/compare/offset"]);
        let kayenta = json!({"for": "5m", "compare": {"method": "kayenta", "sensitivity": "high"}});
        assert_eq!(problems(kayenta), ["/compare/sensitivity"]);
    }
}
