//! The cache: somebody changes what is in it, and the next process still runs the component that was asked for.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use shiftgate_model::{PluginKind, PluginSource};
use shiftgate_plugin::PluginsConfig;
use tempfile::TempDir;

use super::guests::verification;
use super::stage::{ANSWER, Attack, Stage, row};

pub(super) const ROWS: usize = 14;

/// A change of an entry; the second path is another component's entry.
type Change = fn(&Path, &Path);

const CHANGES: [(&str, Change); ROWS] = [
    ("a flipped bit at the beginning", |entry, _| flip(entry, |_| 0)),
    ("a flipped bit in the mark", |entry, _| flip(entry, |_| 20)),
    ("a flipped bit in the middle", |entry, _| flip(entry, |length| length / 2)),
    ("a flipped bit at the end", |entry, _| flip(entry, |length| length - 1)),
    ("an entry that is cut by a byte", |entry, _| cut(entry, |length| length - 1)),
    ("half an entry", |entry, _| cut(entry, |length| length / 2)),
    ("an empty entry", |entry, _| cut(entry, |_| 0)),
    ("another component's entry", |entry, other| fs::write(entry, fs::read(other).expect("an entry")).expect("an entry")),
    ("a link to another component's entry", |entry, other| linked(entry, other)),
    ("a link to the good entry elsewhere", |entry, _| {
        let moved = entry.with_extension("moved");
        fs::rename(entry, &moved).expect("a rename");
        symlink(moved, entry).expect("a link");
    }),
    ("a link to a device that never ends", |entry, _| linked(entry, Path::new("/dev/zero"))),
    ("a pipe that nobody writes to", |entry, _| {
        fs::remove_file(entry).expect("the entry");
        let made = Command::new("mkfifo").arg(entry).status().expect("mkfifo");
        assert!(made.success());
    }),
    ("an entry that everybody may write", |entry, _| {
        fs::set_permissions(entry, Permissions::from_mode(0o666)).expect("a mode");
    }),
    ("another key", |entry, _| {
        let key = entry.with_file_name("key");
        fs::write(&key, [7; 32]).expect("a key");
        fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("a mode");
    }),
];

fn flip(entry: &Path, place: impl Fn(usize) -> usize) {
    let mut bytes = fs::read(entry).expect("the entry");
    let place = place(bytes.len());
    bytes[place] ^= 1;
    fs::write(entry, bytes).expect("the entry");
}

fn cut(entry: &Path, length: impl Fn(usize) -> usize) {
    let bytes = fs::read(entry).expect("the entry");
    fs::write(entry, &bytes[..length(bytes.len())]).expect("the entry");
}

fn linked(entry: &Path, to: &Path) {
    fs::remove_file(entry).expect("the entry");
    symlink(to, entry).expect("a link");
}

/// A stage whose host keeps its code there.
fn at(cache: &Path) -> Stage {
    let cache_dir = cache.to_path_buf();
    Stage::with(|config| PluginsConfig { cache_dir, ..config })
}

/// Compiles these bytes into the cache; returns the entry.
async fn compiled(cache: &Path, bytes: &[u8]) -> PathBuf {
    let stage = at(cache);
    let before = entries(cache);
    let file = stage.dir.path().join("plugin.wasm");
    fs::write(&file, bytes).expect("a file");
    let source = PluginSource::new("plugin", file.display().to_string());
    stage.plugins.prepare(&source, PluginKind::Verification).await.expect("a plugin");
    entries(cache).into_iter().find(|entry| !before.contains(entry)).expect("a new entry")
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(cache).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    listed.filter(|path| path.extension().is_some_and(|end| end == "code")).collect()
}

#[tokio::test]
async fn what_is_in_doubt_is_compiled_again() {
    let asked = verification(
        &format!("(call $log (i32.const 1) (i32.const 2048) (i32.const 5)) {ANSWER}"),
        r#"(data (i32.const 2048) "asked")"#,
    );
    let other = verification(
        &format!("(call $log (i32.const 1) (i32.const 2048) (i32.const 5)) {ANSWER}"),
        r#"(data (i32.const 2048) "other")"#,
    );
    for (name, change) in CHANGES {
        let cache = TempDir::new().expect("a directory");
        let cache = cache.path().join("cache");
        let (entry, others) = (compiled(&cache, &asked).await, compiled(&cache, &other).await);
        change(&entry, &others);
        let attack = Attack::start(asked.clone());
        at(&cache).play("cache", 1, vec![row(name, attack, &["pass", "asked"]).never(&["other"])]).await;
    }
}
