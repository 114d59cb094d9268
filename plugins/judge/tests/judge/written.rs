//! How a judgement is written: its JSON, which the evidence of a report holds, its digest, and its sentence.

use judge::{Direction, EffectSize, Judge, Measure, MetricSpec, Mode, Outliers, Sensitivity, digest};
use serde_json::json;

fn steps(from: f64, step: f64) -> Vec<f64> {
    (0..40).map(|i| from + step * f64::from(i % 5)).collect()
}

fn says(judge: &Judge, spec: &MetricSpec, baseline: &[f64], canary: &[f64]) -> String {
    judge.metric(spec, baseline, canary).sentence
}

#[test]
fn a_sentence_says_what_is_the_matter() {
    let judge = Judge::default();
    let either = MetricSpec::default();
    let (errors, few) = (steps(0.05, 0.001), steps(0.0008, 0.0001));
    let sentence = |spec: &MetricSpec, baseline: &[f64], canary: &[f64]| says(&judge, spec, baseline, canary);
    assert_eq!(
        sentence(&either, &few, &errors),
        "canary is higher: 0.052 against 0.001 (median difference 0.051, 98 % interval 0.0501 to 0.0519, U 1600, p 1.9e-23, 40 against 40 samples)"
    );
    let critical = MetricSpec { critical: true, ..either };
    assert!(sentence(&critical, &errors, &few).starts_with("canary is lower, and critically so: 0.001 against 0.052 ("));
    assert!(
        sentence(&either, &errors, &errors).starts_with("canary shows no difference: 0.052 against 0.052 (median difference 0, ")
    );
    let up = MetricSpec { direction: Direction::Increase, ..either };
    assert!(sentence(&up, &errors, &few).starts_with("canary is lower, as it may be: "));
    let slower = steps(0.0525, 0.001);
    assert!(sentence(&either, &errors, &slower).starts_with("canary is higher, within the tolerance of 0.0052: "));
    let effect_size = EffectSize { measure: Measure::MeanRatio, allowed_increase: Some(100.0), ..EffectSize::default() };
    let sized = MetricSpec { effect_size, ..either };
    assert!(sentence(&sized, &few, &errors).starts_with("canary is higher, by less than the effect that counts: "));
}

#[test]
fn a_sentence_says_why_there_is_no_judgement() {
    let judge = Judge::default();
    let either = MetricSpec::default();
    let some = steps(1.0, 0.1);
    assert_eq!(says(&judge, &either, &some, &[]), "no data: the canary has no samples, the baseline has 40");
    assert_eq!(says(&judge, &either, &[], &some), "no data: the baseline has no samples, the canary has 40");
    assert_eq!(says(&judge, &either, &[], &[]), "no data: neither the canary nor the baseline has samples");
    assert_eq!(
        says(&judge, &either, &some, &[1.0]),
        "too few samples: 1 of the canary and 40 of the baseline cannot show a difference with a confidence of 98 %, 5 on each side could"
    );
    let kayenta = Judge::new(Mode::Kayenta);
    assert_eq!(says(&kayenta, &either, &[1.0], &[2.0]), "cannot be judged: 1 sample against 1 sample have no interval");
    assert!(
        says(&kayenta, &either, &some, &[f64::INFINITY]).starts_with("cannot be judged: a sample is infinite; mend the query")
    );
    let wrong = Judge { confidence: 98.0, ..judge };
    assert!(says(&wrong, &either, &some, &some).starts_with("cannot be judged: the confidence must lie between 0 and 1"));
}

