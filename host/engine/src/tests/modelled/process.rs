//! The run under test: the interpreter on `Sim` as a process that can be driven, stopped anywhere, and started anew on the
//! same world; and the operator's commands on it, as the program gives them. It checks nothing but what it is told to.

use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use shiftgate_model::*;
use tokio::runtime::Runtime;

use super::super::balancers::forward;
use super::super::blue_green::login;
use super::super::run_id;
use super::super::world::World;
use super::endings::at_end;
use super::invariants::{Book, always};
use super::machine::{Hand, Other, Verb, Whose};
use super::model::{Kind, Model, Recipe, Says};
use super::plans::{EARLIER, balancers, prepare};
use super::snapshot::{Snapshot, bounds};
use super::watched::Watched;
use crate::{Activities, DurableError, ORDERS, Order, Pace, Ports, Settings, Sim, WhenBusy, close_orders, deploy, give_order};

type Ended = Result<Ending, DurableError>;

/// A process that drives the run.
struct Driver {
    sim: Arc<Sim>,
    run: Pin<Box<dyn Future<Output = Ended> + Send>>,
}

pub(super) struct Process {
    runtime: Runtime,
    watched: Arc<Watched>,
    driver: Option<Driver>,
    /// What has happened, in words.
    told: String,
}

/// Polls a run so many times at most.
struct Awaits<'d> {
    driver: &'d mut Driver,
    left: u16,
}

impl Future for Awaits<'_> {
    type Output = Option<Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Ended>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.driver.run.as_mut().poll(cx).map(Some)
    }
}

