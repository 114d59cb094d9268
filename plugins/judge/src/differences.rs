//! Order statistics of all pairwise differences of two samples, each of the canary less each of the baseline, without making the
//! list of them. `exact.rs` draws the estimate and the interval from here.
//!
//! Floating-point subtraction never decreases in its first operand nor increases in its second. So with both samples ascending, how
//! many differences lie at or below a value is counted in one walk over both, and the value with a given rank is found by halving:
//! an exact difference comes out, not an approximation of one.

use alloc::vec::Vec;

/// What one walk finds out about a value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Count {
    /// How many differences are at or below the value.
    up_to: u64,
    /// The greatest of these.
    floor: f64,
    /// The least of the others.
    above: f64,
}

/// All pairwise differences of two samples, and what is known of their order so far.
#[derive(Debug)]
pub(crate) struct Differences<'a> {
    canary: &'a [f64],
    baseline: &'a [f64],
    known: Vec<Count>,
}

impl<'a> Differences<'a> {
    /// Both samples ascend, and hold finite numbers without a negative zero.
    pub(crate) const fn of(canary: &'a [f64], baseline: &'a [f64]) -> Self {
        Self { canary, baseline, known: Vec::new() }
    }

    /// How many differences there are.
    pub(crate) const fn pairs(&self) -> u64 {
        self.canary.len() as u64 * self.baseline.len() as u64
    }

    /// Counts the differences at or below `value`.
    fn count(&mut self, value: f64) -> Count {
        let (mut x_at, mut y_at) = (0_usize, 0_usize);
        let mut found = Count { up_to: 0, floor: f64::NEG_INFINITY, above: f64::INFINITY };
        // The larger the canary's sample, the more of the baseline is too small for a difference at or below the value. Each step
        // moves on in one of the two; which is not foreseeable, so it is computed and not branched on.
        while let (Some(x), Some(y)) = (self.canary.get(x_at), self.baseline.get(y_at)) {
            let difference = x - y;
            let within = difference <= value;
            found.floor = if within && difference > found.floor { difference } else { found.floor };
            found.above = if !within && difference < found.above { difference } else { found.above };
            found.up_to += u64::from(within) * (self.baseline.len() - y_at) as u64;
            x_at += usize::from(within);
            y_at += usize::from(!within);
        }
        self.known.push(found);
        found
    }

    /// All differences from `low` to `high`, in no set order.
    fn between(&self, low: f64, high: f64) -> Vec<f64> {
        let mut found = Vec::new();
        let mut rest = self.baseline;
        for x in self.canary {
            while let Some((y, tail)) = rest.split_first() {
                if x - y <= high {
                    break;
                }
                rest = tail;
            }
            found.extend(rest.iter().map(|y| x - y).take_while(|difference| *difference >= low));
        }
        found
    }

    /// The difference with this rank, 1 for the least. Nothing when there is no such rank.
    pub(crate) fn ranked(&mut self, rank: u64) -> Option<f64> {
        if rank == 0 || rank > self.pairs() {
            return None;
        }
        // Both ends are differences, and the one that is sought lies between them: `below` are less than `low`, `up_to` are at or
        // below `high`.
        let mut low = self.canary.first()? - self.baseline.last()?;
        let mut high = self.canary.last()? - self.baseline.first()?;
        let (mut below, mut up_to) = (0, self.pairs());
        for known in &self.known {
            if known.up_to >= rank && known.floor <= high {
                (high, up_to) = (known.floor, known.up_to);
            } else if known.up_to < rank && known.above >= low {
                (low, below) = (known.above, known.up_to);
            }
        }
        let few = (self.canary.len() + self.baseline.len()) as u64;
        let (mut by_places, mut from_above) = (false, false);
        while low < high {
            let width = up_to - below;
            if width <= few {
                let mut left = self.between(low, high);
                let nth = usize::try_from(rank - below - 1).ok().filter(|nth| *nth < left.len())?;
                return Some(*left.select_nth_unstable_by(nth, f64::total_cmp).1);
            }
            // Aimed a little to either side in turn, so that both ends close in.
            let aim = if from_above { rank - below + few / 4 } else { (rank - below).saturating_sub(few / 4) };
            let guess = low + (high - low) * (aim as f64 / width as f64);
            let probe = if by_places || !(guess >= low && guess < high) { midway(low, high) } else { guess };
            let found = self.count(probe);
            if found.up_to >= rank {
                (high, up_to) = (found.floor, found.up_to);
            } else {
                (low, below) = (found.above, found.up_to);
            }
            from_above = found.up_to < rank;
            // Where guessing does not halve what is left, halving the places does, so the end is near in any case.
            by_places = !by_places && up_to - below > width / 2;
        }
        Some(low)
    }

    /// The median of all differences: the estimate of Hodges and Lehmann ("Estimates of Location Based on Rank Tests", 1963) of how
    /// much the canary is shifted.
    pub(crate) fn median(&mut self) -> Option<f64> {
        let pairs = self.pairs();
        let lower = self.ranked(pairs.div_ceil(2))?;
        if pairs % 2 == 1 {
            return Some(lower);
        }
        let found = self.count(lower);
        let upper = if found.up_to > pairs / 2 { lower } else { found.above };
        Some(0.5 * lower + 0.5 * upper)
    }
}

/// A place on the line of all floating-point numbers, so that halving by places ends after 64 steps at most.
const fn place(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The number at a place.
const fn at(place: i64) -> f64 {
    f64::from_bits((place ^ (((place >> 63) as u64) >> 1) as i64) as u64)
}

/// The number halfway between two that differ, by places; below `high`.
const fn midway(low: f64, high: f64) -> f64 {
    let (low, high) = (place(low), place(high));
    at((low & high) + ((low ^ high) >> 1))
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![-4i32..4, -1000i32..1000]
            .prop_map(f64::from)
            .boxed()
            .prop_union(proptest::num::f64::NORMAL.boxed())
            .or((-1.0..1.0).boxed())
            .prop_map(|v| v + 0.0)
    }

    proptest! {
        #[test]
        fn every_rank_is_that_of_the_whole_list(
            mut xs in prop::collection::vec(number(), 1..30),
            mut ys in prop::collection::vec(number(), 1..30),
        ) {
            xs.sort_by(f64::total_cmp);
            ys.sort_by(f64::total_cmp);
            let mut all: Vec<f64> = xs.iter().flat_map(|x| ys.iter().map(move |y| x - y)).collect();
            all.sort_by(f64::total_cmp);
            let mut differences = Differences::of(&xs, &ys);
            for (index, wanted) in all.iter().enumerate() {
                prop_assert_eq!(Differences::of(&xs, &ys).ranked(index as u64 + 1), Some(*wanted));
                prop_assert_eq!(differences.ranked(index as u64 + 1), Some(*wanted));
            }
            prop_assert_eq!(differences.ranked(0), None);
            prop_assert_eq!(differences.ranked(all.len() as u64 + 1), None);
            let middle = (all.len() - 1) / 2;
            let median = 0.5 * all[middle] + 0.5 * all[all.len() / 2];
            prop_assert_eq!(Differences::of(&xs, &ys).median(), Some(median));
        }

        #[test]
        fn places_are_in_the_order_of_numbers(a in any::<f64>(), b in any::<f64>()) {
            prop_assert_eq!(place(a).cmp(&place(b)), a.total_cmp(&b));
            prop_assert_eq!(at(place(a)).to_bits(), a.to_bits());
        }
    }
}
