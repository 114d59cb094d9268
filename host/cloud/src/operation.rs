//! The calls that this client makes: a closed set, so that method, route and whether a repeat is harmless stand in one place.

use reqwest::Method;
use serde_json::Value;
use shiftgate_model::GroupId;

/// A call of Spot's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    List,
    Read,
    Create,
    SetCapacity,
    Rename,
    Delete,
    Health,
}

impl Operation {
    /// The name in errors and logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::List => "ListGroups",
            Self::Read => "ReadGroup",
            Self::Create => "CreateGroup",
            Self::SetCapacity => "UpdateCapacity",
            Self::Rename => "RenameGroup",
            Self::Delete => "DeleteGroup",
            Self::Health => "InstanceHealth",
        }
    }

    /// Whether the answer is a list that has to be there.
    pub(crate) const fn asks(self) -> bool {
        match self {
            Self::List | Self::Read | Self::Health => true,
            Self::Create | Self::SetCapacity | Self::Rename | Self::Delete => false,
        }
    }

    pub(crate) const fn method(self) -> Method {
        match self {
            Self::List | Self::Read | Self::Health => Method::GET,
            Self::Create => Method::POST,
            Self::SetCapacity | Self::Rename => Method::PUT,
            Self::Delete => Method::DELETE,
        }
    }

    /// The route's template: with the method, what a rate limit counts by.
    pub(crate) const fn route(self) -> &'static str {
        match self {
            Self::List | Self::Create => "/aws/ec2/group",
            Self::Read | Self::Rename | Self::Delete => "/aws/ec2/group/{id}",
            Self::SetCapacity => "/aws/ec2/group/{id}/capacity",
            Self::Health => "/aws/ec2/group/{id}/instanceHealthiness",
        }
    }

    /// Whether a second call leaves the world as one call does. What is not is never repeated without looking.
    pub(crate) const fn idempotent(self) -> bool {
        match self {
            Self::List | Self::Read | Self::SetCapacity | Self::Rename | Self::Delete | Self::Health => true,
            Self::Create => false,
        }
    }

    /// Whether the call changes anything.
    pub(crate) const fn writes(self) -> bool {
        match self {
            Self::List | Self::Read | Self::Health => false,
            Self::Create | Self::SetCapacity | Self::Rename | Self::Delete => true,
        }
    }
}

/// One call, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) operation: Operation,
    /// The group in the path.
    pub(crate) group: Option<GroupId>,
    /// What an error says the call was about.
    pub(crate) subject: Option<String>,
    pub(crate) body: Option<Value>,
}

impl Request {
    /// A call on the whole account.
    pub(crate) const fn account(operation: Operation) -> Self {
        Self { operation, group: None, subject: None, body: None }
    }

    /// A call on one group.
    pub(crate) fn group(operation: Operation, id: &GroupId) -> Self {
        Self { operation, group: Some(id.clone()), subject: Some(id.as_str().to_owned()), body: None }
    }

    /// The path's segments; the group's id stands where the template has one.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        let id = self.group.as_ref().map_or("", GroupId::as_str);
        self.operation.route().split('/').skip(1).map(move |part| if part == "{id}" { id } else { part })
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn subject(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }
}
