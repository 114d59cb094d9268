//! `shiftgate baseline`: which earlier run verifications compare with. The record keeps it; this only asks and tells.

use shiftgate_model::Ending;

use crate::app::App;
use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::run_id;

use super::resume::wish;

pub(crate) async fn run(app: &mut App, args: &args::Baseline) -> Result<Exit, Failure> {
    let record = app.record().await?;
    let told = match args {
        args::Baseline::Pin(args::Pin { run, why }) => {
            let row = run_id::find(&record, run).await?;
            if row.ending != Some(Ending::Succeeded) {
                let ended = row.ending.map_or_else(|| "has not ended".to_owned(), |ending| format!("has ended: {ending}"));
                return Err(Failure::new(
                    Exit::Usage,
                    format!("run {} {ended}; only a run that succeeded can be a baseline", row.id),
                )
                .hint("`shiftgate runs` lists how each of them ended"));
            }
            record.pin_baseline(&row.id, &wish(app, why.reason.as_deref())).await?;
            format!("Verifications of `{}` on `{}` compare with run {} now\n", row.workflow, row.family, row.id)
        }
        args::Baseline::Unpin(args::Pin { run, why }) => {
            let row = run_id::find(&record, run).await?;
            match record.unpin_baseline(&row.id, &wish(app, why.reason.as_deref())).await? {
                true => format!("Verifications of `{}` on `{}` compare with the last success again\n", row.workflow, row.family),
                false => format!("Run {} was not pinned\n", row.id),
            }
        }
        args::Baseline::List => {
            let mut told = String::new();
            for run in record.pinned_baselines().await? {
                if let Some(row) = record.run(&run).await? {
                    told.push_str(&format!("{}  {}  {}  {}\n", row.id, row.workflow, row.family, row.artifact));
                }
            }
            if told.is_empty() { "No run is pinned; verifications compare with the last success\n".to_owned() } else { told }
        }
    };
    app.screen.print(&told)?;
    Ok(Exit::Succeeded)
}
