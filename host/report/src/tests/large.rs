//! However much a run left: a page that a browser opens at once, and that says what it leaves out.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shiftgate_model::{EventKind, Evidence, Level, Verdict};

use super::fixture::{self, START};
use crate::{page, terminal};

const MOST: usize = 2 << 20;

fn series(points: u64, side: &str) -> Value {
    let points: Vec<Value> = (0..points).map(|index| json!([START + index * 100, (index % 977) as f64 / 7.3])).collect();
    json!({ "side": side, "label": "web__5", "points": points })
}

fn judged(analysis: &Value) -> fixture::Tale {
    let mut tale = fixture::failed_canary();
    let report = fixture::report(Verdict::Fail, "many", analysis, 1.0);
    tale.evidence = vec![fixture::call("phase-2/verify-1", START, &report)];
    tale
}

#[test]
fn ten_thousand_points_a_series_are_made_few_and_that_is_said() {
    let metric =
        json!({ "name": "latency", "verdict": "fail", "series": [series(10_000, "canary"), series(10_000, "baseline")] });
    let tale = judged(&json!({ "format": 1, "metrics": vec![metric; 5] }));
    let began = Instant::now();
    let story = tale.story();
    let page = page(&story);
    let text = terminal(&story, 100);
    // Unoptimised, on a machine that builds meanwhile; optimised it is some milliseconds.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(page.len() < MOST / 2, "{} bytes", page.len());
    assert!(page.contains("Of 10000 points a series, the least and the greatest of each of 400 columns are drawn."));
    assert!(page.contains("10000 points in 120 rows"));
    assert!(text.len() < 64 << 10, "{} bytes", text.len());
}

#[test]
fn metrics_without_end_do_not_make_a_page_without_end() {
    let series: Vec<Value> =
        (0..8).map(|_| json!({ "side": "value", "label": "<".repeat(300), "points": [[START, 1.0]] })).collect();
    let metric = json!({ "name": "m", "verdict": "pass", "series": series });
    let mut tale = judged(&json!({ "format": 1, "metrics": vec![metric; 1_000] }));
    let many = tale.evidence[0].clone();
    tale.evidence.extend((2..20).map(|attempt| Evidence { attempt, ..many.clone() }));
    let page = page(&tale.story());
    assert!(page.len() < MOST, "{} bytes", page.len());
    assert!(page.contains("The page is full: "));
}

#[test]
fn a_page_ends_before_it_gets_heavy_and_says_what_is_missing() {
    let answer = "\"<&>\u{202e}".repeat(5_000);
    let queries: Vec<Value> =
        (0..150).map(|index| json!({ "query": format!("q{index}"), "answer": answer, "at": START })).collect();
    let measurements: Vec<Value> =
        (0..1_000).map(|index| json!({ "at": START + index, "verdict": "error", "text": "<".repeat(900) })).collect();
    let metric = json!({
        "name": "<".repeat(100_000), "reason": "&".repeat(100_000), "verdict": "fail", "queries": queries, "measurements": measurements,
        "series": vec![series(3_000, "canary"); 30],
    });
    let mut tale = judged(&json!({ "format": 1, "metrics": vec![metric; 4] }));
    for _ in 0..20_000 {
        tale.tell(1, "phase-2/verify-1", EventKind::PluginLogged { level: Level::Info, message: "<".repeat(500) });
        tale.tell(1, "phase-2/verify-1", EventKind::StepStarted { title: "again".into() });
    }
    let story = tale.story();
    let page = page(&story);
    assert!(page.len() < MOST, "{} bytes", page.len());
    assert_eq!(page.matches("-title v").count(), 4, "no raw answer takes the place of a drawing");
    for word in ["bytes are left out here", "The page is full", "the last 300 are marked", "Of 30 series, the first 8 are drawn"]
    {
        assert!(page.contains(word), "{word}");
    }
    assert!(page.ends_with("</body></html>"));
}
