//! Shares without chance: weights and error rates come out exactly, spread as evenly as they can be.

/// A smooth weighted round robin, as nginx does it: the one that is owed most is next.
#[derive(Clone, Debug, Default)]
pub(super) struct Robin(Vec<i64>);

impl Robin {
    /// The place of the next one; none when no weight is above 0.
    pub(super) fn next(&mut self, weights: &[u32]) -> Option<usize> {
        self.0.resize(weights.len(), 0);
        let total: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
        for (owed, weight) in self.0.iter_mut().zip(weights) {
            *owed += i64::from(*weight);
        }
        let weighted = self.0.iter().enumerate().filter(|(place, _)| weights.get(*place).is_some_and(|weight| *weight > 0));
        let (place, _) = weighted.max_by_key(|(place, owed)| (**owed, std::cmp::Reverse(*place)))?;
        if let Some(owed) = self.0.get_mut(place) {
            *owed -= total;
        }
        Some(place)
    }
}

/// Adds up a share, and says when it has come to a whole.
pub(super) fn whole(sum: &mut f64, share: f64) -> bool {
    *sum += share;
    // What rounding takes away must not put off the last of a whole number.
    let is_whole = *sum >= 1.0 - 1e-9;
    if is_whole {
        *sum -= 1.0;
    }
    is_whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn turns_are_spread_evenly() {
        let mut robin = Robin::default();
        let turns: Vec<_> = (0..7).map(|_| robin.next(&[5, 1, 1]).unwrap()).collect();
        assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(Robin::default().next(&[0, 0]), None);
        let mut robin = Robin::default();
        assert!((0..10).all(|_| robin.next(&[0, 3, 0]) == Some(1)));
    }

    #[test]
    fn an_error_share_comes_out_exactly() {
        let mut sum = 0.0;
        let errors = |sum: &mut f64, share| (0..1_000).filter(|_| whole(sum, share)).count();
        assert_eq!([0.0, 0.05, 0.1, 1.0].map(|share| errors(&mut sum, share)), [0, 50, 100, 1_000]);
    }

    proptest! {
        #[test]
        fn every_round_gives_each_its_weight(weights in prop::collection::vec(0..40_u32, 1..5)) {
            let total: u32 = weights.iter().sum();
            let mut robin = Robin::default();
            let mut counts = vec![0; weights.len()];
            for _ in 0..total {
                counts[robin.next(&weights).unwrap()] += 1;
            }
            prop_assert_eq!(counts, weights);
        }
    }
}
