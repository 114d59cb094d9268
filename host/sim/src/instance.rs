//! The life of one instance as a function of time: nothing ticks, a look at a moment computes what is true then.
//!
//! Knows no group and no wire shape; `fleet.rs` decides who lives, `metrics.rs` and the routes look.

use std::time::Duration;

use crate::elb::targets::Registration;
use crate::world::{HealthPlan, Image, Latencies};

/// A moment, as the time since the account was started.
pub(crate) type Moment = Duration;

/// What a health check finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Healthy,
    Unhealthy,
    InsufficientData,
}

impl Health {
    pub(crate) const fn wire(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// Spot or on-demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Market {
    Spot,
    OnDemand,
}

/// The clockwork of an instance: its latencies and its image's behaviour, as they were when it was requested.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) image: Image,
    pub(crate) latencies: Latencies,
    /// When AWS had room for it; none while it has not.
    pub(crate) granted: Option<Moment>,
    /// Up and healthy from the moment of its grant on.
    pub(crate) warm: bool,
    /// When it began to leave.
    pub(crate) left: Option<Moment>,
    /// When it was no longer listed.
    pub(crate) ended: Option<Moment>,
}

impl Life {
    pub(crate) const fn new(image: Image, latencies: Latencies) -> Self {
        Self { image, latencies, granted: None, warm: false, left: None, ended: None }
    }

    /// When the instance id appears.
    pub(crate) fn launched(&self) -> Option<Moment> {
        let launch = if self.warm { 0 } else { self.latencies.launch };
        self.granted.map(|granted| granted + Duration::from_millis(launch))
    }

    /// When the first health check with a result comes in.
    fn judged(&self) -> Option<Moment> {
        let after = match self.image.health {
            _ if self.warm => 0,
            HealthPlan::AfterMs(after) => after,
            HealthPlan::Healthy | HealthPlan::Never | HealthPlan::Flapping => self.latencies.healthy,
        };
        self.launched().map(|launched| launched + Duration::from_millis(after))
    }

    /// When it is `HEALTHY` for the first time, if ever.
    pub(crate) fn healthy_from(&self) -> Option<Moment> {
        if self.image.health == HealthPlan::Never { None } else { self.judged() }
    }

    /// When it is gone, once it leaves and when no target group holds it.
    fn gone(&self) -> Option<Moment> {
        self.left.map(|left| left + Duration::from_millis(self.latencies.drain))
    }

    /// What a health check finds at `at`; none before the launch and after the end.
    pub(crate) fn health(&self, at: Moment) -> Option<Health> {
        if self.launched().is_none_or(|launched| at < launched) || self.ended.is_some_and(|ended| at >= ended) {
            return None;
        }
        Some(match self.judged().and_then(|judged| at.checked_sub(judged)) {
            None => Health::InsufficientData,
            Some(since) => match self.image.health {
                HealthPlan::Healthy | HealthPlan::AfterMs(_) => Health::Healthy,
                HealthPlan::Never => Health::Unhealthy,
                HealthPlan::Flapping if (since.as_millis() / self.turn().as_millis()).is_multiple_of(2) => Health::Healthy,
                HealthPlan::Flapping => Health::Unhealthy,
            },
        })
    }

    /// How long a flapping instance stays what it is.
    fn turn(&self) -> Duration {
        Duration::from_millis(self.latencies.healthy.max(1_000))
    }

    /// How long the instance was healthy and not leaving until `at`: the time that its counters count.
    pub(crate) fn served(&self, at: Moment) -> Duration {
        let end = [self.left, self.ended].into_iter().flatten().fold(at, Moment::min);
        let Some(since) = self.healthy_from().and_then(|from| end.checked_sub(from)) else { return Duration::ZERO };
        if self.image.health != HealthPlan::Flapping {
            return since;
        }
        let turn = self.turn().as_nanos();
        let (pairs, rest) = (since.as_nanos() / (2 * turn), since.as_nanos() % (2 * turn));
        Duration::from_nanos(u64::try_from(pairs * turn + rest.min(turn)).unwrap_or(u64::MAX))
    }
}

/// One instance or open request of a group.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// `sir-...`; on-demand instances have none.
    pub(crate) request: Option<String>,
    /// `i-...`; not shown before the launch.
    pub(crate) id: String,
    pub(crate) ami: String,
    pub(crate) machine: String,
    pub(crate) zone: String,
    pub(crate) ip: String,
    pub(crate) created: jiff::Timestamp,
    pub(crate) interrupted: bool,
    pub(crate) life: Life,
    /// The target groups that it stands, or stood, in.
    pub(crate) registrations: Vec<Registration>,
}

impl Instance {
    pub(crate) fn market(&self) -> Market {
        if self.request.is_some() { Market::Spot } else { Market::OnDemand }
    }

    /// The instance id, once there is one.
    pub(crate) fn shown_id(&self, at: Moment) -> Option<&str> {
        self.life.launched().filter(|launched| at >= *launched).map(|_| self.id.as_str())
    }

    /// When it is gone, once it leaves: when it has drained here and in every target group.
    pub(crate) fn gone(&self) -> Option<Moment> {
        let drained = self.registrations.iter().filter_map(|registration| registration.drained(&self.life));
        self.life.gone().map(|gone| drained.fold(gone, Moment::max))
    }

    pub(crate) fn is_healthy(&self, at: Moment) -> bool {
        self.life.health(at) == Some(Health::Healthy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Moment {
        Duration::from_millis(ms)
    }

    fn life(health: HealthPlan) -> Life {
        let image = Image { health, ..Image::default() };
        Life {
            granted: Some(ms(0)),
            ..Life::new(image, Latencies { launch: 100, healthy: 2_000, drain: 50, ..Latencies::default() })
        }
    }

    #[test]
    fn an_instance_is_launched_judged_and_healthy_in_turn() {
        let life = life(HealthPlan::Healthy);
        assert_eq!(life.health(ms(99)), None);
        assert_eq!(life.health(ms(100)), Some(Health::InsufficientData));
        assert_eq!(life.health(ms(2_100)), Some(Health::Healthy));
        assert_eq!(life.served(ms(2_600)), ms(500));
    }

    #[test]
    fn a_bad_image_is_judged_and_never_healthy() {
        let life = life(HealthPlan::Never);
        assert_eq!(life.health(ms(2_100)), Some(Health::Unhealthy));
        assert_eq!(life.served(ms(9_000)), ms(0));
    }

    #[test]
    fn a_flapping_instance_serves_in_its_healthy_turns_only() {
        let life = life(HealthPlan::Flapping);
        assert_eq!([2_100, 4_100, 6_100].map(|at| life.health(ms(at)) == Some(Health::Healthy)), [true, false, true]);
        assert_eq!([3_100, 4_100, 5_100, 7_100].map(|at| life.served(ms(at)).as_millis()), [1_000, 2_000, 2_000, 3_000]);
    }

    #[test]
    fn nothing_is_served_while_leaving() {
        let life = Life { left: Some(ms(3_100)), ..life(HealthPlan::AfterMs(1_000)) };
        assert_eq!(life.served(ms(9_000)), ms(2_000));
        assert_eq!(life.gone(), Some(ms(3_150)));
    }
}
