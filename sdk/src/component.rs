//! The contract's side of a component: the real host, and the way between its values and ours.
//!
//! Only in a WebAssembly build. The shared interfaces are generated here, once; the exports of a kind's world are
//! generated in the plugin's crate by `plugin!`, because a component may export one world only.

use crate::http::{HttpError, Request, Response};
use crate::{Host, Level, Timestamp};

/// `types`, `host` and `http` of the contract.
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package shiftgate:sdk; world shared {
            import shiftgate:step/types@0.1.0;
            import shiftgate:step/host@0.1.0;
            import shiftgate:step/http@0.1.0;
        }",
        generate_all,
        generate_unused_types: true,
    });
    pub use shiftgate::step::{host, http, types};
}

/// The contract's imports.
#[derive(Debug)]
pub struct Imports;

impl Host for Imports {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let request = bindings::http::Request {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            timeout: request.timeout.map(crate::Duration::as_millis),
            max_redirects: request.max_redirects,
        };
        match bindings::http::send(&request) {
            Ok(answer) => {
                Ok(Response { status: answer.status, final_url: answer.final_url, headers: answer.headers, body: answer.body })
            }
            Err(error) => Err(http_error(error)),
        }
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => bindings::host::Level::Debug,
            Level::Info => bindings::host::Level::Info,
            Level::Warn => bindings::host::Level::Warn,
            Level::Error => bindings::host::Level::Error,
        };
        bindings::host::log(level, message);
    }

    fn progress(&self, message: &str) {
        bindings::host::progress(message);
    }

    fn now(&self) -> Timestamp {
        Timestamp(bindings::host::now())
    }
}

fn http_error(error: bindings::http::HttpError) -> HttpError {
    use bindings::http::HttpError as Theirs;
    match error {
        Theirs::NotGranted(why) => HttpError::NotGranted(why),
        Theirs::AddressBlocked(why) => HttpError::AddressBlocked(why),
        Theirs::Dns(why) => HttpError::Dns(why),
        Theirs::Connect(why) => HttpError::Connect(why),
        Theirs::Tls(why) => HttpError::Tls(why),
        Theirs::Timeout => HttpError::Timeout,
        Theirs::TooLarge => HttpError::TooLarge,
        Theirs::TooManyRedirects => HttpError::TooManyRedirects,
        Theirs::Protocol(why) => HttpError::Protocol(why),
        Theirs::Quota => HttpError::Quota,
    }
}

/// Between the contract's values and ours.
#[doc(hidden)]
pub mod convert {
    use serde_json::{Map, Value};

    use super::bindings::types;
    use crate::config::Problem;
    use crate::step::{SavedSuspension, read_json, write_json};
    use crate::{Artifact, Finding, Group, Metric, Retry, RunInfo, SavedState, StepError, TargetGroup, Timestamp, Verdict, Wake};

    pub use super::Imports;

    pub fn run(run: types::RunInfo) -> RunInfo {
        RunInfo {
            run: run.run,
            step: run.step,
            attempt: run.attempt,
            idempotency_key: run.idempotency_key,
            workflow: run.workflow,
            phase: run.phase,
            service: run.service,
            environment: run.environment,
            infrastructure: run.infrastructure,
            strategy: run.strategy,
            artifact: Artifact { ami: run.artifact.ami, name: run.artifact.name, tags: run.artifact.tags },
            new_group: run.new_group.map(group),
            old_group: run.old_group.map(group),
            target_groups: run.target_groups.into_iter().map(|g| TargetGroup { arn: g.arn, weight: g.weight }).collect(),
            started_at: Timestamp(run.started_at),
            deadline: run.deadline.map(Timestamp),
            dry_run: run.dry_run,
            attributes: map(run.attributes),
        }
    }

    fn group(group: types::Group) -> Group {
        Group {
            id: group.id,
            name: group.name,
            minimum: group.minimum,
            target: group.target,
            maximum: group.maximum,
            instances: group.instances,
        }
    }

    pub fn saved(state: types::SavedState) -> SavedState {
        SavedState { version: state.version, bytes: state.bytes }
    }

    pub fn wake(wake: types::Wake) -> Wake {
        match wake {
            types::Wake::Timer => Wake::Timer,
            types::Wake::Signal(signal) => Wake::Signal { name: signal.name, payload: json(signal.payload) },
        }
    }

    pub fn suspension(suspension: SavedSuspension) -> types::Suspension {
        types::Suspension {
            state: types::SavedState { version: suspension.state.version, bytes: suspension.state.bytes },
            after: suspension.after.map(crate::Duration::as_millis),
            signals: suspension.signals,
        }
    }

