"""Requests to what the manifest asks for and the workflow grants."""

import json as _json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from componentize_py_types import Err
from wit_world.imports import http

from .check import count, said, text, whole, wrong
from .step import StepError
from .time import duration

# Every reason of the contract: its name, and words for it.
_REASONS = {
    http.HttpError_NotGranted: ("not-granted", "{}"),
    http.HttpError_AddressBlocked: ("address-blocked", "{}"),
    http.HttpError_Dns: ("dns", "the name does not resolve: {}"),
    http.HttpError_Connect: ("connect", "no connection: {}"),
    http.HttpError_Tls: ("tls", "no trusted connection: {}"),
    http.HttpError_Timeout: ("timeout", "no answer in time"),
    http.HttpError_TooLarge: ("too-large", "the exchange is larger than the host allows"),
    http.HttpError_TooManyRedirects: ("too-many-redirects", "too many redirects"),
    http.HttpError_Protocol: ("protocol", "not proper HTTP: {}"),
    http.HttpError_Quota: ("quota", "the host allows no more requests in one call"),
}
# What another attempt would meet again.
_FINAL = ("not-granted", "address-blocked", "quota")


class HttpError(StepError):
    """Why there is no answer. A status of 500 is an answer."""

    def __init__(self, reason: http.HttpError) -> None:
        code, words = _REASONS[type(reason)]
        super().__init__(code, words.format(getattr(reason, "value", "")), "never" if code in _FINAL else "backoff")

    @property
    def denied(self) -> bool:
        """Whether policy refused the request: it was not sent, and will not be until somebody grants it."""
        return self.code in ("not-granted", "address-blocked")


class Response:
    """An answer: `status`, `url` after redirects, `headers` with names in lower case, `body`."""

    def __init__(self, answer: http.Response) -> None:
        self.status: int = answer.status
        self.url: str = answer.final_url
        self.headers: list[tuple[str, str]] = answer.headers
        self.body: bytes = answer.body

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first header of that name, in lower case."""
        return next((value for known, value in self.headers if known == name), None)

    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body, read as JSON; a step error `bad-answer` when it is none."""
        try:
            return _json.loads(self.body)
        except ValueError as error:
            message = f"the answer of {self.url} cannot be read as JSON: {error}"
            raise StepError("bad-answer", message, "backoff") from error


def request(
    method: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    json: Any = None,
    body: bytes | str = b"",
    timeout: str | int | timedelta | None = None,
    redirects: int = 0,
) -> Response:
    """Sends a request with any method, upper case, and waits for the whole answer."""
    sent = _named("header", headers or {})
    if json is not None:
        sent.append(("content-type", "application/json"))
        body = said("the JSON of a request", json)
    if not isinstance(body, str | bytes):
        raise wrong("the body of a request", body, "say a str or bytes, or `json`")
    asked = http.Request(
        text("the method of a request", method),
        _with_query(text("the URL of a request", url), query or {}),
        sent,
        body if isinstance(body, bytes) else whole(body).encode(),
        None if timeout is None else duration(timeout),
        count("the redirects of a request", redirects, "say how many", 32),
    )
    try:
        return Response(http.send(asked))
    except Err as refused:
        raise HttpError(refused.value) from refused


def get(url: str, **options: Any) -> Response:
    """Sends a `GET`; options as of `request`."""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """Sends a `POST`; options as of `request`."""
    return request("POST", url, **options)


def _named(what: str, values: dict[str, str]) -> list[tuple[str, str]]:
    if not isinstance(values, dict):
        raise wrong(f"the {what} of a request", values, "say a dict of names and texts")
    return [(text(f"the name of a {what}", name), text(f"{what} {name!r}", value)) for name, value in values.items()]


def _with_query(url: str, query: dict[str, str]) -> str:
    if not query:
        return url
    parts = "&".join(f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in query.items())
    return f"{url}{'&' if '?' in url else '?'}{parts}"
