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

/// The group of equal samples that a walk is at: how many are of the canary, how many of the baseline.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    of_canary: u64,
    of_baseline: u64,
}

impl Ranks {
    /// Ranks the canary's samples, each less `shift`, among the baseline's. Both ascend, and hold finite numbers only.
    pub(crate) fn of(canary: &[f64], baseline: &[f64], shift: f64) -> Self {
        let (n, m) = (baseline.len() as f64, canary.len() as f64);
        let (mut x_at, mut y_at, mut pairs_above) = (0_usize, 0_usize, 0_u64);
        let (mut halves, mut ties) = (0.0, 0.0);
        let (mut group, mut value) = (Group::default(), f64::NAN);
        let mut close = |group: Group| {
            let together = (group.of_canary + group.of_baseline) as f64;
            halves += (group.of_canary * group.of_baseline) as f64;
            ties += together * (together * together - 1.0);
        };
        // One sample a step, the canary's first where both are equal. Which side it is of is not foreseeable, so that is computed
        // and not branched on: half of the branches would be guessed wrong.
        for _ in 0..canary.len() + baseline.len() {
            let x = canary.get(x_at).map_or(f64::INFINITY, |x| x - shift);
            let y = baseline.get(y_at).copied().unwrap_or(f64::INFINITY);
            let is_canary = x <= y;
            let next = if is_canary { x } else { y };
            if next != value {
                close(group);
                (group, value) = (Group::default(), next);
            }
            pairs_above += u64::from(is_canary) * y_at as u64;
            x_at += usize::from(is_canary);
            y_at += usize::from(!is_canary);
            group.of_canary += u64::from(is_canary);
            group.of_baseline += u64::from(!is_canary);
        }
        close(group);
        let all = n + m;
        let variance = n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
        let u = pairs_above as f64 + 0.5 * halves;
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

/// The canary's mean over the baseline's; NaN where either is 0.
pub(crate) fn mean_ratio(baseline_mean: f64, canary_mean: f64) -> f64 {
    if baseline_mean == 0.0 || canary_mean == 0.0 { f64::NAN } else { canary_mean / baseline_mean }
}
