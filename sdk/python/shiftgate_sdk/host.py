"""What a plugin may ask of its host besides requests: the log, the step's progress, the run's clock."""

from wit_world.imports import host

from .check import whole


def debug(message: object) -> None:
    """Logs for the plugin's author."""
    host.log(host.Level.DEBUG, whole(str(message)))


def info(message: object) -> None:
    """Logs for the operator."""
    host.log(host.Level.INFO, whole(str(message)))


def warn(message: object) -> None:
    """Logs something to look at."""
    host.log(host.Level.WARN, whole(str(message)))


def progress(message: object) -> None:
    """Says how far the step is; the last word is shown."""
    host.progress(whole(str(message)))


def now() -> int:
    """The run's clock, in milliseconds since 1970."""
    return host.now()
