//! A verification's report in lines, as every command shows it. Pure.

use shiftgate_model::{Report, Verdict};

use crate::exit::Exit;
use crate::failure::Failure;

/// Verdict and summary, then findings and metrics, a line each.
pub(crate) fn judged(report: &Report) -> String {
    let mut text = format!("{}: {}\n", report.verdict, report.summary);
    for finding in &report.findings {
        text.push_str(&format!("  {}: {}\n", finding.verdict, finding.message));
    }
    for metric in &report.metrics {
        let value = metric.value.map_or_else(|| "no value".to_owned(), |value| value.to_string());
        let unit = if metric.unit.is_empty() { String::new() } else { format!(" {}", metric.unit) };
        text.push_str(&format!("  {} = {value}{unit}, {} {}\n", metric.name, metric.verdict, metric.threshold));
    }
    text
}

/// The same with evidence and outputs.
pub(crate) fn reported(report: &Report) -> String {
    let mut text = judged(report);
    for (name, value) in report.evidence.iter().chain(&report.outputs) {
        text.push_str(&format!("  {name} = {value}\n"));
    }
    text
}

/// How a command ends that was asked for a verdict.
pub(crate) fn ending(verdict: Verdict) -> Result<Exit, Failure> {
    match verdict {
        Verdict::Pass | Verdict::Warn | Verdict::Skipped => Ok(Exit::Succeeded),
        Verdict::Fail | Verdict::Inconclusive => Err(Failure::Shown(Exit::Failed)),
    }
}
