// What an author hands over, held against the contract.
//
// The interpreter ends the guest over a value of the wrong type, and names no field. Held against it here, the same mistake is
// an exception of the line that made it.

/** Every verdict of the contract. */
export const VERDICTS = ["pass", "warn", "fail", "inconclusive", "skipped"];

/** How much of a text an error shows. */
const SHOWN = 60;

/** What is wrong: the field, what was found, and what is allowed. */
export const wrong = (field, found, allowed) => new TypeError(`${field} is ${shown(found)}; ${allowed}`);

/** A value in a few words: `undefined`, `"passed"`, `an array`, `an object with done, failed`. */
export function shown(value) {
  if (typeof value === "string") return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object" || value === null) return String(value);
  const name = value.constructor?.name ?? "Object";
  if (name !== "Object") return `an instance of ${name}`;
  const keys = Object.keys(value);
  return keys.length === 0 ? "an empty object" : `an object with ${keys.slice(0, 5).join(", ")}`;
}

/** Text as it may cross to the host: half a character, as `slice` leaves it, is replaced. */
export const whole = (text) => text.toWellFormed();

/** A text. */
export function text(field, value, allowed = "say a text") {
  if (typeof value !== "string") throw wrong(field, value, allowed);
  return whole(value);
}

/** Words for people: a text, or a number, a boolean, an error, whose text is taken. */
export function words(field, value) {
  const hasText = ["string", "number", "boolean", "bigint"].includes(typeof value) || value instanceof Error;
  if (!hasText) throw wrong(field, value, "say a text");
  return whole(String(value));
}

/** One of a few words. */
export function choice(field, value, allowed) {
  if (allowed.includes(value)) return value;
  const named = allowed.map((word) => JSON.stringify(word));
  throw wrong(field, value, `say ${named.slice(0, -1).join(", ")} or ${named.at(-1)}`);
}

/** A count of 0 or more, in whole numbers. */
export function count(field, value, allowed, most = Number.MAX_SAFE_INTEGER) {
  if (typeof value !== "number" || !(value >= 0 && value <= most)) throw wrong(field, value, allowed);
  return Math.round(value);
}

/** A list, each entry of which `read` takes with its place. */
export function list(field, value, read) {
  if (!Array.isArray(value)) throw wrong(field, value, "say an array");
  return value.map((entry, at) => read(`${field}[${at}]`, entry));
}

/** An object with fields. */
export function fields(field, value, allowed) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(field, value, allowed);
  return value;
}

/** A function, or nothing where nothing is needed. */
export function hook(field, value, needed) {
  if (typeof value !== "function" && (needed || value != null)) throw wrong(field, value, "say a function");
}

/** A value as JSON; nothing is null. */
export function json(field, value) {
  let said;
  try {
    said = JSON.stringify(value ?? null);
  } catch (error) {
    throw new TypeError(`${field} cannot be said as JSON: ${error.message}`);
  }
  if (said === undefined) throw wrong(field, value, "say what JSON can say");
  // Half a character is written as an escape that other readers of JSON refuse.
  return said.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, (escape) => (escape.length > 2 ? "\ufffd" : escape));
}

/** An object of values as the contract has them: names with JSON. */
export function attributes(field, values) {
  const given = fields(field, values, "say an object of names and values");
  return Object.entries(given).map(([name, value]) => [whole(name), json(`${field}.${name}`, value)]);
}

/** A finding as the contract has it. */
export function finding(field, value) {
  const { verdict, message } = fields(field, value, "say { verdict, message }");
  return { verdict: choice(`${field}: verdict`, verdict, VERDICTS), message: words(`${field}: message`, message) };
}
