//! The published vectors of Kayenta's Mann-Whitney test and of its classifier: intervals, estimates and labels, to 1e-6.

use judge::kayenta::{rank_sum, shift};
use judge::{Cause, Direction, EffectSize, Judge, Label, Measure, MetricSpec, Missing, Mode};

use super::{as_tested, close, label, near, numbers, published};

fn sorted(mut samples: Vec<f64>) -> Vec<f64> {
    samples.sort_by(f64::total_cmp);
    samples
}

fn directed(direction: Direction) -> MetricSpec {
    MetricSpec { direction, ..MetricSpec::default() }
}

/// The bounds of a mean ratio: allowed decrease and increase, critical decrease and increase.
fn sized(allowed: (f64, f64), critical: Option<(f64, f64)>) -> MetricSpec {
    let effect_size = EffectSize {
        measure: Measure::MeanRatio,
        allowed_decrease: Some(allowed.0),
        allowed_increase: Some(allowed.1),
        critical_decrease: critical.map(|(down, _)| down),
        critical_increase: critical.map(|(_, up)| up),
    };
    MetricSpec { effect_size, critical: critical.is_some(), ..MetricSpec::default() }
}

fn check(canary: &[f64], baseline: &[f64], confidence: f64, interval: [f64; 2], estimate: f64) {
    check_by(1e-6, canary, baseline, confidence, interval, estimate);
}

/// Where all that is found is smaller than the root finder's tolerance, the published 1e-6 would say little.
fn check_closely(canary: &[f64], baseline: &[f64], confidence: f64, interval: [f64; 2], estimate: f64) {
    check_by(1e-12, canary, baseline, confidence, interval, estimate);
}

fn check_by(by: f64, canary: &[f64], baseline: &[f64], confidence: f64, interval: [f64; 2], estimate: f64) {
    let found = shift(&sorted(canary.to_vec()), &sorted(baseline.to_vec()), confidence).expect("a shift");
    let ([low, high], [wanted_low, wanted_high]) = (found.interval, interval);
    near(low, wanted_low, by);
    near(high, wanted_high, by);
    near(found.estimate, estimate, by);
}

const HIGHER: [f64; 5] = [20.0, 22.0, 21.0, 25.0, 30.0];
const LOWER: [f64; 5] = [1.0, 2.2, 1.1, 2.5, 3.0];

#[test]
fn intervals_are_those_that_were_published() {
    let [a, b, c, d] = ["normal-a", "normal-b", "normal-c", "normal-d"].map(published);
    check(&[10.0, 20.0, 30.0, 40.0], &[1.0, 2.0, 3.0, 4.0], 0.95, [6.0, 39.0], 22.5);
    let found = shift(&sorted(a.clone()), &sorted(b.clone()), 0.95).expect("a shift");
    near(found.estimate, 0.05874, 5e-6);
    let [low, high] = found.interval;
    near(low, -1.0591661, 6e-8);
    near(high, 1.0925689, 6e-8);
    check(&c, &b, 0.95, [9.3370634, 11.619203], 10.622841);
    check(&a, &d, 0.95, [-11.114987, -8.7997116], -9.898169);
    check(&HIGHER, &LOWER, 0.95, [17.800044, 27.799943], 20.0);
    check(&[2.0, 2.0, 2.0, 2.0, 3.0], &[10.0, 20.2, 10.1, 20.5, 30.0], 0.95, [-27.999942, -7.999954], -18.0751);
    check(&[1.0, 1.0, 1.0, 1.0, 10.0], &[1.0; 5], 0.95, [0.0, 8.9999334], 0.0);
}

#[test]
fn ties_are_where_the_published_step_rule_leads() {
    // A root finder with another step rule ends 3e-5 away from these.
    let found = shift(&sorted(published("requests-canary")), &sorted(published("requests-baseline")), 0.95).expect("a shift");
    let [low, high] = found.interval;
    near(low, -0.500_002_521_696_696, 1e-12);
    near(high, -3.486_287_505_871_302e-5, 1e-12);
    // Published as R has it, which leaves the correction for continuity out of the estimate; Kayenta does not.
    near(found.estimate, -0.499_939_39, 1e-4);
    near(found.estimate, -0.499_997_108_746, 1e-11);
}

#[test]
fn counts_with_many_ties_have_the_published_interval() {
    let found = shift(&sorted(published("counts-canary")), &sorted(published("counts-baseline")), 0.98).expect("a shift");
    let [low, high] = found.interval;
    near(low, -0.499_917_325_054_908_7, 1e-12);
    near(high, -6.912_685_789_769_486e-6, 1e-12);
}

