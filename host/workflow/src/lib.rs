//! Text to [`Plan`], or every diagnostic at once. Pure: no files, no sockets, no environment, no clock.
//!
//! [`plan`] turns a workflow file and its inputs into what a run will do; [`check`] says what is wrong with a file before
//! anybody has inputs for it; [`template`] writes a file to begin with; [`fill`] puts the facts of a run into a plan's
//! deferred texts. Files come in through [`Files`]. Read `read` for the shape of the text, `expression` for `${…}`,
//! `meaning` for what the fields mean. The next room is `engine`.

mod diagnostic;
mod duration;
mod expression;
mod meaning;
mod near;
mod plan;
mod read;
mod session;
mod source;
mod summary;
mod template;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use duration::{DurationError, duration};
pub use expression::{FillError, fill, fill_text};
pub use meaning::{InputSpec, InputType};
pub use plan::{
    Action, Agreed, Approve, Deploy, FailureAction, FailurePolicy, Final, Infrastructure, ListenerAt, Phase, Plan, PluginStep,
    RouteAt, Routing, RoutingShape, Setup, Shift, ShiftRoute, Step, Strategy, Swap, SwapRoute,
};
pub use source::{Files, Source};
pub use summary::{ConfigProblem, Configs, Summary, check, plan};
pub use template::{Template, elastigroup_example, template};

/// What the command line gives for the inputs: `--input name=value`.
pub type Inputs = BTreeMap<String, String>;
