"""Drives the vendor's own Python client, unchanged, against a Spot API.

Usage: spot_python.py BASE_URL

Prints one line a check, and ends with a non-zero status at the first one that fails. The account must have an AMI
`ami-stuck` whose instances never become healthy; every other AMI must be good, and instances must be up at once.
"""

import json
import sys

from spotinst_sdk2 import SpotinstSession
from spotinst_sdk2.client import SpotinstClientException
from spotinst_sdk2.models.elastigroup import aws
from spotinst_sdk2.models.elastigroup.aws.deployment_action import DeploymentAction


def check(what, holds, seen=None):
    print(f"{'ok' if holds else 'FAILED'}: {what}")
    if not holds:
        sys.exit(f"saw: {seen!r}")


def refused(call):
    """The `response` of the error that the call is refused with."""
    try:
        call()
    except SpotinstClientException as error:
        return json.loads(error.message.split("\n", 1)[1])
    return None


def group():
    return aws.Elastigroup(
        name="peer__1",
        description="made by the vendor's client",
        region="us-east-1",
        capacity=aws.Capacity(minimum=0, maximum=4, target=0, unit="instance"),
        strategy=aws.Strategy(risk=100, availability_vs_cost="balanced", fallback_to_od=True, draining_timeout=120),
        compute=aws.Compute(
            product="Linux/UNIX",
            instance_types=aws.InstanceTypes(ondemand="m5.large", spot=["m5.large", "m5a.large"]),
            availability_zones=[aws.AvailabilityZone(name="us-east-1a", subnet_ids=["subnet-0a"])],
            launch_specification=aws.LaunchSpecification(
                image_id="ami-1",
                user_data="IyEvYmluL3No",
                security_group_ids=["sg-0a"],
                health_check_type="EC2",
                tags=[aws.Tag(tag_key="service", tag_value="peer")],
            ),
        ),
    )


def launch(**fields):
    return aws.Elastigroup(compute=aws.Compute(launch_specification=aws.LaunchSpecification(**fields)))


def main(base_url):
    session = SpotinstSession(base_url=base_url, auth_token="peer-token", account_id="act-12345678")
    client = session.client("elastigroup_aws", print_output=False, user_agent="shiftgate-peers/1", timeout=30)

    created = client.create_elastigroup(group(), async_scale=True)
    id = created["id"]
    check("create answers with the group and an id", id.startswith("sig-") and created["name"] == "peer__1", created)
    listed = client.get_elastigroups()
    check("list has the group", [item["id"] for item in listed if item["name"] == "peer__1"] == [id], listed)
    read = client.get_elastigroup(id)
    check("read gives what create gave", read == created, read)
    specification = read["compute"]["launch_specification"]
    check("tags survive", specification["tags"] == [{"tag_key": "service", "tag_value": "peer"}], specification)

    updated = client.update_elastigroup(launch(user_data=None, image_id="ami-2"), id, auto_apply_tags=True)
    specification = updated["compute"]["launch_specification"]
    check("update with None removes a field", "user_data" not in specification, specification)
    check("update changes a field and keeps the others", specification["image_id"] == "ami-2" and "tags" in specification)
    client.update_elastigroup(aws.Elastigroup(capacity=aws.Capacity(minimum=1, target=3, maximum=4)), id)
    check("update writes the capacity", client.get_elastigroup(id)["capacity"]["target"] == 3)
    refusal = refused(lambda: client.update_elastigroup(aws.Elastigroup(capacity=aws.Capacity(target=9)), id))
    error = refusal["errors"][0]
    check("a target above the maximum is refused by field", error["field"] == "body:group.capacity.target", refusal)

    instances = client.get_elastigroup_active_instances(id)
    check("status has a row an instance", len(instances) == 3 and all(row["instance_id"] for row in instances), instances)
    health = client.get_instance_healthiness(id)
    check("every instance is healthy", [row["health_status"] for row in health] == ["HEALTHY"] * 3, health)
    state = client.get_instance_status(instances[0]["instance_id"])
    check("an instance can be looked up", "ACTIVE" in json.dumps(state), state)
    up = client.scale_elastigroup_up(id, 1)
    check("scale up names the new requests", len(up[0]["new_spot_requests"]) == 1, up)
    down = client.scale_elastigroup_down(id, 1)
    check("scale down names the victims", len(down[0]["victim_spot_requests"]) == 1, down)

    roll = aws.Roll(batch_size_percentage=50, grace_period=300, health_check_type="EC2",
                    strategy=aws.RollStrategy(action="REPLACE_SERVER", should_drain_instances=True))
    started = client.roll_group(id, roll)
    check("a roll starts", started["items"][0]["id"].startswith("sbgd-"), started)
    rolls = client.get_all_group_deployment(id)
    check("it is listed as finished", rolls[0]["status"] == "finished" and rolls[0]["progress"]["value"] == 100, rolls)
    client.update_elastigroup(launch(image_id="ami-stuck"), id)
    stuck = client.roll_group(id, roll)["items"][0]["id"]
    refusal = refused(lambda: client.roll_group(id, roll))
    check("one roll at a time", refusal["errors"][0]["code"] == "DEPLOYMENT_ALREADY_IN_PROGRESS", refusal)
    detail = client.get_deployment_status(id, stuck)
    check("its detail has old and new instances", len(detail[0]["instances"][0]["green"]) == 2, detail)
    stopped = client.stop_deployment(id, stuck)
    check("a roll stops", stopped["status"]["code"] == 200, stopped)
    action = DeploymentAction(action_type="DETACH_NEW", should_handle_all_batches=True, should_decrement_target_capacity=False)
    handled = client.create_deployment_action(id, stuck, action)
    check("what it left can be detached", handled[0]["roll_id"] == stuck, handled)
    client.update_elastigroup(launch(image_id="ami-1"), id)

    client.suspend_process(id, ["AUTO_SCALE"], None)
    suspended = client.list_suspended_process(id)
    check("a process is suspended", suspended[0]["processes"] == ["AUTO_SCALE"], suspended)
    client.remove_suspended_process(id, ["AUTO_SCALE"])
    check("and resumed", client.list_suspended_process(id)[0]["processes"] == [])

    before = [row["instance_id"] for row in client.get_instance_healthiness(id)]
    detach = aws.DetachConfiguration(instances_to_detach=before[:1], should_terminate_instances=True,
                                     draining_timeout=1, should_decrement_target_capacity=True)
    status = client.detach_elastigroup_instances(id, detach)
    after = [row["instance_id"] for row in client.get_instance_healthiness(id)]
    check("an instance is detached", status["code"] == 200 and before[0] not in after, after)

    check("delete answers", client.delete_elastigroup(id) is True)
    for what, call in [("read", client.get_elastigroup), ("delete", client.delete_elastigroup)]:
        refusal = refused(lambda: call(id))
        gone = refusal["status"]["code"] == 400 and refusal["errors"][0]["code"] == "GROUP_DOESNT_EXIST"
        check(f"{what} of a missing group is refused with GROUP_DOESNT_EXIST", gone, refusal)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
