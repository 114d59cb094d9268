// How a step goes on: it waits, or it could not do its job. State is JSON over a wait.

import { choice, json, shown, text, whole, words, wrong } from "./check.js";
import { duration } from "./time.js";
import { decode, encode } from "./text.js";

/** The most that any host keeps; this one may keep less, and says so. */
const MAX_STATE = 1024 * 1024;
/** Frames of an exception that its message tells. */
const FRAMES = 3;
/** The folder of the SDK in this component: the author looks for a line of their own. */
const OWN = /[^( ]*\/(?=step\.js)/.exec(new Error().stack)?.[0] ?? "shiftgate-sdk/";
const RETRIES = ["never", "backoff", "immediate"];
/** A signal's name, as the host takes it. */
const SIGNAL = /^[A-Za-z0-9._-]{1,64}$/;

/** The plugin could not do its job. That is not a verdict: a failed check is a report. */
export class StepError extends Error {
  constructor(code, message, retry = "never") {
    super(words("the message of a StepError", message));
    this.name = "StepError";
    this.code = text("the code of a StepError", code, "say a short text, such as \"bad-answer\"");
    this.retry = choice("the retry of a StepError", retry, RETRIES);
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
    if (!SIGNAL.test(text("the name of a signal", name))) {
      throw wrong("the name of a signal", name, "say 1 to 64 letters, digits, dots, dashes and underscores");
    }
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
  if (waiting.millis === null && waiting.signals.length === 0) {
    throw new TypeError('the wait names neither a time nor a signal; add `.after("10s")` or `.onSignal("name")`');
  }
  const bytes = encode(json("the state of the wait", waiting.state));
  if (bytes.length > MAX_STATE) {
    throw new StepError("state-too-large", `the state has ${bytes.length} bytes; no host keeps more than ${MAX_STATE}`);
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
  const named = error instanceof StepError || error?.name === "HttpError";
  if (named && typeof error.code === "string" && RETRIES.includes(error.retry)) {
    return { code: whole(error.code), message: whole(String(error.message)), retry: error.retry };
  }
  return { code: "exception", message: told(error), retry: "never" };
}

/** An exception in one line, with the author's functions that it came through. */
export function told(error) {
  const what = error instanceof Error || typeof error === "string" ? String(error) : shown(error);
  const frames = String(error?.stack ?? "").split("\n").map((frame) => frame.trim()).filter(Boolean);
  const theirs = frames.filter((frame) => !frame.endsWith("(native)") && !frame.includes(OWN)).slice(0, FRAMES);
  return whole(theirs.length > 0 ? `${what} (${theirs.join(", ")})` : what);
}
