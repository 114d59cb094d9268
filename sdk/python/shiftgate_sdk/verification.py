"""Plugins that judge a deployment."""

from typing import Any

from wit_world.imports.types import Finding, Metric, RunInfo, Verdict

from . import step
from .check import choice, finding, listed, number, said, text, wrong
from .step import Wait, Wake, exports, suspension

try:
    from wit_world.exports import verification as contract
except ImportError:
    raise ImportError("verification is for a verification-plugin: mend the import, or the manifest's kind") from None


class Report:
    """The end of a verification. A pass with a failing finding or a metric without a value is taken for inconclusive."""

    def __init__(self, verdict: Verdict, summary: str) -> None:
        self.verdict = choice("a report's verdict", verdict, Verdict)
        self.summary = text("a report's summary", summary)
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
        self.findings.append(finding(f"finding {message!r}", Finding(verdict, message)))
        return self

    def metric(self, name: str, value: float | None, verdict: Verdict, *, unit: str = "", threshold: str = "") -> "Report":
        """Adds a metric; without a value there was no data."""
        self.metrics.append(_metric("a metric", Metric(name, value, unit, threshold, verdict)))
        return self

    def evidence(self, name: str, value: Any) -> "Report":
        """Adds what a person may want to see."""
        self.named["evidence"].append((text("the name of evidence", name), said(f"evidence {name!r}", value)))
        return self

    def output(self, name: str, value: Any) -> "Report":
        """Adds a value for later steps."""
        self.named["outputs"].append((text("the name of an output", name), said(f"output {name!r}", value)))
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
    return exports(plugin, Plugin, _outcome)


def _outcome(answer: Report | Wait, version: int, hook: str) -> contract.Outcome:
    if isinstance(answer, Wait):
        return contract.Outcome_Wait(suspension(answer, version))
    if not isinstance(answer, Report):
        raise wrong(f"what {hook} returns", answer, "a verification answers with a Report or a wait")
    # Checked once more, because a report's fields can be written to.
    report = contract.Report(
        choice("the report's verdict", answer.verdict, Verdict),
        text("the report's summary", answer.summary),
        listed("the report's findings", answer.findings, finding),
        listed("the report's metrics", answer.metrics, _metric),
        **answer.named,
    )
    return contract.Outcome_Done(report)


def _metric(field: str, given: Any) -> Metric:
    """A metric as the contract has it."""
    if not isinstance(given, Metric):
        raise wrong(field, given, "say Metric(name, value, unit, threshold, verdict)")
    name = text(f"{field}: name", given.name)
    field = f"metric {name!r}"
    value = number(f"{field}: value", given.value)
    unit, threshold = text(f"{field}: unit", given.unit), text(f"{field}: threshold", given.threshold)
    return Metric(name, value, unit, threshold, choice(f"{field}: verdict", given.verdict, Verdict))
