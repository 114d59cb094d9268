//! Typed views over Spot's raw JSON: what this program reads is named here, everything else stays as it came.
//!
//! The API grows without notice, so a group is never a closed struct: reading one and writing it back loses nothing.

use serde_json::{Map, Value};
use shiftgate_model::{AmiId, Capacity, Group, GroupId, GroupName, Health, InstanceHealth, InstanceId, Marker, RunId};
use shiftgate_model::{RUN_TAG, RuleArn, STEP_TAG, StepId, TargetGroupArn, Timestamp, steered_rules};

/// One group, exactly as Spot sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawGroup(Value);

impl RawGroup {
    /// Takes one item of a reply; a `{"group": …}` around it is taken off.
    #[must_use]
    pub fn new(mut item: Value) -> Self {
        if item.get("id").is_none()
            && let Some(inner) = item.get_mut("group").filter(|inner| inner.is_object())
        {
            return Self(inner.take());
        }
        Self(item)
    }

    /// All of it, unknown fields included.
    #[must_use]
    pub const fn json(&self) -> &Value {
        &self.0
    }

    /// Its id; none when the reply has none.
    #[must_use]
    pub fn id(&self) -> Option<GroupId> {
        text(self.0.get("id")).map(GroupId::new)
    }

    /// Its name; none when the reply has none.
    #[must_use]
    pub fn name(&self) -> Option<GroupName> {
        text(self.0.get("name")).map(GroupName::new)
    }

    /// Who created it: none unless both tags stand there.
    #[must_use]
    pub fn marker(&self) -> Option<Marker> {
        let tags = self.launch()?.get("tags")?.as_array()?;
        let tag = |key: &str| {
            let found = tags.iter().find(|tag| tag.get("tagKey").and_then(Value::as_str) == Some(key));
            found.and_then(|tag| text(tag.get("tagValue")))
        };
        Some(Marker { run: RunId::new(tag(RUN_TAG)?), step: StepId::new(tag(STEP_TAG)?) })
    }

    /// The three numbers; what is missing or no number is named in the error.
    fn capacity(&self) -> Result<Capacity, String> {
        let capacity = self.0.get("capacity").and_then(Value::as_object).ok_or("has no `capacity`")?;
        let number = |key: &str| capacity.get(key).and_then(count).ok_or_else(|| format!("has no readable `capacity.{key}`"));
        Ok(Capacity { minimum: number("minimum")?, target: number("target")?, maximum: number("maximum")? })
    }

    fn image(&self) -> Option<AmiId> {
        let launch = self.launch()?;
        let single = || match launch.get("images")?.as_array()?.as_slice() {
            [image] => text(image.get("id")),
            _ => None,
        };
        text(launch.get("imageId")).or_else(single).map(AmiId::new)
    }

    /// What Spot registers the instances with: target groups by ARN, and the names of everything else.
    fn balancers(&self) -> (Vec<TargetGroupArn>, Vec<String>) {
        let Some(launch) = self.launch() else { return Default::default() };
        let entries = launch.get("loadBalancersConfig").and_then(|config| config.get("loadBalancers")?.as_array());
        let (mut target_groups, mut others) = (Vec::new(), Vec::new());
        for entry in entries.map(Vec::as_slice).unwrap_or_default() {
            let is_target_group = text(entry.get("type")).is_some_and(|word| word.eq_ignore_ascii_case("TARGET_GROUP"));
            match text(entry.get("arn")).filter(|_| is_target_group) {
                Some(arn) => target_groups.push(TargetGroupArn::new(arn)),
                None => others.push(text(entry.get("name")).unwrap_or_else(|| entry.to_string())),
            }
        }
        let legacy = launch.get("loadBalancerNames").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        others.extend(legacy.iter().filter_map(|name| text(Some(name))));
        (target_groups, others)
    }

    fn steered_rules(&self) -> Vec<RuleArn> {
        self.launch().and_then(|launch| launch.get("itf")).map(steered_rules).unwrap_or_default()
    }

    fn launch(&self) -> Option<&Map<String, Value>> {
        self.0.get("compute")?.get("launchSpecification")?.as_object()
    }

