//! One query: a metric, an expression or alarms, whichever the config names.
//!
//! `metrics` and `alarms` ask; what comes is judged by the crate `analysis`.

use analysis::answer::Asked;
use analysis::scope::Scope;
use shiftgate_sdk::prelude::{Context, Result};

use crate::config::{Query, Settings};
use crate::{alarms, metrics};

/// Asks.
///
/// # Errors
/// [`StepError`](shiftgate_sdk::StepError) for what no later query can mend: a refused request, a query that CloudWatch cannot
/// read, missing rights, several series without `aggregate`, an alarm that is not there.
pub fn ask(cx: &Context<'_>, settings: &Settings, query: &Query, scope: &Scope) -> Result<Asked> {
    match &query.alarms {
        Some(names) => alarms::ask(cx, settings, names, scope),
        None => metrics::ask(cx, settings, query, scope),
    }
}

#[cfg(test)]
mod tests;
