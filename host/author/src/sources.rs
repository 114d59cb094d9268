//! Whether the sources of a plugin are still those that its component was built of. Builds nothing: `build.rs` asks, and decides.
//!
//! The builders of JavaScript and Python take seconds, and make other bytes each time, so a component is kept as long as its sources
//! stay. What they were stands beside it as a hash, with the component's own digest: a build that broke off is none.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use shiftgate_model::Digest;
use shiftgate_plugin::{digest, hex};

use crate::{AuthorError, Lang, sdk};

/// Where it stands, beside the component.
const RECORD: &str = "sources";
/// Of npm's packages only these may change while `package.json` and its lock stay: which they are, and the SDK.
const INSTALLED: [&str; 2] = ["node_modules/.package-lock.json", "node_modules/shiftgate-sdk"];

/// The sources of a plugin at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sources(String);

impl Sources {
    /// Looks at a plugin's folder; none where something of it cannot be read, so that nobody can say whether it has changed.
    pub(crate) fn of(dir: &Path, lang: Lang) -> Option<Self> {
        let mut files = BTreeSet::new();
        collect(dir, Path::new(""), &mut BTreeSet::new(), &mut files).ok()?;
        for name in INSTALLED.map(Path::new) {
            match dir.join(name) {
                path if path.is_dir() => collect(dir, name, &mut BTreeSet::new(), &mut files).ok()?,
                path if path.is_file() => drop(files.insert(name.to_path_buf())),
                _ => {}
            }
        }
        let mut hash = Sha256::new();
        // Another version of this program may call the builder in another way.
        part(&mut hash, env!("CARGO_PKG_VERSION").as_bytes());
        part(&mut hash, lang.to_string().as_bytes());
        for file in files {
            part(&mut hash, file.as_os_str().as_encoded_bytes());
            part(&mut hash, &std::fs::read(dir.join(file)).ok()?);
        }
        Some(Self(hex(&hash.finalize())))
    }

    /// Whether this component was built of them, and is as it was then.
    pub(crate) fn made(&self, component: &Path) -> bool {
        let Ok(bytes) = std::fs::read(component) else { return false };
        std::fs::read_to_string(component.with_file_name(RECORD)).is_ok_and(|kept| kept == self.line(&digest(&bytes)))
    }

    /// Keeps in mind that this component was built of them.
    pub(crate) fn keep(&self, component: &Path, digest: &Digest) -> Result<(), AuthorError> {
        sdk::file(&component.with_file_name(RECORD), self.line(digest).as_bytes())
    }

    fn line(&self, digest: &Digest) -> String {
        format!("{} {}\n", self.0, digest.0)
    }
}

/// A part of what is hashed, with its length before it: two parts are not one.
fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

/// Every source below `dir/at`, by its path from `dir`. Links are followed, each folder once.
fn collect(dir: &Path, at: &Path, seen: &mut BTreeSet<PathBuf>, files: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let folder = dir.join(at);
    if !seen.insert(folder.canonicalize()?) {
        return Ok(());
    }
    for entry in std::fs::read_dir(&folder)? {
        let name = entry?.file_name();
        let (path, text) = (at.join(&name), name.to_string_lossy());
        match std::fs::metadata(dir.join(&path)) {
            Ok(found) if found.is_dir() => {
                let scenarios = at.as_os_str().is_empty() && text == "scenarios";
                let an_environment = dir.join(&path).join("pyvenv.cfg").exists();
                if !scenarios && !an_environment && !sdk::is_litter(&text, true) {
                    collect(dir, &path, seen, files)?;
                }
            }
            Ok(found) if found.is_file() && !sdk::is_litter(&text, false) => drop(files.insert(path)),
            Ok(_) => {}
            // A link to nowhere, as editors leave beside an open file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, file: &str, text: &str) {
        sdk::file(&dir.join(file), text.as_bytes()).unwrap();
    }

    #[test]
    fn every_source_counts_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        write(dir, "plugin.py", "x = 1");
        write(dir, "manifest.json", "{}");
        let of = || Sources::of(dir, Lang::Python).unwrap();
        let mut last = of();
        for file in ["plugin.py", "manifest.json", "vendor/sdk/python/a.py", "vendor/wit/a.wit", "lib/scenarios/a.py", ".npmrc"] {
            write(dir, file, "other");
            assert_ne!(last, of(), "{file}");
            last = of();
        }
        write(dir, "node_modules/.package-lock.json", "{}");
        assert_ne!(last, of(), "what npm installed");
        last = of();
        for file in [
            "scenarios/a.yaml",
            "node_modules/a/a.js",
            ".build/plugin.wasm",
            ".venv/a.py",
            "__pycache__/a.pyc",
            "lib/__pycache__/a.pyc",
            "env/pyvenv.cfg",
            "a.wasm",
            "a.wasm.part",
        ] {
            write(dir, file, "other");
            assert_eq!(last, of(), "{file}");
        }
        std::os::unix::fs::symlink("nowhere", dir.join(".#plugin.py")).unwrap();
        std::os::unix::fs::symlink(".", dir.join("round")).unwrap();
        assert_eq!(last, of(), "links to nowhere and in a circle");
        // The same bytes in another file are another plugin.
        std::fs::rename(dir.join("lib/scenarios/a.py"), dir.join("lib/scenarios/b.py")).unwrap();
        assert_ne!(last, of());
    }

    #[test]
    fn a_component_that_was_touched_is_not_the_one_that_was_built() {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), "plugin.js", "1");
        write(home.path(), ".build/plugin.wasm", "built");
        let component = home.path().join(".build/plugin.wasm");
        let sources = Sources::of(home.path(), Lang::JavaScript).unwrap();
        assert!(!sources.made(&component), "nothing is known of it");
        sources.keep(&component, &Digest(hex(&Sha256::digest(b"built")))).unwrap();
        assert!(sources.made(&component));
        write(home.path(), ".build/plugin.wasm", "half");
        assert!(!sources.made(&component));
    }
}