    /// The group as the engine sees it.
    ///
    /// A group whose capacity cannot be read is an error, not a group of 0/0/0: what looks empty may be deleted.
    ///
    /// # Errors
    /// A sentence that names the group and the field.
    pub fn view(&self) -> Result<Group, String> {
        let id = self.id().ok_or("a group in the answer has no `id`")?;
        let name = self.name().ok_or_else(|| format!("group `{id}` has no `name`"))?;
        let capacity = self.capacity().map_err(|why| format!("group `{id}` ({name}) {why}"))?;
        let created_at = self.0.get("createdAt").and_then(moment);
        let ((target_groups, classic), steered_rules) = (self.balancers(), self.steered_rules());
        let (image, marker) = (self.image(), self.marker());
        Ok(Group { id, name, capacity, image, marker, created_at, target_groups, classic, steered_rules })
    }
}

/// One row of `instanceHealthiness`.
pub(crate) fn health(row: &Value) -> InstanceHealth {
    let id = text(row.get("instanceId")).map(InstanceId::new);
    let health = text(row.get("healthStatus")).map_or(Health::Unknown, |word| {
        match word.to_ascii_uppercase().replace(['-', ' '], "_").as_str() {
            "HEALTHY" => Health::Healthy,
            "UNHEALTHY" => Health::Unhealthy,
            "INSUFFICIENT_DATA" => Health::InsufficientData,
            "UNKNOWN" => Health::Unknown,
            _ => Health::Other(word),
        }
    });
    InstanceHealth { id, health }
}

/// A text that says something.
fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A count of instances. Spot quotes numbers now and then, and writes whole numbers as `2.0`.
fn count(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => whole(number.as_u64(), number.as_f64()),
        Value::String(text) => whole(text.trim().parse().ok(), text.trim().parse().ok()),
        _ => None,
    }
}

fn whole(integer: Option<u64>, float: Option<f64>) -> Option<u32> {
    if let Some(integer) = integer {
        return u32::try_from(integer).ok();
    }
    let float = float.filter(|f| f.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(f))?;
    // Whole, and inside u32: its decimal text is the integer.
    format!("{float:.0}").parse().ok()
}

