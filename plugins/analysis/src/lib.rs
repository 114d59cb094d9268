//! The loop of measurements that the verification plugins share: when to ask, what an answer means, and when it is over.
//!
//! A provider says how to ask ([`Provider`]); everything else is here, in the terms that users know from Argo Rollouts. `terms` is
//! what a workflow says, `scope` whom and which time a query is about, `goal` whether an answer is good, `record` what the
//! answers so far mean, `course` the whole verification from start to end, `report` what it tells. Pure but for the request that
//! the provider sends. Without data it never passes.

pub mod answer;
pub mod compare;
pub mod condition;
pub mod course;
pub mod exchange;
pub mod goal;
pub mod record;
mod report;
pub mod scope;
pub mod score;
pub mod series;
mod settings;
pub mod terms;

pub use course::Provider;
pub use settings::{Numbers, url_problem};

/// Implements the SDK's `Verification` for a provider: its start, its wakes, and its state.
#[macro_export]
macro_rules! verification {
    ($plugin:ty) => {
        impl ::shiftgate_sdk::Verification for $plugin {
            type Config = <$plugin as $crate::Provider>::Settings;
            type State = $crate::course::Course;

            fn validate(config: &Self::Config) -> Vec<::shiftgate_sdk::prelude::Problem> {
                <$plugin as $crate::Provider>::problems(config)
            }

            fn start(
                cx: &::shiftgate_sdk::Context<'_>,
                config: &Self::Config,
            ) -> ::shiftgate_sdk::Result<::shiftgate_sdk::Step<::shiftgate_sdk::Report, Self::State>> {
                $crate::course::start::<$plugin>(cx, config)
            }

            fn poll(
                cx: &::shiftgate_sdk::Context<'_>,
                config: &Self::Config,
                state: Self::State,
                _: ::shiftgate_sdk::Wake,
            ) -> ::shiftgate_sdk::Result<::shiftgate_sdk::Step<::shiftgate_sdk::Report, Self::State>> {
                $crate::course::poll::<$plugin>(cx, config, state)
            }
        }
    };
}
