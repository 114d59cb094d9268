//! The languages that a plugin can be written in. All that differs between them stands here: the templates, how a folder is
//! recognised, and the command that builds it.
//!
//! A language that is added gets a folder below `templates/`, a variant, and an arm in each function.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use include_dir::{Dir, include_dir};
use serde_json::Value;
use shiftgate_model::PluginKind;
use tokio::process::Command;

use crate::{AuthorError, sdk};

/// What Rust builds components for.
const TARGET: &str = "wasm32-wasip2";

static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/rust");

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// Rust, with the SDK.
    Rust,
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
        })
    }
}

impl Lang {
    /// Folders of files that make a new plugin: what every kind has, then the kind's own.
    pub(crate) fn templates(self, kind: PluginKind) -> Vec<&'static Dir<'static>> {
        let own = match kind {
            PluginKind::Verification => "verification",
            PluginKind::Approval => "approval",
            PluginKind::WrapUp => "wrap-up",
        };
        match self {
            Self::Rust => ["every-kind", own].iter().filter_map(|name| RUST.get_dir(name)).collect(),
        }
    }

    /// Writes what a new plugin needs besides its templates; the SDK too, where no other is named.
    pub(crate) fn equip(self, dir: &Path, with_sdk: bool) -> Result<(), AuthorError> {
        match self {
            Self::Rust => {
                if with_sdk {
                    sdk::write(&dir.join("vendor"))?;
                }
                sdk::file(&dir.join("Cargo.lock"), sdk::LOCK.as_bytes())
            }
        }
    }

    /// The language of a plugin's folder.
    pub(crate) fn of(dir: &Path) -> Option<Self> {
        dir.join("Cargo.toml").is_file().then_some(Self::Rust)
    }

    /// Builds the plugin in `dir`, for release; the builder's own words go to standard error. Returns what it made.
    pub(crate) async fn build(self, dir: &Path) -> Result<PathBuf, AuthorError> {
        match self {
            Self::Rust => rust(dir).await,
        }
    }
}

async fn rust(dir: &Path) -> Result<PathBuf, AuthorError> {
    expect_target(dir).await?;
    let arguments = ["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"];
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let missing = |source| AuthorError::NoTool { program: "cargo", source };
    let output = cargo.spawn().map_err(missing)?.wait_with_output().await.map_err(missing)?;
    let command = format!("cargo build --release --target {TARGET}");
    if !output.status.success() {
        return Err(AuthorError::BuildFailed { command });
    }
    let manifest = dir.join("Cargo.toml").canonicalize().unwrap_or_else(|_| dir.join("Cargo.toml"));
    let messages = String::from_utf8_lossy(&output.stdout);
    let made = messages.lines().filter_map(|line| artifact(line, &manifest)).next_back();
    made.ok_or(AuthorError::NothingBuilt { command })
}

/// The component in one of cargo's messages, if it is about one of this crate.
fn artifact(line: &str, manifest: &Path) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let of_this_crate = message.get("manifest_path")?.as_str().is_some_and(|path| Path::new(path) == manifest);
    let files = message.get("filenames").filter(|_| of_this_crate)?.as_array()?;
    files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm")).map(PathBuf::from)
}

/// Whether the standard library for components is there. The target's name alone says nothing: rustc knows them all.
async fn expect_target(dir: &Path) -> Result<(), AuthorError> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(dir).stdin(Stdio::null());
    let output = rustc.output().await.map_err(|source| AuthorError::NoTool { program: "rustc", source })?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let mut entries = std::fs::read_dir(libraries).into_iter().flatten().flatten();
    let is_there = entries.any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"));
    if is_there { Ok(()) } else { Err(AuthorError::NoTarget { target: TARGET }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_that_of_the_crate_itself() {
        let line = r#"{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/t/p.wasm"]}"#;
        assert_eq!(artifact(line, Path::new("/p/Cargo.toml")), Some(PathBuf::from("/t/p.wasm")));
        assert_eq!(artifact(line, Path::new("/q/Cargo.toml")), None);
        assert_eq!(artifact(r#"{"reason":"build-finished","success":true}"#, Path::new("/p/Cargo.toml")), None);
    }
}
