//! Approval: collects the votes of people, one signal `ballot` each.
//!
//! It only collects. Who may vote, how many have to, and whether a vote is bound to the plan at hand is decided by the
//! host; the same rule stands in the config so that the request can be shown. The host's commands send the signals.

use serde::Deserialize;
use shiftgate_sdk::prelude::*;

/// The signal that carries a vote.
const SIGNAL: &str = "ballot";
/// How many ballots are kept. With the limits below they fit into the state that a host keeps, however their text is escaped.
const MOST_BALLOTS: usize = 50;
/// How much of a comment is kept, in bytes.
const MOST_COMMENT: usize = 400;
/// The longest name or digest that is believed, in bytes.
const MOST_NAME: usize = 100;

/// Asks people.
#[derive(Config)]
pub struct Settings {
    /// What is asked.
    #[config(min_length = 1)]
    pub message: String,
    /// Who may vote; empty for anyone.
    #[config(default)]
    pub approvers: Vec<String>,
    /// How many have to approve.
    #[config(default = 1, minimum = 1)]
    pub quorum: u32,
}

/// The plugin.
#[derive(Debug)]
pub struct ManualApproval;

impl Approval for ManualApproval {
    type Config = Settings;
    type State = Vec<Ballot>;

    fn validate(config: &Settings) -> Vec<Problem> {
        let approvers = config.approvers.len();
        if approvers > 0 && usize::try_from(config.quorum).is_ok_and(|quorum| quorum > approvers) {
            let message = format!("{} have to approve, and only {approvers} may vote", config.quorum);
            return vec![Problem::at("/quorum", message)];
        }
        Vec::new()
    }

    fn start(cx: &Context<'_>, config: &Settings) -> Result<Progress<Vec<Ballot>>> {
        Ok(progress(cx, config, Vec::new()))
    }

    fn poll(cx: &Context<'_>, config: &Settings, mut ballots: Vec<Ballot>, wake: Wake) -> Result<Progress<Vec<Ballot>>> {
        if let Wake::Signal { name, payload } = wake {
            match read(payload, cx.now()) {
                _ if name != SIGNAL => cx.warn(format!("a signal `{name}` is no vote, and is left out")),
                Err(why) => cx.warn(format!("a ballot cannot be read, and is left out: {why}")),
                // A doubled wake brings the same ballot again.
                Ok(ballot) if ballots.contains(&ballot) => {}
                Ok(ballot) => {
                    make_room(&mut ballots);
                    if ballots.len() < MOST_BALLOTS {
                        ballots.push(ballot);
                    } else {
                        cx.warn(format!("{MOST_BALLOTS} people have voted; the vote of {} is left out", ballot.subject));
                    }
                }
            }
        }
        Ok(progress(cx, config, ballots))
    }
}

/// A ballot as the signal carries it.
#[derive(Deserialize)]
struct Payload {
    subject: String,
    vote: Vote,
    #[serde(default)]
    at: Option<Timestamp>,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default)]
    bound_digest: Option<String>,
}

fn read(payload: Value, now: Timestamp) -> Result<Ballot, String> {
    let payload: Payload = serde_json::from_value(payload).map_err(|error| error.to_string())?;
    let subject = &payload.subject;
    if subject.is_empty() || subject.len() > MOST_NAME || subject.contains(char::is_control) {
        return Err(format!("a name has 1 to {MOST_NAME} bytes, all of them printable"));
    }
    if payload.bound_digest.as_ref().is_some_and(|digest| digest.len() > MOST_NAME) {
        return Err(format!("a digest has {MOST_NAME} bytes at most"));
    }
    let mut comment = payload.comment.unwrap_or_default().replace(char::is_control, " ");
    if comment.len() > MOST_COMMENT {
        comment.truncate(comment.floor_char_boundary(MOST_COMMENT));
        comment.push('…');
    }
    Ok(Ballot {
        subject: payload.subject,
        vote: payload.vote,
        at: payload.at.unwrap_or(now),
        comment,
        bound_digest: payload.bound_digest,
    })
}

/// When all places are taken, drops the oldest ballot of somebody who has voted again since.
fn make_room(ballots: &mut Vec<Ballot>) {
    if ballots.len() < MOST_BALLOTS {
        return;
    }
    let outdated = ballots
        .iter()
        .enumerate()
        .position(|(index, ballot)| ballots.iter().skip(index + 1).any(|later| later.subject == ballot.subject));
    if let Some(index) = outdated {
        ballots.remove(index);
    }
}

/// All ballots, and the wait for more until the step's deadline.
fn progress(cx: &Context<'_>, config: &Settings, ballots: Vec<Ballot>) -> Progress<Vec<Ballot>> {
    let approvals = ballots.iter().filter(|ballot| ballot.vote == Vote::Approve).count();
    let rejections = ballots.len() - approvals;
    let summary = format!("{approvals} approve and {rejections} reject; wanted: {}", wanted(config));
    let now = cx.now();
    let wait = |ballots| Suspension::on_signal(ballots, SIGNAL);
    let next = match cx.run().deadline {
        Some(deadline) if deadline <= now => None,
        Some(deadline) => Some(wait(ballots.clone()).or_after(deadline.since(now))),
        None => Some(wait(ballots.clone())),
    };
    Progress { tally: Tally::new(ballots, summary), next }
}

