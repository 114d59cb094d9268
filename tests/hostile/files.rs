//! Files: what is no component, none of ours, or a component that is made to break whoever reads it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use shiftgate_model::PluginKind;
use shiftgate_plugin::Budgets;

use super::guests::{dummy, manifest, named, verification, with_manifest, with_section};
use super::stage::{ANSWER, Attack, Row, Stage, row};

use PluginKind::{Approval, Verification, WrapUp};

pub(super) const ROWS: usize = 37;

const BROKEN: &str = "is a broken component";

fn good() -> Vec<u8> {
    with_manifest(dummy("verification-plugin"), &manifest(Verification))
}

/// The good component with one name in it changed.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = good();
    let places: Vec<usize> =
        bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from.as_bytes()).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{from} is in the component");
    for at in places {
        bytes.splice(at..at + from.len(), to.bytes());
    }
    bytes
}

/// Machine code of a component, as the program's own compiler writes it.
fn machine_code() -> Vec<u8> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_shiftgate"))
        .arg("compile-component")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // The best code; a minute, 8 GiB.
    let header = [0_u64, 60, 8 << 30].map(u64::to_le_bytes).concat();
    std::io::Write::write_all(&mut stdin, &[header, good()].concat()).expect("the program reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success() && output.stdout.starts_with(b"\x7fELF"), "{:?}", output.status);
    output.stdout
}

