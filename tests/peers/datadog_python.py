"""Asks a Datadog with the vendor's own Python client, unchanged, what the plugin `datadog` asks.

Usage: datadog_python.py BASE_URL

The keys are `key-of-the-api` and `key-of-the-app`; the answers have to be those of `plugins/datadog/src/shapes`. Prints one line a
check, and ends with a non-zero status at the first one that fails.
"""

import sys

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException, ForbiddenException
from datadog_api_client.v1.api.metrics_api import MetricsApi
from datadog_api_client.v2.api.logs_api import LogsApi
from datadog_api_client.v2.model.logs_aggregate_request import LogsAggregateRequest
from datadog_api_client.v2.model.logs_aggregate_response_status import LogsAggregateResponseStatus
from datadog_api_client.v2.model.logs_aggregation_function import LogsAggregationFunction
from datadog_api_client.v2.model.logs_compute import LogsCompute
from datadog_api_client.v2.model.logs_compute_type import LogsComputeType
from datadog_api_client.v2.model.logs_query_filter import LogsQueryFilter

NOW = 1767225600


def check(what, holds, seen=None):
    print(f"{'ok' if holds else 'FAILED'}: {what}")
    if not holds:
        sys.exit(f"saw: {seen!r}")


def client(base_url, key):
    return ApiClient(Configuration(host=base_url, api_key={"apiKeyAuth": key, "appKeyAuth": "key-of-the-app"}))


def known(model):
    """Whether the client has a place for every field of an answer, and for every value of a closed set."""
    return not getattr(model, "_unparsed", False)


def metrics(base_url):
    with client(base_url, "key-of-the-api") as api:
        query = lambda text: MetricsApi(api).query_metrics(_from=NOW - 300, to=NOW, query=text)
        load = query("avg:system.load.1{*}")
        check("a metric is read", load.status == "ok" and known(load) and known(load.series[0]), load)
        points = [point.value for point in load.series[0].pointlist]
        check("its points are oldest first", [at for at, _ in points] == sorted(at for at, _ in points), points)
        check("one of them is null", [value for _, value in points] == [0.5, 0.25, None, 0.625, 0.75, 0.001], points)
        grouped = query("sum:http.errors{*} by {host}")
        check("two series are read", [series.scope for series in grouped.series] == ["host:a", "host:b"], grouped)
        check("no series is an answer", query("avg:nobody{*}").series == [])
        slow = query("avg:slow{*}")
        check("an error comes with HTTP 200", (slow.status, slow.error) == ("error", "Query timed out"), slow)
        try:
            query("avg:busy{*}")
        except ApiException as error:
            headers = {name.lower(): value for name, value in error.headers.items()}
            check("a limit says when it is reset", (error.status, headers.get("x-ratelimit-reset")) == (429, "12"), headers)
        else:
            check("a limit is an error", False)


def logs(base_url):
    def count(text):
        body = LogsAggregateRequest(
            compute=[LogsCompute(aggregation=LogsAggregationFunction.COUNT, type=LogsComputeType.TOTAL)],
            filter=LogsQueryFilter(query=text, _from=str((NOW - 300) * 1000), to=str(NOW * 1000)),
        )
        return LogsApi(api).aggregate_logs(body=body)

    with client(base_url, "key-of-the-api") as api:
        some = count("status:error")
        check("logs are counted", known(some) and some.meta.status == LogsAggregateResponseStatus.DONE, some)
        check("the count is a number", [bucket.computes["c0"] for bucket in some.data.buckets] == [7], some)
        check("no logs have no bucket", count("status:nothing").data.buckets == [])
        part = count("status:slow")
        check("a part of them is told", part.meta.status == LogsAggregateResponseStatus.TIMEOUT, part)
        check("and so is a warning", part.meta.warnings[0].detail == "indexes: foo", part)


def refused(base_url):
    with client(base_url, "another-key") as api:
        try:
            MetricsApi(api).query_metrics(_from=NOW - 300, to=NOW, query="avg:system.load.1{*}")
        except ForbiddenException as error:
            check("another key is refused", error.status == 403, error)
        else:
            check("another key is refused", False)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    metrics(sys.argv[1])
    logs(sys.argv[1])
    refused(sys.argv[1])
