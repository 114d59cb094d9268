//! The state of the simulated account, and its one rule of time: before anything is looked at or changed, everything
//! that was due is done, in the order in which it was due.
//!
//! No task runs in the background and no request is seen here; routes, metrics and the control endpoint come in
//! through the lock that `server.rs` holds.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::SimError;
use crate::calls::{Calls, Limiter};
use crate::data_plane::Flow;
use crate::elb::{Elb, TargetType};
use crate::envelope::Refusal;
use crate::faults::Faults;
use crate::fleet::{Ids, Supply, release};
use crate::group::{Group, check, merge};
use crate::instance::{Instance, Moment};
use crate::metrics::Past;
use crate::world::{GroupSeed, Numbers, World};

/// Everything that the account has.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) groups: Vec<Group>,
    pub(crate) supply: Supply,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
    pub(crate) limiter: Limiter,
    /// Load balancers and target groups.
    pub(crate) elb: Elb,
    /// What the data plane remembers.
    pub(crate) flow: Flow,
    /// Instances that are gone, for metrics.
    pub(crate) past: Past,
    /// Instances that were detached and run on elsewhere, for as long as a target group drains them.
    pub(crate) detached: Vec<Instance>,
    started: Instant,
}

/// A group as it stands, for a look at the whole world. Groups that were deleted stay, marked as such.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its capacity.
    pub capacity: Numbers,
    /// The AMI that its next instance is launched with.
    pub image: String,
    /// Its instances.
    pub instances: InstanceCount,
    /// The tags of its instances.
    pub tags: BTreeMap<String, String>,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// How many instances a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceCount {
    /// Listed ones: open requests and leaving instances included.
    pub total: usize,
    /// Those that their health check finds healthy.
    pub healthy: usize,
}

/// A change by another hand, as if made in the console.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Edit {
    /// The new capacity.
    pub capacity: Option<Numbers>,
    /// The new name.
    pub name: Option<String>,
}

impl Account {
    pub(crate) fn new(mut world: World) -> Result<Self, SimError> {
        check_images(&world)?;
        let (seeds, faults) = (std::mem::take(&mut world.groups), std::mem::take(&mut world.faults));
        let elb = Elb::plant(&std::mem::take(&mut world.target_groups), &std::mem::take(&mut world.load_balancers))?;
        let instances = elb.groups.iter().filter(|group| group.target_type == TargetType::Instance);
        let target_groups = instances.map(|group| (group.arn.clone(), group.delay)).collect();
        let mut account = Self {
            groups: Vec::new(),
            supply: Supply { world, ids: Ids::default(), requests: Ids::default(), target_groups },
            faults: Faults::default(),
            calls: Calls::default(),
            limiter: Limiter::default(),
            elb,
            flow: Flow::default(),
            past: Past::default(),
            detached: Vec::new(),
            started: Instant::now(),
        };
        for fault in faults {
            account.add_fault(fault)?;
        }
        for seed in seeds {
            account.seed(seed)?;
        }
        Ok(account)
    }

    pub(crate) fn add_fault(&mut self, fault: crate::Fault) -> Result<(), SimError> {
        crate::routes::check_fault(&fault)?;
        self.faults.add(fault);
        Ok(())
    }

