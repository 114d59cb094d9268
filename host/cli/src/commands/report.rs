//! `shiftgate report`: how one run went, from its events and the evidence of its verifications, as text, as one HTML file, or as
//! JSON. Reads and writes only; what is shown is decided in the room `report`. Changes nothing of the run.

use std::path::Path;

use shiftgate_engine::Runs as _;
use shiftgate_model::{Clock as _, Events as _};
use shiftgate_report::{Facts, Planned, Story, page, terminal};
use shiftgate_store::SystemClock;
use shiftgate_workflow::Plan;

use crate::app::App;
use crate::args::{Format, Report};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::run_id;
use crate::view::heading;

pub(crate) async fn run(app: &mut App, args: &Report) -> Result<Exit, Failure> {
    let record = app.record().await?;
    let row = run_id::find(&record, &args.look.run).await?;
    let plan = record.plan(&row.id).await.ok();
    let driven = if row.ending.is_some() { Some(false) } else { record.driven(&row.id).await };
    let facts = Facts {
        run: row.id.clone(),
        created_at: row.created_at,
        now: SystemClock.now(),
        driven,
        heading: plan.as_deref().map(heading),
        planned: plan.as_deref().map(planned).unwrap_or_default(),
    };
    let events = record.read(&row.id, 0).await?;
    let evidence = record.evidence(&row.id).await?;
    let story = Story::of(facts, &events, &evidence);
    match (&args.html, args.look.output) {
        (Some(file), _) => write(app, file, &page(&story))?,
        (None, Format::Json) => app.screen.json(&story)?,
        (None, Format::Text) => {
            let text = terminal(&story, app.columns_out());
            let [logs, report] = ["logs", "report"].map(|command| app.commands().of(command, &row.id));
            app.screen.print(&format!("{text}\nMore        `{logs}`\n            `{report} --html FILE`\n"))?;
        }
    }
    Ok(Exit::Succeeded)
}

fn write(app: &mut App, file: &Path, page: &str) -> Result<(), Failure> {
    if file == Path::new("-") {
        return app.screen.print(page);
    }
    std::fs::write(file, page).map_err(|error| {
        Failure::new(Exit::Output, format!("cannot write `{}`: {}", file.display(), files::reason(&error)))
            .hint("name a file in a directory that is there, or `-` for standard output")
    })?;
    app.screen.print(&format!("Wrote `{}`\n", file.display()))
}

/// Every step that runs when nothing fails.
fn planned(plan: &Plan) -> Vec<Planned> {
    let phased = plan.phases.iter().flat_map(|phase| phase.steps.iter().map(move |step| (Some(&phase.name), step)));
    let all = phased.chain(plan.wrap_up.iter().map(|step| (None, step)));
    all.map(|(phase, step)| Planned { id: step.id.clone(), phase: phase.cloned(), title: step.title.clone() }).collect()
}
