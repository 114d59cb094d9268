//! What is sent: the query of Elasticsearch for one side and one stretch of time, and how its matches are counted.
//!
//! Pure. `search` sends it.

use analysis::scope::{Scope, Window};
use shiftgate_sdk::prelude::*;

use crate::config::{Query, QueryType, TimestampType};

/// The name of the aggregation.
pub const COUNTS: &str = "counts";

/// The part that says which messages.
///
/// # Errors
/// A word that this side has nothing for.
pub fn matching(query: &Query, scope: &Scope, window: &Window) -> Result<Value> {
    let mut filters = vec![json!({"range": {query.time(): range(query, window)}})];
    if let Some(text) = &query.query {
        let (text, field) = (scope.fill(text)?, query.message());
        filters.push(match query.query_type.unwrap_or_default() {
            QueryType::Match => json!({"match": {field: {"query": text}}}),
            QueryType::MatchPhrase => json!({"match_phrase": {field: {"query": text}}}),
            QueryType::Term => json!({"term": {field: {"value": text}}}),
            QueryType::QueryString => json!({"query_string": {"query": text, "default_field": field}}),
        });
    }
    if let Some(filter) = &query.filter {
        filters.push(scope.fill_json(filter)?);
    }
    if let Some(field) = &query.host_field {
        filters.push(json!({"terms": {field: scope.instances()?}}));
    }
    Ok(json!({"bool": {"filter": filters}}))
}

/// A stretch of time as the field can tell it: a field of seconds knows whole ones only.
pub fn told_by(query: &Query, window: Window) -> Window {
    let second = |at: Timestamp| Timestamp(at.0 / 1000 * 1000);
    match query.timestamp_type.unwrap_or_default() {
        TimestampType::Date | TimestampType::Millis => window,
        TimestampType::Seconds => Window { from: second(window.from), to: second(window.to), ..window },
    }
}

/// A date is asked for in milliseconds, whatever format its mapping has. A number knows no format, and refuses one.
fn range(query: &Query, window: &Window) -> Value {
    let (from, to) = (window.from.0, window.to.0);
    match query.timestamp_type.unwrap_or_default() {
        TimestampType::Date => json!({"gte": from, "lt": to, "format": "epoch_millis"}),
        TimestampType::Millis => json!({"gte": from, "lt": to}),
        TimestampType::Seconds => json!({"gte": from / 1000, "lt": to / 1000}),
    }
}

/// A search for numbers only. Without `track_total_hits` the total ends at 10,000.
pub fn counted(matching: Value, histogram: Option<Value>) -> Value {
    let mut body = json!({"size": 0, "track_total_hits": true, "query": matching});
    if let (Some(histogram), Some(fields)) = (histogram, body.as_object_mut()) {
        fields.insert("aggs".to_owned(), json!({COUNTS: histogram}));
    }
    body
}

/// Counts of each step. The first begins where the window does; without bounds, steps without a message would be missing.
pub fn histogram(query: &Query, window: &Window) -> Value {
    let (from, to, step) = (window.from.0, window.to.0, window.step.as_millis().max(1));
    let field = query.time();
    match query.timestamp_type.unwrap_or_default() {
        TimestampType::Date => json!({"date_histogram": {
            "field": field, "fixed_interval": format!("{step}ms"), "offset": format!("{}ms", from % step), "min_doc_count": 0,
            "format": "epoch_millis", "extended_bounds": {"min": from, "max": to.saturating_sub(1).max(from)},
        }}),
        TimestampType::Millis => numbers(field, from, to, step),
        TimestampType::Seconds => numbers(field, from / 1000, to / 1000, (step / 1000).max(1)),
    }
}

fn numbers(field: &str, from: u64, to: u64, step: u64) -> Value {
    json!({"histogram": {
        "field": field, "interval": step, "offset": from % step, "min_doc_count": 0,
        "extended_bounds": {"min": from, "max": to.saturating_sub(1).max(from)},
    }})
}