    /// Puts a group of the world file in place, with its instances up and healthy.
    fn seed(&mut self, seed: GroupSeed) -> Result<(), SimError> {
        let mut body = Map::new();
        merge(&mut body, &json!({"region": "us-east-1", "capacity": {"unit": "instance"}, "strategy": {"risk": 100}}));
        merge(&mut body, &json!({"compute": {"launchSpecification": {"healthCheckType": "EC2"}}}));
        merge(&mut body, &seed.extra.unwrap_or_default());
        let tags: Vec<_> = seed.tags.iter().map(|(key, value)| json!({"tagKey": key, "tagValue": value})).collect();
        let Numbers { minimum, target, maximum } = seed.capacity;
        let own = json!({
            "name": seed.name,
            "capacity": {"minimum": minimum, "maximum": maximum, "target": target},
            "compute": {"launchSpecification": {"imageId": seed.image}},
        });
        merge(&mut body, &own);
        if !tags.is_empty() {
            merge(&mut body, &json!({"compute": {"launchSpecification": {"tags": tags}}}));
        }
        let impossible = |what: String| SimError::World { what: format!("group `{}`: {what}", seed.name) };
        if !seed.target_groups.is_empty() {
            let targets = self.load_balancers(&seed.target_groups).map_err(impossible)?;
            merge(&mut body, &json!({"compute": {"launchSpecification": {"loadBalancersConfig": {"loadBalancers": targets}}}}));
        }
        check(&body).map_err(|refusal| impossible(refusal.message()))?;
        if let Some(id) = seed.id.as_ref().filter(|id| self.groups.iter().any(|group| group.id == **id)) {
            return Err(impossible(format!("its id `{id}` is another group's")));
        }
        let index = self.create(seed.id, body);
        let Some(group) = self.groups.get_mut(index) else { return Ok(()) };
        self.supply.reconcile(group, Moment::ZERO);
        for instance in &mut group.instances {
            instance.life.warm = true;
            instance.registrations.iter_mut().for_each(|registration| registration.warm = true);
        }
        self.supply.grant(&mut self.groups, Moment::ZERO);
        Ok(())
    }

    /// Target groups that are named, as a group object lists them.
    fn load_balancers(&self, names: &[String]) -> Result<Vec<Value>, String> {
        let row = |name: &String| {
            let group = self.elb.groups.iter().find(|group| group.name == *name);
            let group = group.ok_or_else(|| format!("there is no target group `{name}`"))?;
            if group.target_type != TargetType::Instance {
                return Err(format!("the target group `{name}` has no instances, but addresses"));
            }
            Ok(json!({"name": name, "arn": group.arn, "type": "TARGET_GROUP"}))
        };
        names.iter().map(row).collect()
    }

    /// Adds a group under a new id, or the given one, and returns its place. Its instances are not requested yet.
    pub(crate) fn create(&mut self, id: Option<String>, body: Map<String, Value>) -> usize {
        let id = id.unwrap_or_else(|| {
            loop {
                let id = self.supply.ids.short("sig");
                if self.groups.iter().all(|group| group.id != id) {
                    break id;
                }
            }
        });
        self.groups.push(Group::new(id, body));
        self.groups.len() - 1
    }

    /// The moment that it is now.
    pub(crate) fn now(&self) -> Moment {
        self.started.elapsed()
    }

    /// Does everything that was due until `now`, in order.
    pub(crate) fn settle(&mut self, now: Moment) {
        while let Some(due) = self.next_due(now) {
            self.apply(due);
        }
        self.supply.grant(&mut self.groups, now);
        self.detached.retain(|instance| instance.gone().is_some_and(|gone| gone > now));
    }

