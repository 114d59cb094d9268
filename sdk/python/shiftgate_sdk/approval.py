"""Plugins that collect ballots. The host counts them: a plugin never decides that a run is approved."""

from dataclasses import dataclass, field
from typing import Any

from wit_world.imports.types import Finding, RunInfo

from . import step
from .ballots import collect, written
from .check import attributes, choice, count, finding, listed, text, wrong
from .step import Wait, Wake, exports, suspension

try:
    from wit_world.exports import approval as contract
except ImportError:
    raise ImportError("approval is for an approval-plugin: mend the import, or the manifest's kind") from None

__all__ = ["Ballot", "Plugin", "Progress", "Vote", "collect", "export"]

Ballot = contract.Ballot
Vote = contract.Vote


@dataclass
class Progress:
    """The ballots so far, oldest first, and how to go on; `next` is None when no more can come.

    A ballot is a `Ballot`, or a dict as `collect` makes it.
    """

    ballots: list[Ballot | dict[str, Any]]
    summary: str = ""
    next: Wait | None = None
    findings: list[Finding] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)


class Plugin(step.Plugin):
    """A plugin that collects ballots, exported by `export`."""

    def start(self, config: dict[str, Any], run: RunInfo) -> Progress:
        """Begins the step. A rejection is a ballot."""
        raise NotImplementedError

    def poll(self, config: dict[str, Any], run: RunInfo, state: Any, wake: Wake) -> Progress:
        """Goes on after a wait. May come twice with the same state."""
        return super().poll(config, run, state, wake)


def export(plugin: Plugin) -> tuple[type, type]:
    """What a component exports: `Config, Approval = export(Vote())`."""
    return exports(plugin, Plugin, _progress)


def _progress(answer: Progress, version: int, hook: str) -> contract.Progress:
    if not isinstance(answer, Progress):
        more = ", whose `next` the wait is" if isinstance(answer, Wait) else ""
        raise wrong(f"what {hook} returns", answer, f"an approval answers with a Progress{more}")
    if not isinstance(answer.next, Wait | None):
        raise wrong("next", answer.next, "say a wait, or None when no more ballots can come")
    tally = contract.Tally(
        listed("ballots", answer.ballots, _ballot),
        text("summary", answer.summary),
        listed("findings", answer.findings, finding),
        attributes("outputs", answer.outputs),
    )
    return contract.Progress(tally, None if answer.next is None else suspension(answer.next, version))


def _ballot(place: str, given: Any) -> Ballot:
    """A ballot as the contract has it."""
    if isinstance(given, dict):
        vote = Vote.__members__.get(written(f"{place}: vote", given.get("vote")).upper())
        given = Ballot(given.get("subject"), vote, given.get("at"), given.get("comment") or "", given.get("bound_digest"))
    if not isinstance(given, Ballot):
        raise wrong(place, given, "say Ballot(subject, vote, at, comment, bound_digest), or a dict of the same")
    subject = text(f"{place}: subject", given.subject, "say who votes")
    if not subject.strip():
        raise wrong(f"{place}: subject", subject, "say who votes")
    at = count(f"{place}: at", given.at, "say milliseconds since 1970, as now() does", 64)
    digest = None if given.bound_digest is None else text(f"{place}: bound_digest", given.bound_digest, "say a str, or None")
    return Ballot(subject, choice(f"{place}: vote", given.vote, Vote), at, text(f"{place}: comment", given.comment), digest)
