//! A verification again, offline: the calls that a run recorded, with another config or another component.
//!
//! The plugin host runs as it always does. In the network's place stand the recorded exchanges ([`Reel`]), and the clock stands
//! where each recorded call stood. What was not asked then has no answer: the replay ends there and says so, and never makes one
//! up. It touches neither the outside nor the record. `drive.rs` plays the step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use shiftgate_model::{
    Answered, Call, Clock, Evidence, Exchange, Millis, PluginKind, PluginReply, PluginSource, Report, Suspension, Timestamp, Wake,
};
use shiftgate_plugin::{Answers, Plugins, PluginsConfig};

use crate::drive::{End, Outside, Step, Woken, drive};
use crate::{AuthorError, Place};

/// What came of a replay.
#[derive(Clone, Debug, PartialEq)]
pub enum Replayed {
    /// The plugin judged.
    Judged(Report),
    /// It went on after the last recorded call.
    Ends,
    /// It asked what has no answer on record.
    Unanswered(Gap),
    /// It refused the config: pointers into it, and what is wrong there.
    Refused(Vec<(String, String)>),
    /// It could not do its job.
    Failed {
        /// Its own code, where it has one, and the message.
        message: String,
        /// What next.
        hint: Option<String>,
    },
}

/// A request without an answer that could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The request: method and URL.
    pub request: String,
    /// Why there is no answer.
    pub why: Missing,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It was not asked then.
    Unasked,
    /// It was asked, with other headers.
    OtherHeaders,
    /// It may have been asked: there was no room for so many exchanges.
    LeftOut(u32),
    /// Its answer was longer than what is kept of one.
    Cut,
}

/// The calls of one attempt of a verification, from its start.
#[derive(Clone, Debug)]
pub struct Recording<'a> {
    start: &'a Evidence,
    calls: Vec<&'a Evidence>,
}

impl<'a> Recording<'a> {
    /// The calls of one attempt, in their order; none when their beginning is missing.
    #[must_use]
    pub fn of(attempt: &'a [Evidence]) -> Option<Self> {
        let goes_on = |call: &&Evidence| matches!(call.action, Call::Start { .. } | Call::Poll { .. });
        let calls: Vec<&Evidence> = attempt.iter().filter(goes_on).collect();
        let start = *calls.first().filter(|first| matches!(first.action, Call::Start { .. }))?;
        Some(Self { start, calls })
    }

    /// What the step was configured with.
    #[must_use]
    pub const fn config(&self) -> &'a Value {
        &self.start.config
    }

    /// The first call.
    #[must_use]
    pub const fn start(&self) -> &'a Evidence {
        self.start
    }

    /// How many calls there are.
    #[must_use]
    pub const fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Plays it with a component and a config; `hear` hears what each call left in its log.
    ///
    /// # Errors
    /// As [`Plugins::new`] and [`Plugins::prepare`].
    pub async fn replay(
        &self,
        place: Place,
        source: &PluginSource,
        config: Value,
        hear: &mut (dyn FnMut(Timestamp, &PluginReply) + Send),
    ) -> Result<Replayed, AuthorError> {
        let reel = Arc::new(Reel::new(&self.calls));
        let plugins = Plugins::new(PluginsConfig {
            bundled_dirs: place.bundled_dirs,
            compiler: place.compiler,
            // Whatever chance has a part in is the same in every replay.
            seed: Some(0),
            answers: Some(Arc::clone(&reel) as _),
            ..PluginsConfig::new(place.cache_dir, Arc::clone(&reel) as _)
        })?;
        plugins.prepare(source, PluginKind::Verification).await?;
        let step = Step { kind: PluginKind::Verification, config, run: self.start.run.clone(), ending: None };
        let mut outside = Played { reel: &reel, hear };
        let story = drive(&plugins, source, &step, &mut outside).await;
        let gap = reel.scene().gap.clone();
        Ok(match (gap, story.end) {
            (_, End::Refused(problems)) => Replayed::Refused(problems),
            (Some(gap), _) => Replayed::Unanswered(gap),
            (None, End::Reported(report)) => Replayed::Judged(report),
            (None, End::Waiting { .. } | End::Endless(_)) => Replayed::Ends,
            (None, End::Error { code, message, hint }) => {
                let code = code.map(|code| format!("{code}: ")).unwrap_or_default();
                Replayed::Failed { message: format!("{code}{message}"), hint }
            }
            (None, End::Counted(_) | End::Received(_) | End::Late | End::Cancelled) => {
                Replayed::Failed { message: "it did not end as a verification does".to_owned(), hint: None }
            }
        })
    }
}

/// The recorded exchanges, and the clock that goes with them.
#[derive(Debug)]
struct Reel(Mutex<Scene>);

