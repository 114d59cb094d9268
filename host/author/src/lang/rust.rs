//! Rust: cargo builds the component, and the SDK's macro writes the manifest into it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::finished;
use crate::AuthorError;

/// What Rust builds components for.
const TARGET: &str = "wasm32-wasip2";

/// Builds for release. Returns what cargo made.
pub(super) async fn build(dir: &Path) -> Result<PathBuf, AuthorError> {
    expect_target(dir).await?;
    let arguments = ["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"];
    let mut cargo = Command::new("cargo");
    cargo.args(arguments);
    let (status, output) = finished(cargo, dir).await.map_err(|source| AuthorError::NoTool { program: "cargo", source })?;
    let command = format!("cargo build --release --target {TARGET}");
    if !status.success() {
        return Err(AuthorError::BuildFailed { command });
    }
    let manifest = dir.join("Cargo.toml").canonicalize().unwrap_or_else(|_| dir.join("Cargo.toml"));
    let messages = String::from_utf8_lossy(&output);
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
