// The three kinds: what a plugin's functions answer, in the contract's shapes. Each returns the exports of its world.

import { ballot } from "./ballots.js";
import { attributes, count, fields, finding, hook, list, text, words, wrong } from "./check.js";
import { Report } from "./report.js";
import { guarded, isWait, restore, StepError, suspension, told } from "./step.js";

/** Exports a plugin that judges a deployment. */
export function verification(plugin) {
  const outcome = (answer, version, from) => {
    if (isWait(answer)) return { tag: "wait", val: suspension(answer, version) };
    if (answer instanceof Report) return { tag: "done", val: answer.toContract() };
    throw wrong(from, answer, "a verification answers with a report or a wait");
  };
  return exported("verification", plugin, outcome);
}

/** Exports a plugin that collects ballots. */
export function approval(plugin) {
  const allowed = "an approval answers with { ballots, summary, next }";
  const progress = (answer, version, from) => {
    if (isWait(answer)) throw wrong(from, answer, `${allowed}, and the wait is the \`next\` of it`);
    const { ballots, summary = "", findings = [], outputs = {}, next } = fields(from, answer, allowed);
    const tally = {
      ballots: list("ballots", ballots, ballot),
      summary: words("summary", summary),
      findings: list("findings", findings, finding),
      outputs: attributes("outputs", outputs),
    };
    if (next != null && !isWait(next)) throw wrong("next", next, "say a wait, or nothing when no more ballots can come");
    return { tally, next: next == null ? null : suspension(next, version) };
  };
  return exported("approval", plugin, progress);
}

/** Exports a plugin that acts after the end. */
export function wrapUp(plugin) {
  const outcome = (answer, version, from) => {
    if (isWait(answer)) return { tag: "wait", val: suspension(answer, version) };
    const { actions, outputs = {} } = fields(from, answer, "a wrap-up answers with { actions, outputs } or a wait");
    return { tag: "done", val: { actions: list("actions", actions, action), outputs: attributes("outputs", outputs) } };
  };
  return exported("wrapUp", plugin, outcome);
}

/** The worlds of the contract, by what their kind exports. */
const WORLDS = { verification: "verification-plugin", approval: "approval-plugin", wrapUp: "wrap-up-plugin" };

/** What the component has to export, as jco's QuickJS backend says it; nothing where it does not. */
const WANTED = globalThis.__cqjs?.asyncExports ?? {};

/** The exports of a kind's world. What cannot work is told here: module-level code runs when the component is built. */
function exported(kind, plugin, answered) {
  const others = Object.keys(WORLDS).filter((name) => name !== kind);
  const wanted = others.find((name) => name in WANTED);
  if (wanted !== undefined) {
    throw new TypeError(`${kind}(…) is built as ${WORLDS[wanted]}: call ${wanted}(…) instead, or mend the manifest's kind`);
  }
  fields(`the plugin of ${kind}(…)`, plugin, "say an object with its functions");
  hook(`${kind}(…): start`, plugin.start, true);
  for (const name of ["poll", "cancel", "validate", "upgrade"]) hook(`${kind}(…): ${name}`, plugin[name], false);
  count(`${kind}(…): stateVersion`, plugin.stateVersion ?? 1, "say a whole number", 2 ** 32 - 1);
  const made = { config: config(plugin), [kind]: steps(plugin, answered) };
  for (const other of others) {
    const refused = () => {
      throw new TypeError(`${kind}(…) exports { config, ${kind} }; what exports \`${other}\` is ${other}(…)`);
    };
    Object.defineProperty(made, other, { get: refused });
  }
  return made;
}

/** `config` of the contract. An exception of the check refuses the config, with its text. */
function config(plugin) {
  const problem = (field, value) => {
    const { pointer, message } = fields(field, value, "say { pointer, message }");
    return {
      pointer: text(`${field}.pointer`, pointer, 'say a JSON pointer, such as "/max"'),
      message: words(`${field}.message`, message),
    };
  };
  const validate = (given) => {
    try {
      return list("problems", plugin.validate?.(JSON.parse(given)) ?? [], problem);
    } catch (error) {
      return [{ pointer: "", message: `the plugin cannot check it: ${told(error)}` }];
    }
  };
  return { validate };
}

/** `start`, `poll` and `cancel` of the contract; `answered` turns what the plugin returns into what the contract wants. */
function steps(plugin, answered) {
  const version = plugin.stateVersion ?? 1;
  return {
    start: (config, run, summary) =>
      guarded(() => {
        const cx = { config: JSON.parse(config), run: facts(run), summary: summary && facts(summary) };
        return answered(plugin.start(cx), version, "what start returns");
      }),
    poll: (config, run, saved, wake) =>
      guarded(() => {
        const cx = { config: JSON.parse(config), run: facts(run), state: restore(plugin, saved), wake: woken(wake) };
        if (!plugin.poll) throw new StepError("not-waiting", "this plugin never waits, and was woken");
        return answered(plugin.poll(cx), version, "what poll returns");
      }),
    cancel: (config, run, saved) =>
      guarded(() => {
        plugin.cancel?.({ config: JSON.parse(config), run: facts(run), state: restore(plugin, saved) });
      }),
  };
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

/** The contract's names of what an action says. */
const ACTIONS = { planned: "planned", done: "done", alreadyDone: "already-done", failed: "failed" };

/** `{ done: "what" }` as the contract has it. */
function action(field, said) {
  const allowed = "say one of { planned }, { done }, { alreadyDone } and { failed }";
  const [[name, what] = [], ...more] = Object.entries(fields(field, said, allowed));
  if (!Object.hasOwn(ACTIONS, name) || more.length > 0) throw wrong(field, said, allowed);
  return { tag: ACTIONS[name], val: words(`${field}.${name}`, what) };
}
