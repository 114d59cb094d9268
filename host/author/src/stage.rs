//! The world of a test: a network that answers by a script, and a clock that only moves when something takes time.
//!
//! Implements the plugin host's [`Network`] and the model's [`Clock`], so the host runs as it always does and reaches nothing. The
//! script is changed between two tests, which therefore run one after the other; `drive.rs` moves the clock over waits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use shiftgate_model::{Clock, Timestamp};
use shiftgate_plugin::{Network, Reply, Sent, Silence};

use crate::scenario::{Answer, Route, Said};

/// 2026-01-01T00:00:00Z: when every test begins.
pub(crate) const BEGIN: Timestamp = Timestamp(1_767_225_600_000);

/// A network and its clock.
#[derive(Debug)]
pub(crate) struct Stage(Mutex<Scene>);

/// What is played, and what was seen of it.
#[derive(Debug)]
struct Scene {
    now: Timestamp,
    routes: Vec<Route>,
    /// How often each route was asked.
    asked: Vec<usize>,
    /// What answers instead of every route; none for the routes.
    instead: Option<Said>,
    seen: Seen,
}

/// What the world saw of the plugin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Every request, in order.
    pub(crate) requests: Vec<Sent>,
    /// How many of them were answered.
    pub(crate) answered: usize,
    /// Requests that no route is for.
    pub(crate) strangers: Vec<String>,
    /// Signals that it did not wait for, or not long enough.
    pub(crate) unheard: Vec<String>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let scene = Scene { now: BEGIN, routes: Vec::new(), asked: Vec::new(), instead: None, seen: Seen::default() };
        Self(Mutex::new(scene))
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew, with these routes; `instead` answers in their place where it is there.
    pub(crate) fn set(&self, routes: &[Route], instead: Option<Said>) {
        *self.scene() =
            Scene { now: BEGIN, routes: routes.to_vec(), asked: vec![0; routes.len()], instead, seen: Seen::default() };
    }

    /// Moves the clock on to `at`; never back.
    pub(crate) fn jump(&self, at: Timestamp) {
        let mut scene = self.scene();
        scene.now = scene.now.max(at);
    }

    pub(crate) fn seen(&self) -> Seen {
        self.scene().seen.clone()
    }
}

impl Clock for Stage {
    fn now(&self) -> Timestamp {
        self.scene().now
    }
}

impl Network for Stage {
    fn answer(&self, request: &Sent) -> Result<Reply, Silence> {
        let mut scene = self.scene();
        let answered = scene.answer(request);
        scene.seen.requests.push(request.clone());
        scene.seen.answered += usize::from(answered.is_ok());
        answered
    }
}

impl Scene {
    fn answer(&mut self, request: &Sent) -> Result<Reply, Silence> {
        let answer = match &self.instead {
            Some(said) => Answer::of(said.clone()),
            None => self.scripted(request)?,
        };
        // Who waits longer than the plugin wants to is not heard.
        if answer.delay > request.timeout || answer.said == Said::Silence(Silence::Timeout) {
            self.now = self.now.plus(request.timeout);
            return Err(Silence::Timeout);
        }
        self.now = self.now.plus(answer.delay);
        match answer.said {
            Said::Reply(reply) => Ok(reply),
            Said::Silence(silence) => Err(silence),
        }
    }

    /// The next answer of the first route that is for the request.
    fn scripted(&mut self, request: &Sent) -> Result<Answer, Silence> {
        let mut routes = self.routes.iter().zip(&mut self.asked);
        let Some((route, asked)) = routes.find(|(route, _)| route.is_for(&request.method, &request.url)) else {
            self.seen.strangers.push(format!("{} {}", request.method, request.url));
            return Err(Silence::Refused);
        };
        *asked += 1;
        route.answer(*asked).cloned().ok_or(Silence::Refused)
    }
}

#[cfg(test)]
mod tests {
    use shiftgate_model::Millis;

    use super::*;

    fn ask(stage: &Stage, url: &str) -> Result<u16, Silence> {
        let request = Sent { method: "GET".into(), url: url.into(), headers: vec![], body: vec![], timeout: Millis::seconds(30) };
        stage.answer(&request).map(|reply| reply.status)
    }

    #[test]
    fn answers_come_in_their_order_and_the_last_one_stays() {
        let stage = Stage::new();
        let routes: Vec<Route> = serde_saphyr::from_str(
            "- { url: 'http://a/x', answers: [ { status: 503, times: 2, delay: 2s }, { fault: reset }, { status: 200 } ] }",
        )
        .unwrap();
        stage.set(&routes, None);
        let answers: Vec<_> = (0..5).map(|_| ask(&stage, "http://a/x?y=1")).collect();
        assert_eq!(answers, [Ok(503), Ok(503), Err(Silence::Reset), Ok(200), Ok(200)]);
        assert_eq!(stage.now(), BEGIN.plus(Millis::seconds(4)));
        assert_eq!(ask(&stage, "http://a/other"), Err(Silence::Refused));
        assert_eq!(stage.seen().strangers, ["GET http://a/other"]);
    }

    #[test]
    fn a_late_answer_is_none_and_takes_as_long_as_the_plugin_waits() {
        let stage = Stage::new();
        let routes: Vec<Route> =
            serde_saphyr::from_str("- { url: 'http://a', answers: [ { delay: 1m, status: 200 }, { fault: timeout } ] }").unwrap();
        stage.set(&routes, None);
        assert_eq!([ask(&stage, "http://a/"), ask(&stage, "http://a/")], [Err(Silence::Timeout); 2]);
        assert_eq!(stage.now(), BEGIN.plus(Millis::minutes(1)));
    }
}
