//! The evidence named `analysis`, as docs/evidence.md describes it. It comes from a plugin: what cannot be read is said, and the
//! rest is shown. Pure.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use shiftgate_model::{Timestamp, Verdict};

use crate::text::Text;

/// The form that this program reads.
const FORMAT: u64 = 1;

/// What a verification measured and how it judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Analysis {
    /// One entry a metric.
    pub(crate) metrics: Vec<Metric>,
    /// The sum of them; none when the plugin sums nothing.
    pub(crate) score: Option<Score>,
    /// What could not be read, and why.
    pub(crate) unread: Vec<Text>,
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metric {
    /// Its name.
    pub(crate) name: Text,
    /// Its unit; empty when it has none.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) unit: Text,
    /// The group of the score that it counts for; empty when there is none.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) group: Text,
    /// The limit in words.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) threshold: Text,
    /// The least that is allowed.
    #[serde(default)]
    pub(crate) min: Option<f64>,
    /// The most that is allowed.
    #[serde(default)]
    pub(crate) max: Option<f64>,
    /// What it means.
    pub(crate) verdict: Verdict,
    /// Why, in one sentence.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) reason: Text,
    /// Whether its failure alone fails the verification.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) critical: bool,
    /// Whether it is shown and changes nothing.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) dry_run: bool,
    /// What was measured over time.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) series: Vec<Series>,
    /// What was judged, one by one.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) measurements: Vec<Measurement>,
    /// What was asked.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) queries: Vec<Query>,
    /// The numbers of a comparison.
    #[serde(default)]
    pub(crate) judgement: Option<Judgement>,
}

/// Which side of a comparison a series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Side {
    /// What is deployed.
    Canary,
    /// What it is compared with.
    Baseline,
    /// There is one side only.
    Value,
}

impl Side {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Baseline => "baseline",
            Self::Value => "value",
        }
    }
}

/// One line of a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    /// Its side.
    pub(crate) side: Side,
    /// Whose it is; empty when that is plain.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) label: Text,
    /// Oldest first.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) points: Vec<Point>,
}

/// A moment, and a value; none where there was none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point(#[serde(deserialize_with = "moment")] pub(crate) Timestamp, pub(crate) Option<f64>);

/// What a measurement came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mark {
    /// As good as it has to be.
    Pass,
    /// That, with something to look at.
    Warn,
    /// Not.
    Fail,
    /// It cannot be told.
    Inconclusive,
    /// Not needed.
    Skipped,
    /// The query went wrong, and was asked again.
    Error,
}

impl Mark {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Skipped => "skipped",
            Self::Error => "error",
        }
    }
}

impl From<Verdict> for Mark {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Warn => Self::Warn,
            Verdict::Fail => Self::Fail,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Skipped => Self::Skipped,
        }
    }
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// When.
    #[serde(deserialize_with = "moment")]
    pub(crate) at: Timestamp,
    /// What it came to.
    pub(crate) verdict: Mark,
    /// Its value; none when there was no data.
    #[serde(default)]
    pub(crate) value: Option<f64>,
    /// The value, or why there is none, in words.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) text: Text,
}

/// One question to a source of metrics, with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Query {
    /// When it was asked.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub(crate) at: Option<Timestamp>,
    /// For which side.
    #[serde(default)]
    pub(crate) side: Option<Side>,
    /// The question.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) query: Text,
    /// From when.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub(crate) from: Option<Timestamp>,
    /// Until when.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub(crate) to: Option<Timestamp>,
    /// The milliseconds between two points.
    #[serde(default)]
    pub(crate) step: Option<f64>,
    /// As it came.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) answer: Text,
    /// Whether there was more of it.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) cut: bool,
}

/// How two samples were compared, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judgement {
    /// The method: `exact`, `normal`, …
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) method: Text,
    /// What it found: `high`, `low`, `same`, …
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) label: Text,
    /// How many values each side has, baseline first.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) samples: Vec<f64>,
    /// The statistic of Mann and Whitney.
    #[serde(default)]
    pub(crate) u: Option<f64>,
    /// How likely so much of a difference is by chance.
    #[serde(default)]
    pub(crate) p: Option<f64>,
    /// Between what the difference lies.
    #[serde(default)]
    pub(crate) interval: Option<(f64, f64)>,
    /// The difference.
    #[serde(default)]
    pub(crate) estimate: Option<f64>,
    /// How large it is.
    #[serde(default)]
    pub(crate) effect: Option<Effect>,
    /// Of the samples that were judged.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) digest: Text,
}

