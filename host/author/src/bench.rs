//! How quick a plugin is: calls in a fresh instance, loading, compiling, and how large it is compiled.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use shiftgate_model::Call;

use crate::scenario::Scenario;
use crate::{AuthorError, Place, TestBed};

/// Loads that are measured.
const LOADS: usize = 11;

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Calls of `config.validate` that were measured.
    pub calls: usize,
    /// One call in a fresh instance, the median.
    pub median: Duration,
    /// The time that 95 of 100 calls do not exceed.
    pub p95: Duration,
    /// From the file to a component that can be called, with its code in the cache; the median.
    pub load: Duration,
    /// The same without a cache.
    pub compile: Duration,
    /// Bytes of the component.
    pub size: u64,
    /// Bytes of its compiled code in the cache.
    pub compiled: u64,
    /// Each scenario, from start to end: its name, and the median.
    pub scenarios: Vec<(String, Duration)>,
}

/// Measures a component with a config that it takes, and each of its scenarios.
///
/// # Errors
/// As [`TestBed::open`]; the plugin's own error when a call of it fails.
pub async fn bench(
    place: &Place,
    file: &str,
    config: &Value,
    calls: usize,
    scenarios: &[Scenario],
) -> Result<Measured, AuthorError> {
    let cache = tempfile::tempdir()
        .map_err(|source| AuthorError::Write { path: std::path::PathBuf::from("a temporary folder"), source })?;
    let place = Place { cache_dir: cache.path().to_path_buf(), ..place.clone() };
    let compile = TestBed::open(place.clone(), file).await?.loaded_in();
    let mut loads = Vec::with_capacity(LOADS);
    for _ in 0..LOADS {
        loads.push(TestBed::open(place.clone(), file).await?.loaded_in());
    }
    let bed = TestBed::open(place, file).await?;
    bed.expect_own(scenarios)?;
    let script = bed.script(&Scenario::of_config(config.clone()));
    let mut times = Vec::with_capacity(calls);
    // The first call makes what later ones find ready.
    for call in 0..=calls {
        let began = Instant::now();
        bed.call(&script, Call::Validate, crate::stage::BEGIN).await?;
        if call > 0 {
            times.push(began.elapsed());
        }
    }
    let mut played = Vec::new();
    for scenario in scenarios {
        let mut times = Vec::new();
        for _ in 0..LOADS {
            times.push(bed.scenario(scenario).await.took);
        }
        played.push((scenario.name.clone(), share(&mut times, 50)));
    }
    Ok(Measured {
        calls,
        median: share(&mut times, 50),
        p95: share(&mut times, 95),
        load: share(&mut loads, 50),
        compile,
        size: bed.inspection().size,
        compiled: bytes_in(cache.path()),
        scenarios: played,
    })
}

/// The time that so many of a hundred do not exceed.
fn share(times: &mut [Duration], of_hundred: usize) -> Duration {
    times.sort_unstable();
    let index = (times.len() * of_hundred / 100).min(times.len().saturating_sub(1));
    times.get(index).copied().unwrap_or_default()
}

/// Bytes of the largest file in a folder, and below: the code, beside which lies a key.
fn bytes_in(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let size = |path: std::path::PathBuf| match std::fs::metadata(&path) {
        Ok(found) if found.is_dir() => bytes_in(&path),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.map(|entry| size(entry.path())).max().unwrap_or_default()
}
