//! What the plugin is configured with, and what the schema cannot say about it.

use std::collections::BTreeMap;

use analysis::goal::Goal;
use analysis::scope;
use analysis::series::Aggregate;
use analysis::terms::Metric;
use analysis::url_problem;
use shiftgate_sdk::prelude::*;

analysis::settings! {
    /// Holds the result of Prometheus queries against a goal, as often as told. The terms are those of Argo Rollouts.
    pub struct Settings {
        /// Prometheus, or what speaks its query API: `http://prometheus:9090`. A path prefix is kept.
        #[config(min_length = 1)]
        pub url: String,
        /// Headers of each query, such as `X-Scope-OrgID`.
        #[config(default)]
        pub headers: BTreeMap<String, String>,
        /// How long one query may take.
        #[config(default = "10s")]
        pub timeout: Duration,
    }
    /// What is asked for one number.
    pub struct Query {
        /// A PromQL query with one series as result. `{{group}}` stands for the Elastigroup's name.
        #[config(min_length = 1)]
        pub query: Option<String>,
        /// Makes one number of several series. Without it several series are an error.
        pub aggregate: Option<Aggregate>,
    }
}

impl Settings {
    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            url_problem(&self.url, "the base URL of Prometheus, such as `http://prometheus:9090`").into_iter().collect();
        problems.extend(self.problems_of_metrics(of_query));
        problems
    }
}

fn of_query(metric: &Metric<Query>, place: &str) -> Vec<Problem> {
    let place = format!("{place}/query");
    let groups = matches!(&metric.goal, Goal::Compare(compare) if compare.tells_groups_apart());
    match &metric.query.query {
        Some(query) => scope::problems(query, &place, groups),
        None => vec![Problem::at(place, "expected a PromQL query")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::Numbers as _;

    fn problems(config: Value) -> Vec<String> {
        let settings: Settings = serde_json::from_value(config).unwrap();
        settings.problems().into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn every_problem_is_told_at_once() {
        assert_eq!(problems(json!({"url": "http://p", "query": "up", "max": 1})), [""; 0]);
        assert_eq!(problems(json!({"url": "p:9090"})), ["/url", "", "/query"]);
        let metrics = json!([{"name": "a", "query": "up{g=\"{{gruop}}\"}"}, {"max": 1, "compare": {}, "for": "5m"}, {"name": "a", "compare": {}, "for": "5m"}]);
        assert_eq!(
            problems(json!({"url": "http://p", "query": "up", "max": 1, "metrics": metrics})),
            ["/metrics/1", "/metrics/1/name", "/metrics/2/name", "/metrics/0/query", "/metrics/1/query", "/metrics/2/query"]
        );
    }

    #[test]
    fn what_one_number_does_not_say_is_said_beside() {
        let settings: Settings = serde_json::from_value(json!({
            "url": "http://p", "aggregate": "max", "interval": "30s", "count": 3,
            "metrics": [{"name": "errors", "query": "errors", "max": 0.01}, {"name": "slow", "query": "slow", "aggregate": "avg", "max": 300}],
        }))
        .unwrap();
        let metrics = settings.numbers();
        let told: Vec<_> = metrics.iter().map(|m| (m.name.as_str(), m.query.aggregate, m.count, m.goal.words())).collect();
        let expected =
            [("errors", Some(Aggregate::Max), 3, "<= 0.01".to_owned()), ("slow", Some(Aggregate::Avg), 3, "<= 300".to_owned())];
        assert_eq!(told, expected);
    }
}
