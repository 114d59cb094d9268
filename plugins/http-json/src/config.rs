//! What the plugin is configured with, and what the schema cannot say about it.

use std::collections::BTreeMap;

use analysis::compare::With;
use analysis::goal::Goal;
use analysis::scope;
use analysis::terms::Metric;
use analysis::url_problem;
use shiftgate_sdk::prelude::*;

use crate::path::Path;

analysis::settings! {
    /// Holds numbers of any JSON answer against a goal, as often as told. The terms are those of Argo Rollouts.
    pub struct Settings {
        /// Whom to ask: `https://stats.example.com/api`. A path prefix is kept.
        #[config(min_length = 1)]
        pub url: String,
        /// Headers of each request. Words such as `{{group}}` are filled in.
        #[config(default)]
        pub headers: BTreeMap<String, String>,
        /// How long one request may take.
        #[config(default = "10s")]
        pub timeout: Duration,
        /// How many redirects to follow. The grants have to cover where they lead.
        #[config(default = 0, maximum = 10)]
        pub redirects: u32,
    }
    /// What is asked for one number.
    pub struct Query {
        /// What stands behind `url`, with the query: `/stats?group={{group}}&from={{startSeconds}}`.
        pub path: Option<String>,
        /// How to ask; `POST` with a body, else `GET`, when it is not said.
        pub method: Option<Method>,
        /// What a `POST` sends, as JSON. A text that is nothing but `{{start}}` becomes a number, and `{{instances}}` a list.
        pub body: Option<Value>,
        /// Where in the answer the value is: `$.data[0].value`. The whole answer when it is not said.
        #[config(min_length = 1)]
        pub value: Option<String>,
        /// Where the values of a series are: `$.points[*].v`. Instead of `value`.
        #[config(min_length = 1)]
        pub values: Option<String>,
        /// Where their moments are: `$.points[*].t`.
        #[config(min_length = 1)]
        pub timestamps: Option<String>,
        /// What a moment is; `ms` when it is not said.
        pub timestamp_unit: Option<TimestampUnit>,
    }
}

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum Method {
    /// Reads.
    #[config(rename = "GET")]
    Get,
    /// Sends `body`.
    #[config(rename = "POST")]
    Post,
}

/// What a moment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Config)]
pub enum TimestampUnit {
    /// Seconds since 1970, perhaps with a fraction.
    S,
    /// Milliseconds since 1970.
    #[default]
    Ms,
    /// Text as in ISO 8601, with its zone: `2026-01-31T12:00:00Z`.
    Iso,
}

/// The words that tell two times apart.
const TIMES: [&str; 6] = ["start", "end", "startSeconds", "endSeconds", "startTime", "endTime"];
/// The words that tell two groups of two deployments apart. Its target group may be that of the earlier one too.
const GROUPS: [&str; 3] = ["group", "groupId", "instances"];

impl Query {
    /// How it is asked.
    pub fn method(&self) -> Method {
        self.method.unwrap_or(if self.body.is_some() { Method::Post } else { Method::Get })
    }
}

