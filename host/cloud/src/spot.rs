//! The Spot client: each method of the port is one call and a view of its answer.
//!
//! It holds no state of a deployment and decides nothing about one. The next module is `call`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use shiftgate_model::{
    AccountId, Capacity, CloudError, Created, Deleted, Group, GroupId, GroupName, GroupSpec, Groups, InstanceHealth, Origin,
};
use url::Url;

use crate::call::Caller;
use crate::config::SpotConfig;
use crate::create;
use crate::failure::{Class, refused, unreadable};
use crate::operation::{Operation, Request};
use crate::redact::Redactor;
use crate::view::{self, RawGroup};
use crate::wire::HttpWire;

/// A client of one Spot account. Clones share connections and rate limits, so one a process is enough.
#[derive(Clone)]
pub struct Spot {
    caller: Arc<Caller>,
    account: AccountId,
    base_url: Url,
}

impl fmt::Debug for Spot {
    /// Where it calls, and for whom; never with what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spot").field("base_url", &self.base_url.as_str()).field("account", &self.account).finish_non_exhaustive()
    }
}

impl Spot {
    /// Sets a client up; nothing is called yet.
    ///
    /// # Errors
    /// `Refused` for an address that no token may be sent to; `NoCredentials` for a token or account that cannot be sent.
    pub fn new(config: SpotConfig) -> Result<Self, CloudError> {
        let wire = HttpWire::new(&config)?;
        let SpotConfig { base_url, token, account, retry, .. } = config;
        let caller = Arc::new(Caller::new(Box::new(wire), retry, Redactor::new(token)));
        Ok(Self { caller, account, base_url })
    }

    /// The account that it calls for.
    #[must_use]
    pub const fn account(&self) -> &AccountId {
        &self.account
    }

    /// One group exactly as Spot sends it, for a change that has to keep what this program does not know; none when there
    /// is no such group.
    ///
    /// # Errors
    /// As [`Groups::read`].
    pub async fn read_raw(&self, id: &GroupId) -> Result<Option<RawGroup>, CloudError> {
        let request = on_group(Operation::Read, id)?;
        let items = match self.caller.call(&request).await {
            Ok(items) => items,
            Err(failed) if failed.class == Class::Missing => return Ok(None),
            Err(failed) => return Err(failed.error),
        };
        let Some(group) = items.into_iter().next().map(RawGroup::new) else { return Ok(None) };
        match group.id() {
            Some(found) if found == *id => Ok(Some(group)),
            _ => Err(unreadable(&request, &self.caller.redactor, "the answer is about another group".to_owned())),
        }
    }
}

#[async_trait]
impl Groups for Spot {
    async fn list(&self) -> Result<Vec<Group>, CloudError> {
        let request = Request::account(Operation::List);
        let items = self.caller.call(&request).await?;
        let groups: Result<Vec<Group>, String> = items.into_iter().map(|item| RawGroup::new(item).view()).collect();
        groups.map_err(|why| unreadable(&request, &self.caller.redactor, why))
    }

    async fn read(&self, id: &GroupId) -> Result<Option<Group>, CloudError> {
        let Some(raw) = self.read_raw(id).await? else { return Ok(None) };
        raw.view().map(Some).map_err(|why| unreadable(&Request::group(Operation::Read, id), &self.caller.redactor, why))
    }

    async fn create(&self, spec: &GroupSpec) -> Result<Created, CloudError> {
        create::create(&self.caller, spec).await
    }

    async fn set_capacity(&self, id: &GroupId, capacity: Capacity) -> Result<(), CloudError> {
        let Capacity { minimum, target, maximum } = capacity;
        let body = json!({"capacity": {"minimum": minimum, "maximum": maximum, "target": target}});
        // The shape of the reply is not settled between Spot's own clients; who wants to know reads the group.
        self.caller.call(&on_group(Operation::SetCapacity, id)?.body(body)).await?;
        Ok(())
    }

    async fn rename(&self, id: &GroupId, name: &GroupName) -> Result<(), CloudError> {
        // Only what is sent is changed.
        let body = json!({"group": {"name": name.as_str()}});
        self.caller.call(&on_group(Operation::Rename, id)?.body(body)).await?;
        Ok(())
    }

    async fn delete(&self, id: &GroupId) -> Result<Deleted, CloudError> {
        match self.caller.call(&on_group(Operation::Delete, id)?).await {
            Ok(_) => Ok(Deleted::Now),
            // An earlier attempt of this very call, whose answer was lost, did it.
            Err(failed) if failed.class == Class::Missing && failed.may_have_happened => Ok(Deleted::Now),
            Err(failed) if failed.class == Class::Missing => Ok(Deleted::AlreadyGone),
            // Spot is known to refuse the delete of a missing group without saying why.
            Err(failed) if matches!(failed.error.origin, Origin::Remote { status: 400 | 404, code: None, .. }) => {
                match self.read_raw(id).await {
                    Ok(None) => Ok(Deleted::AlreadyGone),
                    Ok(Some(_)) | Err(_) => Err(failed.error),
                }
            }
            Err(failed) => Err(failed.error),
        }
    }