impl Process {
    pub(super) fn begin(recipe: &Recipe) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (world, script) = runtime.block_on(async { prepare(recipe) });
        let watched = Watched::new(world, Book::new(recipe.clone(), script));
        let mut process = Self { runtime, watched, driver: None, told: String::new() };
        process.start();
        process
    }

    fn world(&self) -> &Arc<World> {
        &self.watched.world
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.watched.book()
    }

    pub(super) fn tell(&mut self, what: &str) {
        let events = self.world().state().events.len();
        let _ = writeln!(self.told, "  after {events} events: {what}");
    }

    fn start(&mut self) {
        self.world().state().writes_left = None;
        self.book().process += 1;
        let watched = &self.watched;
        let ports = Ports {
            groups: watched.clone(),
            routes: Some(watched.clone()),
            plugins: watched.clone(),
            ledger: watched.clone(),
            locks: watched.clone(),
            events: watched.clone(),
            evidence: watched.clone(),
            parking: watched.clone(),
            runs: watched.clone(),
            clock: watched.clone(),
        };
        let settings = Settings { account: "act-1".into(), pace: Pace::default(), when_busy: WhenBusy::Wait };
        let sim = Arc::new(Sim::new(Arc::new(Activities::new(ports, settings))));
        let (own, plan) = (Arc::clone(&sim), Arc::clone(&self.world().plan));
        let run = Box::pin(async move { deploy(&*own, &run_id(), &plan).await });
        self.driver = Some(Driver { sim, run });
    }

    pub(super) fn crash(&mut self) {
        self.driver = None;
    }

    pub(super) fn pass(&mut self, seconds: u32, model: &Model) {
        let time = Duration::from_secs(u64::from(seconds));
        let ended = match &mut self.driver {
            None => {
                self.runtime.block_on(async { tokio::time::sleep(time).await });
                None
            }
            Some(driver) => self.runtime.block_on(async { tokio::time::timeout(time, &mut driver.run).await.ok() }),
        };
        self.ended(ended, model);
        self.heeded();
    }

    pub(super) fn awaits(&mut self, awaits: u16, model: &Model) {
        let Some(driver) = &mut self.driver else { return };
        let ended = self.runtime.block_on(Awaits { driver, left: awaits });
        self.ended(ended, model);
    }

    fn ended(&mut self, ended: Option<Ended>, model: &Model) {
        let Some(ended) = ended else { return };
        self.driver = None;
        match ended {
            Ok(ending) => {
                self.tell(&format!("it ends: {ending}"));
                let _entered = self.runtime.enter();
                at_end(&self.watched.world, &mut self.watched.book(), model, ending);
            }
            // The record failed: the process is gone.
            Err(error) => self.tell(&format!("the process stops: {error}")),
        }
    }

    /// An abort is heeded within a poll.
    fn heeded(&self) {
        let _entered = self.runtime.enter();
        let mut book = self.book();
        let wraps_up = self
            .driver
            .as_ref()
            .is_some_and(|driver| driver.sim.statuses().last().is_some_and(|step| step.starts_with("wrap-up")));
        if self.driver.is_some() && !wraps_up && book.aborted.is_some_and(|at| at.elapsed() > Duration::from_secs(60)) {
            book.broken.push("8: an abort was ordered more than a minute ago, and the run goes on".into());
        }
    }

    pub(super) fn record_fails_after(&self, writes: u32) {
        self.world().state().writes_left = Some(writes);
    }

    /// The step that the run is at, when a process drives it.
    fn step(&self) -> Option<(Arc<Sim>, String)> {
        let sim = &self.driver.as_ref()?.sim;
        Some((Arc::clone(sim), sim.statuses().pop()?))
    }

    pub(super) fn vote(&self, yes: bool) {
        let Some((sim, step)) = self.step() else { return };
        let vote = if yes { "approve" } else { "reject" };
        sim.signal(&step, format!(r#"{{"subject":"ann","vote":"{vote}","comment":""}}"#));
    }

    pub(super) fn order(&mut self, verb: Verb) {
        let ending = self.world().state().ending;
        match verb {
            Verb::Abort => self.abort(ending),
            Verb::Retry => self.retry(ending),
            Verb::Resume { accept_drift } if self.driver.is_none() => self.take_up(false, accept_drift, ending),
            // Another process drives it: refused.
            Verb::Resume { .. } => {}
            Verb::Rollback { .. } if self.driver.is_some() => self.give(Order::Rollback),
            Verb::Rollback { accept_drift } => self.take_up(true, accept_drift, ending),
        }
    }

    fn abort(&mut self, ending: Option<Ending>) {
        // A process that was killed while it said how the run ended: whoever goes on says the same.
        let all_but_ended = self.world().state().events.last().is_some_and(|e| matches!(e.kind, EventKind::RunEnded { .. }));
        if ending.is_some() || all_but_ended {
            return;
        }
        self.give(Order::Abort);
        if self.driver.is_none() && self.world().state().writes_left != Some(0) {
            self.start();
        }
    }

    fn retry(&mut self, ending: Option<Ending>) {
        if matches!(ending, Some(Ending::Aborted | Ending::Stuck)) && self.driver.is_none() {
            return self.take_up(false, false, ending);
        }
        let asked = self.world().state().events.last().is_some_and(|e| matches!(e.kind, EventKind::InterventionRequested { .. }));
        if asked {
            self.give(Order::Retry);
        }
    }

    /// The order is on record, and a process that drives the run hears of it.
    fn give(&self, order: Order) {
        let given = self.runtime.block_on(give_order(&*self.watched, &run_id(), order, "ann asked for it"));
        if let (Ok(()), Some(driver)) = (given, &self.driver) {
            driver.sim.signal(ORDERS, "");
        }
    }

    /// `resume` and `rollback` of a run that nobody drives.
    fn take_up(&mut self, back: bool, accept_drift: bool, ending: Option<Ending>) {
        let possible = match ending {
            None | Some(Ending::Aborted | Ending::Stuck) => true,
            Some(Ending::Succeeded) => back,
            Some(Ending::Failed | Ending::RolledBack) => false,
        };
        if !possible {
            return;
        }
        self.world().state().writes_left = None;
        let (ledger, run) = (&*self.watched, run_id());
        self.runtime.block_on(async {
            close_orders(ledger, &run, &[Order::Abort], "the run goes on").await.unwrap();
            if accept_drift {
                give_order(ledger, &run, Order::AcceptDrift, "ann asked for it").await.unwrap();
            } else {
                close_orders(ledger, &run, &[Order::AcceptDrift], "the run goes on").await.unwrap();
            }
            if back {
                give_order(ledger, &run, Order::Rollback, "ann asked for it").await.unwrap();
            }
            ledger.world.state().ending = None;
            ledger.append(&run, None, None, EventKind::RunResumed).await.unwrap();
        });
        self.start();
    }

    pub(super) fn sick(&self, sick: bool) {
        let mut state = self.world().state();
        state.sick.clear();
        if sick {
            state.sick.push(AmiId::new("ami-new"));
        }
    }

    pub(super) fn meddle(&self, hand: Hand) {
        let _entered = self.runtime.enter();
        let now = Snapshot::of(self.world());
        let id = |whose| match whose {
            Whose::Old => now.old_id().or_else(|| Some(GroupId::new("sig-1"))),
            Whose::New => now.new_group().map(|group| group.id.clone()),
            Whose::Earlier => Some(GroupId::new(EARLIER)),
        };
        let (Hand::Pins(whose, _) | Hand::Scales(whose, _) | Hand::Renames(whose) | Hand::Deletes(whose)) = hand else {
            return self.weigh(hand);
        };
        let mut book = self.book();
        let mut state = self.world().state();
        book.meddled_at = state.events.len();
        book.another_world |= now.original().is_none();
        let Some(id) = id(whose).filter(|id| state.groups.contains_key(id.as_str())) else { return };
        if matches!(hand, Hand::Deletes(_)) {
            state.groups.remove(id.as_str());
            book.gone.insert(id.to_string());
            return;
        }
        let Some(group) = state.groups.get_mut(id.as_str()) else { return };
        match hand {
            Hand::Pins(_, n) => {
                let was = bounds(group.capacity);
                group.capacity = Capacity::pinned(n);
                book.meddled(format!("capacity {id}"), was, &bounds(group.capacity));
            }
            Hand::Scales(_, n) => {
                group.capacity.target = n.clamp(group.capacity.minimum, group.capacity.maximum);
                book.scaled = true;
            }
            Hand::Renames(_) => {
                let was = group.name.to_string();
                group.name = GroupName::new(format!("{was}-kept"));
                book.meddled(format!("name {id}"), was, group.name.as_str());
            }
            Hand::Deletes(_) | Hand::Weighs(_) => {}
        }
    }

    fn weigh(&self, hand: Hand) {
        let mut book = self.book();
        let (Hand::Weighs(weight), Some(balancer)) = (hand, balancers(&book.recipe).first()) else { return };
        let (new, old) = (format!("{balancer}-green"), format!("{balancer}-blue"));
        let forwards = match book.recipe.kind {
            Kind::Swap if weight > 50 => vec![forward(&[(&new, 1)])],
            Kind::Swap => vec![forward(&[(&old, 1)])],
            _ => vec![forward(&[(&old, u16::from(100 - weight)), (&new, u16::from(weight))])],
        };
        let actions: Vec<RouteAction> = std::iter::once(login()).chain(forwards).collect();
        let rule = super::watched::rules_of(balancer).0;
        book.another_world |= Snapshot::of(self.world()).original().is_none();
        let mut state = self.world().state();
        book.meddled_at = state.events.len();
        let was = state.balancers.rules.values().flatten().find(|found| found.arn == rule).unwrap().actions.to_string();
        let is = Actions(actions.clone()).to_string();
        state.balancers.set(balancer, 80, actions);
        book.meddled(format!("route {rule}"), was, &is);
    }

    pub(super) fn other_run(&self, other: Other) {
        let (world, name) = (self.world(), RunId::new("other"));
        let family = &world.plan.setup.family;
        if other == Other::Leaves {
            return self.runtime.block_on(Locks::release(&**world, "act-1", family, &name)).unwrap();
        }
        let acquired = self.runtime.block_on(Locks::acquire(&**world, "act-1", family, &name)).unwrap();
        let Acquired::Held { fence } = acquired else { return };
        world.state().others.push((name.clone(), format!("began {fence}")));
        if other == Other::Changes {
            world.state().others.push((name.clone(), "create".into()));
        }
        if other != Other::Holds {
            self.runtime.block_on(Locks::release(&**world, "act-1", family, &name)).unwrap();
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn peace(&self) {
        self.other_run(Other::Leaves);
        self.sick(false);
        self.world().state().writes_left = None;
        let mut book = self.book();
        book.faults.clear();
        for says in book.script.values_mut() {
            *says = Says::Pass;
        }
    }

    /// Somebody goes on with the run until it ends, and says yes to everything that is asked.
    pub(super) fn run_out(&mut self, model: &Model) -> Ending {
        let ended = |process: &Self| process.world().state().ending.filter(|_| process.driver.is_none());
        for _ in 0..200 {
            if let Some(ending) = ended(self) {
                return ending;
            }
            if self.driver.is_none() {
                self.order(Verb::Resume { accept_drift: false });
            }
            if self.book().yes {
                self.pass(86_400, model);
            } else {
                self.pass(300, model);
                self.vote(true);
            }
        }
        self.book().broken.push("the run comes to no end".into());
        Ending::Failed
    }

    /// Every approval finds a yes as soon as it is asked for, and nobody answers anything else.
    pub(super) fn votes_at_once(&self) {
        self.book().yes = true;
    }

    /// The final world, in words.
    pub(super) fn outcome(&self) -> (Option<Ending>, Vec<String>, Vec<String>) {
        let ending = self.world().state().ending;
        (ending, self.world().groups(), self.world().routes())
    }

    /// What is broken, with all that led there; none when everything holds.
    pub(super) fn check(&self) -> Result<(), String> {
        let _entered = self.runtime.enter();
        always(self.world(), &mut self.book());
        let broken = self.book().broken.clone();
        if broken.is_empty() { Ok(()) } else { Err(format!("{}\n{}", broken.join("\n"), self.story())) }
    }

    /// What has happened, and what was logged.
    pub(super) fn story(&self) -> String {
        let world = self.world();
        let (transcript, groups, routes) = (world.transcript(), world.groups(), world.routes());
        let lines: String = transcript.lines().enumerate().fold(String::new(), |mut text, (n, line)| {
            let _ = writeln!(text, "  {:>3} {line}", n + 1);
            text
        });
        let calls = world.state().calls.join("\n  ");
        format!("what happened:\n{}log:\n{lines}world: {groups:?} {routes:?}\ncalls:\n  {calls}", self.told)
    }
}
