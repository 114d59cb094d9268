//! Measurements one after the other: when a metric goes on, when it ends and how, and what is kept of it.

use serde_json::json;

use super::*;
use crate::terms::Terms;

fn metric(more: Value) -> Metric<()> {
    let mut config = json!({"name": "errors", "max": 1});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value::<Terms>(config).unwrap().metric(())
}

/// What comes after each of these answers; `None` is no data, an error is an error.
fn after(more: Value, answers: &[Result<Option<f64>, &str>]) -> (Record, Result<(Verdict, String), String>) {
    let metric = metric(more);
    let mut record = Record::new(Timestamp(0));
    for answer in answers {
        let judged = match answer {
            Ok(Some(value)) => metric.goal.judge(&crate::answer::Data::number(Timestamp(0), *value)),
            Ok(None) => Judged::undecided("the query has no result"),
            Err(why) => Judged::Error((*why).into()),
        };
        record.add(Timestamp(0), judged, Brought::default(), &metric, 1);
    }
    record.decide(Timestamp(0), &metric);
    let next = match record.end.clone() {
        Some(End { verdict: Some(verdict), reason }) => Ok((verdict, reason)),
        Some(End { verdict: None, reason }) => Err(reason),
        None => Err(format!("again in {}", record.due.since(Timestamp(0)))),
    };
    (record, next)
}

fn next(more: Value, values: &[f64]) -> Result<(Verdict, String), String> {
    let answers: Vec<_> = values.iter().map(|value| Ok(Some(*value))).collect();
    after(more, &answers).1
}

fn end(verdict: Verdict, summary: &str) -> Result<(Verdict, String), String> {
    Ok((verdict, summary.to_owned()))
}

#[test]
fn one_measurement_decides() {
    assert_eq!(next(json!({}), &[1.0]), end(Verdict::Pass, "errors is 1, wanted <= 1"));
    assert_eq!(next(json!({}), &[1.5]), end(Verdict::Fail, "measurement 1 of 1: errors is 1.5, wanted <= 1"));
    let between = json!({"min": 0.5});
    assert_eq!(next(between, &[0.25]), end(Verdict::Fail, "measurement 1 of 1: errors is 0.25, wanted 0.5 to 1"));
}

#[test]
fn infinity_never_passes() {
    let at_least = json!({"max": null, "min": 0});
    assert_eq!(next(json!({}), &[f64::INFINITY]), end(Verdict::Fail, "measurement 1 of 1: errors is inf, wanted <= 1"));
    assert_eq!(next(at_least, &[f64::INFINITY]), end(Verdict::Inconclusive, "measurement 1 of 1 cannot be judged: inf"));
    assert_eq!(next(json!({}), &[f64::NEG_INFINITY]), end(Verdict::Inconclusive, "measurement 1 of 1 cannot be judged: -inf"));
}

#[test]
fn no_data_never_passes() {
    let (_, next) = after(json!({"count": 5}), &[Ok(None)]);
    assert_eq!(next, end(Verdict::Inconclusive, "measurement 1 of 5 cannot be judged: the query has no result"));
    let (_, next) = after(json!({"count": 2, "inconclusiveLimit": -1}), &[Ok(None), Ok(None)]);
    assert_eq!(next, end(Verdict::Inconclusive, "none of 2 measurements was <= 1"));
}

#[test]
fn the_failure_limit_ends_early_and_says_where() {
    let limits = || json!({"count": 5, "interval": "30s", "failureLimit": 1});
    assert_eq!(next(limits(), &[0.0, 2.0]), Err("again in 30s".into()));
    let failed = end(Verdict::Fail, "measurement 3 of 5, the 2nd that failed: errors is 3, wanted <= 1");
    assert_eq!(next(limits(), &[0.0, 2.0, 3.0]), failed);
    let warned = end(Verdict::Warn, "4 of 5 measurements were <= 1; the limits allow it");
    assert_eq!(next(limits(), &[0.0, 2.0, 0.0, 0.0, 1.0]), warned);
}

#[test]
fn a_limit_of_minus_one_does_not_pass_without_one_success() {
    let never = json!({"count": 2, "failureLimit": -1});
    assert_eq!(next(never, &[2.0, 2.0]), end(Verdict::Fail, "none of 2 measurements was <= 1"));
}