    /// Every instance that a target group could know.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.groups.iter().flat_map(|group| &group.instances).chain(&self.detached)
    }

    /// When the next thing is due, not later than `now`: an instance has drained, a batch of a roll is decided.
    fn next_due(&self, now: Moment) -> Option<Moment> {
        let drained = self.groups.iter().flat_map(|group| group.instances.iter().filter_map(Instance::gone));
        let rolls = self.groups.iter().filter_map(Group::next_decision);
        drained.chain(rolls).filter(|due| *due <= now).min()
    }

    fn apply(&mut self, at: Moment) {
        for group in &mut self.groups {
            let (gone, here) = std::mem::take(&mut group.instances)
                .into_iter()
                .partition(|instance: &Instance| instance.gone().is_some_and(|gone| gone <= at));
            group.instances = here;
            self.past.add(&group.id, gone, at);
        }
        self.supply.grant(&mut self.groups, at);
        for group in &mut self.groups {
            if group.next_decision().is_some_and(|due| due <= at) {
                group.decide_batch(&mut self.supply, at);
            }
        }
        self.supply.grant(&mut self.groups, at);
    }

    /// The group with that id, unless it was deleted.
    pub(crate) fn group(&self, id: &str) -> Result<&Group, Refusal> {
        self.groups.iter().find(|group| group.id == id && !group.deleted).ok_or_else(|| missing(id))
    }

    /// The same for a change, with where instances come from.
    pub(crate) fn group_mut(&mut self, id: &str) -> Result<(&mut Group, &mut Supply), Refusal> {
        let group = self.groups.iter_mut().find(|group| group.id == id && !group.deleted);
        group.map(|group| (group, &mut self.supply)).ok_or_else(|| missing(id))
    }

    /// Deletes a group; its instances end at once, but for those that stand in a target group, which drain first.
    pub(crate) fn delete(&mut self, id: &str, at: Moment) -> Result<(), Refusal> {
        let (group, _) = self.group_mut(id)?;
        group.deleted = true;
        group.rolls.clear();
        let (draining, gone) = std::mem::take(&mut group.instances)
            .into_iter()
            .partition(|instance: &Instance| instance.shown_id(at).is_some() && !instance.registrations.is_empty());
        group.instances = draining;
        group.instances.iter_mut().for_each(|instance| {
            instance.life.left.get_or_insert(at);
        });
        self.past.add(id, gone, at);
        Ok(())
    }

    /// Takes one spot instance away, the longest running one; the group asks for another. Returns its id.
    pub(crate) fn interrupt(&mut self, id: &str, at: Moment) -> Result<Option<String>, Refusal> {
        self.settle(at);
        let (group, supply) = self.group_mut(id)?;
        let victim = group
            .instances
            .iter_mut()
            .find(|instance| instance.request.is_some() && instance.life.left.is_none() && instance.shown_id(at).is_some());
        let Some(victim) = victim else { return Ok(None) };
        victim.interrupted = true;
        let victim = victim.id.clone();
        release(group, std::slice::from_ref(&victim), at);
        if group.lock().is_some() {
            supply.request(group, 1);
        } else {
            supply.reconcile(group, at);
        }
        self.settle(at);
        Ok(Some(victim))
    }

    /// Changes a group as another hand at the console would.
    pub(crate) fn edit(&mut self, id: &str, edit: &Edit, at: Moment) -> Result<(), Refusal> {
        self.settle(at);
        let (group, supply) = self.group_mut(id)?;
        if let Some(name) = &edit.name {
            group.body.insert("name".to_owned(), json!(name));
        }
        if let Some(capacity) = edit.capacity {
            crate::group::numbers(&json!(capacity), "capacity")?;
            group.set_capacity(capacity);
            supply.reconcile(group, at);
        }
        group.updated = jiff::Timestamp::now();
        self.settle(at);
        Ok(())
    }

    /// Every group, deleted ones included, by name and then in the order of their creation.
    pub(crate) fn view(&self, at: Moment) -> Vec<GroupView> {
        let mut views: Vec<_> = self.groups.iter().map(|group| view(group, at)).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }
}

/// Refuses images that no instance could be launched from.
pub(crate) fn check_images(world: &World) -> Result<(), SimError> {
    let named = world.images.iter().map(|(ami, image)| (ami.as_str(), image));
    for (ami, image) in named.chain([("default_image", &world.default_image)]) {
        let impossible = |what: &str| Err(SimError::World { what: format!("image `{ami}`: {what}") });
        if !(0.0..=1.0).contains(&image.errors) {
            return impossible("`errors` is a share, 0 to 1");
        }
        if ![image.latency_ms, image.requests_per_second].iter().all(|number| number.is_finite() && *number >= 0.0) {
            return impossible("`latency_ms` and `requests_per_second` are numbers of 0 and above");
        }
    }
    Ok(())
}

fn view(group: &Group, at: Moment) -> GroupView {
    let healthy = group.instances.iter().filter(|instance| instance.is_healthy(at)).count();
    GroupView {
        name: group.name().to_owned(),
        id: group.id.clone(),
        capacity: group.capacity(),
        image: group.ami().to_owned(),
        instances: InstanceCount { total: group.instances.len(), healthy },
        tags: group.tags(),
        deleted: group.deleted,
    }
}

/// What the real API answers for a group that is not there: 400, not 404.
fn missing(id: &str) -> Refusal {
    Refusal::new("GROUP_DOESNT_EXIST", format!("Group {id} doesn't exist"))
}
