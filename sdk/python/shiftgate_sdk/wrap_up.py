"""Plugins that act after the end, whatever it was."""

from dataclasses import dataclass, field
from typing import Any

from wit_world.imports.types import RunInfo

from . import step
from .check import attributes, listed, text, wrong
from .step import Wait, Wake, exports, suspension

try:
    from wit_world.exports import wrap_up as contract
except ImportError:
    raise ImportError("wrap_up is for a wrap-up-plugin: mend the import, or the manifest's kind") from None

Summary = contract.Summary

_ACTIONS = (contract.Action_Planned, contract.Action_Done, contract.Action_AlreadyDone, contract.Action_Failed)


@dataclass
class Receipt:
    """The end of a wrap-up: what was done, in words, and values for the record."""

    actions: list[contract.Action] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def planned(self, what: str) -> "Receipt":
        """Would be done (dry run)."""
        return self._with(contract.Action_Planned(what))

    def done(self, what: str) -> "Receipt":
        """Was done."""
        return self._with(contract.Action_Done(what))

    def already_done(self, what: str) -> "Receipt":
        """An earlier attempt had done it."""
        return self._with(contract.Action_AlreadyDone(what))

    def failed(self, what: str) -> "Receipt":
        """Could not be done."""
        return self._with(contract.Action_Failed(what))

    def _with(self, action: contract.Action) -> "Receipt":
        self.actions.append(_action("an action", action))
        return self


class Plugin(step.Plugin):
    """A plugin that acts after the end, exported by `export`. Runs again with the same idempotency key after a lost reply."""

    def start(self, config: dict[str, Any], run: RunInfo, summary: Summary) -> Receipt | Wait:
        """Begins the step. A poll does not get the summary again: what it needs of it goes into the state."""
        raise NotImplementedError

    def poll(self, config: dict[str, Any], run: RunInfo, state: Any, wake: Wake) -> Receipt | Wait:
        """Goes on after a wait. May come twice with the same state."""
        return super().poll(config, run, state, wake)


def export(plugin: Plugin) -> tuple[type, type]:
    """What a component exports: `Config, WrapUp = export(Tell())`."""
    return exports(plugin, Plugin, _outcome)


def _outcome(answer: Receipt | Wait, version: int, hook: str) -> contract.Outcome:
    if isinstance(answer, Wait):
        return contract.Outcome_Wait(suspension(answer, version))
    if not isinstance(answer, Receipt):
        raise wrong(f"what {hook} returns", answer, "a wrap-up answers with a Receipt or a wait")
    actions = listed("the receipt's actions", answer.actions, _action)
    return contract.Outcome_Done(contract.Receipt(actions, attributes("the receipt's outputs", answer.outputs)))


def _action(field: str, given: Any) -> contract.Action:
    """An action as the contract has it."""
    if not isinstance(given, _ACTIONS):
        raise wrong(field, given, "write Receipt().done(…), planned, already_done or failed")
    return type(given)(text(f"{field}, in words,", given.value))
