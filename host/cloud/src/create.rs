//! A group is made once: look, post, and after anything but a clear yes or no look again before posting again.
//!
//! Spot's create has no client token, and names are not unique, so a blind repeat makes a second group. Each group that we
//! create carries a marker, and a group with this marker is adopted. Nothing is deleted or changed here: a group that
//! stands in the way is named in the error, for a person to decide.

use std::time::Duration;

use serde_json::Value;
use shiftgate_model::{CloudError, Created, GroupId, GroupSpec, Origin};
use tokio::time::Instant;

use crate::call::{Caller, Failed};
use crate::failure::{Class, refused};
use crate::limiter::pause;
use crate::operation::{Operation, Request};
use crate::payload;
use crate::view::RawGroup;

/// Creates a group, or adopts the one that carries its marker.
pub(crate) async fn create(caller: &Caller, spec: &GroupSpec) -> Result<Created, CloudError> {
    let name = spec.name.as_str();
    let request = Request::account(Operation::Create).subject(name).body(payload::create(spec)?);
    let found = if spec.attempted { look_again(caller, spec).await? } else { look(caller, spec).await? };
    if let Some(id) = found {
        return Ok(Created { id, adopted: true });
    }
    let mut patience = Patience::new(caller);
    loop {
        let failed = match caller.call(&request).await {
            Ok(items) => match items.into_iter().next().and_then(|item| RawGroup::new(item).id()) {
                Some(id) => return Ok(Created { id, adopted: false }),
                None => no_id(caller, &request),
            },
            Err(failed) => failed,
        };
        tracing::warn!(error = %failed.error, group = name, "the create did not succeed");
        let found = if failed.class.may_have_happened() {
            settle(caller, spec, &failed).await?
        } else {
            patience.wait(&failed).await?;
            look(caller, spec).await?
        };
        if let Some(id) = found {
            return Ok(Created { id, adopted: true });
        }
        if failed.class.may_have_happened() {
            patience.count(&failed)?;
        }
    }
}

/// Looks for the group at once and then with growing pauses: the server may still be at work on a call whose answer was
/// lost, and a list may be older than the create.
async fn settle(caller: &Caller, spec: &GroupSpec, failed: &Failed) -> Result<Option<GroupId>, CloudError> {
    match look_again(caller, spec).await {
        Err(error) if !matches!(error.origin, Origin::Refused(_)) => Err(undecided(failed, &error)),
        looked => looked,
    }
}

