//! `shiftgate init`: a workflow file to start from, complete and valid, and the Elastigroup JSON that it names.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use shiftgate_workflow::{Template, template};

use crate::app::App;
use crate::args::{Init, StrategyArg};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;

/// The Elastigroup JSON that the template names, and an example of it.
const ELASTIGROUP: (&str, &str) = ("elastigroup.json", include_str!("../../../../docs/examples/elastigroup.json"));

pub(crate) fn run(app: &mut App, args: &Init) -> Result<Exit, Failure> {
    let which = which(args)?;
    let text = template(which);
    let file = args.output_file.as_path();
    if file == Path::new("-") {
        app.screen.print(&text)?;
        return Ok(Exit::Succeeded);
    }
    write(file, &text, args.force).map_err(|error| {
        let failure = Failure::new(Exit::Output, format!("cannot write `{}`: {}", file.display(), why(&error)));
        match error.kind() {
            io::ErrorKind::AlreadyExists => {
                failure.hint("name another file with --output-file, or replace this one with --force")
            }
            _ => failure.hint("name another file with --output-file; `-` is standard output"),
        }
    })?;
    let beside = file.with_file_name(ELASTIGROUP.0);
    let group = match write(&beside, ELASTIGROUP.1, false) {
        Ok(()) => {
            format!("Wrote `{}`, an example: replace it by what Spot's console exports of your Elastigroup.\n", beside.display())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => format!("Kept `{}`, which was there.\n", beside.display()),
        Err(error) => {
            return Err(Failure::new(Exit::Output, format!("cannot write `{}`: {}", beside.display(), why(&error))));
        }
    };
    app.screen.print(&format!(
        "Wrote `{file}`, a {}.\n{group}Next: `shiftgate validate {file} --input ami=ami-0123456789abcdef0`\n",
        word(which),
        file = file.display(),
    ))?;
    Ok(Exit::Succeeded)
}

/// The template that was asked for. Blue/green is two, and which one is not guessed.
fn which(args: &Init) -> Result<Template, Failure> {
    match (args.strategy, args.swap, args.shift) {
        (StrategyArg::Basic, false, false) => Ok(Template::Basic),
        (StrategyArg::Canary, false, false) => Ok(Template::Canary),
        (StrategyArg::BlueGreen, true, _) => Ok(Template::Swap),
        (StrategyArg::BlueGreen, false, true) => Ok(Template::Shift),
        (StrategyArg::BlueGreen, false, false) => {
            Err(Failure::new(Exit::Usage, "a blue/green workflow moves its traffic in one of two ways")
                .hint("add --swap to exchange production and stage at once, or --shift to move requests by weight"))
        }
        (StrategyArg::Basic | StrategyArg::Canary, _, _) => {
            Err(Failure::new(Exit::Usage, "--swap and --shift are for --strategy blue-green"))
        }
    }
}

const fn word(template: Template) -> &'static str {
    match template {
        Template::Basic => "basic workflow",
        Template::Canary => "canary workflow",
        Template::Swap => "blue-green workflow with an instant traffic shift",
        Template::Shift => "blue-green workflow with an incremental traffic shift",
    }
}

fn write(path: &Path, text: &str, replace: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if replace {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path)?.write_all(text.as_bytes())
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "it is there already".to_owned(),
        io::ErrorKind::NotFound => "no such directory".to_owned(),
        _ => files::reason(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_replaced_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        write(&file, "one", false).unwrap();
        assert_eq!(write(&file, "two", false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one");
        write(&file, "2", true).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "2");
    }
}
