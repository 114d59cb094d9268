//! Other programs' numbers: scipy's, and R's where it is on the path, on a thousand samples. Runs where an environment variable names a
//! Python that has scipy; `tests/peers/judge.py` says what is compared.

use std::path::Path;
use std::process::Command;

#[expect(dead_code, reason = "an example's `main` is not called here")]
#[path = "../../examples/samples.rs"]
mod samples;

const PYTHON: &str = "SHIFTGATE_PEERS_PYTHON";

#[test]
#[expect(clippy::disallowed_methods, reason = "where a peer's packages are is known to the environment only")]
fn scipy_and_r_compute_the_same() {
    let Some(python) = std::env::var(PYTHON).ok().filter(|python| !python.is_empty()) else {
        println!("skipped: {PYTHON} is not set; it names a python that has tests/peers/requirements.txt installed");
        return;
    };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("samples-{}", std::process::id()));
    std::fs::write(&file, samples::lines(1, 1000).join("\n")).expect("the samples are written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/judge.py");
    let done = Command::new(python).arg(script).arg(&file).output().expect("the peer starts");
    std::fs::remove_file(&file).expect("the samples are removed");
    let (output, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    println!("{output}");
    assert!(done.status.success(), "{output}{errors}");
}
