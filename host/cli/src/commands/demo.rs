//! `shiftgate demo`: an example against a simulated account in this process, through everything that a real run goes
//! through: the client over HTTP, the durable engine, the plugins. Its record is temporary and goes with it.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use secrecy::SecretString;
use shiftgate_cloud::{Credentials, SpotConfig};
use shiftgate_engine::Pace;
use shiftgate_model::{AccountId, Clock as _, Ending, Millis};
use shiftgate_sim::{GroupSeed, GroupView, HealthPlan, Image, Latencies, Numbers, Ports, Sim, World};
use shiftgate_store::{Record, SystemClock};
use shiftgate_workflow::{Plan, Source};

use crate::app::App;
use crate::args::{Busy, Demo, StrategyArg};
use crate::commands::run::Launch;
use crate::drive::{self, Driven};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Embedded;
use crate::run_id;
use crate::text::{Commands, align, printable};

/// The image that is live before.
const BLUE: &str = "ami-0b10e000000000000";
/// The image that is deployed.
const GREEN: &str = "ami-0900d000000000000";
/// The image that `--bad` deploys.
const BAD: &str = "ami-0bad0000000000000";
/// The share of requests that the bad image answers with errors.
const BAD_ERRORS: f64 = 0.05;

const FILES: [(&str, &str); 3] = [
    ("basic.yaml", include_str!("../../../../docs/examples/basic.yaml")),
    ("canary.yaml", include_str!("../../../../docs/examples/canary.yaml")),
    ("elastigroup.json", include_str!("../../../../docs/examples/elastigroup.json")),
];

pub(crate) async fn run(app: &mut App, args: &Demo) -> Result<Exit, Failure> {
    let mut world = match &args.world {
        Some(path) => super::sim::world(path)?,
        None => world(args.strategy),
    };
    if args.fast {
        world.latencies = World::instant().latencies;
    }
    let sim = Sim::start(world, Ports::default()).await.map_err(|error| super::sim::failed(&error))?;
    let done = deploy(app, args, &sim).await;
    sim.stop().await;
    match done? {
        Driven::Ended(ending) => Ok(verdict(args, ending)),
        Driven::Interrupted => {
            app.screen.note("\nInterrupted: the simulated account is gone, and the demo's record with it.");
            Err(Failure::Shown(Exit::Interrupted))
        }
    }
}

async fn deploy(app: &mut App, args: &Demo, sim: &Sim) -> Result<Driven, Failure> {
    let (name, text) = file(args.strategy);
    let source = Source { name: format!("examples/{name}"), text: text.to_owned() };
    let (mut plan, configs) = super::validate::plan(app, &source, &Embedded(&FILES), &inputs(args, sim))?;
    if args.bad && args.strategy == StrategyArg::Basic {
        // The basic example verifies nothing: its bad image does not get healthy, and nobody watches that for 20 minutes.
        plan.setup.steady_state_timeout = if args.fast { Millis(200) } else { Millis::seconds(4) };
    }
    let place = tempfile::Builder::new().prefix("shiftgate-demo-").tempdir().map_err(|error| {
        Failure::new(Exit::State, format!("there is no place for the demo's record: {error}"))
            .hint("free the temporary directory, or set TMPDIR")
    })?;
    let record = Record::open(place.path()).await?;
    let launch = Launch {
        record: &record,
        plan: &plan,
        configs: &configs,
        file: source.name.clone(),
        config: config(&plan, sim)?,
        pace: pace(args.fast),
        when_busy: Busy::Wait,
        output: args.output,
        commands: Commands::new(Some(place.path())),
        before_end: Some(Box::new(|| world_after(&sim.groups(), sim.calls().len()))),
    };
    let driven = launch.run(app, &run_id::new(SystemClock.now())).await;
    record.close().await;
    driven
}

/// A demo that ends as its example says has done what it was asked; a world of the user's own has no such saying.
fn verdict(args: &Demo, ending: Ending) -> Exit {
    match (args.bad && args.world.is_none(), ending) {
        (true, Ending::RolledBack) => Exit::Succeeded,
        (true, Ending::Succeeded) => Exit::Failed,
        (_, ending) => drive::exit(ending),
    }
}

