//! An Elastigroup's capacity: three numbers that are always written together.

use std::fmt;

use serde::{Deserialize, Serialize};

/// minimum <= target <= maximum, in instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Capacity {
    /// The fewest instances that the group may have.
    pub minimum: u32,
    /// The instances that the group is to have.
    pub target: u32,
    /// The most instances that the group may have.
    pub maximum: u32,
}

/// The three numbers are not in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("capacity needs minimum <= target <= maximum, but minimum is {minimum}, target {target}, maximum {maximum}")]
pub struct CapacityError {
    minimum: u32,
    target: u32,
    maximum: u32,
}

impl Capacity {
    /// No instances, and none may come.
    pub const ZERO: Self = Self::pinned(0);

    /// Checks the order of the three numbers.
    ///
    /// # Errors
    /// [`CapacityError`] when minimum <= target <= maximum does not hold.
    pub const fn new(minimum: u32, target: u32, maximum: u32) -> Result<Self, CapacityError> {
        if minimum <= target && target <= maximum {
            Ok(Self { minimum, target, maximum })
        } else {
            Err(CapacityError { minimum, target, maximum })
        }
    }

    /// Exactly `count` instances: no autoscaler can move the group.
    #[must_use]
    pub const fn pinned(count: u32) -> Self {
        Self { minimum: count, target: count, maximum: count }
    }

    /// Whether a live capacity is this one, apart from a target that an autoscaler moved between the same bounds.
    #[must_use]
    pub const fn same_bounds(&self, live: &Self) -> bool {
        self.minimum == live.minimum && self.maximum == live.maximum
    }
}

impl fmt::Display for Capacity {
    /// `min 0, max 10, target 4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "min {}, max {}, target {}", self.minimum, self.maximum, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_order_cannot_be_said() {
        assert!(Capacity::new(0, 4, 10).is_ok());
        assert_eq!(
            Capacity::new(2, 1, 4).map_err(|e| e.to_string()),
            Err("capacity needs minimum <= target <= maximum, but minimum is 2, target 1, maximum 4".to_owned())
        );
        assert!(Capacity::new(0, 5, 4).is_err());
    }
}