/// The moment that a step's key stands for.
pub fn moment(query: &Query, key: f64) -> Timestamp {
    let millis = match query.timestamp_type.unwrap_or_default() {
        TimestampType::Date | TimestampType::Millis => key,
        TimestampType::Seconds => key * 1000.0,
    };
    Timestamp(millis.round() as u64)
}

/// One page of messages, newest first; `after` is where the page before ended.
pub fn page(query: &Query, matching: &Value, size: u32, after: Option<&Value>) -> Value {
    let tiebreaker = query.tiebreaker.as_deref().unwrap_or("_doc");
    let mut body = json!({
        "size": size, "track_total_hits": true, "query": matching, "_source": [query.message()],
        "sort": [{query.time(): {"order": "desc"}}, {tiebreaker: {"order": "asc"}}],
    });
    if let (Some(after), Some(fields)) = (after, body.as_object_mut()) {
        fields.insert("search_after".to_owned(), after.clone());
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::scope::Side;
    use shiftgate_sdk::{Group, RunInfo};

    fn run() -> RunInfo {
        let group = Group { name: "web__4".into(), instances: vec!["i-1".into(), "i-2".into()], ..Group::default() };
        RunInfo { new_group: Some(group), ..RunInfo::default() }
    }

    fn window() -> Window {
        Window { from: Timestamp(100_500), to: Timestamp(160_500), step: Duration::from_secs(15) }
    }

    fn filters(config: Value) -> Value {
        let query: Query = serde_json::from_value(config).unwrap();
        let scope = Scope::canary(&run(), Side::Value, Some(window()), Timestamp(160_500));
        matching(&query, &scope, &window()).unwrap()["bool"]["filter"].take()
    }

    #[test]
    fn every_part_is_a_filter() {
        let config = json!({
            "query": "failed in {{group}}", "queryType": "match-phrase", "messageField": "msg", "hostField": "host.id",
            "filter": {"terms": {"id": "{{instances}}"}},
        });
        assert_eq!(
            filters(config),
            json!([
                {"range": {"@timestamp": {"gte": 100_500, "lt": 160_500, "format": "epoch_millis"}}},
                {"match_phrase": {"msg": {"query": "failed in web__4"}}},
                {"terms": {"id": ["i-1", "i-2"]}},
                {"terms": {"host.id": ["i-1", "i-2"]}},
            ])
        );
    }

    #[test]
    fn a_query_is_read_by_its_type() {
        let read = |name: &str| filters(json!({"query": "a b", "queryType": name}))[1].take();
        assert_eq!(read("match"), json!({"match": {"message": {"query": "a b"}}}));
        assert_eq!(read("term"), json!({"term": {"message": {"value": "a b"}}}));
        assert_eq!(read("query-string"), json!({"query_string": {"query": "a b", "default_field": "message"}}));
        assert_eq!(filters(json!({"query": "a b"}))[1], read("query-string"));
    }

    #[test]
    fn trap_the_format_of_a_timestamp_is_said_for_dates_and_not_for_numbers() {
        let range = |name: &str| filters(json!({"timestampType": name, "timestampField": "at"}))[0]["range"]["at"].take();
        assert_eq!(range("date"), json!({"gte": 100_500, "lt": 160_500, "format": "epoch_millis"}));
        assert_eq!(range("millis"), json!({"gte": 100_500, "lt": 160_500}));
        assert_eq!(range("seconds"), json!({"gte": 100, "lt": 160}));
        let steps = |name: &str| histogram(&serde_json::from_value(json!({ "timestampType": name })).unwrap(), &window());
        assert_eq!(
            steps("date"),
            json!({"date_histogram": {
                "field": "@timestamp", "fixed_interval": "15000ms", "offset": "10500ms", "min_doc_count": 0,
                "format": "epoch_millis", "extended_bounds": {"min": 100_500, "max": 160_499},
            }})
        );
        assert_eq!(
            steps("seconds"),
            json!({"histogram": {
                "field": "@timestamp", "interval": 15, "offset": 10, "min_doc_count": 0,
                "extended_bounds": {"min": 100, "max": 159},
            }})
        );
    }
}
