//! `shiftgate plugin embed`: puts a manifest into a component that other tools built.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use shiftgate_plugin::{Budgets, Manifest};
use tempfile::NamedTempFile;

use crate::app::App;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;

pub(super) fn run(app: &mut App, file: &Path, manifest: &Path, out: &Path) -> Result<Exit, Failure> {
    let made = shiftgate_plugin::embed(file, manifest, Budgets::default().component_bytes)?;
    replace(out, &made.bytes).map_err(|error| {
        let why = files::reason(&error);
        Failure::new(Exit::Output, format!("cannot write `{}`: {why}", out.display())).hint("name another file with --out")
    })?;
    let Manifest { name, version, kind, .. } = &made.manifest;
    app.screen.print(&format!("Wrote `{}`: {name} {version}, {kind}, sha256 {}\n", out.display(), made.digest.0))?;
    Ok(Exit::Succeeded)
}

/// Writes a file whole or not at all: it may be the one that was read.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut new = NamedTempFile::with_prefix_in(".shiftgate-", folder)?;
    new.write_all(bytes)?;
    // A temporary file is its owner's alone; a component is as public as any file.
    let mode = std::fs::metadata(file).map_or_else(|_| Permissions::from_mode(0o644), |there| there.permissions());
    new.as_file().set_permissions(mode)?;
    new.persist(file)?;
    Ok(())
}
