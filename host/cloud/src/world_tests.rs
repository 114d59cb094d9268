//! The client against the simulated account: the calls of a deployment, and what the account does to them.
//!
//! Each test asks the world afterwards. The account shares no type with this crate.

use serde_json::{Value, json};
use shiftgate_model::{
    AccountId, AmiId, Capacity, CloudError, Created, Deleted, ElastigroupTemplate, ErrorClass, GroupId, GroupName, GroupSpec,
    Groups, Health, Marker, Millis, Origin, RunId, StepId, TargetGroupArn,
};
use shiftgate_sim::{Edit, Fault, FaultKind, GroupSeed, GroupView, Limited, Numbers, Ports, Quirks, RateLimit, Sim, World};

use crate::{Credentials, RetryPolicy, Spot, SpotConfig, Timeouts};

const TOKEN: &str = "world-token-0123456789";
const GROUPS: &str = "/aws/ec2/group";
const GROUP: &str = "/aws/ec2/group/{id}";
const CAPACITY: &str = "/aws/ec2/group/{id}/capacity";

/// An account without waiting, and a client whose pauses are a millisecond.
async fn account(world: World) -> (Sim, Spot) {
    let sim = Sim::start(World { tokens: vec![TOKEN.to_owned()], ..world }, Ports::default()).await.unwrap();
    let spot = client(&sim, TOKEN, Millis::seconds(30));
    (sim, spot)
}

fn client(sim: &Sim, token: &str, timeout: Millis) -> Spot {
    let credentials =
        Credentials { token: secrecy::SecretString::from(token.to_owned()), account: AccountId::new("act-12345678") };
    let mut config = SpotConfig::new(credentials, Some(&sim.spot_url())).unwrap();
    config.timeouts = Timeouts { connect: timeout, read: timeout, write: timeout };
    let quick = Millis(1);
    let pauses = RetryPolicy { first_pause: quick, look_pause: quick, provisioning_pause: quick, ..RetryPolicy::default() };
    config.retry = RetryPolicy { longest_pause: Millis(4), ..pauses };
    Spot::new(config).unwrap()
}

fn spec() -> GroupSpec {
    let template = json!({"group": {
        "id": "sig-exported", "name": "exported", "region": "us-east-1", "futureField": {"kept": [1, 2.5, null]},
        "capacity": {"minimum": 1, "maximum": 9, "target": 3, "unit": "instance"},
        "strategy": {"risk": 100, "availabilityVsCost": "balanced", "fallbackToOd": true},
        "compute": {
            "product": "Linux/UNIX (Amazon VPC)", "instanceTypes": {"ondemand": "m5.large", "spot": ["m5.large"]},
            "availabilityZones": [{"name": "us-east-1a", "subnetIds": ["subnet-0a"]}],
            "launchSpecification": {"imageId": "ami-0old", "securityGroupIds": ["sg-0a"], "anotherNewOne": "kept",
                "tags": [{"tagKey": "service", "tagValue": "web"}, {"tagKey": "shiftgate:run", "tagValue": "stale"}]}}}});
    GroupSpec {
        template: ElastigroupTemplate::parse(template, true).unwrap(),
        name: GroupName::new("web__3"),
        image: AmiId::new("ami-0new"),
        user_data: Some("#!/bin/sh\n".to_owned()),
        target_groups: None,
        marker: Marker { run: RunId::new("r1"), step: StepId::new("setup") },
        attempted: false,
    }
}

fn named(sim: &Sim, name: &str) -> Vec<GroupView> {
    sim.groups().into_iter().filter(|group| group.name == name).collect()
}

fn posts(sim: &Sim) -> usize {
    sim.calls().iter().filter(|call| call.method == "POST").count()
}

fn foreign(name: &str) -> World {
    let seed: GroupSeed = serde_json::from_value(json!({
        "id": "sig-foreign0", "name": name, "image": "ami-0old", "capacity": {"minimum": 0, "target": 0, "maximum": 0}}))
    .unwrap();
    World { groups: vec![seed], ..World::instant() }
}

