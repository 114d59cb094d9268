//! `shiftgate sim`: a simulated account on loopback, for as long as the process lives.

use std::path::Path;

use serde_json::json;
use shiftgate_sim::{Ports, Sim, SimError, World};

use crate::app::App;
use crate::args::Simulate;
use crate::exit::Exit;
use crate::failure::{Failure, chain};
use crate::files;
use crate::interrupt::Interrupts;

pub(crate) async fn run(app: &mut App, args: &Simulate) -> Result<Exit, Failure> {
    let world = args.world.as_deref().map(world).transpose()?.unwrap_or_default();
    let mut interrupts = Interrupts::listen()?;
    let ports = Ports { spot: args.spot_port, aws: args.aws_port };
    let sim = Sim::start(world, ports).await.map_err(|error| failed(&error))?;
    app.screen.json(&json!({
        "spot_url": sim.spot_url(),
        "aws_url": sim.aws_url(),
        "metrics_url": sim.metrics_url(),
        "load_balancers": sim.data_plane_urls(),
    }))?;
    interrupts.next().await;
    sim.stop().await;
    Ok(Exit::Succeeded)
}

/// A world file, as JSON.
pub(crate) fn world(path: &Path) -> Result<World, Failure> {
    let refused = |why: String| {
        Failure::new(Exit::Usage, format!("the world file `{}` cannot be used: {why}", path.display()))
            .hint("docs/cli.md shows what a world file may say")
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(files::reason(&error)))?;
    serde_json::from_str(&text).map_err(|error| refused(error.to_string()))
}

/// Why there is no simulated account.
pub(crate) fn failed(error: &SimError) -> Failure {
    let hint = match error {
        SimError::Listen { .. } => "choose another port, or 0 for any free one",
        SimError::World { .. } | SimError::Refused { .. } => "mend the world file",
    };
    Failure::new(Exit::Usage, chain(error)).hint(hint)
}
