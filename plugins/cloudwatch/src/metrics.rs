//! GetMetricData: the queries of one number, the periods that they are about, and the samples that come.
//!
//! What the samples mean is the business of the crate `analysis`; `wire` makes the call.

use std::collections::BTreeMap;

use analysis::answer::{Answer, Asked, Data, Point};
use analysis::scope::{Scope, Window};
use analysis::series::{Aggregate, combined};
use serde::Deserialize;
use shiftgate_sdk::prelude::*;

use crate::config::{Query, RESULT, Settings};
use crate::wire::{Called, Operation, call};

/// The most pages of one answer: 12 numbers of two sides each, and a call of the plugin may send 100 requests.
const PAGES: usize = 4;
/// Samples of a page: those of a larger one would be more than a response may be.
const PAGE: u32 = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    metric_data_results: Vec<Part>,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    next_token: Option<String>,
}

/// What a page has of one series.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part {
    #[serde(default)]
    id: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    timestamps: Vec<f64>,
    #[serde(default)]
    values: Vec<Value>,
    #[serde(default)]
    status_code: Status,
    #[serde(default)]
    messages: Vec<Message>,
}

/// Whether a series can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum Status {
    Complete,
    PartialData,
    InternalError,
    Forbidden,
    #[default]
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(default)]
    code: String,
    #[serde(default)]
    value: String,
}

/// A series of which pages have come.
#[derive(Default)]
struct Series {
    points: Vec<Point>,
    /// As the last page that has it says.
    status: Status,
}

/// What is asked, as CloudWatch takes it and as a person reads it.
struct Question {
    queries: Vec<Value>,
    text: String,
}

/// Asks.
///
/// # Errors
/// [`StepError`] for what no later call can mend.
pub(crate) fn ask(cx: &Context<'_>, settings: &Settings, query: &Query, scope: &Scope) -> Result<Asked> {
    let Question { queries, text } = question(query, scope)?;
    let (from, to) = whole_periods(scope.window, scope.now, query.period());
    let mut body = json!({
        "MetricDataQueries": queries, "StartTime": from.0 / 1000, "EndTime": to.0 / 1000,
        "ScanBy": "TimestampAscending", "MaxDatapoints": PAGE,
    });
    let mut series: BTreeMap<(String, String), Series> = BTreeMap::new();
    let mut warnings = Vec::new();
    let mut first = None;
    for _ in 0..PAGES {
        let page: Page = match call(cx, settings, Operation::GetMetricData, &body, &text)? {
            Called::Trouble(why, raw) => return Ok(Asked { warnings, ..Asked::new(Answer::Error(why), text, raw) }),
            Called::Answer(page, raw) => {
                first.get_or_insert(raw);
                page
            }
        };
        warnings.extend(page.messages.iter().map(words));
        for part in page.metric_data_results {
            warnings.extend(part.messages.iter().map(words));
            if let Err(why) = add(&mut series, part) {
                let why = format!("{}: {why}", settings.url);
                return Ok(Asked { warnings, ..Asked::new(Answer::Error(why), text, first.unwrap_or_default()) });
            }
        }
        let Some(token) = page.next_token else {
            let within = |point: &Point| point.at >= from && point.at + query.period() <= to;
            let answer = answer(series, query.aggregate, &text, settings, within, &format!("{from} and {to}"))?;
            return Ok(Asked { warnings, ..Asked::new(answer, text, first.unwrap_or_default()) });
        };
        if let Some(fields) = body.as_object_mut() {
            fields.insert("NextToken".to_owned(), token.into());
        }
    }
    let message = format!("`{text}` has more than {PAGES} pages of samples; ask for a shorter `range` or a longer `period`");
    Err(StepError::never("too-much-data", message))
}

/// The stretch of whole periods: both ends rounded down, so that the last period, which is not over, is left out. One at least.
fn whole_periods(window: Option<Window>, now: Timestamp, period: Duration) -> (Timestamp, Timestamp) {
    let period = period.as_millis().max(1);
    let down = |at: Timestamp| at.0 - at.0 % period;
    let (from, to) = window.map_or((now, now), |window| (window.from, window.to));
    let to = down(to);
    (Timestamp(down(from).min(to.saturating_sub(period))), Timestamp(to))
}

