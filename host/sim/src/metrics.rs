//! What the instances measure: requests, errors and latency as functions of time. A bad image is measurably bad.
//!
//! Counters are exact at every moment, so that a rate is right also over a window of milliseconds; what a plain selector
//! shows of a counter is its whole part. `promql.rs` asks for series, `query_api.rs` is the HTTP surface.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use promql_parser::label::Matcher;

use crate::account::Account;
use crate::fleet::scramble;
use crate::instance::{Instance, Life, Moment};

/// A series' labels, `__name__` not included.
pub(crate) type Labels = BTreeMap<String, String>;

/// Instances that are gone, with the group that each belonged to. They are kept for an hour.
#[derive(Debug, Default)]
pub(crate) struct Past(VecDeque<(String, Instance)>);

impl Past {
    const KEPT: Duration = Duration::from_secs(3_600);

    /// Takes over instances that ended at `at`.
    pub(crate) fn add(&mut self, group: &str, gone: Vec<Instance>, at: Moment) {
        while self.0.front().is_some_and(|(_, old)| old.life.ended.is_some_and(|ended| ended + Self::KEPT < at)) {
            self.0.pop_front();
        }
        for mut instance in gone {
            instance.life.ended = Some(at);
            self.0.push_back((group.to_owned(), instance));
        }
    }
}

/// The four metrics of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Requests,
    Errors,
    Latency,
    Up,
}

impl Metric {
    const ALL: [Self; 4] = [Self::Requests, Self::Errors, Self::Latency, Self::Up];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Requests => "http_requests_total",
            Self::Errors => "http_request_errors_total",
            Self::Latency => "http_request_latency_ms",
            Self::Up => "up",
        }
    }
}

/// One instance as metrics see it.
#[derive(Clone, Debug)]
struct Target {
    labels: Labels,
    /// Makes instances of one image differ a little, always in the same way.
    seed: u64,
    life: Life,
}

impl Target {
    fn new(group: &str, name: &str, instance: &Instance) -> Self {
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let labels =
            [label("instance", &instance.id), label("group", group), label("group_name", name), label("ami", &instance.ami)];
        let seed = instance.id.bytes().fold(0_u64, |seed, byte| scramble(seed ^ u64::from(byte)));
        Self { labels: labels.into(), seed, life: instance.life.clone() }
    }

    /// A factor between 0.95 and 1.05, one for each purpose.
    fn spread(&self, purpose: u64) -> f64 {
        let unit = f64::from(u32::try_from(scramble(self.seed ^ purpose) >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        0.95 + 0.1 * unit
    }

    /// Requests, or errors, a second while healthy.
    fn speed(&self, metric: Metric) -> f64 {
        let requests = self.life.image.requests_per_second.max(0.0) * self.spread(1);
        if metric == Metric::Errors { requests * (self.life.image.errors * self.spread(2)).clamp(0.0, 1.0) } else { requests }
    }

    fn counter(&self, metric: Metric, at: Moment) -> f64 {
        let served = self.life.served(at).as_secs_f64();
        match self.life.image.chance {
            Some(chance) if metric == Metric::Errors => self.errors_by_chance(chance, served),
            _ => served * self.speed(metric),
        }
    }

    /// Errors in so many seconds of service: each second has a number of its own, and the last one its share of it.
    fn errors_by_chance(&self, chance: u64, served: f64) -> f64 {
        let mean = self.speed(Metric::Errors);
        let in_second = |second: u64| poisson(mean, scramble(self.seed ^ scramble(chance) ^ second));
        let whole = served.floor();
        (0..whole as u64).map(in_second).sum::<f64>() + in_second(whole as u64) * (served - whole)
    }

    /// Since when the application answers, if it does at `at`.
    fn serving_since(&self, at: Moment) -> Option<Moment> {
        self.life.healthy_from().filter(|from| *from <= at)
    }

    /// The value that a plain selector sees at `at`; none when there is no such series then.
    fn value(&self, metric: Metric, at: Moment) -> Option<f64> {
        let health = self.life.health(at)?;
        match metric {
            Metric::Up => Some(f64::from(u8::from(health == crate::instance::Health::Healthy))),
            Metric::Requests | Metric::Errors => self.serving_since(at).map(|_| self.counter(metric, at).floor()),
            Metric::Latency => {
                let since = self.serving_since(at)?;
                Some(self.life.image.latency_ms.max(0.0) * self.spread(3 + (at - since).as_secs()))
            }
        }
    }

    /// What a counter gained in the `range` before `at`, and what that is a second. The window begins at the
    /// instance's birth where that is later; at the very moment of its birth the speed is what it will be.
    fn gain(&self, metric: Metric, at: Moment, range: Duration) -> Option<Gain> {
        let end = self.life.ended.map_or(at, |ended| ended.min(at));
        let start = self.serving_since(end)?.max(at.saturating_sub(range));
        let window = end.checked_sub(start)?;
        if window.is_zero() {
            let healthy = self.life.left.is_none() && end == at;
            return healthy.then(|| Gain { by: 0.0, per_second: self.speed(metric) });
        }
        let by = self.counter(metric, end) - self.counter(metric, start);
        Some(Gain { by, per_second: by / window.as_secs_f64() })
    }
}

/// A number of events of which `mean` are expected, picked by a draw.
fn poisson(mean: f64, draw: u64) -> f64 {
    let draw = (draw >> 11) as f64 / (1_u64 << 53) as f64;
    let mut share = (-mean.min(500.0)).exp();
    let (mut events, mut below) = (0.0, share);
    while below < draw && share > 0.0 {
        events += 1.0;
        share *= mean / events;
        below += share;
    }
    events
}

/// What a counter gained in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gain {
    pub(crate) by: f64,
    pub(crate) per_second: f64,
}

/// Every instance that metrics know, with the two clocks as they were when it was taken.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    targets: Vec<Target>,
    now: Moment,
    /// The time of day at `now`, in seconds since 1970.
    pub(crate) wall: f64,
}

