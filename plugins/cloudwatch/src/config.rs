//! What the plugin is configured with, and what the schema cannot say about it.
//!
//! Pure. [`Settings::meant`] is the config with what alarms imply; `query` asks.

use std::collections::BTreeMap;

use analysis::goal::Goal;
use analysis::scope;
use analysis::series::Aggregate;
use analysis::terms::{Metric, Terms};
use analysis::url_problem;
use shiftgate_sdk::prelude::*;

/// The id of an expression's result; none of its queries may have it.
pub const RESULT: &str = "shiftgate";
/// What CloudWatch takes in one call.
const MOST_ALARMS: usize = 100;

analysis::settings! {
    /// Holds metrics of CloudWatch against a goal, as often as told, and lets no alarm ring. The terms are those of Argo Rollouts.
    pub struct Settings {
        /// The endpoint of the region: `https://monitoring.us-east-1.amazonaws.com`. The grant of it says `auth: { sigv4: … }`.
        #[config(min_length = 1)]
        pub url: String,
        /// How long one call may take.
        #[config(default = "10s")]
        pub timeout: Duration,
    }
    /// What is asked for one number: a metric, an expression, or alarms.
    pub struct Query {
        /// The namespace of the metric: `AWS/ApplicationELB`.
        #[config(min_length = 1)]
        pub namespace: Option<String>,
        /// The name of the metric: `HTTPCode_Target_5XX_Count`.
        #[config(min_length = 1)]
        pub metric_name: Option<String>,
        /// All dimensions of the metric, by name; CloudWatch knows no metric by a part of them. `{{targetGroup}}` stands for the
        /// group's target group, `{{group}}` for the Elastigroup's name.
        pub dimensions: Option<BTreeMap<String, String>>,
        /// The statistic: `Sum`, `Average`, `p99`.
        #[config(min_length = 1)]
        pub stat: Option<String>,
        /// The length of time that one sample stands for; 1m when it is not said.
        pub period: Option<Duration>,
        /// Metric math over `queries`: `errors / requests`. Or a query of Metrics Insights, `SELECT …`, without `queries`.
        #[config(min_length = 1)]
        pub expression: Option<String>,
        /// The metrics of the expression.
        pub queries: Option<Vec<Source>>,
        /// Makes one number of several series, which an expression may give. Without it several series are an error.
        pub aggregate: Option<Aggregate>,
        /// Names of alarms, instead of a metric and a goal: each that is in ALARM fails, and INSUFFICIENT_DATA is no data.
        pub alarms: Option<Vec<String>>,
    }
}

/// A metric of an expression. What it does not say is said beside the expression.
#[derive(Clone, Debug, Default, PartialEq, Config)]
pub struct Source {
    /// Its name in the expression: `errors`.
    #[config(pattern = "^[a-z][a-zA-Z0-9_]*$", max_length = 255)]
    pub id: String,
    /// The namespace of the metric.
    #[config(min_length = 1)]
    pub namespace: Option<String>,
    /// The name of the metric.
    #[config(min_length = 1)]
    pub metric_name: String,
    /// All dimensions of the metric, by name.
    pub dimensions: Option<BTreeMap<String, String>>,
    /// The statistic.
    #[config(min_length = 1)]
    pub stat: Option<String>,
}

impl Query {
    /// The length of time that one sample stands for.
    pub fn period(&self) -> Duration {
        self.period.unwrap_or(Duration::from_secs(60))
    }

    /// Whether the expression is a query of Metrics Insights.
    pub fn is_insights(&self) -> bool {
        let first = self.expression.as_deref().and_then(|text| text.split_whitespace().next());
        first.is_some_and(|word| word.eq_ignore_ascii_case("select"))
    }
}