const fn file(strategy: StrategyArg) -> (&'static str, &'static str) {
    let [basic, canary, _] = FILES;
    match strategy {
        StrategyArg::Basic => basic,
        StrategyArg::Canary => canary,
    }
}

/// What the examples ask for.
fn inputs(args: &Demo, sim: &Sim) -> Vec<(String, String)> {
    let image = if args.bad { BAD } else { GREEN };
    let mut inputs = vec![("ami", image.to_owned())];
    if args.strategy == StrategyArg::Canary {
        let (pace, count) = if args.fast { ("1ms", "2") } else { ("1s", "3") };
        inputs.extend([("prometheus", sim.metrics_url()), ("pace", pace.to_owned()), ("count", count.to_owned())]);
    }
    inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The simulated account takes any token; the account is the workflow's where it names one.
fn config(plan: &Plan, sim: &Sim) -> Result<SpotConfig, Failure> {
    let account = plan.infrastructure.account.clone().unwrap_or_else(|| AccountId::new("act-00000000"));
    let credentials = Credentials { token: SecretString::from("simulated".to_owned()), account };
    Ok(SpotConfig::new(credentials, Some(&sim.spot_url()))?)
}

fn pace(fast: bool) -> Pace {
    let (first, longest) = if fast { (Millis(5), Millis(20)) } else { (Millis(400), Millis(1_000)) };
    Pace { first, longest, ..Pace::default() }
}

/// An account with one live group, and an image that serves errors; for the basic example one that does not get healthy.
fn world(strategy: StrategyArg) -> World {
    let live = GroupSeed {
        id: None,
        name: "web__1".to_owned(),
        capacity: Numbers { minimum: 0, target: 4, maximum: 10 },
        image: BLUE.to_owned(),
        tags: std::collections::BTreeMap::new(),
        target_groups: Vec::new(),
        extra: None,
    };
    let bad = match strategy {
        StrategyArg::Basic => Image { health: HealthPlan::Never, ..Image::default() },
        StrategyArg::Canary => Image { errors: BAD_ERRORS, ..Image::default() },
    };
    World { images: [(BAD.to_owned(), bad)].into(), latencies: Latencies::default(), groups: vec![live], ..World::default() }
}

/// The groups of the simulated account, and the calls that were made to it.
fn world_after(groups: &[GroupView], calls: usize) -> String {
    let mut text = format!("\n{}\n", "World after".bold());
    let mut rows: Vec<[String; 4]> = groups
        .iter()
        .map(|group| {
            let GroupView { name, id, capacity, image, instances, deleted, .. } = group;
            let has = match deleted {
                true => "deleted".to_owned(),
                false => format!("min {}, max {}, target {}", capacity.minimum, capacity.maximum, capacity.target),
            };
            let instances = match deleted {
                true => String::new(),
                false => format!("{} of {} healthy, {}", instances.healthy, instances.total, printable(image)),
            };
            [printable(name), id.clone(), has, instances]
        })
        .collect();
    align(&mut rows);
    for row in &rows {
        let _ = writeln!(text, "  {}", row.join("  ").trim_end());
    }
    let _ = writeln!(text, "  {calls} calls of Spot's API");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Format;

    fn args(bad: bool) -> Demo {
        Demo { strategy: StrategyArg::Canary, bad, output: Format::Text, world: None, fast: true }
    }

    #[test]
    fn a_demo_that_ends_as_it_should_has_succeeded() {
        assert_eq!(verdict(&args(false), Ending::Succeeded), Exit::Succeeded);
        assert_eq!(verdict(&args(false), Ending::RolledBack), Exit::RolledBack);
        assert_eq!(verdict(&args(true), Ending::RolledBack), Exit::Succeeded);
        assert_eq!(verdict(&args(true), Ending::Succeeded), Exit::Failed);
        assert_eq!(verdict(&args(true), Ending::Stuck), Exit::Stuck);
        let own = Demo { world: Some("world.json".into()), ..args(true) };
        assert_eq!(verdict(&own, Ending::RolledBack), Exit::RolledBack);
    }
}
