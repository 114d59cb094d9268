//! The body of a create: the user's exported JSON, with what a deployment sets, and everything else as it came. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use shiftgate_model::{CloudError, GroupSpec, Marker, RUN_TAG, STEP_TAG, TargetGroupArn};

use crate::failure::refused;

/// What Spot gives to an export, not to a create.
const NOT_OURS_TO_SEND: [&str; 3] = ["id", "createdAt", "updatedAt"];
/// What stands in an export in place of user data that Spot does not show.
const HIDDEN: &str = "__hidden__";
/// The most user data that EC2 takes, in bytes before base64.
const LONGEST_USER_DATA: usize = 16 * 1024;

/// `{"group": …}` for a new group at 0/0/0.
///
/// # Errors
/// `Refused` for a template or user data that no group can be created from.
pub(crate) fn create(spec: &GroupSpec) -> Result<Value, CloudError> {
    let no = |why: String| refused("CreateGroup", Some(spec.name.as_str().to_owned()), why);
    let mut group = spec.template.group().cloned().ok_or_else(|| no("the Elastigroup JSON has no `group` object".to_owned()))?;
    for field in NOT_OURS_TO_SEND {
        // `shift_remove` keeps the order of the other fields.
        group.shift_remove(field);
    }
    group.insert("name".to_owned(), json!(spec.name.as_str()));
    set_capacity(&mut group);
    let launch = group
        .get_mut("compute")
        .and_then(|compute| compute.get_mut("launchSpecification"))
        .and_then(Value::as_object_mut)
        .ok_or_else(|| no("the Elastigroup JSON has no `group.compute.launchSpecification` object".to_owned()))?;
    set_image(launch, spec.image.as_str());
    set_user_data(launch, spec.user_data.as_deref()).map_err(no)?;
    if let Some(groups) = &spec.target_groups {
        set_target_groups(launch, groups);
    }
    set_marker(launch, &spec.marker).map_err(no)?;
    Ok(json!({ "group": group }))
}

fn set_capacity(group: &mut Map<String, Value>) {
    let mut capacity = match group.get("capacity") {
        Some(Value::Object(capacity)) => capacity.clone(),
        _ => Map::new(),
    };
    for key in ["minimum", "maximum", "target"] {
        capacity.insert(key.to_owned(), json!(0));
    }
    if capacity.get("unit").is_none_or(Value::is_null) {
        capacity.insert("unit".to_owned(), json!("instance"));
    }
    group.insert("capacity".to_owned(), Value::Object(capacity));
}

/// One image; a list of images and one image exclude each other.
fn set_image(launch: &mut Map<String, Value>, image: &str) {
    launch.shift_remove("images");
    launch.insert("imageId".to_owned(), json!(image));
}

fn set_user_data(launch: &mut Map<String, Value>, user_data: Option<&str>) -> Result<(), String> {
    match user_data {
        Some(text) if text.len() > LONGEST_USER_DATA => {
            Err(format!("the user data is {} bytes long, and EC2 takes {LONGEST_USER_DATA}", text.len()))
        }
        Some(text) => {
            launch.insert("userData".to_owned(), json!(STANDARD.encode(text)));
            Ok(())
        }
        None if launch.get("userData").and_then(Value::as_str) == Some(HIDDEN) => {
            Err(format!("the Elastigroup JSON masks its user data as `{HIDDEN}`, and the service has no user data of its own"))
        }
        None => Ok(()),
    }
}

/// Puts the group behind these target groups, and behind nothing else: a template of production would register the new
/// instances with production's target group.
fn set_target_groups(launch: &mut Map<String, Value>, groups: &[TargetGroupArn]) {
    launch.shift_remove("loadBalancerNames");
    let entry = |group: &TargetGroupArn| json!({"name": group.name(), "arn": group.as_str(), "type": "TARGET_GROUP"});
    let entries: Vec<Value> = groups.iter().map(entry).collect();
    launch.insert("loadBalancersConfig".to_owned(), json!({ "loadBalancers": entries }));
}

