//! The plugin host: runs WebAssembly components as steps of a deployment.
//!
//! Implements [`PluginRunner`](shiftgate_model::PluginRunner) on the contract in `wit/`. A plugin is loaded from a file,
//! checked, compiled once, and called in a fresh instance every time, with budgets on everything it may use up and with no
//! rights beyond those that its manifest asks for and the workflow grants. This is the only room that knows wasmtime; none of
//! its types leave. It reads no environment and prints nothing. Read [`run`](Plugins) first, then `guest`, `grants` and
//! `egress`; the room that calls it is `engine`.

mod bindings;
mod budgets;
mod cache;
mod compile;
mod component;
mod contract;
mod convert;
mod egress;
mod embed;
mod engine;
mod error;
mod file;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod grants;
mod guest;
mod inspect;
mod kinds;
mod limiter;
mod loader;
mod log;
mod manifest;
mod policy;
mod promises;
mod run;
mod schema;
mod seal;
mod tape;
mod trap;
mod vault;

pub use budgets::Budgets;
pub use compile::{Compiler, compile_child};
pub use egress::{Lookup, Network, Reply, Sent, Silence};
pub use embed::{Embedded, embed};
pub use error::{HostError, LoadError};
pub use file::{digest, hex};
pub use inspect::{ExportedKind, Imports, Inspection};
pub use manifest::{HttpRequest, Manifest, Requests, SchemaText, SecretRequest, StateVersions};
pub use policy::{Ask, Policy, PolicyError, Review, Wish};
pub use run::{Plugins, PluginsConfig};
pub use tape::Answers;
pub use vault::{NoCredentials, Signer, Unsigned, Vault};

#[cfg(test)]
mod tests;
