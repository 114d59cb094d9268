"""Plugins that judge a deployment."""

import json
import math
from typing import Any

from wit_world.exports import verification as contract
from wit_world.imports.types import Finding, Metric, RunInfo, Verdict

from . import step
from .step import Wait, Wake, exports, suspension


class Report:
    """The end of a verification. A pass with a failing finding or a metric without a value is taken for inconclusive."""

    def __init__(self, verdict: Verdict, summary: str) -> None:
        self.verdict = verdict
        self.summary = summary
        self.findings: list[Finding] = []
        self.metrics: list[Metric] = []
        self.named: dict[str, list[tuple[str, str]]] = {"evidence": [], "outputs": []}

    @classmethod
    def passed(cls, summary: str) -> "Report":
        """As good as it has to be."""
        return cls(Verdict.PASS, summary)

    @classmethod
    def failed(cls, summary: str) -> "Report":
        """Not good enough."""
        return cls(Verdict.FAIL, summary)

    @classmethod
    def inconclusive(cls, summary: str) -> "Report":
        """Cannot tell. Without data the verdict is this, never pass."""
        return cls(Verdict.INCONCLUSIVE, summary)

    def finding(self, verdict: Verdict, message: str) -> "Report":
        """Adds a finding."""
        self.findings.append(Finding(verdict, message))
        return self

    def metric(self, name: str, value: float | None, verdict: Verdict, *, unit: str = "", threshold: str = "") -> "Report":
        """Adds a metric; without a value there was no data."""
        value = float(value) if value is not None and math.isfinite(value) else None
        self.metrics.append(Metric(name, value, unit, threshold, verdict))
        return self

    def evidence(self, name: str, value: Any) -> "Report":
        """Adds what a person may want to see."""
        self.named["evidence"].append((name, json.dumps(value)))
        return self

    def output(self, name: str, value: Any) -> "Report":
        """Adds a value for later steps."""
        self.named["outputs"].append((name, json.dumps(value)))
        return self


class Plugin(step.Plugin):
    """A plugin that judges a deployment, exported by `export`."""

    def start(self, config: dict[str, Any], run: RunInfo) -> Report | Wait:
        """Begins the step. A failed check is a report; `StepError` says that the plugin could not do its job."""
        raise NotImplementedError

    def poll(self, config: dict[str, Any], run: RunInfo, state: Any, wake: Wake) -> Report | Wait:
        """Goes on after a wait. May come twice with the same state."""
        return super().poll(config, run, state, wake)


def export(plugin: Plugin) -> tuple[type, type]:
    """What a component exports: `Config, Verification = export(QueueDepth())`."""
    return exports(plugin, _outcome)


def _outcome(answer: Report | Wait, version: int) -> contract.Outcome:
    if isinstance(answer, Wait):
        return contract.Outcome_Wait(suspension(answer, version))
    if not isinstance(answer, Report):
        raise TypeError(f"a verification answers with a Report or a wait, not with {answer!r}")
    report = contract.Report(answer.verdict, answer.summary, answer.findings, answer.metrics, **answer.named)
    return contract.Outcome_Done(report)
