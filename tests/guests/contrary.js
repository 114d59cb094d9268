// A plugin that does what a test asks it to: tests/guests.rs.

import * as shiftgate from "shiftgate-sdk";

function start({ config, run }) {
  switch (config.do) {
    case "throw":
      throw new TypeError(config.text);
    case "forget a verdict":
      return shiftgate.pass(config.text).metric({ name: "errors", value: 1 });
    case "answer nothing":
      return undefined;
    case "give up":
      throw new shiftgate.StepError("busy", config.text, "backoff");
    case "listen":
      return shiftgate.wait({ heard: config.text }).onSignal("ready").after("1m");
    case "keep too much":
      return shiftgate.wait("x".repeat(70_000)).after("1s");
    case "log":
      shiftgate.info(config.text);
      shiftgate.warn(`of ${run.step}`);
      return shiftgate.pass(`at ${shiftgate.now()}`);
    case "look at the clock":
      return shiftgate.pass(`${Date.now()}`);
    default:
      return report(config.text);
  }
}

function report(text) {
  return shiftgate
    .warning(text)
    .finding("warn", "a finding")
    .metric({ name: "rate", value: 0.5, verdict: "pass", unit: "ratio", threshold: "<= 1" })
    .metric({ name: "lost", value: NaN, verdict: "inconclusive" })
    .evidence("asked", { é: [1, null] })
    .output("answer", 42);
}

export const { config, verification } = shiftgate.verification({
  stateVersion: 2,
  validate: ({ do: what, text }) => {
    if (what === "throw") throw new TypeError(text);
    return what === "nothing" ? [{ pointer: "/do", message: text }] : [];
  },
  start,
  poll: ({ state, wake }) => shiftgate.pass(`${state.heard}, ${wake.signal} ${JSON.stringify(wake.payload)}`),
  cancel: ({ state }) => {
    throw new shiftgate.StepError("left-behind", `${state.heard} is still there`);
  },
  upgrade: (version, state) => (version === 1 ? { heard: `${state} of old` } : undefined),
});
