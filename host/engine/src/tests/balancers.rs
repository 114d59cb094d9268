//! The load balancers of the world in memory: listeners, rules, target groups whose targets are the groups' instances.

use std::collections::BTreeMap;

use async_trait::async_trait;
use shiftgate_model::*;

use super::world::{World, refusal};

#[derive(Default)]
pub(super) struct Balancers {
    pub(super) listeners: Vec<Listener>,
    /// By listener: rules in order.
    pub(super) rules: BTreeMap<String, Vec<Rule>>,
    /// Target groups whose targets fail their checks.
    pub(super) sick: Vec<String>,
    pub(super) deregistration_delay: u32,
}

pub(super) fn target_group(name: &str) -> TargetGroupArn {
    TargetGroupArn::new(format!("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/{name}/1"))
}

/// A forward to groups with weights; to one group when that is all.
pub(super) fn forward(targets: &[(&str, u16)]) -> RouteAction {
    let alone = targets.len() == 1;
    let target = |(name, weight): &(&str, u16)| ForwardTarget {
        group: target_group(name),
        weight: if alone { None } else { Some(*weight) },
    };
    RouteAction::Forward(Forward { order: None, targets: targets.iter().map(target).collect(), stickiness_seconds: None })
}

pub(super) fn rule_arn(balancer: &str, port: u16) -> RuleArn {
    RuleArn::new(format!("rule/{balancer}/{port}/default"))
}

impl Balancers {
    /// Gives a rule other actions.
    pub(super) fn set(&mut self, balancer: &str, port: u16, actions: Vec<RouteAction>) {
        let arn = rule_arn(balancer, port);
        let rule = self.rules.values_mut().flatten().find(|rule| rule.arn == arn);
        rule.expect("the rule is there").actions = Actions(actions);
    }
}

impl World {
    /// A listener with a default rule.
    pub(super) fn listen(&self, balancer: &str, port: u16, actions: Vec<RouteAction>) {
        let arn = ListenerArn::new(format!("arn:aws:elasticloadbalancing:us-east-1:1:listener/app/{balancer}/1/{port}"));
        let load_balancer = LoadBalancerArn::new(balancer);
        let rule = Rule { arn: rule_arn(balancer, port), default: true, actions: Actions(actions) };
        let mut state = self.state();
        state.balancers.rules.insert(arn.to_string(), vec![rule]);
        state.balancers.listeners.push(Listener { arn, load_balancer, port });
    }

    /// Puts a group into target groups.
    pub(super) fn attach(&self, id: &str, names: &[&str]) {
        if let Some(group) = self.state().groups.get_mut(id) {
            group.target_groups = names.iter().map(|name| target_group(name)).collect();
        }
    }

    /// What another hand does at the console.
    pub(super) fn set_rule(&self, balancer: &str, port: u16, actions: Vec<RouteAction>) {
        self.state().balancers.set(balancer, port, actions);
    }

    /// `alb:80 web-blue 90, web-green 10`, one a listener.
    pub(super) fn routes(&self) -> Vec<String> {
        let state = self.state();
        let line = |listener: &Listener| {
            let rules = state.balancers.rules.get(listener.arn.as_str());
            let actions = rules.and_then(|rules| rules.first()).map(|rule| rule.actions.to_string()).unwrap_or_default();
            format!("{}:{} {actions}", listener.load_balancer, listener.port)
        };
        state.balancers.listeners.iter().map(line).collect()
    }

    fn rules_of(&self, listener: &str) -> Vec<Rule> {
        self.state().balancers.rules.get(listener).cloned().unwrap_or_default()
    }

    fn all_rules(&self) -> Vec<Rule> {
        self.state().balancers.rules.values().flatten().cloned().collect()
    }
}

#[async_trait]
impl Routes for World {
    async fn load_balancer(&self, name: &str) -> Result<Option<LoadBalancer>, CloudError> {
        self.call("balancer", name)?;
        let known = self.state().balancers.listeners.iter().any(|listener| listener.load_balancer.as_str() == name);
        let balancer = LoadBalancer {
            arn: LoadBalancerArn::new(name),
            name: name.into(),
            vpc: "vpc-1".into(),
            application: true,
            state: "active".into(),
        };
        Ok(known.then_some(balancer))
    }

