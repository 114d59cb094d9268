//! The end of a verification, as a report.

use shiftgate_sdk::prelude::*;

use crate::config::Settings;
use crate::measure::{Measurement, Record};

/// Everything that was measured, under the verdict.
pub fn report(record: &Record, verdict: Verdict, summary: String, settings: &Settings) -> Report {
    let mut report = Report::new(verdict, summary);
    if matches!(verdict, Verdict::Fail | Verdict::Inconclusive) {
        report =
            report.finding(verdict, format!("`{}`: {}, wanted {}", settings.query, record.last(settings), settings.threshold()));
    }
    // Failed and empty measurements within their limits are something to look at, no more.
    let softened =
        |own: Verdict| if matches!(verdict, Verdict::Pass | Verdict::Warn) && own != Verdict::Pass { Verdict::Warn } else { own };
    for (count, what) in
        [(record.failed, "failed"), (record.inconclusive, "had no data"), (record.errors, "went wrong and was asked again")]
    {
        if count > 0 && matches!(verdict, Verdict::Pass | Verdict::Warn) {
            report = report.finding(Verdict::Warn, format!("{count} of {} queries {what}", record.taken + record.errors));
        }
    }
    for warning in &record.warnings {
        report = report.finding(Verdict::Warn, format!("Prometheus warns: {warning}"));
    }
    let metric = |name: String, value: Option<f64>, own: Verdict| {
        Metric::new(name, value, softened(own)).unit(&settings.unit).threshold(settings.threshold())
    };
    let last = record.measurements.iter().rev().find_map(|m| m.verdict.map(|own| (m.value.parse::<f64>().ok(), own)));
    let last_value = last.and_then(|(value, _)| value).filter(|value| value.is_finite());
    // A metric without a value would turn a pass into inconclusive.
    if let Some((_, own)) = last
        && (last_value.is_some() || !matches!(verdict, Verdict::Pass | Verdict::Warn))
    {
        report = report.metric(metric(settings.name.clone(), last_value, own));
    }
    if let Some(worst) = record.worst
        && Some(worst.value) != last_value
    {
        let own = if worst.badness > 0.0 { Verdict::Fail } else { Verdict::Pass };
        report =
            report.metric(metric(format!("{} (worst, measurement {})", settings.name, worst.number), Some(worst.value), own));
    }
    if let Some(value) = last_value {
        report = report.output("value", value);
    }
    report.output("measurements", record.taken).output("failed", record.failed).evidence("prometheus", evidence(record, settings))
}

fn evidence(record: &Record, settings: &Settings) -> Value {
    let measurement = |m: &Measurement| {
        let verdict = m.verdict.map_or(Value::from("error"), |verdict| Value::from(verdict.to_string()));
        let mut entry = json!({"at": m.at.0, "value": m.value, "verdict": verdict});
        if let (Some(entry), false) = (entry.as_object_mut(), m.raw.is_empty()) {
            entry.insert("answer".to_owned(), m.raw.clone().into());
        }
        entry
    };
    let all = u64::from(record.taken) + u64::from(record.errors);
    json!({
        "url": settings.url,
        "query": settings.query,
        "range": settings.range.map(|range| range.to_string()),
        "threshold": settings.threshold(),
        "queries": all,
        "leftOut": all.saturating_sub(record.measurements.len() as u64),
        "measurements": record.measurements.iter().map(measurement).collect::<Vec<_>>(),
    })
}
