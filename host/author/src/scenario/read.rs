//! Reads scenario files. A file that is none is told with its place, the line, and what could stand there.

use std::path::{Path, PathBuf};

use super::Scenario;
use crate::AuthorError;

/// The largest file, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads every scenario of a folder that somebody named: it has to be there, and to hold some.
///
/// # Errors
/// As [`read_all`]; [`AuthorError::BadScenario`] when there is no such folder, or no scenario in it.
pub fn read_named(dir: &Path) -> Result<Vec<Scenario>, AuthorError> {
    let scenarios = read_all(dir)?;
    if !scenarios.is_empty() {
        return Ok(scenarios);
    }
    // Nothing that was tried would look like all that passed.
    let message = if dir.exists() { "it holds no scenario, which is a file `*.yaml`" } else { "there is no such folder" };
    let hint = Some("name the folder that holds the scenarios with --scenarios".to_owned());
    Err(AuthorError::BadScenario { place: format!("`{}`", dir.display()), message: message.to_owned(), line: None, hint })
}

/// Reads every scenario of a folder, by name; none when there is no such folder.
///
/// # Errors
/// [`AuthorError::BadScenario`] for the first file that is none, [`AuthorError::Read`].
pub fn read_all(dir: &Path) -> Result<Vec<Scenario>, AuthorError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(AuthorError::Read { path: dir.to_path_buf(), source }),
    };
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_yaml).collect();
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Result<Scenario, AuthorError> {
    let unreadable = |source| AuthorError::Read { path: file.to_path_buf(), source };
    if std::fs::metadata(file).map_err(unreadable)?.len() > LARGEST {
        return Err(unreadable(std::io::Error::other(format!("it is larger than {LARGEST} bytes"))));
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let mut scenario = parse(&file.display().to_string(), &text)?;
    scenario.file = file.to_path_buf();
    let of_ending = scenario.ending.as_ref().map(|ending| place_of(&ending.referenced));
    scenario.ending_line = of_ending.and_then(|(line, column)| shown(&text, line, column));
    if scenario.name.is_empty() {
        scenario.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    }
    Ok(scenario)
}

/// Reads a scenario; `name` is what messages call the text.
pub(super) fn parse(name: &str, text: &str) -> Result<Scenario, AuthorError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let scenario: Scenario = serde_saphyr::from_str_with_options(text, options).map_err(|error| told(name, text, &error))?;
    match scenario.expect.contradiction() {
        None => Ok(scenario),
        Some(message) => {
            let line = text.lines().position(|line| line.starts_with("expect")).unwrap_or_default();
            let hint = Some("say how it has to end: `verdict`, `actions`, `ballots`, `waiting`, `error` or `refused`".to_owned());
            Err(AuthorError::BadScenario { place: format!("{name}:{}", line + 1), message, line: shown(text, line, 0), hint })
        }
    }
}

fn told(name: &str, text: &str, error: &serde_saphyr::Error) -> AuthorError {
    let message = words(error);
    let location = error.location().filter(|location| location.line() > 0);
    let (place, line) = match location {
        None => (name.to_owned(), None),
        Some(location) => {
            let (line, column) = place_of(&location);
            (format!("{name}:{}:{}", line + 1, column + 1), shown(text, line, column))
        }
    };
    let hint = match message.starts_with("unknown field") {
        true => "correct the field's name, or take it out; docs/plugins.md has every field of a scenario",
        false => "docs/plugins.md has every field of a scenario, with an example",
    };
    AuthorError::BadScenario { place, message, line, hint: Some(hint.to_owned()) }
}

/// Line and column, both from 0.
fn place_of(location: &serde_saphyr::Location) -> (usize, usize) {
    let from_zero = |number: u64| usize::try_from(number).unwrap_or_default().saturating_sub(1);
    (from_zero(location.line()), from_zero(location.column()))
}

/// What the reader's names of types mean to who writes a file.
const TYPES: [(&str, &str); 4] = [
    ("invalid u16", "this has to be a whole number from 0 to 65535"),
    ("invalid u32", "this has to be a whole number from 0 to 4294967295"),
    ("invalid u64", "this has to be a whole number, and not below 0"),
    ("invalid floating point", "this has to be a number"),
];

/// The message in one line, without the place, which stands before it.
fn words(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let text = text.rsplit_once(" at line ").map_or(text, |(message, _)| message);
    let without_place = text.strip_prefix("line ").and_then(|rest| rest.split_once(": ")).map(|(_, message)| message);
    let text = without_place.unwrap_or(text);
    let known = TYPES.iter().find(|(theirs, _)| *theirs == text).map(|(_, ours)| *ours);
    known.unwrap_or(text).to_owned()
}

