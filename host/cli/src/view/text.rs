//! The words of a view: the page that `status` shows, and the last lines of a run. Pure; colour codes are taken out by
//! whoever prints where there is no terminal.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use shiftgate_model::{Ending, Timestamp};

use super::{GroupView, Role, StepState, StepView, View, Wait};
use crate::text::{Commands, date_time, length, printable};

/// The page of `shiftgate status`. `driven` says whether a process works on the run; none when that is not known.
pub(crate) fn status(view: &View, now: Timestamp, driven: Option<bool>, commands: &Commands) -> String {
    let mut page = String::new();
    field(&mut page, "Run", &format!("{}  {}", view.run.bold(), state(view, driven)));
    if let Some(header) = &view.header {
        field(&mut page, "Workflow", &format!("{} ({})", printable(&header.workflow), header.strategy));
        let place = [&header.service, &header.environment, &header.infrastructure].map(|word| printable(word));
        field(&mut page, "Service", &format!("{} to {} on {}", place[0], place[1], place[2]));
        field(&mut page, "Artifact", &printable(header.artifact.as_str()));
    }
    if let Some(started) = view.started_at {
        field(&mut page, "Started", &date_time(started));
        match view.ended_at {
            Some(ended) => field(&mut page, "Ended", &format!("{}, after {}", date_time(ended), length(ended.since(started)))),
            None => field(&mut page, "Elapsed", &length(now.since(started))),
        }
    }
    steps(&mut page, view);
    groups(&mut page, view);
    routes(&mut page, view);
    if let Some(wait) = &view.waits_for {
        page.push('\n');
        field(&mut page, "Waits for", &waits_for(wait));
    }
    if let Some(reason) = view.rolling_back.as_ref().filter(|reason| **reason != view.summary) {
        page.push('\n');
        field(&mut page, "Rollback", &printable(reason));
    }
    if view.ending.is_some() && !view.summary.is_empty() {
        page.push('\n');
        field(&mut page, "Summary", &printable(&view.summary));
    }
    if !view.left.is_empty() {
        page.push('\n');
        field(&mut page, "Left", &printable(&view.left.join("\n")));
    }
    let next = next(view, driven, commands).join("\n");
    if !next.is_empty() {
        page.push('\n');
        field(&mut page, "Next", &next);
    }
    page
}

/// The last lines of a run: what to do next where something is left to do, then the line that names the end.
pub(crate) fn closing(view: &View, commands: &Commands) -> String {
    let Some(ending) = view.ending else { return String::new() };
    let mut text = String::from("\n");
    for next in next(view, Some(false), commands) {
        let _ = writeln!(text, "Next: {next}");
    }
    let end = match ending {
        Ending::Succeeded => ending.green().bold().to_string(),
        Ending::RolledBack | Ending::Aborted => ending.yellow().bold().to_string(),
        Ending::Failed | Ending::Stuck => ending.red().bold().to_string(),
    };
    let _ = write!(text, "Run {} {end}", view.run);
    match printable(&view.summary).replace('\n', " ") {
        summary if summary.is_empty() => text.push('\n'),
        summary => {
            let _ = writeln!(text, ": {summary}");
        }
    }
    text
}

/// What a person can do now, one line each.
fn next(view: &View, driven: Option<bool>, commands: &Commands) -> Vec<String> {
    let resume = commands.of("resume", &view.run);
    let mut lines = Vec::new();
    match (view.ending, &view.waits_for) {
        (None, Some(Wait::Vote { .. })) => {
            lines.push(format!("{}, or {}", quote(&commands.of("approve", &view.run)), quote(&commands.of("reject", &view.run))));
        }
        (None, Some(Wait::Intervention { otherwise, .. })) => {
            let [retry, approve, reject] = ["retry", "approve", "reject"].map(|verb| quote(&commands.of(verb, &view.run)));
            lines.push(format!("{retry} tries the step again, {approve} goes on without it, {reject} leads to: {otherwise}"));
        }
        (None, _) | (Some(Ending::Succeeded | Ending::RolledBack), _) => {}
        (Some(Ending::Aborted), _) => {
            let back = quote(&commands.of("rollback", &view.run));
            lines.push(format!("{} goes on where the run stopped, {back} puts everything back", quote(&resume)));
        }
        (Some(Ending::Failed), _) => {
            lines.push("mend the cause, then start a new run; this one is over, and put nothing back".to_owned());
        }
        (Some(Ending::Stuck), _) => {
            let logs = quote(&commands.of("logs", &view.run));
            lines.push(format!(
                "set right by hand what is not as it was before this run, then {} goes on with the rollback; {logs} has the \
                 whole story",
                quote(&resume)
            ));
            for group in view.groups.iter().filter(|group| group.role == Role::Old) {
                if let Some(original) = group.original {
                    lines.push(format!("the old group {}{} had {original} before this run", group.id, name(group)));
                }
            }
            for route in view.routes.iter().filter(|route| route.now != route.before) {
                let (balancer, before) = (printable(&route.load_balancer), printable(&route.before));
                lines.push(format!("load balancer `{balancer}`, port {}, sent requests to {before} before this run", route.port));
            }
        }
    }
    if view.ending.is_none() && driven == Some(false) {
        lines.push(format!("no process works on this run; {} goes on", quote(&resume)));
    }
    lines
}

