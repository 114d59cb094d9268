"""Sends searches with the vendor's own Python client, unchanged, and looks at what it makes of the answers.

Usage: elasticsearch_python.py BASE_URL SEARCHES, where SEARCHES is JSON: [{"index": NAME, "body": {..}}].

The index names the answer. Every field of a body goes through the client's own parameter of that name, so that one
which it does not know is an error. Prints one line a check, and ends with a non-zero status at the first one that fails.
"""

import json
import sys

from elasticsearch import (
    ApiError,
    AuthenticationException,
    AuthorizationException,
    BadRequestError,
    Elasticsearch,
    NotFoundError,
)

# What the client calls a field that is no name in Python, or begins with an underscore.
PARAMETERS = {"_source": "source"}

# What a refusal becomes in the client.
REFUSALS = {
    "error-400-date": BadRequestError,
    "error-400-query": BadRequestError,
    "error-401": AuthenticationException,
    "error-403": AuthorizationException,
    "error-404": NotFoundError,
    "error-429": ApiError,
}


def check(what, holds, seen=None):
    print(f"{'ok' if holds else 'FAILED'}: {what}")
    if not holds:
        sys.exit(f"saw: {seen!r}")


def total(index, answer):
    return answer["hits"]["total"]["value"], answer["hits"]["total"]["relation"], answer["_shards"]["failed"], answer["timed_out"]


def main(base_url, searches):
    client = Elasticsearch(base_url, retry_on_timeout=False, max_retries=0)
    pages = []
    for search in searches:
        index, body = search["index"], search["body"]
        fields = {PARAMETERS.get(name, name): value for name, value in body.items()}
        if index in REFUSALS:
            try:
                client.search(index=index, **fields)
            except REFUSALS[index] as error:
                status = int(index.split("-")[1])
                check(f"{index} is a refusal of the client's own kind", error.meta.status == status, error)
                check(f"{index} has a kind and a reason", error.body["error"]["type"] and error.body["error"]["reason"])
                continue
            sys.exit(f"{index} was not refused")
        answer = client.search(index=index, **fields)
        seen = total(index, answer)
        if index == "count":
            check("a count is exact", seen == (12345, "eq", 0, False), seen)
        elif index == "count-capped":
            check("a capped count says so", seen[:2] == (10000, "gte"), seen)
        elif index == "count-timed-out":
            check("a search that timed out says so", seen[3] is True, seen)
        elif index == "count-shards-failed":
            check("shards that failed are told", seen[2] == 1, seen)
        elif index == "steps":
            counts = [bucket["doc_count"] for bucket in answer["aggregations"]["counts"]["buckets"]]
            check("a histogram has its buckets", counts == [3, 0, 1, 0, 5], counts)
        elif index == "pages":
            pages.append([hit["_source"]["message"] for hit in answer["hits"]["hits"]])
            check("a page ends with where the next begins", len(answer["hits"]["hits"][-1]["sort"]) == 2, answer)
        else:
            sys.exit(f"{index} is no answer that is known")
    check("pages of both sides are read", [len(page) for page in pages] == [2, 1, 1], pages)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], json.loads(sys.argv[2]))
