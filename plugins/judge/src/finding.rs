//! What a method finds out about one metric, before it is written down: the two methods fill it, `lib.rs` makes a `Judgement` of it.
//! Plain data; numbers may still be infinite here.

use alloc::vec::Vec;

use crate::judgement::{Cause, Label, Warning};
use crate::shape::Deviation;
use crate::spec::MetricSpec;

/// What a method finds out.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) label: Label,
    pub(crate) critical: bool,
    pub(crate) cause: Option<Cause>,
    pub(crate) u: Option<f64>,
    pub(crate) p: Option<f64>,
    pub(crate) interval: Option<[f64; 2]>,
    pub(crate) estimate: Option<f64>,
    pub(crate) band: Option<f64>,
    pub(crate) effect: f64,
    pub(crate) deviation: Option<Deviation>,
    pub(crate) warnings: Vec<Warning>,
}

impl Default for Finding {
    fn default() -> Self {
        Self {
            label: Label::Pass,
            critical: false,
            cause: None,
            u: None,
            p: None,
            interval: None,
            estimate: None,
            band: None,
            effect: f64::NAN,
            deviation: None,
            warnings: Vec::new(),
        }
    }
}

impl Finding {
    /// The same, with a label that no comparison led to, and why.
    pub(crate) fn without(self, label: Label, cause: Cause, critical: bool) -> Self {
        Self { label, cause: Some(cause), critical, ..self }
    }

    /// The same, with too little to judge by.
    pub(crate) fn no_data(self, cause: Cause, spec: &MetricSpec) -> Self {
        let label = if spec.must_have_data && !spec.critical { Label::NodataFail } else { Label::Nodata };
        self.without(label, cause, spec.critical)
    }
}
