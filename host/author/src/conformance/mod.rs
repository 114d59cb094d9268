//! What every plugin has to stand, whatever it is for: calls that come twice, facts that are missing, a network that fails, rights
//! that were not granted, a config that is wrong.
//!
//! The contract promises an answer to each of them: a verdict, a wait, or an error with a code. A trap, a broken promise, a step
//! that never ends, and a pass without data are failures. `trials.rs` has what is changed, this file who is asked and what counts.

mod configs;
mod trials;

use std::time::Instant;

use serde_json::Value;
use shiftgate_model::{Call, Millis, Outcome, ReceiptAction, Verdict, Wake};

use crate::AuthorError;
use crate::drive::{End, Story, error};
use crate::scenario::{Scenario, broken_promises, told};
use crate::stage::Seen;
use crate::test_bed::{Checked, Script, TestBed};

use trials::Trial;

/// A step may take at least so long in a trial; a plugin that wants more is cancelled, as by a workflow.
const LIMIT: Millis = Millis::minutes(15);
/// A plugin that looks every second has ended by then.
const PATIENCE: usize = 1_000;
/// The signal that the contract names.
const BALLOT: &str = "ballot";
/// So many states of a plugin are polled twice.
const POLLS: usize = 20;

/// Runs all of it.
pub(crate) async fn run(
    bed: &TestBed,
    scenarios: &[Scenario],
    config: Option<Value>,
    each: &mut dyn FnMut(Checked),
) -> Result<(), AuthorError> {
    let mut base = base(bed, scenarios, config).await?;
    let began = Instant::now();
    let (story, seen) = bed.play(&base).await;
    let failed = broken(&story);
    each(done("an ordinary step", began, story.took, failed.iter().cloned().collect()));
    if failed.is_some() {
        // Everything else would fail as this did, and perhaps take as long.
        return Ok(());
    }
    // Twice as long as it takes when all is well is enough for everything else.
    let limit = Millis(LIMIT.0.max(story.took.0.saturating_mul(2)));
    let run = &mut base.step.run;
    run.deadline.get_or_insert(run.started_at.plus(limit));
    base.patience = PATIENCE.max(story.polls.len() * 2);
    each(doubled_polls(bed, &base, &story).await);
    each(doubled_cancel(bed, &base, &story).await);
    let listens = story.saved.iter().any(|(_, wait)| wait.signals.iter().any(|signal| signal == BALLOT));
    for trial in trials::all(bed.manifest(), &base, listens) {
        each(attempt(bed, trial, &seen).await);
    }
    Ok(())
}

/// The script that trials change: an ordinary one, in which the plugin does its job.
async fn base(bed: &TestBed, scenarios: &[Scenario], config: Option<Value>) -> Result<Script, AuthorError> {
    let good = || scenarios.iter().filter(|scenario| scenario.expect.is_good());
    let candidates: Vec<Scenario> = match (good().next(), config) {
        (Some(first), Some(config)) => vec![Scenario { config, ..first.clone() }],
        (Some(_), None) => good().cloned().collect(),
        (None, config) => config.or_else(|| configs::suggested(bed.manifest())).map(Scenario::of_config).into_iter().collect(),
    };
    let mut refused = None;
    for scenario in candidates {
        match accepted(bed, &scenario).await {
            Ok(script) => return Ok(script),
            // A scenario whose config does not fit has failed by itself; the next one may do.
            Err(problems) => drop(refused.get_or_insert(problems)),
        }
    }
    Err(AuthorError::NoConfig { problems: refused.unwrap_or_default() })
}

