//! Whom and which time a query is about: the sides of a comparison, and the words `{{…}}` of a query that stand for them.
//!
//! Pure. A query that says `{{group}}` asks for the new group when it is about what is deployed, and for the old one when it is
//! about the baseline.

use serde::Deserialize;
use shiftgate_sdk::prelude::*;
use shiftgate_sdk::{Group, RunInfo};

use crate::compare::Against;
use crate::exchange::encoded;

/// Which side of a comparison is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The only one.
    Value,
    /// What is deployed.
    Canary,
    /// What it is compared with.
    Baseline,
}

impl Side {
    /// The word for it in evidence.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Canary => "canary",
            Self::Baseline => "baseline",
        }
    }
}

/// A stretch of time, whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its begin.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// The distance of samples.
    pub step: Duration,
}

impl Window {
    /// How long it is.
    pub fn length(&self) -> Duration {
        self.to.since(self.from)
    }
}

/// What one query is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// The side.
    pub side: Side,
    /// Its stretch of time; none asks for this moment.
    pub window: Option<Window>,
    /// The moment of asking.
    pub now: Timestamp,
    /// What it is called in a picture: the group's name.
    pub label: String,
    group: Names,
}

/// What the words stand for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Names {
    group: String,
    group_id: String,
    instances: Vec<String>,
    target_group: String,
}

/// The words that a query may hold, with what each stands for.
pub const WORDS: [(&str, &str); 12] = [
    ("group", "the Elastigroup's name"),
    ("groupId", "its id, `sig-…`"),
    ("instances", "its instances' ids, with `|` between"),
    ("targetGroup", "its target group as CloudWatch names it, `targetgroup/web/0123456789abcdef`"),
    ("targetGroupArn", "its target group's ARN"),
    ("start", "the begin of the time asked for, in milliseconds since 1970"),
    ("end", "its end"),
    ("startSeconds", "the begin in seconds"),
    ("endSeconds", "the end in seconds"),
    ("startTime", "the begin as `2026-01-31T12:00:00.000Z`"),
    ("endTime", "the end in the same form"),
    ("step", "the distance of samples, in seconds"),
];

/// The earlier run that a comparison is held against, as the host tells it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Earlier {
    from: u64,
    to: u64,
    #[serde(default)]
    run: String,
    #[serde(flatten)]
    names: Names,
}

impl Names {
    fn of(group: Option<&Group>, target_group: Option<&str>) -> Self {
        let group = group.cloned().unwrap_or_default();
        let target_group = target_group.unwrap_or_default().to_owned();
        Self { group: group.name, group_id: group.id, instances: group.instances, target_group }
    }
}

impl Scope {
    /// The side that is deployed, or the only one.
    pub fn canary(run: &RunInfo, side: Side, window: Option<Window>, now: Timestamp) -> Self {
        let target_group = run.target_groups.first().map(|group| group.arn.as_str());
        let group = Names::of(run.new_group.as_ref(), target_group);
        Self { side, window, now, label: group.group.clone(), group }
    }

    /// The side that it is compared with.
    ///
    /// # Errors
    /// There is nothing to compare with; why.
    pub fn baseline(run: &RunInfo, against: Against, window: Window, now: Timestamp) -> Result<Self, String> {
        let side = Side::Baseline;
        match against {
            Against::OldGroup => {
                let Some(old) = &run.old_group else {
                    return Err("there is no old group to compare with: this is a first deployment".to_owned());
                };
                let target_group = run.target_groups.get(1).map(|group| group.arn.as_str());
                let group = Names::of(Some(old), target_group);
                Ok(Self { side, window: Some(window), now, label: group.group.clone(), group })
            }
            Against::Earlier(offset) => {
                let back = |at: Timestamp| Timestamp(at.0.saturating_sub(offset.as_millis()));
                let window = Window { from: back(window.from), to: back(window.to), ..window };
                let group = Self::canary(run, side, None, now).group;
                Ok(Self { side, window: Some(window), now, label: format!("{offset} earlier"), group })
            }
            Against::Previous => Self::previous(run, window, now),
        }
    }

    /// The same step of the last deployment that succeeded, as far into it as this one is.
    fn previous(run: &RunInfo, window: Window, now: Timestamp) -> Result<Self, String> {
        let none = || "no earlier deployment of this workflow has succeeded with this step, so there is nothing to compare with";
        let told = run.attributes.get("baseline").filter(|told| !told.is_null()).ok_or_else(none)?;
        let earlier = Earlier::deserialize(told).map_err(|error| format!("the baseline cannot be read: {error}"))?;
        let into = |at: Timestamp| Timestamp(earlier.from.saturating_add(at.since(run.started_at).as_millis()));
        let to = into(window.to).min(Timestamp(earlier.to)).max(Timestamp(earlier.from));
        let from = Timestamp(to.0.saturating_sub(window.length().as_millis())).max(Timestamp(earlier.from));
        let label = format!("{} in {}", earlier.names.group, earlier.run);
        Ok(Self { side: Side::Baseline, window: Some(Window { from, to, ..window }), now, label, group: earlier.names })
    }

