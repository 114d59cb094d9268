//! Makes the load balancers and target groups of a world file, and refuses what the real service would not have.
//!
//! Also reads the two forms of an action list that a world file and the console may use; `actions.rs` then checks the list.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{self, Secret};
use super::refusal::Refusal;
use super::seed::{ListenerSeed, LoadBalancerSeed, TargetGroupSeed};
use super::{Balancer, Change, Elb, Listener, Rule, TargetGroup, arn, conditions};
use crate::SimError;
use crate::instance::Moment;

/// The short form of an action list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Short {
    forward: Vec<ShortTarget>,
    #[serde(default)]
    stickiness_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShortTarget {
    group: String,
    weight: u32,
}

fn impossible(what: impl Into<String>) -> SimError {
    SimError::World { what: what.into() }
}

/// A name of a load balancer or target group.
fn check_name(kind: &str, name: &str) -> Result<(), SimError> {
    let characters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if characters && (1..=32).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-') {
        return Ok(());
    }
    Err(impossible(format!("{kind} `{name}`: a name is 1 to 32 letters, digits and inner hyphens")))
}

impl Elb {
    /// Makes everything. The rules are live, and what they name is checked, from the start on.
    pub(crate) fn plant(groups: &[TargetGroupSeed], balancers: &[LoadBalancerSeed]) -> Result<Self, SimError> {
        let mut elb = Self::default();
        for seed in groups {
            elb.plant_group(seed)?;
        }
        for seed in balancers {
            elb.plant_balancer(seed)?;
        }
        elb.groups.iter_mut().for_each(|group| group.warm = group.named.is_some());
        Ok(elb)
    }

    fn plant_group(&mut self, seed: &TargetGroupSeed) -> Result<(), SimError> {
        check_name("target group", &seed.name)?;
        let refused = |what: &str| Err(impossible(format!("target group `{}`: {what}", seed.name)));
        if self.groups.iter().any(|group| group.name == seed.name) {
            return refused("there are two of that name");
        }
        if seed.port == 0 {
            return refused("`port` is 1 to 65535");
        }
        if seed.deregistration_delay > 3_600 {
            return refused("`deregistration_delay` is 0 to 3600 seconds");
        }
        if seed.stickiness.is_some_and(|seconds| !(1..=604_800).contains(&seconds)) {
            return refused("`stickiness` is 1 to 604800 seconds");
        }
        self.groups.push(TargetGroup {
            arn: arn::target_group_arn(&seed.name),
            name: seed.name.clone(),
            port: seed.port,
            vpc: seed.vpc.clone(),
            target_type: seed.target_type,
            delay: Duration::from_secs(seed.deregistration_delay),
            stickiness: seed.stickiness,
            named: None,
            warm: false,
            forced: None,
        });
        Ok(())
    }

    fn plant_balancer(&mut self, seed: &LoadBalancerSeed) -> Result<(), SimError> {
        check_name("load balancer", &seed.name)?;
        if self.balancers.iter().any(|balancer| balancer.name == seed.name) {
            return Err(impossible(format!("load balancer `{}`: there are two of that name", seed.name)));
        }
        self.balancers.push(Balancer {
            name: seed.name.clone(),
            arn: arn::load_balancer_arn(&seed.name),
            vpc: seed.vpc.clone(),
            scheme: seed.scheme,
            state: seed.state,
            listeners: Vec::new(),
        });
        for listener in &seed.listeners {
            self.plant_listener(&seed.name, listener)
                .map_err(|what| impossible(format!("load balancer `{}`, listener {}: {what}", seed.name, listener.port)))?;
        }
        Ok(())
    }

