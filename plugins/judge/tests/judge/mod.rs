//! What the tests share: the samples of the published vectors, and short ways to ask.

mod exact;
mod kayenta;
mod peers;
mod properties;
mod samples;
mod scores;
mod written;

use judge::{Judge, Judgement, Label, MetricSpec, Mode};

/// The published samples with this name.
fn published(name: &str) -> Vec<f64> {
    let lines = include_str!("../data/samples.txt").lines();
    let line = lines.filter_map(|line| line.split_once(' ')).find(|(first, _)| *first == name).expect("published samples");
    line.1.split(' ').map(|number| number.parse().expect("a number")).collect()
}

/// The numbers of a file that holds nothing else, but for lines that begin with `#`.
fn numbers(text: &str) -> Vec<f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).map(|number| number.parse().expect("a number")).collect()
}

fn close(seen: f64, wanted: f64) {
    near(seen, wanted, 1e-6);
}

fn near(seen: f64, wanted: f64, by: f64) {
    assert!((seen - wanted).abs() <= by, "{seen} is not {wanted}");
}

fn kayenta(tolerance: f64, confidence: f64) -> Judge {
    Judge { confidence, tolerance: Some(tolerance), ..Judge::new(Mode::Kayenta) }
}

/// Kayenta's judge as its own tests set it up.
fn as_tested(spec: &MetricSpec, canary: &[f64], baseline: &[f64]) -> Judgement {
    kayenta(0.10, 0.95).metric(spec, baseline, canary)
}

fn label(judgement: &Judgement) -> (Label, bool) {
    (judgement.label, judgement.critical)
}
