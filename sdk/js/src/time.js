// Lengths of time: milliseconds, or text as in a workflow file.

// Longest first.
const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** Milliseconds of `30s`, `10m`, `1h 30m`, `250ms`; a number is taken for milliseconds already. */
export function duration(length) {
  const millis = typeof length === "number" ? Math.round(length) : written(length);
  if (millis >= 0 && millis <= Number.MAX_SAFE_INTEGER) return millis;
  throw new RangeError(`\`${String(length)}\` is no duration; write a number with a unit: \`30s\`, \`10m\`, \`1h 30m\``);
}

/** Milliseconds of a text; NaN when it is no length of time. */
function written(length) {
  if (typeof length !== "string" || !/^(?:\d+(?:ms|[dhms]) ?)+$/.test(length) || length.endsWith(" ")) return NaN;
  let total = 0;
  for (const [, number, unit] of length.matchAll(/(\d+)(ms|[dhms])/g)) total += Number(number) * UNITS[unit];
  return total;
}