    fn plant_listener(&mut self, name: &str, seed: &ListenerSeed) -> Result<(), String> {
        let mut priorities: Vec<Option<u32>> = seed.rules.iter().map(|rule| Some(rule.priority)).collect();
        priorities.sort_unstable();
        if seed.port == 0 {
            return Err("`port` is 1 to 65535".to_owned());
        }
        if priorities.iter().flatten().any(|priority| !(1..=50_000).contains(priority)) {
            return Err("`priority` is 1 to 50000".to_owned());
        }
        if priorities.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err("two rules have the same priority".to_owned());
        }
        priorities.push(None);
        let rules = priorities.iter().map(|priority| Rule::new(arn::rule_arn(name, seed.port, *priority), *priority)).collect();
        let Some(balancer) = self.balancers.last_mut() else { return Ok(()) };
        if balancer.listeners.iter().any(|listener| listener.port == seed.port) {
            return Err("there are two on that port".to_owned());
        }
        let arn = arn::listener_arn(name, seed.port);
        balancer.listeners.push(Listener { arn, port: seed.port, protocol: seed.protocol, rules });
        let default = (None, None, &seed.actions);
        let others = seed.rules.iter().map(|rule| (Some(rule.priority), Some(&rule.conditions), &rule.actions));
        for (priority, conditions, actions) in others.chain([default]) {
            let what = priority.map_or_else(|| "the default rule".to_owned(), |priority| format!("rule {priority}"));
            self.plant_rule(&arn::rule_arn(name, seed.port, priority), conditions, actions)
                .map_err(|refusal| format!("{what}: {}", refusal.message))?;
        }
        Ok(())
    }

    fn plant_rule(&mut self, rule: &str, conditions: Option<&Value>, given: &Value) -> Result<(), Refusal> {
        let conditions = conditions.map(conditions::accept).transpose()?;
        self.set_rule(rule, conditions, given, Moment::ZERO, Duration::ZERO)
    }

    /// Writes a rule as another hand at the console would, the default rule included.
    pub(crate) fn set_rule(
        &mut self,
        rule: &str,
        conditions: Option<Vec<Value>>,
        given: &Value,
        now: Moment,
        propagation: Duration,
    ) -> Result<(), Refusal> {
        let missing = || Refusal::new("RuleNotFound", format!("there is no rule `{rule}`"));
        let place = self.place(rule).ok_or_else(missing)?;
        let balancer = self.balancers.get(place.balancer).ok_or_else(missing)?;
        let list = self.spelled_out(given)?;
        let actions = actions::accept(self, balancer, &list, Secret::Free)?;
        self.write(place, Change { conditions, actions: Some(actions) }, now, propagation);
        Ok(())
    }

    /// An action list in AWS's own form, from either form, with ARNs instead of target groups' names.
    fn spelled_out(&self, given: &Value) -> Result<Value, Refusal> {
        if given.is_array() {
            let mut list = given.clone();
            self.put_arns(&mut list);
            return Ok(list);
        }
        let short = Short::deserialize(given).map_err(|error| {
            let forms = "actions are a list, or `{\"forward\": [{\"group\": .., \"weight\": ..}]}`";
            Refusal::validation(format!("{forms}: {error}"))
        })?;
        let group = |target: &ShortTarget| {
            let arn = self
                .arn_of(&target.group)
                .ok_or_else(|| Refusal::new("TargetGroupNotFound", format!("there is no target group `{}`", target.group)))?;
            Ok(json!({"TargetGroupArn": arn, "Weight": target.weight}))
        };
        let groups: Result<Vec<Value>, Refusal> = short.forward.iter().map(group).collect();
        let stickiness = match short.stickiness_seconds {
            Some(seconds) => json!({"Enabled": true, "DurationSeconds": seconds}),
            None => json!({"Enabled": false}),
        };
        let config = json!({"TargetGroups": groups?, "TargetGroupStickinessConfig": stickiness});
        Ok(json!([{"Type": "forward", "ForwardConfig": config}]))
    }

    /// The ARN of a target group that is named, or given by its ARN.
    pub(crate) fn arn_of(&self, group: &str) -> Option<&str> {
        self.groups.iter().find(|known| known.name == group || known.arn == group).map(|known| known.arn.as_str())
    }

    fn put_arns(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| {
                let arn = value.as_str().filter(|_| key == "TargetGroupArn").and_then(|name| self.arn_of(name));
                match arn.map(|arn| json!(arn)) {
                    Some(arn) => *value = arn,
                    None => self.put_arns(value),
                }
            }),
            Value::Array(list) => list.iter_mut().for_each(|value| self.put_arns(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