/// A create that met this fault: how it ended, and the groups of its name afterwards.
async fn create_with(fault: FaultKind) -> (Created, Vec<GroupView>, usize) {
    let (sim, spot) = account(World::instant()).await;
    sim.inject(Fault::new("POST", GROUPS, fault)).unwrap();
    let created = spot.create(&spec()).await.unwrap();
    (created, named(&sim, "web__3"), posts(&sim))
}

#[tokio::test]
async fn a_group_lives_from_create_to_delete() {
    let (sim, spot) = account(World::instant()).await;
    let Created { id, adopted } = spot.create(&spec()).await.unwrap();
    assert!(!adopted);
    let group = spot.read(&id).await.unwrap().unwrap();
    assert_eq!(
        (group.name, group.capacity, group.image),
        (GroupName::new("web__3"), Capacity::ZERO, Some(AmiId::new("ami-0new")))
    );
    assert_eq!(group.marker, Some(spec().marker));
    assert!(group.created_at.is_some());
    assert_eq!(spot.health(&id).await, Ok(vec![]));

    let capacity = Capacity { minimum: 1, target: 2, maximum: 4 };
    spot.set_capacity(&id, capacity).await.unwrap();
    assert_eq!(spot.list().await.unwrap().iter().map(|group| group.capacity).collect::<Vec<_>>(), [capacity]);
    let health = spot.health(&id).await.unwrap();
    assert_eq!(health.iter().filter(|row| row.health == Health::Healthy && row.id.is_some()).count(), 2);

    assert_eq!(spot.delete(&id).await, Ok(Deleted::Now));
    assert_eq!(spot.delete(&id).await, Ok(Deleted::AlreadyGone));
    assert_eq!(spot.read(&id).await, Ok(None));
    assert_eq!(spot.list().await, Ok(vec![]));
    drop(sim);
}

#[tokio::test]
async fn unknown_fields_reach_spot_and_come_back() {
    let (_sim, spot) = account(World::instant()).await;
    let id = spot.create(&spec()).await.unwrap().id;
    let raw = spot.read_raw(&id).await.unwrap().unwrap();
    let at = |pointer: &str| raw.json().pointer(pointer).cloned().unwrap_or(Value::Null);
    assert_eq!(at("/futureField"), json!({"kept": [1, 2.5, null]}));
    assert_eq!(at("/compute/launchSpecification/anotherNewOne"), json!("kept"));
    assert_eq!(at("/compute/launchSpecification/userData"), json!("IyEvYmluL3NoCg=="));
    assert_eq!(at("/strategy/risk"), json!(100));
}

#[tokio::test]
async fn a_create_whose_reply_is_lost_is_adopted() {
    for fault in [FaultKind::ReplyLost, FaultKind::Garbage, FaultKind::EmptyItems] {
        let (created, groups, posts) = create_with(fault).await;
        assert!(created.adopted, "{fault:?}");
        assert_eq!((groups.len(), posts), (1, 1), "{fault:?}");
        assert_eq!(groups[0].id, created.id.as_str());
    }
}

#[tokio::test]
async fn a_create_that_is_slower_than_its_timeout_is_adopted() {
    let (sim, _) = account(World::instant()).await;
    let spot = client(&sim, TOKEN, Millis(500));
    sim.inject(Fault::new("POST", GROUPS, FaultKind::SlowMs(60_000))).unwrap();
    let created = spot.create(&spec()).await.unwrap();
    assert!(created.adopted);
    assert_eq!((named(&sim, "web__3").len(), posts(&sim)), (1, 1));
}