#[test]
fn shares_that_are_mostly_zero_have_the_published_steps_on_the_way() {
    let (canary, baseline) = (sorted(published("shares-canary")), sorted(published("shares-baseline")));
    let ends = |samples: &[f64]| samples.first().copied().zip(samples.last().copied()).expect("samples");
    let ((x_min, x_max), (y_min, y_max)) = (ends(&canary), ends(&baseline));
    let (least, greatest) = (x_min - y_max, x_max - y_min);
    assert_eq!((least, greatest), (-3.124_999_999_999_986, 5.555_555_555_555_557));
    let q = 1.959_963_984_540_053_6;
    let at = |x: f64, q: f64| rank_sum(&canary, &baseline, x, q).expect("a rank sum");
    close(at(least, q), 17.090_968_923_762_254);
    close(at(greatest, q), -20.997_687_930_433_106);
    close(at(least, -q), 21.010_896_892_842_36);
    close(at(greatest, -q), -17.077_759_961_353);
    // The ends are the wrong way round by less than the roots' tolerance, as published.
    check_closely(&canary, &baseline, 0.95, [3.521_755_377_702_165e-5, 2.024_564_616_623_34e-5], 2.627_924_304_515_565_3e-5);
    assert_eq!(label(&as_tested(&MetricSpec::default(), &canary, &baseline)), (Label::High, false));
}

#[test]
fn the_problem_case_is_solved_as_published() {
    let canary = sorted(numbers(include_str!("../data/kayenta-850-x.txt")));
    let baseline = sorted(numbers(include_str!("../data/kayenta-850-y.txt")));
    assert_eq!((canary.len(), baseline.len()), (850, 850));
    close(rank_sum(&canary, &baseline, 0.0, 0.0).expect("a rank sum"), -1.229_416);
    close(rank_sum(&canary, &baseline, 5.0, 0.0).expect("a rank sum"), -35.806_06);
    check_closely(&canary, &baseline, 0.98, [-1.480_802_893_638_610_8e-5, 1.808_255_910_873_413e-5], 1.808_255_910_873_413e-5);
}

#[test]
fn a_rank_sum_is_a_number_of_deviations() {
    let (canary, baseline) = ([10.0, 20.0, 30.0, 40.0], [1.0, 2.0, 3.0, 4.0]);
    close(rank_sum(&canary, &baseline, 0.0, 0.0).expect("a rank sum"), 7.5 / 12f64.sqrt());
    close(rank_sum(&canary, &baseline, 0.0, 1.0).expect("a rank sum"), 7.5 / 12f64.sqrt() - 1.0);
    close(rank_sum(&canary, &baseline, 100.0, 0.0).expect("a rank sum"), -7.5 / 12f64.sqrt());
    assert_eq!(rank_sum(&[1.0, 1.0], &[1.0], 0.0, 0.0), None);
    close(as_tested(&MetricSpec::default(), &canary, &baseline).p.expect("a probability"), 0.030_382_8);
}

#[test]
fn normal_samples_get_the_published_labels() {
    let [a, b, c, d] = ["normal-a", "normal-b", "normal-c", "normal-d"].map(published);
    let either = MetricSpec::default();
    assert_eq!(as_tested(&either, &a, &b).label, Label::Pass);
    let high = as_tested(&either, &c, &b);
    assert_eq!(high.label, Label::High);
    near(high.effect.value.expect("an effect"), 2.06756, 1e-5);
    let low = as_tested(&either, &a, &d);
    assert_eq!(low.label, Label::Low);
    near(low.effect.value.expect("an effect"), 0.490_656, 1e-6);
    assert_eq!(as_tested(&directed(Direction::Increase), &a, &d).label, Label::Pass);
    assert_eq!(as_tested(&directed(Direction::Decrease), &c, &b).label, Label::Pass);
    assert_eq!(as_tested(&directed(Direction::Increase), &c, &b).label, Label::High);
    assert_eq!(as_tested(&directed(Direction::Decrease), &a, &d).label, Label::Low);
    // The judge itself, with its own tolerance and confidence.
    let own = Judge::new(Mode::Kayenta);
    assert_eq!(
        [(&a, &b), (&c, &b), (&a, &d)].map(|(x, y)| own.metric(&either, y, x).label),
        [Label::Pass, Label::High, Label::Low]
    );
}

