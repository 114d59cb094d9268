//! One call's side of the host: the data of its store, and the imports that it may use.
//!
//! Lives as long as one instance. WASI is linked without power: no arguments, environment, files or sockets; standard output
//! and error go to the log. `egress/` sends what `http.send` asks for; `run.rs` makes and drops these.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use shiftgate_model::{Clock, Exchange, Level, Millis, Timestamp};
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};

use crate::Budgets;
use crate::bindings::{host, http};
use crate::budgets::Exceeded;
use crate::egress::{Answer, Ask, Carried, Egress, Failure, Quota};
use crate::engine::TICK;
use crate::error::HostError;
use crate::grants::Rights;
use crate::limiter::Limiter;
use crate::log::{Log, LogStream, Stream};
use crate::tape::{Answers, Asked, CallClock, Tape};

/// Refusals that are told in one call.
const DENIALS: usize = 10;
/// The most random bytes that a guest gets at once.
const RANDOM_LIMIT: u64 = 64 << 10;

/// What one call has and may.
pub(crate) struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
    limiter: Limiter,
    log: Log,
    clock: Arc<CallClock>,
    egress: Arc<Egress>,
    answers: Option<Arc<dyn Answers>>,
    rights: Arc<Rights>,
    quota: Quota,
    carried: Carried,
    tape: Tape,
    /// What was refused to it, with the lines that would grant it; each once.
    denials: Vec<String>,
    /// Epochs during which it computed.
    ticks: u64,
    compute: Millis,
}

/// What a guest is made from.
pub(crate) struct GuestParts<'a> {
    pub(crate) budgets: &'a Budgets,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) egress: &'a Arc<Egress>,
    /// What was recorded, and answers instead of `egress`.
    pub(crate) answers: Option<&'a Arc<dyn Answers>>,
    pub(crate) rights: Arc<Rights>,
    pub(crate) log: Log,
    /// The compute budget of this call.
    pub(crate) compute: Millis,
    /// What its random numbers come from; none takes the system's.
    pub(crate) seed: Option<[u8; 32]>,
}

impl Guest {
    /// A store for one call, with every budget in place before any code of the guest runs.
    pub(crate) fn store(engine: &Engine, parts: GuestParts<'_>) -> Store<Self> {
        let budgets = parts.budgets;
        let clock = Arc::new(CallClock::new(Arc::clone(parts.clock)));
        let mut table = ResourceTable::new();
        table.set_max_capacity(budgets.handles as usize);
        let mut wasi = WasiCtx::builder();
        wasi.allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(RANDOM_LIMIT)
            .wall_clock(WallClock(Arc::clone(&clock)))
            .stdout(LogStream::new(&parts.log, Stream::Out))
            .stderr(LogStream::new(&parts.log, Stream::Error));
        if let Some(seed) = parts.seed {
            let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = seed;
            wasi.secure_random(StdRng::from_seed(seed))
                .insecure_random(StdRng::from_seed(seed))
                .insecure_random_seed(u128::from_le_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]));
        }
        let guest = Self {
            wasi: wasi.build(),
            table,
            limiter: Limiter::new(budgets),
            log: parts.log,
            tape: Tape::new(clock.now()),
            clock,
            egress: Arc::clone(parts.egress),
            answers: parts.answers.cloned(),
            rights: parts.rights,
            quota: Quota::new(budgets),
            carried: Carried::default(),
            denials: Vec::new(),
            ticks: 0,
            compute: parts.compute,
        };
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(usize::try_from(budgets.host_call_bytes).unwrap_or(usize::MAX));
        store.set_max_component_handles(budgets.handles as usize);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(tick);
        store
    }

    /// How long it computed, in whole ticks.
    pub(crate) const fn computed(&self) -> Millis {
        Millis(self.ticks.saturating_mul(TICK.0))
    }

    /// The last refusal of this call.
    pub(crate) fn denial(&self) -> Option<&str> {
        self.denials.last().map(String::as_str)
    }

    /// Tells the operator of a refusal: the guest may keep it to itself, or squeeze it into one line.
    fn deny(&mut self, text: &str) {
        if self.denials.len() < DENIALS && !self.denials.iter().any(|known| known == text) {
            self.log.lines(Level::Warn, text);
            self.denials.push(text.to_owned());
        }
    }

    /// The secrets that left in this call.
    pub(crate) const fn carried(&self) -> &Carried {
        &self.carried
    }

    /// When the call began, what it asked the outside, and how many exchanges there was no room for.
    pub(crate) fn tape(&self) -> (Timestamp, Vec<Exchange>, u32) {
        self.tape.finish(&self.carried)
    }

    pub(crate) const fn limiter(&self) -> &Limiter {
        &self.limiter
    }
}