#[test]
fn a_sentence_warns() {
    let judge = Judge { sensitivity: Some(Sensitivity::High), ..Judge::default() };
    let either = MetricSpec::default();
    let one = steps(4.0, 0.5);
    let two: Vec<f64> = (0..40).map(|i| if i % 2 == 0 { 4.5 } else { 90.0 } + f64::from(i % 5) / 10.0).collect();
    let sentence = says(&judge, &either, &one, &two);
    assert!(
        sentence.starts_with("50 % of the canary's samples are 3 standard deviations higher than the baseline's mean: "),
        "{sentence}"
    );
    assert!(
        sentence.ends_with(
            "; the canary's samples fall into two groups, about 4.7 and 90.2, so look at the graph: a median difference can hide a \
             change in one"
        ),
        "{sentence}"
    );
    let gaps: Vec<f64> = one.iter().copied().chain([f64::NAN, f64::NAN]).collect();
    let sentence = says(&judge, &either, &one, &gaps);
    assert!(
        sentence.ends_with("; 2 of the canary's samples and 0 of the baseline's were no numbers and are left out"),
        "{sentence}"
    );
}

#[test]
fn json_is_that_of_the_evidence() {
    let found = Judge::default().metric(&MetricSpec::default(), &[1.0, 2.0, 3.0, 4.0, 5.0], &[11.0, 12.0, 13.0, 14.0, 15.0]);
    let digest = found.digest.clone();
    assert_eq!(
        serde_json::to_value(&found).expect("JSON"),
        json!({
            "method": "exact", "label": "high", "critical": false,
            "sentence": "canary is higher: 13 against 3 (median difference 10, 98 % interval 7 to 13, U 25, p 0.0079, 5 against 5 samples)",
            "cause": null, "samples": [5, 5], "u": 25.0, "p": found.p, "confidence": 0.98, "interval": [7.0, 13.0], "estimate": 10.0,
            "band": found.band, "effect": { "measure": "meanRatio", "value": found.effect.value },
            "baseline": { "count": 5, "min": 1.0, "max": 5.0, "mean": 3.0, "median": 3.0, "std": found.baseline.std },
            "canary": { "count": 5, "min": 11.0, "max": 15.0, "mean": 13.0, "median": 13.0, "std": found.canary.std },
            "digest": digest,
        })
    );
}

#[test]
fn a_digest_is_that_of_the_bytes() {
    // python3: hashlib.sha256(struct.pack('<Qd', 1, 1.0) + struct.pack('<Qdd', 2, 2.0, 3.0)).hexdigest()
    assert_eq!(digest(&[1.0], &[2.0, 3.0]), "7c5497f0821baf3c500c76a3214738a220b2f9a420909a3b0ac2cfde91ecaa5f");
    assert_ne!(digest(&[1.0, 2.0], &[3.0]), digest(&[1.0], &[2.0, 3.0]));
    let judged = |canary: &[f64]| Judge::default().metric(&MetricSpec::default(), &[1.0], canary).digest;
    assert_eq!(judged(&[3.0, f64::NAN, 2.0]), digest(&[1.0], &[2.0, 3.0]));
}

#[test]
fn settings_are_read_as_they_are_typed() {
    let spec: MetricSpec = serde_json::from_value(json!({
        "direction": "increase", "nanStrategy": "replace", "critical": true,
        "outliers": { "strategy": "remove" },
        "effectSize": { "measure": "cles", "allowedIncrease": 0.6 },
    }))
    .expect("a metric");
    assert_eq!(spec.outliers, Outliers::Remove { outlier_factor: 3.0, reduce_sensitivity: true });
    assert_eq!(spec.effect_size.allowed_increase, Some(0.6));
    let judge: Judge = serde_json::from_value(json!({ "mode": "kayenta" })).expect("a judge");
    assert_eq!((judge, judge.tolerance(), judge.confidence), (Judge::new(Mode::Kayenta), 0.25, 0.98));
    assert_eq!(Judge::default().tolerance(), 0.1);
    assert!(serde_json::from_value::<Judge>(json!({ "confidance": 0.9 })).is_err());
    assert!(serde_json::from_value::<MetricSpec>(json!({ "outliers": { "strategy": "remove", "factor": 2.0 } })).is_err());
}