/// `2 of ann, bo, cy`.
fn wanted(config: &Settings) -> String {
    let who = if config.approvers.is_empty() { "anyone".to_owned() } else { config.approvers.join(", ") };
    format!("{} of {who}", config.quorum)
}

plugin! { approval: ManualApproval }

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::testing::{ApprovalTest, FakeHost};

    fn config() -> Value {
        json!({"message": "Go to 100%?", "approvers": ["ann", "bo", "cy"], "quorum": 2})
    }

    fn vote(subject: &str, vote: &str, at: u64) -> Value {
        json!({"subject": subject, "vote": vote, "at": at, "comment": "fine", "bound_digest": "d1"})
    }

    #[test]
    fn collects_every_ballot_and_waits_on() {
        let host = FakeHost::new();
        let mut test = ApprovalTest::<ManualApproval>::start(&host, &config()).unwrap();
        let next = test.progress().next.clone().unwrap();
        assert_eq!((next.after, next.signals), (None, vec!["ballot".to_owned()]));
        test.signal("ballot", vote("ann", "approve", 1)).unwrap();
        test.signal("ballot", vote("bo", "reject", 2)).unwrap();
        let progress = test.signal("ballot", vote("bo", "approve", 3)).unwrap();
        let ballots: Vec<_> = progress.tally.ballots.iter().map(|b| (b.subject.as_str(), b.vote, b.at.0)).collect();
        assert_eq!(ballots, [("ann", Vote::Approve, 1), ("bo", Vote::Reject, 2), ("bo", Vote::Approve, 3)]);
        assert_eq!(progress.tally.ballots[0].bound_digest.as_deref(), Some("d1"));
        assert_eq!(progress.tally.summary, "2 approve and 1 reject; wanted: 2 of ann, bo, cy");
        assert!(progress.next.is_some(), "the host decides, never the plugin");
    }

    #[test]
    fn a_doubled_wake_brings_one_ballot() {
        let host = FakeHost::new();
        let mut test = ApprovalTest::<ManualApproval>::start(&host, &config()).unwrap();
        test.signal("ballot", vote("ann", "approve", 1)).unwrap();
        let progress = test.signal("ballot", vote("ann", "approve", 1)).unwrap();
        assert_eq!(progress.tally.ballots.len(), 1);
    }

    #[test]
    fn waits_until_the_deadline() {
        let mut host = FakeHost::new();
        host.run.deadline = Some(host.run.started_at + Duration::from_secs(3600));
        let mut test = ApprovalTest::<ManualApproval>::start(&host, &config()).unwrap();
        assert_eq!(test.progress().next.as_ref().and_then(|next| next.after), Some(Duration::from_secs(3600)));
        let progress = test.timer().unwrap();
        assert_eq!(progress.next, None);
    }

    #[test]
    fn what_is_no_ballot_is_left_out_and_told() {
        let host = FakeHost::new();
        let mut test = ApprovalTest::<ManualApproval>::start(&host, &config()).unwrap();
        for bad in [json!(null), json!({"subject": "", "vote": "approve"}), json!({"subject": "ann", "vote": "maybe"})] {
            assert_eq!(test.signal("ballot", bad).unwrap().tally.ballots.len(), 0);
        }
        assert_eq!(host.logs().len(), 3);
        let progress = test.signal("ballot", json!({"subject": "ann", "vote": "approve"})).unwrap();
        assert_eq!(progress.tally.ballots[0].at, host.run.started_at);
    }

    #[test]
    fn many_votes_stay_small_and_lose_no_last_word() {
        let host = FakeHost::new();
        let mut test = ApprovalTest::<ManualApproval>::start(&host, &config()).unwrap();
        test.signal("ballot", vote("ann", "reject", 0)).unwrap();
        for at in 1..300 {
            let mut ballot = vote("bo", "approve", at);
            ballot["comment"] = json!("\"\u{1}é".repeat(5000));
            test.signal("ballot", ballot).unwrap();
        }
        let ballots = &test.progress().tally.ballots;
        assert_eq!(ballots.len(), MOST_BALLOTS);
        assert!(test.progress().next.as_ref().unwrap().state.bytes.len() < 60 * 1024);
        assert_eq!((ballots[0].subject.as_str(), ballots[49].at.0), ("ann", 299));
    }

    #[test]
    fn a_quorum_that_cannot_be_reached_is_a_problem() {
        let settings: Settings = serde_json::from_value(json!({"message": "?", "approvers": ["ann"], "quorum": 2})).unwrap();
        assert_eq!(ManualApproval::validate(&settings), [Problem::at("/quorum", "2 have to approve, and only 1 may vote")]);
    }
}
