"""A plugin that does what a test asks it to: tests/guests.rs."""

import json
import time

from shiftgate_sdk import Problem, StepError, Verdict, info, now, verification, wait, warn
from shiftgate_sdk.verification import Report


class Contrary(verification.Plugin):
    state_version = 2

    def validate(self, config):
        if config["do"] == "throw":
            raise TypeError(config["text"])
        return [Problem("/do", config["text"])] if config["do"] == "nothing" else []

    def start(self, config, run):
        text = config["text"]
        match config["do"]:
            case "throw":
                raise TypeError(text)
            case "forget a verdict":
                return Report.passed(text).metric("errors", 1, None)
            case "answer nothing":
                return None
            case "give up":
                raise StepError("busy", text, "backoff")
            case "listen":
                return wait({"heard": text}).on_signal("ready").after("1m")
            case "keep too much":
                return wait("x" * 70_000).after("1s")
            case "log":
                info(text)
                warn(f"of {run.step}")
                return Report.passed(f"at {now()}")
            case "look at the clock":
                return Report.passed(f"{round(time.time() * 1000)}")
            case _:
                return report(text)

    def poll(self, config, run, state, wake):
        payload = json.dumps(wake.payload, separators=(",", ":"))
        return Report.passed(f"{state['heard']}, {wake.signal} {payload}")

    def cancel(self, config, run, state):
        raise StepError("left-behind", f"{state['heard']} is still there")

    def upgrade(self, version, state):
        return {"heard": f"{state} of old"} if version == 1 else super().upgrade(version, state)


def report(text):
    made = Report(Verdict.WARN, text).finding(Verdict.WARN, "a finding")
    made.metric("rate", 0.5, Verdict.PASS, unit="ratio", threshold="<= 1")
    made.metric("lost", float("nan"), Verdict.INCONCLUSIVE)
    return made.evidence("asked", {"é": [1, None]}).output("answer", 42)


Config, Verification = verification.export(Contrary())
