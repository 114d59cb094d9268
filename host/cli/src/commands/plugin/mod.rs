//! `shiftgate plugin`: the author's loop, and a look at plugins from outside. What happens is `author`'s; here it is shown.

mod bench;
mod check;
mod embed;
mod grant;
mod run;
mod test;

use std::path::{Path, PathBuf};

use shiftgate_author::{self as author, Built, Lang, NewPlugin};
use shiftgate_model::PluginKind;

use crate::app::App;
use crate::args::{self, Format, Kind, Language, Plugin};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::wiring;

pub(crate) async fn run(app: &mut App, what: &Plugin) -> Result<Exit, Failure> {
    match what {
        Plugin::New(args) => new(app, args),
        Plugin::Build { dir } => build(app, dir).await,
        Plugin::Check { file, no_build } => check::run(app, file, *no_build).await,
        Plugin::Test(args) => test::run(app, args).await,
        Plugin::Run(args) => run::run(app, args).await,
        Plugin::Inspect { file, output } => inspect(app, file, *output),
        Plugin::Grant(args) => grant::run(app, args),
        Plugin::Embed { file, manifest, out } => embed::run(app, file, manifest, out.as_deref().unwrap_or(file)),
        Plugin::Bench(args) => bench::run(app, args).await,
    }
}

fn inspect(app: &mut App, file: &Path, output: Format) -> Result<Exit, Failure> {
    let found = wiring::inspector(app)?.inspect(&file.display().to_string())?;
    match output {
        Format::Text => app.screen.print(&found.to_string())?,
        Format::Json => app.screen.json(&found)?,
    }
    if found.problems.is_empty() { Ok(Exit::Succeeded) } else { Err(Failure::Shown(Exit::PluginRefused)) }
}

fn new(app: &mut App, args: &args::NewPlugin) -> Result<Exit, Failure> {
    let kind = match args.kind {
        Kind::Verification => PluginKind::Verification,
        Kind::Approval => PluginKind::Approval,
        Kind::WrapUp => PluginKind::WrapUp,
    };
    let lang = match args.lang {
        Language::Rust => Lang::Rust,
        Language::Js => Lang::JavaScript,
        Language::Python => Lang::Python,
    };
    let new = NewPlugin { name: args.name.clone(), kind, lang, dir: args.dir.clone(), sdk: args.sdk.clone() };
    let dir = author::create(&new)?;
    app.screen.print(&format!(
        "Wrote `{dir}`, {article} {kind} in {lang}, with scenarios that say what it does.\n\
         Next: {first}`shiftgate plugin test {dir}` builds it and tries it\n",
        first = lang.preparation().map(|command| format!("in the folder, `{command}`; then ")).unwrap_or_default(),
        article = if kind == PluginKind::Approval { "an" } else { "a" },
        dir = dir.display(),
    ))?;
    Ok(Exit::Succeeded)
}

async fn build(app: &mut App, dir: &Path) -> Result<Exit, Failure> {
    let plugins = wiring::inspector(app)?;
    let Built { file, inspection } = author::build(&plugins, dir).await?;
    let manifest = inspection.manifest.as_ref();
    let named = manifest.map_or_else(String::new, |found| format!("{} {}, {}", found.name, found.version, found.kind));
    app.screen.print(&format!(
        "Built `{}`: {named}; its manifest is accepted\nsize:    {}\nsha256:  {}\n",
        file.display(),
        size(inspection.size),
        inspection.digest.0,
    ))?;
    Ok(Exit::Succeeded)
}

/// A component that a command is about.
struct Component {
    /// A path, or the bare name of a plugin that comes along.
    file: String,
    /// Where its scenarios are.
    scenarios: PathBuf,
}

/// The component that is meant: a folder's, built where its sources have changed unless it is to be taken as it is; a file; or a
/// bare name.
async fn component(app: &App, path: &Path, no_build: bool) -> Result<Component, Failure> {
    if !path.is_dir() {
        let scenarios = path.parent().unwrap_or_else(|| Path::new("")).join("scenarios");
        return Ok(Component { file: path.display().to_string(), scenarios });
    }
    let file = if no_build {
        author::component_of(path)?
    } else {
        let plugins = wiring::inspector(app)?;
        author::build_changed(&plugins, path).await?.file
    };
    // A path without a folder before it would be taken for a bare name.
    let file = std::path::absolute(&file).unwrap_or(file);
    Ok(Component { file: file.display().to_string(), scenarios: path.join("scenarios") })
}

/// `82.1 KiB`.
fn size(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / 1024;
    format!("{}.{} KiB", tenths / 10, tenths % 10)
}
