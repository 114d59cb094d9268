//! Several series as one: a number a moment.
//!
//! Pure. Providers whose query may have several results say with [`Aggregate`] how they become one; without it several are an
//! error, since which of them is meant is a guess.

use shiftgate_sdk::prelude::*;

use crate::answer::Point;

/// How several series become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum Aggregate {
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The mean.
    Avg,
    /// The sum.
    Sum,
}

/// One sample a moment, oldest first. A moment with a NaN is NaN.
pub fn combined(series: Vec<Vec<Point>>, aggregate: Aggregate) -> Vec<Point> {
    let mut points: Vec<Point> = series.into_iter().flatten().collect();
    points.sort_by_key(|point| point.at);
    let moments = points.chunk_by(|a, b| a.at == b.at);
    moments.filter_map(|moment| Some(Point { at: moment.first()?.at, value: together(moment, aggregate) })).collect()
}

fn together(moment: &[Point], aggregate: Aggregate) -> f64 {
    let values = moment.iter().map(|point| point.value);
    if values.clone().any(f64::is_nan) {
        return f64::NAN;
    }
    match aggregate {
        Aggregate::Max => values.fold(f64::NEG_INFINITY, f64::max),
        Aggregate::Min => values.fold(f64::INFINITY, f64::min),
        Aggregate::Avg => values.sum::<f64>() / moment.len() as f64,
        Aggregate::Sum => values.sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[(u64, f64)]) -> Vec<Point> {
        values.iter().map(|(at, value)| Point { at: Timestamp(*at), value: *value }).collect()
    }

    #[test]
    fn moments_are_put_together() {
        let series = || vec![points(&[(2, 4.0), (1, 1.0)]), points(&[(1, 3.0), (3, f64::NAN)])];
        let sum = combined(series(), Aggregate::Sum);
        assert_eq!(sum.get(..2), Some(points(&[(1, 4.0), (2, 4.0)]).as_slice()));
        assert!(sum.get(2).unwrap().value.is_nan());
        let of = |aggregate| combined(series(), aggregate).first().unwrap().value;
        assert_eq!([Aggregate::Max, Aggregate::Min, Aggregate::Avg].map(of), [3.0, 1.0, 2.0]);
    }
}