#[test]
fn effects_decide_what_fails_and_what_is_critical() {
    let high = |spec: &MetricSpec| as_tested(spec, &HIGHER, &LOWER);
    let plain = high(&sized((0.8, 1.2), None));
    assert_eq!(label(&plain), (Label::High, false));
    near(plain.effect.value.expect("an effect"), 12.0408, 5e-5);
    assert_eq!(label(&high(&sized((0.8, 1.2), Some((0.5, 1.2))))), (Label::High, true));
    assert_eq!(label(&high(&MetricSpec { critical: true, ..MetricSpec::default() })), (Label::High, true));
    assert_eq!(label(&high(&sized((0.8, 5.0), Some((0.5, 13.0))))), (Label::High, false));
    assert_eq!(label(&high(&sized((0.8, 13.0), Some((0.5, 15.0))))), (Label::Pass, false));
    let down = sized((1.0, 1.2), Some((1.0, 1.2)));
    assert_eq!(label(&as_tested(&down, &[2.0, 2.0, 2.0, 2.0, 3.0], &[10.0, 20.2, 10.1, 20.5, 30.0])), (Label::Low, true));
    let pass = as_tested(&sized((0.8, 1.2), None), &[10.0, 12.2, 10.1, 12.5, 23.0], &HIGHER);
    assert_eq!(label(&pass), (Label::Pass, false));
    let [low, high] = pass.interval.expect("an interval");
    close(low, -17.799962);
    near(high, 0.999_947_8, 1e-6);
}

#[test]
fn probabilities_are_an_effect_too() {
    let with = |allowed_increase: f64| {
        let effect_size =
            EffectSize { measure: Measure::Cles, allowed_increase: Some(allowed_increase), ..EffectSize::default() };
        as_tested(&MetricSpec { effect_size, critical: true, ..MetricSpec::default() }, &HIGHER, &LOWER)
    };
    assert_eq!(label(&with(0.9)), (Label::High, true));
    assert_eq!(with(0.9).effect.value, Some(1.0));
    assert_eq!(label(&with(1.1)), (Label::Pass, false));
}

#[test]
fn equal_samples_pass_and_constant_ones_differ() {
    let either = MetricSpec::default();
    let decrease = directed(Direction::Decrease);
    assert_eq!(as_tested(&either, &[1.0; 3], &[1.0; 2]).label, Label::Pass);
    assert_eq!(as_tested(&decrease, &[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 4.0, 3.0, 2.0, 1.0]).label, Label::Pass);
    assert_eq!(as_tested(&decrease, &[0.0, 1.0, 1.0, 1.0, 1.0], &[1.0; 5]).label, Label::Pass);
    assert_eq!(as_tested(&either, &[1.0, 1.0, 1.0, 1.0, 10.0], &[1.0; 5]).label, Label::Pass);
    assert_eq!(as_tested(&either, &[10.0; 5], &[1.0; 5]).label, Label::High);
    assert_eq!(as_tested(&either, &[10.0; 5], &[0.0; 5]).label, Label::High);
    assert_eq!(as_tested(&either, &[10.0; 5], &[1.0; 5]), as_tested(&either, &[10.0; 5], &[1.0; 5]));
    let zeros = as_tested(&either, &[0.0; 5], &[0.0; 5]);
    assert_eq!((zeros.label, zeros.effect.value), (Label::Pass, Some(1.0)));
}

#[test]
fn no_data_is_as_kayenta_has_it() {
    let numbers = [1.0, 2.0, 3.0, 4.0, 5.0];
    let with = |critical, must_have_data, nan_strategy| {
        let spec = MetricSpec { critical, must_have_data, nan_strategy, ..MetricSpec::default() };
        let found = as_tested(&spec, &[], &numbers);
        assert_eq!((found.cause, found.effect.value), (Some(Cause::NoCanary), Some(1.0)));
        label(&found)
    };
    assert_eq!(with(false, false, Missing::Remove), (Label::Nodata, false));
    assert_eq!(with(false, false, Missing::Replace), (Label::Pass, false));
    assert_eq!(with(true, false, Missing::Remove), (Label::Nodata, true));
    assert_eq!(with(true, true, Missing::Remove), (Label::Nodata, true));
    assert_eq!(with(false, true, Missing::Remove), (Label::NodataFail, false));
}

#[test]
fn what_has_no_interval_is_an_error() {
    let one = as_tested(&MetricSpec::default(), &[1.0], &[2.0]);
    assert_eq!((one.label, one.cause), (Label::Error, Some(Cause::AllEqual)));
    let infinite = as_tested(&MetricSpec::default(), &[1.0, f64::INFINITY, 3.0], &[2.0; 5]);
    assert_eq!((infinite.label, infinite.cause), (Label::Error, Some(Cause::Infinite)));
}
