//! JavaScript: jco makes a component of an ES module, with QuickJS in it.

use std::path::{Path, PathBuf};

use super::{Lang, OUTPUT, called, output, with_manifest, world};
use crate::AuthorError;

/// Builds `plugin.js`. Returns the component.
pub(super) async fn build(dir: &Path) -> Result<PathBuf, AuthorError> {
    let jco = dir.join("node_modules/.bin/jco");
    let jco = std::path::absolute(&jco).unwrap_or(jco);
    let built = output(dir)?;
    let backend = ["--backend", "quickjs", "--backend-qjs-disable-async"];
    let args =
        [&["componentize", "plugin.js", "-o", OUTPUT], &backend[..], &["--wit", "vendor/wit", "--world-name", world(dir)?]];
    called(&jco, &args.concat(), dir, "jco componentize plugin.js", Lang::JavaScript).await?;
    with_manifest(dir, &built)?;
    Ok(built)
}