fn no_components() -> Vec<Row> {
    let is = |name: &str, bytes: &[u8], words: &str| row(name, Attack::start(bytes.to_vec()), &[words]);
    vec![
        is("nothing", b"", "it is an empty file"),
        is("HTML saved as .wasm", b"<!DOCTYPE html><title>Sign in</title>", "it is an HTML page"),
        is("HTML behind blanks and a mark", b"\xef\xbb\xbf \n<html>", "it is an HTML page"),
        is("JSON", br#"{"message":"Not Found"}"#, "it is JSON"),
        is("a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        is("a gzip archive", b"\x1f\x8b\x08\0\0\0\0\0", "a gzip archive"),
        is("a zip archive", b"PK\x03\x04\x14\0", "a zip archive"),
        is("a native program", b"\x7fELF\x02\x01\x01\0", "a native program"),
        is("WebAssembly as text", b"(component)", "WebAssembly text"),
        is("escapes as text", b"\x1b]0;pwned\x07\x1b[2J", "it is text"),
        is("a core module", b"\0asm\x01\0\0\0", "is a core WebAssembly module"),
        is("a format of tomorrow", b"\0asm\x0e\0\x01\0", "a version of the format that is not known"),
        is("a first line only", b"\0asm\x0d", "it ends within its first 8 bytes"),
        is("a .cwasm", &machine_code(), "is precompiled machine code (.cwasm)"),
    ]
}

/// Components that parsers choke on.
fn bombs() -> Vec<Row> {
    let parse = |text: &str| wat::parse_str(text).expect("a component");
    let deep = format!("{}{}", "(component ".repeat(90), ")".repeat(90));
    let mut doubling = String::from("(component (type $t0 (tuple u64 u64))");
    for index in 0..40 {
        let _ = write!(doubling, "(type $t{} (tuple $t{index} $t{index}))", index + 1);
    }
    let _ = write!(doubling, r#"(import "a" (func (param "b" $t40))))"#);
    let many: String = (0..20_000).map(|index| format!(r#"(import "a{index}" (func))"#)).collect();
    let long = format!(r#"(component (import "{}" (func)))"#, "a".repeat(90_000));
    let whole = good();
    let sections =
        (0..100_000_u32).fold(good(), |bytes, index| with_section(bytes, 0, &named("shiftgate:manifest", &index.to_le_bytes())));
    let runs = || verification(ANSWER, "");
    vec![
        row("a component that is cut", Attack::start(whole[..whole.len() / 2].to_vec()), &[BROKEN]),
        row(
            "a section longer than the file",
            Attack::start(with_section(good(), 0, &[]).into_iter().chain([0, 0xff, 0xff, 0xff, 0xff, 0x0f]).collect()),
            &[BROKEN],
        ),
        row("a length that never ends", Attack::start([good(), vec![0x0b], vec![0xff; 64]].concat()), &[BROKEN]),
        row("a section of no kind", Attack::start(with_section(good(), 0x7e, &[1, 2, 3])), &[BROKEN]),
        row(
            "four billion imports",
            Attack::start(with_section(b"\0asm\x0d\0\x01\0".to_vec(), 10, &[0xff, 0xff, 0xff, 0xff, 0x0f])),
            &[BROKEN],
        ),
        row("ninety components in each other", Attack::start([good(), parse(&deep)].concat()), &[BROKEN]),
        row("a type of a trillion parts", Attack::start(with_section(good(), 4, &parse(&doubling))), &[BROKEN]),
        row("twenty thousand imports", Attack::start(with_section(runs(), 4, &parse(&format!("(component {many})")))), &["pass"]),
        row("an import with a name of 90,000 letters", Attack::start(parse(&long)), &["is a component, but not a plugin"]),
        row("a hundred thousand manifests", Attack::start(sections), &[BROKEN, "more than 16 different manifests"]),
        row(
            "a name section that is oversized",
            Attack::start(with_section(runs(), 0, &named("component-name", &vec![0xff; 4 << 20]))),
            &["pass"],
        ),
        row(
            "a file that is too large",
            Attack::start(vec![0; (8 << 20) + 1]),
            &["has 8388609 bytes, more than the 8 MiB that a component may have"],
        ),
    ]
}

fn of_another_kind() -> Vec<Row> {
    let is = |name: &str, bytes: Vec<u8>, words: &str| row(name, Attack::start(bytes), &[words]);
    let greedy = with_manifest(dummy("greedy"), &manifest(Verification));
    let approval = with_manifest(dummy("approval-plugin"), &manifest(Approval));
    vec![
        is("a component of another world", dummy("stranger"), "is a component, but not a plugin"),
        is(
            "an older contract",
            renamed("shiftgate:step/verification@0.1.0", "shiftgate:step/verification@0.0.9"),
            "is for version 0.0.9 of the plugin contract",
        ),
        is(
            "a newer contract",
            renamed("shiftgate:step/verification@0.1.0", "shiftgate:step/verification@9.9.9"),
            "is for version 9.9.9 of the plugin contract",
        ),
        is(
            "an import of a newer contract",
            renamed("shiftgate:step/host@0.1.0", "shiftgate:step/host@0.2.0"),
            "is for version 0.2.0 of the plugin contract",
        ),
        is("an import that nobody has", greedy, "imports what no plugin gets: test:guests/secrets"),
        is("an approval as a verification", approval, "is an approval plugin, but the step needs a verification plugin"),
        row(
            "a verification as a wrap-up",
            Attack::start(good()).kind(WrapUp),
            &["is a verification plugin, but the step needs a wrap-up plugin"],
        ),
    ]
}

/// Paths that lead to no file.
fn places(dir: &Path) -> Vec<Row> {
    let link = dir.join("loop.wasm");
    symlink(&link, &link).expect("a link");
    let folder = dir.join("folder.wasm");
    fs::create_dir(&folder).expect("a folder");
    let is = |name: &str, file: PathBuf, words: &str| row(name, Attack::file(file), &[words]);
    vec![
        is("a device that never ends", PathBuf::from("/dev/zero"), "a directory or a device"),
        is("a folder", folder, "a directory or a device"),
        is("a link to itself", link, "cannot read"),
        is("a file that is not there", dir.join("nowhere.wasm"), "there is no file"),
    ]
}

#[tokio::test]
async fn files_are_refused_with_their_reason() {
    let stage = Stage::new(Budgets { component_bytes: 8 << 20, ..Budgets::default() });
    let mut rows = no_components();
    rows.extend(bombs());
    rows.extend(of_another_kind());
    rows.extend(places(stage.dir.path()));
    stage.play("files", ROWS, rows).await;
}
