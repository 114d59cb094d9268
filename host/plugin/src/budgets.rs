//! What a plugin may use up: every figure in one place, all on by default.
//!
//! Only figures stand here; who counts stands where the counting is done (`guest`, `log`, `egress`, `promises`), and an
//! exceeded budget is told by [`Exceeded`]. The next file to read is `guest.rs`.

use std::borrow::Cow;
use std::fmt;

use shiftgate_model::{Limit, Limits, Millis, Unit};

/// A step that has called its plugin so often has told its story.
const TALKATIVE: u32 = 100;
/// What each of its later calls may log.
const LATER_LOG: u32 = 4 << 10;

/// How much a plugin may use. Bytes unless the name says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// The component file.
    pub component_bytes: u64,
    /// Processor time of a compile in a child, with two seconds more for each MiB of the component.
    pub compile: Millis,
    /// Address space of a compile, in a child.
    pub compile_bytes: u64,
    /// All linear memories of one call together.
    pub memory_bytes: u64,
    /// Elements of one table.
    pub table_elements: u64,
    /// Tables of one call.
    pub tables: u32,
    /// Linear memories of one call.
    pub memories: u32,
    /// Core instances of one call.
    pub instances: u32,
    /// What crosses from guest to host in one host call or one answer.
    pub host_call_bytes: u64,
    /// Resource handles alive at once.
    pub handles: u32,
    /// Compute time of `poll`, `validate` and `cancel`; time inside host calls does not count.
    pub poll_compute: Millis,
    /// Compute time of `start`.
    pub start_compute: Millis,
    /// The whole call, waiting for others included.
    pub wall: Millis,
    /// Lines of log a call; more are counted, not kept.
    pub log_lines: u32,
    /// Log a call; more is counted, not kept.
    pub log_bytes: u32,
    /// One line of log; longer ones are cut.
    pub log_line_bytes: u32,
    /// Findings (or ballots, actions, config problems) of one answer.
    pub findings: u32,
    /// Metrics of one report.
    pub metrics: u32,
    /// All texts, evidence and outputs of one answer.
    pub output_bytes: u32,
    /// What is saved over a wait.
    pub state_bytes: u32,
    /// HTTP requests a call, redirects included.
    pub http_requests: u32,
    /// Body and headers of one HTTP request.
    pub http_request_bytes: u32,
    /// Body of one HTTP response.
    pub http_response_bytes: u32,
    /// One HTTP exchange, redirects included.
    pub http_timeout: Millis,
    /// Calls that have an instance at once in this process; the others queue.
    pub concurrent_calls: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            component_bytes: 32 * MIB,
            compile: Millis::seconds(10),
            compile_bytes: 2048 * MIB,
            memory_bytes: 64 * MIB,
            table_elements: 20_000,
            tables: 10,
            memories: 4,
            instances: 50,
            host_call_bytes: 4 * MIB,
            handles: 1_000,
            poll_compute: Millis::seconds(5),
            start_compute: Millis::seconds(30),
            wall: Millis::seconds(60),
            log_lines: 1_000,
            log_bytes: 256 * KIB,
            log_line_bytes: 4 * KIB,
            findings: 1_000,
            metrics: 1_000,
            output_bytes: 256 * KIB,
            state_bytes: 64 * KIB,
            http_requests: 100,
            http_request_bytes: 256 * KIB,
            http_response_bytes: 1024 * KIB,
            http_timeout: Millis::seconds(30),
            concurrent_calls: 256,
        }
    }
}

const KIB: u32 = 1024;
const MIB: u64 = 1024 * 1024;

/// The most that a workflow may ask for, limit by limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds(Limits);

