//! The cache gives back what was put in, or nothing: flipped bits, forged facts, swapped entries, links, foreign owners.

use std::os::unix::fs::symlink;

use shiftgate_model::Digest;

use super::*;
use crate::component::Anatomy;

const ADDER: &str = r#"(component (core module (func (export "f") (result i32) i32.const 1)))"#;
const OTHER: &str = r#"(component (core module (func (export "f") (result i32) i32.const 2)))"#;

/// Where a component's code came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Cache,
    Compiler,
}

struct World {
    dir: tempfile::TempDir,
    engine: Engine,
}

impl World {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), engine: Engine::default() }
    }

    fn cache_dir(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// Loads `text` through a newly opened cache, as another process would.
    fn load(&self, text: &str) -> From {
        let cache = self.open();
        let component = fingerprint(text);
        if let Some(entry) = cache.find(&component, &mut Buffer::new()) {
            assert_eq!(*entry.facts(), facts(text));
            assert!(entry.load(&self.engine).is_some());
            return From::Cache;
        }
        let wasm = wat::parse_str(text).unwrap();
        let code = self.engine.precompile_component(&wasm).unwrap();
        cache.take(&self.engine, &component, &facts(text), &wasm, &code).unwrap();
        From::Compiler
    }

    fn holds(&self, text: &str) -> bool {
        self.open().holds(&fingerprint(text))
    }

    fn open(&self) -> Cache {
        Cache::open(&self.cache_dir(), &self.engine)
    }

    fn entry(&self, text: &str) -> PathBuf {
        let cache = self.open();
        cache.store.as_ref().unwrap().path(&fingerprint(text), &cache.compatibility)
    }
}

fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint::of(&wat::parse_str(text).unwrap())
}