fn question(query: &Query, scope: &Scope) -> Result<Question> {
    let outer = Metric {
        id: RESULT,
        namespace: query.namespace.as_deref(),
        name: query.metric_name.as_deref().unwrap_or_default(),
        dimensions: query.dimensions.as_ref(),
        stat: query.stat.as_deref(),
    };
    let Some(expression) = &query.expression else {
        let (one, text) = outer.asked(query.period(), scope, true)?;
        return Ok(Question { queries: vec![one], text });
    };
    let expression = scope.fill(expression)?;
    let mut queries = Vec::new();
    let mut text = expression.clone();
    for source in query.queries.iter().flatten() {
        let metric = Metric {
            id: &source.id,
            namespace: source.namespace.as_deref().or(outer.namespace),
            name: &source.metric_name,
            dimensions: source.dimensions.as_ref().or(outer.dimensions),
            stat: source.stat.as_deref().or(outer.stat),
        };
        let (one, words) = metric.asked(query.period(), scope, false)?;
        queries.push(one);
        text.push_str(&format!("; {} = {words}", source.id));
    }
    let mut result = json!({ "Id": RESULT, "Expression": expression, "ReturnData": true });
    if let (true, Some(fields)) = (query.is_insights(), result.as_object_mut()) {
        fields.insert("Period".to_owned(), seconds(query.period()).into());
    }
    queries.push(result);
    Ok(Question { queries, text })
}

/// One metric with its statistic.
struct Metric<'a> {
    id: &'a str,
    namespace: Option<&'a str>,
    name: &'a str,
    dimensions: Option<&'a BTreeMap<String, String>>,
    stat: Option<&'a str>,
}

impl Metric<'_> {
    /// As CloudWatch takes it, and as a person reads it.
    fn asked(&self, period: Duration, scope: &Scope, returned: bool) -> Result<(Value, String)> {
        let (namespace, stat) = (self.namespace.unwrap_or_default(), self.stat.unwrap_or_default());
        let mut dimensions = Vec::new();
        let mut words = Vec::new();
        for (name, value) in self.dimensions.into_iter().flatten() {
            let value = scope.fill(value)?;
            words.push(format!("{name}={value}"));
            dimensions.push(json!({ "Name": name, "Value": value }));
        }
        let metric = json!({ "Namespace": namespace, "MetricName": self.name, "Dimensions": dimensions });
        let stat_of = json!({ "Metric": metric, "Period": seconds(period), "Stat": stat });
        let text = format!("{stat} {namespace} {} {{{}}} by {period}", self.name, words.join(", "));
        Ok((json!({ "Id": self.id, "MetricStat": stat_of, "ReturnData": returned }), text))
    }
}

fn seconds(period: Duration) -> u64 {
    period.as_millis() / 1000
}

fn words(message: &Message) -> String {
    format!("{}: {}", message.code, message.value)
}

/// Adds what a page has of a series to what earlier pages had.
fn add(series: &mut BTreeMap<(String, String), Series>, part: Part) -> Result<(), String> {
    if part.timestamps.len() != part.values.len() {
        return Err(format!("{} moments and {} values do not fit", part.timestamps.len(), part.values.len()));
    }
    let known = series.entry((part.id, part.label)).or_default();
    known.status = part.status_code;
    for (at, value) in part.timestamps.iter().zip(&part.values) {
        // What JSON has no number for is text: `NaN`, `Infinity`.
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        let value = number.ok_or_else(|| format!("`{value}` is no number"))?;
        known.points.push(Point { at: Timestamp((at * 1000.0).round() as u64), value });
    }
    Ok(())
}

fn answer(
    series: BTreeMap<(String, String), Series>,
    aggregate: Option<Aggregate>,
    text: &str,
    settings: &Settings,
    within: impl Fn(&Point) -> bool,
    time: &str,
) -> Result<Answer> {
    let url = &settings.url;
    for known in series.values() {
        match known.status {
            Status::Complete => {}
            Status::Forbidden => {
                let message = format!("{url} does not let the plugin see `{text}`; it needs `cloudwatch:GetMetricData`");
                return Err(StepError::never("not-authorized", message));
            }
            Status::PartialData => return Ok(Answer::Error(format!("{url}: the data is partial"))),
            Status::InternalError => return Ok(Answer::Error(format!("{url}: CloudWatch had an internal error"))),
            Status::Unknown => return Ok(Answer::Error(format!("{url}: the data has no status that this plugin knows"))),
        }
    }
    let series: Vec<Vec<Point>> = series.into_values().map(|known| known.points.into_iter().filter(&within).collect()).collect();
    let series: Vec<Vec<Point>> = series.into_iter().filter(|points| !points.is_empty()).collect();
    match (series.len(), aggregate) {
        (0, _) => Ok(Answer::NoData(format!("CloudWatch has no data between {time}"))),
        // One series stays as it is.
        (1, _) => Ok(Answer::Data(Data::series(combined(series, Aggregate::Max)))),
        (_, Some(aggregate)) => Ok(Answer::Data(Data::series(combined(series, aggregate)))),
        (count, None) => {
            let message = format!("`{text}` gives {count} series, and one is wanted; set `aggregate`, or say which");
            Err(StepError::never("several-series", message))
        }
    }
}
