//! What a scenario expects, and what of it did not come true.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use shiftgate_model::{Millis, ReceiptAction, Verdict, Vote};
use shiftgate_plugin::Sent;

use super::network::some_length;
use super::told::{lengths, list, summary_of, tally_of, told, vote};
use crate::drive::{End, Story};
use crate::stage::Seen;

/// What has to come of a scenario. What is left out does not matter, but for how it ends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    /// A verification's verdict.
    verdict: Option<Verdict>,
    /// The code of the plugin's own error; `timeout` when its deadline passes.
    error: Option<String>,
    /// JSON pointers into a config that is refused.
    #[serde(deserialize_with = "pointers")]
    refused: Option<Vec<String>>,
    /// A wrap-up's actions, in order.
    actions: Option<Vec<Action>>,
    /// An approval's ballots, in order.
    ballots: Option<Vec<Ballot>>,
    /// Whether it still waits.
    waiting: Option<bool>,
    /// Words of the summary.
    summary: Option<String>,
    /// How many waits there were, or how long each was.
    waits: Option<Waits>,
    /// How many requests there were, or which.
    requests: Option<Requests>,
    /// Metrics by name; null for one without a value.
    metrics: BTreeMap<String, Option<f64>>,
    /// Outputs by name.
    outputs: BTreeMap<String, Value>,
    /// Words that the log has to hold.
    log: Vec<String>,
    /// From start to end.
    #[serde(deserialize_with = "some_length")]
    took: Option<Millis>,
}

/// JSON pointers, one at least.
fn pointers<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let pointers = Vec::<String>::deserialize(from)?;
    if pointers.is_empty() {
        let message = "`refused` has to name what is wrong: a JSON pointer such as `/max`, or \"\" for the whole config";
        return Err(serde::de::Error::custom(message));
    }
    match pointers.iter().find(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        Some(name) => {
            let message = format!("`{name}` is no JSON pointer; write `/{name}`, or \"\" for the whole config");
            Err(serde::de::Error::custom(message))
        }
        None => Ok(Some(pointers)),
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    Planned(String),
    Done(String),
    AlreadyDone(String),
    Failed(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ballot {
    subject: String,
    vote: Vote,
}

#[derive(Clone, Debug)]
enum Waits {
    Count(usize),
    Each(Vec<Millis>),
}

impl<'de> Deserialize<'de> for Waits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Array(list) => {
                let lengths = list.iter().map(|entry| super::length(entry).map_err(serde::de::Error::custom));
                lengths.collect::<Result<_, _>>().map(Waits::Each)
            }
            count => count_of(&count)
                .map(Waits::Count)
                .ok_or_else(|| serde::de::Error::custom("`waits` is a number, or a list of lengths: `[10s, 1m]`")),
        }
    }
}

#[derive(Clone, Debug)]
enum Requests {
    Count(usize),
    Each(Vec<Request>),
}

impl<'de> Deserialize<'de> for Requests {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Array(list) => {
                let each = list.iter().map(|entry| Request::of(entry).map_err(serde::de::Error::custom));
                each.collect::<Result<_, _>>().map(Requests::Each)
            }
            count => count_of(&count)
                .map(Requests::Count)
                .ok_or_else(|| serde::de::Error::custom("`requests` is a number, or a list: `[ \"GET https://…\" ]`")),
        }
    }
}

fn count_of(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|count| usize::try_from(count).ok())
}

/// A request: `GET https://…` as a text, or with what it has to carry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    body: Option<String>,
}

impl Request {
    fn of(value: &Value) -> Result<Self, String> {
        let Value::String(line) = value else {
            let given = Self::deserialize(value).map_err(|error| format!("a request: {error}"))?;
            return Ok(Self { method: super::network::method(&given.method)?, ..given });
        };
        let (method, url) = line.split_once(' ').ok_or_else(|| format!("`{line}` is no request such as `GET https://…`"))?;
        let (method, url) = (super::network::method(method)?, url.to_owned());
        Ok(Self { method, url, headers: BTreeMap::new(), json: None, body: None })
    }

