//! A saved state opens for the step that saved it, and for nothing else once any bit of it has changed; an envelope that
//! somebody made up does not open.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use shiftgate_model::ActionState;
use shiftgate_plugin::fuzz;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    version: u32,
    bytes: &'a [u8],
    polls: u32,
    /// Which part is changed, and by which bit.
    part: u8,
    place: usize,
    envelope: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let state = ActionState::new(input.version, input.bytes.to_vec());
    let sealed = fuzz::seal(state.clone(), "run", "step", input.polls);
    assert_eq!(fuzz::open(&sealed, "run", "step"), Some(input.polls));
    assert_eq!(fuzz::open(&sealed, "run", "another"), None);
    assert_eq!(fuzz::open(&sealed, "runs", "tep"), None);
    let written = serde_json::to_vec(&sealed).expect("a state has JSON");
    assert_eq!(serde_json::from_slice::<ActionState>(&written).expect("what was written can be read"), sealed);

    let changed = changed(sealed.clone(), input.part, input.place);
    assert!(changed == sealed || fuzz::open(&changed, "run", "step").is_none(), "{changed:?}");

    if let Ok(made_up) = serde_json::from_slice::<ActionState>(input.envelope)
        && made_up.seal.is_some()
        && fuzz::open(&made_up, "run", "step").is_some()
    {
        let polls = made_up.seal.as_ref().map_or(0, |seal| seal.polls);
        assert_eq!(fuzz::seal(ActionState { seal: None, ..made_up.clone() }, "run", "step", polls), made_up);
    }
});

/// The state with one bit changed.
fn changed(mut state: ActionState, part: u8, place: usize) -> ActionState {
    let bit = 1_u32 << (place % 32);
    match (part % 4, &mut state.seal) {
        (0, _) => state.version ^= bit,
        (1, Some(seal)) => seal.polls ^= bit,
        (2, Some(seal)) => {
            let mut digits = std::mem::take(&mut seal.check.0).into_bytes();
            let at = place % digits.len().max(1);
            digits[at] ^= 1;
            seal.check.0 = String::from_utf8_lossy(&digits).into_owned();
        }
        _ if state.bytes.is_empty() => state.bytes.push(0),
        _ => {
            let at = place % state.bytes.len();
            state.bytes[at] ^= 1 << (place % 8);
        }
    }
    state
}