#[derive(Debug)]
struct Scene {
    now: Timestamp,
    /// The call that is played.
    call: usize,
    calls: Vec<(Timestamp, Wake)>,
    frames: Vec<Frame>,
    left_out: u32,
    /// What had no answer first.
    gap: Option<Gap>,
}

/// One exchange of one call.
#[derive(Debug)]
struct Frame {
    call: usize,
    exchange: Exchange,
    used: bool,
}

impl Reel {
    fn new(calls: &[&Evidence]) -> Self {
        let frames = calls.iter().enumerate().flat_map(|(call, evidence)| {
            evidence.exchanges.iter().map(move |exchange| Frame { call, exchange: exchange.clone(), used: false })
        });
        let wake = |call: &&Evidence| match &call.action {
            Call::Poll { wake, .. } => (call.at, wake.clone()),
            Call::Validate | Call::Start { .. } | Call::Cancel { .. } => (call.at, Wake::Timer),
        };
        Self(Mutex::new(Scene {
            now: calls.first().map(|first| first.at).unwrap_or_default(),
            call: 0,
            calls: calls.iter().map(wake).collect(),
            frames: frames.collect(),
            left_out: calls.iter().fold(0, |all, call| all.saturating_add(call.left_out)),
            gap: None,
        }))
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Reel {
    fn now(&self) -> Timestamp {
        self.scene().now
    }
}

impl Answers for Reel {
    fn answer(&self, method: &str, url: &str, headers: &[(String, String)], body: &str) -> Result<Answered, String> {
        let mut scene = self.scene();
        scene.answer(method, url, headers, body).unwrap_or_else(|why| {
            scene.gap.get_or_insert(Gap { request: format!("{method} {url}"), why });
            Err("protocol: the record holds no answer".to_owned())
        })
    }
}

impl Scene {
    /// The answer to the same request that is nearest in time, each once.
    fn answer(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Result<Result<Answered, String>, Missing> {
        let (now, call, left_out) = (self.now, self.call, self.left_out);
        let asked = |frame: &Frame| {
            let Exchange { method: asked, url: at, body: with, .. } = &frame.exchange;
            asked == method && at == url && with == body
        };
        // Of an exchange that was kept without headers nobody knows them.
        let with = |frame: &Frame| frame.exchange.request_headers.as_deref().is_none_or(|kept| kept == headers);
        let others = self.frames.iter().any(|frame| asked(frame) && !with(frame));
        let unasked = match left_out {
            0 if others => Missing::OtherHeaders,
            0 => Missing::Unasked,
            count => Missing::LeftOut(count),
        };
        let same = |frame: &&mut Frame| !frame.used && asked(frame) && with(frame);
        let nearest = self.frames.iter_mut().filter(same).min_by_key(|frame| frame.exchange.at.0.abs_diff(now.0));
        let frame = nearest.ok_or(unasked)?;
        frame.used = true;
        // In its own call time goes as it went; an answer of another call takes as long as it took then.
        let begins = if frame.call == call { frame.exchange.at } else { now };
        self.now = now.max(begins.plus(frame.exchange.took));
        match &frame.exchange.answer {
            Ok(answered) if answered.cut => Err(Missing::Cut),
            answer => Ok(answer.clone()),
        }
    }

    /// Goes on to the next call.
    fn next(&mut self) -> Option<Wake> {
        let (at, wake) = self.calls.get(self.call + 1)?.clone();
        self.call += 1;
        self.now = self.now.max(at);
        Some(wake)
    }
}

/// What goes on around a replayed step.
struct Played<'a> {
    reel: &'a Reel,
    hear: &'a mut (dyn FnMut(Timestamp, &PluginReply) + Send),
}

#[async_trait]
impl Outside for Played<'_> {
    fn now(&self) -> Timestamp {
        self.reel.now()
    }

    fn patience(&self) -> usize {
        usize::MAX
    }

    /// A workflow may have given its calls more time, and they had it.
    fn longest_call(&self) -> Millis {
        Millis(u64::MAX)
    }

    async fn wake(&mut self, _wait: &Suspension, _deadline: Option<Timestamp>) -> Woken {
        let mut scene = self.reel.scene();
        if scene.gap.is_some() {
            return Woken::Left;
        }
        scene.next().map_or(Woken::Left, Woken::By)
    }

    fn hear(&mut self, reply: &PluginReply) {
        let now = self.reel.now();
        (self.hear)(now, reply);
    }
}

#[cfg(test)]
mod tests {
    use shiftgate_model::{AmiId, Digest, RunId, RunInfo, StepId};

    use super::*;

    fn exchange(at: u64, url: &str, answer: &str, cut: bool) -> Exchange {
        let answer = Ok(Answered { status: 200, headers: Vec::new(), body: answer.into(), cut });
        Exchange {
            at: Timestamp(at),
            method: "GET".into(),
            url: url.into(),
            request_headers: None,
            body: String::new(),
            took: Millis(5),
            answer,
        }
    }

