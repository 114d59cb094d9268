//! The rules of the house, as tests: who may import whom, what pure rooms may not see, how large a file may be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::root;

/// Who may import whom. A room that is not here may import nothing of ours.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("host/model", &[]),
    ("host/workflow", &["shiftgate-model"]),
    ("host/engine", &["shiftgate-model", "shiftgate-workflow"]),
    ("host/cloud", &["shiftgate-model"]),
    ("host/plugin", &["shiftgate-model"]),
    // Scenarios write lengths of time as workflow files do.
    ("host/author", &["shiftgate-model", "shiftgate-workflow", "shiftgate-plugin"]),
    ("host/report", &["shiftgate-model"]),
    // The runs that the record keeps are plans, so the store knows the plan's shape.
    ("host/store", &["shiftgate-model", "shiftgate-engine", "shiftgate-workflow"]),
    ("host/store/tls", &[]),
    ("host/sim", &[]),
    (
        "host/cli",
        &[
            "shiftgate-model",
            "shiftgate-workflow",
            "shiftgate-engine",
            "shiftgate-cloud",
            "shiftgate-plugin",
            "shiftgate-author",
            "shiftgate-report",
            "shiftgate-store",
            "shiftgate-sim",
        ],
    ),
    ("host/xtask", &[]),
    ("sdk", &["shiftgate-sdk-macros"]),
    ("sdk/macros", &[]),
    ("plugins/http-check", &["shiftgate-sdk"]),
    ("plugins/prometheus", &["analysis", "shiftgate-sdk"]),
    ("plugins/cloudwatch", &["analysis", "shiftgate-sdk"]),
    ("plugins/datadog", &["analysis", "shiftgate-sdk"]),
    ("plugins/newrelic", &["analysis", "shiftgate-sdk"]),
    ("plugins/elasticsearch", &["analysis", "shiftgate-sdk"]),
    ("plugins/appdynamics", &["analysis", "shiftgate-sdk"]),
    ("plugins/http-json", &["analysis", "shiftgate-sdk"]),
    ("plugins/manual-approval", &["shiftgate-sdk"]),
    ("plugins/webhook", &["shiftgate-sdk"]),
    ("plugins/judge", &[]),
    ("plugins/analysis", &["judge", "shiftgate-sdk"]),
];

/// What pure rooms and the interpreter may not see.
const NOT_IN_PURE_ROOMS: &[&str] = &[
    "tokio::",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::env",
    "std::process",
    "SystemTime",
    "Instant::now",
    "rand::",
    "getrandom",
];

/// Files of the engine that wait on tokio's clock; the interpreter is not among them.
const ENGINE_MAY_WAIT: &[&str] =
    &["activities.rs", "poller.rs", "sim.rs", "steps/steady.rs", "steps/blue_green/rollback.rs", "tests/"];

const MOST_LINES: usize = 400;

