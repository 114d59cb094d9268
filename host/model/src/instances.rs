//! How many instances a step asks for. Phases are cumulative targets of one setup, not increments.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Capacity;

/// A share of the setup's target, or a number of instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// 0 to 100, of the setup's target instances.
    Percent(u8),
    /// That many instances.
    Count(u32),
}

/// A percentage above 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a percentage is 0 to 100, not {0}")]
pub struct AmountError(pub u64);

impl Amount {
    /// Checks the range.
    ///
    /// # Errors
    /// [`AmountError`] above 100.
    pub fn percent(value: u64) -> Result<Self, AmountError> {
        match u8::try_from(value) {
            Ok(percent) if percent <= 100 => Ok(Self::Percent(percent)),
            _ => Err(AmountError(value)),
        }
    }

    /// Whether this amount asks for the whole of `full`.
    #[must_use]
    pub const fn is_final(self, full: Capacity) -> bool {
        match self {
            Self::Percent(percent) => percent == 100,
            Self::Count(count) => count >= full.target,
        }
    }

    /// The instances that this amount asks for: a share rounds half up and is at least one; a count stops at the maximum.
    #[must_use]
    pub fn instances(self, full: Capacity) -> u32 {
        match self {
            Self::Percent(percent) => share(percent, full.target, 50).max(1),
            Self::Count(count) => count.min(full.maximum),
        }
    }

    /// What the new group is to have: the setup's own bounds at the end, pinned before it.
    #[must_use]
    pub fn new_group(self, full: Capacity) -> Capacity {
        if self.is_final(full) {
            let target = match self {
                Self::Percent(_) => full.target,
                Self::Count(_) => self.instances(full),
            };
            Capacity { target, ..full }
        } else {
            Capacity::pinned(self.instances(full))
        }
    }

    /// What the old group is to have once the new one has `self`: nothing at the end; before it `downsize` if the step
    /// says so (a count stays, a percentage of the original stays, rounded down), otherwise what the new one took over.
    #[must_use]
    pub fn old_group(self, full: Capacity, original: Capacity, downsize: Option<Self>) -> Capacity {
        if self.is_final(full) {
            return Capacity::ZERO;
        }
        Capacity::pinned(match downsize {
            Some(Self::Count(count)) => count,
            Some(Self::Percent(percent)) => share(percent, original.target, 0),
            None => original.target.saturating_sub(self.instances(full)),
        })
    }
}

/// `percent` of `whole`, with `round` hundredths added before the division.
fn share(percent: u8, whole: u32, round: u64) -> u32 {
    let hundredths = u64::from(percent) * u64::from(whole) + round;
    u32::try_from(hundredths / 100).unwrap_or(u32::MAX)
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Count(1) => f.write_str("1 instance"),
            Self::Count(count) => write!(f, "{count} instances"),
        }
    }
}

/// How large the whole deployment is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sizing {
    /// The setup's own numbers.
    Fixed(Capacity),
    /// What the running group has when the setup looks; 1/2/4 (minimum, target, maximum) when none runs.
    SameAsRunning,
}

impl Sizing {
    /// The numbers, given what runs now.
    #[must_use]
    pub const fn resolve(self, running: Option<Capacity>) -> Capacity {
        match (self, running) {
            (Self::Fixed(capacity), _) | (Self::SameAsRunning, Some(capacity)) => capacity,
            (Self::SameAsRunning, None) => Capacity { minimum: 1, target: 2, maximum: 4 },
        }
    }
}

/// Which group moves first in a deploy step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DownsizeOrder {
    /// The new group grows, then the old one shrinks: capacity never dips.
    #[default]
    NewFirst,
    /// The old group shrinks, then the new one grows: never more instances than before.
    OldFirst,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CANARY: Capacity = Capacity { minimum: 0, target: 4, maximum: 10 };

    fn numbers(c: Capacity) -> (u32, u32, u32) {
        (c.minimum, c.maximum, c.target)
    }

    #[test]
    fn the_canary_goes_1_2_then_its_own_bounds() {
        let new = [25, 50, 100].map(|p| numbers(Amount::Percent(p).new_group(CANARY)));
        assert_eq!(new, [(1, 1, 1), (2, 2, 2), (0, 10, 4)]);
        let old = [25, 50, 100].map(|p| numbers(Amount::Percent(p).old_group(CANARY, CANARY, None)));
        assert_eq!(old, [(3, 3, 3), (2, 2, 2), (0, 0, 0)]);
    }

    #[test]
    fn a_count_of_the_target_ends_the_basic_deployment() {
        let basic = Capacity { minimum: 1, target: 2, maximum: 4 };
        assert_eq!(numbers(Amount::Count(2).new_group(basic)), (1, 4, 2));
        assert_eq!(numbers(Amount::Count(3).new_group(basic)), (1, 4, 3));
        assert_eq!(numbers(Amount::Count(9).new_group(basic)), (1, 4, 4));
        assert_eq!(numbers(Amount::Count(1).new_group(basic)), (1, 1, 1));
    }

    #[test]
    fn a_step_may_say_what_stays_of_the_old_group() {
        let old = |amount| numbers(Amount::Percent(50).old_group(CANARY, CANARY, Some(amount)));
        assert_eq!(old(Amount::Count(4)), (4, 4, 4));
        assert_eq!(old(Amount::Percent(30)), (1, 1, 1));
        assert_eq!(numbers(Amount::Percent(100).old_group(CANARY, CANARY, Some(Amount::Count(4)))), (0, 0, 0));
    }

    proptest! {
        #[test]
        fn a_share_is_at_least_one_and_grows(target in 1_u32..10_000, p in 0_u8..100) {
            let full = Capacity { minimum: 0, target, maximum: target };
            let n = Amount::Percent(p).instances(full);
            prop_assert!(n >= 1 && n <= target);
            prop_assert!(n <= Amount::Percent(p + 1).instances(full));
            let exact = f64::from(p) * f64::from(target) / 100.0;
            prop_assert!((f64::from(n) - exact.max(1.0)).abs() <= 0.5);
        }

        #[test]
        fn every_capacity_is_in_order(target in 0_u32..1_000, above in 0_u32..1_000, below in 0_u32..1_000, c in 0_u32..3_000) {
            let full = Capacity { minimum: target.saturating_sub(below), target, maximum: target + above };
            let new = Amount::Count(c).new_group(full);
            prop_assert!(Capacity::new(new.minimum, new.target, new.maximum).is_ok());
        }
    }
}
