//! Prints how long one metric with 10,000 samples a side takes to judge: `cargo run --release -p judge --example speed [SAMPLES]`.
//! Built for `wasm32-wasip2` it runs in any WASI runtime.

use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use judge::{Judge, MetricSpec, Mode};

/// Numbers that look random, from 0 to below 1.
fn spread(count: usize, offset: u64) -> Vec<f64> {
    let mix =
        |index: u64| (index + offset).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (0..count as u64).map(|index| (mix(index) >> 11) as f64 / (1_u64 << 53) as f64).collect()
}

fn main() -> io::Result<()> {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let latencies =
        |offset, slower: f64| -> Vec<f64> { spread(count, offset).iter().map(|share| slower - (1.0 - share).ln()).collect() };
    let counts =
        |offset, more: f64| -> Vec<f64> { spread(count, offset).iter().map(|share| (share * 3.0 + more).floor()).collect() };
    let kinds = [("latencies", latencies(1, 0.1), latencies(1 << 40, 0.2)), ("counts", counts(1, 0.0), counts(1 << 40, 0.1))];
    let mut out = io::stdout().lock();
    for (kind, baseline, canary) in &kinds {
        for mode in [Mode::Exact, Mode::Kayenta] {
            let mut fastest = Duration::MAX;
            let mut label = None;
            for _ in 0..9 {
                let began = Instant::now();
                let judgement = Judge::new(mode).metric(&MetricSpec::default(), black_box(baseline), black_box(canary));
                fastest = fastest.min(began.elapsed());
                label = Some(judgement.label);
            }
            writeln!(out, "{count} {kind} a side, {mode:?}: {fastest:?}, {label:?}")?;
        }
    }
    Ok(())
}
