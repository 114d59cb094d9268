//! What can go wrong before a plugin runs: the host cannot start, or a file is not a plugin that it takes.
//!
//! Each error says what, which file, why; [`LoadError::hint`] says what next. What goes wrong while a plugin runs is told by
//! `trap.rs`; both reach the engine as a [`PluginError`](shiftgate_model::PluginError).

use std::io;
use std::path::PathBuf;

use shiftgate_model::{Digest, PluginKind};

use crate::budgets::bytes;
use crate::contract::VERSION;

/// The plugin host could not be set up, or a file could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The WebAssembly engine refused its settings on this machine.
    #[error("cannot start the WebAssembly engine: {reason}")]
    Engine {
        /// The engine's words.
        reason: String,
    },
    /// The thread that interrupts guests could not be started.
    #[error("cannot start the thread that interrupts plugins")]
    Ticker {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A manifest is not one that can be embedded.
    #[error("the manifest `{}` cannot be used: {reason}", file.display())]
    Manifest {
        /// Where it is.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file is not a plugin that this host takes.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// A file is not a plugin that this host takes.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the text of each variant is its documentation, and its fields are the text's words")]
pub enum LoadError {
    #[error("there is no file `{}`{}", file.display(), looked_in(looked))]
    NotFound { file: PathBuf, looked: Vec<PathBuf> },
    #[error("cannot read `{}`", file.display())]
    Unreadable {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` has {size} bytes, more than the {} that a component may have", file.display(), bytes(*limit))]
    TooLarge { file: PathBuf, size: u64, limit: u64 },
    #[error("`{}` is not WebAssembly: it is {looks_like}", file.display())]
    NotWasm { file: PathBuf, looks_like: &'static str },
    #[error("`{}` is a core WebAssembly module; a plugin is a component", file.display())]
    CoreModule { file: PathBuf },
    #[error("`{}` is precompiled machine code (.cwasm), which is never taken from a file", file.display())]
    Precompiled { file: PathBuf },
    #[error("`{}` is a broken component: {reason}", file.display())]
    Broken { file: PathBuf, reason: String },
    #[error("`{}` has sha256 {}, but the workflow wants {}", file.display(), found.0, wanted.0)]
    DigestMismatch { file: PathBuf, found: Digest, wanted: Digest },
    #[error("`{}` is a component, but not a plugin: it exports none of shiftgate:step/verification, approval and wrap-up", file.display())]
    NotAPlugin { file: PathBuf },
    #[error("`{}` is for version {found} of the plugin contract; this host has {VERSION}", file.display())]
    OtherContract { file: PathBuf, found: String },
    #[error("`{}` is {} plugin, but the step needs {} plugin", file.display(), a_kind(*is), a_kind(*needed))]
    WrongKind { file: PathBuf, is: PluginKind, needed: PluginKind },
    #[error("`{}` imports what no plugin gets: {}", file.display(), names.join(", "))]
    ForeignImports { file: PathBuf, names: Vec<String> },
    #[error("`{}` has no manifest (custom section `shiftgate:manifest`)", file.display())]
    NoManifest { file: PathBuf },
    #[error("`{}` has a manifest that cannot be used: {reason}", file.display())]
    BadManifest { file: PathBuf, reason: String },
    #[error("`{}` is too hard to compile: {reason}", file.display())]
    TooHard { file: PathBuf, reason: String },
    #[error("`{}` has sha256 {}, and the run began with {}, of which there is no copy here", file.display(), found.0, pinned.0)]
    Replaced { file: PathBuf, found: Digest, pinned: Digest },
    #[error("`{}` is built to take more than a plugin may: {reason}", file.display())]
    Demanding { file: PathBuf, reason: String },
    #[error("`{}` does not fit the plugin contract: {reason}", file.display())]
    DoesNotLink { file: PathBuf, reason: String },
}

impl LoadError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NotFound { .. } => {
                "name a component file by its path; plugins that come with shiftgate are built by `cargo xtask plugins`"
                    .to_owned()
            }
            Self::Unreadable { .. } => "make the file readable for the user that runs shiftgate".to_owned(),
            Self::TooLarge { .. } => {
                "strip the component, build it with optimisation for size, or write `limits: { file: 48 MiB }` under the plugin"
                    .to_owned()
            }
            Self::NotWasm { .. } => "download it again, or look at what the build wrote there".to_owned(),
            Self::CoreModule { .. } => {
                "build it for the target wasm32-wasip2, or wrap it with `wasm-tools component new`".to_owned()
            }
            Self::Precompiled { .. } => "name the .wasm component that it was compiled from".to_owned(),
            Self::Broken { .. } => "build it again, or look at it with `wasm-tools validate`".to_owned(),
            Self::DigestMismatch { found, .. } => {
                format!("if the new file is meant, write `sha256: {}` into the workflow; if not, restore the old file", found.0)
            }
            Self::NotAPlugin { .. } => "build it against the worlds of wit/, with the SDK or with wit-bindgen".to_owned(),
            Self::OtherContract { .. } => {
                format!("build it against version {VERSION} of wit/, or use the shiftgate that it was built for")
            }
            Self::WrongKind { needed, .. } => format!("name {} plugin in this step", a_kind(*needed)),
            Self::ForeignImports { .. } => {
                "build it against the worlds of wit/ only; the network is reached through shiftgate:step/http".to_owned()
            }
            Self::NoManifest { .. } => {
                "build it with the Rust SDK, whose macro embeds one, or embed one with `shiftgate plugin embed`".to_owned()
            }
            Self::BadManifest { .. } => "correct the manifest and build the plugin again".to_owned(),
            Self::TooHard { .. } => {
                "report it to its author: a component of ordinary code compiles in about a second a megabyte".to_owned()
            }
            Self::Replaced { pinned, .. } => {
                format!(
                    "put the component with sha256 {} there again; a run goes on with the plugins that it began with",
                    pinned.0
                )
            }
            Self::Demanding { .. } => "build it with fewer or smaller memories, tables and instances".to_owned(),
            Self::DoesNotLink { .. } => format!("build it again against version {VERSION} of wit/"),
        }
    }
}

fn a_kind(kind: PluginKind) -> String {
    match kind {
        PluginKind::Approval => "an approval".to_owned(),
        PluginKind::Verification | PluginKind::WrapUp => format!("a {kind}"),
    }
}

fn looked_in(looked: &[PathBuf]) -> String {
    if looked.is_empty() {
        return String::new();
    }
    let places: Vec<String> = looked.iter().map(|dir| format!("`{}`", dir.display())).collect();
    format!(", nor such a plugin in {}", places.join(", "))
}
