//! One query: how it is asked of NerdGraph, and whether its answer can be believed.
//!
//! `nrql` makes the query complete, and `rows` reads the result. GraphQL tells its errors with HTTP 200.

use analysis::answer::{Answer, Asked};
use analysis::exchange;
use analysis::scope::Scope;
use serde::Deserialize;
use serde_json::Map;
use shiftgate_sdk::http::Response;
use shiftgate_sdk::prelude::*;

use crate::config::{Query, Settings};
use crate::{nrql, rows};

/// What is sent to NerdGraph.
pub const DOCUMENT: &str = "query ($account: Int!, $nrql: Nrql!, $timeout: Seconds) { actor { account(id: $account) { \
     nrql(query: $nrql, timeout: $timeout) { results metadata { facets messages } } } } }";

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Option<Root>,
    #[serde(default)]
    errors: Option<Vec<Trouble>>,
}

#[derive(Deserialize)]
struct Root {
    #[serde(default)]
    actor: Option<Actor>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(default)]
    account: Option<Account>,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    nrql: Option<Nrql>,
}

#[derive(Deserialize)]
struct Nrql {
    #[serde(default)]
    results: Option<Vec<Map<String, Value>>>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    facets: Option<Vec<String>>,
    #[serde(default)]
    messages: Option<Vec<String>>,
}

/// An error as GraphQL has it.
#[derive(Deserialize)]
struct Trouble {
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Option<Extensions>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Extensions {
    #[serde(rename = "errorClass")]
    class: Option<String>,
    #[serde(rename = "error_code")]
    code: Option<String>,
}

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The query cannot be read.
    BadQuery,
    /// The key, or what it may see.
    NotAuthorized,
    /// Another query may do better.
    MayPass,
}

/// Asks.
///
/// # Errors
/// [`StepError`] for what no later query can mend: a refused request, a query that New Relic cannot read, a wrong key, a result of
/// which it is not clear which number is meant.
pub fn ask(cx: &Context<'_>, settings: &Settings, query: &Query, scope: &Scope) -> Result<Asked> {
    let text = nrql::complete(&scope.fill(query.query.as_deref().unwrap_or_default())?, scope);
    let variables = json!({ "account": settings.account, "nrql": text, "timeout": settings.timeout.as_millis() / 1000 });
    let mut request = cx.post(&format!("{}/graphql", settings.url.trim_end_matches('/')));
    if let Some(key) = &settings.api_key {
        request = request.header("api-key", key);
    }
    // New Relic's own words about a timeout take a moment longer.
    let request = request.timeout(settings.timeout + Duration::from_secs(5));
    let request = request.json(&json!({ "query": DOCUMENT, "variables": variables }))?;
    match exchange::send(request, &settings.url)? {
        Ok(response) => read(&response, settings, query, text, scope.now),
        Err(why) => Ok(Asked::new(Answer::Error(why), text, "")),
    }
}

fn read(response: &Response, settings: &Settings, query: &Query, text: String, now: Timestamp) -> Result<Asked> {
    let (status, raw) = (response.status, response.text());
    let url = &settings.url;
    let body = match serde_json::from_str::<Body>(&raw) {
        Ok(body) => body,
        Err(error) if status == 200 => {
            let why = format!("{url}: the answer is not that of NerdGraph: {error}");
            return Ok(Asked::new(Answer::Error(why), text, raw));
        }
        Err(_) => Body { data: None, errors: None },
    };
    let errors = body.errors.unwrap_or_default();
    if status != 200 || !errors.is_empty() {
        let why = refused(&errors, settings, &text, status)?;
        return Ok(Asked::new(Answer::Error(why), text, raw));
    }
    let account = body.data.and_then(|data| data.actor).and_then(|actor| actor.account);
    let Some(Nrql { results: Some(results), metadata }) = account.and_then(|account| account.nrql) else {
        let why = format!("{url}: the answer has neither a result nor an error");
        return Ok(Asked::new(Answer::Error(why), text, raw));
    };
    let Metadata { facets, messages } = metadata.unwrap_or_default();
    let facets = facets.unwrap_or_default();
    let answer = if results.is_empty() {
        Answer::NoData("the query has no result".to_owned())
    } else {
        rows::samples(&results, &facets, query.field.as_deref(), query.aggregate, &text, now)?
    };
    Ok(Asked { warnings: messages.unwrap_or_default(), ..Asked::new(answer, text, raw) })
}

/// Why there is no answer, where that may pass.
fn refused(errors: &[Trouble], settings: &Settings, text: &str, status: u16) -> Result<String> {
    let words: Vec<&str> = errors.iter().map(|error| error.message.as_str()).filter(|message| !message.is_empty()).collect();
    let mut why = format!("HTTP {status}");
    if !words.is_empty() {
        why.push_str(&format!(": {}", words.join("; ")));
    }
    // What stays as it is outweighs what may pass.
    let meanings: Vec<Meaning> = errors.iter().map(meaning).collect();
    let status = if meanings.contains(&Meaning::NotAuthorized) {
        403
    } else if meanings.contains(&Meaning::BadQuery) {
        400
    } else {
        status
    };
    if matches!(status, 401 | 403) && !settings.url.contains(".eu.") {
        why.push_str("; the key is a user key of an account in the US: one in the EU is asked at https://api.eu.newrelic.com");
    }
    exchange::refused("New Relic", &settings.url, text, status, &why)
}

fn meaning(error: &Trouble) -> Meaning {
    let extensions = error.extensions.as_ref();
    let class = extensions.and_then(|found| found.class.as_deref()).unwrap_or_default();
    let code = extensions.and_then(|found| found.code.as_deref()).unwrap_or_default();
    let message = error.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match (class, code) {
        ("TIMEOUT" | "SERVER_ERROR" | "INTERNAL_SERVER_ERROR" | "TOO_MANY_REQUESTS", _) => Meaning::MayPass,
        ("ACCESS_DENIED" | "UNAUTHORIZED" | "FORBIDDEN", _) | (_, "BAD_API_KEY") => Meaning::NotAuthorized,
        ("INVALID_INPUT" | "BAD_USER_INPUT", _) => Meaning::BadQuery,
        _ if says(&["syntax error", "unknown function", "unknown argument", "cannot query field"]) => Meaning::BadQuery,
        _ if says(&["not authorized", "unauthorized", "access denied", "invalid api key"]) => Meaning::NotAuthorized,
        _ => Meaning::MayPass,
    }
}

#[cfg(test)]
mod tests;
