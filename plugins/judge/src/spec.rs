//! What is asked for: how a metric is to be judged. Plain data, as it is typed in a config; it decides nothing. `Judge` in `lib.rs`
//! takes it, `samples.rs` and the two methods, `exact.rs` and `kayenta.rs`, act on it.

use serde::{Deserialize, Serialize};

/// Which method judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Order statistics of the pairwise differences, and the exact distribution of U where samples are few. See `docs/judge.md`.
    #[default]
    Exact,
    /// As the judge `NetflixACAJudge-v1.0` of Kayenta does, with its roots of a rank sum to a tolerance of 1e-4.
    Kayenta,
}

/// Which way a metric must not go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// Neither way.
    #[default]
    Either,
    /// It must not go up: errors, latency.
    Increase,
    /// It must not go down: throughput, successes.
    Decrease,
}

impl Direction {
    /// Whether going up is a failure.
    #[must_use]
    pub const fn forbids_increase(self) -> bool {
        matches!(self, Self::Either | Self::Increase)
    }

    /// Whether going down is a failure.
    #[must_use]
    pub const fn forbids_decrease(self) -> bool {
        matches!(self, Self::Either | Self::Decrease)
    }
}

/// What becomes of a sample that is NaN. Infinity is treated as NaN, but by the Kayenta method, which answers with an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Missing {
    /// It is left out.
    #[default]
    Remove,
    /// It counts as 0: for counters of rare things, which have no value where nothing happened.
    Replace,
}

/// What becomes of outliers. Each side is looked at by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "strategy", deny_unknown_fields)]
pub enum Outliers {
    /// They stay.
    #[default]
    Keep,
    /// What lies outside of the fences is left out.
    #[serde(rename_all = "camelCase")]
    Remove {
        /// How many interquartile ranges beyond the quartiles the fences stand. Above 0.
        #[serde(default = "outlier_factor")]
        outlier_factor: f64,
        /// Fences stand no closer than the 1st and the 99th percentile.
        #[serde(default = "reduces")]
        reduce_sensitivity: bool,
    },
}

const fn outlier_factor() -> f64 {
    3.0
}

const fn reduces() -> bool {
    true
}

/// How large a difference is, as one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// The canary's mean over the baseline's; 1 is no difference. There is none where either mean is 0.
    #[default]
    MeanRatio,
    /// The common language effect size: how probable it is that a sample of the canary is above one of the baseline, where equal
    /// ones count half. From 0 to 1; 0.5 is no difference.
    Cles,
}

impl Measure {
    /// The value that says "no difference", which is Kayenta's default of all four bounds.
    #[must_use]
    pub const fn neutral(self) -> f64 {
        match self {
            Self::MeanRatio => 1.0,
            Self::Cles => 0.5,
        }
    }
}

/// From which effect on a difference counts. A bound that is left out asks for nothing in the exact mode, and is
/// [`Measure::neutral`] in Kayenta's. An effect that cannot be computed is taken as large enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct EffectSize {
    /// In which measure the bounds are.
    pub measure: Measure,
    /// An increase fails from this effect on.
    pub allowed_increase: Option<f64>,
    /// A decrease fails from this effect down.
    pub allowed_decrease: Option<f64>,
    /// A failed increase of a critical metric is critical from this effect on.
    pub critical_increase: Option<f64>,
    /// A failed decrease of a critical metric is critical from this effect down.
    pub critical_decrease: Option<f64>,
}

/// How one metric is judged. The default is a metric that may go neither way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MetricSpec {
    /// Which way it must not go.
    pub direction: Direction,
    /// What becomes of samples that are NaN.
    pub nan_strategy: Missing,
    /// What becomes of outliers.
    pub outliers: Outliers,
    /// When it fails, or has no data, the score is 0.
    pub critical: bool,
    /// No data is a failure, not only a gap.
    pub must_have_data: bool,
    /// It is judged and shown, and not scored.
    pub muted: bool,
    /// From which effect on a difference counts.
    pub effect_size: EffectSize,
    /// The exact mode's tolerance for this metric instead of the judge's: a share of the baseline's median, 0.1 for 10 %.
    pub tolerance: Option<f64>,
    /// The exact mode's least difference that counts, in the metric's own unit; for metrics whose baseline is about 0, where a
    /// share says nothing. The larger of the two is the band.
    pub minimal_difference: f64,
}

/// From how many standard deviations of the baseline on a sample of the canary deviates, and what share of such samples fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Sensitivity {
    /// 5 standard deviations; fails when half of the samples deviate.
    Low,
    /// 4 standard deviations; fails when half of the samples deviate.
    Medium,
    /// 3 standard deviations; fails when half of the samples deviate.
    High,
    /// 3 standard deviations; fails when more than a quarter of the samples deviate.
    VeryHigh,
}

impl Sensitivity {
    /// From how many standard deviations on a sample deviates.
    #[must_use]
    pub const fn sigmas(self) -> f64 {
        match self {
            Self::Low => 5.0,
            Self::Medium => 4.0,
            Self::High | Self::VeryHigh => 3.0,
        }
    }
}
