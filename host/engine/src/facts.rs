//! What the steps of a run have found so far. Interpreter state: it comes from replies of activities only.
//!
//! A run of an earlier release is replayed, and each input of an activity has to be what it was then, letter by letter: a new
//! field is left out while it says nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shiftgate_model::{Capacity, GroupFacts, RunId, WeighedGroup};

/// What the steps of a run have found so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The fencing number of the family's lock; 0 before the run has it.
    pub fence: i64,
    /// Why the run is rolled back, once that is decided: a resumed run goes on with the rollback, never forward.
    pub rolling_back: Option<String>,
    /// Whether what others have changed under this run is taken for good, as an operator said when it went on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_drift: bool,
    /// The group that is deployed; none before setup.
    pub new_group: Option<GroupFacts>,
    /// The group that was live before; none before setup and for a first deployment.
    pub old_group: Option<GroupFacts>,
    /// What the old group had before this run.
    pub original: Option<Capacity>,
    /// What the whole deployment is to have; none before setup.
    pub full: Option<Capacity>,
    /// The target groups of the new and the old group with the weights that the run last gave them; empty without routes.
    #[serde(default)]
    pub target_groups: Vec<WeighedGroup>,
}

impl Facts {
    /// What serves after a deployment that succeeded, in a sentence; empty before setup.
    #[must_use]
    pub fn serving(&self) -> String {
        let Some(GroupFacts { id, name, capacity, .. }) = &self.new_group else { return String::new() };
        match self.target_groups.as_slice() {
            // The new one stands first.
            [new, old] if old.weight > 0 => {
                format!("{id} `{name}` with {capacity} has weight {}, the old group {}", new.weight, old.weight)
            }
            _ => format!("{id} `{name}` serves with {capacity}"),
        }
    }

    /// What deferred expressions see: `${setup.newGroup.id}`, `${run.id}`.
    #[must_use]
    pub fn expressions(&self, run: &RunId) -> Value {
        let group = |facts: &Option<GroupFacts>| match facts {
            Some(group) => json!({"id": group.id, "name": group.name}),
            None => json!({"id": "", "name": ""}),
        };
        json!({"run": {"id": run}, "setup": {"newGroup": group(&self.new_group), "oldGroup": group(&self.old_group)}})
    }
}