impl Settings {
    /// The config with what alarms imply: none of them may ring.
    #[must_use]
    pub fn meant(&self) -> Self {
        let mut meant = self.clone();
        if meant.query.alarms.is_some() {
            meant.terms = quiet(&meant.terms, "alarms");
        }
        for entry in meant.metrics.iter_mut().filter(|entry| entry.query.alarms.is_some()) {
            entry.terms = quiet(&entry.terms, "alarms");
        }
        meant
    }

    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            url_problem(&self.url, "CloudWatch's endpoint, such as `https://monitoring.us-east-1.amazonaws.com`")
                .into_iter()
                .collect();
        let inner =
            self.metrics.iter().enumerate().map(|(index, entry)| (format!("/metrics/{index}"), &entry.query, &entry.terms));
        for (place, query, terms) in std::iter::once((String::new(), &self.query, &self.terms)).chain(inner) {
            if terms.step.is_some() {
                problems.push(Problem::at(format!("{place}/step"), "CloudWatch's word for it is `period`"));
            }
            if query.alarms.is_some() && has_goal(terms) {
                let message = "alarms have a goal of their own: none of them is in ALARM; leave this one out";
                problems.push(Problem::at(format!("{place}/alarms"), message));
            }
        }
        problems.extend(self.meant().problems_of_metrics(of_query));
        problems
    }
}

/// The terms of alarms.
fn quiet(terms: &Terms, name: &str) -> Terms {
    Terms {
        name: terms.name.clone().or_else(|| Some(name.to_owned())),
        max: Some(0.0),
        min: None,
        success_condition: None,
        failure_condition: None,
        compare: None,
        ..terms.clone()
    }
}

fn has_goal(terms: &Terms) -> bool {
    let Terms { max, min, success_condition, failure_condition, compare, .. } = terms;
    max.is_some() || min.is_some() || success_condition.is_some() || failure_condition.is_some() || compare.is_some()
}

fn of_query(metric: &Metric<Query>, place: &str) -> Vec<Problem> {
    let query = &metric.query;
    let groups = matches!(&metric.goal, Goal::Compare(compare) if compare.tells_groups_apart());
    let mut problems = match (&query.metric_name, &query.expression, &query.alarms) {
        (Some(_), None, None) => of_metric(query, place, groups),
        (None, Some(expression), None) => of_expression(query, expression, place, groups),
        (None, None, Some(alarms)) => of_alarms(alarms, place),
        _ => vec![Problem::at(place, "give one of: `metricName`, `expression`, `alarms`")],
    };
    if query.queries.is_some() && query.expression.is_none() {
        problems.push(Problem::at(format!("{place}/queries"), "they go with an `expression` only"));
    }
    let millis = query.period().as_millis();
    if !(matches!(millis, 1_000 | 5_000 | 10_000 | 20_000 | 30_000) || (millis > 0 && millis.is_multiple_of(60_000))) {
        let message = "CloudWatch takes 1s, 5s, 10s, 20s, 30s, and whole minutes";
        problems.push(Problem::at(format!("{place}/period"), message));
    }
    problems
}

fn of_metric(query: &Query, place: &str, groups: bool) -> Vec<Problem> {
    let mut problems = missing(place, query.namespace.is_some(), query.stat.is_some());
    let values = texts(query.dimensions.as_ref());
    problems.extend(scope::problems(&values, &format!("{place}/dimensions"), groups));
    problems
}

fn of_expression(query: &Query, expression: &str, place: &str, groups: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut all = expression.to_owned();
    let sources = query.queries.as_deref().unwrap_or_default();
    for (index, source) in sources.iter().enumerate() {
        let place = format!("{place}/queries/{index}");
        let known = |own: &Option<String>, outer: &Option<String>| own.is_some() || outer.is_some();
        problems.extend(missing(&place, known(&source.namespace, &query.namespace), known(&source.stat, &query.stat)));
        if source.id == RESULT || sources.iter().take(index).any(|other| other.id == source.id) {
            problems.push(Problem::at(format!("{place}/id"), "another query has that id, or the result has it"));
        }
        all.push('\n');
        all.push_str(&texts(source.dimensions.as_ref().or(query.dimensions.as_ref())));
    }
    problems.extend(scope::problems(&all, &format!("{place}/expression"), groups));
    problems
}

