//! The verifications of a run: what their evidence says, and where there is none, what their events say. Pure.

use serde_json::Value;
use shiftgate_model::{Event, EventKind, Evidence, Exchange, Finding, Metric, PluginKind, Report, Timestamp, Verdict};

use super::{Asked, Measured, Step, Story, Verification};
use crate::analysis::Analysis;
use crate::text::Text;

/// The name of the evidence that is drawn.
const ANALYSIS: &str = "analysis";

pub(super) fn verifications(story: &Story, events: &[Event], evidence: &[Evidence]) -> Vec<Verification> {
    let mut found: Vec<(&Step, Vec<Verification>)> = Vec::new();
    for step in &story.steps {
        let told = from_events(step, events);
        let left = from_evidence(step, evidence);
        let of_step = if left.is_empty() { told } else { joined(left, &told) };
        found.push((step, of_step));
    }
    let mut all: Vec<Verification> = found.into_iter().flat_map(|(_, of_step)| of_step).collect();
    all.sort_by_key(|verification| verification.began);
    all
}

/// What the engine made of a verification counts more than what the plugin said: it stands in the events. The last attempts are
/// those that both know.
fn joined(mut left: Vec<Verification>, told: &[Verification]) -> Vec<Verification> {
    let verdicts = told.iter().rev().filter(|told| told.verdict.is_some());
    for (verification, told) in left.iter_mut().rev().filter(|left| left.verdict.is_some()).zip(verdicts) {
        verification.verdict = told.verdict;
        verification.ended = told.ended;
    }
    // While it goes on, the events know what was measured so far.
    if let (Some(last), Some(told)) = (left.last_mut(), told.last())
        && last.verdict.is_none()
        && told.verdict.is_none()
    {
        last.measured.clone_from(&told.measured);
    }
    left
}

fn from_evidence(step: &Step, evidence: &[Evidence]) -> Vec<Verification> {
    let mut attempts: Vec<Verification> = Vec::new();
    let mut last = None;
    for call in evidence.iter().filter(|call| call.step == step.key) {
        let attempt = (call.fence, call.attempt);
        if last.replace(attempt) != Some(attempt) {
            let mut begun = begun(step, call.at, call.attempt);
            begun.plugin = Text::of(&call.plugin);
            begun.digest = Text::of(&call.digest.0);
            begun.config = pretty(&call.config);
            attempts.push(begun);
        }
        if let Some(attempt) = attempts.last_mut() {
            attempt.calls += 1;
            attempt.left_out = attempt.left_out.saturating_add(call.left_out);
            attempt.exchanges.extend(call.exchanges.iter().map(asked));
            if let Some(error) = &call.error {
                attempt.ended = Some(call.at);
                attempt.error = Some(Text::of(error));
            }
            if let Some(report) = &call.report {
                attempt.ended = Some(call.at);
                attempt.reported(report);
            }
        }
    }
    attempts
}

fn from_events(step: &Step, events: &[Event]) -> Vec<Verification> {
    let mut attempts: Vec<Verification> = Vec::new();
    let mut number = 1;
    for event in events.iter().filter(|event| event.step.as_ref() == Some(&step.key)) {
        let open = attempts.last_mut().filter(|last| last.verdict.is_none() && last.attempt == number);
        match (&event.kind, open) {
            (EventKind::StepRetried { attempt, .. }, _) => number = *attempt,
            (EventKind::PluginLoaded { plugin, kind: PluginKind::Verification, digest }, None) => {
                let mut begun = begun(step, event.at, number);
                begun.plugin = Text::of(plugin);
                begun.digest = Text::of(digest);
                attempts.push(begun);
            }
            (EventKind::Measured { metric }, Some(open)) => open.measured.push(measured(metric)),
            (EventKind::Found { finding }, Some(open)) => open.findings.push(found(finding)),
            (EventKind::Verified { verdict, summary }, Some(open)) => open.ends(event.at, *verdict, summary),
            (EventKind::Verified { verdict, summary }, None) => {
                let mut begun = begun(step, event.at, number);
                begun.ends(event.at, *verdict, summary);
                attempts.push(begun);
            }
            _ => {}
        }
    }
    attempts
}

fn begun(step: &Step, at: Timestamp, attempt: u32) -> Verification {
    let began = if attempt == 1 { step.spans.first().map_or(at, |first| first.from.min(at)) } else { at };
    Verification {
        step: step.id.clone(),
        phase: step.phase.clone(),
        attempt,
        plugin: Text::default(),
        digest: Text::default(),
        began,
        ended: None,
        verdict: None,
        summary: Text::default(),
        error: None,
        findings: Vec::new(),
        measured: Vec::new(),
        analysis: None,
        evidence: Vec::new(),
        config: Text::default(),
        calls: 0,
        exchanges: Vec::new(),
        left_out: 0,
    }
}

impl Verification {
    fn ends(&mut self, at: Timestamp, verdict: Verdict, summary: &str) {
        self.ended = Some(at);
        self.verdict = Some(verdict);
        self.summary = Text::of(summary);
    }

    fn reported(&mut self, report: &Report) {
        self.verdict = Some(report.verdict);
        self.summary = Text::of(&report.summary);
        self.findings = report.findings.iter().map(found).collect();
        self.measured = report.metrics.iter().map(measured).collect();
        for (name, value) in &report.evidence {
            if name == ANALYSIS {
                self.analysis = Some(Analysis::read(value));
            } else {
                self.evidence.push((Text::of(name), pretty(value)));
            }
        }
    }
}

fn measured(metric: &Metric) -> Measured {
    Measured {
        name: Text::of(&metric.name),
        value: metric.value,
        unit: Text::of(&metric.unit),
        threshold: Text::of(&metric.threshold),
        verdict: metric.verdict,
    }
}

fn found(finding: &Finding) -> (Verdict, Text) {
    (finding.verdict, Text::of(&finding.message))
}

fn asked(exchange: &Exchange) -> Asked {
    let (status, answer, cut) = match &exchange.answer {
        Ok(answered) => (Text::of(answered.status), Text::of(&answered.body), answered.cut),
        Err(why) => (Text::of(why), Text::default(), false),
    };
    let request = Text::of(format!("{} {}", exchange.method, exchange.url));
    let headers = exchange.request_headers.iter().flatten().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>();
    let headers = Text::of(headers.join("\n"));
    Asked { at: exchange.at, request, headers, body: Text::of(&exchange.body), took: exchange.took, status, answer, cut }
}

/// Indented JSON; a text alone is itself.
fn pretty(value: &Value) -> Text {
    match value {
        Value::Null => Text::default(),
        Value::String(text) => Text::of(text),
        other => Text::of(serde_json::to_string_pretty(other).unwrap_or_default()),
    }
}
