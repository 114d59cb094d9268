//! Sequences of what can happen to a run, played against the real interpreter and steps on a paused clock: operator's verbs
//! as the program gives them, time, faults, crashes, other hands. What may happen is drawn here; what then may be is the
//! `model`'s, and what must never be the `invariants`'. Next: `process`, the run under test.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;
use shiftgate_model::Ending;

use super::model::{Model, Recipe, Troubles, recipes};
use super::process::Process;
use super::watched::{How, Kind};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Transition {
    /// So many seconds pass.
    Pass(u32),
    /// The process comes so many awaits further.
    Awaits(u16),
    /// The same, and is gone then.
    CrashAfterAwaits(u16),
    /// So many seconds pass, and the process is gone then.
    CrashAfterSeconds(u32),
    /// The record takes so many writes more.
    RecordFailsAfterWrites(u8),
    /// Somebody votes on whatever waits, or answers what is asked.
    Vote { yes: bool },
    /// An operator types a command, maybe twice.
    Operator { verb: Verb, twice: bool },
    /// The next call of a kind goes wrong.
    Fault(Kind, How),
    /// The new image's instances do not get healthy, until they do.
    Sick(bool),
    /// Another hand at the console.
    Hand(Hand),
    /// Another run, when the family is free.
    OtherRun(Other),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Abort,
    Rollback { accept_drift: bool },
    Resume { accept_drift: bool },
    Retry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Old,
    New,
    /// An empty revision of an earlier run.
    Earlier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    Pins(Whose, u32),
    /// An autoscaler moves the target between the bounds.
    Scales(Whose, u32),
    Renames(Whose),
    Deletes(Whose),
    /// The production rule of the first load balancer, with that weight on the new group.
    Weighs(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// It comes, looks, and is refused.
    Looks,
    /// It comes, changes something, and ends.
    Changes,
    /// It comes and stays.
    Holds,
    /// It leaves.
    Leaves,
}

fn verbs() -> impl Strategy<Value = Verb> {
    let accept = || proptest::bool::weighted(0.3);
    prop_oneof![
        2 => Just(Verb::Abort),
        2 => accept().prop_map(|accept_drift| Verb::Rollback { accept_drift }),
        4 => accept().prop_map(|accept_drift| Verb::Resume { accept_drift }),
        1 => Just(Verb::Retry),
    ]
}

fn faults() -> impl Strategy<Value = Transition> {
    let kind = prop::sample::select(vec![
        Kind::List,
        Kind::Read,
        Kind::Health,
        Kind::Targets,
        Kind::Rules,
        Kind::Create,
        Kind::Capacity,
        Kind::Capacity,
        Kind::Rename,
        Kind::Delete,
        Kind::Route,
        Kind::Route,
    ]);
    let how = prop::sample::select(vec![How::Throttled, How::Broken, How::Denied, How::Refused, How::ReplyLost, How::ReplyLost]);
    (kind, how).prop_map(|(kind, how)| Transition::Fault(kind, how))
}

fn hands() -> impl Strategy<Value = Hand> {
    let whose = || prop_oneof![4 => Just(Whose::Old), 4 => Just(Whose::New), 1 => Just(Whose::Earlier)];
    prop_oneof![
        3 => (whose(), 0..8_u32).prop_map(|(whose, n)| Hand::Pins(whose, n)),
        3 => (whose(), 0..11_u32).prop_map(|(whose, n)| Hand::Scales(whose, n)),
        2 => whose().prop_map(Hand::Renames),
        1 => whose().prop_map(Hand::Deletes),
        2 => (0..101_u8).prop_map(Hand::Weighs),
    ]
}

/// The reference.
pub(super) struct Rulebook;

impl ReferenceStateMachine for Rulebook {
    type State = Model;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Model> {
        // Half of the sequences know no other hand: what the rules determine is held against the world there.
        (recipes(), any::<bool>(), any::<bool>())
            .prop_map(|(recipe, alone, reliable)| Model { recipe, alone, reliable, passed: 0, troubles: Troubles::default() })
            .boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Transition> {
        let others = u32::from(!model.alone);
        let faulty = u32::from(!model.reliable);
        prop_oneof![
            8 => prop_oneof![0..30_u32, 60..200_u32, 200..2_000_u32, Just(7_300_u32)].prop_map(Transition::Pass),
            6 => (1..200_u16).prop_map(Transition::Awaits),
            4 => (1..300_u16).prop_map(Transition::CrashAfterAwaits),
            2 => (1..150_u32).prop_map(Transition::CrashAfterSeconds),
            1 => (0..20_u8).prop_map(Transition::RecordFailsAfterWrites),
            3 => proptest::bool::weighted(0.8).prop_map(|yes| Transition::Vote { yes }),
            6 => (verbs(), proptest::bool::weighted(0.3)).prop_map(|(verb, twice)| Transition::Operator { verb, twice }),
            1 + 3 * faulty => if model.reliable { Just(Transition::Awaits(50)).boxed() } else { faults().boxed() },
            1 => if model.reliable { Just(Transition::Awaits(20)).boxed() } else { any::<bool>().prop_map(Transition::Sick).boxed() },
            1 + 2 * others => if model.alone { Just(Transition::Pass(20)).boxed() } else { hands().prop_map(Transition::Hand).boxed() },
            1 => if model.alone {
                Just(Transition::Awaits(100)).boxed()
            } else {
                let other = vec![Other::Looks, Other::Changes, Other::Holds, Other::Leaves];
                prop::sample::select(other).prop_map(Transition::OtherRun).boxed()
            },
        ]
        .boxed()
    }

    fn apply(mut model: Model, transition: &Transition) -> Model {
        let troubles = &mut model.troubles;
        match transition {
            Transition::Pass(seconds) | Transition::CrashAfterSeconds(seconds) => {
                model.passed += seconds;
                // An approval has two hours, and a person who is asked one; the end of the sequence takes its part.
                troubles.refusals |= model.passed > 2_400;
            }
            // An await may be the end of any wait.
            Transition::Vote { yes: false } | Transition::Awaits(_) | Transition::CrashAfterAwaits(_) => troubles.refusals = true,
            Transition::Operator { verb: Verb::Abort, .. } => troubles.aborts = true,
            Transition::Operator { verb: Verb::Rollback { .. }, .. } => troubles.rollbacks = true,
            Transition::Fault(..) | Transition::Sick(true) => troubles.faults = true,
            Transition::Hand(_) | Transition::OtherRun(Other::Changes) => troubles.others = true,
            Transition::RecordFailsAfterWrites(_)
            | Transition::Vote { yes: true }
            | Transition::Operator { .. }
            | Transition::Sick(false)
            | Transition::OtherRun(_) => {}
        }
        model
    }
}

/// Plays one sequence. What is broken comes back in words, with all that led there.
pub(super) fn play(mut model: Model, transitions: Vec<Transition>, seen: Option<&AtomicUsize>) -> Result<(), String> {
    let mut process = Process::begin(&model.recipe);
    for transition in transitions {
        if let Some(seen) = seen {
            seen.fetch_add(1, Ordering::SeqCst);
        }
        process.tell(&format!("{transition:?}"));
        model = Rulebook::apply(model, &transition);
        apply(&mut process, &model, transition);
        process.check()?;
    }
    finish(&mut process, &model)
}

fn apply(process: &mut Process, model: &Model, transition: Transition) {
    match transition {
        Transition::Pass(seconds) => process.pass(seconds, model),
        Transition::Awaits(awaits) => process.awaits(awaits, model),
        Transition::CrashAfterAwaits(awaits) => {
            process.awaits(awaits, model);
            process.crash();
        }
        Transition::CrashAfterSeconds(seconds) => {
            process.pass(seconds, model);
            process.crash();
        }
        Transition::RecordFailsAfterWrites(writes) => process.record_fails_after(u32::from(writes)),
        Transition::Vote { yes } => process.vote(yes),
        Transition::Operator { verb, twice } => {
            for _ in 0..=u8::from(twice) {
                process.order(verb);
            }
        }
        Transition::Fault(kind, how) => process.book().faults.push((kind, how)),
        Transition::Sick(sick) => process.sick(sick),
        Transition::Hand(hand) => process.meddle(hand),
        Transition::OtherRun(other) => process.other_run(other),
    }
}

/// Nothing goes wrong any more, everybody says yes, and whatever was changed is taken for good: the run ends as it should.
fn finish(process: &mut Process, model: &Model) -> Result<(), String> {
    process.tell("and from here on nothing goes wrong");
    process.peace();
    let mut ending = process.run_out(model);
    for _ in 0..3 {
        if matches!(ending, Ending::Aborted | Ending::Stuck) {
            process.order(Verb::Resume { accept_drift: true });
            ending = process.run_out(model);
        }
    }
    if !model.troubles.others && matches!(ending, Ending::Aborted | Ending::Stuck) {
        process.book().broken.push(format!("it is {ending} again and again, and nothing goes wrong"));
    }
    process.check()
}

/// Where processes are gone.
#[derive(Clone, Debug)]
pub(super) struct Crashes {
    after_awaits: Vec<u16>,
    /// What has ended is rolled back, where that can be.
    rolls_back: bool,
}

pub(super) fn crashes() -> impl Strategy<Value = Crashes> {
    let after_awaits = prop::collection::vec(1..400_u16, 1..6);
    (after_awaits, any::<bool>()).prop_map(|(after_awaits, rolls_back)| Crashes { after_awaits, rolls_back })
}

/// The same run with its processes killed, and without, ends alike and leaves one world. Approvals are given, and nobody answers
/// anything else.
pub(super) fn play_twice(recipe: &Recipe, crashes: &Crashes) -> Result<(), String> {
    let undisturbed = play_with(recipe, &Crashes { after_awaits: Vec::new(), ..crashes.clone() })?;
    let killed = play_with(recipe, crashes)?;
    let (alone, with) = (undisturbed.outcome(), killed.outcome());
    if alone == with {
        return Ok(());
    }
    Err(format!("undisturbed: {alone:?}\nkilled: {with:?}\n{}\nundisturbed, {}", killed.story(), undisturbed.story()))
}

fn play_with(recipe: &Recipe, crashes: &Crashes) -> Result<Process, String> {
    let troubles = Troubles { refusals: true, rollbacks: crashes.rolls_back, ..Troubles::default() };
    let model = Model { recipe: recipe.clone(), alone: true, reliable: true, passed: 0, troubles };
    let mut process = Process::begin(recipe);
    process.votes_at_once();
    for awaits in &crashes.after_awaits {
        process.awaits(*awaits, &model);
        process.tell("its process is gone");
        process.crash();
        process.check()?;
        process.order(Verb::Resume { accept_drift: false });
    }
    process.run_out(&model);
    if crashes.rolls_back {
        process.order(Verb::Rollback { accept_drift: false });
        process.run_out(&model);
    }
    process.check()?;
    Ok(process)
}
