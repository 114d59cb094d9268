//! Where a function crosses zero. The step rule decides which of many almost equal answers comes out, and Kayenta's judgements of
//! samples with ties hang on it, so it is Brent's to the letter; only `kayenta.rs` uses it.
//!
//! Source: Brent, "Algorithms for Minimization without Derivatives", 1973, chapter 4, procedure `zero`.

/// A point and what the function is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) x: f64,
    pub(crate) f: f64,
}

/// Steps after which the best point so far is the answer.
const MOST_STEPS: usize = 1000;

/// The point between `low` and `high` where `f` crosses zero, to about `tolerance`. Nothing when `f` has no value somewhere, or the
/// same sign at both ends.
pub(crate) fn zero(low: At, high: At, tolerance: f64, mut f: impl FnMut(f64) -> Option<f64>) -> Option<f64> {
    if low.f == 0.0 {
        return Some(low.x);
    }
    if high.f == 0.0 {
        return Some(high.x);
    }
    if !(low.f < 0.0 && high.f > 0.0 || low.f > 0.0 && high.f < 0.0) {
        return None;
    }
    // The zero lies between `best` and `beyond`; `before` is the best of one step ago.
    let (mut before, mut best, mut beyond) = (low, high, low);
    for _ in 0..=MOST_STEPS {
        let last_step = best.x - before.x;
        if beyond.f.abs() < best.f.abs() {
            (before, best, beyond) = (best, beyond, best);
        }
        let least = 2.0 * f64::EPSILON * best.x.abs() + tolerance / 2.0;
        let half = (beyond.x - best.x) / 2.0;
        if half.abs() <= least || best.f == 0.0 {
            return Some(best.x);
        }
        let promising = last_step.abs() >= least && before.f.abs() > best.f.abs();
        let mut step = if promising { interpolated(before, best, beyond, last_step, least).unwrap_or(half) } else { half };
        if step.abs() < least {
            step = if step > 0.0 { least } else { -least };
        }
        before = best;
        best.x += step;
        best.f = f(best.x)?;
        if best.f.is_nan() {
            return None;
        }
        if best.f > 0.0 && beyond.f > 0.0 || best.f < 0.0 && beyond.f < 0.0 {
            beyond = before;
        }
    }
    Some(best.x)
}

/// A step by the secant, or by the inverse parabola where three points differ. Nothing when it leads too far.
fn interpolated(before: At, best: At, beyond: At, last_step: f64, least: f64) -> Option<f64> {
    let across = beyond.x - best.x;
    let (mut over, mut under) = if before.x == beyond.x {
        let s = best.f / before.f;
        (across * s, 1.0 - s)
    } else {
        let (q, r, s) = (before.f / beyond.f, best.f / beyond.f, best.f / before.f);
        (s * (across * q * (q - r) - (best.x - before.x) * (r - 1.0)), (q - 1.0) * (r - 1.0) * (s - 1.0))
    };
    if over > 0.0 {
        under = -under;
    } else {
        over = -over;
    }
    let near = over < 0.75 * across * under - (least * under).abs() / 2.0 && over < (last_step * under / 2.0).abs();
    near.then(|| over / under)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(f: impl Fn(f64) -> f64, low: f64, high: f64) -> Option<f64> {
        zero(At { x: low, f: f(low) }, At { x: high, f: f(high) }, 1e-12, |x| Some(f(x)))
    }

    #[test]
    fn zeros_are_found() {
        let root = of(|x| x * x * x - 2.0 * x - 5.0, 2.0, 3.0).expect("a zero");
        assert!((root - 2.094_551_481_542_326_5).abs() < 1e-12, "{root}");
        let step = of(|x| if x < 0.1 { -1.0 } else { 1.0 }, -7.0, 9.0).expect("a zero");
        assert!((step - 0.1).abs() < 1e-11, "{step}");
    }

    #[test]
    fn an_end_may_be_the_zero_and_equal_signs_have_none() {
        assert_eq!(of(|x| x, 0.0, 3.0), Some(0.0));
        assert_eq!(of(|x| x - 3.0, 0.0, 3.0), Some(3.0));
        assert_eq!(of(|x| x + 1.0, 0.0, 3.0), None);
        assert_eq!(of(|_| f64::NAN, 0.0, 3.0), None);
    }
}
