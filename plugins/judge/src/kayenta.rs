//! Judges as Kayenta's `NetflixACAJudge-v1.0` does, so that whoever comes from there gets the same labels: an interval from the roots
//! of a rank sum, and a band that is relative to the estimate. It knows nothing of sensitivity or of two groups; `exact.rs` does.
//!
//! Source: the behaviour of the published judge, and R's `wilcox.test(exact = FALSE, correct = TRUE, conf.int = TRUE)` as documented,
//! which it follows. In one thing it differs: where Kayenta adds random noise to constant samples, here it is always the same.

use alloc::vec::Vec;

use crate::finding::Finding;
use crate::judgement::{Cause, Label};
use crate::normal;
use crate::ranks::Ranks;
use crate::root::{self, At};
use crate::samples::Clean;
use crate::spec::{EffectSize, MetricSpec, Missing};

/// How exact the roots are, in the metric's unit.
const TOLERANCE: f64 = 1e-4;
/// The standard deviation of the noise that constant samples get, as a share of their value.
const NOISE: f64 = 1e-5;

/// The least and the greatest shift that goes with the samples, and the likeliest one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The interval.
    pub interval: [f64; 2],
    /// The estimate of Hodges and Lehmann, to about 1e-4.
    pub estimate: f64,
}

/// How far the rank sum is from its middle when the canary is shifted back by `shift`, in standard deviations and less `q`. Nothing
/// when all samples are equal then.
#[must_use]
pub fn rank_sum(canary: &[f64], baseline: &[f64], shift: f64, q: f64) -> Option<f64> {
    let ranks = Ranks::of(canary, baseline, shift);
    (ranks.sigma > 0.0).then(|| ranks.z() - q)
}

/// The shift of the canary, with an interval of this confidence. Both samples ascend. Nothing when it cannot be computed: a side is
/// empty, or all samples are equal once they are shifted.
#[must_use]
pub fn shift(canary: &[f64], baseline: &[f64], confidence: f64) -> Option<Shift> {
    let least = canary.first()? - baseline.last()?;
    let greatest = canary.last()? - baseline.first()?;
    let at = |x: f64, q: f64| Some(At { x, f: rank_sum(canary, baseline, x, q)? });
    let zero = |q: f64| root::zero(at(least, q)?, at(greatest, q)?, TOLERANCE, |x| rank_sum(canary, baseline, x, q));
    let end = |q: f64| {
        if at(least, q)?.f <= 0.0 {
            return Some(least);
        }
        if at(greatest, q)?.f >= 0.0 {
            return Some(greatest);
        }
        zero(q)
    };
    let q = normal::quantile((1.0 - confidence) / 2.0);
    Some(Shift { interval: [end(q)?, end(-q)?], estimate: zero(0.0)? })
}

/// Whether all samples are equal; not when there are none.
fn is_constant(sorted: &[f64]) -> bool {
    sorted.first().is_some_and(|first| sorted.last() == Some(first))
}

/// Equal samples spread as a normal distribution would spread them: no two are equal then, and the same always come out.
fn with_noise(sorted: &[f64]) -> Vec<f64> {
    let count = sorted.len() as f64;
    let spread = |(index, value): (usize, &f64)| value + NOISE * value * normal::quantile((index as f64 + 0.5) / count);
    let mut noisy: Vec<f64> = sorted.iter().enumerate().map(spread).collect();
    noisy.sort_unstable_by(f64::total_cmp);
    noisy
}

/// Judges. The tolerance is a share of the estimate. `effect` is NaN where it cannot be computed.
pub(crate) fn judge(
    spec: &MetricSpec,
    baseline: &Clean,
    canary: &Clean,
    confidence: f64,
    tolerance: f64,
    effect: f64,
) -> Finding {
    let (ys, xs) = (baseline.sorted.as_slice(), canary.sorted.as_slice());
    let mut finding = Finding { effect: 1.0, ..Finding::default() };
    if baseline.infinite + canary.infinite > 0 {
        return finding.without(Label::Error, Cause::Infinite, spec.critical);
    }
    if let Some(cause) = Cause::of_empty(ys, xs) {
        return match spec.nan_strategy {
            Missing::Replace => finding.without(Label::Pass, cause, false),
            Missing::Remove => finding.no_data(cause, spec),
        };
    }
    let ranks = Ranks::of(xs, ys, 0.0);
    (finding.u, finding.p) = (Some(ranks.u), Some(ranks.p()));
    let constant = is_constant(xs) && is_constant(ys);
    if xs == ys || constant && xs.first() == ys.first() {
        return finding;
    }
    finding.effect = effect;
    let shift = if constant { shift(&with_noise(xs), &with_noise(ys), confidence) } else { shift(xs, ys, confidence) };
    let Some(Shift { interval: [low, high], estimate }) = shift else {
        return finding.without(Label::Error, Cause::AllEqual, spec.critical);
    };
    let band = tolerance * estimate.abs();
    finding.estimate = Some(estimate);
    finding.interval = Some([low, high]);
    finding.band = Some(band);
    let bounds = Bounds::of(&spec.effect_size);
    let at_least = |bound: f64| effect.is_nan() || effect >= bound;
    let at_most = |bound: f64| effect.is_nan() || effect <= bound;
    (finding.label, finding.critical) = if spec.direction.forbids_increase() && low > band && at_least(bounds.allowed_increase) {
        (Label::High, spec.critical && at_least(bounds.critical_increase))
    } else if spec.direction.forbids_decrease() && high < -band && at_most(bounds.allowed_decrease) {
        (Label::Low, spec.critical && at_most(bounds.critical_decrease))
    } else {
        (Label::Pass, false)
    };
    finding
}

/// The bounds of the effect, with Kayenta's defaults.
struct Bounds {
    allowed_increase: f64,
    allowed_decrease: f64,
    critical_increase: f64,
    critical_decrease: f64,
}

impl Bounds {
    fn of(size: &EffectSize) -> Self {
        let or_neutral = |bound: Option<f64>| bound.unwrap_or(size.measure.neutral());
        Self {
            allowed_increase: or_neutral(size.allowed_increase),
            allowed_decrease: or_neutral(size.allowed_decrease),
            critical_increase: or_neutral(size.critical_increase),
            critical_decrease: or_neutral(size.critical_decrease),
        }
    }
}
