//! The languages that a plugin can be written in. All that differs between them stands here: the templates, how a folder is
//! recognised, and the command that builds it.
//!
//! A language that is added gets a folder of templates, a variant, an arm in each function, and a file in `lang/`.

mod javascript;
mod python;
mod rust;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use include_dir::{Dir, include_dir};
use shiftgate_model::PluginKind;
use shiftgate_plugin::{Budgets, embed};
use tokio::process::Command;

use crate::{AuthorError, sdk};

static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/rust");
static JAVASCRIPT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/js/template");
static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/python/template");

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// Rust, with the SDK.
    Rust,
    /// JavaScript, with QuickJS inside the component.
    JavaScript,
    /// Python, with CPython inside the component.
    Python,
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        })
    }
}

impl Lang {
    /// Folders of files that make a new plugin: what every kind has, then the kind's own.
    ///
    /// # Errors
    /// [`AuthorError::NoTemplate`]: there is none of that kind.
    pub(crate) fn templates(self, kind: PluginKind) -> Result<Vec<&'static Dir<'static>>, AuthorError> {
        let own = match kind {
            PluginKind::Verification => "verification",
            PluginKind::Approval => "approval",
            PluginKind::WrapUp => "wrap-up",
        };
        match (self, kind) {
            (Self::Rust, _) => Ok(["every-kind", own].iter().filter_map(|name| RUST.get_dir(name)).collect()),
            (Self::JavaScript, PluginKind::Verification) => Ok(vec![&JAVASCRIPT]),
            (Self::Python, PluginKind::Verification) => Ok(vec![&PYTHON]),
            (lang, kind) => Err(AuthorError::NoTemplate { lang, kind }),
        }
    }

    /// Writes what a new plugin needs besides its templates; the SDK too: that of `clone`, where one is named. In Rust that is used
    /// where it is.
    pub(crate) fn equip(self, dir: &Path, clone: Option<&Path>) -> Result<(), AuthorError> {
        let vendor = dir.join("vendor");
        match (self.sdk_folder(), clone) {
            (Some(name), None) => sdk::write_script(&vendor, name),
            (Some(name), Some(clone)) => sdk::copy_script(clone, &vendor, name),
            (None, clone) => {
                if clone.is_none() {
                    sdk::write(&vendor)?;
                }
                sdk::file(&dir.join("Cargo.lock"), sdk::LOCK.as_bytes())
            }
        }
    }

    /// The SDK's folder for a language of scripts, in `sdk/`; none for Rust, which has all of it.
    pub(crate) const fn sdk_folder(self) -> Option<&'static str> {
        match self {
            Self::Rust => None,
            Self::JavaScript => Some("js"),
            Self::Python => Some("python"),
        }
    }

    /// The language of a plugin's folder.
    pub(crate) fn of(dir: &Path) -> Option<Self> {
        let marks = [("Cargo.toml", Self::Rust), ("plugin.js", Self::JavaScript), ("plugin.py", Self::Python)];
        marks.into_iter().find(|(file, _)| dir.join(file).is_file()).map(|(_, lang)| lang)
    }

    /// Builds the plugin in `dir`, for release; the builder's own words go to standard error. Returns what it made.
    pub(crate) async fn build(self, dir: &Path) -> Result<PathBuf, AuthorError> {
        match self {
            Self::Rust => rust::build(dir).await,
            Self::JavaScript => javascript::build(dir).await,
            Self::Python => python::build(dir).await,
        }
    }

    /// Where a builder leaves what it makes, if it makes it anew each time; cargo knows by itself what has changed.
    pub(crate) fn output(self, dir: &Path) -> Option<PathBuf> {
        match self {
            Self::Rust => None,
            Self::JavaScript | Self::Python => Some(dir.join(OUTPUT)),
        }
    }

    /// What to do before the first build; none where nothing is.
    #[must_use]
    pub const fn preparation(self) -> Option<&'static str> {
        match self {
            Self::Rust => None,
            Self::JavaScript => Some("npm install"),
            Self::Python => Some("python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"),
        }
    }
}

