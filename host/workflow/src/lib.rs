//! Text to [`Plan`], or every diagnostic at once. Pure: no files, no sockets, no clock.

mod plan;

pub use plan::{
    Action, Approve, Deploy, FailureAction, FailurePolicy, Final, Infrastructure, Phase, Plan, PluginStep, SecretRef, Setup,
    Step, Strategy,
};
