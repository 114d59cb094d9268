//! The crash campaign: the program is killed before and after every call of its record, a cloud and a plugin, and goes on.
//!
//! For each strategy and its rollback an undisturbed run says which moments there are (see `host/cli/src/crash.rs`) and what the
//! world is afterwards. Then, for each moment, a run in a world of its own is killed there by itself, `shiftgate resume` goes on,
//! and everything has to be as if nothing had happened: one world, each wrap-up under its one key, no event missing.
//!
//! `cargo xtask campaign` plays every moment; without it a few of each are picked by a seed. `SHIFTGATE_CAMPAIGN` is `full`, or
//! one moment such as `ledger.settle#3/after`; `SHIFTGATE_CAMPAIGN_SEED` picks others.

#![expect(clippy::print_stdout, reason = "the report of a campaign is what it prints")]

mod receiver;
mod stage;

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use self::stage::{Afterwards, Stage};

/// A moment that takes longer is named.
const SLOW: Duration = Duration::from_secs(5);

/// How many moments of each scenario are played where not all of them are.
const PICKED: usize = 8;

/// A strategy, and whether its verification passes.
#[derive(Clone, Copy)]
struct Scenario {
    strategy: &'static str,
    /// The run is rolled back at its last step.
    bad: bool,
}

/// Whether a run met the moment that it was to be killed at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Killed {
    There,
    /// It came to its end. How often a run looks while a verification goes on beside it is a matter of time.
    Nowhere,
}

macro_rules! scenarios {
    ($($name:ident: $strategy:literal, $bad:literal;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                Scenario { strategy: $strategy, bad: $bad }.play().await;
            }
        )*
    };
}

scenarios! {
    basic_killed: "basic", false;
    basic_killed_and_rolled_back: "basic", true;
    canary_killed: "canary", false;
    canary_killed_and_rolled_back: "canary", true;
    background_killed: "background", false;
    background_killed_and_rolled_back: "background", true;
    swap_killed: "swap", false;
    swap_killed_and_rolled_back: "swap", true;
    shift_killed: "shift", false;
    shift_killed_and_rolled_back: "shift", true;
}

impl Scenario {
    async fn play(self) {
        let (wanted, moments) = self.undisturbed().await;
        let played = picked(&moments, self);
        let (mut failed, mut missed) = (Vec::new(), 0);
        for moment in &played {
            let began = Instant::now();
            match self.killed_at(moment, &wanted).await {
                Ok(Killed::There) => {}
                Ok(Killed::Nowhere) => missed += 1,
                Err(why) => failed.push(format!("{moment}: {why}")),
            }
            if began.elapsed() > SLOW {
                println!("{moment} took {:?}", began.elapsed());
            }
        }
        let (strategy, rolled_back) = (self.strategy, if self.bad { " and its rollback" } else { "" });
        let passed = played.len() - failed.len() - missed;
        println!("{strategy}{rolled_back}: {} of {} moments, {passed} passed, {missed} not met", played.len(), moments.len());
        assert!(missed * 4 <= played.len(), "{missed} of {} moments were not met", played.len());
        assert!(
            failed.is_empty(),
            "seed {}; to repeat one: SHIFTGATE_CAMPAIGN='<moment>' cargo nextest run -p shiftgate -E 'test(campaign::{strategy})'\n{}",
            seed(),
            failed.join("\n")
        );
    }

    /// What a run leaves that nobody disturbs, and all the moments that it passes.
    async fn undisturbed(self) -> (Afterwards, Vec<String>) {
        let stage = Stage::new(self.strategy, self.bad).await;
        let log = stage.bench.home.path().join("moments");
        let output = stage.run().env("SHIFTGATE_CRASH_LOG", &log).output().await.expect("the program starts");
        let (exit, stderr) = (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned());
        assert_eq!(exit, Some(if self.bad { 3 } else { 0 }), "{}{stderr}", String::from_utf8_lossy(&output.stdout));
        let moments: Vec<String> = std::fs::read_to_string(&log).expect("the moments").lines().map(str::to_owned).collect();
        assert!(moments.len() > 100, "a run passes many moments: {moments:?}");
        (stage.afterwards().await, moments)
    }

    async fn killed_at(self, moment: &str, wanted: &Afterwards) -> Result<Killed, String> {
        let stage = Stage::new(self.strategy, self.bad).await;
        let killed = stage.run().env("SHIFTGATE_CRASH_AT", moment).output().await.expect("the program starts");
        let met = if killed.status.signal() == Some(9) { Killed::There } else { Killed::Nowhere };
        if met == Killed::Nowhere && self.strategy != "background" {
            return Err(format!("the run was not killed there: it ended with {}", killed.status));
        }
        if stage.ending().await.is_none() {
            let run = stage.run_id();
            let resumed = stage.bench.run(&["resume", &run]).await;
            if resumed.exit != if self.bad { 3 } else { 0 } {
                return Err(format!("resume ended with {}\n{}{}", resumed.exit, resumed.stdout, resumed.stderr));
            }
        }
        wanted.same(&stage.afterwards().await)?;
        Ok(met)
    }
}

/// All moments, or the one that is asked for, or some that the seed picks: one of each stretch of the run.
fn picked(moments: &[String], scenario: Scenario) -> Vec<String> {
    match variable("SHIFTGATE_CAMPAIGN").as_deref() {
        Some("full") => return moments.to_vec(),
        Some(one) => return moments.iter().filter(|moment| *moment == one).cloned().collect(),
        None => {}
    }
    let stretch = moments.len().div_ceil(PICKED);
    let pick = |(index, stretch): (usize, &[String])| {
        let mixed = mixed(seed(), &format!("{} {} {index}", scenario.strategy, scenario.bad));
        stretch[usize::try_from(mixed % stretch.len() as u64).expect("less than a stretch")].clone()
    };
    moments.chunks(stretch).enumerate().map(pick).collect()
}

/// A number that follows from both alone (FNV-1a).
pub(crate) fn mixed(seed: u64, text: &str) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(text.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

pub(crate) fn seed() -> u64 {
    variable("SHIFTGATE_CAMPAIGN_SEED").map_or(1, |seed| seed.parse().expect("SHIFTGATE_CAMPAIGN_SEED is a number"))
}

#[expect(clippy::disallowed_methods, reason = "how much is played is said by whoever starts the tests")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
