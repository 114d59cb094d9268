//! `shiftgate verify replay`: judges again what a verification was told then, with other settings or another plugin.
//!
//! Offline: the record answers, and what it does not hold is not made up. Nothing is changed, in the record least of all. How the
//! calls are played is `author`'s.

mod settings;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use shiftgate_author::{Gap, Missing, Recording, Replayed};
use shiftgate_engine::Runs as _;
use shiftgate_model::{
    Digest, Evidence, LogLine, PluginKind, PluginReply, PluginSource, Report, RunId, StepId, Timestamp, Verdict,
};
use shiftgate_store::Record;
use shiftgate_workflow::Plan;

use crate::app::App;
use crate::args::{Format, Replay, Verify};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::judgement::{ending, judged};
use crate::text::{moment, printable};
use crate::{run_id, wiring};

/// The answer for programs.
#[derive(Serialize)]
struct Answer<'a> {
    run: &'a RunId,
    step: &'a StepId,
    attempt: u32,
    /// How many calls were recorded.
    calls: usize,
    plugin: &'a str,
    /// The component that judges now.
    digest: &'a Digest,
    /// What it is configured with now.
    config: &'a Value,
    /// What it reported then; none when it came to no report.
    before: Option<&'a Report>,
    /// What it reports now.
    after: &'a Report,
}

pub(crate) async fn run(app: &mut App, what: &Verify) -> Result<Exit, Failure> {
    match what {
        Verify::Replay(args) => replay(app, args).await,
    }
}

async fn replay(app: &mut App, args: &Replay) -> Result<Exit, Failure> {
    let record = app.record().await?;
    let run = run_id::find(&record, &args.run).await?.id;
    let step = step_of(&record.evidence_steps(&run).await?, &run, &args.step)?;
    let attempt = attempt_of(record.evidence_of(&run, &step).await?, &step, args.attempt)?;
    let recording = Recording::of(&attempt).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("the evidence of `{step}` does not begin with its start, so it cannot be replayed"))
            .hint("the step began under an earlier release, which kept none")
    })?;
    let config = settings::changed(recording.config(), &args.settings)?;
    let source = source(app, &record, &run, recording.start(), args).await?;
    let digest = source.pinned.clone().or_else(|| source.sha256.clone()).unwrap_or_else(|| recording.start().digest.clone());
    let place = wiring::place(app)?;
    let screen = &mut app.screen;
    let mut hear = |now: Timestamp, reply: &PluginReply| {
        let mut line = |text: &str| screen.note(&format!("{}  {}", moment(now, "%H:%M:%S"), printable(text)));
        for LogLine { level, message } in &reply.log {
            line(&format!("{} {message}", format!("{level:?}").to_lowercase()));
        }
        if let Some(progress) = &reply.progress {
            line(progress);
        }
    };
    let replayed = recording.replay(place, &source, config.clone(), &mut hear).await?;
    let last = attempt.last();
    let before = attempt.iter().rev().find_map(|call| call.report.as_ref());
    let after = report_of(replayed, recording.calls(), args)?;
    match args.output {
        Format::Text => {
            let then = before.map_or_else(|| no_report(last), judged);
            let text = format!("{}then: {then}now:  {}", headline(&run, &step, recording.start(), args), judged(&after));
            app.screen.print(&printable(&text))?;
        }
        Format::Json => app.screen.json(&Answer {
            run: &run,
            step: &step,
            attempt: recording.start().attempt,
            calls: recording.calls(),
            plugin: &recording.start().plugin,
            digest: &digest,
            config: &config,
            before,
            after: &after,
        })?,
    }
    ending(after.verdict)
}

/// The one verification step that is meant.
fn step_of(steps: &[StepId], run: &RunId, typed: &str) -> Result<StepId, Failure> {
    let exact = steps.iter().find(|step| step.as_str() == typed);
    let parts = steps.iter().filter(|step| step.as_str().contains(typed)).collect::<Vec<_>>();
    let only = || parts.first().copied().filter(|_| parts.len() == 1);
    if let Some(step) = exact.or_else(only) {
        return Ok(step.clone());
    }
    let names = steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
    let (message, hint) = match (steps.is_empty(), parts.len()) {
        (true, _) => (
            format!("run {run} has no evidence: no verification has been called in it"),
            "runs of earlier releases kept none, and `shiftgate runs prune` forgets it".to_owned(),
        ),
        (false, 0) => (format!("run {run} has no evidence of a verification `{typed}`"), format!("it has evidence of {names}")),
        (false, _) => {
            (format!("several verifications of run {run} have `{typed}` in their names"), format!("name one of {names}"))
        }
    };
    Err(Failure::new(Exit::Usage, message).hint(hint))
}

/// The calls of one attempt: of the last one that has this number, or of the last at all.
fn attempt_of(mut calls: Vec<Evidence>, step: &StepId, wanted: Option<u32>) -> Result<Vec<Evidence>, Failure> {
    let fits = |call: &&Evidence| wanted.is_none_or(|wanted| call.attempt == wanted);
    let Some(last) = calls.iter().filter(fits).map(|call| (call.fence, call.attempt)).max() else {
        let numbers: BTreeSet<u32> = calls.iter().map(|call| call.attempt).collect();
        let numbers = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("step `{step}` has no attempt {}", wanted.unwrap_or_default());
        return Err(Failure::new(Exit::Usage, message).hint(format!("there is evidence of attempt {numbers}")));
    };
    calls.retain(|call| (call.fence, call.attempt) == last);
    Ok(calls)
}

