//! How U is distributed where nothing differs, without approximation: by counting, for each U, the ways to deal the pooled samples out
//! to the two sides. For samples few enough; `exact.rs` asks here, and takes the normal approximation where the answer is no.

use alloc::vec;
use alloc::vec::Vec;

/// Counting takes about a quarter of the square of the number of pairs. Up to this it is a millisecond or two: some 50 samples a side,
/// or 500 against 5.
const MOST_WORK: u64 = 2_000_000;

/// The distribution of U over all ways to deal out the pooled samples.
#[derive(Clone, Debug)]
pub(crate) struct Null {
    /// In how many ways U is `index / unit`. Exact to 2⁵³, and to rounding above; only sums of positive numbers.
    ways: Vec<f64>,
    /// The sum of all ways.
    all: f64,
    /// 1 where samples are all different, 2 where equal ones make halves.
    unit: f64,
}

/// Whether counting is quick enough for so many samples.
pub(crate) const fn is_quick(n: usize, m: usize) -> bool {
    let (n, m) = (n as u64, m as u64);
    // A million samples a side would overflow the product.
    n < 100_000 && m < 100_000 && (n * (n + 1) / 2).saturating_mul(m * (m + 1) / 2) <= MOST_WORK
}

impl Null {
    /// The distribution for `n` samples against `m`, where the pooled samples are equal in `groups`: their sizes, from the least
    /// sample to the greatest; all 1 when no two are equal. Nothing when it would take too long.
    pub(crate) fn of(n: usize, m: usize, groups: impl Iterator<Item = usize> + Clone) -> Option<Self> {
        if n == 0 || m == 0 || !is_quick(n, m) {
            return None;
        }
        let different = groups.clone().all(|size| size == 1);
        let unit = if different { 1 } else { 2 };
        // Row k holds the ways in which k of the samples so far went to the one side, by U so far.
        let mut rows: Vec<Vec<f64>> = vec![Vec::new(); n + 1];
        rows.first_mut()?.push(1.0);
        let mut dealt = 0_usize;
        for size in groups {
            for row in (1..=n).rev() {
                // From the greatest row down, so that what a row takes from the ones below is still without this group.
                let (lower, upper) = rows.split_at_mut_checked(row)?;
                let target = upper.first_mut()?;
                let mut choices = 1.0;
                for (taken, source) in (1..=size).zip(lower.iter().rev()) {
                    choices *= (size - taken + 1) as f64 / taken as f64;
                    // What went to the other side before; more than it has room for leads nowhere.
                    let Some(other) = dealt.checked_sub(row - taken) else { continue };
                    if source.is_empty() || other + size - taken > m {
                        continue;
                    }
                    let shift = taken * (2 * other + size - taken) * unit / 2;
                    add(target, source, shift, choices);
                }
            }
            dealt += size;
        }
        let ways = rows.pop()?;
        let all = ways.iter().sum();
        Some(Self { ways, all, unit: unit as f64 })
    }

    /// The probability of a U at least so far to its side as `u`, twice, for both sides.
    pub(crate) fn p(&self, u: f64) -> f64 {
        let index = libm::round(u * self.unit) as usize;
        let up_to: f64 = self.ways.iter().take(index + 1).sum();
        let from: f64 = self.ways.iter().skip(index).sum();
        (2.0 * up_to.min(from) / self.all).min(1.0)
    }

    /// How many differences lie beyond each end of an interval that leaves out `tail` on each side, and one more: the rank of the
    /// difference that is the end. 0 when there are too few samples for so small a tail. For samples that are all different.
    pub(crate) fn rank(&self, tail: f64) -> u64 {
        let mut sum = 0.0;
        let within = |ways: &f64| {
            sum += ways;
            sum < tail * self.all
        };
        self.ways.iter().copied().take_while(within).count() as u64
    }
}

/// Adds `source`, `shift` places on and `times` as much, to `target`.
fn add(target: &mut Vec<f64>, source: &[f64], shift: usize, times: f64) {
    if target.len() < source.len() + shift {
        target.resize(source.len() + shift, 0.0);
    }
    for (to, from) in target.iter_mut().skip(shift).zip(source) {
        *to += times * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn different(n: usize, m: usize) -> Null {
        Null::of(n, m, core::iter::repeat_n(1, n + m)).expect("few samples")
    }

    #[test]
    fn small_distributions_are_those_that_a_pencil_gives() {
        assert_eq!(different(2, 2).ways, [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(different(1, 3).ways, [1.0, 1.0, 1.0, 1.0]);
        assert_eq!(different(3, 1).ways, [1.0, 1.0, 1.0, 1.0]);
        // Of 1, 1, 2: the one sample of the first side is a 1, twice, with U of a half, or the 2, with U of 2.
        let tied = Null::of(1, 2, [2, 1].into_iter()).expect("few samples");
        assert_eq!(tied.ways, [0.0, 2.0, 0.0, 0.0, 1.0]);
        assert_eq!(tied.unit, 2.0);
    }

    #[test]
    fn ranks_are_those_of_the_tables() {
        // R: qwilcox(0.025, 4, 4) is 1, qwilcox(0.01, 5, 5) is 2, qwilcox(0.025, 10, 10) is 24.
        assert_eq!(different(4, 4).rank(0.025), 1);
        assert_eq!(different(4, 4).rank(0.01), 0);
        assert_eq!(different(5, 5).rank(0.01), 2);
        assert_eq!(different(10, 10).rank(0.025), 24);
    }

    #[test]
    fn probabilities_add_up_for_the_largest_that_is_counted() {
        let null = different(49, 49);
        assert!((null.all / 2.547_761_225_898_086e28 - 1.0).abs() < 1e-12, "{}", null.all);
        assert!((null.p(1200.5) - 1.0).abs() < 1e-9);
        assert!(!is_quick(60, 60));
        assert!(is_quick(5, 500));
        assert!(!is_quick(usize::MAX, usize::MAX));
    }
}
