//! What the plugin is configured with, and what the schema cannot say about it.

use shiftgate_sdk::prelude::*;

/// Holds the result of a Prometheus query against a threshold, as often as told. The terms are those of Argo Rollouts.
#[derive(Config)]
pub struct Settings {
    /// Prometheus, or what speaks its query API: `http://prometheus:9090`. A path prefix is kept.
    #[config(min_length = 1)]
    pub url: String,
    /// A PromQL query with one series as result.
    #[config(min_length = 1)]
    pub query: String,
    /// What the number is called in the report.
    #[config(default = "value")]
    pub name: String,
    /// Its unit: `ratio`, `ms`.
    #[config(default)]
    pub unit: String,
    /// The most that it may be, inclusive.
    pub max: Option<f64>,
    /// The least that it may be, inclusive.
    pub min: Option<f64>,
    /// Makes one number of several series. Without it several series are an error.
    pub aggregate: Option<Aggregate>,
    /// Asks for a range that reaches this far back, instead of an instant. Its worst sample is judged.
    pub range: Option<Duration>,
    /// The distance of samples in a range.
    #[config(default = "15s")]
    pub step: Duration,
    /// How long to wait before the first measurement.
    #[config(default = "0s")]
    pub initial_delay: Duration,
    /// The time between measurements; 1m when there are several.
    pub interval: Option<Duration>,
    /// How many measurements; 1 when neither this nor `for` is given.
    #[config(minimum = 1, maximum = 1000)]
    pub count: Option<u32>,
    /// How long to measure: as many measurements as there are intervals in it. Instead of `count`.
    pub r#for: Option<Duration>,
    /// How many measurements may fail; one more fails the verification. -1 for any number.
    #[config(default = 0, minimum = -1)]
    pub failure_limit: i64,
    /// How many measurements may be without data; one more makes the verification inconclusive. -1 for any number.
    #[config(default = 0, minimum = -1)]
    pub inconclusive_limit: i64,
    /// How many queries in a row may go wrong; one more is an error of the step.
    #[config(default = 4, minimum = 0)]
    pub consecutive_error_limit: u32,
    /// Ends with success as soon as so many measurements in a row are good. 0 for never.
    #[config(default = 0)]
    pub consecutive_success_limit: u32,
    /// How long one query may take.
    #[config(default = "10s")]
    pub timeout: Duration,
}

/// How several series become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum Aggregate {
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The mean.
    Avg,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Settings {
    /// The time between measurements.
    pub fn interval(&self) -> Duration {
        self.interval.unwrap_or(MINUTE)
    }

    /// How many measurements are taken.
    pub fn count(&self) -> u32 {
        match (self.count, self.r#for) {
            (Some(count), _) => count,
            (None, Some(length)) => {
                let intervals = length.as_millis().div_ceil(self.interval().as_millis().max(1));
                u32::try_from(intervals).unwrap_or(u32::MAX).max(1)
            }
            (None, None) => 1,
        }
    }

    /// The threshold in words: `<= 0.01`, `0.9 to 1`.
    pub fn threshold(&self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!(">= {min}"),
            (None, Some(max)) => format!("<= {max}"),
            (None, None) => String::new(),
        }
    }

    /// How far a number is beyond the threshold; 0 at the threshold, negative on the right side.
    pub fn badness(&self, value: f64) -> f64 {
        let above = self.max.map_or(f64::NEG_INFINITY, |max| value - max);
        let below = self.min.map_or(f64::NEG_INFINITY, |min| min - value);
        above.max(below)
    }

    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(self.url.starts_with("http://") || self.url.starts_with("https://")) {
            problems.push(Problem::at("/url", "expected the base URL of Prometheus, such as `http://prometheus:9090`"));
        }
        match (self.min, self.max) {
            (None, None) => problems.push(Problem::at("", "give a threshold: `max`, `min`, or both")),
            (Some(min), Some(max)) if min > max => {
                problems.push(Problem::at("/min", format!("no value is at least {min} and at most {max}")));
            }
            _ => {}
        }
        if self.count.is_some() && self.r#for.is_some() {
            problems.push(Problem::at("/for", "give `count` or `for`, not both"));
        }
        if self.interval.is_some() && self.count.is_none() && self.r#for.is_none() {
            problems.push(Problem::at("/interval", "an interval needs `count` or `for`: how often, or how long to measure"));
        }
        if self.interval.is_some_and(Duration::is_zero) {
            problems.push(Problem::at("/interval", "expected more than no time"));
        }
        if self.range.is_some() && self.step.is_zero() {
            problems.push(Problem::at("/step", "expected more than no time"));
        }
        if self.count() > 1000 {
            problems.push(Problem::at("/for", format!("these are {} measurements; 1000 is the most", self.count())));
        }
        if self.consecutive_success_limit > self.count() {
            let message =
                format!("{} successes in a row cannot come from {} measurements", self.consecutive_success_limit, self.count());
            problems.push(Problem::at("/consecutiveSuccessLimit", message));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(config: Value) -> Vec<String> {
        let settings: Settings = serde_json::from_value(config).unwrap();
        settings.problems().into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn every_problem_is_told_at_once() {
        assert_eq!(pointers(json!({"url": "http://p", "query": "up", "max": 1})), [""; 0]);
        assert_eq!(pointers(json!({"url": "p:9090", "query": "up"})), ["/url", ""]);
        let config = json!({
            "url": "http://p", "query": "up", "min": 2, "max": 1, "count": 2, "for": "5m", "interval": "0s", "range": "5m", "step": "0s",
            "consecutiveSuccessLimit": 3,
        });
        assert_eq!(pointers(config), ["/min", "/for", "/interval", "/step", "/consecutiveSuccessLimit"]);
        assert_eq!(pointers(json!({"url": "http://p", "query": "up", "max": 1, "interval": "10s"})), ["/interval"]);
        assert_eq!(pointers(json!({"url": "http://p", "query": "up", "max": 1, "for": "2d"})), ["/for"]);
    }

    #[test]
    fn a_length_becomes_a_count() {
        let count = |config: Value| serde_json::from_value::<Settings>(config).unwrap().count();
        assert_eq!(count(json!({"url": "", "query": ""})), 1);
        assert_eq!(count(json!({"url": "", "query": "", "count": 7})), 7);
        assert_eq!(count(json!({"url": "", "query": "", "for": "10m"})), 10);
        assert_eq!(count(json!({"url": "", "query": "", "for": "65s", "interval": "30s"})), 3);
    }
}