#[test]
fn successes_in_a_row_end_early() {
    let row = || json!({"count": 4, "failureLimit": -1, "consecutiveSuccessLimit": 2});
    assert_eq!(next(row(), &[0.0, 2.0, 0.0]), Err("again in 1m".into()));
    assert_eq!(next(row(), &[0.0, 0.0]), end(Verdict::Pass, "2 measurements in a row were <= 1"));
    assert_eq!(next(row(), &[2.0, 0.0, 0.0]), end(Verdict::Warn, "2 measurements in a row were <= 1"));
    let never = "4 measurements are taken, and never were 2 in a row <= 1";
    assert_eq!(next(row(), &[0.0, 2.0, 0.0, 2.0]), end(Verdict::Fail, never));
    let limited = json!({"count": 4, "failureLimit": 2, "consecutiveSuccessLimit": 2});
    assert_eq!(next(limited, &[0.0, 2.0, 0.0, 2.0]), end(Verdict::Inconclusive, never));
}

#[test]
fn errors_are_asked_again_soon_and_do_not_count() {
    let config = || json!({"count": 2, "interval": "5m", "consecutiveErrorLimit": 1});
    let (_, next) = after(config(), &[Ok(Some(0.0)), Err("down")]);
    assert_eq!(next, Err("again in 10s".into()));
    let (record, next) = after(config(), &[Ok(Some(0.0)), Err("down"), Ok(Some(0.0))]);
    assert_eq!(next, end(Verdict::Pass, "all 2 measurements were <= 1"));
    assert_eq!((record.taken, record.errors), (2, 1));
    let (_, next) = after(config(), &[Err("down"), Err("down")]);
    assert_eq!(next, Err("2 queries in a row went wrong, and 1 may; the last: down".into()));
}

#[test]
fn the_worst_is_the_farthest_on_the_wrong_side() {
    let (record, _) = after(json!({"count": 3, "min": 0}), &[Ok(Some(0.5)), Ok(Some(-3.0)), Ok(Some(2.0))]);
    assert_eq!(record.worst.map(|worst| (worst.number, worst.value)), Some((2, -3.0)));
}

#[test]
fn a_long_record_stays_small_however_many_metrics_share_the_room() {
    let metric = metric(json!({"count": 1000, "failureLimit": -1, "consecutiveErrorLimit": 1000}));
    for metrics in [1, 2, 3, METRICS] {
        let mut record = Record::new(Timestamp(0));
        for second in 0..120 {
            let raw = "\"\u{1}é".repeat(700);
            let query = |side| Query::new(Timestamp(second), side, None, &raw, &raw);
            let points = (0..1000).map(|at| (Timestamp(1_700_000_000_000 + at), Some(1.0 / 3.0))).collect();
            let series = Series { side: "canary".into(), label: "web__4".into(), points };
            let brought = Brought {
                queries: vec![query(Side::Canary), query(Side::Baseline)],
                series: vec![series.clone(), series],
                judgement: None,
                warnings: vec![format!("{second}{raw}")],
                notes: vec![raw.clone(); 20],
            };
            record.add(Timestamp(second), Judged::Error(raw), brought, &metric, metrics);
        }
        let bytes = serde_json::to_vec(&record).unwrap().len() * metrics;
        assert!(bytes < 60 * 1024, "{metrics} metrics: {bytes} bytes");
    }
}

#[test]
fn a_thinned_picture_keeps_both_ends() {
    let points = (0..1000).map(|at| (Timestamp(at), Some(at as f64))).collect();
    let thin = Series { side: String::new(), label: String::new(), points }.thinned(10).points;
    assert_eq!(thin.len(), 10);
    assert_eq!((thin[0].0, thin[9].0), (Timestamp(0), Timestamp(999)));
}

#[test]
fn numbers_are_short_but_never_on_the_other_side() {
    let metric = metric(json!({"max": 0.01}));
    let texts = [0.051_925_285, 0.010_000_000_1, 0.009_999_999, 123_456.0, 0.0].map(|value| metric.readable(value));
    assert_eq!(texts, ["0.05193", "0.0100000001", "0.01", "123500", "0"]);
}

#[test]
fn ordinals_are_english() {
    assert_eq!([1, 2, 3, 4, 11, 12, 13, 22, 111].map(ordinal).join(" "), "1st 2nd 3rd 4th 11th 12th 13th 22nd 111th");
}
