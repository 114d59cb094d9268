//! Builds the guests of each language by the commands of its page, once for each content of all that goes into them.
//!
//! The tools of JavaScript and Python are found by environment variables; without one the test says so and passes, but for CI,
//! which has them all. Nothing here runs a guest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use super::Guests;
use crate::program::{copy_folder, plugins, root};

/// A language whose guests are built by commands of a page.
struct Language {
    /// Its folder of `sdk/`.
    folder: &'static str,
    /// The file name's end.
    extension: &'static str,
    /// The variable that says where its tools are.
    variable: &'static str,
    /// What makes such a place.
    install: &'static str,
}

const JAVASCRIPT: Language = Language {
    folder: "sdk/js",
    extension: "js",
    variable: "SHIFTGATE_JS_TOOLS",
    install: "mkdir -p /tmp/js-tools && cp sdk/js/package.json /tmp/js-tools && npm install --prefix /tmp/js-tools, then SHIFTGATE_JS_TOOLS=/tmp/js-tools",
};

const PYTHON: Language = Language {
    folder: "sdk/python",
    extension: "py",
    variable: "SHIFTGATE_PYTHON_TOOLS",
    install: "python3 -m venv /tmp/python-tools && /tmp/python-tools/bin/pip install -r sdk/python/requirements.txt, then SHIFTGATE_PYTHON_TOOLS=/tmp/python-tools",
};

/// Where guests are kept: `target/guests`.
pub(super) fn folder() -> PathBuf {
    plugins().with_file_name("guests")
}

pub(super) async fn rust() -> Guests {
    let target = plugins().parent().expect("the target folder").to_path_buf();
    let mut cargo = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    cargo.args(["build", "--quiet", "--package", "shiftgate-sdk", "--examples", "--profile", "plugin"]);
    cargo.args(["--target", "wasm32-wasip2"]).arg("--target-dir").arg(&target).current_dir(root());
    succeed(cargo).await;
    let built = |name: &str| target.join("wasm32-wasip2/plugin/examples").join(name).with_extension("wasm");
    Guests { queue: built("queue_depth"), contrary: built("contrary") }
}

pub(super) async fn javascript() -> Option<Guests> {
    let tools = JAVASCRIPT.tools()?;
    Some(JAVASCRIPT.guests(&tools, |project| installed(&tools, &root().join("sdk/js"), project)).await)
}

/// What `npm install` leaves in a project, with the tools that are there already.
fn installed(tools: &Path, sdk: &Path, project: &Path) {
    let packages = project.join("node_modules");
    fs::create_dir_all(&packages).expect("a folder");
    for name in [".bin", "@bytecodealliance"] {
        link(&tools.join("node_modules").join(name), &packages.join(name));
    }
    // A build reads nothing outside the project's folder.
    copy_folder(sdk, &packages.join("shiftgate-sdk"));
}

/// A new plugin of a language, as `plugin new` writes it, with its tools in place; and the path that has them.
pub(super) async fn new(lang: &str, dir: &Path) -> Option<std::ffi::OsString> {
    let language = if lang == "js" { JAVASCRIPT } else { PYTHON };
    let tools = language.tools()?;
    let mut new = Command::new(env!("CARGO_BIN_EXE_shiftgate"));
    new.args(["plugin", "new", "--kind", "verification", "--lang", lang, "queue-depth", "--dir"]).arg(dir);
    succeed(new).await;
    if lang == "js" {
        installed(&tools, &dir.join("vendor/sdk/js"), dir);
    }
    Some(std::env::join_paths([tools.join("bin")].into_iter().chain(path())).expect("a path"))
}

pub(super) async fn python() -> Option<Guests> {
    let tools = PYTHON.tools()?;
    Some(PYTHON.guests(&tools, |_| {}).await)
}

impl Language {
    fn tools(&self) -> Option<PathBuf> {
        let place = variable(self.variable);
        if place.is_none() {
            assert!(
                variable("NEXTEST_PROFILE").as_deref() != Some("ci"),
                "{} is not set, and CI builds every guest",
                self.variable
            );
            say(&format!("skipped: {} is not set; make such a place by: {}", self.variable, self.install));
        }
        place.map(PathBuf::from)
    }

    /// The queue of the template, and the contrary one, which differs in two files.
    async fn guests(&self, tools: &Path, beside: impl Fn(&Path)) -> Guests {
        let source = format!("plugin.{}", self.extension);
        let contrary = root().join("tests/guests/contrary").with_extension(self.extension);
        let contrary = [(source, read(&contrary)), ("manifest.json".to_owned(), contrary_manifest().to_string().into_bytes())];
        Guests {
            queue: self.built("queue-depth", &[], tools, &beside).await,
            contrary: self.built("contrary", &contrary, tools, &beside).await,
        }
    }