impl Settings {
    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            url_problem(&self.url, "a base URL, such as `https://stats.example.com`").into_iter().collect();
        problems.extend(self.problems_of_metrics(|metric, place| self.of_query(metric, place)));
        problems
    }

    fn of_query(&self, metric: &Metric<Query>, place: &str) -> Vec<Problem> {
        let query = &metric.query;
        let compared = match &metric.goal {
            Goal::Compare(compare) => Some(compare),
            Goal::Threshold { .. } | Goal::Condition { .. } => None,
        };
        let mut problems = Vec::new();
        let mut at = |field: &str, message: &str| problems.push(Problem::at(format!("{place}{field}"), message));
        if query.path.as_deref().is_some_and(|path| !path.is_empty() && !path.starts_with(['/', '?'])) {
            at("/path", "expected a path that begins with `/`");
        }
        if query.body.is_some() && query.method == Some(Method::Get) {
            at("/method", "a GET sends no `body`");
        }
        if query.value.is_some() && query.values.is_some() {
            at("/value", "give `value`, or `values` with `timestamps`, not both");
        }
        if query.values.is_some() != query.timestamps.is_some() {
            at("/timestamps", "`values` and `timestamps` go together");
        }
        if compared.is_some() && query.values.is_none() {
            at("/values", "a comparison needs a series: `values` and `timestamps`");
        }
        for (field, path) in [("value", &query.value), ("values", &query.values), ("timestamps", &query.timestamps)] {
            if let Some(Err(error)) = path.as_deref().map(Path::parse) {
                at(&format!("/{field}"), &error);
            }
        }
        let body = query.body.as_ref().map(Value::to_string);
        let headers = self.headers.values().map(String::as_str);
        let texts: Vec<&str> = query.path.as_deref().into_iter().chain(body.as_deref()).chain(headers).collect();
        let text = texts.join(" ");
        if (scope::holds(&text, &TIMES) || scope::holds(&text, &["step"])) && metric.range.is_none() && compared.is_none() {
            at("/range", "the words of time, such as `{{start}}`, need `range`: how far back a measurement looks");
        }
        let told_apart = compared.is_none_or(|compare| match compare.with {
            // The words themselves are looked at below.
            With::OldGroup => true,
            With::Previous => scope::holds(&text, &TIMES) || scope::holds(&text, &GROUPS),
            With::Earlier => scope::holds(&text, &TIMES),
        });
        if !told_apart {
            at(
                "/path",
                "both sides would ask the same: say `{{start}}` and `{{end}}`, or other words of time, where the time stands",
            );
        }
        let groups = compared.is_some_and(|compare| compare.tells_groups_apart());
        problems.extend(scope::problems(&text, &format!("{place}/path"), groups));
        problems
    }
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
        assert_eq!(problems(json!({"url": "http://s", "value": "$['a b'][*].v", "max": 1})), [""; 0]);
        let config = json!({
            "url": "s", "path": "x?from={{start}}", "method": "GET", "body": {}, "value": "$.a[", "values": "b", "max": 1,
        });
        assert_eq!(problems(config), ["/url", "/path", "/method", "/value", "/timestamps", "/value", "/values", "/range"]);
    }

    #[test]
    fn a_comparison_needs_series_of_two_groups() {
        let config = |path: &str| json!({"url": "http://s", "path": path, "compare": {}, "for": "5m"});
        assert_eq!(problems(config("/stats")), ["/values", "/path"]);
        let mut good = config("/stats?g={{group}}&from={{start}}");
        good["values"] = json!("$.v");
        good["timestamps"] = json!("$.t");
        assert_eq!(problems(good), [""; 0]);
    }

    #[test]
    fn trap_a_comparison_with_another_time_does_not_ask_both_sides_the_same() {
        let told = |with: Value, query: Value| {
            let mut config = json!({"url": "http://s", "values": "$.v", "timestamps": "$.t", "compare": with, "for": "5m"});
            config.as_object_mut().unwrap().extend(query.as_object().unwrap().clone());
            problems(config)
        };
        let earlier = || json!({"with": "earlier", "offset": "1d"});
        let previous = || json!({"with": "previous"});
        for query in [json!({}), json!({"path": "/stats"}), json!({"path": "/stats?step={{step}}", "body": {"a": "start"}})] {
            assert_eq!(told(earlier(), query.clone()), ["/path"], "{query}");
            assert_eq!(told(previous(), query.clone()), ["/path"], "{query}");
        }
        let group = || json!({"path": "/stats?g={{group}}"});
        assert_eq!((told(earlier(), group()), told(previous(), group())), (vec!["/path".to_owned()], vec![]));
        // Blue and green take turns: the earlier deployment may have had the same target group.
        assert_eq!(told(previous(), json!({"path": "/stats?g={{targetGroup}}"})), ["/path"]);
        for query in [
            json!({"path": "/stats?from={{startSeconds}}"}),
            json!({"body": {"to": "{{endTime}}"}}),
            json!({"headers": {"x-from": "{{start}}"}}),
        ] {
            assert_eq!(told(earlier(), query.clone()), [""; 0], "{query}");
            assert_eq!(told(previous(), query.clone()), [""; 0], "{query}");
        }
    }
}
