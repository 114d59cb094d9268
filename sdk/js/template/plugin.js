// A plugin that watches a queue: asks how deep it is, a few times, before it fails.

import * as shiftgate from "shiftgate-sdk";

function look({ url, max, tries = 3 }, nth) {
  const depth = shiftgate.get(url).json()?.depth;
  if (!Number.isInteger(depth)) return shiftgate.inconclusive("the queue does not say how deep it is");
  shiftgate.progress(`${depth} messages wait`);
  if (depth <= max) return shiftgate.pass(`${depth} messages wait`);
  if (nth < tries) return shiftgate.wait(nth + 1).after("10s");
  return shiftgate.fail(`${depth} messages wait, and ${max} may`);
}

export const { config, verification } = shiftgate.verification({
  start: ({ config }) => look(config, 1),
  poll: ({ config, state }) => look(config, state),
});