    /// The component of a project that begins as the template; one that is there already is not built again.
    async fn built(&self, name: &str, changed: &[(String, Vec<u8>)], tools: &Path, beside: &impl Fn(&Path)) -> PathBuf {
        let key = self.key(changed);
        let family = format!("{name}-{}-", self.extension);
        let project = folder().join(format!("{family}{}", &key[..16]));
        fs::create_dir_all(&project).expect("a folder");
        let gate = fs::File::create(project.join(".gate")).expect("a file");
        gate.lock().expect("a lock");
        let done = project.join("built.wasm");
        if !done.exists() {
            forget_others(&family, &project);
            self.write_project(&project, name, changed);
            beside(&project);
            for line in self.commands() {
                self.run(&line, &project, tools).await;
            }
            fs::rename(project.join("plugin.wasm"), &done).expect("the component that the page promises");
        }
        done
    }

    /// The template, with its name filled in.
    fn write_project(&self, project: &Path, name: &str, changed: &[(String, Vec<u8>)]) {
        for file in files(&root().join(self.folder).join("template")) {
            let text = String::from_utf8(read(&file)).expect("a text");
            let text = text.replace("{{name}}", name).replace("{{shiftgate}}", &root().display().to_string());
            fs::write(project.join(file.file_name().expect("a name")), text).expect("a file");
        }
        for (file, content) in changed {
            fs::write(project.join(file), content).expect("a file");
        }
    }

    /// The commands of the page's section on building.
    fn commands(&self) -> Vec<String> {
        let page = String::from_utf8(read(&root().join(self.folder).join("README.md"))).expect("a text");
        let section = page.split("\n## Building\n").nth(1).expect("a section on building");
        let block = section.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
        let block = block.replace("\\\n", " ").replace("../shiftgate", &root().display().to_string());
        block.lines().filter_map(|line| line.strip_prefix("$ ")).map(ToOwned::to_owned).collect()
    }

    async fn run(&self, line: &str, project: &Path, tools: &Path) {
        let program = Path::new(env!("CARGO_BIN_EXE_shiftgate")).parent().expect("a folder");
        let path = std::env::join_paths([program.to_path_buf(), tools.join("bin")].into_iter().chain(path())).expect("a path");
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(project).env("PATH", path);
        succeed(shell).await;
    }

    /// A hash of all that goes into a component.
    fn key(&self, changed: &[(String, Vec<u8>)]) -> String {
        let mut hash = Sha256::new();
        hash.update(self.commands().join("\n"));
        let mut everything = files(&root().join(self.folder));
        everything.retain(|file| file.extension().is_none_or(|end| end != "md"));
        everything.extend(files(&root().join("wit")));
        everything.push(root().join("host/plugin/src/embed.rs"));
        for content in everything.iter().map(|file| read(file)).chain(changed.iter().map(|(_, content)| content.clone())) {
            hash.update((content.len() as u64).to_le_bytes());
            hash.update(content);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn contrary_manifest() -> Value {
    let text = json!({ "type": "string" });
    let schema = json!({ "type": "object", "properties": { "do": text, "text": text }, "required": ["do", "text"] });
    json!({
        "name": "contrary", "version": "0.1.0", "kind": "verification", "contract": "0.1.0",
        "config": schema, "state": { "writes": 2, "reads": [1, 2, 3] },
    })
}

/// Every file under a folder that is not a tool's, in the order of names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        match path.is_dir() {
            true if name == "node_modules" || name == "__pycache__" => {}
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// Deletes what was built of other contents.
fn forget_others(family: &str, but: &Path) {
    for entry in fs::read_dir(folder()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let related = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(family));
        if related && path != but {
            fs::remove_dir_all(path).expect("an old folder");
        }
    }
}

fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn link(to: &Path, from: &Path) {
    if !from.exists() {
        std::os::unix::fs::symlink(to, from).expect("a link");
    }
}

async fn succeed(mut command: Command) {
    let done = command.stdin(Stdio::null()).output().await.expect("the program starts");
    let (output, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{command:?}\n{output}{errors}");
}

#[expect(clippy::disallowed_methods, reason = "where tools are is known to the environment only")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn path() -> Vec<PathBuf> {
    variable("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "it says why it is skipped")]
fn say(line: &str) {
    println!("{line}");
}
