//! What the plugin is configured with, and what the schema cannot say about it.
//!
//! Pure; `query` asks.

use analysis::goal::Goal;
use analysis::scope;
use analysis::series::Aggregate;
use analysis::terms::Metric;
use analysis::url_problem;
use shiftgate_sdk::prelude::*;

analysis::settings! {
    /// Holds metrics and counts of logs of Datadog against a goal, as often as told. The terms are those of Argo Rollouts.
    pub struct Settings {
        /// Datadog's API of your site: `https://api.datadoghq.com`, `https://api.datadoghq.eu`, `https://api.us5.datadoghq.com`.
        #[config(min_length = 1)]
        pub url: String,
        /// The API key: `${secrets.datadogApi}`. The plugin gets a placeholder, never the key.
        #[config(min_length = 1)]
        pub api_key: String,
        /// The application key: `${secrets.datadogApp}`; its owner may read metrics (`timeseries_query`) or logs (`logs_read_data`).
        #[config(min_length = 1)]
        pub application_key: String,
        /// How long one query may take.
        #[config(default = "10s")]
        pub timeout: Duration,
    }
    /// What is asked for one number: a metric, or a count of logs.
    pub struct Query {
        /// A metric query with one series as result: `sum:http.errors{group:{{group}}}.as_count()`. `{{group}}` stands for the
        /// Elastigroup's name.
        #[config(min_length = 1)]
        pub query: Option<String>,
        /// Makes one number of several series. Without it several series are an error.
        pub aggregate: Option<Aggregate>,
        /// A search of logs instead of a metric query: `service:web status:error`. The number is how many there are in the range.
        #[config(min_length = 1)]
        pub logs: Option<String>,
    }
}

impl Settings {
    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            url_problem(&self.url, "the API of your Datadog site, such as `https://api.datadoghq.com`").into_iter().collect();
        let inner = self.metrics.iter().enumerate().map(|(index, entry)| (format!("/metrics/{index}"), &entry.terms));
        for (place, terms) in std::iter::once((String::new(), &self.terms)).chain(inner) {
            if terms.step.is_some() {
                let message = "Datadog chooses the distance of samples, unless the query does: `….rollup(sum, 60)`";
                problems.push(Problem::at(format!("{place}/step"), message));
            }
        }
        problems.extend(self.problems_of_metrics(of_query));
        problems
    }
}

fn of_query(metric: &Metric<Query>, place: &str) -> Vec<Problem> {
    let compare = match &metric.goal {
        Goal::Compare(compare) => Some(compare),
        Goal::Threshold { .. } | Goal::Condition { .. } => None,
    };
    let groups = compare.is_some_and(analysis::compare::Compare::tells_groups_apart);
    match (&metric.query.query, &metric.query.logs) {
        (Some(query), None) => scope::problems(query, &format!("{place}/query"), groups),
        (None, Some(_)) if compare.is_some() => {
            let message = "a count of logs is one number, and a comparison needs samples; make a log-based metric of it";
            vec![Problem::at(format!("{place}/logs"), message)]
        }
        (None, Some(logs)) => scope::problems(logs, &format!("{place}/logs"), false),
        _ => vec![Problem::at(place, "give one of: `query`, a metric query, or `logs`, a search of logs")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(more: Value) -> Vec<String> {
        let mut config = json!({"url": "https://api.datadoghq.com", "apiKey": "a", "applicationKey": "b"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let settings: Settings = serde_json::from_value(config).unwrap();
        settings.problems().into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn every_problem_is_told_at_once() {
        assert_eq!(problems(json!({"query": "avg:system.load.1{*}", "max": 1})), [""; 0]);
        assert_eq!(problems(json!({"url": "datadog", "max": 1, "step": "1m"})), ["/url", "/step", ""]);
        assert_eq!(problems(json!({"query": "a", "logs": "b", "max": 1})), [""]);
        assert_eq!(problems(json!({"query": "avg:a{g:{{gruop}}}", "max": 1})), ["/query"]);
    }

    #[test]
    fn a_comparison_needs_samples_that_tell_the_groups_apart() {
        let compare = |query: Value| {
            let mut config = json!({"compare": {}, "for": "10m"});
            config.as_object_mut().unwrap().extend(query.as_object().unwrap().clone());
            problems(config)
        };
        assert_eq!(compare(json!({"query": "avg:errors{service:web}"})), ["/query"]);
        assert_eq!(compare(json!({"query": "avg:errors{group:{{group}}}"})), [""; 0]);
        assert_eq!(compare(json!({"logs": "group:{{group}}"})), ["/logs"]);
    }
}
