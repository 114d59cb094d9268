//! `shiftgate validate`: every mistake of a workflow file at once, with its place; and what a file without mistakes is.
//! Needs no account, no record and no plugin.

use std::fmt::Write as _;

use serde_json::json;
use shiftgate_workflow::{Configs, Diagnostics, Files, InputSpec, Inputs, Plan, Source, Summary, check};

use crate::app::App;
use crate::args::{Format, Validate};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Disk};
use crate::text::printable;

pub(crate) fn run(app: &mut App, args: &Validate) -> Result<Exit, Failure> {
    let source = files::workflow(&args.workflow.file)?;
    let files = Disk::beside(&args.workflow.file);
    let inputs = inputs(&args.workflow.inputs)?;
    let found = check(&source, &files, &inputs);
    match (args.output, found) {
        (Format::Text, Err(diagnostics)) => {
            let refused = refused(app, &diagnostics);
            return Err(refused);
        }
        (Format::Text, Ok(summary)) => {
            if let Some(warnings) = &summary.warnings {
                show(app, warnings);
            }
            app.screen.print(&describe(&source.name, &summary))?;
        }
        (Format::Json, Err(diagnostics)) => {
            app.screen.json(&json!({"valid": false, "diagnostics": diagnostics}))?;
            return Err(Failure::Shown(Exit::InvalidWorkflow));
        }
        (Format::Json, Ok(summary)) => app.screen.json(&json!({
            "valid": true,
            "workflow": summary.workflow,
            "strategy": summary.strategy,
            "inputs": summary.inputs,
            "plugins": summary.plugins,
            "plan": summary.plan,
            "diagnostics": summary.warnings,
        }))?,
    }
    Ok(Exit::Succeeded)
}

/// The plan of a file for a run; mistakes and warnings are shown.
pub(crate) fn plan(
    app: &mut App,
    source: &Source,
    files: &dyn Files,
    given: &[(String, String)],
) -> Result<(Plan, Configs), Failure> {
    let inputs = inputs(given)?;
    let plan = shiftgate_workflow::plan(source, files, &inputs).map_err(|diagnostics| refused(app, &diagnostics))?;
    let Summary { warnings, configs, .. } = check(source, files, &inputs).map_err(|diagnostics| refused(app, &diagnostics))?;
    if let Some(warnings) = &warnings {
        show(app, warnings);
    }
    Ok((plan, configs))
}

/// Shows the mistakes, which are all that is to be said.
pub(crate) fn refused(app: &mut App, diagnostics: &Diagnostics) -> Failure {
    show(app, diagnostics);
    Failure::Shown(Exit::InvalidWorkflow)
}

fn show(app: &mut App, diagnostics: &Diagnostics) {
    let text = diagnostics.render(app.screen.color_err(), app.columns());
    app.screen.note(text.trim_end());
}

fn inputs(given: &[(String, String)]) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::new();
    for (name, value) in given {
        if inputs.insert(name.clone(), value.clone()).is_some() {
            return Err(Failure::new(Exit::Usage, format!("the input `{name}` is given twice")).hint("give it once"));
        }
    }
    Ok(inputs)
}

fn describe(file: &str, summary: &Summary) -> String {
    let mut text = format!("`{file}` is valid");
    let strategy = summary.strategy.map_or("", |strategy| strategy.as_str());
    match (&summary.workflow, &summary.plan) {
        (Some(name), Some(plan)) => {
            let steps = plan.phases.iter().map(|phase| phase.steps.len()).sum::<usize>() + plan.wrap_up.len();
            let phases = plan.phases.len();
            let _ = write!(
                text,
                ": workflow `{}`, {strategy}, {} and {}",
                printable(name),
                count(phases, "phase"),
                count(steps, "step")
            );
        }
        (Some(name), None) => {
            let _ = write!(text, ": workflow `{}`, {strategy}; a run needs more inputs", printable(name));
        }
        (None, _) => {
            let _ = write!(text, ", {strategy}; a run needs more inputs");
        }
    }
    text.push('\n');
    let lines = summary.inputs.iter().map(input).collect::<Vec<_>>();
    block(&mut text, "Inputs", &lines);
    let plugins = summary.plugins.iter().map(|plugin| match plugin.name == plugin.file {
        true => printable(&plugin.name),
        false => format!("{}  {}", printable(&plugin.name), printable(&plugin.file)),
    });
    block(&mut text, "Plugins", &plugins.collect::<Vec<_>>());
    text
}

fn input(spec: &InputSpec) -> String {
    let kind = serde_json::to_value(spec.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
    let need = spec.default.as_ref().map_or_else(|| "required".to_owned(), |default| format!("default {default}"));
    let about = if spec.description.is_empty() { String::new() } else { format!("  {}", printable(&spec.description)) };
    format!("{} ({kind}, {need}){about}", printable(&spec.name)).replace('\n', " ")
}

fn block(text: &mut String, title: &str, lines: &[String]) {
    for (index, line) in lines.iter().enumerate() {
        let _ = writeln!(text, "{:<9}{line}", if index == 0 { title } else { "" });
    }
}

fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_given_once() {
        let pair = |value: &str| ("ami".to_owned(), value.to_owned());
        assert_eq!(inputs(&[pair("a")]).ok().and_then(|inputs| inputs.get("ami").cloned()), Some("a".to_owned()));
        assert_eq!(inputs(&[pair("a"), pair("b")]).err().map(|failure| failure.exit()), Some(Exit::Usage));
    }
}
