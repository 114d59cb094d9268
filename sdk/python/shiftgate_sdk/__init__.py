"""Write shiftgate plugins in Python.

A plugin is a WebAssembly component of one of three kinds, each with a module of its own here: `verification` judges a
deployment, `approval` collects ballots, `wrap_up` acts after the end. It is called in a fresh instance every time, gets facts
of the run, remembers what it saves, and reaches the outside through what is exported here. How it is built: `README.md`.
"""

from wit_world.imports.types import Finding, Metric, RunInfo, Verdict

from .host import debug, info, now, progress, warn
from .http import HttpError, Response, get, post, request
from .step import Problem, StepError, Wait, Wake, wait
from .time import duration

__all__ = [
    "Finding",
    "HttpError",
    "Metric",
    "Problem",
    "Response",
    "RunInfo",
    "StepError",
    "Verdict",
    "Wait",
    "Wake",
    "debug",
    "duration",
    "get",
    "info",
    "now",
    "post",
    "progress",
    "request",
    "wait",
    "warn",
]
