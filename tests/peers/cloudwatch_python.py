"""Fills and reads a CloudWatch with AWS's own Python client, unchanged.

Usage: cloudwatch_python.py BASE_URL NOW fill | ring

`fill` puts a metric of two groups in the five minutes before NOW (seconds since 1970), and two alarms, and checks that the client
reads what it put. `ring` lets one of the alarms ring.
"""

import sys
from datetime import datetime, timezone

import boto3


def check(what, holds, seen=None):
    print(f"{'ok' if holds else 'FAILED'}: {what}")
    if not holds:
        sys.exit(f"saw: {seen!r}")


def dimensions(group):
    return [{"Name": "Group", "Value": group}]


def at(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc)


def fill(client, now):
    for group, values in [("web__1", [1, 2, 3]), ("web__2", [4, 5, 6])]:
        client.put_metric_data(
            Namespace="web",
            MetricData=[
                {"MetricName": "errors", "Dimensions": dimensions(group), "Timestamp": at(now - 60 * (3 - i)), "Value": value}
                for i, value in enumerate(values)
            ],
        )
    stat = {"Metric": {"Namespace": "web", "MetricName": "errors", "Dimensions": dimensions("web__2")}, "Period": 60, "Stat": "Sum"}
    query = {"Id": "errors", "MetricStat": stat}
    read = client.get_metric_data(MetricDataQueries=[query], StartTime=at(now - 300), EndTime=at(now), ScanBy="TimestampAscending")
    check("the client reads what it put", read["MetricDataResults"][0]["Values"] == [4, 5, 6], read)
    for name in ["web-errors", "web-latency"]:
        client.put_metric_alarm(
            AlarmName=name, Namespace="web", MetricName="errors", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=100, ComparisonOperator="GreaterThanThreshold",
        )
    client.set_alarm_state(AlarmName="web-latency", StateValue="OK", StateReason="fast enough")
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in client.describe_alarms()["MetricAlarms"]}
    check("two alarms are quiet", states == {"web-errors": "OK", "web-latency": "OK"}, states)


def ring(client):
    client.set_alarm_state(AlarmName="web-errors", StateValue="ALARM", StateReason="too many errors")
    ringing = client.describe_alarms(StateValue="ALARM")["MetricAlarms"]
    check("one of them rings", [alarm["AlarmName"] for alarm in ringing] == ["web-errors"], ringing)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    cloudwatch = boto3.client(
        "cloudwatch", endpoint_url=sys.argv[1], region_name="us-east-1",
        aws_access_key_id="AKIDTEST", aws_secret_access_key="secret",
    )
    fill(cloudwatch, int(sys.argv[2])) if sys.argv[3] == "fill" else ring(cloudwatch)
