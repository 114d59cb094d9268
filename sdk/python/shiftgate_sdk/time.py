"""Lengths of time: milliseconds, or text as in a workflow file."""

import re
from datetime import timedelta

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PART = re.compile(r"([0-9]+)(ms|[dhms])")
_WHOLE = re.compile(r"(?:[0-9]+(?:ms|[dhms]) ?)*[0-9]+(?:ms|[dhms])")


def duration(length: str | int | timedelta) -> int:
    """Milliseconds of `30s`, `10m`, `1h 30m`, `250ms`, or of a timedelta; a number is taken for milliseconds already."""
    if isinstance(length, timedelta):
        length = round(length.total_seconds() * 1_000)
    if isinstance(length, str) and _WHOLE.fullmatch(length):
        millis = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(length))
    else:
        millis = length if isinstance(length, int) else -1
    if not 0 <= millis < 1 << 64:
        raise ValueError(f"`{length}` is no duration; write a number with a unit: `30s`, `10m`, `1h 30m`")
    return millis
