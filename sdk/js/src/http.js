// Requests to what the manifest asks for and the workflow grants.

import * as http from "shiftgate:step/http@0.1.0";

import { count, fields, json as said, text, whole, words, wrong } from "./check.js";
import { StepError } from "./step.js";
import { duration } from "./time.js";
import { decode, encode } from "./text.js";

/** Words for what went wrong, by the contract's names. */
const WORDS = {
  "not-granted": (why) => why,
  "address-blocked": (why) => why,
  dns: (why) => `the name does not resolve: ${why}`,
  connect: (why) => `no connection: ${why}`,
  tls: (why) => `no trusted connection: ${why}`,
  timeout: () => "no answer in time",
  "too-large": () => "the exchange is larger than the host allows",
  "too-many-redirects": () => "too many redirects",
  protocol: (why) => `not proper HTTP: ${why}`,
  quota: () => "the host allows no more requests in one call",
};
/** What another attempt would meet again. */
const FINAL = ["not-granted", "address-blocked", "quota"];

/** The most that the contract can say. */
const MOST_REDIRECTS = 2 ** 32 - 1;

/** Why there is no answer. A status of 500 is an answer. */
export class HttpError extends Error {
  constructor(code, why) {
    super(WORDS[code]?.(why) ?? code);
    this.name = "HttpError";
    this.code = code;
    this.retry = FINAL.includes(code) ? "never" : "backoff";
  }

  /** Whether policy refused the request: it was not sent, and will not be until somebody grants it. */
  get denied() {
    return this.code === "not-granted" || this.code === "address-blocked";
  }
}

/** An answer. */
export class Response {
  constructor({ status, finalUrl, headers, body }) {
    Object.assign(this, { status, url: finalUrl, headers, body });
  }

  /** Whether the status is 200 to 299. */
  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  /** The first header of that name, in lower case. */
  header(name) {
    return this.headers.find(([known]) => known === name)?.[1];
  }

  /** The body as text; what is not UTF-8 is replaced. */
  text() {
    return decode(this.body);
  }

  /** The body, read as JSON; a step error `bad-answer` when it is none. */
  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      const message = `the answer of ${this.url} cannot be read as JSON: ${error.message}`;
      throw new StepError("bad-answer", message, "backoff");
    }
  }
}

/** Sends a request with any method, upper case, and waits for the whole answer. */
export function request(method, url, { headers = {}, query = {}, json, body, timeout, redirects = 0 } = {}) {
  const sent = named("header", headers);
  if (json !== undefined) sent.push(["content-type", "application/json"]);
  const content = json === undefined ? (body ?? "") : said("the JSON of a request", json);
  if (typeof content !== "string" && !(content instanceof Uint8Array)) {
    throw wrong("the body of a request", content, "say a text or a Uint8Array, or `json`");
  }
  const asked = {
    method: text("the method of a request", method),
    url: withQuery(text("the URL of a request", url), query),
    headers: sent,
    body: typeof content === "string" ? encode(content) : content,
    timeout: timeout === undefined ? null : duration(timeout),
    maxRedirects: count("the redirects of a request", redirects, "say how many", MOST_REDIRECTS),
  };
  try {
    return new Response(http.send(asked));
  } catch (error) {
    // An imported function throws an `Error` around the contract's own.
    const { tag, val } = error?.payload ?? {};
    throw tag === undefined ? error : new HttpError(tag, val);
  }
}

/** Sends a `GET`. */
export const get = (url, options) => request("GET", url, options);

/** Sends a `POST`. */
export const post = (url, options) => request("POST", url, options);

/** An object of texts as pairs. */
function named(what, values) {
  const given = fields(`the ${what} of a request`, values, "say an object of names and texts");
  return Object.entries(given).map(([name, value]) => [whole(name), words(`${what} "${name}"`, value)]);
}

function withQuery(url, query) {
  const parts = named("query", query).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  if (parts.length === 0) return url;
  return `${url}${url.includes("?") ? "&" : "?"}${parts.join("&")}`;
}