/// Looks until the group is there, as often and with the pauses that the policy says.
async fn look_again(caller: &Caller, spec: &GroupSpec) -> Result<Option<GroupId>, CloudError> {
    let policy = &caller.policy;
    for nth in 0..policy.looks.max(1) {
        if let Some(nth) = nth.checked_sub(1) {
            tokio::time::sleep(pause(policy.look_pause.duration(), policy.longest_pause.duration(), nth)).await;
        }
        if let Some(id) = look(caller, spec).await? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The group that carries the spec's marker.
async fn look(caller: &Caller, spec: &GroupSpec) -> Result<Option<GroupId>, CloudError> {
    let items = caller.call(&Request::account(Operation::List)).await?;
    decide(&items, spec)
        .map_err(|why| refused(Operation::Create.name(), Some(spec.name.as_str().to_owned()), caller.redactor.clean(&why)))
}

/// What the groups that stand there mean for a create: adopt one, go on, or a sentence on what is in the way. Pure.
fn decide(items: &[Value], spec: &GroupSpec) -> Result<Option<GroupId>, String> {
    let groups: Vec<RawGroup> = items.iter().cloned().map(RawGroup::new).collect();
    let name = |group: &RawGroup| group.name().map_or_else(String::new, |name| name.as_str().to_owned());
    let id = |group: &RawGroup| group.id().map_or_else(|| "(no id)".to_owned(), |id| id.as_str().to_owned());
    let ours: Vec<&RawGroup> = groups.iter().filter(|group| group.marker().as_ref() == Some(&spec.marker)).collect();
    match ours.as_slice() {
        [] => {}
        [group] if group.name().as_ref() == Some(&spec.name) => {
            return group
                .id()
                .map(Some)
                .ok_or_else(|| "the group that carries this run's tags has no id in Spot's answer".to_owned());
        }
        [group] => {
            return Err(format!(
                "group `{}`, named `{}`, already carries the tags of this run and step ({}, {}); rename it back, or remove its tags or the group",
                id(group),
                name(group),
                spec.marker.run,
                spec.marker.step
            ));
        }
        several => {
            let ids = several.iter().map(|group| format!("`{}`", id(group))).collect::<Vec<_>>().join(", ");
            return Err(format!(
                "groups {ids} all carry the tags of this run and step ({}, {}); keep one and delete the others",
                spec.marker.run, spec.marker.step
            ));
        }
    }
    let Some(foreign) = groups.iter().find(|group| group.name().as_ref() == Some(&spec.name)) else {
        return Ok(None);
    };
    let owner = foreign.marker().map_or_else(
        || "does not carry this program's tags".to_owned(),
        |marker| format!("was created by another run or step ({}, {})", marker.run, marker.step),
    );
    Err(format!("group `{}` already has this name and {owner}; delete or rename it, or deploy under another name", id(foreign)))
}

/// How long and how often a create is posted again.
struct Patience<'a> {
    caller: &'a Caller,
    posts: u32,
    provisioning: Option<(Instant, u32)>,
    limited: Duration,
}

impl<'a> Patience<'a> {
    const fn new(caller: &'a Caller) -> Self {
        Self { caller, posts: 0, provisioning: None, limited: Duration::ZERO }
    }

    /// Counts a post that brought nothing; gives the failure back after the last.
    fn count(&mut self, failed: &Failed) -> Result<(), CloudError> {
        self.posts += 1;
        if self.posts >= self.caller.policy.create_attempts { Err(failed.error.clone()) } else { Ok(()) }
    }

    /// Waits as the class of a failure asks for, or gives it back. For failures that certainly had no effect.
    async fn wait(&mut self, failed: &Failed) -> Result<(), CloudError> {
        let policy = self.caller.policy;
        let longest = policy.longest_pause.duration();
        let pause = match failed.class {
            Class::Limited | Class::Throttled => self.limited(failed)?,
            Class::Provisioning => {
                let (since, nth) = self.provisioning.unwrap_or_else(|| (Instant::now(), 0));
                self.provisioning = Some((since, nth + 1));
                let pause = pause(policy.provisioning_pause.duration(), longest, nth);
                if since.elapsed() + pause > policy.provisioning_budget.duration() {
                    return Err(failed.error.clone());
                }
                pause
            }
            Class::NotSent => {
                let nth = self.posts;
                self.count(failed)?;
                pause(policy.first_pause.duration(), longest, nth)
            }
            Class::Unavailable | Class::Lost | Class::Unreadable | Class::Missing | Class::Final => {
                return Err(failed.error.clone());
            }
        };
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// The time until the route opens, so that the groups are listed after it and not before.
    fn limited(&mut self, failed: &Failed) -> Result<Duration, CloudError> {
        let wait = match failed.error.retry {
            shiftgate_model::Retry::After(wait) => wait.duration(),
            shiftgate_model::Retry::Backoff | shiftgate_model::Retry::Never => self.caller.policy.first_pause.duration(),
        };
        self.limited += wait;
        if self.limited > self.caller.policy.limit_budget.duration() { Err(failed.error.clone()) } else { Ok(wait) }
    }
}

/// A create that was answered with success and without a group.
fn no_id(caller: &Caller, request: &Request) -> Failed {
    let why = "HTTP 200 without the new group's id".to_owned();
    let error = crate::failure::unreadable(request, &caller.redactor, why);
    Failed { error, class: Class::Unreadable, may_have_happened: true }
}

/// The create's own failure, with why it is not known what it did.
fn undecided(failed: &Failed, look: &CloudError) -> CloudError {
    let mut error = failed.error.clone();
    let add = |why: &mut String| {
        why.push_str(&format!("; whether the group was created is not known, because listing failed too ({look})"));
    };
    match &mut error.origin {
        Origin::Remote { message, .. } => add(message),
        Origin::Transport(why) | Origin::Decode(why) | Origin::Refused(why) | Origin::NoCredentials(why) => add(why),
    }
    error
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shiftgate_model::{AmiId, ElastigroupTemplate, GroupName, Marker, RunId, StepId};

    use super::*;
    use crate::failure::Failure;
    use crate::scripted::{Answer, Script, ok};

    fn spec() -> GroupSpec {
        let template = json!({"group": {"compute": {"launchSpecification": {}}}});
        GroupSpec {
            template: ElastigroupTemplate::parse(template, false).unwrap(),
            name: GroupName::new("web__3"),
            image: AmiId::new("ami-0new"),
            user_data: None,
            target_groups: None,
            marker: Marker { run: RunId::new("r1"), step: StepId::new("setup") },
            attempted: false,
        }
    }

    fn group(id: &str, name: &str, run: Option<&str>) -> Value {
        let tags = run
            .map(|run| json!([{"tagKey": "shiftgate:run", "tagValue": run}, {"tagKey": "shiftgate:step", "tagValue": "setup"}]));
        json!({"id": id, "name": name, "compute": {"launchSpecification": {"tags": tags}}})
    }

    fn there() -> Answer {
        ok(&json!([group("sig-new", "web__3", Some("r1"))]).to_string())
    }

    fn lost() -> Answer {
        Answer::Fails(Failure::Lost("connection reset".to_owned()))
    }

    const ADOPTED: fn() -> Result<Created, CloudError> = || Ok(Created { id: GroupId::new("sig-new"), adopted: true });
    const MADE: fn() -> Result<Created, CloudError> = || Ok(Created { id: GroupId::new("sig-new"), adopted: false });

    async fn run(answers: Vec<Answer>) -> (Result<Created, CloudError>, usize) {
        let script = Script::new(answers);
        let created = create(&script.caller(), &spec()).await;
        (created, script.calls().iter().filter(|operation| **operation == Operation::Create).count())
    }

    #[test]
    fn what_stands_there_decides() {
        let decide = |groups: Vec<Value>| decide(&groups, &spec());
        let ours = |id: &str, name: &str| group(id, name, Some("r1"));
        assert_eq!(decide(vec![group("sig-1", "web__2", None), json!({"odd": true}), json!(null)]), Ok(None));
        assert_eq!(decide(vec![group("sig-1", "web__2", None), ours("sig-2", "web__3")]), Ok(Some(GroupId::new("sig-2"))));
        assert_eq!(decide(vec![group("sig-1", "web__3", None), ours("sig-2", "web__3")]), Ok(Some(GroupId::new("sig-2"))));
        insta::assert_snapshot!(
            decide(vec![group("sig-1", "web__3", None)]).unwrap_err(),
            @"group `sig-1` already has this name and does not carry this program's tags; delete or rename it, or deploy under another name"
        );
        insta::assert_snapshot!(
            decide(vec![group("sig-1", "web__3", Some("r0"))]).unwrap_err(),
            @"group `sig-1` already has this name and was created by another run or step (r0, setup); delete or rename it, or deploy under another name"
        );
        insta::assert_snapshot!(
            decide(vec![ours("sig-1", "copy")]).unwrap_err(),
            @"group `sig-1`, named `copy`, already carries the tags of this run and step (r1, setup); rename it back, or remove its tags or the group"
        );
        insta::assert_snapshot!(
            decide(vec![ours("sig-1", "web__3"), ours("sig-2", "web__3")]).unwrap_err(),
            @"groups `sig-1`, `sig-2` all carry the tags of this run and step (r1, setup); keep one and delete the others"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_stands_there_is_adopted_without_a_post() {
        assert_eq!(run(vec![there()]).await, (ADOPTED(), 0));
        assert_eq!(run(vec![ok("[]"), ok(r#"[{"id":"sig-new"}]"#)]).await, (MADE(), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_outcome_is_looked_up_before_anything_else() {
        for unknown in [lost(), Answer::error(502, ""), Answer::raw(200, "garbage"), ok("[]")] {
            assert_eq!(run(vec![ok("[]"), unknown.clone(), there()]).await, (ADOPTED(), 1));
            // It shows up late in the list.
            assert_eq!(run(vec![ok("[]"), unknown, ok("[]"), ok("[]"), ok("[]"), there()]).await, (ADOPTED(), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_does_not_show_up_is_posted_again_and_not_for_ever() {
        let looks = || std::iter::repeat_with(|| ok("[]")).take(5);
        let mut answers = vec![ok("[]"), lost()];
        answers.extend(looks());
        answers.push(ok(r#"[{"id":"sig-new"}]"#));
        assert_eq!(run(answers).await, (MADE(), 2));

        let mut answers = vec![ok("[]")];
        for _ in 0..3 {
            answers.push(lost());
            answers.extend(looks());
        }
        let (created, posts) = run(answers).await;
        assert_eq!(posts, 3);
        assert!(matches!(created.unwrap_err().origin, Origin::Transport(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_posted_while_the_groups_cannot_be_listed() {
        let mut answers = vec![ok("[]"), lost()];
        answers.extend((0..5).map(|_| Answer::error(500, "")));
        let (created, posts) = run(answers).await;
        assert_eq!(posts, 1);
        let text = created.unwrap_err().to_string();
        assert!(
            text.starts_with(
                "Spot CreateGroup for `web__3`: no answer: connection reset; whether the group was created is not known"
            ),
            "{text}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_limited_create_waits_looks_and_posts() {
        let start = Instant::now();
        assert_eq!(run(vec![ok("[]"), Answer::limited(Some(9)), ok("[]"), ok(r#"[{"id":"sig-new"}]"#)]).await, (MADE(), 2));
        assert!(start.elapsed() >= Duration::from_secs(9));
        assert_eq!(run(vec![ok("[]"), Answer::limited(None), there()]).await, (ADOPTED(), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_aws_is_not_ready_for_is_tried_for_two_minutes() {
        let not_ready = || Answer::error(400, "CANT_CREATE_GROUP");
        assert_eq!(run(vec![ok("[]"), not_ready(), ok("[]"), ok(r#"[{"id":"sig-new"}]"#)]).await, (MADE(), 2));
        let start = Instant::now();
        let (created, posts) = run((0..99).flat_map(|_| [ok("[]"), not_ready()]).collect()).await;
        assert!(matches!(created.unwrap_err().origin, Origin::Remote { status: 400, .. }));
        assert!((60..=120).contains(&start.elapsed().as_secs()) && posts > 3, "{:?}, {posts}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_ends_it() {
        let (created, posts) = run(vec![ok("[]"), Answer::error(400, "ValidationError")]).await;
        assert_eq!(posts, 1);
        insta::assert_snapshot!(created.unwrap_err(), @"Spot CreateGroup for `web__3`: HTTP 400 ValidationError: said no");
    }

    #[tokio::test(start_paused = true)]
    async fn no_connection_is_tried_again_after_a_look() {
        let no = || Answer::Fails(Failure::NotSent("refused".to_owned()));
        assert_eq!(run(vec![ok("[]"), no(), ok("[]"), ok(r#"[{"id":"sig-new"}]"#)]).await, (MADE(), 2));
        let (created, posts) = run(vec![ok("[]"), no(), ok("[]"), no(), ok("[]"), no()]).await;
        assert_eq!((created.is_err(), posts), (true, 3));
    }
}
