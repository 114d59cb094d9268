"""What an author hands over, held against the contract.

componentize-py ends the guest over a value of the wrong type, and names no field. Held against it here, the same mistake is an
exception of the line that made it.
"""

import json
import math
import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from wit_world.imports.types import Finding, Verdict

# How much of a value an error shows.
_SHOWN = 60
# Half a character, as JSON can bring it; no host takes it.
_HALF = re.compile("[\ud800-\udfff]")


def wrong(field: str, found: object, allowed: str) -> TypeError:
    """What is wrong: the field, what was found, and what is allowed."""
    said = repr(found)
    said = said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
    return TypeError(f"{field} is {said}; {allowed}")


def whole(given: str) -> str:
    """Text as it may cross to the host."""
    return _HALF.sub("\ufffd", given)


def text(field: str, given: object, allowed: str = "say a str") -> str:
    """A text."""
    if not isinstance(given, str):
        raise wrong(field, given, allowed)
    return whole(given)


def choice[E: Enum](field: str, given: object, kind: type[E]) -> E:
    """One of the contract's words."""
    if isinstance(given, kind):
        return given
    *names, last = (f"{kind.__name__}.{member.name}" for member in kind)
    raise wrong(field, given, f"say {', '.join(names)} or {last}")


def number(field: str, given: object) -> float | None:
    """A number, or None where there was no data; NaN and infinity count as none."""
    if given is None:
        return None
    if isinstance(given, str | bytes) or not hasattr(given, "__float__"):
        raise wrong(field, given, "say a number, or None where there was no data")
    try:
        value = float(given)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def count(field: str, given: object, allowed: str, bits: int) -> int:
    """A whole number of 0 or more that the contract can say."""
    if not isinstance(given, int) or not 0 <= given < 1 << bits:
        raise wrong(field, given, allowed)
    return int(given)


def listed[T](field: str, given: object, read: Callable[[str, Any], T]) -> list[T]:
    """A list, each entry of which `read` takes with its place."""
    if not isinstance(given, list | tuple):
        raise wrong(field, given, "say a list")
    return [read(f"{field}[{at}]", entry) for at, entry in enumerate(given)]


def said(field: str, given: object) -> str:
    """A value as JSON."""
    try:
        return whole(json.dumps(given, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"{field} cannot be said as JSON: {error}") from error


def attributes(field: str, values: object) -> list[tuple[str, str]]:
    """Named values as the contract has them."""
    if not isinstance(values, dict):
        raise wrong(field, values, "say a dict of names and values")
    return [(text(f"a name of {field}", name), said(f"{field}[{name!r}]", given)) for name, given in values.items()]


def finding(field: str, given: Any) -> Finding:
    """A finding as the contract has it."""
    if not isinstance(given, Finding):
        raise wrong(field, given, "say Finding(verdict, message)")
    return Finding(choice(f"{field}: verdict", given.verdict, Verdict), text(f"{field}: message", given.message))
