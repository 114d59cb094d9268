//! The end of a verification, as a report: findings and numbers for a person, and evidence that can be drawn (docs/evidence.md).

use shiftgate_sdk::prelude::{Report, Value, Verdict, json};

use crate::goal::Goal;
use crate::record::{End, Measurement, Query, Record, Series};
use crate::score::Score;
use crate::terms::Metric;

/// The form of the evidence.
const FORMAT: u32 = 1;

/// Everything that was measured, under the verdict.
pub(crate) fn report<Q>(
    provider: &str,
    metrics: &[Metric<Q>],
    records: &[Record],
    score: Option<&Score>,
    (verdict, summary): (Verdict, String),
) -> Report {
    let mut report = Report::new(verdict, summary);
    for (metric, record) in metrics.iter().zip(records) {
        report = found(report, provider, metric, record, metrics.len());
    }
    for (metric, record) in metrics.iter().zip(records) {
        report = measured(report, metric, record);
    }
    if let ([metric], [record]) = (metrics, records) {
        if let Some(value) = last_value(record) {
            report = report.output("value", value);
        }
        report = report.output("measurements", record.taken).output("failed", record.failed);
        if metric.dry_run {
            report = report.output("dryRun", true);
        }
    }
    let shown: Vec<Value> = metrics.iter().zip(records).map(|(metric, record)| evidence(metric, record)).collect();
    let mut analysis = json!({ "format": FORMAT, "metrics": shown });
    if let (Some(score), Some(fields)) = (score, analysis.as_object_mut()) {
        fields.insert("score".to_owned(), score.evidence(metrics, records));
    }
    report.evidence("analysis", analysis)
}

/// What is to be looked at of one metric.
fn found<Q>(mut report: Report, provider: &str, metric: &Metric<Q>, record: &Record, metrics: usize) -> Report {
    let passes = matches!(report.verdict, Verdict::Pass | Verdict::Warn | Verdict::Skipped);
    let of = if metrics > 1 { format!("{}: ", metric.name) } else { String::new() };
    let end = record.end.as_ref();
    let bad = end.and_then(|end| end.verdict).filter(|own| matches!(own, Verdict::Fail | Verdict::Inconclusive));
    if let Some(own) = bad {
        // A dry run, and a metric that the score outweighs, are something to look at, no more.
        let own = if passes || metric.dry_run { Verdict::Warn } else { own };
        let dry = if metric.dry_run { " (dry run)" } else { "" };
        let query = record.queries.first().map(|query| format!("`{}`: ", query.query)).unwrap_or_default();
        let what = match metric.goal {
            Goal::Compare(_) => record.last(metric),
            Goal::Threshold { .. } | Goal::Condition { .. } => format!("{}, wanted {}", record.last(metric), metric.goal.words()),
        };
        report = report.finding(own, format!("{of}{query}{what}{dry}"));
    }
    // Only a dry run ends so without ending the step.
    if let Some(End { verdict: None, reason }) = end {
        report = report.finding(Verdict::Warn, format!("{of}{reason} (dry run)"));
    }
    for (count, what) in [
        (record.failed, "failed"),
        (record.inconclusive, "could not be judged"),
        (record.errors, "went wrong and was asked again"),
    ] {
        if count > 0 && passes && bad.is_none() {
            report = report.finding(Verdict::Warn, format!("{of}{count} of {} queries {what}", record.taken + record.errors));
        }
    }
    for note in &record.notes {
        let own = bad.filter(|_| !passes && !metric.dry_run).unwrap_or(Verdict::Warn);
        report = report.finding(own, format!("{of}{note}"));
    }
    for warning in &record.warnings {
        report = report.finding(Verdict::Warn, format!("{of}{provider} warns: {warning}"));
    }
    report
}

/// The last number of one metric, and the worst.
fn measured<Q>(mut report: Report, metric: &Metric<Q>, record: &Record) -> Report {
    let passes = matches!(report.verdict, Verdict::Pass | Verdict::Warn | Verdict::Skipped);
    // Failed and empty measurements within their limits do not make a pass one that a host cannot believe.
    let softened = |own: Verdict| if (passes || metric.dry_run) && own != Verdict::Pass { Verdict::Warn } else { own };
    let shown = |name: String, value: Option<f64>, own: Verdict| {
        shiftgate_sdk::Metric::new(name, value, softened(own)).unit(&metric.unit).threshold(metric.goal.words())
    };
    let value = last_value(record);
    let last = record.measurements.iter().rev().find_map(|measurement| measurement.verdict);
    // A metric without a value would turn a pass into inconclusive.
    if let Some(own) = last
        && (value.is_some() || !passes)
    {
        report = report.metric(shown(metric.name.clone(), value, own));
    }
    if let Some(worst) = record.worst
        && Some(worst.value) != value
    {
        let own = if worst.badness > 0.0 { Verdict::Fail } else { Verdict::Pass };
        report = report.metric(shown(format!("{} (worst, measurement {})", metric.name, worst.number), Some(worst.value), own));
    }
    report
}

/// The number of the last measurement that had an answer.
fn last_value(record: &Record) -> Option<f64> {
    record.measurements.iter().rev().find(|measurement| measurement.verdict.is_some()).and_then(|last| last.value)
}

/// One metric, as docs/evidence.md has it.
fn evidence<Q>(metric: &Metric<Q>, record: &Record) -> Value {
    let (min, max) = match &metric.goal {
        Goal::Threshold { min, max, .. } => (*min, *max),
        Goal::Condition { .. } | Goal::Compare(_) => (None, None),
    };
    let (verdict, reason) = match &record.end {
        Some(End { verdict: Some(verdict), reason }) => (verdict.to_string(), reason.clone()),
        Some(End { verdict: None, reason }) => ("inconclusive".to_owned(), reason.clone()),
        None => ("skipped".to_owned(), format!("the end came after {} of {} measurements", record.taken, metric.count)),
    };
    let all = record.taken + record.errors;
    json!({
        "name": metric.name,
        "unit": metric.unit,
        "group": metric.group,
        "threshold": metric.goal.words(),
        "min": min,
        "max": max,
        "verdict": verdict,
        "reason": reason,
        "critical": metric.critical,
        "dryRun": metric.dry_run,
        "series": record.series.iter().map(series).collect::<Vec<_>>(),
        "measurements": record.measurements.iter().map(measurement).collect::<Vec<_>>(),
        "leftOut": all.saturating_sub(u32::try_from(record.measurements.len()).unwrap_or(u32::MAX)),
        "queries": record.queries.iter().map(query).collect::<Vec<_>>(),
        "judgement": record.judgement,
    })
}

fn series(series: &Series) -> Value {
    json!({ "side": series.side, "label": series.label, "points": series.points })
}

fn measurement(measurement: &Measurement) -> Value {
    let verdict = measurement.verdict.map_or_else(|| "error".to_owned(), |verdict| verdict.to_string());
    let mut entry = json!({ "at": measurement.at.0, "verdict": verdict, "value": measurement.value, "text": measurement.text });
    if let (Some(entry), false) = (entry.as_object_mut(), measurement.raw.is_empty()) {
        entry.insert("answer".to_owned(), measurement.raw.clone().into());
    }
    entry
}

fn query(query: &Query) -> Value {
    let (from, to, step) = match query.window {
        Some((from, to, step)) => (Some(from.0), Some(to.0), Some(step.as_millis())),
        None => (None, None, None),
    };
    json!({
        "at": query.at.0, "side": query.side, "query": query.query, "from": from, "to": to, "step": step,
        "answer": query.answer, "cut": query.cut,
    })
}