    fn word(&self, word: &str) -> Option<String> {
        let (from, to, step) = match self.window {
            Some(window) => (window.from, window.to, window.step),
            None => (self.now, self.now, Duration::ZERO),
        };
        Some(match word {
            "group" => self.group.group.clone(),
            "groupId" => self.group.group_id.clone(),
            "instances" => self.group.instances.join("|"),
            "targetGroup" => self.group.target_group.rsplit_once(':').map_or("", |(_, name)| name).to_owned(),
            "targetGroupArn" => self.group.target_group.clone(),
            "start" => from.0.to_string(),
            "end" => to.0.to_string(),
            "startSeconds" => (from.0 / 1000).to_string(),
            "endSeconds" => (to.0 / 1000).to_string(),
            "startTime" => from.to_string(),
            "endTime" => to.to_string(),
            "step" => step.as_secs_f64().to_string(),
            _ => return None,
        })
    }

    /// A query with its words filled in.
    ///
    /// # Errors
    /// A word that this side has nothing for.
    pub fn fill(&self, text: &str) -> Result<String> {
        self.fill_as(text, |value| value)
    }

    /// A part of a URL with its words filled in. What they stand for is percent-encoded; the rest stays as it is.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub fn fill_url(&self, text: &str) -> Result<String> {
        self.fill_as(text, |value| encoded(&value, b""))
    }

    fn fill_as(&self, text: &str, written: impl Fn(String) -> String) -> Result<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, word, after)) = next_word(rest) {
            filled.push_str(before);
            filled.push_str(&written(self.said(word)?));
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn said(&self, word: &str) -> Result<String> {
        self.word(word).filter(|value| !value.is_empty()).ok_or_else(|| {
            let message = format!("`{{{{{word}}}}}` of the query stands for nothing on the side of the {}", self.side.word());
            StepError::never("nothing-to-ask-for", message)
        })
    }

    /// The instances' ids.
    ///
    /// # Errors
    /// There are none on this side.
    pub fn instances(&self) -> Result<&[String]> {
        self.said("instances").map(|_| self.group.instances.as_slice())
    }

    /// Every text in a JSON value, filled in. A text that is nothing but `{{instances}}` becomes a list, and one that is nothing
    /// but a number of time, such as `{{start}}`, becomes that number.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub fn fill_json(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => match next_word(text) {
                Some(("", "instances", "")) => json!(self.instances()?),
                Some(("", word @ ("start" | "end" | "startSeconds" | "endSeconds" | "step"), "")) => number(self.said(word)?),
                _ => Value::String(self.fill(text)?),
            },
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill_json(item)).collect::<Result<_>>()?),
            Value::Object(fields) => {
                let filled = fields.iter().map(|(name, value)| Ok((name.clone(), self.fill_json(value)?)));
                Value::Object(filled.collect::<Result<_>>()?)
            }
            other => other.clone(),
        })
    }
}

/// A number as JSON has it; text where it is none.
fn number(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// The first `{{word}}` of a text, with what stands before and after it. Other braces are the query's own.
fn next_word(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("{{")) {
        let open = from + found;
        let inside = text.get(open + 2..)?;
        if let Some((word, after)) = inside.split_once("}}") {
            let word = word.trim();
            if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Some((text.get(..open)?, word, after));
            }
        }
        from = open + 1;
    }
    None
}

/// Whether a text holds one of these words.
pub fn holds(text: &str, words: &[&str]) -> bool {
    let mut rest = text;
    while let Some((_, word, after)) = next_word(rest) {
        if words.contains(&word) {
            return true;
        }
        rest = after;
    }
    false
}

