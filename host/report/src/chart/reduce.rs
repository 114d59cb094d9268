//! Many points made few: of each column of a drawing the least and the greatest, so that no peak is lost. Pure.

use shiftgate_model::Timestamp;

use crate::analysis::Point;

/// What lies in one column of a drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Column {
    /// When it begins to have values.
    pub(crate) first: Timestamp,
    /// The values in it.
    pub(crate) count: usize,
    /// The values in the order of time: the least and the greatest, whichever came first.
    pub(crate) ends: [(Timestamp, f64); 2],
    /// Whether a point without a value stands between this column and the one before.
    pub(crate) after_gap: bool,
}

impl Column {
    pub(crate) fn least(&self) -> f64 {
        self.ends.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn greatest(&self) -> f64 {
        self.ends.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max)
    }

    fn one(at: Timestamp, value: f64, after_gap: bool) -> Self {
        Self { first: at, count: 1, ends: [(at, value); 2], after_gap }
    }

    fn take(&mut self, at: Timestamp, value: f64) {
        self.count += 1;
        let [one, other] = self.ends;
        let (low, high) = if one.1 <= other.1 { (one, other) } else { (other, one) };
        let (low, high) = if value < low.1 {
            ((at, value), high)
        } else if value > high.1 {
            (low, (at, value))
        } else {
            return;
        };
        self.ends = if low.0 <= high.0 { [low, high] } else { [high, low] };
    }
}

/// The columns that have values, from left to right; `most` over the whole time. Points may come in any order.
pub(crate) fn columns(points: &[Point], from: Timestamp, until: Timestamp, most: usize) -> Vec<Column> {
    let mut points: Vec<Point> = points.to_vec();
    points.sort_by_key(|point| point.0);
    let few = points.len() <= most;
    let span = until.since(from).0.max(1);
    let place = |at: Timestamp| {
        let place = u128::from(at.since(from).0) * most as u128 / u128::from(span);
        usize::try_from(place).unwrap_or(usize::MAX).min(most.saturating_sub(1))
    };
    let mut columns: Vec<Column> = Vec::new();
    let (mut last, mut gap) = (None, false);
    for Point(at, value) in points {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            gap = true;
            continue;
        };
        match columns.last_mut().filter(|_| !few && !gap && last == Some(place(at))) {
            Some(column) => column.take(at, value),
            None => columns.push(Column::one(at, value, gap)),
        }
        last = Some(place(at));
        gap = false;
    }
    if columns.len() > most.saturating_mul(2) { without_gaps(&columns, &place) } else { columns }
}

/// So many gaps that each has a column of its own: a drawing cannot show them, and they are drawn over.
fn without_gaps(columns: &[Column], place: &impl Fn(Timestamp) -> usize) -> Vec<Column> {
    let mut joined: Vec<Column> = Vec::new();
    for column in columns {
        match joined.last_mut().filter(|last| place(last.first) == place(column.first)) {
            Some(last) => {
                for (at, value) in column.ends {
                    last.take(at, value);
                }
                last.count += column.count.saturating_sub(2);
            }
            None => joined.push(Column { after_gap: false, ..*column }),
        }
    }
    joined
}

/// The unbroken runs of columns, each as its points in the order of time.
pub(crate) fn runs(columns: &[Column]) -> Vec<Vec<(Timestamp, f64)>> {
    let mut runs: Vec<Vec<(Timestamp, f64)>> = Vec::new();
    for column in columns {
        if column.after_gap || runs.is_empty() {
            runs.push(Vec::new());
        }
        if let Some(run) = runs.last_mut() {
            let [first, second] = column.ends;
            run.push(first);
            if second != first {
                run.push(second);
            }
        }
    }
    runs
}

/// Values that each hold until the next, at places from left to right: those that a drawing of that width can show. In half a
/// unit of width the first, the least, the greatest and the last stay.
pub(crate) fn steps_of(places: &[(f64, f64)], width: f64) -> Vec<(f64, f64)> {
    if places.len() as f64 <= width {
        return places.to_vec();
    }
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let same = |one: &(f64, f64), other: &(f64, f64)| (one.0 * 2.0).floor() == (other.0 * 2.0).floor();
    for together in places.chunk_by(same) {
        let by_value = |one: &&(f64, f64), other: &&(f64, f64)| one.1.total_cmp(&other.1);
        kept.extend(together.first());
        if together.len() > 3 {
            kept.extend(together.iter().min_by(by_value));
            kept.extend(together.iter().max_by(by_value));
        }
        kept.extend(together.last());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: u64, value: f64) -> Point {
        Point(Timestamp(at), Some(value))
    }

    #[test]
    fn no_peak_is_lost() {
        let mut points: Vec<Point> = (0..10_000).map(|index| point(index, 1.0)).collect();
        points[5_003] = point(5_003, 9.0);
        points[5_004] = point(5_004, -9.0);
        let reduced = columns(&points, Timestamp(0), Timestamp(10_000), 100);
        assert_eq!(reduced.len(), 100);
        assert_eq!(reduced.iter().map(|column| column.count).sum::<usize>(), 10_000);
        assert_eq!(reduced.iter().map(Column::greatest).fold(0.0, f64::max), 9.0);
        assert_eq!(reduced.iter().map(Column::least).fold(0.0, f64::min), -9.0);
        assert_eq!(reduced[50].ends, [(Timestamp(5_003), 9.0), (Timestamp(5_004), -9.0)]);
    }

    #[test]
    fn few_points_stay_as_they_are_and_gaps_stay_gaps() {
        let points = [point(0, 1.0), Point(Timestamp(1), None), point(2, 3.0), point(3, 4.0)];
        let reduced = columns(&points, Timestamp(0), Timestamp(3), 100);
        assert_eq!(runs(&reduced), [vec![(Timestamp(0), 1.0)], vec![(Timestamp(2), 3.0), (Timestamp(3), 4.0)]]);
    }

    #[test]
    fn gaps_without_end_do_not_make_a_large_drawing() {
        let points: Vec<Point> = (0..10_000).map(|i| Point(Timestamp(i), (i % 2 == 0).then_some(i as f64))).collect();
        assert!(columns(&points, Timestamp(0), Timestamp(10_000), 100).len() <= 201);
        let beyond: Vec<Point> = (0..1_000).map(|index| point(u64::MAX - index, 1.0)).collect();
        assert!(columns(&beyond, Timestamp(0), Timestamp(10), 100).len() <= 1_000);
    }
}