fn sources(under: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![under.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Lines before the first `#[cfg(test)]`: what the program is made of.
fn program_text(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

#[test]
fn every_arrow_between_rooms_is_in_the_table() {
    let root = root();
    let rules: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let workspace = fs::read_to_string(root.join("Cargo.toml")).expect("the workspace");
    let members: Vec<&str> = workspace
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .map(|(list, _)| list.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\",")).collect())
        .expect("the members");
    assert!(members.len() > 10, "the members are read: {members:?}");
    for member in members {
        let allowed = rules.get(member).unwrap_or_else(|| panic!("room {member} is missing in the table"));
        let manifest = fs::read_to_string(root.join(member).join("Cargo.toml")).expect("a manifest");
        let dependencies = manifest.split("\n[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        let ours = |line: &&str| ["shiftgate", "analysis", "judge"].iter().any(|name| line.starts_with(name));
        for line in dependencies.lines().filter(ours) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            assert!(allowed.contains(&name), "{member} imports {name}, which the table does not allow");
        }
    }
}

#[test]
fn pure_rooms_see_no_clock_no_files_and_no_sockets() {
    let root = root();
    let mut pure = sources(&root.join("host/model/src"));
    pure.extend(sources(&root.join("host/workflow/src")));
    pure.extend(sources(&root.join("plugins/judge/src")));
    pure.extend(sources(&root.join("plugins/analysis/src")));
    pure.extend(sources(&root.join("host/report/src")));
    let engine = root.join("host/engine/src");
    pure.extend(sources(&engine).into_iter().filter(|path| {
        let name = path.strip_prefix(&engine).expect("inside").to_string_lossy().into_owned();
        !ENGINE_MAY_WAIT.iter().any(|free| name.starts_with(free))
    }));
    pure.retain(|path| !path.components().any(|part| part.as_os_str() == "tests"));
    assert!(pure.len() > 20, "the sources are found");
    for path in pure {
        let text = program_text(&path);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for (number, line) in code.enumerate() {
            for word in NOT_IN_PURE_ROOMS {
                assert!(!line.contains(word), "{}: `{word}` in about line {}: {line}", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn no_room_but_its_own_names_wasmtime_or_http() {
    let root = root();
    let homes: [(&str, &[&str]); 3] = [
        ("wasmtime::", &["host/plugin"]),
        // The demo's users send requests to the simulated load balancer.
        ("reqwest::", &["host/cloud", "host/plugin", "host/sim/src/tests", "host/cli/src/commands/demo/traffic.rs"]),
        ("duroxide::", &["host/store"]),
    ];
    for path in sources(&root.join("host")) {
        let name = path.strip_prefix(&root).expect("inside").to_string_lossy().into_owned();
        let text = program_text(&path);
        for (word, rooms) in homes {
            assert!(!text.contains(word) || rooms.iter().any(|room| name.starts_with(room)), "{name} names {word}");
        }
    }
}

#[test]
fn every_http_client_names_its_tls() {
    // duroxide-pg switches on reqwest's native-tls, which is then what a client takes that names none:
    // docs/adr/0011-postgresql-for-many-hosts.md.
    let root = root();
    let rooms = ["host/cloud/src", "host/plugin/src", "host/cli/src"];
    let files: Vec<PathBuf> = rooms.iter().flat_map(|room| sources(&root.join(room))).collect();
    let naming = |path: &&PathBuf| program_text(path).contains("reqwest");
    for path in files.iter().filter(naming) {
        let text = program_text(path);
        let (made, named) = (text.matches("Client::builder()").count(), text.matches(".tls_backend_rustls()").count());
        assert!(!text.contains("Client::new()") && made <= named, "{} makes a client that names no TLS", path.display());
    }
}

#[test]
fn native_tls_is_ours_and_nothing_brings_openssl() {
    // Cargo passes a patch over that lacks a feature, with no more than a warning: docs/adr/0012-tls-to-the-database.md.
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("what cargo took");
    let taken: Vec<&str> = lock.split("[[package]]").collect();
    let named = |name: &str| taken.iter().filter(|package| package.contains(&format!("name = \"{name}\"\n"))).collect::<Vec<_>>();
    assert!(named("native-tls").iter().all(|package| !package.contains("source = ")), "native-tls is not host/store/tls");
    for stranger in ["openssl", "openssl-sys", "openssl-src"] {
        assert!(named(stranger).is_empty(), "{stranger}: find it with `cargo tree -i {stranger} -e features`");
    }
}

#[test]
fn files_are_small_enough_to_be_read() {
    let root = root();
    let mut large = Vec::new();
    for path in ["host", "sdk", "plugins", "tests"].iter().flat_map(|folder| sources(&root.join(folder))) {
        let lines = program_text(&path).lines().count();
        if lines > MOST_LINES {
            large.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert!(large.is_empty(), "files over {MOST_LINES} lines, tests not counted: {large:#?}");
}

#[test]
fn every_source_file_opens_with_a_paragraph() {
    let root = root();
    let mut silent = Vec::new();
    for path in ["host", "sdk/src", "sdk/macros/src", "plugins", "tests"].iter().flat_map(|folder| sources(&root.join(folder))) {
        let text = fs::read_to_string(&path).expect("a source file");
        if !text.starts_with("//!") {
            silent.push(path.display().to_string());
        }
    }
    assert!(silent.is_empty(), "files without a first paragraph: {silent:#?}");
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    let root = root();
    // Spelled in two parts, so that this file does not find itself.
    let words = [["todo", "!("], ["unimplemented", "!("], ["#[ign", "ore"], ["thread::sl", "eep("]].map(|parts| parts.concat());
    for path in ["host", "sdk", "plugins", "tests"].iter().flat_map(|folder| sources(&root.join(folder))) {
        let text = fs::read_to_string(&path).expect("a source file");
        for word in &words {
            assert!(!text.contains(word), "{} holds `{word}`", path.display());
        }
    }
}
