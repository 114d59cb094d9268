//! The exact mode: values that R's documentation and tables give, the labels of the published vectors, what is too little, and what the
//! reader is warned of.

use judge::{Cause, Direction, EffectSize, Judge, Label, Measure, MetricSpec, Missing, Mode, Risk, Sensitivity, Warning};

use super::{close, label, published};

fn at(confidence: f64) -> Judge {
    Judge { confidence, ..Judge::new(Mode::Exact) }
}

#[test]
fn an_interval_is_made_of_differences() {
    // R: wilcox.test(c(10, 20, 30, 40), 1:4, conf.int = TRUE)
    let found = at(0.95).metric(&MetricSpec::default(), &[1.0, 2.0, 3.0, 4.0], &[10.0, 20.0, 30.0, 40.0]);
    assert_eq!((found.u, found.interval, found.estimate), (Some(16.0), Some([6.0, 39.0]), Some(22.5)));
    close(found.p.expect("a probability"), 0.028_571_428_571_428_57);
    assert_eq!(found.label, Label::High);
}

#[test]
fn r_agrees_on_the_published_samples() {
    // R 4.2.2: wilcox.test(x, y, conf.int = TRUE, exact = TRUE)
    let [a, b, c] = ["normal-a", "normal-b", "normal-c"].map(published);
    let found = at(0.95).metric(&MetricSpec::default(), &b, &a);
    assert_eq!(found.u, Some(454.0));
    close(found.p.expect("a probability"), 0.959_042_955_814_182);
    close(found.estimate.expect("an estimate"), 0.070_702_397_883_287);
    let [low, high] = found.interval.expect("an interval");
    close(low, -1.059_022_118_586_9);
    close(high, 1.090_958_518_703_4);
    assert_eq!(found.label, Label::Pass);
    assert_eq!(at(0.95).metric(&MetricSpec::default(), &b, &c).label, Label::High);
    assert_eq!(at(0.95).metric(&MetricSpec::default(), &c, &b).label, Label::Low);
}

#[test]
fn ties_leave_no_noise() {
    let (baseline, canary) = (published("requests-baseline"), published("requests-canary"));
    let found = at(0.95).metric(&MetricSpec::default(), &baseline, &canary);
    assert_eq!((found.interval, found.estimate), (Some([-0.5, 0.0]), Some(-0.5)));
    assert_eq!(found.label, Label::Pass);
}

#[test]
fn equal_samples_pass_and_constant_ones_differ() {
    let judge = Judge::default();
    let either = MetricSpec::default();
    assert_eq!(judge.metric(&either, &[1.0; 5], &[1.0; 5]).label, Label::Pass);
    assert_eq!(judge.metric(&either, &[0.0; 9], &[0.0; 7]).interval, Some([0.0, 0.0]));
    let tens = judge.metric(&either, &[1.0; 5], &[10.0; 5]);
    assert_eq!((tens.label, tens.interval, tens.estimate), (Label::High, Some([9.0, 9.0]), Some(9.0)));
    close(tens.p.expect("a probability"), 2.0 / 252.0);
    assert_eq!(judge.metric(&either, &[0.0; 5], &[10.0; 5]).label, Label::High);
    assert_eq!(judge.metric(&either, &[10.0; 5], &[0.0; 5]).label, Label::Low);
}

#[test]
fn too_little_never_passes() {
    let judge = Judge::default();
    let number = [1.0; 40];
    let of = |spec: &MetricSpec, baseline: &[f64], canary: &[f64]| {
        let found = judge.metric(spec, baseline, canary);
        (found.label, found.critical, found.cause)
    };
    let either = MetricSpec::default();
    assert_eq!(of(&either, &number, &[]), (Label::Nodata, false, Some(Cause::NoCanary)));
    assert_eq!(of(&either, &[f64::NAN], &number), (Label::Nodata, false, Some(Cause::NoBaseline)));
    assert_eq!(of(&either, &[], &[]), (Label::Nodata, false, Some(Cause::NoSamples)));
    assert_eq!(of(&either, &number, &[1.0]), (Label::Nodata, false, Some(Cause::TooFew)));
    assert_eq!(of(&either, &[1.0; 4], &[1.0; 4]), (Label::Nodata, false, Some(Cause::TooFew)));
    assert_eq!(of(&either, &[1.0; 5], &[1.0; 5]), (Label::Pass, false, None));
    let replace = MetricSpec { nan_strategy: Missing::Replace, ..either };
    assert_eq!(of(&replace, &number, &[]).0, Label::Nodata);
    let must = MetricSpec { must_have_data: true, ..either };
    assert_eq!(of(&must, &number, &[2.0]), (Label::NodataFail, false, Some(Cause::TooFew)));
    let critical = MetricSpec { must_have_data: true, critical: true, ..either };
    assert_eq!(of(&critical, &number, &[]), (Label::Nodata, true, Some(Cause::NoCanary)));
}

#[test]
fn settings_that_make_no_sense_are_errors() {
    let number = [1.0; 40];
    for confidence in [0.0, 1.0, -1.0, 2.0, f64::NAN] {
        let found = at(confidence).metric(&MetricSpec::default(), &number, &number);
        assert_eq!((found.label, found.cause), (Label::Error, Some(Cause::Settings)));
    }
    let spec = MetricSpec { minimal_difference: -1.0, critical: true, ..MetricSpec::default() };
    assert_eq!(label(&Judge::default().metric(&spec, &number, &number)), (Label::Error, true));
}