impl Default for Bounds {
    /// What a host gives where no operator says less.
    fn default() -> Self {
        let most = |limit| match limit {
            Limit::File => 128 * MIB,
            Limit::Memory => 1024 * MIB,
            Limit::Start | Limit::Poll => Millis::minutes(5).0,
            Limit::Wall => Millis::minutes(15).0,
            Limit::RequestTimeout => Millis::minutes(5).0,
            Limit::Requests => 1_000,
            Limit::Request | Limit::Log | Limit::Outputs => 4 * MIB,
            Limit::Response => 10 * MIB,
            Limit::State => MIB,
            Limit::LogLines | Limit::Findings | Limit::Metrics => 10_000,
        };
        Self(Limit::ALL.into_iter().map(|limit| (limit, most(limit))).collect())
    }
}

impl Bounds {
    /// The most of one limit.
    pub(crate) fn most(&self, limit: Limit) -> u64 {
        self.0.get(&limit).copied().unwrap_or_default()
    }

    /// The same with what an operator says; an operator's word counts, also where it is more.
    pub(crate) fn narrowed(mut self, limits: &Limits) -> Self {
        self.0.extend(limits);
        self
    }
}

impl Budgets {
    /// These budgets with what a workflow asks for.
    ///
    /// # Errors
    /// It asks for more than the bounds allow: the limit, what it asks, and the most.
    pub(crate) fn with(&self, asked: &Limits, bounds: &Bounds) -> Result<Self, String> {
        let mut budgets = self.clone();
        // An operator who gives less than the default means it.
        for (limit, most) in &bounds.0 {
            if budgets.get(*limit) > *most {
                budgets.set(*limit, *most);
            }
        }
        for (limit, figure) in asked {
            let most = bounds.most(*limit);
            if *figure > most {
                let (asked, most) = (shown(*limit, *figure), shown(*limit, most));
                return Err(format!("the limit `{limit}` is {asked}, and {most} is the most that a workflow may give here"));
            }
            budgets.set(*limit, *figure);
        }
        Ok(budgets)
    }

    fn get(&self, limit: Limit) -> u64 {
        match limit {
            Limit::File => self.component_bytes,
            Limit::Memory => self.memory_bytes,
            Limit::Start => self.start_compute.0,
            Limit::Poll => self.poll_compute.0,
            Limit::Wall => self.wall.0,
            Limit::Requests => self.http_requests.into(),
            Limit::Request => self.http_request_bytes.into(),
            Limit::Response => self.http_response_bytes.into(),
            Limit::RequestTimeout => self.http_timeout.0,
            Limit::LogLines => self.log_lines.into(),
            Limit::Log => self.log_bytes.into(),
            Limit::Findings => self.findings.into(),
            Limit::Metrics => self.metrics.into(),
            Limit::Outputs => self.output_bytes.into(),
            Limit::State => self.state_bytes.into(),
        }
    }

    fn set(&mut self, limit: Limit, figure: u64) {
        let count = u32::try_from(figure).unwrap_or(u32::MAX);
        match limit {
            Limit::File => self.component_bytes = figure,
            Limit::Memory => self.memory_bytes = figure,
            Limit::Start => self.start_compute = Millis(figure),
            Limit::Poll => self.poll_compute = Millis(figure),
            Limit::Wall => self.wall = Millis(figure),
            Limit::Requests => self.http_requests = count,
            Limit::Request => self.http_request_bytes = count,
            Limit::Response => self.http_response_bytes = count,
            Limit::RequestTimeout => self.http_timeout = Millis(figure),
            Limit::LogLines => self.log_lines = count,
            Limit::Log => self.log_bytes = count,
            Limit::Findings => self.findings = count,
            Limit::Metrics => self.metrics = count,
            Limit::Outputs => {
                self.output_bytes = count;
                // An answer has to get through before it is measured.
                self.host_call_bytes = self.host_call_bytes.max(figure.saturating_mul(2));
            }
            Limit::State => self.state_bytes = count,
        }
    }
}

impl Budgets {
    /// The budgets of a step's later calls: what it logs is on record, and a step may be called for days.
    pub(crate) fn after(&self, calls: u32) -> Cow<'_, Self> {
        if calls < TALKATIVE {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self { log_bytes: self.log_bytes.min(LATER_LOG), ..self.clone() })
    }
}

