//! The Elastigroup JSON that the user exports from Spot's console and pastes into the infrastructure.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::RuleArn;

/// `{"group": {"compute": {"launchSpecification": {…}}, …}}`, checked for the parts that a deployment writes.
///
/// Everything else is kept as it came: unknown fields, the order of keys, integers as integers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ElastigroupTemplate(Value);

/// JSON that no Elastigroup can be created from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It has no `group` object.
    #[error("the Elastigroup JSON has no `group` object")]
    NoGroup,
    /// It has no `compute.launchSpecification` object.
    #[error("the Elastigroup JSON has no `group.compute.launchSpecification` object")]
    NoLaunchSpecification,
    /// Its user data is masked, and the service has none of its own.
    #[error("the Elastigroup JSON masks its user data as `__hidden__`, and the service has no user data of its own")]
    HiddenUserData,
}

impl ElastigroupTemplate {
    /// Checks the parts that a deployment writes. `has_user_data` says whether the service brings its own user data.
    ///
    /// # Errors
    /// [`TemplateError`] for JSON that no group can be created from.
    pub fn parse(json: Value, has_user_data: bool) -> Result<Self, TemplateError> {
        let group = json.get("group").and_then(Value::as_object).ok_or(TemplateError::NoGroup)?;
        let launch = group
            .get("compute")
            .and_then(|compute| compute.get("launchSpecification"))
            .and_then(Value::as_object)
            .ok_or(TemplateError::NoLaunchSpecification)?;
        let hidden = launch.get("userData").and_then(Value::as_str) == Some("__hidden__");
        if hidden && !has_user_data {
            return Err(TemplateError::HiddenUserData);
        }
        Ok(Self(json))
    }

    /// The rules whose weights Spot itself writes for a group made from this JSON (`launchSpecification.itf`).
    #[must_use]
    pub fn steered_rules(&self) -> Vec<RuleArn> {
        self.0.pointer("/group/compute/launchSpecification/itf").map(steered_rules).unwrap_or_default()
    }

    /// The `group` object.
    #[must_use]
    pub fn group(&self) -> Option<&Map<String, Value>> {
        self.0.get("group").and_then(Value::as_object)
    }
}

/// Every `ruleArn` of an `itf` object (intelligent traffic flow): `loadBalancers[].listenerRules[].ruleArn`.
#[must_use]
pub fn steered_rules(itf: &Value) -> Vec<RuleArn> {
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let balancers = list(itf, "loadBalancers");
    let rules = balancers.iter().flat_map(|balancer| list(balancer, "listenerRules"));
    rules.filter_map(|rule| rule.get("ruleArn").and_then(Value::as_str).map(RuleArn::new)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_that_spot_steers_are_found() {
        let itf = json!({"loadBalancers": [{"loadBalancerArn": "lb", "listenerRules": [{"ruleArn": "rule-1"}, {"ruleArn": "rule-2"}]}]});
        let template = json!({"group": {"compute": {"launchSpecification": {"itf": itf}}}});
        let template = ElastigroupTemplate::parse(template, false).unwrap();
        assert_eq!(template.steered_rules(), [RuleArn::new("rule-1"), RuleArn::new("rule-2")]);
    }

    #[test]
    fn refuses_what_no_group_can_be_created_from() {
        let launch = |spec: Value| json!({"group": {"compute": {"launchSpecification": spec}}});
        let error = |json: Value| ElastigroupTemplate::parse(json, false).err();
        assert_eq!(error(json!([])), Some(TemplateError::NoGroup));
        assert_eq!(error(json!({"name": "web"})), Some(TemplateError::NoGroup));
        assert_eq!(error(json!({"group": {"compute": {}}})), Some(TemplateError::NoLaunchSpecification));
        assert_eq!(error(launch(json!({"userData": "__hidden__"}))), Some(TemplateError::HiddenUserData));
        assert_eq!(error(launch(json!({"userData": "IyEvYmluL3No"}))), None);
        assert!(ElastigroupTemplate::parse(launch(json!({"userData": "__hidden__"})), true).is_ok());
    }
}
