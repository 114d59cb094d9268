"""How a step goes on: it waits, or it could not do its job. State is JSON over a wait."""

import json
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from componentize_py_types import Err
from wit_world.imports import types

from .check import count, listed, text, whole, wrong
from .time import duration

# The most that any host keeps; this one may keep less, and says so.
_MAX_STATE = 1024 * 1024
# Frames of an exception that its message tells, the innermost first.
_FRAMES = 3
# The folder of the SDK in this component: the author looks for a line of their own.
_OWN = "".join(__file__.rpartition("/")[:2])
# A signal's name, as the host takes it.
_SIGNAL = re.compile(r"[A-Za-z0-9._-]{1,64}")

_RETRIES = {"never": types.Retry.NEVER, "backoff": types.Retry.BACKOFF, "immediate": types.Retry.IMMEDIATE}


class StepError(Exception):
    """The plugin could not do its job. That is not a verdict: a failed check is a report.

    `code` is short, stable, kebab-case; `retry` is `never`, `backoff` or `immediate`.
    """

    def __init__(self, code: str, message: str, retry: str = "never") -> None:
        # An exception is taken for its text.
        message = str(message) if isinstance(message, Exception) else message
        if retry not in _RETRIES:
            raise wrong("the retry of a StepError", retry, "say 'never', 'backoff' or 'immediate'")
        self.code = text("the code of a StepError", code, "say a short str, such as 'bad-answer'")
        self.message = text("the message of a StepError", message)
        self.retry = retry
        super().__init__(message)


@dataclass
class Problem:
    """Something wrong in a config that the schema cannot say: a JSON pointer, such as `/max`, and what."""

    pointer: str
    message: str


@dataclass
class Wake:
    """Why a plugin is woken: a signal with its payload, or, without a name, the time asked for."""

    signal: str | None = None
    payload: Any = None


class Wait:
    """A wait with what to remember; say what for with `after`, `on_signal`, or both."""

    def __init__(self, state: Any) -> None:
        self.state = state
        self.millis: int | None = None
        self.signals: list[str] = []

    def after(self, length: str | int | timedelta) -> "Wait":
        """Until this much time is over: text such as `10s`, milliseconds, or a timedelta."""
        self.millis = duration(length)
        return self

    def on_signal(self, name: str) -> "Wait":
        """Until the signal comes."""
        if not _SIGNAL.fullmatch(text("the name of a signal", name)):
            raise wrong("the name of a signal", name, "say 1 to 64 letters, digits, dots, dashes and underscores")
        self.signals.append(name)
        return self


def wait(state: Any = None) -> Wait:
    """Saves `state`, which has to be what JSON can say, and waits."""
    return Wait(state)


class Plugin:
    """What all kinds share. Every call happens in a fresh instance; no call may wait for long."""

    # The version of the state; count up when its shape changes.
    state_version = 1

    def validate(self, config: dict[str, Any]) -> list[Problem]:
        """What the schema cannot say: all problems at once. No network, no waiting."""
        return []

    def poll(self, config: dict[str, Any], run: types.RunInfo, state: Any, wake: Wake) -> Any:
        """Goes on after a wait. May come twice with the same state."""
        raise StepError("not-waiting", "this plugin never waits, and was woken")

    def cancel(self, config: dict[str, Any], run: types.RunInfo, state: Any) -> None:
        """The step is no longer wanted. Must be quick, and may come twice."""

    def upgrade(self, version: int, state: Any) -> Any:
        """Reads the state of an older version."""
        raise StepError(
            "unknown-state-version",
            f"the step waits with state of version {version}, and this version of the plugin reads {self.state_version}; "
            "finish the run with the version of the plugin that began it",
        )


def suspension(waiting: Wait, version: int) -> types.Suspension:
    """A wait as the contract has it."""
    if waiting.millis is None and not waiting.signals:
        raise ValueError("the wait names neither a time nor a signal; add .after('10s') or .on_signal('name')")
    try:
        state = whole(json.dumps(waiting.state, ensure_ascii=False, separators=(",", ":"))).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the state of the wait cannot be said as JSON: {error}") from error
    if len(state) > _MAX_STATE:
        raise StepError("state-too-large", f"the state has {len(state)} bytes; no host keeps more than {_MAX_STATE}")
    return types.Suspension(types.SavedState(version, state), waiting.millis, waiting.signals)


