//! What the plugin is configured with, and what the schema cannot say about it.

use std::collections::BTreeMap;

use analysis::goal::Goal;
use analysis::scope;
use analysis::series::Aggregate;
use analysis::terms::Metric;
use analysis::url_problem;
use shiftgate_sdk::prelude::*;

analysis::settings! {
    /// Holds metrics of AppDynamics against a goal, as often as told. The terms are those of Argo Rollouts.
    pub struct Settings {
        /// The controller: `https://acme.saas.appdynamics.com`, without `/controller`.
        #[config(min_length = 1)]
        pub url: String,
        /// Headers of each query, such as `Authorization` where the grant has none.
        #[config(default)]
        pub headers: BTreeMap<String, String>,
        /// How long one query may take.
        #[config(default = "10s")]
        pub timeout: Duration,
    }
    /// What is asked for one number.
    pub struct Query {
        /// The application's name or id. A name with `/`, `\` or `%` cannot be sent: take its id.
        #[config(min_length = 1)]
        pub application: Option<String>,
        /// The metric's path, as the metric browser copies it: `Overall Application Performance|Errors per Minute`. `*` stands for any
        /// part. `{{group}}` stands for the Elastigroup's name.
        #[config(min_length = 1)]
        pub metric_path: Option<String>,
        /// Which of a sample's numbers; `value` when it is not said.
        pub field: Option<Field>,
        /// Makes one number of several metrics, which a path with `*` may have. Without it several are an error.
        pub aggregate: Option<Aggregate>,
    }
}

/// A number of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Config)]
pub enum Field {
    /// What the metric's own rule makes of its time: mostly the mean.
    #[default]
    Value,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The latest.
    Current,
    /// The sum.
    Sum,
    /// How often it was observed.
    Count,
}

impl Settings {
    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            url_problem(&self.url, "the controller's URL, such as `https://acme.saas.appdynamics.com`").into_iter().collect();
        if problems.is_empty() && self.url.trim_end_matches('/').ends_with("/controller") {
            problems.push(Problem::at("/url", "leave `/controller` out: it is added"));
        }
        problems.extend(self.problems_of_metrics(of_query));
        problems
    }

    /// The distance of samples that the workflow asks for; none where it says nothing of it.
    pub fn step_of(&self, metric: &Metric<Query>) -> Option<Duration> {
        let own = self.metrics.iter().find(|entry| entry.terms.name.as_deref() == Some(metric.name.as_str()));
        own.and_then(|entry| entry.terms.step).or(self.terms.step)
    }
}

fn of_query(metric: &Metric<Query>, place: &str) -> Vec<Problem> {
    let query = &metric.query;
    let mut problems = Vec::new();
    match query.application.as_deref() {
        None => problems.push(Problem::at(format!("{place}/application"), "expected the application's name or id")),
        Some(name) if name.contains(['/', '\\', '%']) => {
            let message =
                "a name with `/`, `\\` or `%` cannot stand in the path of a request; give the application's id, a number";
            problems.push(Problem::at(format!("{place}/application"), message));
        }
        Some(_) => {}
    }
    if query.metric_path.is_none() {
        let message = "expected a metric's path, such as `Overall Application Performance|Errors per Minute`";
        problems.push(Problem::at(format!("{place}/metricPath"), message));
    }
    let groups = matches!(&metric.goal, Goal::Compare(compare) if compare.tells_groups_apart());
    let texts = [&query.application, &query.metric_path].map(|text| text.as_deref().unwrap_or_default());
    problems.extend(scope::problems(&texts.join(" "), &format!("{place}/metricPath"), groups));
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
        let good = json!({"url": "https://c", "application": "My Shop", "metricPath": "Errors|x", "max": 1});
        assert_eq!(problems(good), [""; 0]);
        assert_eq!(problems(json!({"url": "c"})), ["/url", "", "/application", "/metricPath"]);
        let config = json!({
            "url": "https://c/controller/", "application": "a/b", "metricPath": "Errors|{{gruop}}", "compare": {}, "for": "5m",
        });
        assert_eq!(problems(config), ["/url", "/application", "/metricPath"]);
        let apart = json!({"url": "https://c", "application": "a", "metricPath": "Errors", "compare": {}, "for": "5m"});
        assert_eq!(problems(apart), ["/metricPath"]);
    }
}
