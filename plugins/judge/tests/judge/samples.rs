//! Vectors of samples before they are judged: percentiles, fences, what is no number, statistics, effects.

use judge::samples::{Fences, clean, percentile};
use judge::{EffectSize, Judge, Measure, MetricSpec, Missing, Outliers, Statistics};

use super::{close, near, published};

fn sorted(samples: &[f64]) -> Vec<f64> {
    clean(samples, &MetricSpec::default()).sorted
}

fn outside(fences: Fences, samples: &[f64]) -> Vec<f64> {
    samples.iter().copied().filter(|sample| fences.exclude(*sample)).collect()
}

#[test]
fn percentiles_are_of_type_7() {
    let halves: Vec<f64> = (0..8).map(|i| f64::from(i) / 2.0).collect();
    close(percentile(&halves, 5.0), 0.175);
    close(percentile(&halves, 50.0), 1.75);
    close(percentile(&halves, 100.0), 3.5);
    close(percentile(&sorted(&published("nist-gauge")), 90.0), 95.19568);
    let whole: Vec<f64> = (0..10).map(f64::from).collect();
    close(percentile(&whole, 50.0), 4.5);
    let fractions = sorted(&published("fractions"));
    assert_eq!((fractions.len(), percentile(&fractions, 25.0)), (49, 0.0));
    near(percentile(&fractions, 75.0), 0.0416, 1e-4);
    close(percentile(&[1.0], 100.0), 1.0);
    close(percentile(&[7.0], 1.0), 7.0);
    assert!(percentile(&[], 50.0).is_nan());
}

#[test]
fn sigmas_find_what_is_far() {
    let peak = [1.0, 1.0, 1.0, 1.0, 1.0, 20.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    assert_eq!(outside(Fences::sigmas(&peak, 3.0), &peak), [20.0]);
    let both = [1.0, 1.0, 1.0, 5.0, -1.0, -1.0, -1.0, -5.0];
    assert_eq!(outside(Fences::sigmas(&both, 1.0), &both), [5.0, -5.0]);
}

#[test]
fn quartiles_find_what_is_far() {
    let found = |samples: &[f64]| outside(Fences::interquartile(&sorted(samples), 1.5, false), samples);
    assert_eq!(found(&[21.0, 23.0, 24.0, 25.0, 50.0, 29.0, 23.0, 21.0]), [50.0]);
    assert_eq!(found(&[1.0, 1.0, 1.0, 5.0, -1.0, -1.0, -1.0, -5.0]), [5.0, -5.0]);
    assert_eq!(found(&[]), [0.0; 0]);
    assert_eq!(found(&published("nist-outliers")), [1441.0]);
    // Two a hundred may be as far as they like.
    let wide: Vec<f64> = (0..200).map(|i| if i == 0 { 1e6 } else { f64::from(i % 3) }).collect();
    assert_eq!(outside(Fences::interquartile(&sorted(&wide), 1.5, false), &wide), [1e6]);
    let wider: Vec<f64> = (0..200).map(|i| if i < 3 { 1e6 } else { f64::from(i % 3) }).collect();
    assert_eq!(outside(Fences::interquartile(&sorted(&wider), 1.5, true), &wider), [0.0; 0]);
}

#[test]
fn what_is_no_number_is_left_out_or_replaced() {
    let nan = f64::NAN;
    let remove = MetricSpec::default();
    let replace = MetricSpec { nan_strategy: Missing::Replace, ..remove };
    assert_eq!(clean(&[0.0, 1.0, nan, 1.0, 0.0], &remove).sorted, [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(clean(&[nan, nan, nan], &remove).sorted, [0.0; 0]);
    assert_eq!(clean(&[nan, nan, 3.0], &remove).no_numbers, 2);
    assert_eq!(clean(&[0.5, nan, 1.0, f64::INFINITY], &replace).sorted, [0.0, 0.0, 0.5, 1.0]);
    assert_eq!(clean(&[-0.0], &remove).sorted.first().map(|zero| zero.to_bits()), Some(0));
}

#[test]
fn outliers_are_left_out_when_that_is_asked_for() {
    let samples = [21.0, 23.0, 24.0, 25.0, 50.0, 29.0, 23.0, 21.0];
    let asked = |outliers| clean(&samples, &MetricSpec { outliers, ..MetricSpec::default() });
    assert_eq!(asked(Outliers::Keep).sorted.len(), 8);
    let removed = asked(Outliers::Remove { outlier_factor: 1.5, reduce_sensitivity: false });
    assert_eq!((removed.sorted.as_slice(), removed.outliers), (&[21.0, 21.0, 23.0, 23.0, 24.0, 25.0, 29.0][..], 1));
}

#[test]
fn statistics_describe() {
    assert_eq!(Statistics::of(&[1.0]), Statistics { count: 1, min: 1.0, max: 1.0, mean: 1.0, median: 1.0, std: 0.0 });
    assert_eq!(Statistics::of(&[]), Statistics { count: 0, min: 0.0, max: 0.0, mean: 0.0, median: 0.0, std: 0.0 });
    let peaks = Statistics::of(&[1.0, 1.0, 1.0, 10.0, 10.0, 10.0]);
    assert_eq!((peaks.count, peaks.min, peaks.max, peaks.mean), (6, 1.0, 10.0, 5.5));
    near(peaks.std, 4.9295, 1e-4);
    let some = Statistics::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
    close(some.std, 2.138_089_935_299_395);
    close(some.mean, 5.0);
}

#[test]
fn effects_are_ratios_of_means_or_probabilities() {
    let of = |measure, canary: &[f64], baseline: &[f64]| {
        let effect_size = EffectSize { measure, ..EffectSize::default() };
        Judge::default().metric(&MetricSpec { effect_size, ..MetricSpec::default() }, baseline, canary).effect.value
    };
    let (ones, tens, zeros) = ([1.0; 10], [10.0; 10], [0.0; 10]);
    assert_eq!(of(Measure::MeanRatio, &ones, &ones), Some(1.0));
    assert_eq!(of(Measure::MeanRatio, &tens, &ones), Some(10.0));
    assert_eq!(of(Measure::MeanRatio, &ones, &tens), Some(0.1));
    assert_eq!(of(Measure::MeanRatio, &ones, &zeros), None);
    assert_eq!(of(Measure::MeanRatio, &zeros, &ones), None);
    assert_eq!(of(Measure::Cles, &ones, &ones), Some(0.5));
    assert_eq!(of(Measure::Cles, &ones, &tens), Some(0.0));
    assert_eq!(of(Measure::Cles, &tens, &ones), Some(1.0));
    close(of(Measure::Cles, &[1.0, 2.0, 3.0], &[2.0, 2.5]).expect("an effect"), 2.5 / 6.0);
    let hundreds = [100.0; 10];
    assert_eq!(of(Measure::MeanRatio, &tens, &hundreds), Some(0.1));
    assert_eq!(of(Measure::MeanRatio, &tens, &zeros), None);
    let steps = [1.0, 2.0, 3.0, 4.0, 5.0];
    assert_eq!(of(Measure::Cles, &steps, &steps), Some(0.5));
    assert_eq!(of(Measure::Cles, &published("apart-canary"), &published("apart-baseline")), Some(0.0));
    near(of(Measure::Cles, &published("higher-canary"), &published("higher-baseline")).expect("an effect"), 0.771, 1e-3);
    assert_eq!(of(Measure::Cles, &published("lower-canary"), &published("lower-baseline")), Some(0.12));
}
