//! Who lives: requests instances for a group, lets them go, and keeps the number that the group wants.
//!
//! The clockwork of one instance is `instance.rs`; the order of events in time is `account.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::elb::targets::Registration;
use crate::group::Group;
use crate::instance::{Instance, Life, Market, Moment};
use crate::world::World;

/// Where instances come from: the world's settings and the ids handed out so far.
#[derive(Debug)]
pub(crate) struct Supply {
    pub(crate) world: World,
    pub(crate) ids: Ids,
    /// Ids of requests, apart from the others so that reads do not shift them.
    pub(crate) requests: Ids,
    /// The ARNs of the target groups that instances can stand in, with their deregistration delays.
    pub(crate) target_groups: BTreeMap<String, Duration>,
}

/// Ids in a fixed order: the same calls on the same world give the same ids.
#[derive(Debug, Default)]
pub(crate) struct Ids(u64);

impl Ids {
    /// The next number of a scrambled sequence that does not repeat.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 += 1;
        scramble(self.0)
    }

    /// `sig-0a1b2c3d` and the like: a prefix and 8 hex digits.
    pub(crate) fn short(&mut self, prefix: &str) -> String {
        format!("{prefix}-{:08x}", self.next() >> 32)
    }

    fn instance(&mut self) -> String {
        format!("i-0{:016x}", self.next())
    }
}

/// A fixed scrambling of a number: splitmix64, which maps different numbers to different ones.
pub(crate) const fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Supply {
    /// The id of the next request to an API.
    pub(crate) fn request_id(&mut self) -> String {
        let number = u128::from(self.requests.next()) << 64 | u128::from(self.requests.next());
        uuid::Builder::from_random_bytes(number.to_be_bytes()).into_uuid().to_string()
    }

    /// The registrations of a group's instances from now on. A target group that the account does not have is passed over.
    fn registrations(&self, group: &Group, from: Moment) -> Vec<Registration> {
        let known = |arn: String| {
            self.target_groups.get(&arn).map(|delay| Registration { group: arn, from, until: None, delay: *delay, warm: false })
        };
        group.target_groups().into_iter().filter_map(known).collect()
    }

    /// Puts the living instances of a group into the target groups that it names now, and takes them out of the others.
    pub(crate) fn register(&self, group: &mut Group, at: Moment) {
        let wanted = self.registrations(group, at);
        for instance in group.instances.iter_mut().filter(|instance| instance.life.left.is_none()) {
            let Instance { registrations, life, .. } = instance;
            registrations.retain_mut(|one| {
                let stays = one.until.is_some() || wanted.iter().any(|wanted| wanted.group == one.group);
                if !stays {
                    one.until = Some(at);
                }
                stays || one.drained(life).is_some()
            });
            for one in &wanted {
                if !registrations.iter().any(|known| known.until.is_none() && known.group == one.group) {
                    registrations.push(one.clone());
                }
            }
        }
    }

    /// Opens `count` requests for the group's image and returns the ids that their instances will have.
    pub(crate) fn request(&mut self, group: &mut Group, count: u32) -> Vec<String> {
        (0..count)
            .map(|_| {
                let instance = self.make(group);
                let id = instance.id.clone();
                group.instances.push(instance);
                id
            })
            .collect()
    }

    fn make(&mut self, group: &Group) -> Instance {
        let living = || group.instances.iter().filter(|instance| instance.life.left.is_none());
        let on_demand = living().filter(|instance| instance.market() == Market::OnDemand).count();
        let wanted = group.on_demand(group.capacity().target.max(u32::try_from(living().count()).unwrap_or(u32::MAX)));
        let spot = u32::try_from(on_demand).is_ok_and(|there| there >= wanted);
        let (machine, zone) = group.placement(group.instances.len());
        let number = self.ids.next();
        Instance {
            request: spot.then(|| self.ids.short("sir")),
            id: self.ids.instance(),
            ami: group.ami().to_owned(),
            machine,
            zone,
            ip: format!("10.0.{}.{}", (number >> 8) & 0xff, 4 + (number & 0xff) % 250),
            created: jiff::Timestamp::now(),
            interrupted: false,
            life: Life::new(self.world.image(group.ami()).clone(), self.world.latencies),
            registrations: self.registrations(group, Moment::ZERO),
        }
    }

    /// Requests or releases instances until as many live as the group's target says. Nothing is done while a roll has
    /// the group. Returns what was requested and what was released.
    pub(crate) fn reconcile(&mut self, group: &mut Group, at: Moment) -> (Vec<String>, Vec<Instance>) {
        if group.lock().is_some() || group.deleted {
            return (Vec::new(), Vec::new());
        }
        let living = group.instances.iter().filter(|instance| instance.life.left.is_none()).count();
        let target = usize::try_from(group.capacity().target).unwrap_or(usize::MAX);
        let missing = u32::try_from(target.saturating_sub(living)).unwrap_or(u32::MAX);
        let victims = victims(group, living.saturating_sub(target), at);
        let released = group.instances.iter().filter(|instance| victims.contains(&instance.id)).cloned().collect();
        release(group, &victims, at);
        (self.request(group, missing), released)
    }

    /// Gives room to waiting requests, oldest first, as far as AWS has instances.
    pub(crate) fn grant(&self, groups: &mut [Group], at: Moment) {
        let held = |group: &Group| group.instances.iter().filter(|instance| instance.life.granted.is_some()).count();
        let limit = |limit: Option<u32>| limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let mut total: usize = groups.iter().map(held).sum();
        for group in groups {
            let mut here = held(group);
            for instance in &mut group.instances {
                let room = total < limit(self.world.shortage.total) && here < limit(self.world.shortage.per_group);
                if instance.life.granted.is_none() && room {
                    instance.life.granted = Some(at);
                    total += 1;
                    here += 1;
                }
            }
        }
    }
}

/// The ids of the `count` instances that a group gives up first: open requests, then what is not healthy, then the
/// oldest (or the newest, where the group says so).
fn victims(group: &Group, count: usize, at: Moment) -> Vec<String> {
    let rank = |instance: &Instance| match instance.shown_id(at) {
        None => 0,
        Some(_) if !instance.is_healthy(at) => 1,
        Some(_) => 2,
    };
    let mut living: Vec<&Instance> = group.instances.iter().filter(|instance| instance.life.left.is_none()).collect();
    if group.newest_leave_first() {
        living.reverse();
    }
    living.sort_by_key(|instance| rank(instance));
    living.into_iter().take(count).map(|instance| instance.id.clone()).collect()
}

/// Lets instances leave: a launched one stays listed until it has drained, an open request is cancelled at once.
pub(crate) fn release(group: &mut Group, ids: &[String], at: Moment) {
    group.instances.retain(|instance| !ids.contains(&instance.id) || instance.shown_id(at).is_some());
    for instance in group.instances.iter_mut().filter(|instance| ids.contains(&instance.id)) {
        instance.life.left.get_or_insert(at);
    }
}