    pub fn error(error: StepError) -> types::StepError {
        let retry = match error.retry {
            Retry::Never => types::Retry::Never,
            Retry::Backoff => types::Retry::Backoff,
            Retry::Immediate => types::Retry::Immediate,
        };
        types::StepError { code: error.code, message: error.message, retry }
    }

    pub fn problems(problems: Vec<Problem>) -> Vec<types::ConfigProblem> {
        problems.into_iter().map(|p| types::ConfigProblem { pointer: p.pointer, message: p.message }).collect()
    }

    pub fn verdict(verdict: Verdict) -> types::Verdict {
        match verdict {
            Verdict::Pass => types::Verdict::Pass,
            Verdict::Warn => types::Verdict::Warn,
            Verdict::Fail => types::Verdict::Fail,
            Verdict::Inconclusive => types::Verdict::Inconclusive,
            Verdict::Skipped => types::Verdict::Skipped,
        }
    }

    pub fn findings(findings: Vec<Finding>) -> Vec<types::Finding> {
        findings.into_iter().map(|f| types::Finding { verdict: verdict(f.verdict), message: f.message }).collect()
    }

    pub fn metrics(metrics: Vec<Metric>) -> Vec<types::Metric> {
        let metric = |m: Metric| types::Metric {
            name: m.name,
            value: m.value,
            unit: m.unit,
            threshold: m.threshold,
            verdict: verdict(m.verdict),
        };
        metrics.into_iter().map(metric).collect()
    }

    pub fn attributes(values: Vec<(String, Value)>) -> Vec<(String, String)> {
        values.into_iter().map(|(name, value)| (name, write_json(&value))).collect()
    }

    pub fn map(attributes: Vec<(String, String)>) -> Map<String, Value> {
        let mut map = Map::new();
        // Not collected: that sorts first, and the sort is 10 KiB of code.
        for (name, text) in attributes {
            map.insert(name, json(text));
        }
        map
    }

    /// JSON text; what is none is kept as text.
    fn json(text: String) -> Value {
        read_json(text.as_bytes()).unwrap_or(Value::String(text))
    }
}