/// What the interpreters inside components are called there.
const INTERPRETERS: [&str; 2] = ["componentize_qjs_runtime", "libcomponentize_py_runtime"];

/// Whether a component brings an interpreter along, which is most of its size and nothing that an author could make smaller.
#[must_use]
pub fn has_interpreter(component: &Path) -> bool {
    let Ok(bytes) = std::fs::read(component) else { return false };
    INTERPRETERS.iter().any(|name| bytes.windows(name.len()).any(|part| part == name.as_bytes()))
}

/// What a shell, and `env`, end with when they do not find the program.
const NOT_FOUND: i32 = 127;

/// Runs a builder in `dir`; what it says goes to standard error.
async fn finished(mut command: Command, dir: &Path) -> io::Result<(ExitStatus, Vec<u8>)> {
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let output = command.spawn()?.wait_with_output().await?;
    Ok((output.status, output.stdout))
}

/// The same, for a builder of a script: its words on standard output are shown too.
async fn called(program: &Path, args: &[&str], dir: &Path, shown: &str, lang: Lang) -> Result<(), AuthorError> {
    let mut command = Command::new(program);
    command.args(args);
    let (status, said) =
        finished(command, dir).await.map_err(|_| AuthorError::NoBuilder { program: program.to_path_buf(), lang })?;
    if status.success() {
        return Ok(());
    }
    if lang == Lang::JavaScript && status.code() == Some(NOT_FOUND) {
        // The tool is a script: it is there, and what runs it is not.
        let source = io::Error::from(io::ErrorKind::NotFound);
        return Err(AuthorError::NoTool { program: "node", source });
    }
    let mut errors = tokio::io::stderr();
    // What cannot be shown cannot be mended here.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut errors, &said).await;
    Err(AuthorError::BuildFailed { command: shown.to_owned() })
}

/// What a builder of scripts makes, in a folder of its own: the plugin's folder holds one component, the finished one.
const OUTPUT: &str = ".build/plugin.wasm";

/// The place of [`OUTPUT`], with its folder made.
fn output(dir: &Path) -> Result<PathBuf, AuthorError> {
    let path = dir.join(OUTPUT);
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.map(|()| path.clone()).map_err(|source| AuthorError::Write { path, source })
}

/// The world that the plugin of a folder is of, by its manifest.
fn world(dir: &Path) -> Result<&'static str, AuthorError> {
    let path = dir.join("manifest.json");
    let text = std::fs::read_to_string(&path).map_err(|source| AuthorError::Read { path: path.clone(), source })?;
    let manifest: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| AuthorError::BadManifest { path: path.clone(), why: error.to_string() })?;
    match manifest.get("kind").and_then(serde_json::Value::as_str) {
        Some("verification") => Ok("verification-plugin"),
        Some("approval") => Ok("approval-plugin"),
        Some("wrap-up") => Ok("wrap-up-plugin"),
        _ => Err(AuthorError::BadManifest { path, why: "its `kind` is none of verification, approval and wrap-up".to_owned() }),
    }
}

/// Puts the folder's manifest into what was built.
fn with_manifest(dir: &Path, built: &Path) -> Result<(), AuthorError> {
    let made = embed(built, &dir.join("manifest.json"), Budgets::default().component_bytes)?;
    sdk::file(built, &made.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_is_seen_in_a_component() {
        let home = tempfile::tempdir().unwrap();
        let of = |bytes: &[u8]| {
            let file = home.path().join("a.wasm");
            std::fs::write(&file, bytes).unwrap();
            has_interpreter(&file)
        };
        assert!(of(b"\0asm libcomponentize_py_runtime.so \0") && of(b"\0asm componentize_qjs_runtime.wasm"));
        assert!(!of(b"\0asm") && !has_interpreter(Path::new("/nonexistent")));
    }
}
