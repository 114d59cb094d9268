//! What the plugin is configured with, and what the schema cannot say about it.

use std::collections::BTreeMap;

use analysis::compare::With;
use analysis::goal::Goal;
use analysis::scope;
use analysis::terms::Metric;
use analysis::url_problem;
use shiftgate_sdk::prelude::*;

analysis::settings! {
    /// Counts the messages in Elasticsearch or OpenSearch that a query finds, or those that are new. The terms are those of Argo
    /// Rollouts.
    pub struct Settings {
        /// Elasticsearch or OpenSearch: `https://logs.example.com:9200`. A path prefix is kept.
        #[config(min_length = 1)]
        pub url: String,
        /// Headers of each search, such as `Authorization` where the grant has none.
        #[config(default)]
        pub headers: BTreeMap<String, String>,
        /// How long one search may take.
        #[config(default = "10s")]
        pub timeout: Duration,
    }
    /// What is asked for one number.
    pub struct Query {
        /// The indices to search: `logs-web-*`, several with commas between.
        #[config(min_length = 1)]
        pub index: Option<String>,
        /// What to look for in the message; every message when it is not said. `{{group}}` stands for the Elastigroup's name.
        #[config(min_length = 1)]
        pub query: Option<String>,
        /// How `query` is read; `query-string` when it is not said.
        pub query_type: Option<QueryType>,
        /// The field that holds the message; `message` when it is not said.
        #[config(min_length = 1)]
        pub message_field: Option<String>,
        /// A query of Elasticsearch's own, as JSON, that has to be true as well: `{ term: { level: error } }`.
        pub filter: Option<Value>,
        /// The field that holds the instance's id, such as `cloud.instance.id`. Only messages of the group's instances count then.
        #[config(min_length = 1)]
        pub host_field: Option<String>,
        /// The field that holds the time; `@timestamp` when it is not said.
        #[config(min_length = 1)]
        pub timestamp_field: Option<String>,
        /// What that field is in the index's mapping; `date` when it is not said.
        pub timestamp_type: Option<TimestampType>,
        /// What the number is; the count of messages when it is not said.
        pub mode: Option<Mode>,
        /// What one sample is; `step` for a comparison, else `window`, when it is not said.
        pub samples: Option<Samples>,
        /// With `mode: new-messages`: which messages are not new; those of the `old-group` when it is not said.
        pub against: Option<With>,
        /// With `against: earlier`: how long before.
        pub offset: Option<Duration>,
        /// With `mode: new-messages`: how far back messages of the baseline are read; as far as `range` when it is not said.
        pub baseline_range: Option<Duration>,
        /// With `mode: new-messages`: how many messages one page has; 250 when it is not said. An answer may have 1 MiB.
        #[config(minimum = 1, maximum = 10000)]
        pub page_size: Option<u32>,
        /// With `mode: new-messages`: how many pages are read of each side, the newest first; 4 when it is not said.
        #[config(minimum = 1, maximum = 40)]
        pub pages: Option<u32>,
        /// With `mode: new-messages`: a field that tells messages of one moment apart, for paging; `_doc` when it is not said.
        #[config(min_length = 1)]
        pub tiebreaker: Option<String>,
    }
}

/// How the words of `query` are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Config)]
pub enum QueryType {
    /// Any of its words, as the field's analyzer cuts them.
    Match,
    /// All of its words, one after the other.
    MatchPhrase,
    /// The whole field, letter by letter; for fields of type `keyword`.
    Term,
    /// Lucene's syntax: `level:error AND NOT "connection reset"`.
    #[default]
    QueryString,
}

/// What a timestamp is in the index's mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Config)]
pub enum TimestampType {
    /// A `date` or `date_nanos`, whatever format its mapping has.
    #[default]
    Date,
    /// A number: milliseconds since 1970.
    Millis,
    /// A number: seconds since 1970.
    Seconds,
}

/// What the number is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Config)]
pub enum Mode {
    /// How many messages there are.
    #[default]
    Count,
    /// How many kinds of messages there are that the baseline never wrote.
    NewMessages,
}

