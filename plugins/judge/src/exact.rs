//! Judges by what can be computed without approximation: the interval's ends are differences that were measured, so no judgement hangs
//! on the noise of a root finder. The distribution of U is counted where samples are few, and approximated by a normal one else. What
//! Kayenta would say is in `kayenta.rs`.
//!
//! Sources: Mann and Whitney 1947 for U; Hodges and Lehmann 1963 for the estimate; the interval as in Hollander, Wolfe and Chicken,
//! "Nonparametric Statistical Methods", 2014, section 4.3.

use alloc::vec::Vec;

use crate::differences::Differences;
use crate::finding::Finding;
use crate::judgement::{Cause, Label, Warning};
use crate::normal;
use crate::null::{self, Null};
use crate::ranks::Ranks;
use crate::samples::Clean;
use crate::shape::{Deviation, two_groups};
use crate::spec::{MetricSpec, Missing, Sensitivity};

/// What the judge is set to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) confidence: f64,
    pub(crate) tolerance: f64,
    pub(crate) sensitivity: Option<Sensitivity>,
}

/// Judges. `effect` is NaN where it cannot be computed.
pub(crate) fn judge(spec: &MetricSpec, baseline: &Clean, canary: &Clean, settings: Settings, effect: f64) -> Finding {
    let (ys, xs) = (baseline.sorted.as_slice(), canary.sorted.as_slice());
    let mut finding = Finding { effect, warnings: warnings(spec, baseline, canary), ..Finding::default() };
    if let Some(cause) = Cause::of_empty(ys, xs) {
        return finding.no_data(cause, spec);
    }
    let ranks = Ranks::of(xs, ys, 0.0);
    let tail = (1.0 - settings.confidence) / 2.0;
    let (p, rank) = p_and_rank(xs, ys, &ranks, tail);
    (finding.u, finding.p) = (Some(ranks.u), Some(p));
    let mut differences = Differences::of(xs, ys);
    finding.estimate = differences.median();
    let Some([low, high]) = interval(&mut differences, rank) else { return finding.no_data(Cause::TooFew, spec) };
    finding.interval = Some([low, high]);
    let band = (spec.tolerance.unwrap_or(settings.tolerance) * baseline.statistics.median.abs()).max(spec.minimal_difference);
    finding.band = Some(band);

    let size = &spec.effect_size;
    let at_least = |bound: Option<f64>| bound.is_none_or(|bound| effect.is_nan() || effect >= bound);
    let at_most = |bound: Option<f64>| bound.is_none_or(|bound| effect.is_nan() || effect <= bound);
    (finding.label, finding.critical) = if spec.direction.forbids_increase() && low > band && at_least(size.allowed_increase) {
        (Label::High, spec.critical && at_least(size.critical_increase))
    } else if spec.direction.forbids_decrease() && high < -band && at_most(size.allowed_decrease) {
        (Label::Low, spec.critical && at_most(size.critical_decrease))
    } else {
        (Label::Pass, false)
    };
    if let Some(sensitivity) = settings.sensitivity {
        let deviation = Deviation::of(sensitivity, spec.direction, &baseline.statistics, xs);
        finding.deviation = Some(deviation);
        if finding.label == Label::Pass && deviation.fails {
            finding.label = if deviation.above >= deviation.below { Label::High } else { Label::Low };
            finding.critical = spec.critical;
        }
    }
    finding
}

/// The probability of so large a U where nothing differs, and the rank of the difference that is the interval's lower end; 0 when so
/// few samples have no interval of that confidence.
///
/// The probability heeds ties. The rank does not: an interval for samples that are all different covers at least as often when some
/// are equal (its ends belong to it), and needs no assumption on how they come to be equal.
fn p_and_rank(canary: &[f64], baseline: &[f64], ranks: &Ranks, tail: f64) -> (f64, u64) {
    let (n, m) = (baseline.len(), canary.len());
    if !null::is_quick(n, m) {
        return (ranks.p(), approximate_rank(n, m, tail));
    }
    let Some(different) = Null::of(m, n, core::iter::repeat_n(1, n + m)) else { return (ranks.p(), 0) };
    let p = if ranks.ties == 0.0 {
        different.p(ranks.u)
    } else {
        let mut pooled: Vec<f64> = canary.iter().chain(baseline).copied().collect();
        pooled.sort_unstable_by(f64::total_cmp);
        Null::of(m, n, pooled.chunk_by(|a, b| a == b).map(<[f64]>::len)).map_or(ranks.p(), |tied| tied.p(ranks.u))
    };
    (p, different.rank(tail))
}

/// The rank by the normal approximation with a correction for continuity.
fn approximate_rank(n: usize, m: usize, tail: f64) -> u64 {
    let (n, m) = (n as f64, m as f64);
    let sigma = libm::sqrt(n * m * (n + m + 1.0) / 12.0);
    let rank = libm::floor(n * m / 2.0 + 0.5 - normal::quantile(tail) * sigma);
    // A number below 0 becomes 0.
    rank as u64
}

/// The differences with that rank from below and from above.
fn interval(differences: &mut Differences<'_>, rank: u64) -> Option<[f64; 2]> {
    let from_above = (differences.pairs() + 1).checked_sub(rank)?;
    let (low, high) = (differences.ranked(rank)?, differences.ranked(from_above)?);
    (low <= high).then_some([low, high])
}

/// What a reader has to know of the samples.
fn warnings(spec: &MetricSpec, baseline: &Clean, canary: &Clean) -> Vec<Warning> {
    let no_numbers = Warning::NoNumbers { baseline: baseline.no_numbers, canary: canary.no_numbers };
    let left_out = spec.nan_strategy == Missing::Remove && baseline.no_numbers + canary.no_numbers > 0;
    let of_canary = two_groups(&canary.sorted).map(Warning::BimodalCanary);
    let of_baseline = two_groups(&baseline.sorted).map(Warning::BimodalBaseline);
    left_out.then_some(no_numbers).into_iter().chain(of_canary).chain(of_baseline).collect()
}
