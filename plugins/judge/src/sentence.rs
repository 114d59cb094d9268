//! The one sentence of a judgement: what is the matter, by how much, how sure that is, and what to look at. It decides nothing; all that
//! it says is in the `Judgement` as a number as well.

use alloc::format;
use alloc::string::{String, ToString as _};

use crate::judgement::{Cause, Judgement, Label, Warning};
use crate::spec::{MetricSpec, Missing};

/// Writes the sentence of a judgement that is else complete.
pub(crate) fn of(judgement: &Judgement, spec: &MetricSpec) -> String {
    let mut text = match judgement.cause {
        Some(cause) => without_judgement(judgement, spec, cause),
        None => format!("{}: {}", verdict(judgement, spec), evidence(judgement)),
    };
    for warning in &judgement.warnings {
        text.push_str("; ");
        text.push_str(&warn(warning));
    }
    text
}

/// What is the matter.
fn verdict(judgement: &Judgement, spec: &MetricSpec) -> String {
    let beyond = |low: f64, high: f64| judgement.interval.is_some_and(|[from, to]| from > high || to < low);
    let band = judgement.band.unwrap_or(0.0);
    let way = if judgement.estimate.unwrap_or(0.0) > 0.0 { "higher" } else { "lower" };
    let critical = if judgement.critical { ", and critically so" } else { "" };
    match judgement.label {
        Label::High | Label::Low => {
            let way = if judgement.label == Label::High { "higher" } else { "lower" };
            match judgement.deviation {
                Some(deviation) if deviation.fails && !beyond(-band, band) => {
                    let share = number((deviation.above + deviation.below) * 100.0, 3);
                    let sigmas = number(deviation.sigmas, 2);
                    format!(
                        "{share} % of the canary's samples are {sigmas} standard deviations {way} than the baseline's mean{critical}"
                    )
                }
                _ => format!("canary is {way}{critical}"),
            }
        }
        Label::Pass | Label::Nodata | Label::NodataFail | Label::Error => {
            let forbidden = if way == "higher" { spec.direction.forbids_increase() } else { spec.direction.forbids_decrease() };
            if !beyond(0.0, 0.0) {
                "canary shows no difference".to_string()
            } else if !forbidden {
                format!("canary is {way}, as it may be")
            } else if beyond(-band, band) {
                format!("canary is {way}, by less than the effect that counts")
            } else {
                format!("canary is {way}, within the tolerance of {}", number(band, 4))
            }
        }
    }
}

/// By how much, and how sure that is.
fn evidence(judgement: &Judgement) -> String {
    let [of_baseline, of_canary] = judgement.samples;
    let value = |value: f64| number(value, 4);
    let mut text = format!("{} against {} (", value(judgement.canary.median), value(judgement.baseline.median));
    if let Some(estimate) = judgement.estimate {
        text.push_str(&format!("median difference {}, ", value(estimate)));
    }
    if let Some([low, high]) = judgement.interval {
        text.push_str(&format!("{} interval {} to {}, ", percent(judgement.confidence), value(low), value(high)));
    }
    if let (Some(u), Some(p)) = (judgement.u, judgement.p) {
        text.push_str(&format!("U {}, p {}, ", number(u, 6), number(p, 2)));
    }
    text.push_str(&format!("{of_canary} against {of_baseline} samples)"));
    text
}

/// Why there is no judgement.
fn without_judgement(judgement: &Judgement, spec: &MetricSpec, cause: Cause) -> String {
    let [of_baseline, of_canary] = judgement.samples;
    let counted = |count: usize| if count == 1 { "1 sample".to_string() } else { format!("{count} samples") };
    let mut text = match cause {
        Cause::NoSamples => "no data: neither the canary nor the baseline has samples".to_string(),
        Cause::NoBaseline => format!("no data: the baseline has no samples, the canary has {of_canary}"),
        Cause::NoCanary => format!("no data: the canary has no samples, the baseline has {of_baseline}"),
        Cause::TooFew => format!(
            "too few samples: {} of the canary and {} of the baseline cannot show a difference with a confidence of {}, {} on each side could",
            of_canary,
            of_baseline,
            percent(judgement.confidence),
            enough(judgement.confidence),
        ),
        Cause::AllEqual => {
            format!("cannot be judged: {} against {} have no interval", counted(of_canary), counted(of_baseline))
        }
        Cause::Infinite => "cannot be judged: a sample is infinite; mend the query, a division by 0 makes infinity".to_string(),
        Cause::Settings => {
            "cannot be judged: the confidence must lie between 0 and 1, a tolerance or a minimal difference must not be \
                            negative, and the outlier factor must be above 0"
                .to_string()
        }
    };
    if judgement.label == Label::Pass && spec.nan_strategy == Missing::Replace {
        text.push_str("; with `replace` this passes");
    }
    text
}

/// How many samples a side reach a confidence: the least number of which the two extreme orders are rare enough.
fn enough(confidence: f64) -> usize {
    let tail = (1.0 - confidence) / 2.0;
    let (mut count, mut orders) = (1_usize, 2.0);
    while orders * tail <= 1.0 && count < 1000 {
        count += 1;
        let count = count as f64;
        orders *= (2.0 * count - 1.0) * (2.0 * count) / (count * count);
    }
    count
}

fn warn(warning: &Warning) -> String {
    let groups = |side: &str, groups: &crate::shape::TwoGroups| {
        format!(
            "the {side}'s samples fall into two groups, about {} and {}, so look at the graph: a median difference can hide a change in one",
            number(groups.low, 3),
            number(groups.high, 3),
        )
    };
    match warning {
        Warning::BimodalCanary(two) => groups("canary", two),
        Warning::BimodalBaseline(two) => groups("baseline", two),
        Warning::NoNumbers { baseline, canary } => {
            format!("{canary} of the canary's samples and {baseline} of the baseline's were no numbers and are left out")
        }
    }
}

/// A confidence in percent.
fn percent(confidence: f64) -> String {
    format!("{} %", number(confidence * 100.0, 6))
}

/// A number with so many significant digits at most, plain where that is short.
pub(crate) fn number(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_string() } else { value.to_string() };
    }
    let scientific = format!("{:.*e}", digits.saturating_sub(1), value);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text.to_string() }
    };
    if (-5..=8).contains(&exponent) {
        let places = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
        trimmed(&format!("{value:.places$}"))
    } else {
        format!("{}e{exponent}", trimmed(mantissa))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, digits, text) in [
            (0.0, 4, "0"),
            (0.052_000_000_001, 4, "0.052"),
            (-0.001, 4, "-0.001"),
            (1600.0, 6, "1600"),
            (1231.5, 6, "1231.5"),
            (123_456.789, 4, "123457"),
            (1.04e-12, 2, "1e-12"),
            (1.0, 2, "1"),
            (99.9999, 3, "100"),
            (1e300, 4, "1e300"),
            (f64::INFINITY, 4, "inf"),
        ] {
            assert_eq!(number(value, digits), text);
        }
    }

    #[test]
    fn enough_samples_are_those_of_the_tables() {
        assert_eq!(enough(0.95), 4);
        assert_eq!(enough(0.98), 5);
        assert_eq!(enough(0.99), 5);
        assert_eq!(enough(0.999), 7);
        assert!(enough(1.0) <= 1000);
    }
}