#[test]
fn the_band_is_a_share_of_the_baseline_or_a_difference() {
    let baseline: Vec<f64> = (0..40).map(|i| 100.0 + f64::from(i % 5)).collect();
    let canary = |by: f64| -> Vec<f64> { baseline.iter().map(|v| v + by).collect() };
    let judged = |spec: &MetricSpec, by: f64| Judge::default().metric(spec, &baseline, &canary(by)).label;
    let either = MetricSpec::default();
    assert_eq!([judged(&either, 5.0), judged(&either, 14.0), judged(&either, -14.0)], [Label::Pass, Label::High, Label::Low]);
    let strict = MetricSpec { tolerance: Some(0.0), ..either };
    assert_eq!(judged(&strict, 5.0), Label::High);
    let lax = MetricSpec { minimal_difference: 20.0, ..either };
    assert_eq!([judged(&lax, 14.0), judged(&lax, 24.0)], [Label::Pass, Label::High]);
}

#[test]
fn directions_and_effects_let_pass() {
    let baseline: Vec<f64> = (0..40).map(|i| 100.0 + f64::from(i % 5)).collect();
    let canary: Vec<f64> = baseline.iter().map(|v| v * 1.5).collect();
    let judged = |spec: &MetricSpec| label(&Judge::default().metric(spec, &baseline, &canary));
    let either = MetricSpec { critical: true, ..MetricSpec::default() };
    assert_eq!(judged(&either), (Label::High, true));
    assert_eq!(judged(&MetricSpec { direction: Direction::Decrease, ..either }), (Label::Pass, false));
    let sized =
        |allowed, critical| EffectSize { allowed_increase: Some(allowed), critical_increase: critical, ..EffectSize::default() };
    assert_eq!(judged(&MetricSpec { effect_size: sized(2.0, None), ..either }), (Label::Pass, false));
    assert_eq!(judged(&MetricSpec { effect_size: sized(1.2, Some(2.0)), ..either }), (Label::High, false));
    let cles = EffectSize { measure: Measure::Cles, allowed_increase: Some(0.9), ..EffectSize::default() };
    assert_eq!(judged(&MetricSpec { effect_size: cles, ..either }), (Label::High, true));
}

#[test]
fn a_share_of_far_samples_fails_when_that_is_asked_for() {
    // No shift to speak of, but three of ten samples are far off.
    let baseline: Vec<f64> = (0..40).map(|i| 100.0 + f64::from(i % 5)).collect();
    let canary = |every: usize| -> Vec<f64> {
        baseline.iter().enumerate().map(|(i, v)| if i % 10 < every { 106.5 } else { *v - 1.0 }).collect()
    };
    let judged = |sensitivity, every| {
        let judge = Judge { sensitivity, ..Judge::default() };
        let found = judge.metric(&MetricSpec::default(), &baseline, &canary(every));
        (found.label, found.deviation.map(|deviation| deviation.risk))
    };
    assert_eq!(judged(None, 3), (Label::Pass, None));
    assert_eq!(judged(Some(Sensitivity::Low), 3), (Label::Pass, Some(Risk::None)));
    assert_eq!(judged(Some(Sensitivity::High), 3), (Label::Pass, Some(Risk::Medium)));
    assert_eq!(judged(Some(Sensitivity::VeryHigh), 3), (Label::High, Some(Risk::Medium)));
    assert_eq!(judged(Some(Sensitivity::VeryHigh), 2), (Label::Pass, Some(Risk::Low)));
    assert_eq!(judged(Some(Sensitivity::High), 5), (Label::High, Some(Risk::High)));
    let judge = Judge { sensitivity: Some(Sensitivity::VeryHigh), ..Judge::default() };
    let constant = judge.metric(&MetricSpec::default(), &[0.1; 30], &[0.1; 30]);
    assert_eq!(constant.deviation.map(|deviation| deviation.risk), Some(Risk::None));
}

#[test]
fn two_groups_are_warned_of() {
    let judge = Judge::default();
    let hits_and_misses: Vec<f64> = (0..60).map(|i| if i % 3 == 0 { 50.0 } else { 5.0 } + f64::from(i % 7) / 10.0).collect();
    let one: Vec<f64> = (0..60).map(|i| f64::from(i % 7)).collect();
    let warned = |baseline: &[f64], canary: &[f64]| {
        let found = judge.metric(&MetricSpec::default(), baseline, canary);
        found.warnings.iter().map(|warning| matches!(warning, Warning::BimodalCanary(_))).collect::<Vec<_>>()
    };
    assert_eq!(warned(&one, &hits_and_misses), [true]);
    assert_eq!(warned(&hits_and_misses, &one), [false]);
    assert_eq!(warned(&hits_and_misses, &hits_and_misses), [true, false]);
    // Counts of something rare are not warned of.
    let rare: Vec<f64> = (0..60).map(|i| if i % 20 == 0 { 2.0 } else { f64::from(i % 2) }).collect();
    assert_eq!(warned(&one, &rare), [false; 0]);
    // One peak, however skewed, and an even spread are no two groups.
    let shares: Vec<f64> = (0..200).map(|i| (f64::from(i) + 0.5) / 200.0).collect();
    for shape in [|s: f64| s, |s: f64| -s.ln(), |s: f64| s * s, |s: f64| (-s.ln()).powi(2), |s: f64| (s / (1.0 - s)).ln()] {
        let samples: Vec<f64> = shares.iter().map(|share| shape(*share)).collect();
        assert_eq!(warned(&one, &samples), [false; 0]);
    }
}
