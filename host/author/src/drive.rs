//! One step of a plugin from start to end: the config is checked, the step begins, and is woken after each wait until it is done.
//!
//! The same as an engine does with a plugin, without a run around it. What time is, and what comes from outside, is the
//! [`Outside`]'s: a test jumps over waits (`test_bed.rs`), `shiftgate plugin run` sits them out.

use async_trait::async_trait;
use serde_json::Value;
use shiftgate_model::{
    ActionState, AmiId, Call, Capacity, Ending, Grants, GroupFacts, GroupId, GroupName, InstanceId, LogLine, Millis, Outcome,
    PluginCall, PluginError, PluginKind, PluginReply, PluginRunner as _, PluginSource, Receipt, Report, RunId, RunInfo, StepId,
    Suspension, Tally, Timestamp, Wake,
};
use shiftgate_plugin::{Budgets, Manifest, Plugins};

/// A step as a workflow would have it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its kind.
    pub kind: PluginKind,
    /// Its `with:`.
    pub config: Value,
    /// Facts of the run.
    pub run: RunInfo,
    /// How the run ended, for a wrap-up; succeeded where it is none.
    pub ending: Option<(Ending, String)>,
}

/// What goes on around a step.
#[async_trait]
pub trait Outside: Send {
    /// The run's clock.
    fn now(&self) -> Timestamp;

    /// So many wakes, and the step counts as one that never ends.
    fn patience(&self) -> usize;

    /// How long one call may take, by the run's clock.
    fn longest_call(&self) -> Millis {
        Budgets::default().wall
    }

    /// Waits until something of what the plugin waits for happens, or its step is over.
    async fn wake(&mut self, wait: &Suspension, deadline: Option<Timestamp>) -> Woken;

    /// Hears what a call left: its log and its progress.
    fn hear(&mut self, reply: &PluginReply);
}

/// Why a wait is over.
#[derive(Clone, Debug, PartialEq)]
pub enum Woken {
    /// The plugin is woken.
    By(Wake),
    /// The step's deadline has passed.
    Expired,
    /// Nothing more will happen, or nobody looks any longer.
    Left,
    /// A person wants no more of it.
    Cancelled,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The config was refused; pointers into it, and what is wrong there.
    Refused(Vec<(String, String)>),
    /// A verification judged.
    Reported(Report),
    /// An approval expects no more ballots.
    Counted(Tally),
    /// A wrap-up acted.
    Received(Receipt),
    /// It still waits; an approval with its ballots so far.
    Waiting {
        /// The ballots.
        tally: Option<Tally>,
        /// The signals that it waits for.
        signals: Vec<String>,
    },
    /// Its deadline passed, and it was cancelled.
    Late,
    /// It was cancelled.
    Cancelled,
    /// It has not ended after so many wakes.
    Endless(usize),
    /// It could not do its job, and says so with a code of its own; or it failed the host, which has no code.
    Error {
        /// The plugin's own code.
        code: Option<String>,
        /// The message.
        message: String,
        /// What next.
        hint: Option<String>,
    },
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Story {
    /// How it ended.
    pub end: End,
    /// From start to end, by the run's clock.
    pub took: Millis,
    /// How long each wait was.
    pub waits: Vec<Millis>,
    /// Every wait as it began: when, and what was saved for it.
    pub saved: Vec<(Timestamp, Suspension)>,
    /// Every wake: when, with which state, why.
    pub polls: Vec<(Timestamp, ActionState, Wake)>,
    /// What it logged.
    pub log: Vec<LogLine>,
}

/// Plays a step.
pub async fn drive(plugins: &Plugins, source: &PluginSource, step: &Step, outside: &mut dyn Outside) -> Story {
    let began = outside.now();
    let mut player =
        Player { plugins, source, step, outside, waits: Vec::new(), saved: Vec::new(), polls: Vec::new(), log: Vec::new() };
    let end = player.play().await.unwrap_or_else(|end| end);
    let took = player.outside.now().since(began);
    Story { end, took, waits: player.waits, saved: player.saved, polls: player.polls, log: player.log }
}

struct Player<'a> {
    plugins: &'a Plugins,
    source: &'a PluginSource,
    step: &'a Step,
    outside: &'a mut dyn Outside,
    waits: Vec<Millis>,
    saved: Vec<(Timestamp, Suspension)>,
    polls: Vec<(Timestamp, ActionState, Wake)>,
    log: Vec<LogLine>,
}

