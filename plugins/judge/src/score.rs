//! Weighs judged metrics up to one score, group by group, and classifies it. It looks at labels only, never at samples; those are
//! judged in `exact.rs` and `kayenta.rs`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::judgement::{Judgement, Label};
use crate::spec::{MetricSpec, Mode};

/// The weights of groups, in percent. Groups that are not named share what is left of 100 equally.
pub type Weights = BTreeMap<String, f64>;

/// One metric as it counts in the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry<'a> {
    /// The groups that it belongs to.
    pub groups: &'a [&'a str],
    /// What it was judged to be.
    pub label: Label,
    /// Whether its failure makes the score 0.
    pub critical: bool,
    /// Whether it does not count.
    pub muted: bool,
}

impl<'a> Entry<'a> {
    /// The entry of a metric that was judged.
    #[must_use]
    pub const fn of(groups: &'a [&'a str], spec: &MetricSpec, judgement: &Judgement) -> Self {
        Self { groups, label: judgement.label, critical: judgement.critical, muted: spec.muted }
    }
}

/// From which score on a canary passes, and from which on it is marginal; from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Thresholds {
    /// A score at or above passes. Default 75.
    pub pass: f64,
    /// A score at or above, and below `pass`, is marginal. Default 50.
    pub marginal: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { pass: 75.0, marginal: 50.0 }
    }
}

/// What a score means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Classification {
    /// Good enough.
    Pass,
    /// A person has to look.
    Marginal,
    /// Not good enough.
    Fail,
}

/// The score of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupScore {
    /// Its name.
    pub name: String,
    /// Its part of the total, in percent.
    pub weight: f64,
    /// The share of its metrics that pass, in percent, of those that could be judged; rounded to two places.
    pub score: f64,
    /// None of its metrics could be judged.
    pub no_data: bool,
}

/// The score of all metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// From 0 to 100, rounded to two places.
    pub total: f64,
    /// What it means.
    pub classification: Classification,
    /// One sentence for a person.
    pub reason: String,
    /// The threshold of a pass.
    pub pass: f64,
    /// The threshold of marginal.
    pub marginal: f64,
    /// The groups, by name.
    pub groups: Vec<GroupScore>,
}

/// How the metrics of a group went.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    passed: u32,
    failed: u32,
}

impl Tally {
    /// The share that passes, in percent; none where there is nothing to go by.
    fn share(self) -> Option<f64> {
        let judged = self.passed + self.failed;
        (judged > 0).then(|| f64::from(self.passed) * 100.0 / f64::from(judged))
    }
}

/// Weighs metrics up.
///
/// In both modes a group's score is the share of its metrics that pass, a critical metric that does not pass makes the total 0, and
/// so does too little data: half of the metrics or more without. The modes differ where something is missing. In Kayenta's, metrics
/// in error are passed over and a group without data counts as one that passes; in the exact mode metrics in error count as without
/// data, a group without data has no say, and the weights of the others are scaled up to 100. There, a total above 0 always stems
/// from metrics that were judged and passed.
#[must_use]
pub fn score(mode: Mode, entries: &[Entry<'_>], weights: &Weights, thresholds: Thresholds) -> Score {
    let counted: Vec<&Entry<'_>> = entries.iter().filter(|entry| !entry.muted).collect();
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for entry in &counted {
        for group in entry.groups {
            let tally = tallies.entry(group).or_default();
            match entry.label {
                Label::Pass => tally.passed += 1,
                Label::High | Label::Low | Label::NodataFail => tally.failed += 1,
                Label::Nodata | Label::Error => {}
            }
        }
    }
    let groups = weighed(mode, &tallies, weights);
    let sum: f64 = groups.iter().map(|(group, share)| share * group.weight / 100.0).sum();
    let (total, why) = match nothing_counts(mode, &counted) {
        Some(why) => (0.0, why),
        None => (rounded(sum), failures(&counted)),
    };
    let classification = if total >= thresholds.pass {
        Classification::Pass
    } else if total >= thresholds.marginal {
        Classification::Marginal
    } else {
        Classification::Fail
    };
    let limit = match classification {
        Classification::Pass => format!("at least {}", thresholds.pass),
        Classification::Marginal => format!("at least {}, less than {}", thresholds.marginal, thresholds.pass),
        Classification::Fail => format!("less than {}", thresholds.marginal),
    };
    Score {
        total,
        classification,
        reason: format!("score {total}, {limit}: {why}"),
        pass: thresholds.pass,
        marginal: thresholds.marginal,
        groups: groups.into_iter().map(|(group, _)| group).collect(),
    }
}

/// The groups with their weights, and what share of its weight each gives to the total, in percent and not rounded.
fn weighed(mode: Mode, tallies: &BTreeMap<&str, Tally>, weights: &Weights) -> Vec<(GroupScore, f64)> {
    let without = tallies.keys().filter(|name| !weights.contains_key(**name)).count();
    let left = 100.0 - weights.values().sum::<f64>();
    let left = match mode {
        Mode::Exact => left.max(0.0),
        Mode::Kayenta => left,
    };
    let own = |name: &str| weights.get(name).copied().unwrap_or(left / without.max(1) as f64);
    let usable: f64 = tallies.iter().filter(|(_, tally)| tally.share().is_some()).map(|(name, _)| own(name)).sum();
    let weighed = |(name, tally): (&&str, &Tally)| {
        let share = tally.share();
        let (weight, gives) = match mode {
            Mode::Kayenta => (own(name), share.unwrap_or(100.0)),
            Mode::Exact if share.is_some() && usable > 0.0 => (own(name) * 100.0 / usable, share.unwrap_or(0.0)),
            Mode::Exact => (0.0, 0.0),
        };
        let group = GroupScore { name: (*name).to_string(), weight, score: rounded(gives), no_data: share.is_none() };
        (group, gives)
    };
    tallies.iter().map(weighed).collect()
}

/// Why the total is 0 whatever the groups say; none where they have a say.
fn nothing_counts(mode: Mode, counted: &[&Entry<'_>]) -> Option<String> {
    let critical = counted.iter().filter(|entry| entry.critical && entry.label != Label::Pass).count();
    if critical > 0 {
        return Some(format!("{critical} of {} metrics failed critically", counted.len()));
    }
    let without = |entry: &&&Entry<'_>| match entry.label {
        Label::Nodata => true,
        Label::Error => mode == Mode::Exact,
        Label::Pass | Label::High | Label::Low | Label::NodataFail => false,
    };
    let without = counted.iter().filter(without).count();
    if counted.is_empty() {
        Some("there is no metric to go by".to_string())
    } else if without * 2 >= counted.len() {
        Some(format!("{without} of {} metrics have no data", counted.len()))
    } else {
        None
    }
}

/// How many metrics failed, in words.
fn failures(counted: &[&Entry<'_>]) -> String {
    let failed = counted.iter().filter(|entry| entry.label.is_failure()).count();
    let other = counted.iter().filter(|entry| matches!(entry.label, Label::Nodata | Label::Error)).count();
    let all = counted.len();
    match (failed, other) {
        (0, 0) => format!("all of {all} metrics pass"),
        (_, 0) => format!("{failed} of {all} metrics failed"),
        _ => format!("{failed} of {all} metrics failed, {other} could not be judged"),
    }
}

/// To two places.
fn rounded(value: f64) -> f64 {
    libm::round(value * 100.0) / 100.0
}
