//! Whether a verification's report keeps what the contract promises. Pure.
//!
//! A report that says `pass` and shows otherwise is a bug of the plugin, and no reason to go on: it becomes inconclusive,
//! and says why. A `fail` stays a `fail`: a person or the rollback looks at it anyway.

use std::collections::BTreeMap;

use shiftgate_model::{Finding, Metric, Report, Verdict};

/// Holds a report against its promises, and returns it with the verdict that it earns.
pub(crate) fn kept(mut report: Report) -> Report {
    let mut broken = Vec::new();
    for metric in &mut report.metrics {
        if metric.value.is_none() && matches!(metric.verdict, Verdict::Pass | Verdict::Warn) {
            broken.push(format!(
                "the metric `{}` has no value (none, NaN or infinity), and is called `{}`",
                metric.name, metric.verdict
            ));
            metric.verdict = Verdict::Inconclusive;
        }
    }
    if report.verdict == Verdict::Pass {
        broken.extend(contradictions(&report));
    }
    if broken.is_empty() {
        return report;
    }
    if matches!(report.verdict, Verdict::Pass | Verdict::Warn) {
        report.verdict = Verdict::Inconclusive;
    }
    let findings = broken.into_iter().map(|why| broken_promise(&why));
    report.findings.splice(0..0, findings);
    report
}

fn contradictions(report: &Report) -> Vec<String> {
    let mut broken = Vec::new();
    let failing = report.findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    if failing > 0 {
        broken.push(format!("it says `pass` with {failing} failing finding(s)"));
    }
    let failing: Vec<&str> =
        report.metrics.iter().filter(|metric| metric.verdict == Verdict::Fail).map(|metric| metric.name.as_str()).collect();
    if !failing.is_empty() {
        broken.push(format!("it says `pass` with failing metrics: {}", failing.join(", ")));
    }
    if no_data(&report.metrics) {
        broken.push("it says `pass`, and none of its metrics has a value".to_owned());
    }
    broken
}

fn no_data(metrics: &[Metric]) -> bool {
    !metrics.is_empty() && metrics.iter().all(|metric| metric.value.is_none())
}

fn broken_promise(why: &str) -> Finding {
    Finding { verdict: Verdict::Inconclusive, message: format!("the plugin broke the contract: {why}") }
}

/// The report of a verification whose answer was no report at all.
pub(crate) fn inconclusive(why: &str) -> Report {
    Report {
        verdict: Verdict::Inconclusive,
        summary: "The plugin broke the contract, so nothing can be said.".to_owned(),
        findings: vec![broken_promise(why)],
        metrics: Vec::new(),
        evidence: BTreeMap::new(),
        outputs: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: Verdict, findings: &[Verdict], metrics: &[(Option<f64>, Verdict)]) -> Report {
        let finding = |verdict: &Verdict| Finding { verdict: *verdict, message: "seen".to_owned() };
        let metric = |(value, verdict): &(Option<f64>, Verdict)| Metric {
            name: "errors".to_owned(),
            value: *value,
            unit: String::new(),
            threshold: String::new(),
            verdict: *verdict,
        };
        Report {
            verdict,
            summary: String::new(),
            findings: findings.iter().map(finding).collect(),
            metrics: metrics.iter().map(metric).collect(),
            evidence: BTreeMap::new(),
            outputs: BTreeMap::new(),
        }
    }

    #[test]
    fn a_pass_has_to_be_earned() {
        use Verdict::{Fail, Inconclusive, Pass, Skipped, Warn};
        let rows = [
            (report(Pass, &[], &[]), Pass),
            (report(Pass, &[Pass, Warn], &[(Some(0.1), Pass)]), Pass),
            (report(Pass, &[], &[(Some(0.1), Pass), (None, Inconclusive)]), Pass),
            (report(Pass, &[Fail], &[]), Inconclusive),
            (report(Pass, &[], &[(None, Pass), (Some(0.1), Pass)]), Inconclusive),
            (report(Pass, &[], &[(Some(0.1), Fail)]), Inconclusive),
            (report(Pass, &[], &[(None, Inconclusive)]), Inconclusive),
            (report(Pass, &[], &[(None, Skipped)]), Inconclusive),
            (report(Warn, &[], &[(None, Pass)]), Inconclusive),
            (report(Warn, &[Fail], &[(Some(0.1), Fail)]), Warn),
            (report(Fail, &[], &[(None, Pass)]), Fail),
            (report(Inconclusive, &[], &[(None, Inconclusive)]), Inconclusive),
            (report(Skipped, &[], &[]), Skipped),
        ];
        for (given, verdict) in rows {
            assert_eq!(kept(given.clone()).verdict, verdict, "{given:?}");
        }
    }

    #[test]
    fn a_broken_promise_is_told_first() {
        let told = kept(report(Verdict::Pass, &[Verdict::Fail], &[(None, Verdict::Pass)]));
        let findings: Vec<_> = told.findings.iter().map(|finding| finding.message.as_str()).collect();
        insta::assert_snapshot!(findings.join("\n"), @r"
the plugin broke the contract: the metric `errors` has no value (none, NaN or infinity), and is called `pass`
the plugin broke the contract: it says `pass` with 1 failing finding(s)
the plugin broke the contract: it says `pass`, and none of its metrics has a value
seen
");
        assert_eq!(told.metrics.first().map(|metric| metric.verdict), Some(Verdict::Inconclusive));
    }
}
