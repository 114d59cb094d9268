//! The standard normal distribution: its upper tail, and the point that a tail of a given size begins at. Nothing else; who needs
//! it are `ranks.rs`, `null.rs` and `kayenta.rs`.

/// The probability of a value above `z`.
pub(crate) fn upper_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * core::f64::consts::FRAC_1_SQRT_2)
}

/// The `z` whose upper tail is `tail`, which lies above 0 and below 1.
///
/// A rational first guess (Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.2.23, good to 4.5e-4), then three steps
/// of Halley's method, which leave nothing of its error.
pub(crate) fn quantile(tail: f64) -> f64 {
    if tail > 0.5 {
        return -quantile(1.0 - tail);
    }
    let t = libm::sqrt(-2.0 * libm::log(tail));
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut z = t - above / below;
    for _ in 0..3 {
        let density = libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * core::f64::consts::PI);
        if density == 0.0 {
            break;
        }
        let step = (upper_tail(z) - tail) / density;
        z += step / (1.0 - 0.5 * z * step);
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_those_of_the_tables() {
        for (tail, z) in [
            (0.5, 0.0),
            (0.025, 1.959_963_984_540_054),
            (0.01, 2.326_347_874_040_841),
            (0.005, 2.575_829_303_548_901),
            (1e-12, 7.034_483_825_301_532),
            (0.975, -1.959_963_984_540_054),
        ] {
            assert!((quantile(tail) - z).abs() < 1e-12, "{tail}: {}", quantile(tail));
        }
    }

    #[test]
    fn a_tail_comes_back_from_its_point() {
        for exponent in 1..300 {
            let tail = 10f64.powi(-exponent);
            let back = upper_tail(quantile(tail));
            assert!((back / tail - 1.0).abs() < 1e-9, "{tail}: {back}");
        }
    }
}
