// Ballots: those that a plugin hands to the host, and those that signals bring, which may be anything.

import { choice, count, fields, text, words, wrong } from "./check.js";
import { now, warn } from "./host.js";
import { decode, encode } from "./text.js";

const VOTES = ["approve", "reject"];
const MOMENT = "say milliseconds since 1970, as now() does";

/** How many ballots are kept. With the limits below they fit into the state that a host keeps, however their text is escaped. */
const MOST_BALLOTS = 50;
/** How much of a comment is kept, in bytes. */
const MOST_COMMENT = 400;
/** The longest name or digest that is believed, in bytes. */
const MOST_NAME = 100;
const CONTROL = /\p{Cc}/gu;

/** A ballot as the contract has it. The signal's own name of the digest is taken too: a payload that is handed on stays bound. */
export function ballot(field, value) {
  const given = fields(field, value, "say { subject, vote, at }");
  const { subject, vote, at, comment = "", boundDigest = given.bound_digest ?? null } = given;
  const name = text(`${field}.subject`, subject, "say who votes");
  if (name.trim() === "") throw wrong(`${field}.subject`, subject, "say who votes");
  return {
    subject: name,
    vote: choice(`${field}.vote`, vote, VOTES),
    at: count(`${field}.at`, at, MOMENT),
    comment: words(`${field}.comment`, comment),
    boundDigest: boundDigest === null ? null : text(`${field}.boundDigest`, boundDigest, "say a digest, or null"),
  };
}

/** The ballots so far, with the one that a wake brings. What is no ballot is left out, and told in the log. */
export function collect(ballots, { signal, payload }) {
  if (signal !== "ballot") return ballots;
  let read;
  try {
    read = claimed(payload);
  } catch (error) {
    warn(`a ballot cannot be read, and is left out: ${error.message}`);
    return ballots;
  }
  // A doubled wake brings the same ballot again.
  const known = JSON.stringify(read);
  if (ballots.some((kept) => JSON.stringify(kept) === known)) return ballots;
  const room = ballots.length < MOST_BALLOTS ? ballots : withoutOutdated(ballots);
  if (room.length < MOST_BALLOTS) return [...room, read];
  warn(`${MOST_BALLOTS} people have voted; the vote of ${read.subject} is left out`);
  return room;
}

/** The ballot that a signal claims. */
function claimed(payload) {
  const { subject, vote, at, comment, bound_digest } = fields("it", payload, "a ballot is an object");
  const name = text("subject", subject);
  if (name.trim() === "" || encode(name).length > MOST_NAME || name.search(CONTROL) >= 0) {
    throw wrong("subject", subject, `a name has 1 to ${MOST_NAME} bytes, all of them printable`);
  }
  const digest = bound_digest == null ? null : text("bound_digest", bound_digest);
  if (digest !== null && encode(digest).length > MOST_NAME) {
    throw wrong("bound_digest", bound_digest, `a digest has ${MOST_NAME} bytes at most`);
  }
  const said = shortened(text("comment", comment ?? "").replace(CONTROL, " "));
  const moment = at == null ? now() : count("at", at, MOMENT);
  return { subject: name, vote: choice("vote", vote, VOTES), at: moment, comment: said, boundDigest: digest };
}

/** A comment that is not too long; a character that is cut in two goes with the rest. */
function shortened(comment) {
  const bytes = encode(comment);
  if (bytes.length <= MOST_COMMENT) return comment;
  return `${decode(bytes.slice(0, MOST_COMMENT)).replace(/\ufffd+$/u, "")}…`;
}

/** Without the oldest ballot of somebody who has voted again since. */
function withoutOutdated(ballots) {
  const outdated = ballots.findIndex(({ subject }, at) => ballots.slice(at + 1).some((later) => later.subject === subject));
  return outdated < 0 ? ballots : ballots.toSpliced(outdated, 1);
}