    fn call(number: u32, at: u64, exchanges: Vec<Exchange>) -> Evidence {
        let state = shiftgate_model::ActionState::new(1, Vec::new());
        let step = StepId::new("phase-1/verify-1");
        Evidence {
            step: step.clone(),
            fence: 1,
            attempt: 1,
            call: number,
            at: Timestamp(at),
            plugin: "errors".into(),
            digest: Digest("0".repeat(64)),
            config: serde_json::json!({}),
            run: RunInfo::new(RunId::new("r"), step, AmiId::new("ami-1"), Timestamp(at)),
            action: if number == 1 { Call::Start { summary: None } } else { Call::Poll { state, wake: Wake::Timer } },
            exchanges,
            left_out: 0,
            report: None,
            error: None,
        }
    }

    fn reel(calls: &[Evidence]) -> Reel {
        Reel::new(&calls.iter().collect::<Vec<_>>())
    }

    fn body(reel: &Reel, url: &str) -> String {
        reel.answer("GET", url, &[], "").map_or_else(|told| told, |answered| answered.body)
    }

    #[test]
    fn the_nearest_in_time_answers_and_each_answer_is_given_once() {
        let calls = [
            call(1, 100, vec![exchange(110, "http://a/", "one", false), exchange(120, "http://a/", "two", false)]),
            call(2, 900, vec![exchange(910, "http://a/", "three", false)]),
        ];
        let reel = reel(&calls);
        assert_eq!((body(&reel, "http://a/").as_str(), reel.now()), ("one", Timestamp(115)));
        assert!(matches!(reel.scene().next(), Some(Wake::Timer)));
        assert_eq!((body(&reel, "http://a/").as_str(), reel.now()), ("three", Timestamp(915)));
        // Of another call: it takes as long as it took then.
        assert_eq!((body(&reel, "http://a/").as_str(), reel.now()), ("two", Timestamp(920)));
        assert_eq!(reel.scene().gap, None);
        assert!(body(&reel, "http://a/").starts_with("protocol: "));
        assert_eq!(reel.scene().gap, Some(Gap { request: "GET http://a/".into(), why: Missing::Unasked }));
        assert_eq!(reel.scene().next(), None);
    }

    #[test]
    fn what_was_asked_otherwise_or_is_not_whole_has_no_answer() {
        let whole = exchange(110, "http://a/?time=1", "one", false);
        let calls = [call(1, 100, vec![whole.clone(), exchange(120, "http://a/long", "x", true)])];
        for (url, why) in [("http://a/?time=2", Missing::Unasked), ("http://a/long", Missing::Cut)] {
            let reel = reel(&calls);
            body(&reel, url);
            body(&reel, "http://a/other");
            assert_eq!(reel.scene().gap, Some(Gap { request: format!("GET {url}"), why }), "the first one is told");
        }
        let shed = Evidence { left_out: 3, ..call(1, 100, vec![whole]) };
        let reel = reel(&[shed]);
        body(&reel, "http://a/?time=2");
        assert_eq!(reel.scene().gap.as_ref().map(|gap| gap.why), Some(Missing::LeftOut(3)));
    }

    #[test]
    fn the_answers_of_one_tenant_are_not_those_of_another() {
        let tenant = |name: &str| vec![("accept".to_owned(), "*/*".to_owned()), ("x-scope-orgid".to_owned(), name.to_owned())];
        let of = |at: u64, name: &str, answer: &str| Exchange {
            request_headers: Some(tenant(name)),
            ..exchange(at, "http://a/", answer, false)
        };
        let calls = [call(1, 100, vec![of(110, "one", "of one"), of(120, "two", "of two")])];
        let told = |reel: &Reel, name: &str| {
            reel.answer("GET", "http://a/", &tenant(name), "").map_or_else(|told| told, |answered| answered.body)
        };
        let reel = self::reel(&calls);
        assert_eq!([told(&reel, "two"), told(&reel, "one")], ["of two", "of one"]);
        told(&reel, "other");
        assert_eq!(reel.scene().gap, Some(Gap { request: "GET http://a/".into(), why: Missing::OtherHeaders }));
        // What was kept without any answers whoever asks.
        let reel = self::reel(&[call(1, 100, vec![exchange(110, "http://a/", "of whom", false)])]);
        assert_eq!(told(&reel, "other"), "of whom");
    }

    #[test]
    fn a_recording_begins_with_the_start_and_leaves_a_cancel_out() {
        let state = shiftgate_model::ActionState::new(1, Vec::new());
        let cancel = Evidence { action: Call::Cancel { state }, ..call(3, 1000, Vec::new()) };
        let calls = [call(1, 100, Vec::new()), call(2, 900, Vec::new()), cancel];
        assert_eq!(Recording::of(&calls).map(|recording| recording.calls()), Some(2));
        assert!(Recording::of(&calls[1..]).is_none());
    }
}
