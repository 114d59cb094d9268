//! The published vectors of Kayenta's scorer, and where the exact mode differs from it: where something is missing.

use judge::{Classification, Entry, Label, Mode, Score, Thresholds, Weights, score};
use proptest::prelude::*;

use super::near;

use Label::{Error, High, Low, Nodata, NodataFail, Pass};

/// A group's name, a label, and whether it is critical.
type Metric = (&'static str, Label, bool);

fn scored(mode: Mode, metrics: &[Metric], weights: &[(&str, f64)]) -> Score {
    let groups: Vec<[&str; 1]> = metrics.iter().map(|(group, ..)| [*group]).collect();
    let entries: Vec<Entry<'_>> = metrics
        .iter()
        .zip(&groups)
        .map(|((_, label, critical), groups)| Entry { groups, label: *label, critical: *critical, muted: false })
        .collect();
    let weights: Weights = weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
    score(mode, &entries, &weights, Thresholds::default())
}

fn kayenta(metrics: &[Metric], weights: &[(&str, f64)]) -> f64 {
    scored(Mode::Kayenta, metrics, weights).total
}

fn exact(metrics: &[Metric], weights: &[(&str, f64)]) -> f64 {
    scored(Mode::Exact, metrics, weights).total
}

#[test]
fn the_published_scores_come_out() {
    for total in [kayenta, exact] {
        assert_eq!(total(&[("g", Pass, false)], &[]), 100.0);
        assert_eq!(total(&[("g", High, false)], &[]), 0.0);
        assert_eq!(total(&[("g", Nodata, false)], &[]), 0.0);
        assert_eq!(total(&[("g", Pass, false), ("g", High, false)], &[]), 50.0);
        near(total(&[("g", Pass, false), ("g", High, false), ("g", Low, false)], &[]), 33.33, 0.0);
        let three = [("1", Pass, false), ("1", Pass, false), ("2", High, false)];
        assert_eq!(total(&three, &[("1", 75.0), ("2", 25.0)]), 75.0);
        let even = [("1", Pass, false), ("1", High, false), ("2", High, false)];
        assert_eq!(total(&even, &[("1", 50.0), ("2", 50.0)]), 25.0);
        assert_eq!(total(&[("g", Pass, false), ("g", High, true)], &[]), 0.0);
        assert_eq!(total(&[("g", Low, false), ("g", Pass, true)], &[]), 50.0);
        assert_eq!(total(&[("g", Pass, false), ("h", Nodata, true)], &[]), 0.0);
        let four = [("1", High, false), ("1", Low, false), ("1", Pass, false), ("2", High, false)];
        assert_eq!(total(&four, &[("1", 15.0), ("2", 85.0)]), 5.0);
    }
}

#[test]
fn a_group_without_data_passes_in_kayenta_and_has_no_say_else() {
    let mostly = [("1", Pass, false), ("1", Pass, false), ("2", Nodata, false)];
    assert_eq!((kayenta(&mostly, &[]), exact(&mostly, &[])), (100.0, 100.0));
    let failing = [("1", High, false), ("1", Low, false), ("2", Nodata, false)];
    let weights = [("1", 50.0), ("2", 50.0)];
    assert_eq!((kayenta(&failing, &weights), exact(&failing, &weights)), (50.0, 0.0));
    let absent = [("1", Pass, false)];
    assert_eq!((kayenta(&absent, &weights), exact(&absent, &weights)), (50.0, 100.0));
}

#[test]
fn errors_are_passed_over_in_kayenta_and_are_no_data_else() {
    let errors = [("1", Error, false), ("2", Error, false)];
    assert_eq!((kayenta(&errors, &[]), exact(&errors, &[])), (100.0, 0.0));
    let one = [("1", Pass, false), ("1", Pass, false), ("1", Error, false)];
    assert_eq!((kayenta(&one, &[]), exact(&one, &[])), (100.0, 100.0));
    let critical = [("1", Pass, false), ("1", Pass, false), ("1", Error, true)];
    assert_eq!((kayenta(&critical, &[]), exact(&critical, &[])), (0.0, 0.0));
}

#[test]
fn half_without_data_is_too_little_and_must_have_data_is_a_failure() {
    for total in [kayenta, exact] {
        assert_eq!(total(&[("g", Pass, false), ("g", Nodata, false)], &[]), 0.0);
        assert_eq!(total(&[("g", Pass, false), ("g", NodataFail, false)], &[]), 50.0);
        assert_eq!(total(&[], &[]), 0.0);
    }
}

#[test]
fn muted_metrics_do_not_count() {
    let entry = |label, muted| Entry { groups: &["g"], label, critical: true, muted };
    let total = |entries: &[Entry<'_>]| score(Mode::Exact, entries, &Weights::new(), Thresholds::default()).total;
    assert_eq!(total(&[entry(Pass, false), entry(High, true), entry(Nodata, true)]), 100.0);
    assert_eq!(total(&[entry(Pass, true)]), 0.0);
}

#[test]
fn a_score_is_classified_and_explained() {
    let metrics = [("1", Pass, false), ("1", Pass, false), ("1", Pass, false), ("1", High, false)];
    let three_quarters = scored(Mode::Exact, &metrics, &[]);
    assert_eq!(three_quarters.classification, Classification::Pass);
    assert_eq!(three_quarters.reason, "score 75, at least 75: 1 of 4 metrics failed");
    let half = scored(Mode::Exact, metrics.split_at(2).1, &[]);
    assert_eq!(half.classification, Classification::Marginal);
    let none = scored(Mode::Exact, metrics.split_at(3).1, &[]);
    assert_eq!(none.classification, Classification::Fail);
    assert_eq!(none.reason, "score 0, less than 50: 1 of 1 metrics failed");
    let nothing = scored(Mode::Exact, &[("1", Nodata, false)], &[]);
    assert_eq!(nothing.reason, "score 0, less than 50: 1 of 1 metrics have no data");
}

fn metrics() -> impl Strategy<Value = Vec<Metric>> {
    let group = prop::sample::select(vec!["a", "b", "c", "d"]);
    let label = prop::sample::select(vec![Pass, High, Low, Nodata, NodataFail, Error]);
    prop::collection::vec((group, label, any::<bool>()), 1..12)
}

proptest! {
    #[test]
    fn a_metric_that_passes_instead_of_failing_never_lowers_the_score(
        metrics in metrics(), which in any::<prop::sample::Index>(), a in 0.0..50.0f64, b in 0.0..50.0f64,
    ) {
        let weights = [("a", a), ("b", b)];
        let mut better = metrics.clone();
        let changed = which.get_mut(&mut better);
        prop_assume!(matches!(changed.1, High | Low | NodataFail));
        changed.1 = Pass;
        prop_assert!(exact(&better, &weights) >= exact(&metrics, &weights));
        prop_assert!(kayenta(&better, &weights) >= kayenta(&metrics, &weights));
    }

    #[test]
    fn the_exact_mode_gives_points_to_passes_only(metrics in metrics(), weight in 0.0..200.0f64) {
        let total = exact(&metrics, &[("a", weight)]);
        prop_assert!((0.0..=100.0).contains(&total), "{total}");
        if !metrics.iter().any(|(_, label, _)| *label == Pass) {
            prop_assert_eq!(total, 0.0);
        }
    }
}
