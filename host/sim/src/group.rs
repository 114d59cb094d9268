//! One Elastigroup: its object as it was sent (unknown fields included), with typed views of the few fields that matter.
//!
//! Merging and checking follow what the real API does with a create and a partial update. No instances are started or
//! ended here; `fleet.rs` does that.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::envelope::{Refusal, zulu};
use crate::instance::Instance;
use crate::roll::Roll;
use crate::world::Numbers;

/// A group with everything that belongs to it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: String,
    /// The object without `id`, `createdAt` and `updatedAt`.
    pub(crate) body: Map<String, Value>,
    pub(crate) created: jiff::Timestamp,
    pub(crate) updated: jiff::Timestamp,
    pub(crate) deleted: bool,
    pub(crate) instances: Vec<Instance>,
    pub(crate) rolls: Vec<Roll>,
    /// Suspended processes, with when each suspension ends.
    pub(crate) suspensions: BTreeMap<String, Option<jiff::Timestamp>>,
}

impl Group {
    pub(crate) fn new(id: String, mut body: Map<String, Value>) -> Self {
        let now = jiff::Timestamp::now();
        for echo in ["id", "createdAt", "updatedAt"] {
            body.remove(echo);
        }
        Self {
            id,
            body,
            created: now,
            updated: now,
            deleted: false,
            instances: Vec::new(),
            rolls: Vec::new(),
            suspensions: BTreeMap::new(),
        }
    }

    /// The object as a reply shows it.
    pub(crate) fn shown(&self) -> Value {
        let mut shown = Map::new();
        shown.insert("id".into(), json!(self.id));
        shown.extend(self.body.clone());
        shown.insert("createdAt".into(), json!(zulu(self.created)));
        shown.insert("updatedAt".into(), json!(zulu(self.updated)));
        Value::Object(shown)
    }

    fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.body.get(*first)?, |value, key| value.get(key))
    }

    fn text(&self, path: &[&str]) -> Option<&str> {
        self.at(path).and_then(Value::as_str)
    }

    pub(crate) fn name(&self) -> &str {
        self.text(&["name"]).unwrap_or_default()
    }

    /// The capacity, with 0 for what is not there.
    pub(crate) fn capacity(&self) -> Numbers {
        let number =
            |key| self.at(&["capacity", key]).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        Numbers { minimum: number("minimum"), target: number("target"), maximum: number("maximum") }
    }

    /// Writes the three numbers; other fields of the capacity stay.
    pub(crate) fn set_capacity(&mut self, numbers: Numbers) {
        let Numbers { minimum, target, maximum } = numbers;
        merge(&mut self.body, &json!({"capacity": {"minimum": minimum, "maximum": maximum, "target": target}}));
        self.updated = jiff::Timestamp::now();
    }

    /// The AMI that the next instance is launched with.
    pub(crate) fn ami(&self) -> &str {
        let specification = ["compute", "launchSpecification"];
        let id = self.text(&[specification[0], specification[1], "imageId"]);
        let first = || self.at(&[specification[0], specification[1], "images"])?.get(0)?.get("id")?.as_str();
        id.or_else(first).unwrap_or_default()
    }

    pub(crate) fn product(&self) -> &str {
        self.text(&["compute", "product"]).unwrap_or("Linux/UNIX")
    }

    /// The instance type and the zone of the n-th instance.
    pub(crate) fn placement(&self, n: usize) -> (String, String) {
        let nth = |list: Option<&Value>| {
            let list = list.and_then(Value::as_array).filter(|list| !list.is_empty())?;
            list.get(n % list.len()).cloned()
        };
        let machine = nth(self.at(&["compute", "instanceTypes", "spot"]))
            .or_else(|| self.at(&["compute", "instanceTypes", "ondemand"]).cloned())
            .and_then(|machine| machine.as_str().map(str::to_owned));
        let zone = nth(self.at(&["compute", "availabilityZones"])).and_then(|zone| Some(zone.get("name")?.as_str()?.to_owned()));
        (machine.unwrap_or_else(|| "m5.large".to_owned()), zone.unwrap_or_else(|| "us-east-1a".to_owned()))
    }

    /// How many of `target` instances are to be on-demand.
    pub(crate) fn on_demand(&self, target: u32) -> u32 {
        let number = |key| self.at(&["strategy", key]).and_then(Value::as_u64);
        match (number("onDemandCount"), number("risk")) {
            (Some(count), _) => u32::try_from(count).unwrap_or(u32::MAX).min(target),
            (None, Some(risk)) => {
                let spot = (u64::from(target) * risk.min(100)).div_ceil(100);
                target - u32::try_from(spot).unwrap_or(target)
            }
            (None, None) => 0,
        }
    }

    pub(crate) fn newest_leave_first(&self) -> bool {
        self.text(&["strategy", "scalingStrategy", "terminationPolicy"]) == Some("newestInstance")
    }

    pub(crate) fn has_health_check(&self) -> bool {
        self.text(&["compute", "launchSpecification", "healthCheckType"]).is_some()
    }

    pub(crate) fn tags(&self) -> BTreeMap<String, String> {
        let tags = self.at(&["compute", "launchSpecification", "tags"]).and_then(Value::as_array);
        let pair = |tag: &Value| Some((tag.get("tagKey")?.as_str()?.to_owned(), tag.get("tagValue")?.as_str()?.to_owned()));
        tags.into_iter().flatten().filter_map(pair).collect()
    }

    /// The ARNs of the target groups that its instances stand in.
    pub(crate) fn target_groups(&self) -> Vec<String> {
        let list = self.at(&["compute", "launchSpecification", "loadBalancersConfig", "loadBalancers"]).and_then(Value::as_array);
        let named = list.into_iter().flatten().filter(|one| one.get("type").is_some_and(|kind| kind == "TARGET_GROUP"));
        let mut arns: Vec<String> = named.filter_map(|one| Some(one.get("arn")?.as_str()?.to_owned())).collect();
        arns.sort();
        arns.dedup();
        arns
    }

    /// The roll that locks the group: one under way, or a failed one that nobody stopped or resolved.
    pub(crate) fn lock(&self) -> Option<&Roll> {
        self.rolls.iter().find(|roll| roll.locks())
    }

    /// Refuses a change while a roll has the group.
    pub(crate) fn unlocked(&self) -> Result<(), Refusal> {
        self.lock().map_or(Ok(()), |roll| {
            let message = format!("A deployment ({}) is in progress in group {}", roll.id, self.id);
            Err(Refusal::new("DEPLOYMENT_ALREADY_IN_PROGRESS", message))
        })
    }
}

