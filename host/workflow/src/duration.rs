//! Lengths of time as people write them: `90s`, `20m`, `1h30m`, `7d`, `500ms`.

use shiftgate_model::Millis;

/// The units, longest first; each may stand once, in this order.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The longest time that a workflow may name.
const LONGEST: u64 = 366 * 86_400_000;

/// Why a text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number stands alone.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// It is not made of numbers and units.
    #[error("`{0}` is not a length of time")]
    Malformed(String),
    /// It is longer than a year.
    #[error("`{0}` is longer than 366 days")]
    TooLong(String),
}

/// Reads `1h30m`. Blanks between the parts are allowed.
///
/// # Errors
/// [`DurationError`] for anything that is not numbers with units, longest unit first.
pub fn duration(text: &str) -> Result<Millis, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(malformed());
    }
    let mut total = 0_u64;
    let mut units = UNITS.as_slice();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at(digits);
        let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, behind) = behind.split_at(letters);
        if digits > 0 && unit.is_empty() && behind.is_empty() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let place = units.iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
        let (size, later) = units.get(place).map(|(_, size)| (*size, units.get(place + 1..))).ok_or_else(malformed)?;
        let too_long = || DurationError::TooLong(text.to_owned());
        let number: u64 = if digits == 0 { return Err(malformed()) } else { number.parse().map_err(|_| too_long())? };
        total =
            number.checked_mul(size).and_then(|part| part.checked_add(total)).filter(|t| *t <= LONGEST).ok_or_else(too_long)?;
        units = later.unwrap_or_default();
        rest = behind.trim_start();
    }
    Ok(Millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_with_units_longest_first() {
        let read = ["90s", "20m", "1h30m", "1h 30m", "7d", "500ms", "0s", "1m500ms"].map(|t| duration(t).map(|d| d.0));
        assert_eq!(read.map(Result::unwrap_or_default), [90_000, 1_200_000, 5_400_000, 5_400_000, 604_800_000, 500, 0, 60_500]);
    }

    #[test]
    fn anything_else_is_refused_and_says_why() {
        let why = |text| duration(text).map_err(|e| e.to_string());
        assert_eq!(why("20"), Err("`20` has no unit".to_owned()));
        for text in ["", "m", "30m1h", "5m5m", "1.5h", "-5m", "5 m", "5m!", "5 min"] {
            assert_eq!(why(text), Err(format!("`{text}` is not a length of time")));
        }
        assert_eq!(why("400d"), Err("`400d` is longer than 366 days".to_owned()));
        assert_eq!(why("99999999999999999999s"), Err("`99999999999999999999s` is longer than 366 days".to_owned()));
    }

    proptest! {
        #[test]
        fn what_a_length_shows_is_read_back(ms in 0_u64..LONGEST) {
            prop_assert_eq!(duration(&Millis(ms).to_string()), Ok(Millis(ms)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            drop(duration(&text));
        }
    }
}
