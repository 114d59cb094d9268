//! Puts the rooms together: the one place that knows which room stands behind which port.

use std::sync::Arc;

use shiftgate_cloud::{Spot, SpotConfig};
use shiftgate_engine::{Activities, Pace, Ports, Settings, WhenBusy};
use shiftgate_plugin::{Budgets, Plugins, PluginsConfig};
use shiftgate_store::{Record, SystemClock};

use crate::app::App;
use crate::args::Busy;
use crate::failure::Failure;

/// The plugin host. Compiled plugins are kept over calls of the program.
pub(crate) fn plugins(app: &App) -> Result<Arc<Plugins>, Failure> {
    let cache_dir = match app.env.cache_dir() {
        Some(dir) => dir.join("components"),
        None => app.state_dir()?.join("components"),
    };
    Ok(Arc::new(Plugins::new(PluginsConfig {
        cache_dir,
        bundled_dirs: app.env.plugin_dirs(app.global.plugin_dir.as_deref()),
        budgets: Budgets::default(),
        clock: Arc::new(SystemClock),
        seed: None,
    })?))
}

/// A client of Spot.
pub(crate) fn spot(config: SpotConfig) -> Result<Arc<Spot>, Failure> {
    Ok(Arc::new(Spot::new(config)?))
}

/// Everything that acts for a run.
pub(crate) fn activities(
    record: &Record,
    spot: &Arc<Spot>,
    plugins: &Arc<Plugins>,
    pace: Pace,
    when_busy: Busy,
) -> Arc<Activities> {
    let record = Arc::new(record.clone());
    let ports = Ports {
        groups: Arc::clone(spot) as _,
        plugins: Arc::clone(plugins) as _,
        ledger: Arc::clone(&record) as _,
        locks: Arc::clone(&record) as _,
        events: Arc::clone(&record) as _,
        runs: record,
        clock: Arc::new(SystemClock),
    };
    let when_busy = match when_busy {
        Busy::Wait => WhenBusy::Wait,
        Busy::Refuse => WhenBusy::Refuse,
    };
    let settings = Settings { account: spot.account().as_str().to_owned(), pace, when_busy };
    Arc::new(Activities::new(ports, settings))
}
