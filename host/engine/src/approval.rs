//! Counts ballots. The host counts; a plugin only collects. Silence is no vote. Pure.

use std::collections::BTreeMap;

use shiftgate_model::{Ballot, Vote};
use shiftgate_workflow::Approve;

/// What the ballots so far amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Enough of those who may vote approve.
    Approved {
        /// Who, in the order of their votes.
        by: Vec<String>,
    },
    /// One of those who may vote rejects.
    Rejected {
        /// Who.
        by: String,
        /// Why; empty when they did not say.
        comment: String,
    },
    /// Neither yet.
    Open,
}

/// Why a ballot does not count; none when it does.
pub(crate) fn refusal(rule: &Approve, agreed: Option<&str>, ballot: &Ballot) -> Option<String> {
    if ballot.subject.trim().is_empty() {
        return Some("it names nobody".into());
    }
    if !rule.approvers.is_empty() && !rule.approvers.contains(&ballot.subject) {
        return Some(format!("only {} may vote", rule.approvers.join(", ")));
    }
    of_another_plan(agreed, ballot)
}

/// Why a ballot is not for this run; none when it is, or is bound to no plan.
pub(crate) fn of_another_plan(agreed: Option<&str>, ballot: &Ballot) -> Option<String> {
    match (ballot.bound_digest.as_deref(), agreed) {
        // A no is a no, whatever it was about.
        _ if ballot.vote == Vote::Reject => None,
        (None, _) => None,
        (Some(bound), Some(agreed)) if bound == agreed => None,
        (Some(bound), Some(agreed)) => Some(format!("it is bound to the plan {bound}, and this run is of {agreed}")),
        (Some(bound), None) => Some(format!("it is bound to the plan {bound}, and this run was started without --plan")),
    }
}

/// Counts: one voice a person, their last word holds, one rejection is enough. `agreed` is the digest of the plan that the
/// run is of: a ballot that is bound to another one is not counted.
#[must_use]
pub fn count(rule: &Approve, agreed: Option<&str>, ballots: &[Ballot]) -> Decision {
    let mut order: Vec<&str> = Vec::new();
    let mut last: BTreeMap<&str, &Ballot> = BTreeMap::new();
    for ballot in ballots.iter().filter(|ballot| refusal(rule, agreed, ballot).is_none()) {
        if last.insert(&ballot.subject, ballot).is_none() {
            order.push(&ballot.subject);
        }
    }
    let voices = || order.iter().filter_map(|subject| last.get(subject));
    if let Some(rejection) = voices().find(|ballot| ballot.vote == Vote::Reject) {
        return Decision::Rejected { by: rejection.subject.clone(), comment: rejection.comment.clone() };
    }
    let by: Vec<String> = voices().map(|ballot| ballot.subject.clone()).collect();
    let needed = usize::try_from(rule.quorum.max(1)).unwrap_or(usize::MAX);
    if by.len() >= needed { Decision::Approved { by } } else { Decision::Open }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_model::{Millis, PluginSource, Timestamp};
    use shiftgate_workflow::{FailureAction, PluginStep};

    fn rule(approvers: &[&str], quorum: u32) -> Approve {
        let plugin = PluginSource::new("manual", "manual-approval");
        Approve {
            step: PluginStep { plugin, with: serde_json::Value::Null, timeout: None, background: false },
            message: "Go?".into(),
            approvers: approvers.iter().map(ToString::to_string).collect(),
            quorum,
            expires: Millis::minutes(1),
            on_reject: FailureAction::Rollback,
            on_expiry: FailureAction::Rollback,
        }
    }

    fn ballots(votes: &[(&str, Vote)]) -> Vec<Ballot> {
        let ballot = |(subject, vote): &(&str, Vote)| Ballot {
            subject: (*subject).into(),
            vote: *vote,
            at: Timestamp(0),
            comment: String::new(),
            bound_digest: None,
        };
        votes.iter().map(ballot).collect()
    }

    #[test]
    fn one_voice_a_person_and_their_last_word_holds() {
        use Vote::{Approve, Reject};
        let two = rule(&["ann", "bo", "cy"], 2);
        let decide = |votes: &[(&str, Vote)]| count(&two, None, &ballots(votes));
        assert_eq!(decide(&[]), Decision::Open);
        assert_eq!(decide(&[("ann", Approve), ("ann", Approve)]), Decision::Open);
        assert_eq!(decide(&[("ann", Approve), ("mallory", Approve)]), Decision::Open);
        assert_eq!(decide(&[("ann", Approve), ("bo", Approve)]), Decision::Approved { by: vec!["ann".into(), "bo".into()] });
        assert_eq!(decide(&[("ann", Approve), ("bo", Reject)]), Decision::Rejected { by: "bo".into(), comment: String::new() });
        assert_eq!(decide(&[("mallory", Reject)]), Decision::Open);
        assert!(matches!(decide(&[("bo", Reject), ("bo", Approve), ("ann", Approve)]), Decision::Approved { .. }));
    }

    #[test]
    fn anyone_may_vote_where_nobody_is_named_but_nobody_may_not() {
        let open = rule(&[], 0);
        assert_eq!(count(&open, None, &ballots(&[("", Vote::Approve)])), Decision::Open);
        assert_eq!(count(&open, None, &ballots(&[("dee", Vote::Approve)])), Decision::Approved { by: vec!["dee".into()] });
    }

    #[test]
    fn a_vote_for_another_plan_does_not_count() {
        let open = rule(&[], 1);
        let mut votes = ballots(&[("dee", Vote::Approve)]);
        votes[0].bound_digest = Some("sha256:1".into());
        let by = vec!["dee".to_owned()];
        assert_eq!(count(&open, Some("sha256:1"), &votes), Decision::Approved { by });
        assert_eq!(count(&open, Some("sha256:2"), &votes), Decision::Open);
        assert_eq!(count(&open, None, &votes), Decision::Open);
        // A no counts, whatever plan it was about.
        votes[0].vote = Vote::Reject;
        assert!(matches!(count(&open, Some("sha256:2"), &votes), Decision::Rejected { .. }));
        votes[0].vote = Vote::Approve;
        let refused = refusal(&open, Some("sha256:2"), &votes[0]);
        assert_eq!(refused.as_deref(), Some("it is bound to the plan sha256:1, and this run is of sha256:2"));
    }
}