    async fn listeners(&self, load_balancer: &LoadBalancerArn) -> Result<Vec<Listener>, CloudError> {
        self.call("listeners", load_balancer.as_str())?;
        let state = self.state();
        Ok(state.balancers.listeners.iter().filter(|listener| listener.load_balancer == *load_balancer).cloned().collect())
    }

    async fn listener(&self, listener: &ListenerArn) -> Result<Option<Listener>, CloudError> {
        self.call("listener", listener.as_str())?;
        Ok(self.state().balancers.listeners.iter().find(|found| found.arn == *listener).cloned())
    }

    async fn rules(&self, listener: &ListenerArn) -> Result<Vec<Rule>, CloudError> {
        self.call("rules", listener.as_str())?;
        Ok(self.rules_of(listener.as_str()))
    }

    async fn rules_by_arn(&self, rules: &[RuleArn]) -> Result<Vec<Rule>, CloudError> {
        let names: Vec<&str> = rules.iter().map(RuleArn::as_str).collect();
        self.call("rule", &names.join(" "))?;
        Ok(self.all_rules().into_iter().filter(|found| rules.contains(&found.arn)).collect())
    }

    async fn set_actions(&self, route: &Route, actions: &Actions) -> Result<(), CloudError> {
        self.call("route", &format!("{} {actions}", route.rule))?;
        self.change(|state| {
            let rules = state.balancers.rules.get_mut(route.listener.as_str()).expect("the listener is there");
            let rule = rules.iter_mut().find(|rule| rule.arn == route.rule).expect("the rule is there");
            rule.actions = actions.clone();
            if let Some(meddle) = state.on_route.take() {
                meddle(state);
            }
        })
    }

    async fn target_groups(&self, groups: &[TargetGroupArn]) -> Result<Vec<TargetGroup>, CloudError> {
        self.call("target-groups", "")?;
        let balancers = |group: &TargetGroupArn| {
            let state = self.state();
            let names = |listener: &Listener| {
                let rules = state.balancers.rules.get(listener.arn.as_str());
                rules.is_some_and(|rules| {
                    let targets = rules.iter().filter_map(|rule| rule.actions.forward()).flat_map(|forward| &forward.targets);
                    targets.into_iter().any(|target| target.group == *group)
                })
            };
            state.balancers.listeners.iter().filter(|l| names(l)).map(|l| l.load_balancer.clone()).collect()
        };
        let found = |arn: &TargetGroupArn| TargetGroup {
            arn: arn.clone(),
            name: arn.name().into(),
            target_type: "instance".into(),
            vpc: "vpc-1".into(),
            load_balancers: balancers(arn),
        };
        Ok(groups.iter().map(found).collect())
    }

    async fn draining(&self, group: &TargetGroupArn) -> Result<Draining, CloudError> {
        self.call("draining", group.name())?;
        Ok(Draining { deregistration_delay: self.state().balancers.deregistration_delay, stickiness: None })
    }

    async fn target_health(&self, group: &TargetGroupArn) -> Result<Vec<TargetHealth>, CloudError> {
        self.call("target-health", group.name())?;
        let bound = self.target_groups(std::slice::from_ref(group)).await?;
        let used = bound.iter().any(|group| !group.load_balancers.is_empty());
        let (ids, sick): (Vec<String>, bool) = {
            let state = self.state();
            let members = state.groups.values().filter(|g| g.target_groups.contains(group));
            (members.map(|g| g.id.to_string()).collect(), state.balancers.sick.iter().any(|name| name == group.name()))
        };
        let instances = ids.iter().flat_map(|id| self.instances(id).unwrap_or_default());
        let health = |instance: InstanceHealth| {
            let state = match instance.health {
                _ if !used => TargetState::Unused,
                Health::Healthy if !sick => TargetState::Healthy,
                _ => TargetState::Unhealthy,
            };
            let reason = (state != TargetState::Healthy).then(|| "Target.FailedHealthChecks".to_owned());
            let target = instance.id.ok_or_else(|| refusal("DescribeTargetHealth", 500))?;
            Ok(TargetHealth { target, state, reason })
        };
        instances.map(health).collect()
    }
}
