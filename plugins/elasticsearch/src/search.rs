//! One search: sent, and its answer read. What cannot be believed is no answer: an incomplete one finds fewer errors than there are.
//!
//! Pure but for the request itself. `count` and `messages` say what the matches mean.

use analysis::answer::Answer;
use analysis::exchange;
use serde::Deserialize;
use shiftgate_sdk::http::{HttpError, Response};
use shiftgate_sdk::prelude::*;

use crate::config::{Query, Settings};

const NAME: &str = "Elasticsearch";

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    timed_out: bool,
    #[serde(default)]
    terminated_early: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
    #[serde(default, rename = "_clusters")]
    clusters: Clusters,
    hits: Hits,
    #[serde(default)]
    aggregations: Option<Aggregations>,
}

#[derive(Deserialize)]
struct Shards {
    total: u64,
    #[serde(default)]
    failed: u64,
    #[serde(default)]
    failures: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Clusters {
    skipped: u64,
    partial: u64,
    failed: u64,
}

#[derive(Deserialize)]
struct Hits {
    #[serde(default)]
    total: Value,
    #[serde(default)]
    hits: Vec<Hit>,
}

/// One message.
#[derive(Deserialize)]
pub struct Hit {
    /// Its fields.
    #[serde(default, rename = "_source")]
    pub source: Value,
    /// Where it stands in the order, as Elasticsearch says it.
    #[serde(default)]
    pub sort: Value,
}

#[derive(Deserialize)]
struct Aggregations {
    counts: Counts,
}

#[derive(Deserialize)]
struct Counts {
    buckets: Vec<Bucket>,
}

/// The count of one step.
#[derive(Deserialize)]
pub struct Bucket {
    /// Where it begins, in the field's own unit.
    pub key: f64,
    /// How many messages.
    pub doc_count: u64,
}

/// An answer that can be believed.
pub struct Found {
    /// How many messages match.
    pub total: u64,
    /// Those of this page.
    pub hits: Vec<Hit>,
    /// Counts of each step; none where none were asked for.
    pub buckets: Option<Vec<Bucket>>,
}

/// An exchange: the body as it came, and what it holds.
pub struct Searched {
    /// The body.
    pub raw: String,
    /// What was found, or why that cannot be said.
    pub found: std::result::Result<Found, Answer>,
}

/// Searches.
///
/// # Errors
/// [`StepError`] for what no later search can mend: a refused request, a query that cannot be read, a missing index, missing rights.
pub fn search(cx: &Context<'_>, settings: &Settings, query: &Query, index: &str, body: &Value) -> Result<Searched> {
    let base = settings.url.trim_end_matches('/');
    let request = cx.post(&format!("{base}/{}/_search", exchange::encoded(index, b"*,"))).json(body)?;
    let request = exchange::dressed(request, &settings.headers, settings.timeout);
    let sent = request.send();
    let hint = if sent == Err(HttpError::TooLarge) { "; a smaller `pageSize` makes it smaller" } else { "" };
    match exchange::received(sent, &settings.url)? {
        Ok(response) => read(&response, settings, query, index, body),
        Err(why) => Ok(Searched { raw: String::new(), found: Err(Answer::Error(format!("{why}{hint}"))) }),
    }
}

fn read(response: &Response, settings: &Settings, query: &Query, index: &str, body: &Value) -> Result<Searched> {
    let (status, raw) = (response.status, response.text());
    if status == 200 {
        let found = match response.json::<Body>() {
            Ok(body) => believed(body, &settings.url, index),
            Err(_) => Err(Answer::Error(format!("{}: the answer is not that of a search", settings.url))),
        };
        return Ok(Searched { raw, found });
    }
    let (kind, words) = reason(response);
    let why = format!("HTTP {status}{words}");
    if status == 404 && kind == "index_not_found_exception" {
        return Err(StepError::never("no-index", format!("{}: {why}; look at `index`, which is `{index}`", settings.url)));
    }
    if status == 400 && (why.contains("parse date") || why.contains("does not support custom formats")) {
        let message =
            format!("{NAME} cannot search `{}` by time: {why}; look at `timestampField` and `timestampType`", query.time());
        return Err(StepError::never("bad-query", message));
    }
    let why = exchange::refused(NAME, &settings.url, &body.to_string(), status, &why)?;
    Ok(Searched { raw, found: Err(Answer::Error(why)) })
}

/// Matches of all shards, or why it is not known how many there are.
fn believed(body: Body, url: &str, index: &str) -> std::result::Result<Found, Answer> {
    let error = |why: String| Err(Answer::Error(format!("{url}: {why}, so there may be more matches than it says")));
    let Shards { total, failed, failures } = &body.shards;
    if body.timed_out || body.terminated_early {
        return error("the search ended before it was done".to_owned());
    }
    if *failed > 0 {
        let first = failures.first().map(|failure| deepest(failure.get("reason").unwrap_or(failure)).1);
        return error(format!("{failed} of {total} shards did not answer{}", first.unwrap_or_default()));
    }
    let away = body.clusters.skipped + body.clusters.partial + body.clusters.failed;
    if away > 0 {
        return error(format!("{away} of the clusters that were asked did not answer"));
    }
    if *total == 0 {
        return Err(Answer::NoData(format!("no index is there for `{index}`")));
    }
    let (total, relation) = match &body.hits.total {
        // Before version 7 it was a number.
        Value::Number(number) => (number.as_u64(), "eq"),
        total => (total["value"].as_u64(), total["relation"].as_str().unwrap_or_default()),
    };
    match total {
        Some(total) if relation == "eq" => {
            let buckets = body.aggregations.map(|aggregations| aggregations.counts.buckets);
            Ok(Found { total, hits: body.hits.hits, buckets })
        }
        Some(total) => error(format!("it counts {total} matches and no further")),
        None => Err(Answer::Error(format!("{url}: the answer has no number of matches"))),
    }
}

/// The kind of an error, and its words with a space before; empty where the body has none.
fn reason(response: &Response) -> (String, String) {
    let body = response.json::<Value>().unwrap_or_default();
    let error = &body["error"];
    let failed = error.pointer("/failed_shards/0/reason").or_else(|| error.pointer("/root_cause/0"));
    let (kind, words) = deepest(failed.unwrap_or(error));
    (kind, if words.is_empty() && error.is_string() { format!(" {}", error.as_str().unwrap_or_default()) } else { words })
}

/// What stands at the bottom of an error's causes.
fn deepest(error: &Value) -> (String, String) {
    let mut error = error;
    while let Some(cause) = error.get("caused_by").filter(|cause| cause["reason"].is_string()) {
        error = cause;
    }
    match (error["type"].as_str(), error["reason"].as_str()) {
        (Some(kind), Some(reason)) => (kind.to_owned(), format!(" {kind}: {reason}")),
        (_, Some(reason)) => (String::new(), format!(" {reason}")),
        (Some(kind), None) => (kind.to_owned(), format!(" {kind}")),
        (None, None) => (String::new(), String::new()),
    }
}