/// The component that judges now, which gets no rights: nothing leaves.
async fn source(app: &App, record: &Record, run: &RunId, start: &Evidence, args: &Replay) -> Result<PluginSource, Failure> {
    let plan = record.plan(run).await?;
    let planned = planned(&plan, &start.step).cloned().unwrap_or_else(|| PluginSource::new(&start.plugin, &start.plugin));
    let limits = planned.limits.clone();
    let Some(file) = &args.plugin else {
        // As a run that goes on: the file, or the copy that was kept of what the run began with.
        let source = PluginSource::new(&start.plugin, planned.file);
        return Ok(PluginSource { pinned: Some(start.digest.clone()), limits, ..source });
    };
    let found = wiring::inspector(app)?.inspect(&file.display().to_string())?;
    let source = PluginSource::new(&start.plugin, found.file.display().to_string());
    Ok(PluginSource { sha256: Some(found.digest), limits, ..source })
}

/// The plugin of a step, as the plan names it.
fn planned<'p>(plan: &'p Plan, id: &StepId) -> Option<&'p PluginSource> {
    let mut verifications = plan.plugin_steps().filter(|(_, _, kind)| *kind == PluginKind::Verification);
    verifications.find(|(step, ..)| step.id == *id).map(|(_, step, _)| &step.plugin)
}

/// The report of a replay; one that has come to none because the evidence is over cannot tell.
fn report_of(replayed: Replayed, calls: usize, args: &Replay) -> Result<Report, Failure> {
    match replayed {
        Replayed::Judged(report) => Ok(report),
        Replayed::Ends => {
            let after = if calls == 1 { "its one recorded call".to_owned() } else { format!("its {calls} recorded calls") };
            let summary = format!("the evidence ends here: the verification would go on after {after}");
            let (findings, metrics, evidence, outputs) = Default::default();
            Ok(Report { verdict: Verdict::Inconclusive, summary, findings, metrics, evidence, outputs })
        }
        Replayed::Unanswered(gap) => Err(unanswered(&gap, args)),
        Replayed::Refused(problems) => {
            let told = problems.iter().map(|(at, why)| format!("{}: {why}", if at.is_empty() { "the whole" } else { at }));
            let message = format!("the config is refused: {}", told.collect::<Vec<_>>().join("; "));
            Err(Failure::new(Exit::PluginRefused, message)
                .hint("correct --with; `shiftgate plugin inspect PLUGIN --output json` shows the schema"))
        }
        Replayed::Failed { message, hint } => Err(Failure::Told { exit: Exit::Failed, message, hint }),
    }
}

/// The record does not hold what was asked.
fn unanswered(gap: &Gap, args: &Replay) -> Failure {
    let request = &gap.request;
    let message = match gap.why {
        Missing::Unasked => format!("no answer is on record to {request}: a replay works offline, and this was not asked then"),
        Missing::OtherHeaders => {
            format!("no answer is on record to {request} with these headers: a replay works offline, and it had others then")
        }
        Missing::LeftOut(count) => {
            format!("no answer is on record to {request}: {count} exchanges of this attempt were left out for want of room")
        }
        Missing::Cut => format!("the answer to {request} was longer than what is kept of one, so it cannot be judged again"),
    };
    let changed: Vec<String> = args.settings.iter().map(|(key, _)| format!("`{key}`")).collect();
    let hint = match (gap.why, changed.is_empty(), &args.plugin) {
        (Missing::Unasked | Missing::OtherHeaders, false, _) => format!(
            "settings that say how answers are judged can be changed: thresholds, counts, limits; {} changes what is asked, or when",
            changed.join(" or ")
        ),
        (Missing::Unasked | Missing::OtherHeaders, true, Some(_)) => {
            "this component asks otherwise than the one that judged then".to_owned()
        }
        (Missing::Unasked | Missing::OtherHeaders, true, None) => {
            "the plugin asks otherwise each time, by chance or by a clock of its own".to_owned()
        }
        (Missing::LeftOut(_) | Missing::Cut, ..) => "docs/evidence.md says how much is kept of a call".to_owned(),
    };
    Failure::new(Exit::Usage, message).hint(hint)
}

/// What is judged again.
fn headline(run: &RunId, step: &StepId, start: &Evidence, args: &Replay) -> String {
    let with = args.settings.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ");
    let with = if with.is_empty() { "the same settings".to_owned() } else { with };
    let plugin = args.plugin.as_ref().map(|file| format!(", by {}", file.display())).unwrap_or_default();
    format!("{step} of run {run}, attempt {}, with {with}{plugin}\n", start.attempt)
}

/// An attempt without a report in a line.
fn no_report(last: Option<&Evidence>) -> String {
    match last.and_then(|last| last.error.as_deref()) {
        Some(error) => format!("no verdict: {error}\n"),
        None => "no verdict: it was still under way\n".to_owned(),
    }
}

#[cfg(test)]
mod tests;