    async fn health(&self, id: &GroupId) -> Result<Vec<InstanceHealth>, CloudError> {
        let rows = self.caller.call(&on_group(Operation::Health, id)?).await?;
        Ok(rows.iter().map(view::health).collect())
    }
}

/// A call on one group. An id that would lead to another path is refused: without an id, a group's path is the account's.
fn on_group(operation: Operation, id: &GroupId) -> Result<Request, CloudError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if id.as_str().is_empty() || !id.as_str().chars().all(fits) {
        return Err(refused(operation.name(), Some(id.as_str().to_owned()), "this is not the id of a group".to_owned()));
    }
    Ok(Request::group(operation, id))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;
    use shiftgate_model::{Health, InstanceId};
    use tokio::time::Instant;

    use super::*;
    use crate::failure::Failure;
    use crate::scripted::{Answer, Script, ok};

    fn spot(answers: Vec<Answer>) -> (Spot, Script) {
        let script = Script::new(answers);
        let base_url = Url::parse("http://127.0.0.1:1/").unwrap();
        (Spot { caller: Arc::new(script.caller()), account: AccountId::new("act-12345678"), base_url }, script)
    }

    fn id() -> GroupId {
        GroupId::new("sig-0a1b2c3d")
    }

    fn missing() -> Answer {
        Answer::error(400, "GROUP_DOESNT_EXIST")
    }

    const GROUP: &str =
        r#"[{"id":"sig-0a1b2c3d","name":"web__1","capacity":{"minimum":0,"target":1,"maximum":"4"},"new":{"x":1}}]"#;

    #[tokio::test(start_paused = true)]
    async fn clones_wait_behind_one_limit() {
        let (spot, _) = spot(vec![Answer::limited(Some(30)), ok("[]"), ok("[]"), ok("[]")]);
        let start = Instant::now();
        let list = |spot: Spot| tokio::spawn(async move { spot.list().await.map(|_| start.elapsed()) });
        let first = list(spot.clone());
        tokio::task::yield_now().await;
        let others = [list(spot.clone()), list(spot)];
        for call in [first].into_iter().chain(others) {
            assert!(call.await.unwrap().unwrap() >= Duration::from_secs(30));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_group_is_none_to_a_read_and_gone_to_a_delete() {
        let read = async |answer| spot(vec![answer]).0.read(&id()).await;
        assert_eq!(read(missing()).await, Ok(None));
        assert_eq!(read(ok("[]")).await, Ok(None));
        assert_eq!(read(ok(GROUP)).await.unwrap().unwrap().capacity, Capacity { minimum: 0, target: 1, maximum: 4 });
        assert!(matches!(read(ok(r#"[{"id":"sig-other"}]"#)).await.unwrap_err().origin, Origin::Decode(_)));

        let delete = async |answers| spot(answers).0.delete(&id()).await;
        assert_eq!(delete(vec![ok("[]")]).await, Ok(Deleted::Now));
        assert_eq!(delete(vec![missing()]).await, Ok(Deleted::AlreadyGone));
        let lost = Answer::Fails(Failure::Lost("reset".to_owned()));
        assert_eq!(delete(vec![lost, missing()]).await, Ok(Deleted::Now));
        let mute = || Answer::raw(400, r#"{"response":{"status":{"code":400,"message":"Bad Request"}}}"#);
        assert_eq!(delete(vec![mute(), missing()]).await, Ok(Deleted::AlreadyGone));
        assert!(delete(vec![mute(), ok(GROUP)]).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn unknown_fields_of_a_group_stay() {
        let raw = spot(vec![ok(GROUP)]).0.read_raw(&id()).await.unwrap().unwrap();
        let sent: Value = serde_json::from_str(GROUP).unwrap();
        assert_eq!(Some(raw.json()), sent.get(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_cannot_be_read_spoils_the_list() {
        let error = spot(vec![ok(r#"[{"id":"sig-1","name":"odd","capacity":{"minimum":0}}]"#)]).0.list().await.unwrap_err();
        insta::assert_snapshot!(error, @"Spot ListGroups: the answer could not be read: group `sig-1` (odd) has no readable `capacity.target`");
    }

    #[tokio::test(start_paused = true)]
    async fn open_requests_count_as_instances() {
        let rows = r#"[{"instanceId":null,"healthStatus":"UNKNOWN"},{"instanceId":"i-1","healthStatus":"healthy"}]"#;
        let health = spot(vec![ok(rows)]).0.health(&id()).await.unwrap();
        assert_eq!(health[0], InstanceHealth { id: None, health: Health::Unknown });
        assert_eq!(health[1], InstanceHealth { id: Some(InstanceId::new("i-1")), health: Health::Healthy });
        assert_eq!(spot(vec![ok("[]")]).0.health(&id()).await, Ok(vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_that_is_no_id_is_never_sent() {
        for id in ["", "..", "a/b", "sig-1?x=y", "sig 1", "sig-%2e"] {
            let (spot, script) = spot(vec![]);
            let error = spot.delete(&GroupId::new(id)).await.unwrap_err();
            assert!(matches!(error.origin, Origin::Refused(_)), "{id}");
            assert!(script.calls().is_empty());
        }
    }
}