/// Runs in the guest at its first loop or call after the epoch moved: counts, and lets other tasks have the thread. Epochs
/// that pass inside a host call bring one tick only, and so are not the guest's.
fn tick(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let guest = store.data_mut();
    guest.ticks = guest.ticks.saturating_add(1);
    if guest.computed() > guest.compute {
        return Err(Exceeded::new("compute time", guest.compute.to_string(), "it was still computing").into());
    }
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

/// The linker that every kind shares: the contract's imports, and WASI 0.2 without power.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Guest>, HostError> {
    let mut linker = Linker::new(engine);
    let linked = wasmtime_wasi::p2::add_to_linker_async(&mut linker)
        .and_then(|()| host::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest))
        .and_then(|()| http::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest));
    linked.map_err(|error| HostError::Engine { reason: format!("{error:#}") })?;
    Ok(linker)
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The call's clock, for WASI.
struct WallClock(Arc<CallClock>);

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now().0)
    }
}

impl host::Host for Guest {
    fn log(&mut self, level: host::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            host::Level::Debug => Level::Debug,
            host::Level::Info => Level::Info,
            host::Level::Warn => Level::Warn,
            host::Level::Error => Level::Error,
        };
        self.log.line(level, &message);
        Ok(())
    }

    fn progress(&mut self, message: String) -> wasmtime::Result<()> {
        self.log.progress(&message);
        Ok(())
    }

    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock.now().0)
    }
}

impl http::Host for Guest {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::HttpError>> {
        let ask = Ask {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            timeout: request.timeout.map(Millis),
            max_redirects: request.max_redirects,
        };
        let began = self.clock.run_time();
        let asked = Asked::new(began, &ask);
        let answer = match &self.answers {
            Some(answers) => asked.answered_by(answers.as_ref()),
            None => {
                let egress = Arc::clone(&self.egress);
                egress.exchange(&self.rights, &mut self.quota, &mut self.carried, ask).await
            }
        };
        let took = self.clock.run_time().since(began);
        self.clock.stand(began.plus(took));
        self.tape.add(asked, took, &answer);
        if let Err(Failure::NotGranted(text) | Failure::AddressBlocked(text)) = &answer {
            self.deny(text);
        }
        if let Some(exceeded) = self.quota.crossed() {
            self.deny(&format!("it {exceeded}"));
        }
        Ok(answer.map(answered).map_err(refused))
    }
}

/// A refusal without the lines that would lift it: those are for the operator, who has them from [`Guest::deny`].
fn why(denial: &str) -> String {
    let first = denial.split_once('\n').and_then(|(first, _)| first.rsplit_once("; "));
    first.map_or(denial, |(why, _)| why).to_owned()
}

fn answered(answer: Answer) -> http::Response {
    http::Response { status: answer.status, final_url: answer.final_url, headers: answer.headers, body: answer.body }
}

fn refused(failure: Failure) -> http::HttpError {
    match failure {
        Failure::NotGranted(text) => http::HttpError::NotGranted(why(&text)),
        Failure::AddressBlocked(text) => http::HttpError::AddressBlocked(why(&text)),
        Failure::Dns(text) => http::HttpError::Dns(text),
        Failure::Connect(text) => http::HttpError::Connect(text),
        Failure::Tls(text) => http::HttpError::Tls(text),
        Failure::Timeout => http::HttpError::Timeout,
        Failure::TooLarge => http::HttpError::TooLarge,
        Failure::TooManyRedirects => http::HttpError::TooManyRedirects,
        Failure::Protocol(text) => http::HttpError::Protocol(text),
        Failure::Quota => http::HttpError::Quota,
    }
}
