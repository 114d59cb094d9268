//! One request: how it is sent, and the value or the series that its answer holds.
//!
//! Pure but for the request itself. `path` finds values, `moment` reads times; what they mean is the business of the crate `analysis`.

use analysis::answer::{Answer, Asked, Data, Point};
use analysis::condition::Val;
use analysis::exchange;
use analysis::goal::Goal;
use analysis::scope::{Scope, Window};
use analysis::terms::Metric;
use shiftgate_sdk::http::Response;
use shiftgate_sdk::prelude::*;

use crate::config::{Method, Query, Settings, TimestampUnit};
use crate::moment;
use crate::path::Path;

/// Asks.
///
/// # Errors
/// [`StepError`] for what no later request can mend: a refused request, a status of 400 and above that stays one, a redirect that is
/// not followed, a path that cannot be read.
pub fn ask(cx: &Context<'_>, settings: &Settings, metric: &Metric<Query>, scope: &Scope) -> Result<Asked> {
    let query = &metric.query;
    let path = scope.fill_url(query.path.as_deref().unwrap_or_default())?;
    let url = format!("{}{path}", settings.url.trim_end_matches('/'));
    let (mut request, sent) = match query.method() {
        Method::Get => (cx.get(&url), format!("GET {url}")),
        Method::Post => {
            let body = scope.fill_json(query.body.as_ref().unwrap_or(&Value::Null))?;
            (cx.post(&url).json(&body)?, format!("POST {url} {body}"))
        }
    };
    for (name, value) in &settings.headers {
        request = request.header(name, scope.fill(value)?);
    }
    let request = request.header("accept", "application/json").timeout(settings.timeout).redirects(settings.redirects);
    let response = match exchange::send(request, &settings.url)? {
        Ok(response) => response,
        Err(why) => return Ok(Asked::new(Answer::Error(why), sent, "")),
    };
    let raw = response.text();
    if !response.is_success() {
        return Ok(Asked::new(Answer::Error(refused(&response, &url)?), sent, raw));
    }
    let answer = match response.json::<Value>() {
        Ok(json) => read(&json, metric, scope)?,
        Err(_) => {
            let kind = response.header("content-type").unwrap_or("of no type");
            Answer::Error(format!("{url}: the answer is no JSON ({kind})"))
        }
    };
    Ok(Asked::new(answer, sent, raw))
}

/// What a status other than 200 to 299 means.
///
/// # Errors
/// A redirect that is not followed, and what a server refuses for good.
fn refused(response: &Response, url: &str) -> Result<String> {
    let status = response.status;
    match status {
        300..=399 => {
            let to = response.header("location").unwrap_or("nowhere");
            let message = format!("{url} redirects to {to}: HTTP {status}; ask there, or set `redirects` and grant it");
            Err(StepError::never("redirected", message))
        }
        401 | 403 => Err(StepError::never("not-authorized", format!("{url} does not let the plugin in: HTTP {status}"))),
        408 | 429 => Ok(format!("{url}: HTTP {status}")),
        400..=499 => Err(StepError::never("refused", format!("{url} refuses the request: HTTP {status}"))),
        _ => Ok(format!("{url}: HTTP {status}")),
    }
}

fn read(json: &Value, metric: &Metric<Query>, scope: &Scope) -> Result<Answer> {
    let query = &metric.query;
    let find = |path: &str| match Path::parse(path) {
        Ok(path) => Ok(path.find(json)),
        Err(error) => Err(StepError::never("bad-config", error)),
    };
    if let (Some(values), Some(timestamps)) = (&query.values, &query.timestamps) {
        let (found, moments) = (items(find(values)?), items(find(timestamps)?));
        let points = series(&found, &moments, query.timestamp_unit.unwrap_or_default(), values, timestamps);
        return Ok(points.map_or_else(Answer::Error, |points| within(points, scope.window, values)));
    }
    let path = query.value.as_deref().unwrap_or("$");
    let found = find(path)?;
    let empty = |value: &&Value| value.as_array().is_some_and(Vec::is_empty);
    // Whatever a condition says of all items holds of none. The whole answer is the condition's own business.
    if query.value.is_some() && !found.is_empty() && found.iter().all(empty) {
        return Ok(Answer::NoData(format!("`{path}` leads to an empty list")));
    }
    Ok(value(&found, path, &metric.goal, scope.now))
}

/// A path may lead to each item, or to a list of them.
fn items(found: Vec<&Value>) -> Vec<&Value> {
    match found.as_slice() {
        [Value::Array(items)] => items.iter().collect(),
        _ => found,
    }
}

/// One value of this moment; several are samples of it, of which a null is a gap. A condition sees them as they are.
fn value(found: &[&Value], path: &str, goal: &Goal, now: Timestamp) -> Answer {
    let result = match found {
        [] => return Answer::NoData(format!("the answer has nothing at `{path}`")),
        [Value::Null] => return Answer::NoData(format!("`{path}` is null")),
        [one] => Val::of(one),
        several => Val::List(several.iter().map(|one| Val::of(one)).collect()),
    };
    let values = items(found.to_vec());
    let points: Vec<Point> = values.iter().filter_map(|value| Some(Point { at: now, value: number(value)? })).collect();
    let gaps = values.iter().filter(|value| value.is_null()).count();
    match goal {
        Goal::Threshold { .. } | Goal::Compare(_) if points.is_empty() || points.len() + gaps < values.len() => {
            Answer::NoData(format!("`{path}` is no number: {result}"))
        }
        Goal::Condition { .. } | Goal::Threshold { .. } | Goal::Compare(_) => Answer::Data(Data { points, result }),
    }
}

/// A number, also one in a text.
fn number(json: &Value) -> Option<f64> {
    match json {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Samples with their moments, or why they cannot be read; a null is a gap.
fn series(
    values: &[&Value],
    moments: &[&Value],
    unit: TimestampUnit,
    at: &str,
    timestamps: &str,
) -> std::result::Result<Vec<Point>, String> {
    if values.len() != moments.len() {
        let (have, other) = (values.len(), moments.len());
        return Err(format!("`{at}` leads to {have} values, and `{timestamps}` to {other} moments"));
    }
    let mut points = Vec::new();
    for (value, moment) in values.iter().zip(moments) {
        if value.is_null() {
            continue;
        }
        let Some(when) = moment::read(moment, unit) else {
            return Err(format!("`{timestamps}` leads to {moment}, which is no moment; look at `timestampUnit`"));
        };
        let Some(value) = number(value) else {
            return Err(format!("`{at}` leads to {value}, which is no number"));
        };
        points.push(Point { at: when, value });
    }
    Ok(points)
}

/// The samples of the time that was asked for; an API may answer with more than that, or with another time.
fn within(mut points: Vec<Point>, window: Option<Window>, at: &str) -> Answer {
    let all = points.len();
    if all == 0 {
        return Answer::NoData(format!("`{at}` leads to no values"));
    }
    if let Some(Window { from, to, .. }) = window {
        points.retain(|point| (from..=to).contains(&point.at));
        if points.is_empty() {
            let why = format!("`{at}` leads to {all} values, none of them between {from} and {to}; look at `timestampUnit`");
            return Answer::NoData(format!("{why}, and at the words of time in the query"));
        }
    }
    Answer::Data(Data::series(points))
}
