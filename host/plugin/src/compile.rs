//! Compiling in a process of its own: a few kilobytes of a stranger's component can keep a compiler busy for minutes.
//!
//! The child is this program again ([`compile_child`] is its whole life): it takes limits of processor time and memory upon
//! itself, reads a component from standard input, and writes machine code to standard output. What is too hard for the best code
//! is tried once more with the quick register allocator, and then refused. The code goes to `cache/`, like any that this
//! process made.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use wasmtime::{Engine, RegallocAlgorithm};

use crate::budgets::Budgets;
use crate::engine;

/// Who compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// This process, without a limit: for components that the one who runs it has built.
    Here,
    /// A child: this program with these arguments, which has to call [`compile_child`].
    Child {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        args: Vec<String>,
    },
}

/// Why there is no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The compiler does not take it.
    Refused(String),
    /// It takes more than a compile may.
    TooHard(String),
}

/// How the code is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effort {
    Best,
    /// The register allocator with a single pass: slower code, in a time that grows with the size only.
    Quick,
}

/// What a child may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// Processor time, in seconds.
    seconds: u64,
    /// Address space, in bytes.
    bytes: u64,
}

impl Allowance {
    pub(crate) fn of(budgets: &Budgets) -> Self {
        Self { seconds: budgets.compile.0.div_ceil(1_000).max(1), bytes: budgets.compile_bytes }
    }

    /// What a component of so many bytes may use: ordinary code compiles in about a second a megabyte, and an interpreter that
    /// is a guest has many.
    const fn for_size(self, size: usize) -> Self {
        Self { seconds: self.seconds + SECONDS_A_MEGABYTE * (size as u64 >> 20), ..self }
    }
}

/// More processor time for each whole MiB of a component.
const SECONDS_A_MEGABYTE: u64 = 2;

/// How much longer than its processor time a child may take, on a machine with other work.
const PATIENCE: u32 = 6;
/// The longest text of a child that is told.
const WORDS: u64 = 4 << 10;

/// Compiles `wasm` for `engine`.
pub(crate) fn compile(compiler: &Compiler, engine: &Engine, allowance: Allowance, wasm: &[u8]) -> Result<Vec<u8>, Failure> {
    match compiler {
        Compiler::Here => engine.precompile_component(wasm).map_err(|error| Failure::Refused(format!("{error:#}"))),
        Compiler::Child { program, args } => {
            let allowance = allowance.for_size(wasm.len());
            let run = |effort| in_child(Command::new(program).args(args), effort, allowance, wasm);
            match run(Effort::Best) {
                Err(Failure::TooHard(why)) => {
                    tracing::info!(%why, "a plugin is compiled again, with the quick register allocator");
                    run(Effort::Quick)
                }
                done => done,
            }
        }
    }
}

fn in_child(command: &mut Command, effort: Effort, allowance: Allowance, wasm: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| Failure::Refused(format!("the compiler cannot be run: {error}"));
    let child = command
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let wall = Duration::from_secs(allowance.seconds) * PATIENCE;
    let (status, code, words) = fed(child, &header(effort, allowance), wasm, wall).map_err(failed)?;
    match status {
        None => Err(Failure::TooHard(format!("it was still being compiled after {} s", wall.as_secs()))),
        Some(status) if status.success() => Ok(code),
        Some(status) => Err(of_status(status, &words, allowance)),
    }
}

/// Feeds a child and takes what it writes; no status when its time was over.
fn fed(mut child: Child, header: &[u8], wasm: &[u8], wall: Duration) -> io::Result<(Option<ExitStatus>, Vec<u8>, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (done, ended) = channel::<()>();
    let child = &mut child;
    std::thread::scope(|scope| {
        // A child that dies leaves a broken pipe; its status says more.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(header).and_then(|()| stdin.write_all(wasm))));
        let words = scope.spawn(move || {
            let mut words = Vec::new();
            let read = stderr.map(|stderr| stderr.take(WORDS).read_to_end(&mut words));
            drop(read);
            String::from_utf8_lossy(&words).into_owned()
        });
        let code = scope.spawn(move || {
            let mut code = Vec::new();
            let read = stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut code));
            drop(done);
            read.map(|_| code)
        });
        // Its output ends when it does.
        let in_time = ended.recv_timeout(wall) != Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if !in_time {
            child.kill()?;
        }
        let status = child.wait()?;
        let code = code.join().unwrap_or_else(|_| Err(io::Error::other("its output was lost")))?;
        Ok((in_time.then_some(status), code, words.join().unwrap_or_default()))
    })
}

fn of_status(status: ExitStatus, words: &str, allowance: Allowance) -> Failure {
    let by = status.signal();
    let is = |signal: Signal| by == Some(signal.as_raw());
    if is(Signal::XCPU) || is(Signal::KILL) {
        return Failure::TooHard(format!("compiling it takes more than {} s of processor time", allowance.seconds));
    }
    if is(Signal::ABORT) || words.contains("memory allocation of") || words.contains("out of memory") {
        let memory = crate::budgets::bytes(allowance.bytes);
        return Failure::TooHard(format!("compiling it takes more than {memory} of memory"));
    }
    match words.trim() {
        "" => Failure::Refused(format!("the compiler ended with {status}")),
        words if status.code() == Some(REFUSED) => Failure::Refused(words.to_owned()),
        words => Failure::Refused(format!("the compiler failed on it, which is a bug of the compiler: {words}")),
    }
}

const REFUSED: i32 = 3;

/// What the child reads before the component: three numbers.
fn header(effort: Effort, allowance: Allowance) -> Vec<u8> {
    let numbers = [u64::from(effort == Effort::Quick), allowance.seconds, allowance.bytes];
    numbers.map(u64::to_le_bytes).concat()
}

fn number(input: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// The life of a child that compiles: standard input holds what it may use and a component; standard output gets the code.
///
/// The exit code is 0 with the code, 3 with the compiler's refusal on standard error.
#[must_use]
pub fn compile_child() -> ExitCode {
    match compiled() {
        Ok(code) => match io::stdout().lock().write_all(&code) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::from(u8::try_from(REFUSED).unwrap_or(1))
        }
    }
}

fn compiled() -> Result<Vec<u8>, String> {
    let mut input = io::stdin().lock();
    let mut next = || number(&mut input).map_err(|error| error.to_string());
    let (quick, seconds, bytes) = (next()?, next()?, next()?);
    limit(seconds, bytes).map_err(|error| format!("cannot limit itself: {error}"))?;
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm).map_err(|error| error.to_string())?;
    let mut config = engine::base();
    if quick == 1 {
        config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    }
    let engine = Engine::new(&config).map_err(|error| format!("{error:#}"))?;
    engine.precompile_component(&wasm).map_err(|error| format!("{error:#}"))
}

/// Takes limits upon this process that it cannot get rid of.
fn limit(seconds: u64, bytes: u64) -> rustix::io::Result<()> {
    let no_more = |resource, most: u64| {
        let now = getrlimit(resource);
        let most = now.maximum.map_or(most, |maximum| maximum.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
    };
    no_more(Resource::Core, 0)?;
    no_more(Resource::Cpu, seconds)?;
    no_more(Resource::As, bytes)
}
