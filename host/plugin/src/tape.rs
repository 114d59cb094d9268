//! What a call leaves of its talk with the outside, and the clock that goes with it.
//!
//! A [`Tape`] keeps each exchange as the guest saw it: placeholders where secrets went out, no header that the host added, echoes
//! masked. A call's clock stands still but for its exchanges, so that a tape says what time it was for the guest at any moment,
//! and [`Answers`] can play a call again. `guest.rs` records and plays; nothing here decides what may go out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shiftgate_model::{Answered, Clock, Exchange, Millis, Timestamp};

use crate::egress::{Answer, Ask, Carried, Failure};

/// The most text of one exchange's bodies.
const BODIES: usize = 128 << 10;
/// The most exchanges of a call.
const EXCHANGES: usize = 200;
/// The most text of a call's exchanges.
const TEXT: usize = 1 << 20;

/// Answers that were recorded. They stand in the place of the network and of all that guards it: nothing leaves.
pub trait Answers: fmt::Debug + Send + Sync {
    /// Answers one request as the plugin makes it, redirects followed; its headers as in [`Exchange::request_headers`]. The clock that goes with it shows what time it took.
    ///
    /// # Errors
    /// As [`Exchange::answer`] has it: the contract's word, then more.
    fn answer(&self, method: &str, url: &str, headers: &[(String, String)], body: &str) -> Result<Answered, String>;
}

/// One call's clock: it stands where the call began, and from each exchange on where that ended.
pub(crate) struct CallClock {
    run: Arc<dyn Clock>,
    stands: AtomicU64,
}

impl CallClock {
    pub(crate) fn new(run: Arc<dyn Clock>) -> Self {
        let stands = AtomicU64::new(run.now().0);
        Self { run, stands }
    }

    /// The run's own time.
    pub(crate) fn run_time(&self) -> Timestamp {
        self.run.now()
    }

    /// Moves it on; never back.
    pub(crate) fn stand(&self, at: Timestamp) {
        self.stands.fetch_max(at.0, Ordering::Relaxed);
    }
}

impl Clock for CallClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.stands.load(Ordering::Relaxed))
    }
}

/// What one call asked the outside.
#[derive(Debug)]
pub(crate) struct Tape {
    began: Timestamp,
    exchanges: Vec<Exchange>,
    left_out: u32,
    text: usize,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    at: Timestamp,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    cut: bool,
}

impl Asked {
    pub(crate) fn new(at: Timestamp, ask: &Ask) -> Self {
        let (body, cut) = text_of(&ask.body, BODIES);
        let mut headers: Vec<_> = ask.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        // Those of one name stay in their order, which means something.
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { at, method: ask.method.to_ascii_uppercase(), url: ask.url.clone(), headers, body, cut }
    }

    /// What was recorded for it.
    pub(crate) fn answered_by(&self, answers: &dyn Answers) -> Result<Answer, Failure> {
        let Answered { status, headers, body, .. } =
            answers.answer(&self.method, &self.url, &self.headers, &self.body).map_err(|told| Failure::of_words(&told))?;
        Ok(Answer { status, final_url: self.url.clone(), headers, body: body.into_bytes() })
    }
}

impl Tape {
    pub(crate) const fn new(began: Timestamp) -> Self {
        Self { began, exchanges: Vec::new(), left_out: 0, text: 0 }
    }

