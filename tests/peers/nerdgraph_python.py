"""A NerdGraph on an engine of others: graphql-core reads, checks and executes what the plugin `newrelic` sends.

Usage: nerdgraph_python.py SHAPES

Prints its URL, and serves until it is ended. The part of NerdGraph's schema that is here has its names and types; a document that
does not fit it is refused with the engine's words. Results are those of the folder SHAPES, by the event type that a query is FROM.
"""

import json
import pathlib
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from graphql import GraphQLError, build_schema, graphql_sync

SCHEMA = build_schema("""
    scalar EpochMilliseconds
    scalar Nrql
    scalar NrdbResult
    scalar Seconds
    type NrdbMetadataTimeWindow { begin: EpochMilliseconds end: EpochMilliseconds }
    type NrdbMetadata { eventTypes: [String] facets: [String] messages: [String] timeWindow: NrdbMetadataTimeWindow }
    type NrdbResultContainer { results: [NrdbResult] metadata: NrdbMetadata totalResult: NrdbResult }
    type Account { id: Int name: String nrql(query: Nrql!, timeout: Seconds = 5, async: Boolean): NrdbResultContainer }
    type Actor { account(id: Int!): Account }
    type Query { actor: Actor }
""")


class Account:
    def __init__(self, id):
        self.id = id

    def nrql(self, info, query, timeout, **_):
        found = re.search(r"FROM (\w+)", query)
        if not found:
            raise GraphQLError("NRQL Syntax Error: Error at line 1 position 17, unexpected 'FORM'")
        shape = found.group(1).lower()
        if shape == "slow":
            # Ready after ten seconds, which is more than the default.
            if timeout < 10:
                raise GraphQLError("NRQL query timed out", extensions={"errorClass": "TIMEOUT"})
            shape = "number"
        if ("TIMESERIES" in query) != (shape in ("series", "facets")):
            raise GraphQLError(f"this query was to be another: {query}")
        answer = json.loads((pathlib.Path(sys.argv[1]) / f"{shape}.json").read_text())
        return answer["data"]["actor"]["account"]["nrql"]


class Actor:
    def account(self, info, id):
        if id != 1234567:
            raise GraphQLError("Account is not authorized", extensions={"errorClass": "ACCESS_DENIED"})
        return Account(id)


class Root:
    def actor(self, info):
        return Actor()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/graphql" or self.headers["API-Key"] != "key-of-the-user":
            return self.answer(401, {"errors": [{"message": "Invalid API key", "extensions": {"error_code": "BAD_API_KEY"}}]})
        result = graphql_sync(SCHEMA, sent["query"], Root(), variable_values=sent["variables"])
        self.answer(200, result.formatted)

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
