//! `shiftgate plugin run`: one step of a plugin against the real network, in real time. Ctrl-C cancels it.
//!
//! There is no run around it and no record: what the plugin is told of the run is made up, and nothing can be resumed.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use shiftgate_author::{End, Outside, Step, Woken, drive, plain_run};
use shiftgate_model::{
    Clock as _, Grants, HttpGrant, LogLine, PluginReply, PluginSource, ReceiptAction, StepId, Suspension, Timestamp, Wake,
};
use shiftgate_plugin::Manifest;
use shiftgate_store::SystemClock;

use crate::app::App;
use crate::args::RunPlugin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::judgement::{ending, reported};
use crate::screen::Screen;
use crate::text::{moment, printable};
use crate::wiring;

/// The longest that is slept at once; a clock that was set meanwhile is noticed then.
const NAP: Duration = Duration::from_secs(60);
/// What the step is called, which nobody has named.
const STEP: &str = "step";

pub(super) async fn run(app: &mut App, args: &RunPlugin) -> Result<Exit, Failure> {
    let plugins = wiring::plugins(app)?;
    let found = plugins.inspect(&args.file.display().to_string())?;
    let Some(manifest) = found.manifest.as_ref().filter(|_| found.problems.is_empty()) else {
        return Err(Failure::new(Exit::PluginRefused, found.problems.join("; ")));
    };
    let mut run = plain_run(SystemClock.now());
    run.deadline = args.timeout.map(|timeout| run.started_at.plus(timeout));
    run.dry_run = args.dry_run;
    run.step = StepId::new(STEP);
    let step = Step { kind: manifest.kind, config: args.with.clone(), run, ending: None };
    let named = PluginSource::new(manifest.name.clone(), found.file.display().to_string());
    let source = PluginSource { sha256: Some(found.digest.clone()), grants: grants(manifest, args), ..named };
    let interrupts = Interrupts::listen()?;
    let mut outside = Present { screen: &mut app.screen, interrupts, signals: args.signals.clone() };
    let story = drive(&plugins, &source, &step, &mut outside).await;
    tell(&mut app.screen, &manifest.name, &story.end)
}

/// What the command line grants: below each URL, the methods that the manifest asks for anywhere.
fn grants(manifest: &Manifest, args: &RunPlugin) -> Grants {
    let mut methods: Vec<String> = manifest.requests.http.iter().flat_map(|request| request.methods.clone()).collect();
    methods.sort();
    methods.dedup();
    let grant =
        |url: &String| HttpGrant { url: url.clone(), methods: methods.clone(), addresses: args.addresses.clone(), auth: None };
    Grants::of(args.grants.iter().map(grant).collect())
}

/// The world as it is, with a person in front of it.
struct Present<'a> {
    screen: &'a mut Screen,
    interrupts: Interrupts,
    /// Signals that are still to be sent, in their order.
    signals: Vec<(String, Value)>,
}

impl Present<'_> {
    fn line(&mut self, text: &str) {
        self.screen.note(&format!("{}  {}", moment(SystemClock.now(), "%H:%M:%S"), printable(text)));
    }

    /// Sleeps until then; forever without a time. False when a person wants no more.
    async fn sleep_until(&mut self, at: Option<Timestamp>) -> bool {
        loop {
            let left = at.map_or(NAP, |at| at.since(SystemClock.now()).duration().min(NAP));
            if left.is_zero() {
                return true;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = self.interrupts.next() => return false,
            }
        }
    }
}

#[async_trait]
impl Outside for Present<'_> {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn patience(&self) -> usize {
        usize::MAX
    }

    async fn wake(&mut self, wait: &Suspension, deadline: Option<Timestamp>) -> Woken {
        if let Some(next) = self.signals.iter().position(|(name, _)| wait.signals.contains(name)) {
            let (name, payload) = self.signals.remove(next);
            self.line(&format!("sends it the signal `{name}`"));
            return Woken::By(Wake::Signal { name, payload });
        }
        let signals = if wait.signals.is_empty() { String::new() } else { format!(" for {}", wait.signals.join(", ")) };
        let after = wait.after.map(|after| format!(" {after}")).unwrap_or_default();
        self.line(&format!("waits{after}{signals}; Ctrl-C cancels"));
        let timer = wait.after.map(|after| self.now().plus(after));
        let expires = deadline.filter(|deadline| timer.is_none_or(|timer| *deadline < timer));
        match (self.sleep_until(expires.or(timer)).await, expires) {
            (false, _) => Woken::Cancelled,
            (true, Some(_)) => Woken::Expired,
            (true, None) => Woken::By(Wake::Timer),
        }
    }

    fn hear(&mut self, reply: &PluginReply) {
        for LogLine { level, message } in &reply.log {
            self.line(&format!("{} {message}", format!("{level:?}").to_lowercase()));
        }
        if let Some(progress) = &reply.progress {
            self.line(progress);
        }
    }
}

