//! The SDK as this program brings it along: its sources, the contract, and a small workspace around them.
//!
//! The SDK is on no registry yet, so a new plugin gets it as a folder. The workspace's own lines (versions, lints, what depends
//! on what) are cut out of the one that this program was built from, so they cannot drift apart from it.

use std::path::Path;

use include_dir::{Dir, DirEntry, include_dir};

use crate::AuthorError;

static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk");
static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");
const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// Every version that the SDK was tested with. Cargo drops from it what a plugin does not use.
pub(crate) const LOCK: &str = include_str!("../../../Cargo.lock");

/// What of the workspace's dependencies the SDK uses.
const DEPENDENCIES: [&str; 3] = ["shiftgate-sdk-macros", "serde", "wit-bindgen"];

/// Writes the SDK into `dir`: `dir/sdk`, `dir/wit` and `dir/Cargo.toml`.
pub(crate) fn write(dir: &Path) -> Result<(), AuthorError> {
    for name in ["src", "macros", "examples"] {
        if let Some(part) = SDK.get_dir(name) {
            files(part, &dir.join("sdk").join(name), &|text| text.to_owned())?;
        }
    }
    if let Some(manifest) = SDK.get_file("Cargo.toml") {
        file(&dir.join("sdk/Cargo.toml"), manifest.contents())?;
    }
    files(&WIT, &dir.join("wit"), &|text| text.to_owned())?;
    file(&dir.join("Cargo.toml"), workspace().as_bytes())
}

/// Writes the SDK of a language that is no Rust into `dir`: `dir/sdk/NAME` and `dir/wit`.
pub(crate) fn write_script(dir: &Path, name: &str) -> Result<(), AuthorError> {
    if let Some(part) = SDK.get_dir(name) {
        files(part, &dir.join("sdk").join(name), &|text| text.to_owned())?;
        // The template is what the plugin was made from.
        let template = dir.join("sdk").join(name).join("template");
        std::fs::remove_dir_all(&template).map_err(|source| AuthorError::Write { path: template, source })?;
    }
    files(&WIT, &dir.join("wit"), &|text| text.to_owned())
}

/// The same from a clone: `sdk` is its folder of that name.
pub(crate) fn copy_script(sdk: &Path, dir: &Path, name: &str) -> Result<(), AuthorError> {
    copy_folder(&sdk.join(name), &dir.join("sdk").join(name), &|entry| entry == "template")?;
    copy_folder(&sdk.join("../wit"), &dir.join("wit"), &|_| false)
}

/// Copies a folder without what tools left there, and without the entries at its top that are not wanted.
fn copy_folder(from: &Path, to: &Path, unwanted: &dyn Fn(&str) -> bool) -> Result<(), AuthorError> {
    let unreadable = |path: &Path, source| AuthorError::Read { path: path.to_path_buf(), source };
    for entry in std::fs::read_dir(from).map_err(|source| unreadable(from, source))? {
        let name = entry.map_err(|source| unreadable(from, source))?.file_name();
        let (path, text) = (from.join(&name), name.to_string_lossy());
        let is_folder = path.is_dir();
        if unwanted(&text) || is_litter(&text, is_folder) {
            continue;
        }
        if is_folder {
            copy_folder(&path, &to.join(&name), &|_| false)?;
        } else {
            let bytes = std::fs::read(&path).map_err(|source| unreadable(&path, source))?;
            file(&to.join(&name), &bytes)?;
        }
    }
    Ok(())
}

/// The workspace of the SDK alone.
fn workspace() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let dependencies = section("[workspace.dependencies]");
    let dependencies =
        dependencies.lines().filter(|line| DEPENDENCIES.iter().any(|name| line.split([' ', '=']).next() == Some(name)));
    format!(
        "# The SDK of shiftgate {version}, as the program brought it along. Written by `shiftgate plugin new`; nothing to change here.\n\
         [workspace]\nresolver = \"3\"\nmembers = [\"sdk\", \"sdk/macros\"]\n\n\
         [workspace.package]\n{package}\n\n[workspace.dependencies]\n{dependencies}\n\n\
         [workspace.lints.rust]\n{rust}\n\n[workspace.lints.clippy]\n{clippy}\n",
        package = section("[workspace.package]"),
        dependencies = dependencies.collect::<Vec<_>>().join("\n"),
        rust = section("[workspace.lints.rust]"),
        clippy = section("[workspace.lints.clippy]"),
    )
}

