//! Whether and when somebody looks changes nothing: an account that is looked at often and one that is looked at only
//! when something is done to it are the same in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::account::Account;
use crate::instance::Moment;
use crate::roll::RollPlan;
use crate::{Edit, HealthPlan, Image, Latencies, Shortage};

#[derive(Clone, Copy, Debug)]
enum Act {
    Target(usize, u32),
    Interrupt(usize),
    Roll(usize, u32),
    StopRolls(usize),
    /// Into the target group, or out of it.
    Stand(usize, bool),
    Detach(usize),
}

fn acts() -> impl Strategy<Value = Vec<(u64, Act)>> {
    let act = prop_oneof![
        (0..2_usize, 0..6_u32).prop_map(|(group, target)| Act::Target(group, target)),
        (0..2_usize).prop_map(Act::Interrupt),
        (0..2_usize, 1..=100_u32).prop_map(|(group, share)| Act::Roll(group, share)),
        (0..2_usize).prop_map(Act::StopRolls),
        (0..2_usize, any::<bool>()).prop_map(|(group, stands)| Act::Stand(group, stands)),
        (0..2_usize).prop_map(Act::Detach),
    ];
    prop::collection::vec((0..4_000_u64, act), 0..12)
}

fn account(room: u32, health: HealthPlan) -> Account {
    let world = World {
        latencies: Latencies { launch: 300, healthy: 700, drain: 500, ..Latencies::default() },
        shortage: Shortage { total: Some(room), per_group: None },
        default_image: Image { health, ..Image::default() },
        ..World::default()
    };
    let World { target_groups, load_balancers, .. } = shop();
    let a = GroupSeed { target_groups: vec!["web-blue".to_owned()], ..seed("a", 2) };
    Account::new(with_groups(World { target_groups, load_balancers, ..world }, [a, seed("b", 1)])).unwrap()
}

fn apply(account: &mut Account, act: Act, at: Moment) {
    let name = |group: usize| ["sig-a", "sig-b"][group];
    account.settle(at);
    match act {
        Act::Target(group, target) => {
            let numbers = Numbers { minimum: 0, target, maximum: 10 };
            account.edit(name(group), &Edit { capacity: Some(numbers), name: None }, at).unwrap();
        }
        Act::Interrupt(group) => {
            account.interrupt(name(group), at).unwrap();
        }
        Act::Roll(group, share) => {
            let (group, supply) = account.group_mut(name(group)).unwrap();
            if group.unlocked().is_ok() {
                let plan = RollPlan {
                    batch_size_percentage: share,
                    grace: Duration::from_secs(2),
                    unchecked: false,
                    restart: share % 2 == 0,
                    min_healthy_percentage: 50,
                    health_check: "EC2".into(),
                    on_failure: None,
                };
                group.start_roll(plan, supply, at);
            }
        }
        Act::StopRolls(group) => {
            let (group, supply) = account.group_mut(name(group)).unwrap();
            let ids: Vec<String> = group.rolls.iter().map(|roll| roll.id.clone()).collect();
            ids.iter().for_each(|id| group.stop_roll(id, supply, at));
        }
        Act::Stand(group, stands) => {
            let names: &[&str] = if stands { &["web-blue"] } else { &[] };
            let config = super::targets::config(names);
            let update = json!({"group": {"compute": {"launchSpecification": {"loadBalancersConfig": config}}}});
            // A group that a roll has refuses, as it does everything else.
            call(account, "PUT", &super::group(name(group), ""), update, at);
        }
        Act::Detach(group) => {
            let instances = &account.group(name(group)).unwrap().instances;
            let ids: Vec<&str> = instances.iter().filter_map(|one| one.shown_id(at)).take(1).collect();
            let detach = json!({"instancesToDetach": ids, "shouldDecrementTargetCapacity": true});
            call(account, "PUT", &super::group(name(group), "/detachInstances"), detach, at);
        }
    }
    account.settle(at);
}

/// A call of the Spot API without its HTTP; what it is answered with does not matter.
fn call(account: &mut Account, method: &str, path: &str, body: Value, now: Moment) {
    let found = crate::routes::find(method, path).unwrap();
    let call = crate::routes::Call { id: found.id, roll: found.roll, query: BTreeMap::new(), body, now };
    let _ = (found.operation)(account, &call);
}

/// What there is at the end, down to when each instance was launched.
fn state(account: &Account, at: Moment) -> String {
    let groups = account.groups.iter().map(|group| {
        let instances: Vec<_> =
            group.instances.iter().map(|one| (&one.id, one.life.launched(), one.life.left, &one.registrations)).collect();
        let rolls: Vec<_> = group.rolls.iter().map(|roll| (&roll.id, roll.status, roll.done())).collect();
        format!("{} {:?} {instances:?} {rolls:?}", group.id, group.capacity())
    });
    let detached: Vec<&String> = account.detached.iter().map(|instance| &instance.id).collect();
    format!("{}\n{detached:?}\n{:?}", groups.collect::<Vec<_>>().join("\n"), crate::elb::view::all_targets(account, at))
}

proptest! {
    #[test]
    fn looking_changes_nothing(acts in acts(), room in 2..12_u32, health in prop_oneof![
        Just(HealthPlan::Healthy), Just(HealthPlan::Never), Just(HealthPlan::Flapping), Just(HealthPlan::AfterMs(1_900)),
    ]) {
        let (mut watched, mut left_alone) = (account(room, health), account(room, health));
        let mut now = 0;
        for (wait, act) in acts {
            for _ in 0..wait / 50 {
                now += 50;
                watched.settle(Duration::from_millis(now));
            }
            now += wait % 50;
            let at = Duration::from_millis(now);
            apply(&mut watched, act, at);
            apply(&mut left_alone, act, at);
        }
        for _ in 0..600 {
            now += 50;
            watched.settle(Duration::from_millis(now));
        }
        let at = Duration::from_millis(now);
        left_alone.settle(at);
        prop_assert_eq!(state(&watched, at), state(&left_alone, at));
        for group in left_alone.groups.iter().filter(|group| group.lock().is_none()) {
            prop_assert_eq!(group.instances.len(), usize::try_from(group.capacity().target).unwrap());
        }
    }
}
