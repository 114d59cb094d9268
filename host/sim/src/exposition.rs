//! The simulated metrics in Prometheus's text format, for a Prometheus that scrapes them: `GET /metrics`.
//!
//! The series are those of `metrics.rs` at this moment; `query_api.rs` answers queries over them. No token is asked for.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::metrics::{Labels, Metric, Scrape, Select};
use crate::server::Shared;

/// The media type of the format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers with every series.
pub(crate) async fn serve(State(account): State<Shared>) -> impl IntoResponse {
    let scrape = Scrape::of(&mut account.lock());
    ([(CONTENT_TYPE, FORMAT)], text(&scrape))
}

fn text(scrape: &Scrape) -> String {
    let mut written = String::new();
    let mut last = None;
    for (metric, labels, value) in scrape.values(&Select { name: None, matchers: Vec::new() }, scrape.wall) {
        if last != Some(metric) {
            line(&mut written, format_args!("# TYPE {} {}", metric.name(), kind(metric)));
            last = Some(metric);
        }
        line(&mut written, format_args!("{}{{{}}} {value}", metric.name(), labelled(labels)));
    }
    written
}

fn line(to: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(to, "{words}");
}

const fn kind(metric: Metric) -> &'static str {
    match metric {
        Metric::Requests | Metric::Errors => "counter",
        Metric::Latency | Metric::Up => "gauge",
    }
}

fn labelled(labels: &Labels) -> String {
    let label = |(name, value): (&String, &String)| format!("{name}=\"{}\"", escaped(value));
    labels.iter().map(label).collect::<Vec<_>>().join(",")
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let labels: Labels = [("group".to_owned(), "a\"b\\c\nd".to_owned()), ("instance".to_owned(), "i-1".to_owned())].into();
        assert_eq!(labelled(&labels), r#"group="a\"b\\c\nd",instance="i-1""#);
    }
}
