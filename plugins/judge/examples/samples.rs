//! Prints samples of many kinds and what the judge makes of them, a JSON object a line, for `tests/peers/judge.py` to compare with what
//! others compute: `cargo run -p judge --example samples [SEED [COUNT]]`. The same seed prints the same lines.

use std::io::{self, Write as _};

use judge::{Judge, MetricSpec, kayenta};
use serde_json::json;

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        (self.share() * end as f64) as usize
    }
}

/// Samples of one side.
fn side(random: &mut Random, kind: usize, count: usize, shift: f64) -> Vec<f64> {
    let mut sample = || match kind {
        // Bell-shaped; skewed; counts with many ties; mostly zeros; small numbers; two groups.
        0 => (0..12).map(|_| random.share()).sum::<f64>() * 3.0 + shift,
        1 => -(1.0 - random.share()).ln() * (1.0 + shift),
        2 => (random.share() * 6.0 + shift).floor(),
        3 => (random.share() * 1.25 + shift / 8.0 - 1.0).max(0.0),
        4 => random.share() * 1e-3 * (1.0 + shift),
        _ => (if random.share() < 0.6 { 5.0 } else { 50.0 }) + random.share() + shift,
    };
    (0..count).map(|_| sample()).collect()
}

/// The lines.
pub(crate) fn lines(seed: u64, count: usize) -> Vec<String> {
    let mut random = Random(seed);
    let judge = Judge { confidence: 0.95, ..Judge::default() };
    let spec = MetricSpec::default();
    let mut line = |number: usize| {
        let most = if number.is_multiple_of(10) { 300 } else { 48 };
        let (n, m) = (1 + random.below(most), 1 + random.below(most));
        let kind = random.below(6);
        let shift = random.share() * 2.0 - 0.5;
        let mut baseline = side(&mut random, kind, n, 0.0);
        let mut canary = side(&mut random, kind, m, shift);
        let exact = judge.metric(&spec, &baseline, &canary);
        let asymptotic = Judge { mode: judge::Mode::Kayenta, ..judge }.metric(&spec, &baseline, &canary);
        baseline.sort_by(f64::total_cmp);
        canary.sort_by(f64::total_cmp);
        let roots = kayenta::shift(&canary, &baseline, judge.confidence);
        json!({
            "baseline": baseline, "canary": canary, "confidence": judge.confidence,
            "exact": { "u": exact.u, "p": exact.p, "interval": exact.interval, "estimate": exact.estimate, "digest": exact.digest },
            "kayenta": {
                "p": asymptotic.p, "interval": roots.map(|roots| roots.interval), "estimate": roots.map(|roots| roots.estimate),
            },
        })
        .to_string()
    };
    (0..count).map(&mut line).collect()
}

/// Prints them.
pub(crate) fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().map_err(io::Error::other));
    let seed = arguments.next().transpose()?.unwrap_or(1);
    let count = arguments.next().transpose()?.unwrap_or(1000);
    let mut out = io::stdout().lock();
    lines(seed, usize::try_from(count).map_err(io::Error::other)?).iter().try_for_each(|line| writeln!(out, "{line}"))
}
