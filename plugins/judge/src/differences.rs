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

/// Counts the differences at or below `value`.
fn count(canary: &[f64], baseline: &[f64], value: f64) -> Count {
    let mut found = Count { up_to: 0, floor: f64::NEG_INFINITY, above: f64::INFINITY };
    // What of the baseline is large enough for a difference at or below the value; the larger the canary's sample, the less.
    let mut rest = baseline;
    for x in canary {
        while let Some((y, tail)) = rest.split_first() {
            let difference = x - y;
            if difference <= value {
                found.floor = found.floor.max(difference);
                break;
            }
            rest = tail;
        }
        let passed_over = baseline.len() - rest.len();
        if let Some(y) = passed_over.checked_sub(1).and_then(|last| baseline.get(last)) {
            found.above = found.above.min(x - y);
        }
        found.up_to += rest.len() as u64;
    }
    found
}

/// All differences from `low` to `high`, in no set order.
fn between(canary: &[f64], baseline: &[f64], low: f64, high: f64) -> Vec<f64> {
    let mut found = Vec::new();
    let mut rest = baseline;
    for x in canary {
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

/// A place on the line of all floating-point numbers, so that halving by places ends after 64 steps at most.
const fn place(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The number at a place.
const fn at(place: i64) -> f64 {
    f64::from_bits((place ^ (((place >> 63) as u64) >> 1) as i64) as u64)
}

/// The difference with this rank, 1 for the least. Both samples ascend, and hold finite numbers without a negative zero. Nothing when
/// there is no such rank.
pub(crate) fn ranked(canary: &[f64], baseline: &[f64], rank: u64) -> Option<f64> {
    let pairs = canary.len() as u64 * baseline.len() as u64;
    if rank == 0 || rank > pairs {
        return None;
    }
    // Both ends are differences, and the one that is sought lies between them; `below` are less than `low`, `up_to` at or below `high`.
    let mut low = canary.first()? - baseline.last()?;
    let mut high = canary.last()? - baseline.first()?;
    let (mut below, mut up_to) = (0, pairs);
    let few = (canary.len() + baseline.len()) as u64;
    let mut by_places = false;
    while low < high {
        if up_to - below <= few {
            let mut left = between(canary, baseline, low, high);
            let nth = usize::try_from(rank - below - 1).ok().filter(|nth| *nth < left.len())?;
            return Some(*left.select_nth_unstable_by(nth, f64::total_cmp).1);
        }
        let share = (rank - below) as f64 / (up_to - below) as f64;
        let guess = low + (high - low) * share;
        let probe = if by_places || !(guess >= low && guess < high) {
            // Rounds down, so it is below `high`.
            at((place(low) & place(high)) + ((place(low) ^ place(high)) >> 1))
        } else {
            guess
        };
        by_places = !by_places;
        let found = count(canary, baseline, probe);
        if found.up_to >= rank {
            (high, up_to) = (found.floor, found.up_to);
        } else {
            (low, below) = (found.above, found.up_to);
        }
    }
    Some(low)
}

/// The median of all differences: the estimate of Hodges and Lehmann ("Estimates of Location Based on Rank Tests", 1963) of how much
/// the canary is shifted.
pub(crate) fn median(canary: &[f64], baseline: &[f64]) -> Option<f64> {
    let pairs = canary.len() as u64 * baseline.len() as u64;
    let lower = ranked(canary, baseline, pairs.div_ceil(2))?;
    if pairs % 2 == 1 {
        return Some(lower);
    }
    let upper = ranked(canary, baseline, pairs / 2 + 1)?;
    Some(0.5 * lower + 0.5 * upper)
}

#[cfg(test)]
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
            for (index, wanted) in all.iter().enumerate() {
                prop_assert_eq!(ranked(&xs, &ys, index as u64 + 1), Some(*wanted));
            }
            prop_assert_eq!(ranked(&xs, &ys, 0), None);
            prop_assert_eq!(ranked(&xs, &ys, all.len() as u64 + 1), None);
        }

        #[test]
        fn places_are_in_the_order_of_numbers(a in any::<f64>(), b in any::<f64>()) {
            prop_assert_eq!(place(a).cmp(&place(b)), a.total_cmp(&b));
            prop_assert_eq!(at(place(a)).to_bits(), a.to_bits());
        }
    }
}
