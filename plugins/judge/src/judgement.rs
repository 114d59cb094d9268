//! What comes of judging one metric, as it stands in a report's evidence (`docs/evidence.md`, "judgement"). Data and the digest of
//! what was judged; the words are put together in `sentence.rs`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::samples::Statistics;
use crate::shape::{Deviation, TwoGroups};
use crate::spec::{Measure, Mode};

/// What a metric is judged to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Label {
    /// No forbidden difference was shown.
    Pass,
    /// The canary is higher, and must not be.
    High,
    /// The canary is lower, and must not be.
    Low,
    /// There is too little to judge by. Never a pass.
    Nodata,
    /// There is too little to judge by, and the metric must have data: a failure.
    NodataFail,
    /// It could not be judged. Never a pass.
    Error,
}

impl Label {
    /// Whether it says that the canary is worse, or lacks what it must have.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::High | Self::Low | Self::NodataFail)
    }
}

/// Why there is no judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Neither side has samples.
    NoSamples,
    /// The baseline has none.
    NoBaseline,
    /// The canary has none.
    NoCanary,
    /// So few samples cannot reach the confidence, whatever they are.
    TooFew,
    /// All samples are equal, so there is no interval.
    AllEqual,
    /// A sample is infinite.
    Infinite,
    /// The settings make no sense: a confidence that is not between 0 and 1, a tolerance or a factor below 0.
    Settings,
}

impl Cause {
    /// Which side is empty, if any.
    pub(crate) const fn of_empty(baseline: &[f64], canary: &[f64]) -> Option<Self> {
        match (baseline.is_empty(), canary.is_empty()) {
            (true, true) => Some(Self::NoSamples),
            (true, false) => Some(Self::NoBaseline),
            (false, true) => Some(Self::NoCanary),
            (false, false) => None,
        }
    }
}

/// What the reader of a judgement has to know beside its label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Warning {
    /// The canary's samples fall into two groups; a median difference can hide a change in one of them.
    BimodalCanary(TwoGroups),
    /// The baseline's samples do.
    BimodalBaseline(TwoGroups),
    /// Samples that were no numbers were left out.
    NoNumbers {
        /// Of the baseline.
        baseline: usize,
        /// Of the canary.
        canary: usize,
    },
}

/// How large the difference is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// In which measure.
    pub measure: Measure,
    /// None where it cannot be computed: a mean is 0.
    pub value: Option<f64>,
}

/// The judgement of one metric. Differences are the canary's less the baseline's, in the metric's unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The method that judged.
    pub method: Mode,
    /// What the metric is judged to be.
    pub label: Label,
    /// The failure is critical: the score is 0.
    pub critical: bool,
    /// One sentence for a person.
    pub sentence: String,
    /// Why there is no judgement; none where there is one.
    pub cause: Option<Cause>,
    /// How many samples were judged: of the baseline, of the canary.
    pub samples: [usize; 2],
    /// Mann and Whitney's U of the canary: over all pairs, 1 where its sample is above the baseline's and a half where they are equal.
    pub u: Option<f64>,
    /// How probable a U at least so far from its middle is, to either side, where nothing differs.
    pub p: Option<f64>,
    /// The confidence of the interval, between 0 and 1.
    pub confidence: f64,
    /// Where the shift of the canary lies, with that confidence.
    pub interval: Option<[f64; 2]>,
    /// The shift of the canary: the median of all pairwise differences.
    pub estimate: Option<f64>,
    /// What the interval must be beyond, up or down, for a failure; never negative.
    pub band: Option<f64>,
    /// How large the difference is.
    pub effect: Effect,
    /// What describes the baseline's samples.
    pub baseline: Statistics,
    /// What describes the canary's samples.
    pub canary: Statistics,
    /// How many of the canary's samples are far from the baseline; none where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviation: Option<Deviation>,
    /// What a reader has to know beside the label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// [`digest`] of the samples that were judged.
    pub digest: String,
}

/// SHA-256 of the samples that were judged, in lower-case hexadecimal.
///
/// The bytes are, first for the baseline and then for the canary: the number of samples as a 64-bit unsigned integer, then each sample
/// as an IEEE 754 double, ascending, all of them with the least significant byte first. The samples are those that are left when
/// what is no number and what is an outlier is gone, with no negative zero. Equal digests mean equal judgements by equal settings.
#[must_use]
pub fn digest(baseline: &[f64], canary: &[f64]) -> String {
    let mut hash = Sha256::new();
    for side in [baseline, canary] {
        hash.update((side.len() as u64).to_le_bytes());
        for sample in side {
            hash.update(sample.to_bits().to_le_bytes());
        }
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
