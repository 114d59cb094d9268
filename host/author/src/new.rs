//! A plugin from nothing: a folder that builds, has a test, and scenarios that pass.

use std::path::{Path, PathBuf};

use shiftgate_model::PluginKind;

use crate::{AuthorError, Lang, sdk};

/// Names that Rust or the plugin's own dependencies have taken.
const TAKEN: [&str; 10] = ["alloc", "build", "core", "proc-macro", "serde", "serde-json", "shiftgate-sdk", "std", "test", "wit"];

/// Words of Rust that no crate may be named by.
const KEYWORDS: [&str; 40] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "type", "use",
];

/// What to write, and where.
#[derive(Clone, Debug)]
pub struct NewPlugin {
    /// Its name: of the crate, the component and the manifest.
    pub name: String,
    /// Its kind.
    pub kind: PluginKind,
    /// Its language.
    pub lang: Lang,
    /// The folder, made when it is not there; the name, below where one is, when none is given.
    pub dir: Option<PathBuf>,
    /// A clone of shiftgate, or its folder `sdk`; none writes the SDK that this program brings along.
    pub sdk: Option<PathBuf>,
}

/// Writes a new plugin. Returns its folder.
///
/// # Errors
/// [`AuthorError::BadName`] and [`AuthorError::NotEmpty`] before anything is written; [`AuthorError::NoSdk`];
/// [`AuthorError::Write`].
pub fn create(new: &NewPlugin) -> Result<PathBuf, AuthorError> {
    check_name(&new.name)?;
    let dir = new.dir.clone().unwrap_or_else(|| PathBuf::from(&new.name));
    expect_empty(&dir)?;
    let templates = new.lang.templates(new.kind)?;
    let sdk = new.sdk.as_deref().map(|path| clone(path, new.lang)).transpose()?;
    let place = sdk.as_ref().map_or("vendor/sdk".to_owned(), |path| path.display().to_string());
    let summary = match new.kind {
        PluginKind::Verification => "Fails when a number stays too large",
        PluginKind::Approval => "Takes the decision from a ticket",
        PluginKind::WrapUp => "Tells a chat how a run ended",
    };
    let change = |text: &str| {
        text.replace("{{name}}", &new.name)
            .replace("{{sdk}}", &place)
            .replace("{{shiftgate}}", "./vendor")
            .replace("{{summary}}", summary)
    };
    for template in templates {
        sdk::files(template, &dir, &change)?;
    }
    new.lang.equip(&dir, sdk.as_deref())?;
    Ok(dir)
}

fn check_name(name: &str) -> Result<(), AuthorError> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let why = if name.is_empty() || name.len() > 64 {
        "it has to have 1 to 64 letters"
    } else if !plain {
        "it holds more than lower-case letters, digits and dashes"
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "it does not begin with a letter"
    } else if name.ends_with('-') || name.contains("--") {
        "a dash stands between two letters or digits"
    } else if TAKEN.contains(&name) || KEYWORDS.contains(&name) {
        "Rust, or a library that every plugin uses, has that name"
    } else {
        return Ok(());
    };
    Err(AuthorError::BadName { name: name.to_owned(), why })
}

/// A folder that is not there yet, or is empty.
fn expect_empty(dir: &Path) -> Result<(), AuthorError> {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(AuthorError::NotEmpty { dir: dir.to_path_buf() }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(AuthorError::Write { path: dir.to_path_buf(), source }),
    }
}

/// The SDK's folder in a clone, absolute: the plugin may be moved. It has the language, and the contract beside it.
fn clone(path: &Path, lang: Lang) -> Result<PathBuf, AuthorError> {
    let candidates = [path.join("sdk"), path.to_path_buf()];
    let is_sdk = |dir: &&PathBuf| {
        std::fs::read_to_string(dir.join("Cargo.toml")).is_ok_and(|text| text.contains("name = \"shiftgate-sdk\""))
            && lang.sdk_folder().is_none_or(|name| dir.join(name).is_dir() && dir.join("../wit").is_dir())
    };
    let found = candidates.iter().find(is_sdk).and_then(|dir| dir.canonicalize().ok());
    found.ok_or_else(|| AuthorError::NoSdk { path: path.to_path_buf() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(dir: &Path, name: &str) -> NewPlugin {
        let dir = Some(dir.to_path_buf());
        NewPlugin { name: name.to_owned(), kind: PluginKind::Verification, lang: Lang::Rust, dir, sdk: None }
    }

    #[test]
    fn a_new_plugin_has_all_that_it_needs_and_nothing_left_to_fill_in() {
        let home = tempfile::tempdir().unwrap();
        let dir = create(&new(&home.path().join("errors"), "errors")).unwrap();
        for file in
            ["Cargo.toml", "Cargo.lock", "README.md", ".gitignore", "src/lib.rs", "vendor/sdk/src/lib.rs", "vendor/wit/types.wit"]
        {
            let text = std::fs::read_to_string(dir.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(!text.contains("{{"), "{file}");
        }
        assert!(create(&new(&dir, "errors")).unwrap_err().to_string().contains("not empty"));
    }

    #[test]
    fn a_script_takes_the_sdk_of_a_clone_without_what_tools_left_there() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for (file, text) in [
            ("clone/sdk/Cargo.toml", "name = \"shiftgate-sdk\""),
            ("clone/sdk/python/shiftgate_sdk/step.py", "of the clone"),
            ("clone/sdk/python/shiftgate_sdk/__pycache__/step.pyc", ""),
            ("clone/sdk/python/template/plugin.py", ""),
            ("clone/sdk/python/.venv/pyvenv.cfg", ""),
            ("clone/wit/types.wit", "of the clone"),
        ] {
            sdk::file(&at(file), text.as_bytes()).unwrap();
        }
        let new = |name: &str, lang, sdk: &str| {
            create(&NewPlugin { lang, sdk: Some(at(sdk)), ..new(&at(name), name) }).map_err(|error| error.to_string())
        };
        assert!(new("a", Lang::Python, "nowhere").is_err_and(|error| error.contains("no SDK in")));
        assert!(
            new("a", Lang::JavaScript, "clone").is_err_and(|error| error.contains("no SDK in")),
            "it has none of that language"
        );
        assert!(!at("a").exists(), "nothing is written before");
        for sdk in ["clone", "clone/sdk"] {
            let vendor = new(&format!("of-{}", sdk.len()), Lang::Python, sdk).unwrap().join("vendor");
            for file in ["sdk/python/shiftgate_sdk/step.py", "wit/types.wit"] {
                assert_eq!(std::fs::read_to_string(vendor.join(file)).unwrap(), "of the clone", "{file}");
            }
            for litter in ["shiftgate_sdk/__pycache__", "template", ".venv"] {
                assert!(!vendor.join("sdk/python").join(litter).exists(), "{litter}");
            }
        }
    }

    #[test]
    fn names_that_cannot_be_crates_or_plugins_are_refused_with_a_reason() {
        let home = tempfile::tempdir().unwrap();
        let told = ["", "Errors", "a b", "1st", "a--b", "a-", "match", "serde"].map(|name| {
            let refused = create(&new(&home.path().join("x"), name)).unwrap_err();
            assert!(refused.hint().is_some());
            refused.to_string()
        });
        insta::assert_snapshot!(told.join("\n"));
        assert!(!home.path().join("x").exists());
    }
}