/// A figure with its unit.
fn shown(limit: Limit, figure: u64) -> String {
    match limit.unit() {
        Unit::Bytes => bytes(figure),
        Unit::Time => Millis(figure).to_string(),
        Unit::Count => figure.to_string(),
    }
}

/// A budget that is used up: which, its figure, and what was asked beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// What the operator calls it: `memory`, `compute time`.
    pub(crate) budget: &'static str,
    /// The figure, with its unit.
    pub(crate) limit: String,
    /// What the plugin did.
    pub(crate) detail: String,
}

impl Exceeded {
    pub(crate) fn new(budget: &'static str, limit: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { budget, limit: limit.into(), detail: detail.into() }
    }

    /// More entries of a list than there may be.
    pub(crate) fn count(budget: &'static str, limit: u32, found: usize) -> Self {
        Self::new(budget, limit.to_string(), format!("it answered with {found}"))
    }

    /// More bytes than there may be.
    pub(crate) fn size(budget: &'static str, limit: u64, found: u64) -> Self {
        Self::new(budget, bytes(limit), format!("it used {found} bytes"))
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "used up its budget `{}` of {}: {}", self.budget, self.limit, self.detail)
    }
}

impl std::error::Error for Exceeded {}

/// `64 MiB`, `4 KiB`, `12 bytes`: exact where it can be, with one decimal where not.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (size, unit) in UNITS {
        if count >= size {
            let tenths = count.saturating_mul(10) / size;
            let (whole, tenth) = (tenths / 10, tenths % 10);
            return if tenth == 0 { format!("{whole} {unit}") } else { format!("{whole}.{tenth} {unit}") };
        }
    }
    format!("{count} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_goes_on_for_days_logs_less_in_each_call() {
        let budgets = Budgets::default();
        assert_eq!(*budgets.after(99), budgets);
        assert_eq!(budgets.after(100).log_bytes, 4 << 10);
        let small = Budgets { log_bytes: 10, ..Budgets::default() };
        assert_eq!(*small.after(100), small);
    }

    #[test]
    fn sizes_read_well() {
        let shown = [12, 4 << 10, 64 << 20, (64 << 20) + (1 << 19), 3 << 30].map(bytes);
        assert_eq!(shown, ["12 bytes", "4 KiB", "64 MiB", "64.5 MiB", "3 GiB"]);
    }

    #[test]
    fn a_workflow_gets_what_it_asks_for_within_the_bounds() {
        let asked = Limits::from([(Limit::Memory, 128 << 20), (Limit::Wall, 90_000)]);
        let budgets = Budgets::default().with(&asked, &Bounds::default()).unwrap();
        assert_eq!((budgets.memory_bytes, budgets.wall), (128 << 20, Millis(90_000)));
        let narrow = Bounds::default().narrowed(&Limits::from([(Limit::Memory, 96 << 20)]));
        assert_eq!(Budgets::default().with(&Limits::new(), &narrow).map(|budgets| budgets.memory_bytes), Ok(64 << 20));
        let less = Bounds::default().narrowed(&Limits::from([(Limit::Memory, 8 << 20)]));
        assert_eq!(Budgets::default().with(&Limits::new(), &less).map(|budgets| budgets.memory_bytes), Ok(8 << 20));
        let told = Budgets::default().with(&asked, &narrow).unwrap_err();
        insta::assert_snapshot!(told, @"the limit `memory` is 128 MiB, and 96 MiB is the most that a workflow may give here");
        let mut every = Budgets::default();
        for limit in Limit::ALL {
            let before = every.clone();
            every.set(limit, 7);
            assert_ne!(every, before, "{limit}");
            assert_eq!(every.get(limit), 7, "{limit}");
        }
    }

    #[test]
    fn an_exceeded_budget_names_itself_and_its_figure() {
        insta::assert_snapshot!(Exceeded::size("state", 64 << 10, 70_000), @"used up its budget `state` of 64 KiB: it used 70000 bytes");
    }
}