impl Player<'_> {
    /// An error is an end that comes before the plugin's own.
    async fn play(&mut self) -> Result<End, End> {
        if let Outcome::ConfigRefused(problems) = self.call(Call::Validate).await? {
            return Ok(End::Refused(problems));
        }
        let ending = self.step.ending.clone().unwrap_or((Ending::Succeeded, "The run succeeded".to_owned()));
        let mut outcome = self.call(Call::Start { summary: Some(ending) }).await?;
        while self.polls.len() < self.outside.patience() {
            let (wait, tally) = match outcome {
                Outcome::Wait(wait) => (wait, None),
                Outcome::Counted(progress) => match progress.next {
                    Some(wait) => (wait, Some(progress.tally)),
                    None => return Ok(End::Counted(progress.tally)),
                },
                Outcome::Reported(report) => return Ok(End::Reported(report)),
                Outcome::Received(receipt) => return Ok(End::Received(receipt)),
                Outcome::Accepted | Outcome::ConfigRefused(_) => {
                    return Err(failed_host("it took the call for a check of its config".to_owned()));
                }
            };
            let began = self.outside.now();
            self.saved.push((began, wait.clone()));
            let woken = self.outside.wake(&wait, self.step.run.deadline).await;
            self.waits.push(self.outside.now().since(began));
            let state = wait.state;
            outcome = match woken {
                Woken::By(wake) => {
                    self.polls.push((self.outside.now(), state.clone(), wake.clone()));
                    self.call(Call::Poll { state, wake }).await?
                }
                Woken::Expired => return self.cancel(state, End::Late).await,
                Woken::Cancelled => return self.cancel(state, End::Cancelled).await,
                Woken::Left => return Ok(End::Waiting { tally, signals: wait.signals }),
            };
        }
        Ok(End::Endless(self.polls.len()))
    }

    async fn call(&mut self, action: Call) -> Result<Outcome, End> {
        let began = self.outside.now();
        let Step { kind, config, run, .. } = self.step;
        let call = PluginCall { kind: *kind, config: config.clone(), run: run.clone(), action };
        let reply = self.plugins.call(self.source, &call).await.map_err(error)?;
        self.outside.hear(&reply);
        self.log.extend(reply.log);
        // A clock that jumps passes the host's own by, so its limit is held here too.
        let (took, limit) = (self.outside.now().since(began), self.outside.longest_call());
        if took > limit {
            return Err(failed_host(format!(
                "a call took {took}, and the host ends a call after {limit}; wait between requests"
            )));
        }
        Ok(reply.outcome)
    }

    /// Tells the plugin that its step is over. What it answers changes nothing, unless it fails the host.
    async fn cancel(&mut self, state: ActionState, end: End) -> Result<End, End> {
        match self.call(Call::Cancel { state }).await {
            Err(broken @ End::Error { code: None, .. }) => Err(broken),
            Ok(_) | Err(_) => Ok(end),
        }
    }
}

fn failed_host(message: String) -> End {
    End::Error { code: None, message, hint: None }
}

/// An error of a call. The host puts a plugin's own code before its message; what it says itself begins with no such word.
pub(crate) fn error(error: PluginError) -> End {
    let PluginError { message, hint, .. } = error;
    let is_code =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    match message.split_once(": ") {
        Some((code, rest)) if is_code(code) => End::Error { code: Some(code.to_owned()), message: rest.to_owned(), hint },
        _ => End::Error { code: None, message, hint },
    }
}

/// Grants of what the manifest asks for under a config, of those requests that `keep` says yes to.
pub fn grants_for(manifest: &Manifest, config: &Value, keep: impl Fn(usize) -> bool) -> Grants {
    let asked = manifest.requests.http.iter().enumerate().filter(|(number, _)| keep(*number));
    Grants::of(asked.flat_map(|(_, request)| request.grants(config)).collect())
}

/// The facts of an ordinary canary that begins now.
#[must_use]
pub fn plain_run(now: Timestamp) -> RunInfo {
    let group = |number: u32, target: u32| GroupFacts {
        id: GroupId::new(format!("sig-{number:08}")),
        name: GroupName::new(format!("web__{number}")),
        capacity: Capacity { minimum: 0, target, maximum: 10 },
        instances: (1..=target).map(|instance| InstanceId::new(format!("i-{number:08}{instance:09}"))).collect(),
    };
    let (run, step) = (RunId::new("20260101-000000-test"), StepId::new("step"));
    RunInfo {
        workflow: "web-canary".to_owned(),
        phase: "Canary 25%".to_owned(),
        service: "web".to_owned(),
        environment: "prod".to_owned(),
        infrastructure: "prod-us-east-1".to_owned(),
        strategy: "canary".to_owned(),
        new_group: Some(group(2, 1)),
        old_group: Some(group(1, 4)),
        ..RunInfo::new(run, step, AmiId::new("ami-0123456789abcdef0"), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_the_plugins_own_is_told_from_the_hosts_words() {
        let of = |message: &str| {
            error(PluginError { plugin: "p".into(), message: message.into(), hint: None, retryable: false, called: None })
        };
        assert!(matches!(of("not-granted: GET http://a"), End::Error { code: Some(code), .. } if code == "not-granted"));
        assert!(matches!(of("step `x`: it crashed: boom"), End::Error { code: None, .. }));
        assert!(matches!(of("`a.wasm` is broken"), End::Error { code: None, .. }));
    }
}
