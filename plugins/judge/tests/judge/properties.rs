//! What holds for whatever samples there are: shifts, exchanged sides, orders, and that nothing panics or passes without data.

use judge::{Cause, Direction, EffectSize, Judge, Judgement, Label, Measure, MetricSpec, Missing, Mode, Outliers, Sensitivity};
use proptest::prelude::*;

fn samples(of: impl Strategy<Value = f64>) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(of, 0..56)
}

/// Numbers as metrics have them: some with many ties, some without.
fn plain() -> impl Strategy<Value = f64> {
    prop_oneof![(0i32..6).prop_map(f64::from), (-400i32..400).prop_map(|v| f64::from(v) / 8.0), -1.0..1.0f64]
}

fn optional() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![Just(None), any::<f64>().prop_map(Some), (0.0..2.0f64).prop_map(Some)]
}

fn spec() -> impl Strategy<Value = MetricSpec> {
    let direction = prop::sample::select(vec![Direction::Either, Direction::Increase, Direction::Decrease]);
    let missing = prop::sample::select(vec![Missing::Remove, Missing::Replace]);
    let factor = prop_oneof![Just(3.0), any::<f64>()];
    let outliers = prop_oneof![
        Just(Outliers::Keep),
        (factor, any::<bool>())
            .prop_map(|(outlier_factor, reduce_sensitivity)| Outliers::Remove { outlier_factor, reduce_sensitivity }),
    ];
    let measure = prop::sample::select(vec![Measure::MeanRatio, Measure::Cles]);
    let size = (measure, optional(), optional(), optional(), optional());
    let size = size.prop_map(|(measure, allowed_increase, allowed_decrease, critical_increase, critical_decrease)| EffectSize {
        measure,
        allowed_increase,
        allowed_decrease,
        critical_increase,
        critical_decrease,
    });
    let least = prop_oneof![Just(0.0), any::<f64>()];
    (direction, missing, outliers, size, any::<[bool; 3]>(), optional(), least).prop_map(
        |(direction, nan_strategy, outliers, effect_size, [critical, must_have_data, muted], tolerance, minimal_difference)| {
            MetricSpec {
                direction,
                nan_strategy,
                outliers,
                critical,
                must_have_data,
                muted,
                effect_size,
                tolerance,
                minimal_difference,
            }
        },
    )
}

fn judge() -> impl Strategy<Value = Judge> {
    let mode = prop::sample::select(vec![Mode::Exact, Mode::Kayenta]);
    let confidence = prop_oneof![4 => 0.5..0.9999f64, 1 => any::<f64>()];
    let sensitivity = prop::option::of(prop::sample::select(vec![
        Sensitivity::Low,
        Sensitivity::Medium,
        Sensitivity::High,
        Sensitivity::VeryHigh,
    ]));
    (mode, confidence, optional(), sensitivity).prop_map(|(mode, confidence, tolerance, sensitivity)| Judge {
        mode,
        confidence,
        tolerance,
        sensitivity,
    })
}

/// A judge that any shift beyond 0 fails with.
fn strict() -> Judge {
    Judge { tolerance: Some(0.0), confidence: 0.95, ..Judge::default() }
}

