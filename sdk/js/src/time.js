// Lengths of time: milliseconds, or text as in a workflow file.

// Longest first.
const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** Milliseconds of `30s`, `10m`, `1h 30m`, `250ms`; a number is taken for milliseconds already. */
export function duration(length) {
  if (typeof length === "number" && length >= 0) return Math.round(length);
  const parts = /^\d/.test(length) ? String(length).match(/^(?:\d+(?:ms|[dhms]) ?)+$/) : null;
  if (!parts || String(length).endsWith(" ")) {
    throw new RangeError(`\`${length}\` is no duration; write a number with a unit: \`30s\`, \`10m\`, \`1h 30m\``);
  }
  let total = 0;
  for (const [, number, unit] of String(length).matchAll(/(\d+)(ms|[dhms])/g)) total += Number(number) * UNITS[unit];
  return total;
}
