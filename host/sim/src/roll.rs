//! A roll: the replacement of a group's instances in batches, decided batch by batch as time is looked at.
//!
//! One roll has the group at a time; while it does, no other change is accepted. Requests and replies are
//! `routes/roll.rs`.

use std::time::Duration;

use crate::fleet::{Supply, release};
use crate::group::Group;
use crate::instance::{Life, Moment};

/// How a roll stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RollStatus {
    InProgress,
    Finished,
    Stopped,
    /// A batch did not become healthy. The group stays locked until somebody stops or resolves the roll.
    Failed,
    /// Failed, and its new or old instances were detached.
    Resolved,
}

/// What a roll was asked to do.
#[derive(Clone, Debug)]
pub(crate) struct RollPlan {
    pub(crate) batch_size_percentage: u32,
    pub(crate) grace: Duration,
    /// Each batch takes the whole grace period, whatever its health.
    pub(crate) unchecked: bool,
    /// Instances are restarted instead of replaced.
    pub(crate) restart: bool,
    pub(crate) min_healthy_percentage: u32,
    pub(crate) health_check: String,
    pub(crate) on_failure: Option<RollAction>,
}

/// What is detached from a roll that went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RollAction {
    /// The new instances; the old ones otherwise.
    pub(crate) new: bool,
    /// Of one batch, counted from 1; of the current one when none is named.
    pub(crate) batch: Option<usize>,
    pub(crate) all_batches: bool,
    pub(crate) decrement: bool,
}

/// The instances of one batch, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) blue: Vec<String>,
    pub(crate) green: Vec<String>,
    pub(crate) done: bool,
}

/// One roll of a group.
#[derive(Clone, Debug)]
pub(crate) struct Roll {
    pub(crate) id: String,
    pub(crate) plan: RollPlan,
    pub(crate) status: RollStatus,
    pub(crate) batches: Vec<Batch>,
    /// When the current batch was started.
    since: Moment,
    pub(crate) created: jiff::Timestamp,
    pub(crate) updated: jiff::Timestamp,
}

impl Roll {
    /// Whether the group takes no other change because of it.
    pub(crate) const fn locks(&self) -> bool {
        matches!(self.status, RollStatus::InProgress | RollStatus::Failed)
    }

    /// How many batches are done.
    pub(crate) fn done(&self) -> usize {
        self.batches.iter().filter(|batch| batch.done).count()
    }
}

impl Group {
    fn running(&self) -> Option<&Roll> {
        self.rolls.iter().find(|roll| roll.status == RollStatus::InProgress)
    }

    /// When the current batch of the running roll is decided.
    pub(crate) fn next_decision(&self) -> Option<Moment> {
        let roll = self.running()?;
        let Some(batch) = roll.batches.get(roll.done()) else { return Some(roll.since) };
        let deadline = roll.since.saturating_add(roll.plan.grace);
        if roll.plan.unchecked {
            return Some(deadline);
        }
        let healthy: Option<Vec<Moment>> = batch.green.iter().map(|id| self.life(id)?.healthy_from()).collect();
        Some(healthy.into_iter().flatten().max().map_or(deadline, |last| last.clamp(roll.since, deadline)))
    }

    fn life(&self, id: &str) -> Option<&Life> {
        self.instances.iter().find(|instance| instance.id == id).map(|instance| &instance.life)
    }

    /// Starts a roll over the instances that live now and returns its id.
    pub(crate) fn start_roll(&mut self, plan: RollPlan, supply: &mut Supply, at: Moment) -> String {
        let living: Vec<String> =
            self.instances.iter().filter(|instance| instance.life.left.is_none()).map(|instance| instance.id.clone()).collect();
        let share = usize::try_from(plan.batch_size_percentage).unwrap_or(100);
        let size = (living.len() * share).div_ceil(100).max(1);
        let batches = living.chunks(size).map(|blue| Batch { blue: blue.to_vec(), ..Batch::default() }).collect();
        let (id, now) = (supply.ids.short("sbgd"), jiff::Timestamp::now());
        self.rolls.push(Roll {
            id: id.clone(),
            plan,
            status: RollStatus::InProgress,
            batches,
            since: at,
            created: now,
            updated: now,
        });
        self.start_batch(supply, at);
        id
    }

    fn running_mut(&mut self) -> Option<&mut Roll> {
        self.rolls.iter_mut().find(|roll| roll.status == RollStatus::InProgress)
    }

