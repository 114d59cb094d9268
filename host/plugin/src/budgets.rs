//! What a plugin may use up: every figure in one place, all on by default.
//!
//! Only figures stand here; who counts stands where the counting is done (`guest`, `log`, `egress`, `promises`), and an
//! exceeded budget is told by [`Exceeded`]. The next file to read is `guest.rs`.

use std::fmt;

use shiftgate_model::Millis;

/// How much a plugin may use. Bytes unless the name says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// The component file.
    pub component_bytes: u64,
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
    fn sizes_read_well() {
        let shown = [12, 4 << 10, 64 << 20, (64 << 20) + (1 << 19), 3 << 30].map(bytes);
        assert_eq!(shown, ["12 bytes", "4 KiB", "64 MiB", "64.5 MiB", "3 GiB"]);
    }

    #[test]
    fn an_exceeded_budget_names_itself_and_its_figure() {
        insta::assert_snapshot!(Exceeded::size("state", 64 << 10, 70_000), @"used up its budget `state` of 64 KiB: it used 70000 bytes");
    }
}