fn of_alarms(alarms: &[String], place: &str) -> Vec<Problem> {
    let place = format!("{place}/alarms");
    let mut problems = Vec::new();
    if alarms.is_empty() || alarms.len() > MOST_ALARMS {
        problems.push(Problem::at(&place, format!("expected 1 to {MOST_ALARMS} names of alarms")));
    }
    for (index, name) in alarms.iter().enumerate() {
        problems.extend(scope::problems(name, &format!("{place}/{index}"), false));
    }
    problems
}

fn missing(place: &str, namespace: bool, stat: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !namespace {
        problems.push(Problem::at(format!("{place}/namespace"), "expected the metric's namespace, such as `AWS/ApplicationELB`"));
    }
    if !stat {
        problems.push(Problem::at(format!("{place}/stat"), "expected a statistic, such as `Sum`, `Average`, `p99`"));
    }
    problems
}

fn texts(dimensions: Option<&BTreeMap<String, String>>) -> String {
    dimensions.map(|dimensions| dimensions.values().cloned().collect::<Vec<_>>().join("\n")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::Numbers as _;

    fn settings(more: Value) -> Settings {
        let mut config = json!({"url": "https://monitoring.us-east-1.amazonaws.com"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    }

    fn problems(more: Value) -> Vec<String> {
        settings(more).problems().into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let metric = json!({"namespace": "web", "metricName": "errors", "stat": "Sum", "max": 1});
        assert_eq!(problems(metric), [""; 0]);
        assert_eq!(problems(json!({"metricName": "errors", "max": 1})), ["/namespace", "/stat"]);
        assert_eq!(problems(json!({"max": 1, "url": "aws"})), ["/url", ""]);
        assert_eq!(problems(json!({"max": 1, "expression": "a", "alarms": ["b"]})), ["/alarms", ""]);
        let odd = json!({"namespace": "web", "metricName": "errors", "stat": "Sum", "max": 1, "period": "45s", "step": "1m", "queries": []});
        assert_eq!(problems(odd), ["/step", "/queries", "/period"]);
    }

    #[test]
    fn an_expression_has_metrics_with_names_of_their_own() {
        let good = json!({
            "expression": "errors / requests", "namespace": "web", "stat": "Sum", "max": 0.01,
            "queries": [{"id": "errors", "metricName": "e"}, {"id": "requests", "metricName": "r"}],
        });
        assert_eq!(problems(good), [""; 0]);
        let bad = json!({
            "expression": "a + {{gruop}}", "max": 1,
            "queries": [{"id": "a", "metricName": "e"}, {"id": "a", "metricName": "r", "namespace": "web", "stat": "Sum"}],
        });
        assert_eq!(problems(bad), ["/queries/0/namespace", "/queries/0/stat", "/queries/1/id", "/expression"]);
    }

    #[test]
    fn a_comparison_of_groups_needs_a_dimension_that_tells_them_apart() {
        let compare = |group: &str| {
            problems(json!({
                "namespace": "web", "metricName": "errors", "stat": "Sum", "dimensions": {"Group": group},
                "compare": {}, "for": "10m",
            }))
        };
        assert_eq!(compare("web"), ["/dimensions"]);
        assert_eq!(compare("{{group}}"), [""; 0]);
    }

    #[test]
    fn alarms_bring_their_own_goal() {
        let alone = settings(json!({"alarms": ["web-errors"]}));
        assert_eq!(alone.problems(), []);
        let metric = alone.meant().numbers().remove(0);
        assert_eq!((metric.name.as_str(), metric.goal.words()), ("alarms", "<= 0".to_owned()));
        // The goal beside holds for the others.
        let beside = settings(json!({
            "namespace": "web", "stat": "Sum", "max": 5,
            "metrics": [{"name": "errors", "metricName": "e"}, {"name": "quiet", "alarms": ["web-errors"]}],
        }));
        assert_eq!(beside.problems(), []);
        let goals: Vec<_> = beside.meant().numbers().iter().map(|metric| metric.goal.words()).collect();
        assert_eq!(goals, ["<= 5", "<= 0"]);
        assert_eq!(problems(json!({"alarms": ["web-errors"], "max": 2})), ["/alarms"]);
        assert_eq!(problems(json!({"alarms": []})), ["/alarms"]);
    }
}