/// What a scenario plays; what is wrong with its config when that is refused. Everything would end before it began then, and
/// nothing be tried.
async fn accepted(bed: &TestBed, scenario: &Scenario) -> Result<Script, Vec<(String, String)>> {
    let mut script = bed.script(scenario);
    if scenario.http.is_empty() && scenario.signals.is_empty() {
        // Nobody answers it, so it may wait for ever.
        script.until = script.until.or(Some(LIMIT));
    }
    let began = script.step.run.started_at;
    match bed.call(&script, Call::Validate, began).await.map(|reply| reply.outcome) {
        Ok(Outcome::ConfigRefused(problems)) => Err(problems),
        Ok(_) | Err(_) => Ok(script),
    }
}

/// The same state twice: a wake may be doubled, and a call repeated after a crash.
async fn doubled_polls(bed: &TestBed, base: &Script, story: &Story) -> Checked {
    let (name, began) = ("the same poll twice", Instant::now());
    // An order wakes a step that waits for a signal, too.
    let ordered = story.saved.iter().map(|(at, wait)| (*at, wait.state.clone(), Wake::Timer));
    let polls = if story.polls.is_empty() { ordered.collect() } else { story.polls.clone() };
    if polls.is_empty() {
        return skipped(name, "it never waited");
    }
    let mut failures = Vec::new();
    for (number, (now, state, wake)) in polls.iter().take(POLLS).enumerate() {
        for which in ["first", "second"] {
            let action = Call::Poll { state: state.clone(), wake: wake.clone() };
            if let Err(End::Error { code: None, message, .. }) = bed.call(base, action, *now).await.map_err(error) {
                failures.push(format!("poll {}, the {which} time: {message}", number + 1));
            }
        }
    }
    done(name, began, story.took, failures)
}

/// A cancel twice, of the first state that was saved.
async fn doubled_cancel(bed: &TestBed, base: &Script, story: &Story) -> Checked {
    let (name, began) = ("cancelled twice", Instant::now());
    let Some((now, wait)) = story.saved.first() else { return skipped(name, "it never waited") };
    let mut failures = Vec::new();
    for which in ["first", "second"] {
        let action = Call::Cancel { state: wait.state.clone() };
        if let Err(End::Error { code: None, message, .. }) = bed.call(base, action, *now).await.map_err(error) {
            failures.push(format!("the {which} time: {message}"));
        }
    }
    done(name, began, Millis(0), failures)
}

async fn attempt(bed: &TestBed, trial: Trial, base: &Seen) -> Checked {
    let began = Instant::now();
    let (story, seen) = bed.play(&trial.script).await;
    let mut failures: Vec<String> = broken(&story).into_iter().collect();
    let needed_answers = base.answered > 0;
    if trial.blind && needed_answers && seen.answered == 0 && claims(&story.end) {
        failures.push(format!("it got no answer, and still: {}", told(&story.end)));
    }
    done(&trial.name, began, story.took, failures)
}

/// What of an end no plugin may have.
fn broken(story: &Story) -> Option<String> {
    match &story.end {
        End::Error { code: None, message, .. } => Some(message.clone()),
        End::Endless(wakes) => Some(format!("it was woken {wakes} times within {}, and did not end", story.took)),
        End::Reported(report) => broken_promises(report).next().map(ToOwned::to_owned),
        _ => None,
    }
}

/// Whether an end says that all is well.
fn claims(end: &End) -> bool {
    match end {
        End::Reported(report) => report.verdict == Verdict::Pass,
        End::Received(receipt) => receipt.actions.iter().any(|action| matches!(action, ReceiptAction::Done(_))),
        End::Counted(tally) | End::Waiting { tally: Some(tally), .. } => !tally.ballots.is_empty(),
        _ => false,
    }
}

fn done(name: &str, began: Instant, passed: Millis, failures: Vec<String>) -> Checked {
    Checked { name: name.to_owned(), took: began.elapsed(), passed, failures, skipped: None, file: None }
}

fn skipped(name: &str, why: &str) -> Checked {
    let skipped = Some(why.to_owned());
    Checked {
        name: name.to_owned(),
        took: std::time::Duration::ZERO,
        passed: Millis(0),
        failures: Vec::new(),
        skipped,
        file: None,
    }
}