/// Puts the marker behind the template's tags. A template exported from a group of ours carries an old one: it goes.
fn set_marker(launch: &mut Map<String, Value>, marker: &Marker) -> Result<(), String> {
    let mut tags = match launch.get("tags") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(tags)) => tags.clone(),
        Some(_) => return Err("the Elastigroup JSON's `compute.launchSpecification.tags` is not a list".to_owned()),
    };
    tags.retain(|tag| !matches!(tag.get("tagKey").and_then(Value::as_str), Some(RUN_TAG | STEP_TAG)));
    tags.push(json!({"tagKey": RUN_TAG, "tagValue": marker.run.as_str()}));
    tags.push(json!({"tagKey": STEP_TAG, "tagValue": marker.step.as_str()}));
    launch.insert("tags".to_owned(), Value::Array(tags));
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shiftgate_model::{AmiId, ElastigroupTemplate, GroupName, RunId, StepId};

    use super::*;

    fn spec(group: Value, user_data: Option<&str>) -> GroupSpec {
        GroupSpec {
            attempted: false,
            template: ElastigroupTemplate::parse(json!({ "group": group }), true).unwrap(),
            name: GroupName::new("web__3"),
            image: AmiId::new("ami-0new"),
            user_data: user_data.map(str::to_owned),
            target_groups: None,
            marker: Marker { run: RunId::new("r1"), step: StepId::new("setup") },
        }
    }

    #[test]
    fn what_a_deployment_sets_is_set_and_the_rest_stays_as_it_came() {
        let template = json!({
            "id": "sig-0a1b2c3d", "name": "exported", "futureField": {"a": [1, 2, {"b": null}], "big": 9_007_199_254_740_993_u64},
            "capacity": {"minimum": 1, "maximum": 9, "target": 3, "unit": "weight", "extra": true},
            "strategy": {"risk": 100, "drainingTimeout": 120},
            "compute": {"product": "Linux/UNIX (Amazon VPC)", "launchSpecification": {
                "images": [{"id": "ami-0old"}], "healthCheckGracePeriod": 300,
                "loadBalancersConfig": {"loadBalancers": [{"name": "classic", "type": "CLASSIC"}]},
                "tags": [{"tagKey": "shiftgate:run", "tagValue": "stale"}, {"tagKey": "service", "tagValue": "web"},
                         {"tagKey": "shiftgate:step", "tagValue": "stale"}, {"tagKey": "shiftgate:run", "tagValue": "twice"}]}},
            "createdAt": "x", "updatedAt": "y", "scaling": {}});
        let body = create(&spec(template, Some("#!/bin/sh"))).unwrap();
        insta::assert_snapshot!(body.to_string(), @r#"{"group":{"name":"web__3","futureField":{"a":[1,2,{"b":null}],"big":9007199254740993},"capacity":{"minimum":0,"maximum":0,"target":0,"unit":"weight","extra":true},"strategy":{"risk":100,"drainingTimeout":120},"compute":{"product":"Linux/UNIX (Amazon VPC)","launchSpecification":{"healthCheckGracePeriod":300,"loadBalancersConfig":{"loadBalancers":[{"name":"classic","type":"CLASSIC"}]},"tags":[{"tagKey":"service","tagValue":"web"},{"tagKey":"shiftgate:run","tagValue":"r1"},{"tagKey":"shiftgate:step","tagValue":"setup"}],"imageId":"ami-0new","userData":"IyEvYmluL3No"}},"scaling":{}}}"#);
    }

    #[test]
    fn a_bare_template_gets_capacity_and_tags() {
        let body =
            create(&spec(json!({"compute": {"launchSpecification": {"imageId": "ami-0old", "tags": null}}}), None)).unwrap();
        assert_eq!(body["group"]["capacity"], json!({"minimum": 0, "maximum": 0, "target": 0, "unit": "instance"}));
        let launch = &body["group"]["compute"]["launchSpecification"];
        assert_eq!(launch["tags"].as_array().map(Vec::len), Some(2));
        assert_eq!((launch["imageId"].as_str(), launch.get("userData")), (Some("ami-0new"), None));
    }

    #[test]
    fn user_data_of_the_template_stays_unless_it_is_masked() {
        let with = |data: &str| json!({"compute": {"launchSpecification": {"userData": data}}});
        let user_data = |spec: &GroupSpec| create(spec).map(|b| b["group"]["compute"]["launchSpecification"]["userData"].clone());
        assert_eq!(user_data(&spec(with("b2xk"), None)), Ok(json!("b2xk")));
        assert_eq!(user_data(&spec(with("b2xk"), Some("new"))), Ok(json!("bmV3")));
        assert_eq!(user_data(&spec(with("__hidden__"), Some("new"))), Ok(json!("bmV3")));
        insta::assert_snapshot!(
            user_data(&spec(with("__hidden__"), None)).unwrap_err(),
            @"Spot CreateGroup for `web__3`: the Elastigroup JSON masks its user data as `__hidden__`, and the service has no user data of its own"
        );
        let long = "x".repeat(LONGEST_USER_DATA + 1);
        assert!(user_data(&spec(with(""), Some(&long))).is_err());
    }

    #[test]
    fn target_groups_replace_every_load_balancer_of_the_template() {
        let green = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-green/2222222222222222";
        let behind = |launch: Value, groups: Option<Vec<TargetGroupArn>>| {
            let spec = GroupSpec { target_groups: groups, ..spec(json!({"compute": {"launchSpecification": launch}}), None) };
            let launch = create(&spec).unwrap()["group"]["compute"]["launchSpecification"].clone();
            (launch["loadBalancersConfig"].clone(), launch.get("loadBalancerNames").cloned())
        };
        let production = json!({"loadBalancerNames": ["old"], "loadBalancersConfig": {"loadBalancers": [
            {"name": "web-blue", "arn": "arn:blue", "type": "TARGET_GROUP"}, {"name": "classic", "type": "CLASSIC"}]}});
        let wanted = json!({"loadBalancers": [{"name": "web-green", "arn": green, "type": "TARGET_GROUP"}]});
        for launch in [production.clone(), json!({}), json!({"loadBalancersConfig": null, "loadBalancerNames": null})] {
            assert_eq!(behind(launch, Some(vec![TargetGroupArn::new(green)])), (wanted.clone(), None));
        }
        assert_eq!(behind(production.clone(), None), (production["loadBalancersConfig"].clone(), Some(json!(["old"]))));
    }

    #[test]
    fn tags_that_are_no_list_are_refused_not_dropped() {
        assert!(create(&spec(json!({"compute": {"launchSpecification": {"tags": "service=web"}}}), None)).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[a-zA-Z]{1,8}", inner), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_field_that_is_not_ours_reaches_spot_unchanged(field in any_json()) {
            let template = json!({"unknown": field, "compute": {"unknown": field, "launchSpecification": {"unknown": field}}});
            let sent = create(&spec(template, None)).unwrap().to_string();
            let sent: Value = serde_json::from_str(&sent).unwrap();
            for pointer in ["/group/unknown", "/group/compute/unknown", "/group/compute/launchSpecification/unknown"] {
                prop_assert_eq!(sent.pointer(pointer), Some(&field));
            }
        }
    }
}
