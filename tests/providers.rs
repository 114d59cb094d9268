//! The plugins that ask providers of numbers, as components on the plugin host, against servers that others wrote or judge.
//!
//! `prometheus` asks Prometheus itself, which scrapes the simulated account. `elasticsearch` asks a small server of answers in its shapes,
//! which the vendor's own client asks as well. `pages` checks what docs/providers shows. What the answers mean is tested natively in
//! `plugins`.

mod elasticsearch;
mod pages;
mod prometheus;

use std::sync::Arc;

use serde_json::Value;
use shiftgate_author::plain_run;
use shiftgate_model::{Call, Clock, Grants, HttpGrant, Outcome, PluginCall, PluginKind, PluginRunner as _, PluginSource, Report};
use shiftgate_plugin::{Compiler, Plugins, PluginsConfig};

use crate::program::plugins;

/// What one call of a plugin came to, or its error in words. The groups are `web__2` and, before it, `web__1`.
async fn call(plugin: &str, clock: Arc<dyn Clock>, grants: Grants, action: Call, config: Value) -> Result<Outcome, String> {
    let compiler =
        Compiler::Child { program: env!("CARGO_BIN_EXE_shiftgate").into(), args: vec!["compile-component".to_owned()] };
    let run = plain_run(clock.now());
    let host = PluginsConfig::new(plugins().join("cache-of-tests"), clock);
    let host = Plugins::new(PluginsConfig { compiler, ..host }).expect("a host");
    let file = plugins().join(format!("{plugin}.wasm")).display().to_string();
    let source = PluginSource { grants, ..PluginSource::new(plugin, file) };
    let call = PluginCall { kind: PluginKind::Verification, config, run, action };
    host.call(&source, &call).await.map(|reply| reply.outcome).map_err(|error| error.to_string())
}

/// The report of a verification's first call, or whatever else it came to, in words.
async fn judged(plugin: &str, clock: Arc<dyn Clock>, origin: &str, method: &str, config: Value) -> Result<Report, String> {
    let addresses = vec!["127.0.0.0/8".to_owned()];
    let grants = Grants::of(vec![HttpGrant { addresses, ..HttpGrant::new(origin, &[method]) }]);
    match call(plugin, clock, grants, Call::Start { summary: None }, config).await? {
        Outcome::Reported(report) => Ok(report),
        other => Err(format!("{other:?}")),
    }
}

/// What the environment says of a peer; none where it says nothing, which CI does not let pass.
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "where a peer is is known to the environment only")]
fn place(variable: &str, what: &str, otherwise: Option<std::path::PathBuf>) -> Option<std::path::PathBuf> {
    let told = std::env::var_os(variable).filter(|place| !place.is_empty()).map(Into::into).or(otherwise);
    if told.is_none() {
        assert!(std::env::var("NEXTEST_PROFILE").as_deref() != Ok("ci"), "{variable} is not set, and CI runs every peer");
        println!("skipped: {variable} is not set; it names {what}");
    }
    told
}