/// A moment: `…Z`, `…+00:00`, `…+0000`, or milliseconds since 1970.
fn moment(value: &Value) -> Option<Timestamp> {
    let millis = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.trim().parse::<jiff::Timestamp>().ok()?.as_millisecond(),
        _ => return None,
    };
    u64::try_from(millis).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn group() -> Value {
        json!({"id": "sig-0a1b2c3d", "name": "web__1", "capacity": {"minimum": 1, "target": "2", "maximum": 4.0, "unit": "weight"},
            "compute": {"launchSpecification": {"imageId": "ami-0abc", "tags": [
                {"tagKey": "shiftgate:run", "tagValue": "r1"}, {"tagKey": "shiftgate:step", "tagValue": "setup"}]}},
            "createdAt": "2026-01-10T09:00:00.000Z", "brandNew": {"deep": [1, 2.5]}})
    }

    fn changed(pointer: &str, value: Value) -> Group {
        let mut json = group();
        *json.pointer_mut(pointer).unwrap() = value;
        RawGroup::new(json).view().unwrap()
    }

    #[test]
    fn a_group_is_read_whole_and_kept_whole() {
        let raw = RawGroup::new(group());
        let view = raw.view().unwrap();
        assert_eq!((view.id.as_str(), view.name.as_str()), ("sig-0a1b2c3d", "web__1"));
        assert_eq!(view.capacity, Capacity { minimum: 1, target: 2, maximum: 4 });
        assert_eq!(view.image, Some(AmiId::new("ami-0abc")));
        assert_eq!(view.marker, Some(Marker { run: RunId::new("r1"), step: StepId::new("setup") }));
        assert_eq!(view.created_at, Some(Timestamp(1_768_035_600_000)));
        assert_eq!(raw.json(), &group());
        assert_eq!(RawGroup::new(json!({"group": group()})), raw);
    }

    #[test]
    fn moments_come_in_two_formats_and_no_third_one_hurts() {
        let at = |value| changed("/createdAt", value).created_at;
        let wanted = Some(Timestamp(1_454_000_000_123));
        assert_eq!(at(json!("2016-01-28T16:53:20.123Z")), wanted);
        assert_eq!(at(json!("2016-01-28T16:53:20.123+0000")), wanted);
        assert_eq!(at(json!("2016-01-28T18:53:20.123+02:00")), wanted);
        assert_eq!(at(json!(1_454_000_000_123_i64)), wanted);
        assert_eq!([at(json!("last Tuesday")), at(json!(null)), at(json!(-5))], [None; 3]);
    }

    #[test]
    fn a_capacity_that_cannot_be_read_is_no_capacity_of_zero() {
        let error = |value: Value| {
            let mut json = group();
            *json.pointer_mut("/capacity").unwrap() = value;
            RawGroup::new(json).view().unwrap_err()
        };
        insta::assert_snapshot!(error(json!(null)), @"group `sig-0a1b2c3d` (web__1) has no `capacity`");
        let whole = |target: Value| json!({"minimum": 0, "maximum": 9, "target": target});
        for target in [json!(null), json!(-1), json!("two"), json!(1.5), json!(4_294_967_296_u64), json!("NaN"), json!(true)] {
            assert!(error(whole(target)).ends_with("has no readable `capacity.target`"));
        }
    }

    #[test]
    fn half_a_marker_is_none() {
        let tags = |tags: Value| changed("/compute/launchSpecification/tags", tags).marker;
        assert_eq!(tags(json!([{"tagKey": "shiftgate:run", "tagValue": "r1"}])), None);
        assert_eq!(tags(json!(null)), None);
        assert_eq!(tags(json!(["x", {"tagKey": 5}])), None);
    }

    #[test]
    fn one_image_in_a_list_is_the_image() {
        let image = |launch: Value| changed("/compute/launchSpecification", launch).image;
        assert_eq!(image(json!({"images": [{"id": "ami-1"}]})), Some(AmiId::new("ami-1")));
        assert_eq!(image(json!({"images": [{"id": "ami-1"}, {"id": "ami-2"}]})), None);
    }

    #[test]
    fn target_groups_and_steered_rules_are_read() {
        let launch = |launch: Value| {
            let group = changed("/compute/launchSpecification", launch);
            (group.target_groups, group.steered_rules)
        };
        let config = json!({"loadBalancersConfig": {"loadBalancers": [
            {"name": "classic", "type": "CLASSIC"},
            {"name": "web-blue", "arn": "arn:blue", "type": "TARGET_GROUP", "new": 1},
            {"arn": "arn:green", "type": "target_group"}, {"type": "TARGET_GROUP"}, "odd"]}});
        assert_eq!(launch(config.clone()).0, [TargetGroupArn::new("arn:blue"), TargetGroupArn::new("arn:green")]);
        // What is no target group is not lost: a group that has it serves there, too.
        let others = changed("/compute/launchSpecification", config).classic;
        assert_eq!(others, ["classic", r#"{"type":"TARGET_GROUP"}"#, r#""odd""#]);
        let legacy = changed("/compute/launchSpecification", json!({"loadBalancerNames": ["old-elb"]})).classic;
        assert_eq!(legacy, ["old-elb"]);
        let itf = json!({"itf": {"loadBalancers": [{"loadBalancerArn": "lb", "listenerRules": [{"ruleArn": "arn:rule"}]}]}});
        assert_eq!(launch(itf), (vec![], vec![RuleArn::new("arn:rule")]));
        for none in [json!({}), json!({"loadBalancersConfig": null, "itf": null}), json!({"loadBalancersConfig": {}, "itf": []})]
        {
            assert_eq!(launch(none), (vec![], vec![]));
        }
    }

    #[test]
    fn health_words_are_read_in_any_case() {
        let word = |row: Value| health(&row).health;
        assert_eq!(word(json!({"healthStatus": "healthy"})), Health::Healthy);
        assert_eq!(word(json!({"healthStatus": "Unhealthy"})), Health::Unhealthy);
        assert_eq!(word(json!({"healthStatus": "insufficient-data"})), Health::InsufficientData);
        assert_eq!(word(json!({"healthStatus": "Rebooting"})), Health::Other("Rebooting".to_owned()));
        assert_eq!([word(json!({"healthStatus": null})), word(json!({})), word(json!("x"))], [const { Health::Unknown }; 3]);
        assert_eq!(health(&json!({"instanceId": null, "healthStatus": "UNKNOWN"})).id, None);
        assert_eq!(health(&json!({"instanceId": "i-1"})).id, Some(InstanceId::new("i-1")));
    }
}
