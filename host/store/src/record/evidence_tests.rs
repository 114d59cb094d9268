//! The evidence of verifications in a real file and a real database: kept once a call, bounded, and forgotten with its run.

use shiftgate_engine::Runs as _;
use shiftgate_model::{
    ActionState, AmiId, Answered, Call, CallKey, Digest, Ending, Evidence, EvidenceLog as _, Exchange, Report, RunInfo, StepId,
    Verdict, Wake,
};

use super::*;
use crate::fixture::{Home, create};

fn exchange(body: String) -> Exchange {
    Exchange {
        at: Timestamp(10),
        method: "GET".into(),
        url: "http://p/api".into(),
        request_headers: Some(vec![("accept".into(), "\u{0}".into())]),
        body: String::new(),
        took: Millis(3),
        answer: Ok(Answered { status: 200, headers: vec![("a".into(), "\u{0}b".into())], body, cut: false }),
    }
}

fn evidence(run: &RunId, attempt: u32, call: u32, exchanges: Vec<Exchange>) -> Evidence {
    let step = StepId::new("phase-1/verify-1");
    let state = ActionState::new(1, vec![1, 2, 3]);
    Evidence {
        step: step.clone(),
        fence: 1,
        attempt,
        call,
        at: Timestamp(u64::from(attempt * 100 + call)),
        plugin: "errors".into(),
        digest: Digest("0".repeat(64)),
        config: serde_json::json!({"max": 1, "text": "\u{0}"}),
        run: RunInfo::new(run.clone(), step, AmiId::new("ami-1"), Timestamp(1)),
        action: if call == 1 { Call::Start { summary: None } } else { Call::Poll { state, wake: Wake::Timer } },
        exchanges,
        left_out: 0,
        report: None,
        error: None,
    }
}

fn report(summary: &str) -> Report {
    let (findings, metrics, evidence, outputs) = Default::default();
    Report { verdict: Verdict::Pass, summary: summary.into(), findings, metrics, evidence, outputs }
}

async fn a_call_is_kept_once_and_its_first_report_stays(home: Home) {
    let record = home.open().await;
    let run = create(&record, "r1", 0).await;
    let first = evidence(&run, 1, 1, vec![exchange("one".into())]);
    assert_eq!(record.keep(&run, &first).await, Ok(None));
    let again = evidence(&run, 1, 1, vec![exchange("two".into())]);
    assert_eq!(record.keep(&run, &again).await, Ok(None), "what goes on is from the last one");
    let ended = Evidence { report: Some(report("first")), ..evidence(&run, 1, 2, Vec::new()) };
    assert_eq!(record.keep(&run, &ended).await, Ok(Some(report("first"))));
    let late = Evidence { report: Some(report("second")), ..ended.clone() };
    assert_eq!(record.keep(&run, &late).await, Ok(Some(report("first"))), "a report stays");
    let failed = Evidence { error: Some("no route".into()), report: None, ..ended.clone() };
    assert_eq!(record.keep(&run, &failed).await, Ok(Some(report("first"))), "also when the call fails the second time");
    assert_eq!(record.standing(&run, &ended.key()).await, Ok(Some(ended.clone())));
    assert_eq!(record.standing(&run, &again.key()).await, Ok(None), "it has not ended in a report");
    let other = Evidence { fence: 2, ..first.clone() };
    assert_eq!(record.standing(&run, &CallKey { call: 2, ..other.key() }).await, Ok(None));
    assert_eq!(record.keep(&run, &other).await, Ok(None), "a run that was taken up again counts anew");
    assert_eq!(record.evidence(&run).await, Ok(vec![again, ended.clone(), other]));
    let [step, stranger] = ["phase-1/verify-1", "phase-2/verify-1"].map(StepId::new);
    assert_eq!(record.evidence_steps(&run).await, Ok(vec![step.clone()]));
    assert_eq!(record.evidence_of(&run, &step).await.unwrap().len(), 3);
    assert_eq!(record.evidence_of(&run, &stranger).await, Ok(Vec::new()));
}

async fn the_oldest_calls_of_an_attempt_give_room_to_the_last(home: Home) {
    let record = home.open().await;
    let run = create(&record, "r1", 0).await;
    record.keep(&run, &evidence(&run, 1, 1, vec![exchange("first attempt".into())])).await.unwrap();
    let large = || vec![exchange("x".repeat(3 << 20)), exchange("y".repeat(3 << 20))];
    for call in 1..=4 {
        record.keep(&run, &evidence(&run, 2, call, large())).await.unwrap();
    }
    let kept = record.evidence(&run).await.unwrap();
    let seen: Vec<_> = kept.iter().map(|one| (one.attempt, one.call, one.exchanges.len(), one.left_out)).collect();
    assert_eq!(seen, [(1, 1, 1, 0), (2, 1, 0, 2), (2, 2, 0, 2), (2, 3, 2, 0), (2, 4, 2, 0)]);
    assert!(matches!(&kept[2].action, Call::Poll { state, .. } if state.bytes.is_empty()));
    // One call alone may have more than all: it is the last.
    record.keep(&run, &evidence(&run, 3, 1, vec![exchange("z".repeat(17 << 20))])).await.unwrap();
    assert_eq!(record.evidence(&run).await.unwrap().last().map(|one| one.exchanges.len()), Some(1));
}