/// Says how it ended, and ends with a code that fits.
fn tell(screen: &mut Screen, plugin: &str, end: &End) -> Result<Exit, Failure> {
    match end {
        End::Reported(report) => {
            screen.print(&printable(&reported(report)))?;
            ending(report.verdict)
        }
        End::Counted(tally) | End::Waiting { tally: Some(tally), .. } => {
            screen.print(&format!("{}\n", printable(&tally.summary)))?;
            for ballot in &tally.ballots {
                let line = format!("  {:?}: {} {}\n", ballot.vote, ballot.subject, ballot.comment);
                screen.print(&printable(&line))?;
            }
            Ok(Exit::Succeeded)
        }
        End::Received(receipt) => {
            for action in &receipt.actions {
                screen.print(&format!("{}\n", printable(&acted(action))))?;
            }
            for (name, value) in &receipt.outputs {
                screen.print(&printable(&format!("  {name} = {value}\n")))?;
            }
            let failed = receipt.actions.iter().any(|action| matches!(action, ReceiptAction::Failed(_)));
            if failed { Err(Failure::Shown(Exit::Failed)) } else { Ok(Exit::Succeeded) }
        }
        End::Refused(problems) => {
            let told =
                problems.iter().map(|(place, why)| format!("{}: {why}", if place.is_empty() { "the whole" } else { place }));
            let message = format!("plugin `{plugin}`: the config is refused: {}", told.collect::<Vec<_>>().join("; "));
            Err(Failure::new(Exit::PluginRefused, message)
                .hint("correct --with; `shiftgate plugin inspect --output json` shows the schema"))
        }
        End::Error { code, message, hint } => Err(failed(plugin, code.as_deref(), message, hint.as_deref())),
        End::Late => {
            Err(Failure::new(Exit::Failed, format!("plugin `{plugin}`: the step's time was over, and it was cancelled"))
                .hint("give it longer with --timeout"))
        }
        End::Cancelled => Err(Failure::new(Exit::Interrupted, format!("plugin `{plugin}`: the step was cancelled"))),
        End::Endless(wakes) => {
            Err(Failure::new(Exit::Failed, format!("plugin `{plugin}`: it has not ended after {wakes} wakes")))
        }
        End::Waiting { tally: None, .. } => Err(Failure::bug("a step that waits was left")),
    }
}

/// An error of the plugin. One that was refused something is told the flags that grant it here, before the lines of a workflow.
fn failed(plugin: &str, code: Option<&str>, message: &str, hint: Option<&str>) -> Failure {
    let code = code.map(|code| format!("{code}: ")).unwrap_or_default();
    // The step is called so here and by nobody else.
    let message = message.strip_prefix(&format!("step `{STEP}`: ")).unwrap_or(message);
    let refused = hint.and_then(|hint| Some((flags(hint)?, hint.split_once(LINES)?.1)));
    let hint = match refused {
        Some((flags, lines)) => Some(format!("run it with {flags}; in a workflow, these lines {lines}")),
        None => hint.map(ToOwned::to_owned),
    };
    Failure::Told { exit: Exit::Failed, message: format!("plugin `{plugin}`: {code}{message}"), hint }
}

/// Before the lines of a workflow that the host tells of.
const LINES: &str = "; these lines of the workflow ";

/// The flags that grant what those lines of a workflow do.
fn flags(told: &str) -> Option<String> {
    let entry = told.lines().find_map(|line| line.trim_start().strip_prefix("- { url: \""))?;
    let (url, rest) = entry.split_once('"')?;
    let range = rest.split_once("addresses: [\"").and_then(|(_, rest)| rest.split_once('"'));
    let addresses = range.map(|(range, _)| format!(" --addresses {range}")).unwrap_or_default();
    // Only a URL with signs of the shell needs quotes, and none holds one itself when it is written so.
    let plain = url.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/[]%@,+=".contains(&b));
    let url = if plain { url.to_owned() } else { format!("'{}'", url.replace('\'', "%27")) };
    Some(format!("`--grant {url}{addresses}`"))
}

fn acted(action: &ReceiptAction) -> String {
    match action {
        ReceiptAction::Planned(what) => format!("would: {what}"),
        ReceiptAction::Done(what) => format!("done: {what}"),
        ReceiptAction::AlreadyDone(what) => format!("was done already: {what}"),
        ReceiptAction::Failed(what) => format!("failed: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_workflow_are_flags_here() {
        let lines = "GET http://a/x is not granted; these lines of the workflow would grant it:\nplugins:\n  p:\n    grants:\n      http:\n        ";
        let of = |entry: &str| flags(&format!("{lines}{entry}"));
        let granted = of("- { url: \"http://127.0.0.1:9/x\", methods: [GET], addresses: [\"127.0.0.1/32\"] }");
        assert_eq!(granted.as_deref(), Some("`--grant http://127.0.0.1:9/x --addresses 127.0.0.1/32`"));
        let public = of("- { url: \"https://a.example/$(x)'\", methods: [GET] }");
        assert_eq!(public.as_deref(), Some("`--grant 'https://a.example/$(x)%27'`"));
        assert_eq!(flags("give it longer"), None);
    }

    #[test]
    fn an_error_names_the_plugin_and_no_step() {
        let failure = failed("queue", None, "step `step`: it crashed: boom", None);
        assert_eq!(failure.words(), "plugin `queue`: it crashed: boom");
        let failure = failed("queue", Some("busy"), "come back", None);
        assert_eq!(failure.words(), "plugin `queue`: busy: come back");
    }
}
