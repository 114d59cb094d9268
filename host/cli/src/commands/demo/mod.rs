//! `shiftgate demo`: an example against a simulated account in this process, through everything that a real run goes
//! through: the client over HTTP, the durable engine, the plugins. Its record is temporary and goes with it.

mod traffic;
mod world;

use secrecy::SecretString;
use shiftgate_cloud::{Credentials, ElbConfig, SpotConfig};
use shiftgate_engine::Pace;
use shiftgate_model::{AccountId, Clock as _, Ending, Event, EventKind, Millis};
use shiftgate_sim::{Ports, Sim, World};
use shiftgate_store::{Record, SystemClock};
use shiftgate_workflow::{Plan, Source};

use self::traffic::{Shares, Users};
use self::world::{BAD, GREEN};
use super::{sim, validate};
use crate::app::App;
use crate::args::{Busy, Demo, Scenario};
use crate::commands::run::Launch;
use crate::drive::{self, Driven};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Embedded;
use crate::run_id;
use crate::text::Commands;
use crate::wiring::CloudConfig;

const FILES: [(&str, &str); 5] = [
    ("basic.yaml", include_str!("../../../../../docs/examples/basic.yaml")),
    ("canary.yaml", include_str!("../../../../../docs/examples/canary.yaml")),
    ("swap.yaml", include_str!("../../../../../docs/examples/swap.yaml")),
    ("shift.yaml", include_str!("../../../../../docs/examples/shift.yaml")),
    ("elastigroup.json", include_str!("../../../../../docs/examples/elastigroup.json")),
];

pub(crate) async fn run(app: &mut App, args: &Demo) -> Result<Exit, Failure> {
    let mut world = match &args.world {
        Some(path) => sim::world(path)?,
        None => world::world(args.scenario),
    };
    if args.fast {
        world.latencies = World::instant().latencies;
    }
    let simulated = Sim::start(world, Ports::default()).await.map_err(|error| sim::failed(&error))?;
    let done = deploy(app, args, &simulated).await;
    simulated.stop().await;
    match done? {
        Driven::Ended(ending) => Ok(verdict(args, ending)),
        Driven::Interrupted => {
            app.screen.note("\nInterrupted: the simulated account is gone, and the demo's record with it.");
            Err(Failure::Shown(Exit::Interrupted))
        }
    }
}

async fn deploy(app: &mut App, args: &Demo, sim: &Sim) -> Result<Driven, Failure> {
    let (name, text) = file(args.scenario);
    let source = Source { name: format!("examples/{name}"), text: text.to_owned() };
    let (mut plan, configs) = validate::plan(app, &source, &Embedded(&FILES), &inputs(args, sim))?;
    if args.bad && args.scenario == Scenario::Basic {
        // The basic example verifies nothing: its bad image does not get healthy, and nobody watches that for 20 minutes.
        plan.setup.steady_state_timeout = if args.fast { Millis(200) } else { Millis::seconds(4) };
    }
    let place = tempfile::Builder::new().prefix("shiftgate-demo-").tempdir().map_err(|error| {
        Failure::new(Exit::State, format!("there is no place for the demo's record: {error}"))
            .hint("free the temporary directory, or set TMPDIR")
    })?;
    let record = Record::open(place.path()).await?;
    let shares = Shares::default();
    let run = run_id::new(SystemClock.now());
    let plugins = super::run::bind(app, &mut plan, &configs, &run).await?;
    let launch = Launch {
        record: &record,
        plan: &plan,
        plugins,
        file: source.name.clone(),
        config: config(&plan, sim)?,
        pace: pace(args.fast),
        when_busy: Busy::Wait,
        output: args.output,
        commands: Commands::new(Some(place.path())),
        aside: Some(Box::new(|event| beside(sim, &shares, event))),
    };
    let _users = Users::start(sim);
    let driven = launch.run(app, &run).await;
    record.close().await;
    driven
}

/// The requests that each group got, and before the end how everything looks.
fn beside(sim: &Sim, shares: &Shares, event: &Event) -> String {
    if !matches!(event.kind, EventKind::RunEnded { .. }) {
        return if sim.data_plane_urls().is_empty() { String::new() } else { shares.beside(sim, event) };
    }
    let mut text = world::after(sim);
    if !sim.data_plane_urls().is_empty() {
        text.push_str(&Shares::all(sim));
    }
    text
}

/// A demo that ends as its example says has done what it was asked; a world of the user's own has no such saying.
fn verdict(args: &Demo, ending: Ending) -> Exit {
    match (args.bad && args.world.is_none(), ending) {
        (true, Ending::RolledBack) => Exit::Succeeded,
        (true, Ending::Succeeded) => Exit::Failed,
        (_, ending) => drive::exit(ending),
    }
}

const fn file(scenario: Scenario) -> (&'static str, &'static str) {
    let [basic, canary, swap, shift, _] = FILES;
    match scenario {
        Scenario::Basic => basic,
        Scenario::Canary => canary,
        Scenario::Swap => swap,
        Scenario::Shift => shift,
    }
}

/// What the examples ask for.
fn inputs(args: &Demo, sim: &Sim) -> Vec<(String, String)> {
    let image = if args.bad { BAD } else { GREEN };
    let mut inputs = vec![("ami", image.to_owned())];
    if args.scenario != Scenario::Basic {
        let (pace, count) = if args.fast { ("1ms", "2") } else { ("1s", "3") };
        inputs.extend([("prometheus", sim.metrics_url()), ("pace", pace.to_owned()), ("count", count.to_owned())]);
    }
    inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The simulated account takes any token; the account is the workflow's where it names one.
fn config(plan: &Plan, sim: &Sim) -> Result<CloudConfig, Failure> {
    let account = plan.infrastructure.account.clone().unwrap_or_else(|| AccountId::new("act-00000000"));
    let credentials = Credentials { token: SecretString::from("simulated".to_owned()), account };
    let secret = SecretString::from("simulated".to_owned());
    let aws = plan.setup.routing.as_ref().map(|_| {
        let config = ElbConfig::new(plan.infrastructure.region.clone()).with_static_credentials("AKIASIMULATED", secret);
        ElbConfig { endpoint_url: Some(sim.aws_url()), ..config }
    });
    Ok(CloudConfig { spot: SpotConfig::new(credentials, Some(&sim.spot_url()))?, aws })
}

fn pace(fast: bool) -> Pace {
    let (first, longest) = if fast { (Millis(5), Millis(20)) } else { (Millis(400), Millis(1_000)) };
    Pace { first, longest, propagation: longest, ..Pace::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Format;

    fn args(bad: bool) -> Demo {
        Demo { scenario: Scenario::Canary, bad, output: Format::Text, world: None, fast: true }
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
