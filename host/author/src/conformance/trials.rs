//! What is changed, one thing a trial: facts, time, rights, the network, signals, the config.

use serde_json::{Value, json};
use shiftgate_model::{Millis, Timestamp};
use shiftgate_plugin::{Manifest, Reply, Silence};

use super::configs;
use crate::drive::grants_for;
use crate::scenario::{Said, Signal};
use crate::test_bed::{Script, place_of};

/// More than a response may have.
const TOO_LARGE: usize = (1 << 20) + 1;

/// One thing that is otherwise.
pub(super) struct Trial {
    /// What.
    pub(super) name: String,
    /// What is played.
    pub(super) script: Script,
    /// Whether the plugin may get no answers, so that it can know nothing.
    pub(super) blind: bool,
}

/// Every trial of a plugin, `base` being an ordinary script, in which it listens for ballots or does not.
pub(super) fn all(manifest: &Manifest, base: &Script, listens: bool) -> Vec<Trial> {
    let mut trials = facts(base);
    if listens {
        trials.extend(signals(base));
    }
    trials.extend(rights(manifest, base));
    if !manifest.requests.http.is_empty() {
        trials.extend(network(base));
    }
    trials.extend(wrong_configs(manifest, base));
    trials
}

/// The script with something changed.
fn changed(name: impl Into<String>, base: &Script, change: impl FnOnce(&mut Script)) -> Trial {
    let mut script = base.clone();
    change(&mut script);
    Trial { name: name.into(), script, blind: false }
}

fn facts(base: &Script) -> Vec<Trial> {
    vec![
        changed("a run of which little is known", base, |script| {
            let run = &mut script.step.run;
            (run.new_group, run.old_group) = (None, None);
            run.target_groups.clear();
            for text in [&mut run.phase, &mut run.service, &mut run.environment, &mut run.infrastructure, &mut run.workflow] {
                text.clear();
            }
        }),
        changed("a strategy that is not known yet", base, |script| script.step.run.strategy = "of-tomorrow".to_owned()),
        changed("a later attempt", base, |script| script.step.run.attempt = 7),
        changed("a dry run", base, |script| script.step.run.dry_run = true),
        changed("a deadline in the past", base, |script| {
            let run = &mut script.step.run;
            run.deadline = Some(Timestamp(run.started_at.0.saturating_sub(Millis::minutes(5).0)));
        }),
        changed("no deadline, and nobody who looks for long", base, |script| {
            script.step.run.deadline = None;
            script.until = script.until.or(Some(super::LIMIT));
        }),
    ]
}

/// Signals that make no sense, before those that do.
fn signals(base: &Script) -> Vec<Trial> {
    let payloads = [
        ("null", Value::Null),
        ("an empty object", json!({})),
        ("of the wrong shape", json!({ "subject": 7, "vote": ["maybe"] })),
    ];
    let trial = |(what, payload): (&str, Value)| {
        changed(format!("a ballot that is {what}"), base, |script| {
            script.signals.insert(0, Signal { at: Millis(0), name: super::BALLOT.to_owned(), payload });
        })
    };
    payloads.into_iter().map(trial).collect()
}

/// Every request that the manifest asks for, refused in turn, and all of them.
fn rights(manifest: &Manifest, base: &Script) -> Vec<Trial> {
    let without = |name: String, keep: &dyn Fn(usize) -> bool| {
        let trial = changed(name, base, |script| script.grants = grants_for(manifest, &script.step.config, keep));
        Trial { blind: true, ..trial }
    };
    let requests = &manifest.requests.http;
    let mut trials: Vec<Trial> = requests
        .iter()
        .enumerate()
        .map(|(denied, request)| without(format!("without the grant for {}", place_of(request)), &|number| number != denied))
        .collect();
    if requests.len() != 1 {
        trials.push(without("without any grant".to_owned(), &|_| false));
    }
    trials
}

/// Every fault and every strange answer, on all requests.
fn network(base: &Script) -> Vec<Trial> {
    let all = |name: &str, said: Said| changed(name, base, |script| script.instead = Some(said));
    let silent = [
        ("a name that does not resolve", Silence::Dns),
        ("nobody who listens", Silence::Refused),
        ("a connection that breaks off", Silence::Reset),
        ("a certificate that is no good", Silence::Tls),
        ("no answer in time", Silence::Timeout),
    ];
    let mut trials: Vec<Trial> =
        silent.into_iter().map(|(name, silence)| Trial { blind: true, ..all(name, Said::Silence(silence)) }).collect();
    let reply = |status: u16, body: &[u8]| Said::Reply(Reply { status, headers: Vec::new(), body: body.to_vec() });
    let redirect = Reply { status: 302, headers: vec![("location".to_owned(), "http://[".to_owned())], body: Vec::new() };
    for (name, said) in [
        ("HTTP 500", reply(500, b"internal error")),
        ("HTTP 429 without a word", reply(429, b"")),
        ("HTTP 404", reply(404, b"not found")),
        ("a redirect to nowhere", Said::Reply(redirect)),
        ("an answer that is no JSON", reply(200, b"<!DOCTYPE html><html>")),
        ("an answer that is no text", reply(200, b"\xff\xfe\x00")),
        ("an answer of another shape", reply(200, b"[[], null, {\"data\": {\"result\": \"\"}}]")),
        ("an empty answer", reply(200, b"")),
        ("an answer that is too large", reply(200, &vec![b'x'; TOO_LARGE])),
    ] {
        trials.push(all(name, said));
    }
    trials
}

/// Configs that the schema does not take, or that nobody meant.
fn wrong_configs(manifest: &Manifest, base: &Script) -> Vec<Trial> {
    let wrong = configs::wrong(manifest, &base.step.config);
    wrong.into_iter().map(|(name, config)| changed(name, base, |script| script.step.config = config)).collect()
}
