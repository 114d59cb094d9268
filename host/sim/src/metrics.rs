//! What the instances measure.

use axum::Router;
use std::collections::VecDeque;
use std::time::Duration;

use crate::instance::{Instance, Moment};
use crate::server::Shared;

/// Where the query API stands on the Spot listener.
pub(crate) const PREFIX: &str = "/_prometheus";

/// Instances that are gone, with the group that each belonged to. They are kept for an hour.
#[derive(Debug, Default)]
pub(crate) struct Past(VecDeque<(String, Instance)>);

impl Past {
    const KEPT: Duration = Duration::from_secs(3_600);

    /// Takes over instances that ended at `at`.
    pub(crate) fn add(&mut self, group: &str, gone: Vec<Instance>, at: Moment) {
        while self.0.front().is_some_and(|(_, old)| old.life.ended.is_some_and(|ended| ended + Self::KEPT < at)) {
            self.0.pop_front();
        }
        for mut instance in gone {
            instance.life.ended = Some(at);
            self.0.push_back((group.to_owned(), instance));
        }
    }
}

pub(crate) fn router() -> Router<Shared> {
    Router::new()
}
