"""Ballots that signals bring, which may be anything."""

from typing import Any

from .check import count, text, wrong
from .host import now, warn
from .step import Wake

# How many ballots are kept. With the limits below they fit into the state that a host keeps, however their text is escaped.
_MOST_BALLOTS = 50
# How much of a comment is kept, in bytes.
_MOST_COMMENT = 400
# The longest name or digest that is believed, in bytes.
_MOST_NAME = 100


def collect(ballots: list[dict[str, Any]], wake: Wake) -> list[dict[str, Any]]:
    """The ballots so far, with the one that a wake brings. What is no ballot is left out, and told in the log."""
    if wake.signal != "ballot":
        return ballots
    try:
        read = _claimed(wake.payload)
    except TypeError as error:
        warn(f"a ballot cannot be read, and is left out: {error}")
        return ballots
    # A doubled wake brings the same ballot again.
    if read in ballots:
        return ballots
    room = ballots if len(ballots) < _MOST_BALLOTS else _without_outdated(ballots)
    if len(room) < _MOST_BALLOTS:
        return [*room, read]
    warn(f"{_MOST_BALLOTS} people have voted; the vote of {read['subject']} is left out")
    return room


def written(field: str, vote: object) -> str:
    """A vote as a signal writes it."""
    if vote in ("approve", "reject"):
        return str(vote)
    raise wrong(field, vote, "say 'approve' or 'reject'")


def _claimed(payload: Any) -> dict[str, Any]:
    """The ballot that a signal claims."""
    if not isinstance(payload, dict):
        raise wrong("it", payload, "a ballot is an object")
    subject = text("subject", payload.get("subject"))
    if not subject.strip() or len(subject.encode()) > _MOST_NAME or any(map(_is_control, subject)):
        raise wrong("subject", subject, f"a name has 1 to {_MOST_NAME} bytes, all of them printable")
    digest = payload.get("bound_digest")
    if digest is not None and len(text("bound_digest", digest).encode()) > _MOST_NAME:
        raise wrong("bound_digest", digest, f"a digest has {_MOST_NAME} bytes at most")
    at = payload.get("at")
    moment = now() if at is None else count("at", at, "say milliseconds since 1970", 64)
    comment = payload.get("comment")
    return {
        "subject": subject,
        "vote": written("vote", payload.get("vote")),
        "at": moment,
        "comment": "" if comment is None else _shortened(text("comment", comment)),
        "bound_digest": digest,
    }


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"


def _shortened(comment: str) -> str:
    """A comment in one line that is not too long; a character that is cut in two goes with the rest."""
    line = "".join(" " if _is_control(character) else character for character in comment)
    if len(line.encode()) <= _MOST_COMMENT:
        return line
    return f"{line.encode()[:_MOST_COMMENT].decode(errors='ignore')}…"


def _without_outdated(ballots: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the oldest ballot of somebody who has voted again since."""
    for at, ballot in enumerate(ballots):
        if any(later["subject"] == ballot["subject"] for later in ballots[at + 1 :]):
            return ballots[:at] + ballots[at + 1 :]
    return ballots