/// The lines of a section of the workspace's Cargo.toml.
fn section(title: &str) -> &'static str {
    let after = WORKSPACE.split_once(&format!("\n{title}\n")).map_or("", |(_, after)| after);
    after.split("\n[").next().unwrap_or_default().trim()
}

/// Writes every file of an embedded folder, its text changed by `change`; not what tools had left there when it was embedded.
pub(crate) fn files(from: &Dir<'_>, to: &Path, change: &dyn Fn(&str) -> String) -> Result<(), AuthorError> {
    copy(from, from.path(), to, change)
}

fn copy(from: &Dir<'_>, base: &Path, to: &Path, change: &dyn Fn(&str) -> String) -> Result<(), AuthorError> {
    for entry in from.entries() {
        let name = entry.path().file_name().unwrap_or_default().to_string_lossy();
        match entry {
            _ if is_litter(&name, entry.as_dir().is_some()) => {}
            DirEntry::Dir(dir) => copy(dir, base, to, change)?,
            DirEntry::File(found) => {
                let path = to.join(found.path().strip_prefix(base).unwrap_or_else(|_| found.path()));
                match found.contents_utf8() {
                    Some(text) => file(&path, change(text).as_bytes())?,
                    None => file(&path, found.contents())?,
                }
            }
        }
    }
    Ok(())
}

/// Whether an entry of a folder is no source, but left there by tools.
pub(crate) fn is_litter(name: &str, is_folder: bool) -> bool {
    match is_folder {
        true => name.starts_with('.') || matches!(name, "node_modules" | "__pycache__"),
        false => [".wasm", ".wasm.part", ".pyc"].iter().any(|end| name.ends_with(end)),
    }
}

/// Writes a file, with the folders that lead to it.
pub(crate) fn file(path: &Path, bytes: &[u8]) -> Result<(), AuthorError> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, bytes));
    written.map_err(|source| AuthorError::Write { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use include_dir::File;

    use super::*;

    #[test]
    fn what_tools_leave_in_the_sdk_is_not_written_with_it() {
        static CACHE: [DirEntry<'_>; 1] = [DirEntry::File(File::new("sdk/__pycache__/step.pyc", b""))];
        static ENTRIES: [DirEntry<'_>; 3] = [
            DirEntry::File(File::new("sdk/step.py", b"")),
            DirEntry::File(File::new("sdk/.npmrc", b"")),
            DirEntry::Dir(Dir::new("sdk/__pycache__", &CACHE)),
        ];
        let home = tempfile::tempdir().unwrap();
        files(&Dir::new("sdk", &ENTRIES), home.path(), &|text| text.to_owned()).unwrap();
        let mut names: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".npmrc", "step.py"]);
    }

    #[test]
    fn the_sdks_workspace_has_all_that_the_sdk_takes_from_a_workspace() {
        let workspace = workspace();
        for name in DEPENDENCIES {
            assert_eq!(workspace.matches(&format!("\n{name} = ")).count(), 1, "{name} in {workspace}");
        }
        let manifests = [include_str!("../../../sdk/Cargo.toml"), include_str!("../../../sdk/macros/Cargo.toml")];
        for line in manifests.iter().flat_map(|manifest| manifest.lines()) {
            if let Some((name, "true")) = line.split_once(".workspace = ") {
                assert!(workspace.contains(&format!("\n{name} = ")), "{name} in {workspace}");
            }
        }
        assert!(workspace.contains("unsafe_code = ") && workspace.contains("unwrap_used = "), "{workspace}");
    }
}