/// What is wrong with the words of a query: an unknown one, or, for a comparison of groups, none that tells the groups apart.
pub fn problems(text: &str, place: &str, groups: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut told_apart = false;
    let mut rest = text;
    while let Some((_, word, after)) = next_word(rest) {
        told_apart |= matches!(word, "group" | "groupId" | "instances" | "targetGroup" | "targetGroupArn");
        if !WORDS.iter().any(|(known, _)| *known == word) {
            let known: Vec<&str> = WORDS.iter().map(|(known, _)| *known).collect();
            problems.push(Problem::at(place, format!("there is no `{{{{{word}}}}}`; there are: {}", known.join(", "))));
        }
        rest = after;
    }
    if groups && !told_apart && problems.is_empty() {
        let message =
            "both sides would ask the same: say `{{group}}`, `{{instances}}` or `{{targetGroup}}` where the group stands";
        problems.push(Problem::at(place, message));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::TargetGroup;

    fn run() -> RunInfo {
        let group = |name: &str, id: &str, instances: &[&str]| Group {
            id: id.to_owned(),
            name: name.to_owned(),
            instances: instances.iter().map(|id| (*id).to_owned()).collect(),
            ..Group::default()
        };
        let arn = |name: &str| format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{name}/0123");
        RunInfo {
            new_group: Some(group("web__4", "sig-4", &["i-1", "i-2"])),
            old_group: Some(group("web__3", "sig-3", &["i-0"])),
            target_groups: ["blue", "green"].map(|name| TargetGroup { arn: arn(name), weight: 50 }).to_vec(),
            started_at: Timestamp(100_000),
            ..RunInfo::default()
        }
    }

    fn window() -> Window {
        Window { from: Timestamp(100_000), to: Timestamp(160_000), step: Duration::from_secs(15) }
    }

    #[test]
    fn each_side_fills_in_its_own_group() {
        let query = r#"sum(errors{group="{{group}}", id=~"{{ instances }}"}) by (a) # {{{group}}}"#;
        let canary = Scope::canary(&run(), Side::Canary, Some(window()), Timestamp(160_000));
        assert_eq!(canary.fill(query).unwrap(), r#"sum(errors{group="web__4", id=~"i-1|i-2"}) by (a) # {web__4}"#);
        let baseline = Scope::baseline(&run(), Against::OldGroup, window(), Timestamp(160_000)).unwrap();
        assert_eq!(
            baseline.fill("{{groupId}} {{targetGroup}} {{startSeconds}} {{end}} {{step}}").unwrap(),
            "sig-3 targetgroup/green/0123 100 160000 15"
        );
        assert_eq!(baseline.fill(r"a{b} {{a.b}} {{").unwrap(), r"a{b} {{a.b}} {{", "other braces are the query's own");
    }

    #[test]
    fn json_and_urls_are_filled_in_as_they_need_it() {
        let canary = Scope::canary(&run(), Side::Canary, Some(window()), Timestamp(160_000));
        let body = json!({"ids": "{{instances}}", "from": "{{start}}", "at": ["{{startTime}}", "to {{end}}"], "n": 1});
        let filled = json!({"ids": ["i-1", "i-2"], "from": 100_000, "at": ["1970-01-01T00:01:40.000Z", "to 160000"], "n": 1});
        assert_eq!(canary.fill_json(&body).unwrap(), filled);
        assert_eq!(
            canary.fill_url("/a|b?ids={{instances}}&t={{startTime}}").unwrap(),
            "/a|b?ids=i-1%7Ci-2&t=1970-01-01T00%3A01%3A40.000Z"
        );
        assert!(holds("from {{ start }}", &["end", "start"]) && !holds("{{step}}", &["start"]));
    }

    #[test]
    fn a_word_without_a_value_is_an_error_that_names_it() {
        let first = RunInfo { new_group: None, ..run() };
        let error = Scope::canary(&first, Side::Value, None, Timestamp(0)).fill("{{group}}").unwrap_err();
        assert_eq!(error.message, "`{{group}}` of the query stands for nothing on the side of the value");
    }

    #[test]
    fn a_baseline_may_be_earlier_or_missing() {
        let earlier = Scope::baseline(&run(), Against::Earlier(Duration::from_secs(60)), window(), Timestamp(160_000)).unwrap();
        assert_eq!(earlier.window, Some(Window { from: Timestamp(40_000), to: Timestamp(100_000), ..window() }));
        let first = RunInfo { old_group: None, ..run() };
        assert!(Scope::baseline(&first, Against::OldGroup, window(), Timestamp(0)).unwrap_err().contains("first deployment"));
        assert!(
            Scope::baseline(&first, Against::Previous, window(), Timestamp(0)).unwrap_err().contains("nothing to compare with")
        );
    }

    #[test]
    fn the_previous_deployment_is_asked_as_far_into_it_as_this_one_is() {
        let mut run = run();
        let told =
            json!({"run": "r1", "from": 10_000, "to": 50_000, "group": "web__3", "groupId": "sig-3", "instances": ["i-0"]});
        run.attributes.insert("baseline".to_owned(), told);
        let of = |from, to| {
            let window = Window { from: Timestamp(from), to: Timestamp(to), ..window() };
            let scope = Scope::baseline(&run, Against::Previous, window, Timestamp(to)).unwrap();
            assert_eq!(scope.fill("{{group}}").unwrap(), "web__3");
            scope.window.map(|window| (window.from.0, window.to.0)).unwrap()
        };
        assert_eq!(of(100_000, 130_000), (10_000, 40_000));
        assert_eq!(of(100_000, 160_000), (10_000, 50_000), "not beyond its end");
        assert_eq!(of(120_000, 130_000), (30_000, 40_000));
    }

    #[test]
    fn wrong_words_are_told() {
        let told = |text: &str, groups| problems(text, "/query", groups).into_iter().map(|p| p.message).collect::<Vec<_>>();
        assert!(told("{{gruop}}", false)[0].starts_with("there is no `{{gruop}}`; there are: group, groupId"));
        assert!(told("errors", true)[0].starts_with("both sides would ask the same"));
        assert_eq!(told("errors{{group}}", true), [""; 0]);
    }
}