impl Scrape {
    pub(crate) fn of(account: &mut Account) -> Self {
        let now = account.now();
        account.settle(now);
        let living = account
            .groups
            .iter()
            .flat_map(|group| group.instances.iter().map(|instance| Target::new(&group.id, group.name(), instance)));
        let past = account.past.0.iter().map(|(id, instance)| {
            let name = account.groups.iter().find(|group| group.id == *id).map_or("", crate::group::Group::name);
            Target::new(id, name, instance)
        });
        let mut targets: Vec<Target> = living.chain(past).collect();
        targets.sort_by(|a, b| a.labels.cmp(&b.labels));
        let wall = jiff::Timestamp::now().as_duration().as_secs_f64();
        Self { targets, now, wall }
    }

    /// The same, where it is that time of day now.
    pub(crate) fn at(self, wall: f64) -> Self {
        Self { wall, ..self }
    }

    /// The moment at that time of day: as long ago as it is, and now when it lies ahead. None before the start.
    fn moment(&self, time: f64) -> Option<Moment> {
        let ago = Duration::try_from_secs_f64((self.wall - time).max(0.0)).ok()?;
        self.now.checked_sub(ago)
    }

    fn chosen<'a>(&'a self, select: &'a Select) -> impl Iterator<Item = (Metric, &'a Target)> {
        let metrics = Metric::ALL.into_iter().filter(|metric| select.takes_name(metric.name()));
        metrics.flat_map(|metric| self.targets.iter().filter(|target| select.takes(&target.labels)).map(move |t| (metric, t)))
    }

    /// The series of a selector at a time of day.
    pub(crate) fn values<'a>(&'a self, select: &'a Select, time: f64) -> impl Iterator<Item = (Metric, &'a Labels, f64)> {
        self.moment(time).into_iter().flat_map(move |at| {
            self.chosen(select).filter_map(move |(metric, target)| Some((metric, &target.labels, target.value(metric, at)?)))
        })
    }

    /// What the counters of a selector gained before a time of day. Gauges have no gain.
    pub(crate) fn gains<'a>(
        &'a self,
        select: &'a Select,
        time: f64,
        range: Duration,
    ) -> impl Iterator<Item = (&'a Labels, Gain)> {
        let counters = self.chosen(select).filter(|(metric, _)| matches!(metric, Metric::Requests | Metric::Errors));
        let at = self.moment(time);
        counters.filter_map(move |(metric, target)| Some((&target.labels, target.gain(metric, at?, range)?)))
    }
}

/// Which series a selector takes.
#[derive(Clone, Debug)]
pub(crate) struct Select {
    pub(crate) name: Option<String>,
    pub(crate) matchers: Vec<Matcher>,
}

impl Select {
    fn takes_name(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|wanted| wanted == name)
            && self.matchers.iter().filter(|matcher| matcher.name == "__name__").all(|matcher| matcher.is_match(name))
    }

    fn takes(&self, labels: &Labels) -> bool {
        let value = |name: &str| labels.get(name).map_or("", String::as_str);
        self.matchers.iter().filter(|m| m.name != "__name__").all(|matcher| matcher.is_match(value(&matcher.name)))
    }
}
