//! What is read off the ranks of two samples: Mann and Whitney's U, its ties, the probability of so large a U by the normal
//! approximation. Both methods use it; the distribution without approximation is in `null.rs`.
//!
//! Source: Mann and Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other", 1947.

use crate::normal;

/// U of two samples and what ties there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ranks {
    /// Over all pairs: 1 where the canary's sample is above the baseline's, a half where they are equal. Exact to 2⁵³.
    pub(crate) u: f64,
    /// The sum of t³ − t over all groups of t equal samples in both.
    pub(crate) ties: f64,
    /// Half the number of pairs: U where nothing differs.
    pub(crate) middle: f64,
    /// The standard deviation of U where nothing differs, corrected for ties; 0 where all samples are equal.
    pub(crate) sigma: f64,
}

/// Splits off the run of samples that are `value` after `shift` is taken off; the samples ascend. Returns its length.
fn take_run(rest: &mut &[f64], shift: f64, value: f64) -> f64 {
    let mut length = 0.0;
    while let Some((sample, tail)) = rest.split_first() {
        if sample - shift != value {
            break;
        }
        *rest = tail;
        length += 1.0;
    }
    length
}

impl Ranks {
    /// Ranks the canary's samples, each less `shift`, among the baseline's. Both ascend, and hold finite numbers only.
    pub(crate) fn of(canary: &[f64], baseline: &[f64], shift: f64) -> Self {
        let (n, m) = (baseline.len() as f64, canary.len() as f64);
        let (mut xs, mut ys) = (canary, baseline);
        let (mut u, mut ties, mut baseline_below) = (0.0, 0.0, 0.0);
        loop {
            let value = match (xs.first(), ys.first()) {
                (Some(x), Some(y)) => (x - shift).min(*y),
                (Some(_), None) => {
                    u += xs.len() as f64 * baseline_below;
                    ties += tie_groups(xs, shift);
                    break;
                }
                (None, Some(_)) => {
                    ties += tie_groups(ys, 0.0);
                    break;
                }
                (None, None) => break,
            };
            let (of_canary, of_baseline) = (take_run(&mut xs, shift, value), take_run(&mut ys, 0.0, value));
            let together = of_canary + of_baseline;
            if together == 0.0 {
                // Only what is no number equals nothing; such samples do not come here.
                break;
            }
            u += of_canary * (baseline_below + 0.5 * of_baseline);
            ties += together * (together * together - 1.0);
            baseline_below += of_baseline;
        }
        let all = n + m;
        let variance = n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
        Self { u, ties, middle: n * m / 2.0, sigma: libm::sqrt(variance.max(0.0)) }
    }

    /// How far U is from its middle, in standard deviations, half a pair closer for continuity. NaN where all samples are equal.
    pub(crate) fn z(&self) -> f64 {
        let distance = self.u - self.middle;
        let correction = if distance == 0.0 { 0.0 } else { 0.5_f64.copysign(distance) };
        (distance - correction) / self.sigma
    }

    /// The probability of a U at least so far from its middle, to either side, where nothing differs: by the normal approximation.
    pub(crate) fn p(&self) -> f64 {
        if self.sigma == 0.0 {
            return 1.0;
        }
        (2.0 * normal::upper_tail(self.z().abs())).min(1.0)
    }
}

/// The sum of t³ − t over the groups of equal samples.
fn tie_groups(sorted: &[f64], shift: f64) -> f64 {
    let (mut rest, mut ties) = (sorted, 0.0);
    while let Some(first) = rest.first() {
        let length = take_run(&mut rest, shift, first - shift);
        if length == 0.0 {
            break;
        }
        ties += length * (length * length - 1.0);
    }
    ties
}

/// The canary's mean over the baseline's; NaN where either is 0.
pub(crate) fn mean_ratio(baseline_mean: f64, canary_mean: f64) -> f64 {
    if baseline_mean == 0.0 || canary_mean == 0.0 { f64::NAN } else { canary_mean / baseline_mean }
}
