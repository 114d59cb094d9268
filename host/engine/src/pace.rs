//! How often the cloud is looked at while a group settles.

use shiftgate_model::Millis;

/// The pauses between two looks at a group: the first, then half as long again each time, up to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The pause after the first look.
    pub first: Millis,
    /// No pause is longer.
    pub longest: Millis,
    /// How many looks in a row have to agree; at least 1.
    pub stable_for: u32,
    /// How long a changed rule may take to reach every node of a load balancer.
    pub propagation: Millis,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Millis::seconds(5), longest: Millis::seconds(20), stable_for: 1, propagation: Millis::seconds(20) }
    }
}

impl Pace {
    /// The pause that follows a pause of `last`.
    #[must_use]
    pub fn next(&self, last: Option<Millis>) -> Millis {
        match last {
            None => self.first,
            Some(last) => Millis(last.0.saturating_add(last.0 / 2)).min(self.longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_grow_rarer_up_to_a_bound() {
        let pace = Pace::default();
        let mut last = None;
        let pauses: Vec<u64> = (0..5)
            .map(|_| {
                let pause = pace.next(last);
                last = Some(pause);
                pause.0
            })
            .collect();
        assert_eq!(pauses, [5_000, 7_500, 11_250, 16_875, 20_000]);
    }
}
