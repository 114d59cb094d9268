//! Numbers as text, by the writer that JSON needs anyway: Rust's own for numbers with a fraction is a tenth of the component.

use shiftgate_sdk::prelude::Value;

/// The shortest text that is read as the same number: `5`, `0.01`, `1e-9`, `inf`.
pub(crate) fn text(value: f64) -> String {
    match serde_json::to_string(&Value::from(value)) {
        Ok(text) if value.is_finite() => text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned),
        _ if value.is_nan() => "NaN".to_owned(),
        _ if value > 0.0 => "inf".to_owned(),
        _ => "-inf".to_owned(),
    }
}

/// The number with four digits that is nearest.
pub(crate) fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let (mut scaled, mut exponent) = (value, 0);
    while scaled.abs() >= 10_000.0 {
        scaled /= 10.0;
        exponent += 1;
    }
    while scaled.abs() < 1_000.0 {
        scaled *= 10.0;
        exponent -= 1;
    }
    format!("{}e{exponent}", scaled.round_ties_even() as i64).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_was_written() {
        let numbers =
            [0.0, -0.0, 5.0, 0.01, 1e-9, 0.1 + 0.2, 123_456_789.25, 1e300, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY];
        for number in numbers {
            assert_eq!(text(number).parse::<f64>().unwrap().to_bits(), number.to_bits(), "{number}");
        }
        assert_eq!([5.0, -0.25, 1e-9, 1_700_000_000.5, f64::NAN].map(text), ["5", "-0.25", "1e-9", "1700000000.5", "NaN"]);
    }

    #[test]
    fn four_digits_are_as_near_as_four_digits_can_be() {
        for number in [0.012_345_6, 9_999.6, 1.0 / 3.0, 2.0 / 3.0, -17.283_9, 6.022e23, 5e-324, 1.797e308, 0.0, 1.0] {
            assert_eq!(short(number), format!("{number:.3e}").parse::<f64>().unwrap(), "{number}");
        }
    }
}
