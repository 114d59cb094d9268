"""A plugin that watches a queue: asks how deep it is, a few times, before it fails."""

from shiftgate_sdk import get, progress, verification, wait
from shiftgate_sdk.verification import Report


class QueueDepth(verification.Plugin):
    def start(self, config, run):
        return look(config, 1)

    def poll(self, config, run, state, wake):
        return look(config, state)


def look(config, nth):
    answer = get(config["url"]).json()
    depth = answer.get("depth") if isinstance(answer, dict) else None
    if not isinstance(depth, int):
        return Report.inconclusive("the queue does not say how deep it is")
    progress(f"{depth} messages wait")
    if depth <= config["max"]:
        return Report.passed(f"{depth} messages wait")
    if nth < config.get("tries", 3):
        return wait(nth + 1).after("10s")
    return Report.failed(f"{depth} messages wait, and {config['max']} may")


Config, Verification = verification.export(QueueDepth())
