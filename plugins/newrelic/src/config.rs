//! What the plugin is configured with, and what the schema cannot say about it.
//!
//! Pure; `nrql` makes the query complete, and `query` asks it.

use analysis::goal::Goal;
use analysis::scope;
use analysis::series::Aggregate;
use analysis::terms::Metric;
use shiftgate_sdk::prelude::*;

use crate::nrql;

analysis::settings! {
    /// Holds the result of NRQL queries against a goal, as often as told. The terms are those of Argo Rollouts.
    pub struct Settings {
        /// NerdGraph of the account's region: `https://api.newrelic.com`, or `https://api.eu.newrelic.com`.
        #[config(min_length = 1)]
        pub url: String,
        /// The account's number.
        #[config(minimum = 1, maximum = 2147483647)]
        pub account: u32,
        /// A user key: `${secrets.newrelic}`. The plugin gets a placeholder, never the key. Without it the grant's `auth` adds the
        /// header `API-Key`.
        #[config(min_length = 1)]
        pub api_key: Option<String>,
        /// How long one query may take, 25s at most. New Relic is told so: left alone it gives up after 5s.
        #[config(default = "20s")]
        pub timeout: Duration,
    }
    /// What is asked for one number.
    pub struct Query {
        /// An NRQL query with one number as result: `SELECT percentage(count(*), WHERE error IS true) FROM Transaction WHERE
        /// appName = 'web'`. `SINCE` and `UNTIL` are added where it has none, and `TIMESERIES` where there is a `range`.
        /// `{{group}}` stands for the Elastigroup's name.
        #[config(min_length = 1)]
        pub query: Option<String>,
        /// Which number of a row is meant, where it has several: `count`, `percentile.duration.95`.
        #[config(min_length = 1)]
        pub field: Option<String>,
        /// Makes one number of the rows of a `FACET`. Without it several are an error.
        pub aggregate: Option<Aggregate>,
    }
}

impl Settings {
    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(self.url.starts_with("http://") || self.url.starts_with("https://")) || self.url.ends_with("/graphql") {
            let message = "expected `https://api.newrelic.com`, or `https://api.eu.newrelic.com` in the EU, without `/graphql`";
            problems.push(Problem::at("/url", message));
        }
        if self.timeout.as_millis() < 1_000 || self.timeout.as_millis() > 25_000 {
            problems.push(Problem::at("/timeout", "expected 1s to 25s"));
        }
        problems.extend(self.problems_of_metrics(of_query));
        problems
    }
}

fn of_query(metric: &Metric<Query>, place: &str) -> Vec<Problem> {
    let place = format!("{place}/query");
    let compare = match &metric.goal {
        Goal::Compare(compare) => Some(compare),
        Goal::Threshold { .. } | Goal::Condition { .. } => None,
    };
    let Some(query) = &metric.query.query else {
        return vec![Problem::at(place, "expected an NRQL query")];
    };
    let groups = compare.is_some_and(analysis::compare::Compare::tells_groups_apart);
    let mut problems = scope::problems(query, &place, groups);
    if nrql::has(query, "COMPARE") {
        problems
            .push(Problem::at(&place, "`COMPARE WITH` gives two numbers; say `compare: { with: earlier, offset: … }` instead"));
    }
    if compare.is_some() && (nrql::has(query, "SINCE") || nrql::has(query, "UNTIL")) {
        problems.push(Problem::at(&place, "a comparison asks for times of its own: leave `SINCE` and `UNTIL` out"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(more: Value) -> Vec<String> {
        let mut config = json!({"url": "https://api.eu.newrelic.com", "account": 1});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let settings: Settings = serde_json::from_value(config).unwrap();
        settings.problems().into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn every_problem_is_told_at_once() {
        assert_eq!(problems(json!({"query": "SELECT count(*) FROM T", "max": 1})), [""; 0]);
        assert_eq!(problems(json!({"url": "newrelic", "max": 1, "timeout": "1m"})), ["/url", "/timeout", "/query"]);
        assert_eq!(problems(json!({"url": "https://api.newrelic.com/graphql", "query": "SELECT 1", "max": 1})), ["/url"]);
        assert_eq!(problems(json!({"query": "SELECT count(*) FROM T COMPARE WITH 1 day ago", "max": 1})), ["/query"]);
        assert_eq!(problems(json!({"query": "SELECT '{{gruop}}'", "max": 1})), ["/query"]);
    }

    #[test]
    fn a_comparison_asks_for_its_own_times_and_tells_the_groups_apart() {
        let compare = |query: &str| problems(json!({"query": query, "compare": {}, "for": "10m"}));
        assert_eq!(compare("SELECT count(*) FROM T"), ["/query"]);
        assert_eq!(compare("SELECT count(*) FROM T WHERE g = '{{group}}'"), [""; 0]);
        assert_eq!(compare("SELECT count(*) FROM T WHERE g = '{{group}}' SINCE 5 minutes ago"), ["/query"]);
    }
}
