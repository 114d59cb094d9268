//! `shiftgate plugin`: plugins from outside. Nothing here runs one.

use std::path::Path;

use crate::app::App;
use crate::args::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::wiring;

pub(crate) async fn inspect(app: &mut App, file: &Path, output: Format) -> Result<Exit, Failure> {
    let found = wiring::plugins(app)?.inspect(&file.display().to_string())?;
    match output {
        Format::Text => app.screen.print(&found.to_string())?,
        Format::Json => app.screen.json(&found)?,
    }
    if found.problems.is_empty() { Ok(Exit::Succeeded) } else { Err(Failure::Shown(Exit::PluginRefused)) }
}
