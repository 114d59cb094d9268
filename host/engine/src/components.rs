//! Which component each plugin of a run is. A run that its own command drives is bound in its plan. One that was handed to the workers
//! of a database is bound here, on record, where it begins: whoever takes a step of it over later runs the same. Next: `activities`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use shiftgate_model::{Digest, EffectRecord, RunId, StepId, StoreError};
use shiftgate_workflow::Plan;

use crate::activities::Ports;

/// The step under which the components are on record.
pub(crate) const BEGIN: &str = "begin";
/// The effect.
const COMPONENTS: &str = "components";

/// The plan of a run, bound to the components that it began with; not bound where it has not begun.
pub(crate) async fn bound(ports: &Ports, run: &RunId) -> Result<Arc<Plan>, StoreError> {
    let plan = ports.runs.plan(run).await?;
    if plan.is_bound() {
        return Ok(plan);
    }
    let record = ports.ledger.record(run).await?;
    let Some(digests) = record.iter().find_map(digests) else { return Ok(plan) };
    let digests = digests.map_err(|error| StoreError {
        action: format!("read which components run {run} began with"),
        place: "the effect ledger".into(),
        reason: error.to_string(),
    })?;
    let mut plan = Plan::clone(&plan);
    plan.pin(&digests);
    Ok(Arc::new(plan))
}

/// Binds a run to the components that its plugins are now; the first binding is kept.
pub(crate) async fn bind(ports: &Ports, run: &RunId, digests: &BTreeMap<String, Digest>) -> Result<(), StoreError> {
    let (step, digests) = (StepId::new(BEGIN), json!(digests));
    let kept = ports.ledger.intend(run, &step, COMPONENTS, &digests).await?;
    match kept.outcome {
        Some(_) => Ok(()),
        None => ports.ledger.settle(run, &step, COMPONENTS, &digests).await,
    }
}

fn digests(entry: &EffectRecord) -> Option<Result<BTreeMap<String, Digest>, serde_json::Error>> {
    let outcome = entry.outcome.as_ref().filter(|_| entry.step.as_str() == BEGIN && entry.effect == COMPONENTS)?;
    Some(serde_json::from_value(outcome.clone()))
}
