"""Plugins that collect ballots. The host counts them: a plugin never decides that a run is approved."""

from dataclasses import dataclass, field
from typing import Any

from wit_world.exports import approval as contract
from wit_world.imports.types import Finding, RunInfo

from . import step
from .step import Wait, Wake, attributes, exports, suspension

Ballot = contract.Ballot
Vote = contract.Vote


@dataclass
class Progress:
    """The ballots so far, oldest first, and how to go on; `next` is None when no more can come."""

    ballots: list[Ballot]
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
    return exports(plugin, _progress)


def _progress(answer: Progress, version: int) -> contract.Progress:
    tally = contract.Tally(answer.ballots, answer.summary, answer.findings, attributes(answer.outputs))
    return contract.Progress(tally, None if answer.next is None else suspension(answer.next, version))