def restore(plugin: Plugin, saved: types.SavedState) -> Any:
    """The state that a plugin saved, in its present version."""
    try:
        state = json.loads(saved.bytes)
    except ValueError as error:
        raise StepError("bad-state", f"the saved state of version {saved.version} cannot be read: {error}") from error
    return state if saved.version == plugin.state_version else plugin.upgrade(saved.version, state)


def woken(wake: types.Wake) -> Wake:
    """Why a plugin is woken, with the payload read."""
    match wake:
        case types.Wake_Signal(signal):
            return Wake(signal.name, value(signal.payload))
        case _:
            return Wake()


def value(text: str) -> Any:
    """JSON text; what is none is kept as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def guarded[T](call: Callable[[], T]) -> T:
    """Runs a call of the plugin; whatever it raises becomes the contract's step error, with its text."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        raise Err(_step_error(error)) from error


def _step_error(error: BaseException) -> types.StepError:
    if isinstance(error, StepError):
        try:
            return types.StepError(text("code", error.code), text("message", error.message), _RETRIES[error.retry])
        except (AttributeError, KeyError, TypeError):
            # A class of the author's that leaves something out.
            pass
    return types.StepError("exception", told(error), types.Retry.NEVER)


def told(error: BaseException) -> str:
    """An exception in one line, with the author's functions that it came through, the innermost first."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)[::-1] if not frame.filename.startswith(_OWN)]
    places = ", ".join(f"{frame.name} at {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames[:_FRAMES])
    return whole(f"{type(error).__name__}: {error}{f' ({places})' if places else ''}")


class Checks:
    """`config` of the contract. An exception of the check refuses the config, with its text."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin

    def validate(self, config: str) -> list[types.ConfigProblem]:
        try:
            problems = self.plugin.validate(json.loads(config))
            return [] if problems is None else listed("problems", problems, _problem)
        except (Exception, SystemExit) as error:
            return [types.ConfigProblem("", f"the plugin cannot check it: {told(error)}")]


def _problem(field: str, given: Any) -> types.ConfigProblem:
    if not isinstance(given, Problem):
        raise wrong(field, given, "say Problem(pointer, message)")
    pointer = text(f"{field}: pointer", given.pointer, "say a JSON pointer, such as '/max'")
    return types.ConfigProblem(pointer, text(f"{field}: message", given.message))


class Steps:
    """`start`, `poll` and `cancel` of the contract; `answered` turns what a plugin returns into what the contract wants."""

    def __init__(self, plugin: Plugin, answered: Callable[[Any, int, str], Any]) -> None:
        self.plugin = plugin
        self.answered = answered

    def start(self, config: str, run: types.RunInfo, *more: Any) -> Any:
        return guarded(lambda: self.answer(self.plugin.start(json.loads(config), run, *more), "start"))

    def poll(self, config: str, run: types.RunInfo, state: types.SavedState, wake: types.Wake) -> Any:
        plugin = self.plugin
        return guarded(lambda: self.answer(plugin.poll(json.loads(config), run, restore(plugin, state), woken(wake)), "poll"))

    def cancel(self, config: str, run: types.RunInfo, state: types.SavedState) -> None:
        plugin = self.plugin
        guarded(lambda: plugin.cancel(json.loads(config), run, restore(plugin, state)))

    def answer(self, given: Any, hook: str) -> Any:
        return self.answered(given, self.plugin.state_version, hook)


def exports(plugin: Plugin, kind: type[Plugin], answered: Callable[[Any, int, str], Any]) -> tuple[type, type]:
    """The classes that componentize-py looks for: the one of `config`, and the one of the kind.

    What cannot work is told here: module-level code runs when the component is built.
    """
    name = kind.__module__.rpartition(".")[2]
    if not isinstance(plugin, kind):
        raise wrong(f"the plugin of {name}.export", plugin, f"say an instance of a class that is made of {name}.Plugin")
    if type(plugin).start is kind.start:
        raise TypeError(f"{type(plugin).__name__} has no start, with which every plugin begins")
    count("state_version", plugin.state_version, "say a whole number", 32)
    config = type("Config", (Checks,), {"__init__": lambda self: Checks.__init__(self, plugin)})
    exported = type("Kind", (Steps,), {"__init__": lambda self: Steps.__init__(self, plugin, answered)})
    return config, exported
