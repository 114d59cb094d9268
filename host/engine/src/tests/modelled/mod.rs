//! Model-based tests: the deployment rules as a small reference model, and random sequences of everything that can happen to
//! a run, played against the real interpreter and steps.
//!
//! Read `model` first: it is the rules in a page. `plans` makes plan and world of a recipe; `watched` stands between the engine
//! and the world; `invariants` and `endings` say what must hold; `machine` draws the sequences, and `process` is the run.
//! Nothing here knows how a step does its work. `SHIFTGATE_CAMPAIGN=full` plays many thousands of sequences.

mod endings;
mod invariants;
mod machine;
mod model;
mod plans;
mod process;
mod snapshot;
mod watched;

use std::time::Instant;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use proptest_state_machine::ReferenceStateMachine as _;

use self::machine::{Rulebook, play};
pub(super) use self::watched::{Watched, moment};

/// The cases of a short run, and of a long one.
const SEQUENCES: (u32, u32) = (300, 30_000);
const CRASHES: (u32, u32) = (120, 10_000);

/// `PROPTEST_RNG_SEED` draws other sequences than those of every day, and `PROPTEST_CASES` another number of them.
#[expect(clippy::disallowed_methods, reason = "the form of a test is asked of whoever runs it")]
fn config(cases: (u32, u32)) -> Config {
    let full = std::env::var("SHIFTGATE_CAMPAIGN").is_ok_and(|form| form == "full");
    let mut config = Config { failure_persistence: None, max_shrink_iters: 1_000, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = if full { cases.1 } else { cases.0 };
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    config
}

/// Plays cases until one fails, and says how many there were a second.
fn campaign<S: Strategy>(cases: (u32, u32), strategy: &S, play: impl Fn(S::Value) -> Result<(), String>) {
    let (config, began) = (config(cases), Instant::now());
    let (cases, seed) = (config.cases, config.rng_seed);
    let result = TestRunner::new(config).run(strategy, |case| play(case).map_err(TestCaseError::fail));
    if let Err(TestError::Fail(why, case)) = result {
        panic!("seed {seed:?}, the shortest case found: {case:#?}\n{why}");
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{cases} cases in {seconds:.1} s, {:.0} a second ({seed:?})", f64::from(cases) / seconds);
}

/// Whatever happens in whatever order, the rules hold.
#[test]
fn a_campaign_of_sequences_keeps_the_rules() {
    campaign(SEQUENCES, &Rulebook::sequential_strategy(1..16), |(model, transitions, seen)| {
        play(model, transitions, seen.as_deref())
    });
}

/// However often a run is killed, and wherever, it ends as it would have.
#[test]
fn a_campaign_of_crashes_changes_no_end() {
    campaign(CRASHES, &(model::recipes(), machine::crashes()), |(recipe, crashes)| machine::play_twice(&recipe, &crashes));
}