async fn evidence_goes_with_its_run(home: Home) {
    let record = home.open().await;
    let [gone, stays] = [create(&record, "r1", 0).await, create(&record, "r2", 0).await];
    for run in [&gone, &stays] {
        record.keep(run, &evidence(run, 1, 1, Vec::new())).await.unwrap();
        record.end(run, Ending::Failed, Timestamp(1)).await.unwrap();
        drop(record.drive(run).unwrap());
    }
    assert_eq!(record.prune(&gone).await, Ok(true));
    assert_eq!(record.evidence(&gone).await, Ok(Vec::new()));
    assert_eq!(record.evidence(&stays).await.unwrap().len(), 1);
}

async fn the_baseline_is_the_last_success_or_the_one_that_is_pinned(home: Home) {
    let record = home.open().await;
    let step = StepId::new("phase-1/verify-1");
    let now = create(&record, "now", 9).await;
    assert_eq!(record.baseline(&now, &step).await, Ok(None));
    let ran = async |id: &str, ending: Ending, verdict: Verdict, at: u64| {
        let run = create(&record, id, at).await;
        let report = Report { verdict, ..report("") };
        record.keep(&run, &Evidence { report: Some(report), ..evidence(&run, 1, 2, Vec::new()) }).await.unwrap();
        record.end(&run, ending, Timestamp(at)).await.unwrap();
        run
    };
    let first = ran("r1", Ending::Succeeded, Verdict::Pass, 1).await;
    let second = ran("r2", Ending::Succeeded, Verdict::Warn, 2).await;
    ran("r3", Ending::Succeeded, Verdict::Inconclusive, 3).await;
    let failed = ran("r4", Ending::RolledBack, Verdict::Pass, 4).await;
    let found = async || record.baseline(&now, &step).await.unwrap().map(|baseline| baseline.run);
    assert_eq!(found().await, Some(second.clone()), "neither one that judged nothing nor one that was rolled back");
    assert_eq!(record.baseline(&now, &StepId::new("other")).await, Ok(None));

    assert!(record.pin_baseline(&failed, "by ann").await.is_err());
    record.pin_baseline(&first, "by ann").await.unwrap();
    record.pin_baseline(&first, "twice").await.unwrap();
    assert_eq!(found().await, Some(first.clone()));
    assert_eq!(record.pinned_baselines().await, Ok(vec![first.clone()]));
    assert!(!record.prunable(Timestamp(10)).await.unwrap().contains(&first), "a pinned run is not forgotten");
    record.pin_baseline(&second, "by bob").await.unwrap();
    assert_eq!(record.pinned_baselines().await, Ok(vec![second.clone()]), "one at a time");
    assert_eq!(record.unpin_baseline(&second, "by bob").await, Ok(true));
    assert_eq!(record.unpin_baseline(&second, "by bob").await, Ok(false));
    assert_eq!(found().await, Some(second.clone()));
    shiftgate_engine::decide_rollback(&record, &second, "orders fail").await.unwrap();
    record.reopen(&second).await.unwrap();
    record.end(&second, Ending::RolledBack, Timestamp(5)).await.unwrap();
    assert_eq!(found().await, Some(first), "one that is rolled back later is none any more");
}

#[tokio::test]
async fn evidence_in_a_file() {
    the_baseline_is_the_last_success_or_the_one_that_is_pinned(Home::new()).await;
    a_call_is_kept_once_and_its_first_report_stays(Home::new()).await;
    the_oldest_calls_of_an_attempt_give_room_to_the_last(Home::new()).await;
    evidence_goes_with_its_run(Home::new()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn evidence_in_a_database() {
    let Some(server) = crate::fixture::postgres::Server::start().await else { return };
    the_baseline_is_the_last_success_or_the_one_that_is_pinned(Home::in_database(server.database("baseline").await)).await;
    a_call_is_kept_once_and_its_first_report_stays(Home::in_database(server.database("kept").await)).await;
    the_oldest_calls_of_an_attempt_give_room_to_the_last(Home::in_database(server.database("room").await)).await;
    evidence_goes_with_its_run(Home::in_database(server.database("gone").await)).await;
}
