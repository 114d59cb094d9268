//! `shiftgate report` after a real run: the same story as text, as a page, and for programs.

use std::fs;

use serde_json::Value;

use crate::program::{Bench, Finished, root};

/// A bad image, which its verification stops at 25 %.
async fn rolled_back() -> Bench {
    let case = root().join("tests/cases/failed-verification");
    let world = fs::read_to_string(case.join("world.json")).expect("a world");
    let bench = Bench::new(serde_json::from_str(&world).expect("a world")).await;
    let workflow = case.join("workflow.yaml").to_string_lossy().into_owned();
    let prometheus = format!("prometheus={}", bench.sim.metrics_url());
    let done = bench.run(&["run", &workflow, "--input", "ami=ami-0green", "--input", &prometheus]).await;
    assert_eq!(done.exit, 3, "{}{}", done.stdout, done.stderr);
    bench
}

fn says(done: &Finished, words: &[&str]) {
    assert_eq!(done.exit, 0, "{}", done.stderr);
    for word in words {
        assert!(done.stdout.contains(word), "`{word}` is not in:\n{}", done.stdout);
    }
}

#[tokio::test]
async fn a_report_tells_how_a_run_went() {
    let bench = rolled_back().await;
    let text = bench.run(&["report", "last"]).await;
    let words =
        ["rolled back", "web to prod on prod-us-east-1", "rollback begins", "Canary 25% · errors  fail", "not reached", "logs"];
    says(&text, &words);
    assert!(!text.stdout.contains('\u{1b}'), "no colours where there is no terminal");
    assert!(text.stdout.lines().all(|line| line.chars().count() <= 120), "{}", text.stdout);

    let file = bench.home.path().join("report.html");
    let wrote = bench.run(&["report", "last", "--html", "report.html"]).await;
    says(&wrote, &["Wrote `report.html`"]);
    let page = fs::read_to_string(&file).expect("a page");
    for word in [
        "<!DOCTYPE html>",
        "default-src 'none'",
        "wanted &lt;= 0.01",
        "sig-0000b1e1",
        "<svg",
        "exchange with the outside",
        "resultType",
        "</html>",
    ] {
        assert!(page.contains(word), "`{word}` is not in the page");
    }
    let printed = bench.run(&["report", "last", "--html", "-"]).await;
    assert_eq!(printed.stdout, page, "the same story is the same page");

    let json = bench.run(&["report", "last", "--output", "json"]).await;
    let story: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(story["state"]["ended"], "rolled_back");
    assert_eq!(story["verifications"][0]["verdict"], "fail");
}

#[tokio::test]
async fn a_report_that_cannot_be_written_says_why() {
    let bench = rolled_back().await;
    let done = bench.run(&["report", "last", "--html", "nowhere/report.html"]).await;
    assert_eq!(done.exit, 19, "{}", done.stderr);
    assert!(done.stderr.contains("nowhere/report.html") && done.stderr.contains("hint:"), "{}", done.stderr);
    let done = bench.run(&["report", "1999"]).await;
    assert_eq!(done.exit, 15, "{}", done.stderr);
    let done = bench.run(&["report", "last", "--html", "x.html", "--output", "json"]).await;
    assert_eq!(done.exit, 2, "{}", done.stderr);
}