fn state(view: &View, driven: Option<bool>) -> String {
    if let Some(ending) = view.ending {
        return match ending {
            Ending::Succeeded => ending.green().to_string(),
            Ending::RolledBack | Ending::Aborted => ending.yellow().to_string(),
            Ending::Failed | Ending::Stuck => ending.red().to_string(),
        };
    }
    if driven == Some(false) {
        return "stopped, no process works on it".yellow().to_string();
    }
    match &view.waits_for {
        Some(Wait::Vote { .. }) => "waits for a vote".yellow().to_string(),
        Some(Wait::Intervention { .. }) => "asks what to do".yellow().to_string(),
        Some(Wait::Lock { .. }) => "waits for another run".yellow().to_string(),
        Some(Wait::SteadyState { .. } | Wait::Signal { .. } | Wait::Drain { .. }) | None if view.rolling_back.is_some() => {
            "rolling back".yellow().to_string()
        }
        Some(Wait::SteadyState { .. } | Wait::Signal { .. } | Wait::Drain { .. }) | None => "running".cyan().to_string(),
    }
}

fn steps(page: &mut String, view: &View) {
    if view.steps.is_empty() {
        return;
    }
    let width = view.step_width();
    let titles = view.steps.iter().map(|step| step.title.chars().count()).max().unwrap_or(0);
    page.push_str("\nSteps\n");
    let mut heading = None;
    for step in &view.steps {
        if step.phase != heading {
            if let Some(phase) = &step.phase {
                let _ = writeln!(page, "  {}", printable(phase).bold());
            }
            heading.clone_from(&step.phase);
        }
        let _ = writeln!(page, "{}", step_line(step, width, titles).trim_end());
    }
}

fn step_line(step: &StepView, width: usize, titles: usize) -> String {
    let word = format!("{:<8}", step_word(step.state));
    let word = match step.state {
        StepState::Pending | StepState::Skipped => word.dimmed().to_string(),
        StepState::Running => word.cyan().to_string(),
        StepState::Waiting | StepState::Ignored => word.yellow().to_string(),
        StepState::Done => word.green().to_string(),
        StepState::Failed => word.red().to_string(),
    };
    let took = step.took.map(length).unwrap_or_default();
    let detail = printable(&step.detail).replace('\n', " ");
    let id = step.id.as_str();
    format!("    {word}  {id:<width$}  {title:<titles$}  {took:<6}  {detail}", title = printable(&step.title))
}

const fn step_word(state: StepState) -> &'static str {
    match state {
        StepState::Pending => "pending",
        StepState::Running => "running",
        StepState::Waiting => "waiting",
        StepState::Done => "done",
        StepState::Skipped => "skipped",
        StepState::Ignored => "ignored",
        StepState::Failed => "failed",
    }
}

fn groups(page: &mut String, view: &View) {
    if view.groups.is_empty() {
        return;
    }
    page.push_str("\nGroups\n");
    for group in &view.groups {
        let role = format!("{:<5}", role(group.role));
        let line = format!("    {role}  {}{}  {}", group.id, name(group), capacity_words(group));
        let _ = writeln!(page, "{line}");
    }
}

fn routes(page: &mut String, view: &View) {
    if view.routes.is_empty() {
        return;
    }
    page.push_str("\nRoutes\n");
    for route in &view.routes {
        let place = format!("{}, port {}", printable(&route.load_balancer), route.port);
        let before = if route.now == route.before { String::new() } else { format!("; before this run {}", route.before) };
        let _ = writeln!(page, "    {place}  {}{}", printable(&route.now), printable(&before));
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::New => "new",
        Role::Old => "old",
        Role::Other => "older",
    }
}

fn name(group: &GroupView) -> String {
    group.name.as_ref().map(|name| format!(" `{}`", printable(name.as_str()))).unwrap_or_default()
}

fn capacity_words(group: &GroupView) -> String {
    if group.deleted {
        return "deleted".to_owned();
    }
    let capacity = group.capacity.map_or_else(|| "capacity unknown".to_owned(), |capacity| capacity.to_string());
    match (group.healthy, group.total) {
        (Some(healthy), Some(total)) => format!("{capacity}; {healthy} of {total} healthy"),
        _ => capacity,
    }
}

fn waits_for(wait: &Wait) -> String {
    match wait {
        Wait::Vote { step, message, approvers, quorum, expires_at, votes } => {
            let who = if approvers.is_empty() { "anyone".to_owned() } else { approvers.join(", ") };
            let mut text = format!("a vote in `{step}`: {}\n", printable(message).replace('\n', " "));
            let _ = write!(text, "{quorum} of {}, until {}", printable(&who), date_time(*expires_at));
            for vote in votes {
                let _ = write!(text, "\n{}", printable(vote));
            }
            text
        }
        Wait::Intervention { step, error, otherwise, expires_at } => format!(
            "a person to say what to do about `{step}`: {}\nuntil {}, else: {otherwise}",
            printable(error).replace('\n', " "),
            date_time(*expires_at)
        ),
        Wait::Lock { family, holder, ahead } => {
            format!("run {holder}, which works on group family `{}`; {ahead} ahead", printable(family))
        }
        Wait::SteadyState { group, until, .. } => format!("{group} to reach steady state, until {} at most", date_time(*until)),
        Wait::Drain { target_group, until, .. } => {
            format!("target group `{}` to finish what it has, until {}", printable(target_group), date_time(*until))
        }
        Wait::Signal { signal, until, .. } => {
            let what = signal.as_deref().map_or_else(|| "the time to go on".to_owned(), printable);
            until.map_or(what.clone(), |until| format!("{what}, until {}", date_time(until)))
        }
    }
}

/// `Name       value`; further lines of the value stand under its first.
fn field(page: &mut String, name: &str, value: &str) {
    for (index, line) in value.lines().enumerate() {
        let _ = writeln!(page, "{:<10}  {line}", if index == 0 { name } else { "" });
    }
}

fn quote(command: &str) -> String {
    format!("`{command}`")
}