fn facts(text: &str) -> Facts {
    let digest = Sha256::digest(wat::parse_str(text).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    let anatomy = Anatomy {
        imports: vec!["wasi:cli/exit@0.2.6".to_owned()],
        exports: vec!["f".to_owned()],
        manifests: vec![b"{}".to_vec()],
    };
    Facts { digest: Digest(digest), anatomy }
}

/// Where `what` stands in an entry.
fn place(whole: &[u8], what: &[u8]) -> usize {
    whole.windows(what.len()).position(|window| window == what).unwrap()
}

#[test]
fn nothing_is_compiled_twice() {
    let world = World::new();
    assert!(!world.holds(ADDER));
    assert_eq!(world.load(ADDER), From::Compiler);
    assert_eq!(world.load(ADDER), From::Cache);
    assert!(world.holds(ADDER));
    let left: Vec<_> = std::fs::read_dir(world.cache_dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "key, entry and copy: {left:?}");
}

#[test]
fn a_flipped_bit_anywhere_means_compiling_again() {
    let world = World::new();
    world.load(ADDER);
    let path = world.entry(ADDER);
    let whole = std::fs::read(&path).unwrap();
    let facts = HEAD_LENGTH..HEAD_LENGTH + facts(ADDER).encode().unwrap().len();
    for place in [0, 15, 16, 47, 48, 51, facts.start, facts.end - 1, facts.end, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        *bytes.get_mut(place).unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(!world.holds(ADDER), "byte {place}");
        assert_eq!(world.load(ADDER), From::Compiler, "byte {place}");
        assert_eq!(world.load(ADDER), From::Cache, "healed after byte {place}");
    }
}

#[test]
fn what_an_entry_says_of_its_component_cannot_be_changed() {
    let world = World::new();
    world.load(ADDER);
    let path = world.entry(ADDER);
    let whole = std::fs::read(&path).unwrap();
    let digest = facts(ADDER).digest.0;
    // The SHA-256 that a workflow pins, an import, a manifest: each as long as before, so that all else still fits.
    let forgeries: [(&[u8], &[u8]); 3] =
        [(digest.as_bytes(), &[b'0'; 64]), (b"wasi:cli/exit@0.2.6", b"wasi:cli/exec@0.2.6"), (b"{}", b"[]")];
    for (from, to) in forgeries {
        let at = place(&whole, from);
        let mut bytes = whole.clone();
        bytes.get_mut(at..at + to.len()).unwrap().copy_from_slice(to);
        std::fs::write(&path, &bytes).unwrap();
        assert!(!world.holds(ADDER), "{}", String::from_utf8_lossy(to));
        assert_eq!(world.load(ADDER), From::Compiler, "{}", String::from_utf8_lossy(to));
    }

    // Bytes of the code as facts, and bytes of the facts as code.
    let length = MAGIC.len() + MAC_LENGTH;
    for wrong in [0, 1, u32::try_from(whole.len()).unwrap(), u32::MAX] {
        let mut bytes = whole.clone();
        bytes.get_mut(length..HEAD_LENGTH).unwrap().copy_from_slice(&wrong.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(world.load(ADDER), From::Compiler, "facts of {wrong} bytes");
        assert_eq!(world.load(ADDER), From::Cache);
    }
}

#[test]
fn an_entry_of_another_version_means_compiling_again() {
    let world = World::new();
    world.load(ADDER);
    let path = world.entry(ADDER);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.splice(..MAGIC.len(), *b"shiftgate-code-1");
    std::fs::write(&path, &bytes).unwrap();
    assert!(!world.holds(ADDER));
    assert_eq!(world.load(ADDER), From::Compiler);
    assert_eq!(world.load(ADDER), From::Cache);
}

#[test]
fn a_cut_or_swapped_or_linked_entry_means_compiling_again() {
    let world = World::new();
    world.load(ADDER);
    world.load(OTHER);
    let (path, other) = (world.entry(ADDER), world.entry(OTHER));
    let whole = std::fs::read(&path).unwrap();

    let facts = facts(ADDER).encode().unwrap().len();
    for length in [0, 10, 20, 48, HEAD_LENGTH, HEAD_LENGTH + 1, HEAD_LENGTH + facts, whole.len() - 1] {
        std::fs::write(&path, whole.get(..length).unwrap()).unwrap();
        assert_eq!(world.load(ADDER), From::Compiler, "{length} bytes");
    }
    std::fs::copy(&other, &path).unwrap();
    assert_eq!(world.load(ADDER), From::Compiler, "another component's entry");

    let elsewhere = world.dir.path().join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert_eq!(world.load(ADDER), From::Compiler, "a link, even to a good entry");
    assert!(!std::fs::symlink_metadata(&path).unwrap().is_symlink());
}

#[test]
fn an_entry_that_others_may_write_means_compiling_again() {
    let world = World::new();
    world.load(ADDER);
    std::fs::set_permissions(world.entry(ADDER), Permissions::from_mode(0o666)).unwrap();
    assert_eq!(world.load(ADDER), From::Compiler);
    assert_eq!(world.load(ADDER), From::Cache);
}

#[test]
fn a_key_that_others_may_have_read_is_replaced_with_all_its_entries() {
    let world = World::new();
    world.load(ADDER);
    let key = world.cache_dir().join("key");
    let before = std::fs::read(&key).unwrap();
    assert_eq!(std::fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(world.load(ADDER), From::Compiler);
    assert_ne!(std::fs::read(&key).unwrap(), before);

    std::fs::write(&key, b"short").unwrap();
    assert_eq!(world.load(ADDER), From::Compiler);
    std::fs::remove_file(&key).unwrap();
    symlink("/dev/zero", &key).unwrap();
    assert_eq!(world.load(ADDER), From::Compiler);
    assert_eq!(std::fs::read(&key).unwrap().len(), 32);
}

#[test]
fn another_engine_does_not_take_the_entry() {
    let world = World::new();
    world.load(ADDER);
    let mut config = wasmtime::Config::new();
    config.epoch_interruption(true);
    let engine = Engine::new(&config).unwrap();
    assert!(!Cache::open(&world.cache_dir(), &engine).holds(&fingerprint(ADDER)));
}

#[test]
fn without_a_usable_directory_plugins_still_load() {
    let world = World::new();
    std::fs::write(world.cache_dir(), b"a file where the directory should be").unwrap();
    assert_eq!(world.load(ADDER), From::Compiler);
    assert_eq!(world.load(ADDER), From::Compiler);
}

#[test]
fn a_directory_that_others_may_write_is_closed() {
    let world = World::new();
    std::fs::create_dir(world.cache_dir()).unwrap();
    std::fs::set_permissions(world.cache_dir(), Permissions::from_mode(0o777)).unwrap();
    world.load(ADDER);
    assert_eq!(std::fs::metadata(world.cache_dir()).unwrap().mode() & 0o777, 0o700);
}
