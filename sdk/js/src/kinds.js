// The three kinds: what a plugin's functions answer, in the contract's shapes. Each returns the exports of its world.

import { Report } from "./report.js";
import { guarded, isWait, restore, StepError, suspension, told } from "./step.js";

/** Exports a plugin that judges a deployment. */
export function verification(plugin) {
  const outcome = (answer, version) => {
    if (isWait(answer)) return { tag: "wait", val: suspension(answer, version) };
    if (answer instanceof Report) return { tag: "done", val: answer.toContract() };
    throw new TypeError(`a verification answers with a report or a wait, not with ${Object.prototype.toString.call(answer)}`);
  };
  return { config: config(plugin), verification: steps(plugin, outcome) };
}

/** Exports a plugin that collects ballots. */
export function approval(plugin) {
  const progress = ({ ballots, summary = "", findings = [], outputs = {}, next }, version) => ({
    tally: { ballots: ballots.map(ballot), summary, findings, outputs: attributes(outputs) },
    next: next === undefined ? null : suspension(next, version),
  });
  return { config: config(plugin), approval: steps(plugin, progress) };
}

/** Exports a plugin that acts after the end. */
export function wrapUp(plugin) {
  const outcome = (answer, version) => {
    if (isWait(answer)) return { tag: "wait", val: suspension(answer, version) };
    const { actions, outputs = {} } = answer;
    return { tag: "done", val: { actions: actions.map(action), outputs: attributes(outputs) } };
  };
  return { config: config(plugin), wrapUp: steps(plugin, outcome) };
}

/** `config` of the contract. An exception of the check refuses the config, with its text. */
function config(plugin) {
  const validate = (text) => {
    try {
      return plugin.validate?.(JSON.parse(text)) ?? [];
    } catch (error) {
      return [{ pointer: "", message: `the plugin cannot check it: ${told(error)}` }];
    }
  };
  return { validate };
}

/** `start`, `poll` and `cancel` of the contract; `answered` turns what the plugin returns into what the contract wants. */
function steps(plugin, answered) {
  const version = plugin.stateVersion ?? 1;
  const poll = plugin.poll ?? notWaiting;
  return {
    start: (config, run, summary) =>
      guarded(() => {
        const cx = { config: JSON.parse(config), run: facts(run), summary: summary && facts(summary) };
        return answered(plugin.start(cx), version);
      }),
    poll: (config, run, saved, wake) =>
      guarded(() => {
        const cx = { config: JSON.parse(config), run: facts(run), state: restore(plugin, saved), wake: woken(wake) };
        return answered(poll(cx), version);
      }),
    cancel: (config, run, saved) =>
      guarded(() => {
        plugin.cancel?.({ config: JSON.parse(config), run: facts(run), state: restore(plugin, saved) });
      }),
  };
}

function notWaiting() {
  throw new StepError("not-waiting", "this plugin never waits, and was woken");
}

/** A record whose attributes are an object of values. */
function facts(record) {
  return { ...record, attributes: Object.fromEntries(record.attributes.map(([name, text]) => [name, value(text)])) };
}

/** JSON text; what is none is kept as text. */
function value(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const woken = (wake) => (wake.tag === "timer" ? {} : { signal: wake.val.name, payload: value(wake.val.payload) });

const attributes = (values) => Object.entries(values).map(([name, given]) => [name, JSON.stringify(given ?? null)]);

const ballot = ({ subject, vote, at, comment = "", boundDigest = null }) => ({ subject, vote, at, comment, boundDigest });

/** `{ done: "what" }` as the contract has it: one of planned, done, alreadyDone, failed. */
function action(said) {
  const [[name, what]] = Object.entries(said);
  return { tag: name === "alreadyDone" ? "already-done" : name, val: what };
}