/// What one sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum Samples {
    /// The count of the whole time that a measurement looks back on.
    Window,
    /// The count of each `step` of it.
    Step,
}

impl Query {
    /// The field that holds the time.
    pub fn time(&self) -> &str {
        self.timestamp_field.as_deref().unwrap_or("@timestamp")
    }

    /// The field that holds the message.
    pub fn message(&self) -> &str {
        self.message_field.as_deref().unwrap_or("message")
    }
}

impl Settings {
    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            url_problem(&self.url, "the base URL of Elasticsearch, such as `https://logs.example.com:9200`")
                .into_iter()
                .collect();
        problems.extend(self.problems_of_metrics(of_query));
        problems
    }
}

fn of_query(metric: &Metric<Query>, place: &str) -> Vec<Problem> {
    let query = &metric.query;
    let fresh = query.mode == Some(Mode::NewMessages);
    let mut problems = Vec::new();
    let mut at = |field: &str, message: &str| problems.push(Problem::at(format!("{place}{field}"), message));
    if query.index.is_none() {
        at("/index", "expected the indices to search, such as `logs-web-*`");
    }
    if query.filter.as_ref().is_some_and(|filter| !filter.is_object()) {
        at("/filter", "expected a query of Elasticsearch, an object: `{ term: { level: error } }`");
    }
    if query.query.is_none() && query.query_type.is_some() {
        at("/queryType", "there is no `query` that it is the type of");
    }
    let compare = match &metric.goal {
        Goal::Compare(compare) => Some(compare),
        Goal::Threshold { .. } | Goal::Condition { .. } => None,
    };
    if fresh && compare.is_some() {
        at("/compare", "`mode: new-messages` has a baseline of its own: `against`; give `max` instead, such as `max: 0`");
    }
    if compare.is_some() && query.samples == Some(Samples::Window) {
        at("/samples", "a comparison needs many samples: `step`");
    }
    let given = [query.against.is_some(), query.offset.is_some(), query.baseline_range.is_some(), query.pages.is_some()];
    if !fresh && given.contains(&true) {
        at("/mode", "`against`, `offset`, `baselineRange` and `pages` go with `mode: new-messages` only");
    }
    let against = query.against.unwrap_or(With::OldGroup);
    if fresh {
        problems.extend(against.problem(query.offset, place));
    }
    let groups = compare.is_some_and(|compare| compare.tells_groups_apart()) || (fresh && against == With::OldGroup);
    let filter = query.filter.as_ref().map(Value::to_string);
    let texts: Vec<&str> = [&query.index, &query.query, &filter].into_iter().flatten().map(String::as_str).collect();
    problems.extend(scope::problems(&texts.join(" "), &format!("{place}/query"), groups && query.host_field.is_none()));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(config: Value) -> Vec<String> {
        let settings: Settings = serde_json::from_value(config).unwrap();
        settings.problems().into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn every_problem_is_told_at_once() {
        assert_eq!(problems(json!({"url": "http://e", "index": "logs", "max": 1})), [""; 0]);
        let config = json!({"url": "e:9200", "filter": "a", "queryType": "term", "pages": 2});
        assert_eq!(problems(config), ["/url", "", "/index", "/filter", "/queryType", "/mode"]);
        let config =
            json!({"url": "http://e", "index": "a", "compare": {}, "for": "5m", "mode": "new-messages", "against": "earlier"});
        assert_eq!(problems(config), ["/compare", "/offset", "/query"]);
    }

    #[test]
    fn two_groups_are_told_apart_by_a_word_or_by_the_hosts() {
        let config = |more: Value| {
            let mut config = json!({"url": "http://e", "index": "logs", "compare": {}, "for": "5m"});
            config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            problems(config)
        };
        assert_eq!(config(json!({})), ["/query"]);
        assert_eq!(config(json!({"hostField": "host.id"})), [""; 0]);
        assert_eq!(config(json!({"filter": {"term": {"group": "{{group}}"}}})), [""; 0]);
        assert_eq!(config(json!({"index": "logs-{{gruop}}", "hostField": "h"})), ["/query"]);
    }
}
