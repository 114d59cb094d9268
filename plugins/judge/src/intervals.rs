//! What the scores of one analysis amount to that judges again and again: as Orca, which drives Kayenta, takes them. It looks at totals
//! only; how one comes about is in `score.rs`.

use serde::{Deserialize, Serialize};

/// What the scores so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Course {
    /// A score is marginal or less: the analysis ends here, and has failed.
    Stopped,
    /// The last score is below what passes.
    Failed,
    /// It passes.
    Passed,
}

/// What scores, one an interval and oldest first, amount to. `pass` and `marginal` are the thresholds, where there are such.
///
/// The first score that is `marginal` or less stops the analysis: a score equal to it, which [`crate::score`] still calls marginal, is a
/// failure here, as in Orca. Else the last score decides. Without a threshold to fall below it passes; without a score it fails, since
/// nothing was judged (where Orca ends with an error).
#[must_use]
pub fn over_intervals(scores: &[f64], pass: Option<f64>, marginal: Option<f64>) -> Course {
    // Asked so that NaN stops, and fails.
    let above = |score: f64, limit: f64| score > limit;
    if marginal.is_some_and(|marginal| scores.iter().any(|score| !above(*score, marginal))) {
        return Course::Stopped;
    }
    match (scores.last(), pass) {
        (None, _) => Course::Failed,
        (Some(last), Some(pass)) if *last >= pass => Course::Passed,
        (Some(_), Some(_)) => Course::Failed,
        (Some(last), None) => {
            if last.is_nan() {
                Course::Failed
            } else {
                Course::Passed
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_cases() {
        assert_eq!(over_intervals(&[10.5, 40.0, 60.5], Some(60.5), None), Course::Passed);
        assert_eq!(over_intervals(&[65.0], None, Some(68.0)), Course::Stopped);
    }

    #[test]
    fn the_last_score_decides_and_a_marginal_one_stops() {
        let both = |scores: &[f64]| over_intervals(scores, Some(75.0), Some(50.0));
        assert_eq!(both(&[80.0, 60.0, 90.0]), Course::Passed);
        assert_eq!(both(&[90.0, 60.0]), Course::Failed);
        assert_eq!(both(&[75.0]), Course::Passed);
        assert_eq!(both(&[90.0, 50.0, 90.0]), Course::Stopped, "equal to it is not above it");
        assert_eq!(over_intervals(&[0.0], None, None), Course::Passed, "no thresholds");
    }

    #[test]
    fn nothing_and_nan_do_not_pass() {
        assert_eq!(over_intervals(&[], Some(75.0), Some(50.0)), Course::Failed);
        assert_eq!(over_intervals(&[], None, None), Course::Failed);
        assert_eq!(over_intervals(&[f64::NAN], None, None), Course::Failed);
        assert_eq!(over_intervals(&[f64::NAN], Some(75.0), None), Course::Failed);
        assert_eq!(over_intervals(&[f64::NAN, 90.0], None, Some(50.0)), Course::Stopped);
    }
}
