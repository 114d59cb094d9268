//! A copy of the cloud: read from the real one, changed in memory only; every change is noted as the call that it stands for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use shiftgate_model::{
    Actions, Capacity, CloudError, Created, Deleted, Draining, Group, GroupId, GroupName, GroupSpec, Groups, Health,
    InstanceHealth, InstanceId, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, Route, Routes, Rule, RuleArn, Service,
    TargetGroup, TargetGroupArn, TargetHealth, TargetState,
};

use super::notes::Notes;
use super::{PlannedCall, missing};

/// The id of a group that Spot has not given one yet.
const NEW: &str = "(new)";

/// The copy; see the module.
pub(super) struct Copy {
    groups: Arc<dyn Groups>,
    routes: Option<Arc<dyn Routes>>,
    notes: Arc<Notes>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The account's groups; none before the first look.
    groups: Option<Vec<Group>>,
    /// Groups that a step works with: their instances are made up.
    resized: Vec<GroupId>,
    rules: BTreeMap<RuleArn, Actions>,
}

impl Copy {
    pub(super) fn new(groups: Arc<dyn Groups>, routes: Option<Arc<dyn Routes>>, notes: Arc<Notes>) -> Self {
        Self { groups, routes, notes, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn real(&self) -> Result<&dyn Routes, CloudError> {
        self.routes.as_deref().ok_or_else(|| missing(Service::Elb, "Connect", "load balancers"))
    }

    async fn all(&self) -> Result<Vec<Group>, CloudError> {
        if let Some(groups) = self.state().groups.clone() {
            return Ok(groups);
        }
        let found = self.groups.list().await?;
        Ok(self.state().groups.get_or_insert(found).clone())
    }

    /// Changes a group of the copy, and notes the call with what `shown` says of it before and after.
    async fn change(
        &self,
        id: &GroupId,
        operation: &'static str,
        shown: impl Fn(&Group) -> String,
        change: impl FnOnce(&mut Group),
    ) -> Result<(), CloudError> {
        self.all().await?;
        let mut state = self.state();
        let group = state.groups.as_mut().and_then(|groups| groups.iter_mut().find(|group| group.id == *id));
        let group = group.ok_or_else(|| missing(Service::Spot, operation, id.as_str()))?;
        let (name, before) = (group.name.to_string(), shown(group));
        change(group);
        let after = Some(shown(group));
        self.notes.call(PlannedCall {
            service: Service::Spot,
            operation,
            subject: id.to_string(),
            name,
            before: Some(before),
            after,
        });
        Ok(())
    }

    /// The made-up instances of a changed group; none for one that is as it was read.
    fn made_up(&self, id: &GroupId) -> Option<Vec<InstanceId>> {
        let state = self.state();
        let group = state.groups.iter().flatten().find(|group| group.id == *id)?;
        if !state.resized.contains(id) {
            return None;
        }
        Some((1..=group.capacity.target).map(|number| InstanceId::new(format!("{id}/{number}"))).collect())
    }
}

#[async_trait]
impl Groups for Copy {
    async fn list(&self) -> Result<Vec<Group>, CloudError> {
        self.all().await
    }

    async fn read(&self, id: &GroupId) -> Result<Option<Group>, CloudError> {
        // A step reads a group right before it works with it, and then waits for it: no wait here.
        self.state().resized.push(id.clone());
        Ok(self.all().await?.into_iter().find(|group| group.id == *id))
    }

    async fn create(&self, spec: &GroupSpec) -> Result<Created, CloudError> {
        self.all().await?;
        let id = GroupId::new(NEW);
        let target_groups = spec.target_groups.clone().unwrap_or_default();
        let within = target_groups.iter().map(TargetGroupArn::name).collect::<Vec<_>>().join(", ");
        let behind = if within.is_empty() { String::new() } else { format!(" in target group {within}") };
        self.notes.call(PlannedCall {
            service: Service::Spot,
            operation: "CreateGroup",
            subject: id.to_string(),
            name: spec.name.to_string(),
            before: None,
            after: Some(format!("{}, {}{behind}", spec.image, Capacity::ZERO)),
        });
        let group = Group {
            id: id.clone(),
            name: spec.name.clone(),
            capacity: Capacity::ZERO,
            image: Some(spec.image.clone()),
            marker: Some(spec.marker.clone()),
            created_at: None,
            target_groups,
            classic: Vec::new(),
            steered_rules: Vec::new(),
        };
        let mut state = self.state();
        state.groups.get_or_insert_default().push(group);
        state.resized.push(id.clone());
        Ok(Created { id, adopted: false })
    }

    async fn set_capacity(&self, id: &GroupId, capacity: Capacity) -> Result<(), CloudError> {
        self.change(id, "UpdateCapacity", |group| group.capacity.to_string(), |group| group.capacity = capacity).await?;
        self.state().resized.push(id.clone());
        Ok(())
    }

    async fn rename(&self, id: &GroupId, name: &GroupName) -> Result<(), CloudError> {
        self.change(id, "RenameGroup", |group| group.name.to_string(), |group| group.name = name.clone()).await
    }

    async fn delete(&self, id: &GroupId) -> Result<Deleted, CloudError> {
        self.all().await?;
        let mut state = self.state();
        let groups = state.groups.get_or_insert_default();
        let Some(at) = groups.iter().position(|group| group.id == *id) else { return Ok(Deleted::AlreadyGone) };
        let group = groups.remove(at);
        self.notes.call(PlannedCall {
            service: Service::Spot,
            operation: "DeleteGroup",
            subject: id.to_string(),
            name: group.name.to_string(),
            before: Some(group.capacity.to_string()),
            after: None,
        });
        Ok(Deleted::Now)
    }

    async fn health(&self, id: &GroupId) -> Result<Vec<InstanceHealth>, CloudError> {
        match self.made_up(id) {
            Some(ids) => Ok(ids.into_iter().map(|id| InstanceHealth { id: Some(id), health: Health::Healthy }).collect()),
            None => self.groups.health(id).await,
        }
    }
}

#[async_trait]
impl Routes for Copy {
    async fn load_balancer(&self, name: &str) -> Result<Option<LoadBalancer>, CloudError> {
        self.real()?.load_balancer(name).await
    }

    async fn listeners(&self, load_balancer: &LoadBalancerArn) -> Result<Vec<Listener>, CloudError> {
        self.real()?.listeners(load_balancer).await
    }

    async fn listener(&self, listener: &ListenerArn) -> Result<Option<Listener>, CloudError> {
        self.real()?.listener(listener).await
    }

    async fn rules(&self, listener: &ListenerArn) -> Result<Vec<Rule>, CloudError> {
        let rules = self.real()?.rules(listener).await?;
        let state = self.state();
        let changed = |rule: Rule| Rule { actions: state.rules.get(&rule.arn).cloned().unwrap_or(rule.actions), ..rule };
        Ok(rules.into_iter().map(changed).collect())
    }

    async fn rules_by_arn(&self, rules: &[RuleArn]) -> Result<Vec<Rule>, CloudError> {
        let found = self.real()?.rules_by_arn(rules).await?;
        let state = self.state();
        let changed = |rule: Rule| Rule { actions: state.rules.get(&rule.arn).cloned().unwrap_or(rule.actions), ..rule };
        Ok(found.into_iter().map(changed).collect())
    }

    async fn set_actions(&self, route: &Route, actions: &Actions) -> Result<(), CloudError> {
        let before = self.rule(&route.rule).await?.map(|rule| rule.actions.to_string());
        let (operation, subject) =
            if route.default { ("ModifyListener", route.listener.to_string()) } else { ("ModifyRule", route.rule.to_string()) };
        let name = route.listener.load_balancer_name().unwrap_or_default().to_owned();
        let after = Some(actions.to_string());
        self.notes.call(PlannedCall { service: Service::Elb, operation, subject, name, before, after });
        self.state().rules.insert(route.rule.clone(), actions.clone());
        Ok(())
    }

    async fn target_groups(&self, groups: &[TargetGroupArn]) -> Result<Vec<TargetGroup>, CloudError> {
        self.real()?.target_groups(groups).await
    }

    async fn draining(&self, group: &TargetGroupArn) -> Result<Draining, CloudError> {
        self.real()?.draining(group).await
    }

    async fn target_health(&self, group: &TargetGroupArn) -> Result<Vec<TargetHealth>, CloudError> {
        let members: Vec<GroupId> = {
            let state = self.state();
            let within = state.groups.iter().flatten().filter(|member| member.target_groups.contains(group));
            within.map(|member| member.id.clone()).collect()
        };
        let made_up: Vec<InstanceId> = members.iter().filter_map(|id| self.made_up(id)).flatten().collect();
        if made_up.is_empty() {
            return self.real()?.target_health(group).await;
        }
        let health = |target| TargetHealth { target, state: TargetState::Healthy, reason: None };
        Ok(made_up.into_iter().map(health).collect())
    }
}
