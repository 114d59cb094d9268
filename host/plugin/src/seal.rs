//! Binds what a plugin saves over a wait to its run, its step, its component and its place in the row of calls.
//!
//! The engine keeps the state in its journal and hands it back; a state that was changed there, or that belongs to another
//! step, is told from the plugin's own by the seal, and never reaches it. It is a check against mix-ups and hand edits, not
//! against somebody who can write the journal: there is no key in it. Pure.

use sha2::{Digest as _, Sha256};
use shiftgate_model::{ActionState, Digest, Outcome, RunInfo, Seal};

use crate::file::hex;

/// Seals a state that a plugin saved after `polls` calls.
fn sealed(state: ActionState, run: &RunInfo, plugin: &Digest, polls: u32) -> ActionState {
    let check = check(&state, run, plugin, polls);
    ActionState { seal: Some(Box::new(Seal { plugin: plugin.clone(), polls, check })), ..state }
}

/// An outcome with the state in it sealed.
pub(crate) fn seal(outcome: Outcome, run: &RunInfo, plugin: &Digest, polls: u32) -> Outcome {
    match outcome {
        Outcome::Wait(mut suspension) => {
            suspension.state = sealed(suspension.state, run, plugin, polls);
            Outcome::Wait(suspension)
        }
        Outcome::Counted(mut progress) => {
            progress.next = progress.next.map(|mut next| {
                next.state = sealed(next.state, run, plugin, polls);
                next
            });
            Outcome::Counted(progress)
        }
        other => other,
    }
}

/// How many calls there were before a state was saved; 0 for one without a seal, which a version before 0.2 left, or which
/// stands for nothing saved at all.
///
/// # Errors
/// Why it is not this step's.
pub(crate) fn open(state: &ActionState, run: &RunInfo, plugin: &Digest) -> Result<u32, String> {
    let Some(seal) = &state.seal else { return Ok(0) };
    if seal.plugin != *plugin {
        return Err(format!("its saved state is of the component with sha256 {}, and this is {}", seal.plugin.0, plugin.0));
    }
    if seal.check != check(state, run, plugin, seal.polls) {
        return Err("its saved state was changed, or is of another step: the seal does not fit".to_owned());
    }
    Ok(seal.polls)
}

fn check(state: &ActionState, run: &RunInfo, plugin: &Digest, polls: u32) -> Digest {
    let mut hash = Sha256::new();
    for part in ["shiftgate-state-1", run.run.as_str(), run.step.as_str(), &plugin.0] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.update(polls.to_le_bytes());
    hash.update(state.version.to_le_bytes());
    hash.update(&state.bytes);
    Digest(hex(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use shiftgate_model::{RunId, StepId};

    use super::*;
    use crate::tests::run_info;

    #[test]
    fn a_state_goes_back_to_its_own_step_unchanged_and_nowhere_else() {
        let (run, plugin) = (run_info(), Digest("a".repeat(64)));
        let state = sealed(ActionState::new(1, vec![1, 2, 3]), &run, &plugin, 7);
        assert_eq!(open(&state, &run, &plugin), Ok(7));
        let other_step = RunInfo { step: StepId::new("verify/9"), ..run.clone() };
        let other_run = RunInfo { run: RunId::new("other"), ..run.clone() };
        for run in [&other_step, &other_run] {
            assert!(open(&state, run, &plugin).unwrap_err().contains("the seal does not fit"));
        }
        assert!(open(&state, &run, &Digest("b".repeat(64))).unwrap_err().contains("is of the component with sha256 aaaa"));
        let mut later = state.clone();
        later.seal.as_mut().unwrap().polls = 8;
        let changed = [ActionState { bytes: vec![1, 2], ..state.clone() }, ActionState { version: 2, ..state.clone() }, later];
        assert!(changed.iter().all(|state| open(state, &run, &plugin).is_err()));
        assert_eq!(open(&ActionState::new(1, vec![9]), &run, &plugin), Ok(0));
    }
}
