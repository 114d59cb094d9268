//! The shape of the samples, beside their ranks: whether they fall into two groups, which a median difference can hide a change of,
//! and what share of the canary's is far from the baseline. It judges nothing; `exact.rs` does.

use serde::{Deserialize, Serialize};

use crate::samples::Statistics;
use crate::spec::{Direction, Sensitivity};

/// Two groups of samples, in the metric's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TwoGroups {
    /// The mean of the lower group.
    pub low: f64,
    /// The mean of the upper group.
    pub high: f64,
    /// What share of the samples is in the upper group, from 0 to 1.
    pub share: f64,
}

/// Fewer samples say nothing of their shape.
const LEAST_SAMPLES: usize = 20;
/// With fewer different values they are counts of something rare, which lie apart by nature.
const LEAST_VALUES: usize = 6;
/// A group with a smaller share is a tail, not a group.
const LEAST_SHARE: f64 = 0.1;
/// Ashman's D of two groups. 2 parts a known mixture; but here the split is the best there is, which gives 2.7 to a normal
/// distribution, 2.6 to an exponential and 3.5 to an even one, none of which has two groups.
const LEAST_SEPARATION: f64 = 4.0;

/// Whether `sorted`, which ascends, falls into two groups; and into which.
///
/// The split is the one with the greatest variance between the groups (Otsu, "A Threshold Selection Method from Gray-Level
/// Histograms", 1979), and it counts when Ashman's D says that they lie apart: the distance of the means over the root mean square of
/// the deviations (Ashman, Bird and Zepf, "Detecting Bimodality in Astronomical Datasets", 1994). Not the bimodality coefficient,
/// which skewed samples with one peak exceed as well, and most latencies are skewed.
#[must_use]
pub fn two_groups(sorted: &[f64]) -> Option<TwoGroups> {
    let values = sorted.chunk_by(|a, b| a == b).count();
    if sorted.len() < LEAST_SAMPLES || values < LEAST_VALUES {
        return None;
    }
    let all = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / all;
    let (mut count, mut sum, mut best, mut best_at) = (0.0, 0.0, 0.0, 0);
    for (index, pair) in sorted.windows(2).enumerate() {
        let [value, next] = pair else { break };
        count += 1.0;
        sum += value - mean;
        // With the mean at 0, the variance between the groups is this, but for a factor that is the same for all splits.
        let between = sum * sum / (count * (all - count));
        if value < next && between > best {
            (best, best_at) = (between, index + 1);
        }
    }
    let (lower, upper) = sorted.split_at_checked(best_at)?;
    let share = upper.len() as f64 / all;
    if lower.is_empty() || share.min(1.0 - share) < LEAST_SHARE {
        return None;
    }
    let (lower, upper) = (Statistics::of(lower), Statistics::of(upper));
    let spread = libm::sqrt((lower.std * lower.std + upper.std * upper.std) / 2.0);
    let apart = upper.mean - lower.mean >= LEAST_SEPARATION * spread;
    apart.then_some(TwoGroups { low: lower.mean, high: upper.mean, share })
}

/// How much of the canary deviates from the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Risk {
    /// No sample.
    None,
    /// A quarter of the samples or less.
    Low,
    /// More than a quarter, less than half.
    Medium,
    /// Half or more.
    High,
}

/// What share of the canary's samples is far from the baseline's mean, in the way that the metric must not go.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deviation {
    /// From how many standard deviations of the baseline on a sample counts.
    pub sigmas: f64,
    /// The share above the baseline, from 0 to 1; 0 where the metric may go up.
    pub above: f64,
    /// The share below the baseline, from 0 to 1; 0 where the metric may go down.
    pub below: f64,
    /// What both shares together mean.
    pub risk: Risk,
    /// Whether so much risk fails, with the sensitivity that was asked for.
    pub fails: bool,
}

impl Deviation {
    /// Measures the canary's samples against what describes the baseline. Both have samples.
    #[must_use]
    pub fn of(sensitivity: Sensitivity, direction: Direction, baseline: &Statistics, canary: &[f64]) -> Self {
        let reach = sensitivity.sigmas() * baseline.std;
        let share = |counts: bool, far: &dyn Fn(f64) -> bool| {
            let many = canary.iter().filter(|sample| counts && far(**sample)).count();
            if canary.is_empty() { 0.0 } else { many as f64 / canary.len() as f64 }
        };
        // A baseline without any spread is left by whatever differs from it.
        let above = share(direction.forbids_increase(), &|x| x > baseline.mean && x - baseline.mean >= reach);
        let below = share(direction.forbids_decrease(), &|x| x < baseline.mean && baseline.mean - x >= reach);
        let risk = match above + below {
            all if all >= 0.5 => Risk::High,
            all if all > 0.25 => Risk::Medium,
            all if all > 0.0 => Risk::Low,
            _ => Risk::None,
        };
        let least = match sensitivity {
            Sensitivity::VeryHigh => Risk::Medium,
            Sensitivity::Low | Sensitivity::Medium | Sensitivity::High => Risk::High,
        };
        Self { sigmas: sensitivity.sigmas(), above, below, risk, fails: risk >= least }
    }
}
