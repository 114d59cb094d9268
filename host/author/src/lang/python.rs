//! Python: componentize-py makes a component of a module, with CPython in it.

use std::path::{Path, PathBuf};

use super::{Lang, OUTPUT, called, output, with_manifest, world};
use crate::AuthorError;

/// Builds `plugin.py`, with the tool of the folder's `.venv`, or the one on the path. Returns the component.
pub(super) async fn build(dir: &Path) -> Result<PathBuf, AuthorError> {
    let own = dir.join(".venv/bin/componentize-py");
    let own = std::path::absolute(&own).unwrap_or(own);
    let tool = if own.is_file() { own } else { PathBuf::from("componentize-py") };
    let built = output(dir)?;
    let paths = ["-p", ".", "-p", "vendor/sdk/python", "-o", OUTPUT];
    let args = [&["-d", "vendor/wit", "-w", world(dir)?, "componentize", "plugin"], &paths[..]];
    called(&tool, &args.concat(), dir, "componentize-py componentize plugin", Lang::Python).await?;
    with_manifest(dir, &built)?;
    Ok(built)
}