#[tokio::test]
async fn a_create_that_did_nothing_is_made_again_once_that_is_known() {
    let limited = FaultKind::TooManyRequests(Limited { reset_seconds: Some(0) });
    for fault in [FaultKind::Status(500), FaultKind::Status(503), FaultKind::Reset, limited, FaultKind::Throttled400] {
        let (created, groups, posts) = create_with(fault).await;
        assert_eq!((created.adopted, groups.len(), posts), (false, 1, 2), "{fault:?}");
    }
}

#[tokio::test]
async fn a_create_of_the_same_step_is_adopted_and_one_of_another_refused() {
    let (sim, spot) = account(World::instant()).await;
    let first = spot.create(&spec()).await.unwrap();
    let again = spot.create(&spec()).await.unwrap();
    assert_eq!(again, Created { id: first.id.clone(), adopted: true });
    let other = GroupSpec { marker: Marker { run: RunId::new("r2"), step: StepId::new("setup") }, ..spec() };
    let error = spot.create(&other).await.unwrap_err();
    assert!(matches!(&error.origin, Origin::Refused(why) if why.contains(first.id.as_str())), "{error}");
    sim.edit(first.id.as_str(), &Edit { name: Some("renamed".to_owned()), ..Edit::default() }).unwrap();
    let error = spot.create(&spec()).await.unwrap_err();
    assert!(matches!(&error.origin, Origin::Refused(why) if why.contains("renamed")), "{error}");
    assert_eq!((sim.groups().len(), posts(&sim)), (1, 1));
}

#[tokio::test]
async fn a_foreign_group_of_that_name_is_left_alone() {
    let (sim, spot) = account(foreign("web__3")).await;
    let error = spot.create(&spec()).await.unwrap_err();
    insta::assert_snapshot!(error, @"Spot CreateGroup for `web__3`: group `sig-foreign0` already has this name and does not carry this program's tags; delete or rename it, or deploy under another name");
    assert_eq!((sim.groups().len(), posts(&sim)), (1, 0));
}

