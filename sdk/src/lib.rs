//! Write shiftgate plugins in Rust.
//!
//! A plugin is a WebAssembly component of one of three kinds: [`Verification`] judges a deployment, [`Approval`] collects
//! ballots, [`WrapUp`] acts after the end. It is called in a fresh instance every time, gets facts of the run, remembers
//! what it saves, and reaches the outside through [`Context`] only. This crate knows the contract (`wit/`) and nothing of
//! the host. The next rooms are the plugins themselves.
//!
//! # A whole plugin
//!
//! ```
#![doc = include_str!("../examples/queue_depth.rs")]
//! ```
//!
//! It is a crate of type `cdylib`, and `cargo build --target wasm32-wasip2 --release` makes the component. The manifest
//! takes name, version, summary, license and source from `Cargo.toml`, and the schema from the config.
//!
//! # Testing
//!
//! A plugin is ordinary Rust until it is exported, so its tests are native: [`testing::FakeHost`] answers its requests and
//! turns its clock, and [`testing::verify`] runs it through all its waits in no time.

// The macros name this crate by its name, also in the tests here.
extern crate self as shiftgate_sdk;

pub mod config;
pub mod http;
pub mod testing;

mod approval;
mod context;
mod json;
mod run;
mod step;
mod time;
mod verification;
mod wrap_up;

#[cfg(target_family = "wasm")]
mod component;

pub use approval::{Approval, Ballot, Progress, Tally, Vote};
pub use context::{Context, Host, Level};
pub use run::{Artifact, Group, RunInfo, TargetGroup};
pub use step::{Result, Retry, SavedState, Step, StepError, Suspension, Wait, Wake};
pub use time::{Duration, Timestamp};
pub use verification::{Finding, Metric, Report, Verdict, Verification};
pub use wrap_up::{Action, Receipt, Summary, WrapUp};

/// Exports a plugin: its manifest, and in a WebAssembly build the functions of its kind's world. Once in a crate, at its root.
///
/// ```
/// # use shiftgate_sdk::prelude::*;
/// # #[derive(Config)]
/// # struct Page { url: String }
/// # impl Verification for Page {
/// #     type Config = Self;
/// #     type State = ();
/// #     fn start(_: &Context<'_>, _: &Self) -> Result<Step<Report>> { Ok(Report::pass("").into()) }
/// # }
/// shiftgate_sdk::plugin! {
///     verification: Page,                  // or `approval:`, `wrap_up:`
///     name: "page",                        // the package's name when left out
///     summary: "Asks a page",              // the package's description when left out
///     http: [                              // what it asks for; granted in the workflow file
///         { from_config: "/url", methods: ["GET"], reason: "asks the page" },
///         { url: "https://status.example.org", methods: ["GET"], reason: "looks for an outage" },
///     ],
/// }
/// let manifest: Value = serde_json::from_str(SHIFTGATE_MANIFEST)?;
/// assert_eq!(manifest["kind"], "verification");
/// assert_eq!(manifest["config"]["required"], json!(["url"]));
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// The manifest is the constant `SHIFTGATE_MANIFEST`, and in a component the custom section `shiftgate:manifest`.
pub use shiftgate_sdk_macros::plugin;

/// What a plugin needs in scope.
pub mod prelude {
    pub use serde_json::{Value, json};

    pub use crate::config::{Config, OneOrMany, Problem};
    pub use crate::http::HttpError;
    pub use crate::{
        Action, Approval, Ballot, Context, Duration, Metric, Progress, Receipt, Report, Result, Step, StepError, Summary,
        Suspension, Tally, Timestamp, Verdict, Verification, Vote, Wake, WrapUp, plugin,
    };
}

/// What the macros expand to; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::config::{Config, Json, Schema, default_of, object, own, part, root_schema};
    pub use crate::json::{json_bytes, json_len, json_str, section};
    pub use serde;

    pub mod approval {
        pub use crate::approval::call;
    }
    pub mod verification {
        pub use crate::verification::call;
    }
    pub mod wrap_up {
        pub use crate::wrap_up::call;
    }

    #[cfg(target_family = "wasm")]
    pub use crate::component::{bindings, convert};
    #[cfg(target_family = "wasm")]
    pub use wit_bindgen;
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_documentation_shows_the_example_as_it_is_and_it_is_short() {
        let example = include_str!("../examples/queue_depth.rs");
        assert!(
            include_str!("../../docs/plugins.md").contains(example),
            "docs/plugins.md shows another plugin than sdk/examples"
        );
        assert!(example.lines().count() < 40);
    }
}
