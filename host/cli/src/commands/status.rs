//! `shiftgate status`: where one run is, read from its events. Changes nothing.

use serde::Serialize;
use shiftgate_model::Clock as _;
use shiftgate_store::SystemClock;

use crate::app::{self, App};
use crate::args::{Format, Look};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::run_id;
use crate::view::{self, View};

/// The answer for programs.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    view: &'a View,
    /// Whether a process works on the run; none when that cannot be told.
    driven: Option<bool>,
}

pub(crate) async fn run(app: &mut App, args: &Look) -> Result<Exit, Failure> {
    let record = app.record().await?;
    let row = run_id::find(&record, &args.run).await?;
    let mut view = app::view(&record, &row.id).await?;
    view.started_at.get_or_insert(row.created_at);
    let driven = if row.ending.is_some() { Some(false) } else { record.driven(&row.id).await };
    match args.output {
        Format::Text => {
            let page = view::status(&view, SystemClock.now(), driven, &app.commands());
            app.screen.print(&page)?;
        }
        Format::Json => app.screen.json(&Answer { view: &view, driven })?,
    }
    Ok(Exit::Succeeded)
}
