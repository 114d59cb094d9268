//! Where background verifications stand, in a real file and a real database: one row a step, the next one due first, and
//! forgotten with their run. And that what they say ends no question of the step beside them.

use shiftgate_engine::Runs as _;
use shiftgate_model::{
    Acquired, ActionState, AmiId, Ending, ErrorClass, EventKind, Events as _, Family, Hold, Holding, Locks as _, Parked,
    Parking as _, RunInfo, Stage, StepError, StepId,
};

use super::*;
use crate::fixture::{Home, create};

fn parked(run: &RunId, step: &str, due: u64, stage: Stage) -> Parked {
    let step = StepId::new(step);
    let run = RunInfo::new(run.clone(), step, AmiId::new("ami-1"), Timestamp(1));
    Parked { run, fence: 1, config: serde_json::json!({"max": 1, "text": "\u{0}"}), due: Timestamp(due), stage }
}

async fn each_stands_in_one_place_until_it_ends(home: Home) {
    let record = home.open().await;
    let [run, other] = [create(&record, "r1", 0).await, create(&record, "r2", 0).await];
    let waits = |byte| Stage::Waits { state: ActionState::new(1, vec![byte]) };
    let error = StepError::new(ErrorClass::Verification, "5 % errors");
    let [first, second] = [parked(&run, "a", 20, waits(1)), parked(&run, "b", 10, Stage::Failed { error })];
    let strange = parked(&other, "a", 5, Stage::Starts);
    for one in [&first, &second] {
        assert_eq!(record.park(&run, one, None).await, Ok(true));
    }
    assert_eq!(record.park(&other, &strange, None).await, Ok(true));
    assert_eq!(record.parked(&run).await, Ok(vec![second.clone(), first]));
    let later = parked(&run, "a", 5, waits(2));
    assert_eq!(record.park(&run, &later, None).await, Ok(true));
    assert_eq!(record.parked(&run).await, Ok(vec![later, second.clone()]));
    for _ in 0..2 {
        assert_eq!(record.unpark(&run, &StepId::new("a"), None).await, Ok(true));
    }
    assert_eq!(record.parked(&run).await, Ok(vec![second]));
    record.end(&run, Ending::Failed, Timestamp(1)).await.unwrap();
    drop(record.drive(&run).unwrap());
    assert_eq!(record.prune(&run).await, Ok(true));
    assert_eq!(record.parked(&run).await, Ok(Vec::new()));
    assert_eq!(record.parked(&other).await, Ok(vec![strange]));
}

/// Whoever was thought dead writes nothing, and forgets nothing.
async fn a_late_writer_overwrites_nothing(home: Home) {
    let record = home.open().await;
    let [run, other] = [create(&record, "r1", 0).await, create(&record, "r2", 0).await];
    let family = Family::new("web").unwrap();
    let step = StepId::new("a");
    let waits = |byte| parked(&run, "a", 20, Stage::Waits { state: ActionState::new(1, vec![byte]) });
    let Ok(Acquired::Held { fence }) = record.acquire("act-1", &family, &run).await else { panic!("it is free") };
    let enter = async || {
        let term = record.enter("act-1", &family, &run, fence).await.unwrap().unwrap();
        Some(Holding { account: "act-1", family: &family, hold: Hold { fence, term } })
    };
    let early = enter().await;
    assert_eq!(record.park(&run, &waits(1), early).await, Ok(true));
    let late = enter().await;
    assert_eq!(record.park(&run, &waits(2), late).await, Ok(true));
    assert_eq!(record.park(&run, &waits(3), early).await, Ok(false));
    assert_eq!(record.unpark(&run, &step, early).await, Ok(false));
    assert_eq!(record.park(&other, &parked(&other, "a", 1, Stage::Starts), late).await, Ok(false), "it is another run's");
    assert_eq!(record.parked(&run).await, Ok(vec![waits(2)]));
    assert_eq!(record.parked(&other).await, Ok(Vec::new()));
    assert_eq!(record.unpark(&run, &step, late).await, Ok(true));
    record.release("act-1", &family, &run).await.unwrap();
    assert_eq!(record.park(&run, &waits(4), late).await, Ok(false));
    assert_eq!(record.parked(&run).await, Ok(Vec::new()));
}

async fn it_ends_no_question_of_the_step_beside_it(home: Home) {
    let record = home.open().await;
    let run = create(&record, "r1", 0).await;
    let [asks, beside] = ["phase-1/approve-1", "phase-1/verify-1"].map(StepId::new);
    let message = "Go on?".to_owned();
    let asked = EventKind::ApprovalRequested { message, approvers: Vec::new(), quorum: 1, expires_at: Timestamp(9) };
    record.append(&run, Some(&asks), None, asked).await.unwrap();
    let error = StepError::new(ErrorClass::Verification, "5 % errors");
    record.append(&run, Some(&beside), None, EventKind::StepIgnored { error: error.clone() }).await.unwrap();
    let asked_in = async || record.run(&run).await.unwrap().unwrap().asked_in;
    assert_eq!(asked_in().await, Some(asks.clone()));
    record.append(&run, Some(&asks), None, EventKind::StepFailed { error }).await.unwrap();
    assert_eq!(asked_in().await, None);
}

#[tokio::test]
async fn background_verifications_in_a_file() {
    each_stands_in_one_place_until_it_ends(Home::new()).await;
    a_late_writer_overwrites_nothing(Home::new()).await;
    it_ends_no_question_of_the_step_beside_it(Home::new()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn background_verifications_in_a_database() {
    let Some(server) = crate::fixture::postgres::Server::start().await else { return };
    each_stands_in_one_place_until_it_ends(Home::in_database(server.database("parked").await)).await;
    a_late_writer_overwrites_nothing(Home::in_database(server.database("late").await)).await;
    it_ends_no_question_of_the_step_beside_it(Home::in_database(server.database("asked").await)).await;
}
