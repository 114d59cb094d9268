//! From values to places, and the round numbers that an axis shows. Pure.

use shiftgate_model::Timestamp;

use crate::words::{clock, moment};

/// A line from one range to another. A range without width lies in the middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    from: (f64, f64),
    to: (f64, f64),
}

impl Scale {
    pub(crate) const fn new(from: (f64, f64), to: (f64, f64)) -> Self {
        Self { from, to }
    }

    /// Moments on an axis that begins at 0.
    pub(crate) fn of_time(from: Timestamp, until: Timestamp, to: (f64, f64)) -> Self {
        Self::new((0.0, until.since(from).0 as f64), to)
    }

    /// Where a value stands; one beyond the range stands at its end.
    pub(crate) fn at(&self, value: f64) -> f64 {
        // Halves, because the whole may be more than a number holds.
        let (low, high) = (self.from.0 / 2.0, self.from.1 / 2.0);
        let part = if high - low > 0.0 { (value / 2.0 - low) / (high - low) } else { 0.5 };
        self.to.0 + part.clamp(0.0, 1.0) * (self.to.1 - self.to.0)
    }
}

/// Some four round numbers within a range, and the range widened to hold them at its ends.
pub(crate) fn value_ticks(low: f64, high: f64) -> (Vec<f64>, (f64, f64)) {
    let span = high - low;
    let largest = low.abs().max(high.abs());
    if largest > 1e300 {
        return (vec![low, high], (low, high));
    }
    if span < 1e-290 || span / largest < 1e-12 {
        let room = largest.max(1e-3);
        return (vec![low], (if low >= 0.0 { low - room.min(low) } else { low - room }, high + room));
    }
    let step = round_up(span / 4.0);
    let first = (low / step).floor();
    let last = (high / step).ceil();
    let ticks: Vec<f64> = (0..=((last - first) as u32).min(12)).map(|index| (first + f64::from(index)) * step).collect();
    (ticks, (first * step, last * step))
}

/// The next of 1, 2, 5, 10, 20, …
fn round_up(size: f64) -> f64 {
    let power = 10f64.powf(size.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= size * 0.999).unwrap_or(10.0 * power)
}

/// At most so many round moments between two, with words for them: a time of day, with the date where a day begins.
pub(crate) fn time_ticks(from: Timestamp, until: Timestamp, most: u64) -> Vec<(Timestamp, String)> {
    const STEPS: [u64; 24] = [
        100,
        200,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        15_000,
        30_000,
        60_000,
        120_000,
        300_000,
        600_000,
        900_000,
        1_800_000,
        3_600_000,
        7_200_000,
        10_800_000,
        21_600_000,
        43_200_000,
        86_400_000,
        172_800_000,
        604_800_000,
        2_592_000_000,
    ];
    let span = until.since(from).0;
    if span == 0 {
        return vec![(from, clock(from))];
    }
    let most = most.max(1);
    let step = STEPS.into_iter().find(|step| span / step < most).unwrap_or_else(|| span.div_ceil(most).max(1));
    let first = from.0.div_ceil(step).saturating_mul(step);
    let word = |at: u64| match step {
        0..1_000 => moment(Timestamp(at), "%H:%M:%S%.1f"),
        1_000..60_000 => clock(Timestamp(at)),
        60_000..86_400_000 if !at.is_multiple_of(86_400_000) => moment(Timestamp(at), "%H:%M"),
        _ => moment(Timestamp(at), "%b %d"),
    };
    (0..=most)
        .map(|index| first.saturating_add(index.saturating_mul(step)))
        .take_while(|at| *at <= until.0)
        .map(|at| (Timestamp(at), word(at)))
        .collect()
}

/// The range that holds those values. What is never negative stands on the ground, unless it moves far above it. None where there
/// is no number.
pub(crate) fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let ground = if low > 0.0 && low < high * 0.75 { 0.0 } else { low };
    (low <= high).then_some((ground, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_show_round_numbers() {
        let ticks = |low, high| value_ticks(low, high).0;
        assert_eq!(ticks(0.0, 4.0), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ticks(0.0, 0.93), [0.0, 0.5, 1.0]);
        assert_eq!(ticks(-3.0, 17.0), [-5.0, 0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(value_ticks(5.0, 5.0), (vec![5.0], (0.0, 10.0)));
    }

    #[test]
    fn the_largest_numbers_stay_on_the_paper() {
        for (low, high) in [(f64::MIN, f64::MAX), (0.0, f64::MAX), (0.0, f64::MIN_POSITIVE), (1e300, 1e300), (-0.0, 0.0)] {
            let (ticks, range) = value_ticks(low, high);
            let scale = Scale::new(range, (100.0, 0.0));
            for place in ticks.iter().chain([&low, &high]).map(|value| scale.at(*value)) {
                assert!((0.0..=100.0).contains(&place), "{low} {high}: {place}");
            }
        }
    }

    #[test]
    fn moments_are_round_too() {
        let start = 1_795_470_301_000;
        let words = |span: u64, most| {
            let ticks = time_ticks(Timestamp(start), Timestamp(start + span), most);
            ticks.into_iter().map(|(_, word)| word).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(9_000, 5), "21:45:02 21:45:04 21:45:06 21:45:08 21:45:10");
        assert_eq!(words(3_600_000, 5), "22:00 22:15 22:30 22:45");
        assert_eq!(words(90_000_000, 4), "Nov 24 12:00");
        assert_eq!(words(0, 4), "21:45:01");
        assert!(time_ticks(Timestamp(0), Timestamp(u64::MAX), 6).len() <= 7);
    }
}
