//! `shiftgate plugin run`: one step of a plugin against the real network, in real time. Ctrl-C cancels it.
//!
//! There is no run around it and no record: what the plugin is told of the run is made up, and nothing can be resumed.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use shiftgate_author::{End, Outside, Step, Woken, drive, plain_run};
use shiftgate_model::{
    Clock as _, Grants, HttpGrant, LogLine, PluginReply, PluginSource, ReceiptAction, Suspension, Timestamp, Wake,
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

pub(super) async fn run(app: &mut App, args: &RunPlugin) -> Result<Exit, Failure> {
    let plugins = wiring::plugins(app)?;
    let found = plugins.inspect(&args.file.display().to_string())?;
    let Some(manifest) = found.manifest.as_ref().filter(|_| found.problems.is_empty()) else {
        return Err(Failure::new(Exit::PluginRefused, found.problems.join("; ")));
    };
    let mut run = plain_run(SystemClock.now());
    run.deadline = args.timeout.map(|timeout| run.started_at.plus(timeout));
    run.dry_run = args.dry_run;
    let step = Step { kind: manifest.kind, config: args.with.clone(), run, ending: None };
    let named = PluginSource::new(manifest.name.clone(), found.file.display().to_string());
    let source = PluginSource { sha256: Some(found.digest.clone()), grants: grants(manifest, args), ..named };
    let interrupts = Interrupts::listen()?;
    let mut outside = Present { screen: &mut app.screen, interrupts, signals: args.signals.clone() };
    let story = drive(&plugins, &source, &step, &mut outside).await;
    tell(&mut app.screen, &story.end)
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
fn tell(screen: &mut Screen, end: &End) -> Result<Exit, Failure> {
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
            let message = format!("the config is refused: {}", told.collect::<Vec<_>>().join("; "));
            Err(Failure::new(Exit::PluginRefused, message)
                .hint("correct --with; `shiftgate plugin inspect --output json` shows the schema"))
        }
        End::Error { code, message, hint } => {
            let code = code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
            Err(Failure::Told { exit: Exit::Failed, message: format!("{code}{message}"), hint: hint.clone() })
        }
        End::Late => {
            Err(Failure::new(Exit::Failed, "the step's time was over, and it was cancelled")
                .hint("give it longer with --timeout"))
        }
        End::Cancelled => Err(Failure::new(Exit::Interrupted, "the step was cancelled")),
        End::Endless(wakes) => Err(Failure::new(Exit::Failed, format!("it has not ended after {wakes} wakes"))),
        End::Waiting { tally: None, .. } => Err(Failure::bug("a step that waits was left")),
    }
}

fn acted(action: &ReceiptAction) -> String {
    match action {
        ReceiptAction::Planned(what) => format!("would: {what}"),
        ReceiptAction::Done(what) => format!("done: {what}"),
        ReceiptAction::AlreadyDone(what) => format!("was done already: {what}"),
        ReceiptAction::Failed(what) => format!("failed: {what}"),
    }
}