    /// Records an exchange that took so long.
    pub(crate) fn add(&mut self, asked: Asked, took: Millis, answer: &Result<Answer, Failure>) {
        let Asked { at, method, url, headers, body, cut } = asked;
        let room = BODIES.saturating_sub(body.len());
        let answer = match answer {
            Ok(answer) => {
                let (body, more) = text_of(&answer.body, room);
                Ok(Answered { status: answer.status, headers: answer.headers.clone(), body, cut: cut || more })
            }
            Err(failure) => Err(failure.to_string()),
        };
        let exchange = Exchange { at, method, url, request_headers: Some(headers), body, took, answer };
        let text = self.text.saturating_add(length(&exchange));
        if self.exchanges.len() >= EXCHANGES || text > TEXT {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.text = text;
        self.exchanges.push(exchange);
    }

    /// All of it, without the secrets that left in the call: the moment that it began, the exchanges, and how many are missing.
    pub(crate) fn finish(&self, carried: &Carried) -> (Timestamp, Vec<Exchange>, u32) {
        let exchanges = self.exchanges.iter().cloned().map(|exchange| masked(exchange, carried)).collect();
        (self.began, exchanges, self.left_out)
    }
}

fn masked(exchange: Exchange, carried: &Carried) -> Exchange {
    let Exchange { at, method, url, request_headers, body, took, answer } = exchange;
    let all = |headers: Vec<(String, String)>| headers.into_iter().map(|(name, value)| (name, carried.mask(value))).collect();
    let answer = match answer {
        Ok(Answered { status, headers, body, cut }) => {
            let headers = all(headers);
            Ok(Answered { status, headers, body: carried.mask(body), cut })
        }
        Err(told) => Err(carried.mask(told)),
    };
    let request_headers = request_headers.map(all);
    Exchange { at, method, url: carried.mask(url), request_headers, body: carried.mask(body), took, answer }
}

/// Bytes as text, `room` bytes of it at most, and whether there was more.
fn text_of(bytes: &[u8], room: usize) -> (String, bool) {
    let mut text = String::from_utf8_lossy(bytes.get(..room).unwrap_or(bytes)).into_owned();
    let more = bytes.len() > room || text.len() > room;
    text.truncate(text.floor_char_boundary(room));
    (text, more)
}

/// The text in an exchange, in bytes.
fn length(exchange: &Exchange) -> usize {
    let all = |headers: &[(String, String)]| {
        headers.iter().map(|(name, value)| name.len().saturating_add(value.len())).fold(0, usize::saturating_add)
    };
    let answer = match &exchange.answer {
        Ok(answer) => all(&answer.headers).saturating_add(answer.body.len()),
        Err(told) => told.len(),
    };
    let asked = exchange.url.len().saturating_add(all(exchange.request_headers.as_deref().unwrap_or_default()));
    asked.saturating_add(exchange.body.len()).saturating_add(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &[u8]) -> Asked {
        let ask = Ask { method: "post".into(), url: "http://a/x".into(), body: body.to_vec(), ..Ask::default() };
        Asked::new(Timestamp(5), &ask)
    }

    fn answer(body: &[u8]) -> Result<Answer, Failure> {
        Ok(Answer { status: 200, final_url: "http://a/x".into(), headers: vec![("a".into(), "b".into())], body: body.to_vec() })
    }

    #[test]
    fn an_exchange_is_kept_as_text_and_cut_where_there_is_no_room() {
        let mut tape = Tape::new(Timestamp(1));
        tape.add(asked(b"q"), Millis(7), &answer(b"\xffok"));
        let mut long = vec![b'a'; BODIES - 2];
        long.extend_from_slice("ä!".as_bytes());
        tape.add(asked(b""), Millis(7), &answer(&long));
        tape.add(asked(&long), Millis(7), &Err(Failure::Dns("a: no such name".into())));
        let (began, exchanges, left_out) = tape.finish(&Carried::default());
        assert_eq!((began, left_out), (Timestamp(1), 0));
        let first = exchanges[0].answer.as_ref().unwrap();
        assert_eq!((exchanges[0].method.as_str(), first.body.as_str(), first.cut), ("POST", "\u{fffd}ok", false));
        let second = exchanges[1].answer.as_ref().unwrap();
        assert_eq!((second.body.len(), second.cut), (BODIES, true));
        assert_eq!((exchanges[2].body.len(), exchanges[2].answer.clone()), (BODIES, Err("dns: a: no such name".into())));
    }

    #[test]
    fn an_exchange_keeps_the_headers_of_the_guest_by_name() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![header("X-Tenant", "b"), header("accept", "*/*"), header("x-tenant", "a")];
        let mut tape = Tape::new(Timestamp(1));
        tape.add(Asked::new(Timestamp(5), &Ask { headers, ..Ask::default() }), Millis(1), &answer(b""));
        let (_, exchanges, _) = tape.finish(&Carried::default());
        let kept = vec![header("accept", "*/*"), header("x-tenant", "b"), header("x-tenant", "a")];
        assert_eq!(exchanges[0].request_headers, Some(kept));
        let large = Ask { headers: vec![header("x", &"x".repeat(TEXT))], ..Ask::default() };
        tape.add(Asked::new(Timestamp(5), &large), Millis(1), &answer(b""));
        assert_eq!(tape.finish(&Carried::default()).2, 1, "they take room");
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut many = Tape::new(Timestamp(1));
        let mut large = Tape::new(Timestamp(1));
        for _ in 0..EXCHANGES + 3 {
            many.add(asked(b""), Millis(1), &answer(b"x"));
        }
        for _ in 0..10 {
            large.add(asked(b""), Millis(1), &answer(&[b'x'; BODIES]));
        }
        let (_, exchanges, left_out) = many.finish(&Carried::default());
        assert_eq!((exchanges.len(), left_out), (EXCHANGES, 3));
        let (_, exchanges, left_out) = large.finish(&Carried::default());
        assert_eq!((exchanges.len(), left_out), (7, 3));
    }

    #[test]
    fn every_failure_comes_back_from_its_words() {
        for failure in Failure::every() {
            assert_eq!(Failure::of_words(&failure.to_string()), failure);
        }
        assert_eq!(Failure::of_words("odd"), Failure::Protocol("odd".into()));
    }

    #[test]
    fn a_calls_clock_stands_between_its_exchanges() {
        #[derive(Debug)]
        struct Running(AtomicU64);
        impl Clock for Running {
            fn now(&self) -> Timestamp {
                Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
            }
        }
        let clock = CallClock::new(Arc::new(Running(AtomicU64::new(10))));
        assert_eq!([clock.now(), clock.now(), clock.run_time()], [10, 10, 11].map(Timestamp));
        clock.stand(Timestamp(20));
        clock.stand(Timestamp(15));
        assert_eq!(clock.now(), Timestamp(20));
    }
}