fn strictly(baseline: &[f64], canary: &[f64]) -> Judgement {
    strict().metric(&MetricSpec::default(), baseline, canary)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_panics_and_what_comes_is_json(
        judge in judge(), spec in spec(), baseline in samples(any::<f64>()), canary in samples(any::<f64>()),
    ) {
        let found = judge.metric(&spec, &baseline, &canary);
        prop_assert!(!found.sentence.is_empty());
        if judge.accepts(&spec) {
            let text = serde_json::to_string(&found).expect("JSON");
            let back: Judgement = serde_json::from_str(&text).expect("a judgement");
            prop_assert_eq!(back.label, found.label);
        }
    }

    #[test]
    fn no_data_never_passes(
        judge in judge(), spec in spec(), some in samples(plain()), nans in 0usize..20, swapped in any::<bool>(),
    ) {
        let judge = Judge { mode: Mode::Exact, ..judge };
        let spec = MetricSpec { nan_strategy: Missing::Remove, ..spec };
        let nothing = vec![f64::NAN; nans];
        let (baseline, canary) = if swapped { (&some, &nothing) } else { (&nothing, &some) };
        let found = judge.metric(&spec, baseline, canary);
        prop_assert!(matches!(found.label, Label::Nodata | Label::NodataFail | Label::Error), "{:?}", found);
        prop_assert!(found.cause.is_some());
        let empty = judge.metric(&MetricSpec { nan_strategy: Missing::Replace, ..spec }, &some, &[]);
        prop_assert!(empty.label != Label::Pass);
    }

    #[test]
    fn a_pass_has_an_interval_and_too_few_have_none(baseline in samples(plain()), canary in samples(plain())) {
        let found = strictly(&baseline, &canary);
        prop_assert_eq!(found.interval.is_some(), found.cause.is_none());
        if found.label == Label::Pass {
            let [low, high] = found.interval.expect("an interval");
            let estimate = found.estimate.expect("an estimate");
            prop_assert!(low <= estimate && estimate <= high && low <= 0.0 && high >= 0.0);
        }
        if found.cause == Some(Cause::TooFew) {
            prop_assert!(baseline.len() < 4 || canary.len() < 4);
        }
    }

    #[test]
    fn the_estimate_moves_with_the_canary(baseline in samples(plain()), canary in samples(plain()), by in -50i32..50) {
        let by = f64::from(by);
        let moved: Vec<f64> = canary.iter().map(|v| v + by).collect();
        let (before, after) = (strictly(&baseline, &canary), strictly(&baseline, &moved));
        if let (Some(before), Some(after)) = (before.estimate, after.estimate) {
            prop_assert!((before + by - after).abs() < 1e-12 * 100.0, "{before} {by} {after}");
        }
        if let (Some(before), Some(after)) = (before.interval, after.interval) {
            for (before, after) in before.iter().zip(after) {
                prop_assert!((before + by - after).abs() < 1e-12 * 100.0);
            }
        }
    }

    #[test]
    fn exchanged_sides_exchange_high_and_low(baseline in samples(plain()), canary in samples(plain())) {
        let (one, other) = (strictly(&baseline, &canary), strictly(&canary, &baseline));
        let mirrored = match other.label {
            Label::High => Label::Low,
            Label::Low => Label::High,
            label @ (Label::Pass | Label::Nodata | Label::NodataFail | Label::Error) => label,
        };
        prop_assert_eq!(one.label, mirrored);
        prop_assert_eq!(one.interval, other.interval.map(|[low, high]| [0.0 - high, 0.0 - low]));
        prop_assert_eq!(one.estimate, other.estimate.map(|estimate| 0.0 - estimate));
        if let (Some(p), Some(q)) = (one.p, other.p) {
            prop_assert!((p - q).abs() < 1e-12);
        }
    }

    #[test]
    fn kayenta_mirrors_labels_too(baseline in samples(plain()), canary in samples(plain())) {
        let judge = Judge::new(Mode::Kayenta);
        let spec = MetricSpec { effect_size: EffectSize { measure: Measure::Cles, ..EffectSize::default() }, ..MetricSpec::default() };
        let (one, other) = (judge.metric(&spec, &baseline, &canary), judge.metric(&spec, &canary, &baseline));
        // Roots are found from one end, to 1e-4; within that a label may hang on which end.
        if one.interval.is_some_and(|ends| ends.iter().all(|end| end.abs() > one.band.unwrap_or(0.0) + 1e-3)) {
            prop_assert_eq!(one.label == Label::High, other.label == Label::Low);
        }
    }

    #[test]
    fn the_order_of_samples_does_not_matter(
        (baseline, shuffled) in samples(plain()).prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        canary in samples(plain()), judge in judge(),
    ) {
        let spec = MetricSpec::default();
        prop_assume!(judge.accepts(&spec));
        prop_assert_eq!(judge.metric(&spec, &baseline, &canary), judge.metric(&spec, &shuffled, &canary));
    }

    #[test]
    fn a_canary_that_gets_worse_does_not_pass_again(baseline in samples(plain()), canary in samples(plain()), by in 0i32..20) {
        let spec = MetricSpec { direction: Direction::Increase, ..MetricSpec::default() };
        let worse: Vec<f64> = canary.iter().map(|v| v + f64::from(by)).collect();
        if strict().metric(&spec, &baseline, &canary).label == Label::High {
            prop_assert_eq!(strict().metric(&spec, &baseline, &worse).label, Label::High);
        }
    }
}
