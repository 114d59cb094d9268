//! `shiftgate runs`: every run of the record, newest first. Changes nothing; `runs prune` forgets old ones.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use serde::Serialize;
use shiftgate_model::{AccountId, AmiId, Clock as _, Ending, RunId, Timestamp};
use shiftgate_store::{Record, RunRow, SystemClock};

use crate::app::App;
use crate::args::{Format, Prune, Runs, RunsAction};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::{align, date_time, length, printable};

/// More runs than a record will ever hold.
const ALL: u32 = i32::MAX as u32;

/// One line of the list.
#[derive(Serialize)]
struct Line {
    run: RunId,
    state: &'static str,
    ending: Option<Ending>,
    workflow: String,
    strategy: String,
    service: String,
    environment: String,
    infrastructure: String,
    artifact: AmiId,
    family: String,
    account: AccountId,
    file: String,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
}

pub(crate) async fn run(app: &mut App, args: &Runs) -> Result<Exit, Failure> {
    let record = app.record().await?;
    if let Some(RunsAction::Prune(args)) = &args.action {
        return prune(app, &record, args).await;
    }
    let mut lines = Vec::new();
    for row in record.runs(ALL).await? {
        let state = state(&record, &row).await?;
        lines.push(line(row, state));
    }
    match args.output {
        Format::Json => app.screen.json(&lines)?,
        Format::Text if lines.is_empty() => app.screen.note("no runs yet; `shiftgate run FILE` starts one"),
        Format::Text => app.screen.print(&table(&lines, SystemClock.now()))?,
    }
    Ok(Exit::Succeeded)
}

/// Forgets what happened in runs that ended long ago.
async fn prune(app: &mut App, record: &Record, args: &Prune) -> Result<Exit, Failure> {
    let before = Timestamp(SystemClock.now().0.saturating_sub(args.older_than.0));
    let runs = record.prunable(before).await?;
    for run in &runs {
        if args.dry_run {
            app.screen.print(&format!("Would forget {run}\n"))?;
        } else if record.prune(run).await? {
            app.screen.print(&format!("Forgot {run}\n"))?;
        } else {
            app.screen.note(&format!("kept {run}: a process works on it"));
        }
    }
    if runs.is_empty() {
        app.screen.note(&format!("no run ended more than {} ago that may be forgotten", args.older_than));
    }
    Ok(Exit::Succeeded)
}

async fn state(record: &Record, row: &RunRow) -> Result<&'static str, Failure> {
    Ok(match row.ending {
        Some(Ending::Succeeded) => "succeeded",
        Some(Ending::Failed) => "failed",
        Some(Ending::RolledBack) => "rolled back",
        Some(Ending::Aborted) => "aborted",
        Some(Ending::Stuck) => "stuck",
        None if row.asked_in.is_some() => "waits for a person",
        None if record.driven(&row.id).await == Some(false) => "stopped",
        None => "running",
    })
}

fn line(row: RunRow, state: &'static str) -> Line {
    Line {
        run: row.id,
        state,
        ending: row.ending,
        workflow: row.workflow,
        strategy: row.strategy,
        service: row.service,
        environment: row.environment,
        infrastructure: row.infrastructure,
        artifact: row.artifact,
        family: row.family,
        account: row.account,
        file: row.file,
        started_at: row.created_at,
        ended_at: row.ended_at,
    }
}

fn table(lines: &[Line], now: Timestamp) -> String {
    let head = ["RUN", "STATE", "WORKFLOW", "ARTIFACT", "STARTED", "TOOK"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(lines.iter().map(|line| {
        let took = length(line.ended_at.unwrap_or(now).since(line.started_at));
        let [workflow, artifact] = [line.workflow.as_str(), line.artifact.as_str()].map(printable);
        [line.run.to_string(), line.state.to_owned(), workflow, artifact, date_time(line.started_at), took]
    }));
    align(&mut rows);
    let mut text = String::new();
    for (index, [run, state, rest @ ..]) in rows.into_iter().enumerate() {
        let rest = rest.join("  ");
        let line =
            if index == 0 { [run, state, rest].join("  ").bold().to_string() } else { [run, paint(state), rest].join("  ") };
        let _ = writeln!(text, "{line}");
    }
    text
}

fn paint(cell: String) -> String {
    match cell.trim_end() {
        "succeeded" => cell.green().to_string(),
        "failed" | "stuck" => cell.red().to_string(),
        "running" => cell.cyan().to_string(),
        _ => cell.yellow().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_aligned() {
        let line = |run: &str, state, ended_at| Line {
            run: RunId::new(run),
            state,
            ending: None,
            workflow: "web-canary".into(),
            strategy: "canary".into(),
            service: "web".into(),
            environment: "prod".into(),
            infrastructure: "east".into(),
            artifact: AmiId::new("ami-0green"),
            family: "web".into(),
            account: AccountId::new("act-1"),
            file: "deploy.yaml".into(),
            started_at: Timestamp(1_795_470_301_000),
            ended_at,
        };
        let lines = [
            line("20261123-214501-k3f9", "waits for a person", None),
            line("20261123-214501-0a0a", "succeeded", Some(Timestamp(1_795_470_501_000))),
        ];
        let text = table(&lines, Timestamp(1_795_470_401_000));
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r"
        RUN                   STATE               WORKFLOW    ARTIFACT    STARTED                  TOOK
        20261123-214501-k3f9  waits for a person  web-canary  ami-0green  2026-11-23 21:45:01 UTC  1m 40s
        20261123-214501-0a0a  succeeded           web-canary  ami-0green  2026-11-23 21:45:01 UTC  3m 20s
        ");
    }
}