#[tokio::test]
async fn a_capacity_is_written_through_every_trouble() {
    let limited = FaultKind::TooManyRequests(Limited { reset_seconds: Some(0) });
    for fault in [FaultKind::Reset, FaultKind::ReplyLost, FaultKind::Status(502), limited, FaultKind::Throttled400] {
        let (sim, spot) = account(foreign("web__2")).await;
        sim.inject(Fault::new("PUT", CAPACITY, fault)).unwrap();
        spot.set_capacity(&GroupId::new("sig-foreign0"), Capacity::pinned(2)).await.unwrap();
        assert_eq!(sim.groups()[0].capacity, Numbers { minimum: 2, target: 2, maximum: 2 }, "{fault:?}");
        assert_eq!(sim.calls().len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_group_is_renamed_through_every_trouble_and_keeps_the_rest() {
    let limited = FaultKind::TooManyRequests(Limited { reset_seconds: Some(0) });
    for fault in [FaultKind::Reset, FaultKind::ReplyLost, FaultKind::Status(502), limited, FaultKind::Throttled400] {
        let (sim, spot) = account(foreign("web__STAGE__Harness")).await;
        let id = GroupId::new("sig-foreign0");
        let before = spot.read_raw(&id).await.unwrap().unwrap();
        sim.inject(Fault::new("PUT", GROUP, fault)).unwrap();
        spot.rename(&id, &GroupName::new("web")).await.unwrap();
        assert_eq!(spot.read(&id).await.unwrap().unwrap().name, GroupName::new("web"), "{fault:?}");
        let after = spot.read_raw(&id).await.unwrap().unwrap();
        assert_eq!(after.json()["compute"], before.json()["compute"], "{fault:?}");
        assert_eq!(after.json()["capacity"], before.json()["capacity"], "{fault:?}");
    }
    let (_sim, spot) = account(World::instant()).await;
    let error = spot.rename(&GroupId::new("sig-nobody00"), &GroupName::new("web")).await.unwrap_err();
    assert!(error.to_string().starts_with("Spot RenameGroup for `sig-nobody00`: HTTP 400 GROUP_DOESNT_EXIST"), "{error}");
}

#[tokio::test]
async fn a_group_is_created_behind_its_target_groups() {
    let seed = |name: &str| shiftgate_sim::TargetGroupSeed::new(name);
    let (sim, spot) = account(World { target_groups: vec![seed("web-blue"), seed("web-green")], ..World::instant() }).await;
    let green = TargetGroupArn::new(shiftgate_sim::target_group_arn("web-green"));
    let id = spot.create(&GroupSpec { target_groups: Some(vec![green.clone()]), ..spec() }).await.unwrap().id;
    let group = spot.read(&id).await.unwrap().unwrap();
    assert_eq!((group.target_groups, group.steered_rules), (vec![green], vec![]));
    spot.set_capacity(&id, Capacity::pinned(2)).await.unwrap();
    let targets = sim.targets();
    assert_eq!((targets["web-green"].len(), targets["web-blue"].len()), (2, 0));
}

#[tokio::test]
async fn a_delete_whose_reply_is_lost_is_a_delete() {
    let (sim, spot) = account(foreign("web__2")).await;
    sim.inject(Fault::new("DELETE", GROUP, FaultKind::ReplyLost)).unwrap();
    assert_eq!(spot.delete(&GroupId::new("sig-foreign0")).await, Ok(Deleted::Now));
    assert!(sim.groups()[0].deleted);
}

#[tokio::test]
async fn what_spot_refuses_is_told_in_its_words() {
    let (_sim, spot) = account(foreign("web__2")).await;
    let error =
        spot.set_capacity(&GroupId::new("sig-foreign0"), Capacity { minimum: 3, target: 1, maximum: 4 }).await.unwrap_err();
    assert!(
        matches!(&error.origin, Origin::Remote { status: 400, code: Some(code), .. } if code == "ValidationError"),
        "{error}"
    );
    assert!(error.to_string().contains("(at body:"), "{error}");
    let error = spot.set_capacity(&GroupId::new("sig-nobody00"), Capacity::ZERO).await.unwrap_err();
    assert!(matches!(&error.origin, Origin::Remote { code: Some(code), .. } if code == "GROUP_DOESNT_EXIST"), "{error}");
}

#[tokio::test]
async fn a_wrong_token_is_final_and_not_shown() {
    let (sim, _) = account(World::instant()).await;
    let spot = client(&sim, "wrong-token-987", Millis::seconds(30));
    let errors: [CloudError; 2] = [spot.list().await.unwrap_err(), spot.create(&spec()).await.unwrap_err()];
    for error in errors {
        assert_eq!(error.class(), ErrorClass::Authentication);
        assert!(!format!("{error} {error:?} {spot:?}").contains("wrong-token"));
    }
    assert_eq!((sim.calls().len(), posts(&sim)), (2, 0));
}

#[tokio::test]
async fn odd_cases_and_open_requests_are_understood() {
    let shortage = shiftgate_sim::Shortage { total: Some(1), per_group: None };
    let quirks = Quirks { odd_case: true, ..Quirks::default() };
    let (_sim, spot) = account(World { quirks, shortage, ..foreign("web__2") }).await;
    let id = GroupId::new("sig-foreign0");
    spot.set_capacity(&id, Capacity::pinned(2)).await.unwrap();
    let rows = spot.health(&id).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.health == Health::Healthy).count(), 1, "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn clones_obey_the_accounts_limit_and_are_never_blocked() {
    let (sim, spot) = account(World { rate_limit: Some(RateLimit { per_minute: 5 }), ..World::instant() }).await;
    spot.list().await.unwrap();
    let start = tokio::time::Instant::now();
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let spot = spot.clone();
            tokio::spawn(async move { spot.list().await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!(start.elapsed().as_secs() >= 60, "{:?}", start.elapsed());
    assert!(sim.calls().iter().all(|call| call.status != Some(429)), "{:?}", sim.calls());
}