/// A line of the file with a mark below the column; both from 0.
fn shown(text: &str, line: usize, column: usize) -> Option<String> {
    let found = text.lines().nth(line)?;
    let number = (line + 1).to_string();
    let pad = " ".repeat(number.len());
    Some(format!("  {number} | {found}\n  {pad} | {}^", " ".repeat(column)))
}

#[cfg(test)]
mod tests {
    use shiftgate_model::PluginKind;

    use super::*;
    use crate::scenario::Granted;

    fn refusal(text: &str) -> String {
        let error = parse("slow.yaml", text).unwrap_err();
        format!("{error}\nhint: {}", error.hint().unwrap_or_default())
    }

    #[test]
    fn a_wrong_file_is_told_with_its_place() {
        let wrong = [
            "config: { url: x }\nexpekt: { verdict: pass }\n",
            "http:\n  - url: https://a.example\n    answers: [ { status: 99 } ]\nexpect: { verdict: pass }\n",
            "signals: [ { at: soon, name: ballot } ]\nexpect: { verdict: pass }\n",
            "expect: { verdict: good }\n",
            "grants: some\nexpect: { verdict: pass }\n",
            "config: {}\nexpect:\n  waits: 2\n",
            "config: [\n",
            "http:\n  - url: https://a.example\n    answers: []\nexpect: { verdict: pass }\n",
            "http:\n  - url: https://a.example\n    method: GTE\n    answers: [ {} ]\nexpect: { verdict: pass }\n",
            "grants: [ { url: 'https://a.example', methods: [GTE] } ]\nexpect: { verdict: pass }\n",
            "grants: [ { url: 'https://a.example', methods: [] } ]\nexpect: { verdict: pass }\n",
            "expect: { refused: [ max ] }\n",
            "expect: { refused: [] }\n",
            "run: { attempt: -1 }\nexpect: { verdict: pass }\n",
            "expect: { verdict: pass, metrics: { value: many } }\n",
            "expect: { verdict: pass, requests: [ \"fetch https://a.example\" ] }\n",
        ];
        insta::assert_snapshot!(wrong.map(refusal).join("\n\n"));
    }

    #[test]
    fn an_ending_is_for_a_wrap_up() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("one.yaml");
        std::fs::write(&file, "config: {}\nending: { how: failed }\nexpect: { error: x }\n").unwrap();
        let scenario = read(&file).unwrap();
        assert!(scenario.expect_kind(PluginKind::WrapUp).is_ok());
        let error = scenario.expect_kind(PluginKind::Verification).unwrap_err().to_string();
        assert!(error.contains("one.yaml:2:9: `ending` is for a wrap-up"), "{error}");
        assert!(error.contains("2 | ending: { how: failed }"), "{error}");
    }

    #[test]
    fn grants_are_as_in_a_workflow() {
        let granted =
            |grants: &str| match parse("a.yaml", &format!("grants: {grants}\nexpect: {{ verdict: pass }}")).unwrap().grants {
                Granted::Some(grants) => grants.into_iter().flat_map(|grant| grant.methods).collect::<Vec<_>>(),
                other => panic!("{other:?}"),
            };
        assert_eq!(granted("[ { url: 'https://a.example' } ]"), ["GET"]);
        assert_eq!(granted("[ { url: 'https://a.example', methods: [post, Head] } ]"), ["POST", "HEAD"]);
    }

    #[test]
    fn a_folder_that_somebody_named_is_there_and_holds_scenarios() {
        let home = tempfile::tempdir().unwrap();
        let named = |name: &str| read_named(&home.path().join(name)).map(|found| found.len()).map_err(|error| error.to_string());
        assert!(named("typo").is_err_and(|error| error.contains("typo`: there is no such folder")));
        assert!(read_all(&home.path().join("typo")).unwrap().is_empty(), "a plugin may have none");
        std::fs::create_dir(home.path().join("empty")).unwrap();
        assert!(named("empty").is_err_and(|error| error.contains("empty`: it holds no scenario")));
        std::fs::write(home.path().join("empty/one.yaml"), "expect: { verdict: pass }").unwrap();
        assert_eq!(named("empty"), Ok(1));
    }

    #[test]
    fn a_scenario_may_say_little() {
        let scenario = parse("a.yaml", "expect: { verdict: pass }").unwrap();
        assert_eq!(scenario.config, serde_json::json!({}));
        assert!(scenario.http.is_empty() && scenario.until.is_none());
    }
}
