//! The terms on which a component runs: a policy that names it, limits within bounds, its own state, its own bytes.

use sha2::Digest as _;
use shiftgate_model::{ActionState, Limit, Limits, Wake};

use super::guests::{ANSWER, Text, guest, manifest};
use super::*;
use crate::Policy;

use PluginKind::Verification;

fn plugin(start: &str) -> Vec<u8> {
    guest(Verification, &Text { start, poll: start, ..Text::default() }, &manifest(Verification))
}

fn passing() -> Vec<u8> {
    plugin(&format!("(i32.const {ANSWER})"))
}

/// A plugin that waits a minute with the state "abc".
fn waiting() -> Vec<u8> {
    let put = |at: u32, value: u32| format!("(i32.store (i32.const {}) (i32.const {value}))", ANSWER + at);
    let start = format!(
        "{} {} {} {} {} (i64.store (i32.const 1064) (i64.const 60000)) (i32.const {ANSWER})",
        put(8, 1),
        put(16, 1),
        put(20, 2048),
        put(24, 3),
        put(32, 1)
    );
    let text = Text { start: &start, poll: &start, more: r#"(data (i32.const 2048) "abc")"#, ..Text::default() };
    guest(Verification, &text, &manifest(Verification))
}

fn under(text: impl Fn(&str) -> String, bytes: &[u8]) -> World {
    let dir = tempfile::tempdir().unwrap();
    let digest = sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let policy = Policy::parse(std::path::Path::new("/etc/policy.toml"), &text(&digest)).unwrap();
    let plugins = Plugins::new(PluginsConfig { policy: Some(policy), ..config(&dir, Budgets::default()) }).unwrap();
    World { dir, plugins }
}

fn named(digest: &str) -> String {
    format!("version = 1\n[[plugin]]\nname = \"guest\"\nsha256 = [\"{digest}\"]\n")
}

#[tokio::test]
async fn with_a_policy_only_what_it_names_runs() {
    let bytes = passing();
    assert_eq!(shape(&under(named, &bytes).start(&bytes).await.unwrap().outcome), "pass: ");
    let world = under(|_| "version = 1\n".to_owned(), &bytes);
    let error = world.start(&bytes).await.unwrap_err();
    insta::assert_snapshot!(world.told(&error), @r"
plugin `guest`: the operator's policy /etc/policy.toml does not name the component with sha256 SHA
  hint: `shiftgate plugin grant DIR/guest.wasm` shows what it asks for, and names it there
");
    assert!(!error.retryable);
}

#[tokio::test]
async fn a_workflow_gets_limits_within_the_operators_bounds() {
    let bytes = passing();
    let limited = |world: &World, limits: &[(Limit, u64)]| PluginSource {
        limits: limits.iter().copied().collect::<Limits>(),
        ..world.source(&bytes)
    };
    let call = async |world: &World, source: &PluginSource| match world
        .call(source, Verification, Call::Start { summary: None })
        .await
    {
        Ok(reply) => shape(&reply.outcome),
        Err(error) => world.told(&error),
    };
    let free = World::new();
    assert_eq!(call(&free, &limited(&free, &[(Limit::Memory, 512 << 20)])).await, "pass: ");
    insta::assert_snapshot!(call(&free, &limited(&free, &[(Limit::Memory, 2 << 30)])).await, @r"
plugin `guest`: the limit `memory` is 2 GiB, and 1 GiB is the most that a workflow may give here
  hint: lower it under `limits:`, or raise the bound in the operator's policy
");
    // One page of memory is more than it may have.
    insta::assert_snapshot!(call(&free, &limited(&free, &[(Limit::Memory, 1 << 10)])).await, @r"
plugin `guest`: step `phase-1/verify-1`: it used up its budget `memory` of 1 KiB: it had 0 bytes and asked for 256 KiB more
  hint: give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author
");
    insta::assert_snapshot!(call(&free, &limited(&free, &[(Limit::File, 64)])).await, @r"
plugin `guest`: `DIR/guest.wasm` has 8230 bytes, more than the 64 bytes that a component may have
  hint: strip the component, build it with optimisation for size, or write `limits: { file: 48 MiB }` under the plugin
");
    let bound = under(|digest| format!("{}limits = {{ memory = \"96 MiB\" }}\n", named(digest)), &bytes);
    insta::assert_snapshot!(call(&bound, &limited(&bound, &[(Limit::Memory, 128 << 20)])).await, @r"
plugin `guest`: the limit `memory` is 128 MiB, and 96 MiB is the most that a workflow may give here
  hint: lower it under `limits:`, or raise the bound in the operator's policy
");
}

#[tokio::test]
async fn a_file_is_held_to_the_limit_of_each_call_and_to_the_operators() {
    let bytes = passing();
    let free = World::new();
    assert_eq!(shape(&free.start(&bytes).await.unwrap().outcome), "pass: ");
    // It is in memory by now, and no smaller.
    let source = PluginSource { limits: Limits::from([(Limit::File, 64)]), ..free.source(&bytes) };
    let error = free.call(&source, Verification, Call::Start { summary: None }).await.unwrap_err();
    assert!(error.message.contains("more than the 64 bytes"), "{error}");
    let bound = under(|digest| format!("{}limits = {{ file = 64 }}\n", named(digest)), &bytes);
    let error = bound.start(&bytes).await.unwrap_err();
    assert!(error.message.contains("more than the 64 bytes"), "{error}");
}

fn waits(outcome: Outcome) -> ActionState {
    match outcome {
        Outcome::Wait(suspension) => suspension.state,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_state_goes_back_to_the_step_that_saved_it_and_to_no_other() {
    let world = World::new();
    let source = world.source(&waiting());
    let start = world.call(&source, Verification, Call::Start { summary: None }).await.unwrap();
    let state = waits(start.outcome);
    let poll = async |state: &ActionState| {
        world.call(&source, Verification, Call::Poll { state: state.clone(), wake: Wake::Timer }).await
    };
    let next = waits(poll(&state).await.unwrap().outcome);
    assert_eq!((state.seal.as_ref().map(|seal| seal.polls), next.seal.as_ref().map(|seal| seal.polls)), (Some(1), Some(2)));
    let mut changed = state.clone();
    changed.bytes.push(b'!');
    let error = poll(&changed).await.unwrap_err();
    insta::assert_snapshot!(world.told(&error), @r"
plugin `guest`: step `phase-1/verify-1`: its saved state was changed, or is of another step: the seal does not fit
  hint: the record was changed by hand or mixed up; roll the run back, and begin a new one
");
    assert!(!error.retryable);
}

#[tokio::test]
async fn a_run_goes_on_with_the_component_that_it_began_with() {
    let world = World::new();
    let mut source = world.source(&passing());
    let digest = world.plugins.prepare(&source, Verification).await.unwrap();
    source.pinned = Some(digest.clone());
    let start = async || world.call(&source, Verification, Call::Start { summary: None }).await;
    world.file("guest.wasm", &plugin("unreachable"));
    let reply = start().await.unwrap();
    assert_eq!((shape(&reply.outcome), reply.digest), ("pass: ".to_owned(), digest.clone()));
    std::fs::remove_file(world.dir.path().join("guest.wasm")).unwrap();
    assert_eq!(start().await.unwrap().digest, digest);
    // A copy that was changed is not what the run began with.
    let copy = world.dir.path().join("cache").join(format!("{}.wasm", digest.0));
    std::fs::write(&copy, plugin("unreachable")).unwrap();
    let error = start().await.unwrap_err();
    insta::assert_snapshot!(world.told(&error), @r"
plugin `guest`: `DIR/cache/SHA.wasm` has sha256 SHA, but the workflow wants SHA
  hint: if the new file is meant, write `sha256: SHA` into the workflow; if not, restore the old file
");
    std::fs::remove_file(&copy).unwrap();
    world.file("guest.wasm", &plugin("unreachable"));
    insta::assert_snapshot!(world.told(&start().await.unwrap_err()), @r"
plugin `guest`: `DIR/guest.wasm` has sha256 SHA, and the run began with SHA, of which there is no copy here
  hint: put the component with sha256 SHA there again; a run goes on with the plugins that it began with
");
}
