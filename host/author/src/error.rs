//! What can go wrong on the way to a plugin: what, where, and in [`AuthorError::hint`] what next.

use std::io;
use std::path::PathBuf;

use shiftgate_model::{PluginError, PluginKind};
use shiftgate_plugin::HostError;

use crate::Lang;

/// Something an author has to mend.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the text of each variant is its documentation, and its fields are the text's words")]
pub enum AuthorError {
    #[error("`{name}` cannot be a plugin's name: {why}")]
    BadName { name: String, why: &'static str },
    #[error("`{}` is there already, and is not empty", dir.display())]
    NotEmpty { dir: PathBuf },
    #[error("there is no SDK in `{}`: it has no Cargo.toml of the crate shiftgate-sdk, or not the language", path.display())]
    NoSdk { path: PathBuf },
    #[error("cannot write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("there is no template of {} plugin in {lang} yet", a_kind(*kind))]
    NoTemplate { lang: Lang, kind: PluginKind },
    #[error("cannot call `{}`, which builds the plugin", program.display())]
    NoBuilder { program: PathBuf, lang: Lang },
    #[error("`{}` cannot be used: {why}", path.display())]
    BadManifest { path: PathBuf, why: String },
    #[error("`{}` is no plugin's folder: it has no Cargo.toml, plugin.js or plugin.py", dir.display())]
    NotAPlugin { dir: PathBuf },
    #[error("there is no component in `{}`, or more than one", dir.display())]
    NoComponent { dir: PathBuf },
    #[error("cannot call `{program}`, which builds the plugin")]
    NoTool {
        program: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("this Rust cannot build for {target}, which plugins are built for")]
    NoTarget { target: &'static str },
    #[error("`{command}` failed, as shown above")]
    BuildFailed { command: String },
    #[error("`{command}` went well, and made no component")]
    NothingBuilt { command: String },
    #[error("what was built cannot be used: {}", problems.join("; "))]
    Unusable { problems: Vec<String> },
    #[error("{place}: {message}{}", quoted(line))]
    BadScenario { place: String, message: String, line: Option<String>, hint: Option<String> },
    #[error("no config is known that this plugin would take{}", listed(problems))]
    NoConfig { problems: Vec<(String, String)> },
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

const fn a_kind(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Verification => "a verification",
        PluginKind::Approval => "an approval",
        PluginKind::WrapUp => "a wrap-up",
    }
}

fn listed(problems: &[(String, String)]) -> String {
    problems.iter().map(|(place, why)| format!("\n  {}: {why}", if place.is_empty() { "the whole" } else { place })).collect()
}

fn quoted(line: &Option<String>) -> String {
    line.as_ref().map(|line| format!("\n{line}")).unwrap_or_default()
}

/// Whether the plugin host found no plugin in a component, or no manifest. What else is wrong it says with what to do.
fn is_not_exported(problem: &str) -> bool {
    ["has no manifest (custom section", "is a component, but not a plugin"].iter().any(|words| problem.contains(words))
}

impl AuthorError {
    /// What to do next; none where the message says it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::BadName { .. } => {
                "a name is 1 to 64 lower-case letters, digits and single dashes, and begins with a letter: `queue-depth`"
            }
            Self::NotEmpty { .. } => "choose another name, or name another folder with --dir",
            Self::NoSdk { .. } => {
                "--sdk names a clone of shiftgate, or its folder `sdk`; without it the SDK comes out of this program"
            }
            Self::NotAPlugin { .. } => {
                "go into a plugin's folder or name it; `shiftgate plugin new --kind verification NAME` writes one"
            }
            Self::NoComponent { .. } => "build it with `shiftgate plugin build`, or name the component's file",
            Self::NoTool { program: "node", .. } => {
                "install Node.js 20.19 or later (https://nodejs.org), and see that `node` is on the PATH"
            }
            Self::NoTool { .. } => "install Rust with rustup (https://rustup.rs)",
            Self::NoTemplate { lang: Lang::Python, .. } => {
                "begin with the one of a verification; sdk/python/README.md shows how the other kinds are exported"
            }
            Self::NoTemplate { .. } => {
                "begin with the one of a verification; sdk/js/README.md shows how the other kinds are exported"
            }
            Self::NoBuilder { lang, .. } => {
                return lang.preparation().map(|command| format!("install it in the plugin's folder: `{command}`"));
            }
            Self::BadManifest { .. } => "docs/plugins.md shows a whole manifest",
            Self::NoTarget { .. } => "add it with `rustup target add wasm32-wasip2`",
            Self::NothingBuilt { .. } => "the crate has to be a library with `crate-type = [\"cdylib\"]`",
            Self::Unusable { problems } if !problems.iter().any(|problem| is_not_exported(problem)) => return None,
            Self::Unusable { .. } => "export the plugin with the SDK's `plugin!`, once, at the root of the crate",
            Self::NoConfig { .. } => "add a scenario to `scenarios/`, or give a config with --with",
            Self::BadScenario { hint, .. } => return hint.clone(),
            Self::Host(HostError::Load(error)) => return Some(error.hint()),
            Self::Plugin(error) => return error.hint.clone(),
            Self::Host(_) | Self::BuildFailed { .. } | Self::Write { .. } | Self::Read { .. } => return None,
        };
        Some(text.to_owned())
    }
}