/// Merges a partial update into an object: an object merges field by field, `null` removes, everything else replaces.
pub(crate) fn merge(into: &mut Map<String, Value>, update: &Value) {
    for (key, value) in update.as_object().into_iter().flatten() {
        match value {
            Value::Null => {
                into.remove(key);
            }
            Value::Object(_) => {
                let slot = into.entry(key.clone()).or_insert_with(|| json!({}));
                if !slot.is_object() {
                    *slot = json!({});
                }
                if let Value::Object(fields) = slot {
                    merge(fields, value);
                }
            }
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Checks a whole group object, as it is after a create or a merge.
pub(crate) fn check(body: &Map<String, Value>) -> Result<(), Refusal> {
    match body.get("name") {
        Some(Value::String(name)) if !name.is_empty() => {}
        None | Some(Value::Null) => return Err(Refusal::field("body:group.name", "\"name\" is required")),
        Some(_) => return Err(Refusal::field("body:group.name", "\"name\" must be a non-empty string")),
    }
    match body.get("compute") {
        Some(Value::Object(_)) => {}
        None | Some(Value::Null) => return Err(Refusal::field("body:group.compute", "\"compute\" is required")),
        Some(_) => return Err(Refusal::field("body:group.compute", "\"compute\" must be an object")),
    }
    match body.get("capacity") {
        None => Ok(()),
        Some(capacity) => numbers(capacity, "body:group.capacity").map(|_| ()),
    }
}

/// The largest target. A quota of the simulated account: each instance takes memory.
const MOST_INSTANCES: u32 = 2_000;

/// Reads a capacity and checks that minimum <= target <= maximum; a number that is left out is 0.
pub(crate) fn numbers(capacity: &Value, field: &str) -> Result<Numbers, Refusal> {
    let Some(capacity) = capacity.as_object() else {
        return Err(Refusal::field(field, "\"capacity\" must be an object"));
    };
    if !matches!(capacity.get("unit").map(Value::as_str), None | Some(Some("instance" | "weight"))) {
        return Err(Refusal::field(format!("{field}.unit"), "\"unit\" must be one of [instance, weight]"));
    }
    let number = |key: &str| match capacity.get(key) {
        None => Ok(0),
        Some(value) => value.as_u64().and_then(|number| u32::try_from(number).ok()).ok_or_else(|| {
            let rule = if value.is_i64() { "larger than or equal to 0" } else { "an integer" };
            Refusal::field(format!("{field}.{key}"), format!("\"{key}\" must be {rule}"))
        }),
    };
    let numbers = Numbers { minimum: number("minimum")?, target: number("target")?, maximum: number("maximum")? };
    let rules = [
        ("minimum", numbers.minimum, numbers.target),
        ("target", numbers.target, numbers.maximum),
        ("target", numbers.target, MOST_INSTANCES),
    ];
    for (key, value, ceiling) in rules {
        if value > ceiling {
            let message = format!("\"{key}\" must be less than or equal to {ceiling}");
            return Err(Refusal::field(format!("{field}.{key}"), message));
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_merges_objects_removes_nulls_and_replaces_arrays() {
        let Value::Object(mut body) = json!({"a": {"x": 1, "y": 2}, "list": [1, 2], "gone": true}) else { unreachable!() };
        merge(&mut body, &json!({"a": {"y": null, "z": 3}, "list": [9], "gone": null, "new": {"deep": {"v": 1}}}));
        assert_eq!(Value::Object(body), json!({"a": {"x": 1, "z": 3}, "list": [9], "new": {"deep": {"v": 1}}}));
    }

    #[test]
    fn a_capacity_out_of_order_names_the_field() {
        let refused = |capacity: Value| numbers(&capacity, "body:group.capacity").unwrap_err().errors.remove(0);
        assert_eq!(
            refused(json!({"minimum": 1})),
            json!({"code": "ValidationError", "message": "\"minimum\" must be less than or equal to 0", "field": "body:group.capacity.minimum"})
        );
        assert_eq!(refused(json!({"target": 3, "maximum": 2}))["field"], "body:group.capacity.target");
        assert_eq!(refused(json!({"target": -1}))["message"], "\"target\" must be larger than or equal to 0");
        assert_eq!(refused(json!({"target": 2_001, "maximum": 4_000_000_000_u32}))["field"], "body:group.capacity.target");
        assert_eq!(refused(json!({"target": "2"}))["message"], "\"target\" must be an integer");
    }
}
