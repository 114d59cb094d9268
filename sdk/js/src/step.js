// How a step goes on: it waits, or it could not do its job. State is JSON over a wait.

import { duration } from "./time.js";
import { decode, encode } from "./text.js";

/** The most that a host keeps. */
const MAX_STATE = 64 * 1024;
/** Frames of an exception that its message tells. */
const FRAMES = 3;

/** The plugin could not do its job. That is not a verdict: a failed check is a report. */
export class StepError extends Error {
  constructor(code, message, retry = "never") {
    super(message);
    this.name = "StepError";
    this.code = code;
    this.retry = retry;
  }
}

/** A wait with what to remember; say what for with `after`, `onSignal`, or both. */
class Wait {
  constructor(state) {
    this.state = state;
    this.signals = [];
    this.millis = null;
  }

  after(length) {
    this.millis = duration(length);
    return this;
  }

  onSignal(name) {
    this.signals.push(name);
    return this;
  }
}

/** Saves `state` and waits. */
export const wait = (state = null) => new Wait(state);

/** Whether a plugin's answer is a wait. */
export const isWait = (answer) => answer instanceof Wait;

/** A wait as the contract has it. */
export function suspension(waiting, version) {
  const bytes = encode(JSON.stringify(waiting.state ?? null));
  if (bytes.length > MAX_STATE) {
    throw new StepError("state-too-large", `the state has ${bytes.length} bytes; a host keeps ${MAX_STATE}`);
  }
  return { state: { version, bytes }, after: waiting.millis, signals: waiting.signals };
}

/** The state that a plugin saved, in its present version. */
export function restore(plugin, saved) {
  const version = plugin.stateVersion ?? 1;
  let state;
  try {
    state = JSON.parse(decode(saved.bytes));
  } catch (error) {
    throw new StepError("bad-state", `the saved state of version ${saved.version} cannot be read: ${error.message}`);
  }
  if (saved.version === version) return state;
  const upgraded = plugin.upgrade?.(saved.version, state);
  if (upgraded !== undefined) return upgraded;
  throw new StepError(
    "unknown-state-version",
    `the step waits with state of version ${saved.version}, and this version of the plugin reads ${version}; ` +
      "finish the run with the version of the plugin that began it",
  );
}

/** Runs a call of the plugin; whatever it throws becomes the contract's step error, with its text. */
export function guarded(call) {
  try {
    return call();
  } catch (error) {
    throw stepError(error);
  }
}

function stepError(error) {
  if (error instanceof StepError || error?.name === "HttpError") {
    return { code: error.code, message: error.message, retry: error.retry };
  }
  return { code: "exception", message: told(error), retry: "never" };
}

/** An exception in one line, with the functions that it came through. */
export function told(error) {
  const frames = String(error?.stack ?? "").split("\n").map((frame) => frame.trim()).filter(Boolean);
  const place = frames.length > 0 ? ` (${frames.slice(0, FRAMES).join(", ")})` : "";
  return `${error}${place}`;
}
