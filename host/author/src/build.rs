//! From a plugin's folder to the component beside its sources: built for release, looked at, and put in its place.

use std::path::{Path, PathBuf};

use shiftgate_plugin::{Inspection, Plugins};

use crate::sources::Sources;
use crate::{AuthorError, Lang, sdk};

/// A component that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Where it is: `NAME.wasm` in the plugin's folder.
    pub file: PathBuf,
    /// What it is.
    pub inspection: Inspection,
}

/// Builds the plugin in `dir`. What the builder says goes to standard error.
///
/// # Errors
/// [`AuthorError::NotAPlugin`], [`AuthorError::NoTool`], [`AuthorError::NoTarget`], [`AuthorError::BuildFailed`];
/// [`AuthorError::Unusable`] when what was built is no plugin that this program takes.
pub async fn build(plugins: &Plugins, dir: &Path) -> Result<Built, AuthorError> {
    let lang = language(dir)?;
    // What is changed while it is built is built the next time.
    let sources = lang.output(dir).and_then(|_| Sources::of(dir, lang));
    let made = lang.build(dir).await?;
    let built = put_in_place(plugins, dir, &made)?;
    if let Some(sources) = sources {
        sources.keep(&made, &built.inspection.digest)?;
    }
    Ok(built)
}

/// Builds the plugin in `dir` unless it was built of the same sources before. For Rust that is cargo's to say, which is asked.
///
/// # Errors
/// As [`build`].
pub async fn build_changed(plugins: &Plugins, dir: &Path) -> Result<Built, AuthorError> {
    let lang = language(dir)?;
    match lang.output(dir) {
        Some(made) if Sources::of(dir, lang).is_some_and(|sources| sources.made(&made)) => put_in_place(plugins, dir, &made),
        _ => build(plugins, dir).await,
    }
}

fn language(dir: &Path) -> Result<Lang, AuthorError> {
    Lang::of(dir).ok_or_else(|| AuthorError::NotAPlugin { dir: dir.to_path_buf() })
}

/// Looks at what was built, and puts it beside its sources.
fn put_in_place(plugins: &Plugins, dir: &Path, made: &Path) -> Result<Built, AuthorError> {
    let inspection = crate::inspect(plugins, &made.display().to_string())?;
    if !inspection.problems.is_empty() {
        return Err(AuthorError::Unusable { problems: inspection.problems });
    }
    let name = inspection.manifest.as_ref().map_or("plugin", |manifest| manifest.name.as_str());
    let file = dir.join(format!("{name}.wasm"));
    put(made, &file)?;
    Ok(Built { inspection: Inspection { file: file.clone(), ..inspection }, file })
}

/// Copies over a temporary name, so that whoever reads the old file is not disturbed; a file that is the same stays.
fn put(from: &Path, to: &Path) -> Result<(), AuthorError> {
    let bytes = std::fs::read(from).map_err(|source| AuthorError::Read { path: from.to_path_buf(), source })?;
    if std::fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let part = to.with_extension("wasm.part");
    sdk::file(&part, &bytes)?;
    std::fs::rename(&part, to).map_err(|source| AuthorError::Write { path: to.to_path_buf(), source })
}

/// The component in a plugin's folder, as it was last built: the one file that ends in `.wasm`.
///
/// # Errors
/// [`AuthorError::NoComponent`] when there is none, or several.
pub fn component_of(dir: &Path) -> Result<PathBuf, AuthorError> {
    let entries = std::fs::read_dir(dir).map_err(|source| AuthorError::Read { path: dir.to_path_buf(), source })?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut found = files.filter(|path| path.extension().is_some_and(|end| end == "wasm"));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(AuthorError::NoComponent { dir: dir.to_path_buf() }),
    }
}