/// Exports `config`, `cancel` and `poll` the way all kinds do; the kinds below add what differs.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_config {
    ($plugin:path, $exports:ident, $call:path, $($root:ident)::+) => {
        impl $($root)::+::config::Guest for $exports {
            fn validate(config: ::std::string::String) -> ::std::vec::Vec<$crate::__private::bindings::types::ConfigProblem> {
                use $call as call;
                $crate::__private::convert::problems(call::validate::<$plugin>(&config))
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_verification {
    ($plugin:path, $exports:ident, $($root:ident)::+) => {
        const _: () = {
            use $($root)::+::verification as kind;
            use $crate::__private::{bindings::types, convert, verification::call};

            type Reply = ::std::result::Result<kind::Outcome, types::StepError>;

            fn reply(step: $crate::Result<$crate::Step<$crate::Report, $crate::SavedState>>) -> Reply {
                match step {
                    Ok($crate::Step::Done(report)) => Ok(kind::Outcome::Done(kind::Report {
                        verdict: convert::verdict(report.verdict),
                        summary: report.summary,
                        findings: convert::findings(report.findings),
                        metrics: convert::metrics(report.metrics),
                        evidence: convert::attributes(report.evidence),
                        outputs: convert::attributes(report.outputs),
                    })),
                    Ok($crate::Step::Wait(suspension)) => Ok(kind::Outcome::Wait(convert::suspension(suspension))),
                    Err(error) => Err(convert::error(error)),
                }
            }

            $crate::__export_config!($plugin, $exports, $crate::__private::verification::call, $($root)::+);

            impl kind::Guest for $exports {
                fn start(config: String, run: types::RunInfo) -> Reply {
                    reply(call::start::<$plugin>(&convert::Imports, &config, &convert::run(run)))
                }

                fn poll(config: String, run: types::RunInfo, state: types::SavedState, wake: types::Wake) -> Reply {
                    let (run, state) = (convert::run(run), convert::saved(state));
                    reply(call::poll::<$plugin>(&convert::Imports, &config, &run, &state, convert::wake(wake)))
                }

                fn cancel(
                    config: String,
                    run: types::RunInfo,
                    state: types::SavedState,
                ) -> ::std::result::Result<(), types::StepError> {
                    let (run, state) = (convert::run(run), convert::saved(state));
                    call::cancel::<$plugin>(&convert::Imports, &config, &run, &state).map_err(convert::error)
                }
            }
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_approval {
    ($plugin:path, $exports:ident, $($root:ident)::+) => {
        const _: () = {
            use $($root)::+::approval as kind;
            use $crate::__private::{approval::call, bindings::types, convert};

            type Reply = ::std::result::Result<kind::Progress, types::StepError>;

            fn ballot(ballot: $crate::Ballot) -> kind::Ballot {
                kind::Ballot {
                    subject: ballot.subject,
                    vote: match ballot.vote {
                        $crate::Vote::Approve => kind::Vote::Approve,
                        $crate::Vote::Reject => kind::Vote::Reject,
                    },
                    at: ballot.at.0,
                    comment: ballot.comment,
                    bound_digest: ballot.bound_digest,
                }
            }

            fn reply(progress: $crate::Result<$crate::Progress<$crate::SavedState>>) -> Reply {
                match progress {
                    Ok(progress) => Ok(kind::Progress {
                        tally: kind::Tally {
                            ballots: progress.tally.ballots.into_iter().map(ballot).collect(),
                            summary: progress.tally.summary,
                            findings: convert::findings(progress.tally.findings),
                            outputs: convert::attributes(progress.tally.outputs),
                        },
                        next: progress.next.map(convert::suspension),
                    }),
                    Err(error) => Err(convert::error(error)),
                }
            }

            $crate::__export_config!($plugin, $exports, $crate::__private::approval::call, $($root)::+);

            impl kind::Guest for $exports {
                fn start(config: String, run: types::RunInfo) -> Reply {
                    reply(call::start::<$plugin>(&convert::Imports, &config, &convert::run(run)))
                }

                fn poll(config: String, run: types::RunInfo, state: types::SavedState, wake: types::Wake) -> Reply {
                    let (run, state) = (convert::run(run), convert::saved(state));
                    reply(call::poll::<$plugin>(&convert::Imports, &config, &run, &state, convert::wake(wake)))
                }

                fn cancel(
                    config: String,
                    run: types::RunInfo,
                    state: types::SavedState,
                ) -> ::std::result::Result<(), types::StepError> {
                    let (run, state) = (convert::run(run), convert::saved(state));
                    call::cancel::<$plugin>(&convert::Imports, &config, &run, &state).map_err(convert::error)
                }
            }
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_wrap_up {
    ($plugin:path, $exports:ident, $($root:ident)::+) => {
        const _: () = {
            use $($root)::+::wrap_up as kind;
            use $crate::__private::{bindings::types, convert, wrap_up::call};

            type Reply = ::std::result::Result<kind::Outcome, types::StepError>;

            fn action(action: $crate::Action) -> kind::Action {
                match action {
                    $crate::Action::Planned(what) => kind::Action::Planned(what),
                    $crate::Action::Done(what) => kind::Action::Done(what),
                    $crate::Action::AlreadyDone(what) => kind::Action::AlreadyDone(what),
                    $crate::Action::Failed(what) => kind::Action::Failed(what),
                }
            }

            fn reply(step: $crate::Result<$crate::Step<$crate::Receipt, $crate::SavedState>>) -> Reply {
                match step {
                    Ok($crate::Step::Done(receipt)) => Ok(kind::Outcome::Done(kind::Receipt {
                        actions: receipt.actions.into_iter().map(action).collect(),
                        outputs: convert::attributes(receipt.outputs),
                    })),
                    Ok($crate::Step::Wait(suspension)) => Ok(kind::Outcome::Wait(convert::suspension(suspension))),
                    Err(error) => Err(convert::error(error)),
                }
            }

            $crate::__export_config!($plugin, $exports, $crate::__private::wrap_up::call, $($root)::+);

            impl kind::Guest for $exports {
                fn start(config: String, run: types::RunInfo, summary: kind::Summary) -> Reply {
                    let summary = $crate::Summary {
                        ending: summary.ending,
                        text: summary.text,
                        attributes: convert::map(summary.attributes),
                    };
                    reply(call::start::<$plugin>(&convert::Imports, &config, &convert::run(run), &summary))
                }

                fn poll(config: String, run: types::RunInfo, state: types::SavedState, wake: types::Wake) -> Reply {
                    let (run, state) = (convert::run(run), convert::saved(state));
                    reply(call::poll::<$plugin>(&convert::Imports, &config, &run, &state, convert::wake(wake)))
                }

                fn cancel(
                    config: String,
                    run: types::RunInfo,
                    state: types::SavedState,
                ) -> ::std::result::Result<(), types::StepError> {
                    let (run, state) = (convert::run(run), convert::saved(state));
                    call::cancel::<$plugin>(&convert::Imports, &config, &run, &state).map_err(convert::error)
                }
            }
        };
    };
}