    /// Starts the next batch, or finishes the roll when there is none.
    fn start_batch(&mut self, supply: &mut Supply, at: Moment) {
        let Some(roll) = self.running_mut() else { return };
        let next = roll.done();
        roll.since = at;
        roll.updated = jiff::Timestamp::now();
        let Some(batch) = roll.batches.get(next) else {
            roll.status = RollStatus::Finished;
            supply.reconcile(self, at);
            return;
        };
        let blue = batch.blue.clone();
        let green = if roll.plan.restart {
            self.restart(&blue, supply, at);
            blue
        } else {
            supply.request(self, u32::try_from(blue.len()).unwrap_or(u32::MAX))
        };
        if let Some(batch) = self.running_mut().and_then(|roll| roll.batches.get_mut(next)) {
            batch.green = green;
        }
    }

    fn restart(&mut self, ids: &[String], supply: &Supply, at: Moment) {
        for instance in self.instances.iter_mut().filter(|instance| ids.contains(&instance.id)) {
            let mut life = Life::new(instance.life.image.clone(), supply.world.latencies);
            life.latencies.launch = 0;
            life.granted = Some(at);
            instance.life = life;
            instance.registrations.iter_mut().for_each(|registration| registration.warm = false);
        }
    }

    /// Decides the current batch: its old instances leave and the next one starts, or the roll fails.
    pub(crate) fn decide_batch(&mut self, supply: &mut Supply, at: Moment) {
        let Some(roll) = self.running() else { return };
        let (current, plan) = (roll.done(), roll.plan.clone());
        let Some(batch) = roll.batches.get(current).cloned() else {
            self.start_batch(supply, at);
            return;
        };
        let healthy = batch.green.iter().filter(|id| self.life(id).and_then(Life::healthy_from).is_some_and(|from| from <= at));
        let enough = healthy.count() * 100 >= batch.green.len() * usize::try_from(plan.min_healthy_percentage).unwrap_or(100);
        let Some(roll) = self.running_mut() else { return };
        if !(enough || plan.unchecked) {
            roll.status = RollStatus::Failed;
            roll.updated = jiff::Timestamp::now();
            if let Some(action) = plan.on_failure {
                let id = roll.id.clone();
                self.detach_roll(&id, action, supply, at);
            }
            return;
        }
        if let Some(batch) = roll.batches.get_mut(current) {
            batch.done = true;
        }
        if !plan.restart {
            release(self, &batch.blue, at);
        }
        self.start_batch(supply, at);
    }

    /// Stops a roll; the group then goes back to as many instances as it wants.
    pub(crate) fn stop_roll(&mut self, id: &str, supply: &mut Supply, at: Moment) {
        if let Some(roll) = self.rolls.iter_mut().find(|roll| roll.id == id && roll.locks()) {
            roll.status = RollStatus::Stopped;
            roll.updated = jiff::Timestamp::now();
        }
        supply.reconcile(self, at);
    }

    /// Detaches and ends the new or the old instances of a roll, which ends it. Returns their ids.
    pub(crate) fn detach_roll(&mut self, id: &str, action: RollAction, supply: &mut Supply, at: Moment) -> Vec<String> {
        let Some(roll) = self.rolls.iter_mut().find(|roll| roll.id == id) else { return Vec::new() };
        let chosen = action.batch.map_or_else(|| roll.done(), |batch| batch.saturating_sub(1));
        let batches = roll.batches.iter().enumerate().filter(|(index, _)| action.all_batches || *index == chosen);
        let named: Vec<String> =
            batches.flat_map(|(_, batch)| if action.new { &batch.green } else { &batch.blue }).cloned().collect();
        match roll.status {
            RollStatus::Failed => roll.status = RollStatus::Resolved,
            RollStatus::InProgress => roll.status = RollStatus::Stopped,
            RollStatus::Finished | RollStatus::Stopped | RollStatus::Resolved => {}
        }
        roll.updated = jiff::Timestamp::now();
        let here = |id: &String| self.life(id).is_some_and(|life| life.left.is_none());
        let detached: Vec<String> = named.into_iter().filter(here).collect();
        release(self, &detached, at);
        if action.decrement {
            self.decrement(detached.len());
        }
        supply.reconcile(self, at);
        detached
    }

    /// Lowers the target, and the minimum with it where it has to.
    pub(crate) fn decrement(&mut self, by: usize) {
        let mut capacity = self.capacity();
        capacity.target = capacity.target.saturating_sub(u32::try_from(by).unwrap_or(u32::MAX));
        capacity.minimum = capacity.minimum.min(capacity.target);
        self.set_capacity(capacity);
    }
}
