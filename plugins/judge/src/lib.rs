//! Judges whether the samples of a canary are worse than those of a baseline. Pure: no clock, no network, no randomness; the same
//! samples always lead to the same judgement. It is a library for plugins and runs inside of them, so it is small and never panics.
//!
//! `docs/judge.md` says what is computed and why. Here: `spec.rs` is what is asked for, `judgement.rs` what comes of it; `samples.rs`
//! cleans, `exact.rs` and `kayenta.rs` are the two methods, `score.rs` weighs the metrics up, `intervals.rs`
//! takes the scores of an analysis that judges again and again.
//!
//! ```
//! use judge::{Direction, Judge, Label, MetricSpec};
//!
//! let spec = MetricSpec { direction: Direction::Increase, ..MetricSpec::default() };
//! let baseline = [0.10, 0.11, 0.12, 0.10, 0.13, 0.11];
//! let canary = [0.20, 0.24, 0.22, 0.21, 0.23, 0.25];
//! let judgement = Judge::default().metric(&spec, &baseline, &canary);
//! assert_eq!(judgement.label, Label::High);
//! assert!(judgement.sentence.starts_with("canary is higher: 0.225 against 0.11 (median difference 0.11, "));
//! ```
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod differences;
mod exact;
mod finding;
mod intervals;
mod judgement;
pub mod kayenta;
mod normal;
mod null;
mod ranks;
mod root;
pub mod samples;
pub mod score;
mod sentence;
mod shape;
mod spec;

use serde::{Deserialize, Serialize};

pub use intervals::{Course, over_intervals};
pub use judgement::{Cause, Effect, Judgement, Label, Warning, digest};
pub use samples::Statistics;
pub use score::{Classification, Entry, GroupScore, Score, Thresholds, Weights, score};
pub use shape::{Deviation, Risk, TwoGroups, two_groups};
pub use spec::{Direction, EffectSize, Measure, MetricSpec, Missing, Mode, Outliers, Sensitivity};

use finding::Finding;
use samples::{Clean, tame};

/// How metrics are judged, all of them alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Judge {
    /// By which method.
    pub mode: Mode,
    /// The confidence of the interval that has to be beyond the band, between 0 and 1. Default 0.98.
    pub confidence: f64,
    /// How large a difference may be. In the exact mode a share of the baseline's median, 0.1 (which is 10 %) unless it is set; in
    /// Kayenta's a share of the estimate, 0.25 unless it is set.
    pub tolerance: Option<f64>,
    /// Whether single samples that are far from the baseline fail as well; only in the exact mode. Default none: they do not.
    pub sensitivity: Option<Sensitivity>,
}

impl Default for Judge {
    fn default() -> Self {
        Self::new(Mode::Exact)
    }
}

impl Judge {
    /// A judge with the defaults of a method.
    #[must_use]
    pub const fn new(mode: Mode) -> Self {
        Self { mode, confidence: 0.98, tolerance: None, sensitivity: None }
    }

    /// The tolerance that holds.
    #[must_use]
    pub const fn tolerance(&self) -> f64 {
        match (self.tolerance, self.mode) {
            (Some(tolerance), _) => tolerance,
            (None, Mode::Exact) => 0.1,
            (None, Mode::Kayenta) => 0.25,
        }
    }

    /// Whether these settings and those of the metric make sense. What does not is judged as [`Label::Error`].
    #[must_use]
    pub fn accepts(&self, spec: &MetricSpec) -> bool {
        // Asked so that NaN is refused.
        let not_negative = |value: f64| value >= 0.0 && value.is_finite();
        let factor_fits = match spec.outliers {
            Outliers::Keep => true,
            Outliers::Remove { outlier_factor, .. } => outlier_factor > 0.0 && outlier_factor.is_finite(),
        };
        self.confidence > 0.0
            && self.confidence < 1.0
            && not_negative(self.tolerance())
            && spec.tolerance.is_none_or(not_negative)
            && not_negative(spec.minimal_difference)
            && factor_fits
    }

    /// Judges one metric by its samples, which may come in any order. Never panics, whatever the samples are, and in the exact mode
    /// never passes without data.
    #[must_use]
    pub fn metric(&self, spec: &MetricSpec, baseline: &[f64], canary: &[f64]) -> Judgement {
        let (baseline, canary) = (samples::clean(baseline, spec), samples::clean(canary, spec));
        let measure = spec.effect_size.measure;
        let effect = effect(measure, &baseline, &canary);
        let finding = if !self.accepts(spec) {
            Finding { effect, ..Finding::default() }.without(Label::Error, Cause::Settings, spec.critical)
        } else {
            match self.mode {
                Mode::Exact => {
                    let settings = exact::Settings {
                        confidence: self.confidence,
                        tolerance: self.tolerance(),
                        sensitivity: self.sensitivity,
                    };
                    exact::judge(spec, &baseline, &canary, settings, effect)
                }
                Mode::Kayenta => kayenta::judge(spec, &baseline, &canary, self.confidence, self.tolerance(), effect),
            }
        };
        let value = finding.effect.is_finite().then_some(finding.effect);
        let mut judgement = Judgement {
            method: self.mode,
            label: finding.label,
            critical: finding.critical,
            sentence: alloc::string::String::new(),
            cause: finding.cause,
            samples: [baseline.sorted.len(), canary.sorted.len()],
            u: finding.u,
            p: finding.p,
            confidence: self.confidence,
            interval: finding.interval.map(|ends| ends.map(tame)),
            estimate: finding.estimate.map(tame),
            band: finding.band.map(tame),
            effect: Effect { measure, value },
            baseline: baseline.statistics,
            canary: canary.statistics,
            deviation: finding.deviation,
            warnings: finding.warnings,
            digest: digest(&baseline.sorted, &canary.sorted),
        };
        judgement.sentence = sentence::of(&judgement, spec);
        judgement
    }
}

/// How large the difference is; NaN where it cannot be computed.
fn effect(measure: Measure, baseline: &Clean, canary: &Clean) -> f64 {
    if baseline.sorted.is_empty() || canary.sorted.is_empty() {
        return f64::NAN;
    }
    match measure {
        Measure::MeanRatio => ranks::mean_ratio(baseline.statistics.mean, canary.statistics.mean),
        Measure::Cles => {
            let ranks = ranks::Ranks::of(&canary.sorted, &baseline.sorted, 0.0);
            ranks.u / (2.0 * ranks.middle)
        }
    }
}
