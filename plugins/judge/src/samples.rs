//! Samples before they are judged: what is no number, what is an outlier, and what describes the rest. It compares nothing with
//! anything; the comparing is done in `ranks.rs` and `differences.rs`.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::spec::{MetricSpec, Missing, Outliers};

/// What describes the samples of one side, in the metric's unit. All are 0 where there are no samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// How many there are.
    pub count: usize,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The 50th percentile.
    pub median: f64,
    /// The standard deviation of a sample (divided by one less than the count); 0 for a single one.
    pub std: f64,
}

impl Statistics {
    /// Describes `sorted`, which ascends and holds finite numbers only.
    #[must_use]
    pub fn of(sorted: &[f64]) -> Self {
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Self::default() };
        let (mean, std) = mean_and_std(sorted);
        Self { count: sorted.len(), min, max, mean: tame(mean), median: tame(percentile(sorted, 50.0)), std: tame(std) }
    }
}

/// The mean and the standard deviation of a sample; zeros where there are none.
fn mean_and_std(samples: &[f64]) -> (f64, f64) {
    if samples.is_empty() {
        return (0.0, 0.0);
    }
    let count = samples.len() as f64;
    let (min, max) = samples.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), s| (s.min(min), s.max(max)));
    // A sum's rounding may carry the mean of equal samples a little beyond them, and equal samples deviate from nothing.
    let mean = (samples.iter().sum::<f64>() / count).max(min).min(max);
    if samples.len() == 1 {
        return (mean, 0.0);
    }
    let squares: f64 = samples.iter().map(|sample| (sample - mean) * (sample - mean)).sum();
    (mean, libm::sqrt(squares / (count - 1.0)))
}

/// JSON has no infinity: what overflowed becomes the greatest number there is.
pub(crate) const fn tame(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}

/// The percentile of `sorted`, from 0 to 100, by linear interpolation between the two closest ranks (type 7 of Hyndman and Fan,
/// "Sample Quantiles in Statistical Packages", 1996). NaN where there are no samples.
#[must_use]
pub fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = (percent / 100.0).clamp(0.0, 1.0) * last as f64;
    let below = libm::floor(place) as usize;
    let low = sorted.get(below).copied().unwrap_or(f64::NAN);
    match sorted.get(below + 1) {
        Some(high) => low + (place - below as f64) * (high - low),
        None => low,
    }
}

/// The interval outside of which a sample is an outlier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fences {
    /// Below it is an outlier.
    pub low: f64,
    /// Above it is an outlier.
    pub high: f64,
}

impl Fences {
    /// Fences `factor` interquartile ranges beyond the quartiles of `sorted` (Tukey, "Exploratory Data Analysis", 1977). With
    /// `reduce_sensitivity` no closer than the 1st and the 99th percentile.
    #[must_use]
    pub fn interquartile(sorted: &[f64], factor: f64, reduce_sensitivity: bool) -> Self {
        let (first, third) = (percentile(sorted, 25.0), percentile(sorted, 75.0));
        let reach = factor * (third - first);
        let (low, high) = (first - reach, third + reach);
        if reduce_sensitivity {
            Self { low: low.min(percentile(sorted, 1.0)), high: high.max(percentile(sorted, 99.0)) }
        } else {
            Self { low, high }
        }
    }

    /// Fences `k` standard deviations around the mean of `samples`.
    #[must_use]
    pub fn sigmas(samples: &[f64], k: f64) -> Self {
        let (mean, std) = mean_and_std(samples);
        Self { low: mean - k * std, high: mean + k * std }
    }

    /// Whether `sample` lies outside.
    #[must_use]
    pub fn exclude(&self, sample: f64) -> bool {
        sample < self.low || sample > self.high
    }
}

/// The samples of one side as they are judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Clean {
    /// Ascending, finite, without a negative zero.
    pub sorted: Vec<f64>,
    /// How many were no numbers and were left out.
    pub no_numbers: usize,
    /// How many were left out as outliers.
    pub outliers: usize,
    /// How many were infinite; they are among `no_numbers`, or replaced as those are.
    pub infinite: usize,
    /// What describes the samples in `sorted`.
    pub statistics: Statistics,
}

/// Makes `samples` ready for judging, as `spec` says.
#[must_use]
pub fn clean(samples: &[f64], spec: &MetricSpec) -> Clean {
    let mut sorted = Vec::with_capacity(samples.len());
    for &sample in samples {
        if sample.is_finite() {
            // Adding 0 makes a negative zero positive, so that equal samples have equal bits.
            sorted.push(sample + 0.0);
        } else if spec.nan_strategy == Missing::Replace {
            sorted.push(0.0);
        }
    }
    sorted.sort_unstable_by(f64::total_cmp);
    let numbers = sorted.len();
    if let Outliers::Remove { outlier_factor, reduce_sensitivity } = spec.outliers {
        let fences = Fences::interquartile(&sorted, outlier_factor, reduce_sensitivity);
        sorted.retain(|sample| !fences.exclude(*sample));
    }
    Clean {
        statistics: Statistics::of(&sorted),
        no_numbers: samples.len() - numbers,
        outliers: numbers - sorted.len(),
        infinite: samples.iter().filter(|sample| sample.is_infinite()).count(),
        sorted,
    }
}