impl Judgement {
    /// How many values each side has, in words, what is deployed first; none when that is not said.
    pub(crate) fn sides(&self, number: impl Fn(f64) -> String) -> Option<String> {
        match *self.samples.as_slice() {
            [] => None,
            [baseline, canary] => Some(format!("{} of the canary, {} of the baseline", number(canary), number(baseline))),
            // No release has written that, and which is which is a guess.
            ref several => Some(several.iter().take(4).map(|many| number(*many)).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// How large a difference is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Effect {
    /// By which measure.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) measure: Text,
    /// The size.
    #[serde(default)]
    pub(crate) value: Option<f64>,
}

/// The sum over all metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Score {
    /// 0 to 100.
    pub(crate) total: f64,
    /// From where on it passes.
    #[serde(default)]
    pub(crate) pass: Option<f64>,
    /// From where on it is marginal.
    #[serde(default)]
    pub(crate) marginal: Option<f64>,
    /// What that makes of it.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) classification: Text,
    /// What it is made of.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) groups: Vec<ScoreGroup>,
}

/// A part of the score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScoreGroup {
    /// Its name.
    pub(crate) name: Text,
    /// How much it counts.
    #[serde(default)]
    pub(crate) weight: Option<f64>,
    /// 0 to 100; none when nothing of it could be judged.
    #[serde(default)]
    pub(crate) score: Option<f64>,
}

impl Analysis {
    /// Reads what a plugin wrote: metric by metric, so that one that cannot be read takes no other with it.
    pub(crate) fn read(evidence: &Value) -> Self {
        let mut read = Self::default();
        match evidence.get("format").and_then(Value::as_u64) {
            Some(FORMAT) => {}
            _ => {
                read.unread.push(Text::of(format!("the analysis is not in format {FORMAT}")));
                return read;
            }
        }
        for (index, metric) in evidence.get("metrics").and_then(Value::as_array).into_iter().flatten().enumerate() {
            read.metrics.extend(entry(metric, &format!("metric {}", index + 1), &mut read.unread));
        }
        if let Some(score) = evidence.get("score").filter(|score| !score.is_null()) {
            read.score = entry(score, "the score", &mut read.unread);
        }
        read
    }
}

fn entry<T: DeserializeOwned>(value: &Value, name: &str, unread: &mut Vec<Text>) -> Option<T> {
    T::deserialize(value).map_err(|error| unread.push(Text::of(format!("{name} cannot be read: {error}")))).ok()
}

/// `null` stands for what is left out.
fn or_none<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// Milliseconds since 1970, which some languages write with a fraction.
fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    // What is beyond the range is taken to its end.
    f64::deserialize(from).map(|millis| Timestamp(millis as u64))
}

fn moment_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Option::<f64>::deserialize(from).map(|millis| millis.map(|millis| Timestamp(millis as u64)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_and_what_is_unknown_do_no_harm() {
        let read =
            Analysis::read(&json!({ "format": 1, "later": 1, "metrics": [ { "name": "a", "verdict": "pass", "unit": null } ] }));
        assert_eq!(read.unread, []);
        assert_eq!(
            read.metrics.first().map(|metric| (metric.name.to_string(), metric.verdict)),
            Some(("a".into(), Verdict::Pass))
        );
        assert_eq!(Analysis::read(&json!({ "format": 1 })), Analysis::default());
    }

    #[test]
    fn what_cannot_be_read_is_said_and_takes_nothing_with_it() {
        let read = Analysis::read(&json!({ "format": 1, "score": "x", "metrics": [
            { "name": "a", "verdict": "great" },
            { "name": "b", "verdict": "fail", "series": [ { "side": "canary", "points": [[1.5e12, null], [1700000000000_u64, 2]] } ] },
        ]}));
        let names: Vec<String> = read.metrics.iter().map(|metric| metric.name.to_string()).collect();
        assert_eq!(names, ["b"]);
        assert_eq!(read.unread.len(), 2);
        assert!(read.unread.iter().any(|text| text.to_string().starts_with("metric 1 cannot be read: unknown variant `great`")));
        assert_eq!(Analysis::read(&json!({ "format": 2, "metrics": [1] })).unread.len(), 1);
        assert_eq!(Analysis::read(&json!("no object")).unread.len(), 1);
    }
}