    /// What of a request is otherwise.
    fn differs(&self, sent: &Sent) -> Option<String> {
        let line = format!("{} {}", sent.method, sent.url);
        if line != format!("{} {}", self.method, self.url) {
            return Some(format!("`{line}`"));
        }
        for (name, value) in &self.headers {
            let found = sent.headers.iter().find(|(sent, _)| sent.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
            if found != Some(value.as_str()) {
                return Some(format!("header {name}: {}", found.unwrap_or("none")));
            }
        }
        let text = String::from_utf8_lossy(&sent.body);
        if let Some(json) = &self.json
            && serde_json::from_str::<Value>(&text).ok().as_ref() != Some(json)
        {
            return Some(format!("the body {text}"));
        }
        self.body.as_ref().filter(|body| **body != text).map(|_| format!("the body {text}"))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{} {}`", self.method, self.url)?;
        for (name, value) in &self.headers {
            write!(f, ", header {name}: {value}")?;
        }
        match (&self.json, &self.body) {
            (Some(json), _) => write!(f, ", the body {json}"),
            (None, Some(body)) => write!(f, ", the body {body}"),
            (None, None) => Ok(()),
        }
    }
}

/// Something that did not come true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which expectation.
    pub what: String,
    /// What the scenario says.
    pub expected: String,
    /// What happened.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.what, self.expected, self.found)
    }
}

impl Expect {
    /// What is wrong with it as a whole.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let ends = [
            ("verdict", self.verdict.is_some()),
            ("error", self.error.is_some()),
            ("refused", self.refused.is_some()),
            ("actions", self.actions.is_some()),
            ("ballots", self.ballots.is_some()),
        ];
        let said: Vec<&str> = ends.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
        match said.as_slice() {
            [] if self.waiting == Some(true) => None,
            [] => Some("`expect` does not say how it ends".to_owned()),
            [_] => None,
            several => Some(format!("`expect` says several ends: {}", several.join(", "))),
        }
    }

    /// Whether the plugin does its job here.
    pub(crate) const fn is_good(&self) -> bool {
        self.error.is_none() && self.refused.is_none()
    }
}

/// Collects what did not come true.
struct Comparison(Vec<Mismatch>);

impl Comparison {
    fn expect(&mut self, what: impl Into<String>, holds: bool, expected: impl Into<String>, found: impl Into<String>) {
        if !holds {
            self.0.push(Mismatch { what: what.into(), expected: expected.into(), found: found.into() });
        }
    }
}

/// Holds what happened against what was expected.
pub(crate) fn compare(expect: &Expect, story: &Story, seen: &Seen) -> Vec<Mismatch> {
    let mut found = Comparison(Vec::new());
    the_end(expect, story, &mut found);
    values(expect, story, &mut found);
    if let Some(summary) = &expect.summary {
        let text = summary_of(&story.end);
        found.expect("summary", text.contains(summary.as_str()), format!("`{summary}` in it"), format!("`{text}`"));
    }
    waits(expect, story, &mut found);
    requests(expect, seen, &mut found);
    for stranger in &seen.strangers {
        found.expect("http", false, "a route for every request", format!("none for `{stranger}`"));
    }
    for signal in &seen.unheard {
        found.expect("signals", false, format!("that it waits for {signal}"), "that it does not");
    }
    for words in &expect.log {
        let is_there = story.log.iter().any(|line| line.message.contains(words.as_str()));
        found.expect("log", is_there, format!("a line with `{words}`"), log_of(story));
    }
    if let Some(took) = expect.took {
        found.expect("took", took == story.took, took.to_string(), story.took.to_string());
    }
    found.0
}

fn the_end(expect: &Expect, story: &Story, found: &mut Comparison) {
    let end = &story.end;
    if let Some(verdict) = expect.verdict {
        let holds = matches!(end, End::Reported(report) if report.verdict == verdict);
        found.expect("verdict", holds, format!("`{verdict}`"), told(end));
    }
    if let Some(code) = &expect.error {
        let holds = match end {
            End::Error { code: Some(own), .. } => own == code,
            End::Late => code == "timeout",
            _ => false,
        };
        found.expect("error", holds, format!("`{code}`"), told(end));
    }
    if let Some(pointers) = &expect.refused {
        let holds = matches!(end, End::Refused(problems)
            if pointers.iter().all(|pointer| problems.iter().any(|(place, _)| place == pointer)));
        found.expect("refused", holds, format!("the config to be refused at {}", list(pointers)), told(end));
    }
    if let Some(actions) = &expect.actions {
        let holds = matches!(end, End::Received(receipt) if receipt.actions.len() == actions.len()
            && receipt.actions.iter().zip(actions).all(|(found, wanted)| wanted.is(found)));
        let wanted: Vec<String> = actions.iter().map(Action::told).collect();
        found.expect("actions", holds, wanted.join(", "), told(end));
    }
    if let Some(ballots) = &expect.ballots {
        let tally = tally_of(end);
        let holds = tally.is_some_and(|tally| {
            tally.ballots.len() == ballots.len()
                && tally
                    .ballots
                    .iter()
                    .zip(ballots)
                    .all(|(found, wanted)| found.subject == wanted.subject && found.vote == wanted.vote)
        });
        let wanted: Vec<String> = ballots.iter().map(|ballot| vote(&ballot.subject, ballot.vote)).collect();
        found.expect("ballots", holds, if wanted.is_empty() { "none".to_owned() } else { wanted.join(", ") }, told(end));
    }
    if let Some(waiting) = expect.waiting {
        let waits = matches!(end, End::Waiting { .. });
        found.expect("waiting", waits == waiting, if waiting { "that it waits" } else { "an end" }, told(end));
    }
}

fn values(expect: &Expect, story: &Story, found: &mut Comparison) {
    for (name, wanted) in &expect.metrics {
        let metric = match &story.end {
            End::Reported(report) => report.metrics.iter().find(|metric| metric.name == *name),
            _ => None,
        };
        let holds = metric.is_some_and(|metric| metric.value == *wanted);
        let shown = |value: Option<f64>| value.map_or("no value".to_owned(), |value| value.to_string());
        let is = metric.map_or("no such metric".to_owned(), |metric| shown(metric.value));
        found.expect(format!("metric `{name}`"), holds, shown(*wanted), is);
    }
    for (name, wanted) in &expect.outputs {
        let outputs = match &story.end {
            End::Reported(report) => Some(&report.outputs),
            End::Received(receipt) => Some(&receipt.outputs),
            _ => None,
        };
        let is = outputs.and_then(|outputs| outputs.get(name));
        let shown = is.map_or("no such output".to_owned(), ToString::to_string);
        found.expect(format!("output `{name}`"), is.is_some_and(|is| same(is, wanted)), wanted.to_string(), shown);
    }
}

/// Whether two values say the same; 3 and 3.0 do.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}

fn waits(expect: &Expect, story: &Story, found: &mut Comparison) {
    let shown = |waits: &[Millis]| format!("{} ({})", waits.len(), lengths(waits));
    match &expect.waits {
        None => {}
        Some(Waits::Count(count)) => found.expect("waits", *count == story.waits.len(), count.to_string(), shown(&story.waits)),
        Some(Waits::Each(each)) => found.expect("waits", *each == story.waits, shown(each), shown(&story.waits)),
    }
}

fn requests(expect: &Expect, seen: &Seen, found: &mut Comparison) {
    let lines: Vec<String> = seen.requests.iter().map(|sent| format!("{} {}", sent.method, sent.url)).collect();
    match &expect.requests {
        None => {}
        Some(Requests::Count(count)) => {
            let is = format!("{}: {}", lines.len(), list(&lines));
            found.expect("requests", *count == lines.len(), count.to_string(), is);
        }
        Some(Requests::Each(each)) => {
            let is = format!("{}: {}", lines.len(), list(&lines));
            found.expect("requests", each.len() == lines.len(), each.len().to_string(), is);
            for (number, (wanted, sent)) in each.iter().zip(&seen.requests).enumerate() {
                let differs = wanted.differs(sent);
                let what = format!("request {}", number + 1);
                found.expect(what, differs.is_none(), wanted.to_string(), differs.unwrap_or_default());
            }
        }
    }
}

impl Action {
    /// Whether an action is of that state and holds those words.
    fn is(&self, action: &ReceiptAction) -> bool {
        match (self, action) {
            (Self::Planned(words), ReceiptAction::Planned(text))
            | (Self::Done(words), ReceiptAction::Done(text))
            | (Self::AlreadyDone(words), ReceiptAction::AlreadyDone(text))
            | (Self::Failed(words), ReceiptAction::Failed(text)) => text.contains(words.as_str()),
            _ => false,
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Planned(words) => format!("planned `{words}`"),
            Self::Done(words) => format!("done `{words}`"),
            Self::AlreadyDone(words) => format!("already-done `{words}`"),
            Self::Failed(words) => format!("failed `{words}`"),
        }
    }
}

fn log_of(story: &Story) -> String {
    let lines: Vec<String> = story.log.iter().map(|line| line.message.clone()).collect();
    format!("a log of {}", list(&lines))
}
