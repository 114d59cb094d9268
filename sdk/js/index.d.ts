/// <reference path="./contract.d.ts" />
// Types of the SDK. What each thing does is said here; `README.md` shows how they go together.

import type { Artifact, ConfigProblem, Finding, Group, TargetGroup, Verdict } from "shiftgate:step/types@0.1.0";

export type { Artifact, ConfigProblem, Finding, Group, TargetGroup, Verdict };

/** A length of time: `30s`, `10m`, `1h 30m`, or milliseconds. */
export type Duration = string | number;

/** Facts of the run. */
export interface RunInfo {
  run: string;
  step: string;
  /** 1 for the first attempt. */
  attempt: number;
  /** The same for every attempt and wake of one step. */
  idempotencyKey: string;
  workflow: string;
  /** Empty outside a phase. */
  phase: string;
  service: string;
  environment: string;
  infrastructure: string;
  /** `basic`, `canary`, `blue-green`. */
  strategy: string;
  artifact: Artifact;
  /** Null before setup. */
  newGroup: Group | null;
  /** Null for a first deployment. */
  oldGroup: Group | null;
  targetGroups: TargetGroup[];
  /** When the step began, in milliseconds since 1970. */
  startedAt: number;
  /** When the step has to be done; null without a limit. */
  deadline: number | null;
  /** Nothing may be changed anywhere. */
  dryRun: boolean;
  /** Facts of later contracts. Ignore what you do not know. */
  attributes: Record<string, unknown>;
}

/** What every function of a plugin gets. */
export interface Context<C> {
  /** The step's `with:`, held against the manifest's schema. The schema's defaults are not filled in. */
  config: C;
  run: RunInfo;
}

/** What a plugin gets when it goes on after a wait. */
export interface Woken<C, S> extends Context<C> {
  /** What the wait saved. */
  state: S;
  /** Without a signal it is the time that was asked for. */
  wake: { signal?: string; payload?: any };
}

/** What all kinds share. Every call happens in a fresh instance; no call may wait for long. */
export interface Plugin<C, S> {
  /** The version of the state, 1 when left out; count up when its shape changes. */
  stateVersion?: number;
  /** What the schema cannot say: all problems at once. No network, no waiting. */
  validate?(config: C): ConfigProblem[];
  /** The step is no longer wanted. Must be quick, and may come twice. */
  cancel?(cx: Context<C> & { state: S }): void;
  /** Reads the state of an older version; undefined when that version is not known. */
  upgrade?(version: number, state: any): S | undefined;
}

/** A plugin that judges a deployment. */
export interface VerificationPlugin<C, S> extends Plugin<C, S> {
  /** Begins the step. A failed check is a report; a `StepError` says that the plugin could not do its job. */
  start(cx: Context<C>): Report | Wait;
  /** Goes on after a wait. May come twice with the same state. */
  poll?(cx: Woken<C, S>): Report | Wait;
}

/** A claim that somebody voted. */
export interface Ballot {
  subject: string;
  vote: "approve" | "reject";
  /** Milliseconds since 1970. */
  at: number;
  comment?: string;
  /** The digest of the plan that they were shown; null when the vote is bound to none. */
  boundDigest?: string | null;
}

/**
 * The ballots so far, with the one that a wake by the signal `ballot` brings, 50 at most. What is no ballot is left out, and told
 * in the log.
 */
export function collect(ballots: Ballot[], wake: { signal?: string; payload?: any }): Ballot[];

/** The ballots so far, oldest first, and how to go on; without `next` no more can come. */
export interface Progress {
  ballots: Ballot[];
  summary?: string;
  next?: Wait;
  findings?: Finding[];
  outputs?: Record<string, unknown>;
}

/** A plugin that collects ballots. */
export interface ApprovalPlugin<C, S> extends Plugin<C, S> {
  start(cx: Context<C>): Progress;
  poll?(cx: Woken<C, S>): Progress;
}

/** One thing that was to be done, in words. */
export type Action = { planned: string } | { done: string } | { alreadyDone: string } | { failed: string };

/** The end of a wrap-up. */
export interface Receipt {
  actions: Action[];
  outputs?: Record<string, unknown>;
}

/** How the run ended. */
export interface Summary {
  ending: "succeeded" | "failed" | "rolled_back" | "aborted" | "stuck";
  text: string;
  attributes: Record<string, unknown>;
}

/** A plugin that acts after the end. A poll does not get the summary again: what it needs of it goes into the state. */
export interface WrapUpPlugin<C, S> extends Plugin<C, S> {
  start(cx: Context<C> & { summary: Summary }): Receipt | Wait;
  poll?(cx: Woken<C, S>): Receipt | Wait;
}

/** What a component exports: `export const { config, verification } = verification({ … })`. */
export function verification<C = any, S = any>(plugin: VerificationPlugin<C, S>): { config: object; verification: object };
export function approval<C = any, S = any>(plugin: ApprovalPlugin<C, S>): { config: object; approval: object };
export function wrapUp<C = any, S = any>(plugin: WrapUpPlugin<C, S>): { config: object; wrapUp: object };

/** Saves `state`, which has to be what JSON can say, and waits for what `after` and `onSignal` say: 64 KiB at most, unless the host was told otherwise. */
export function wait(state?: unknown): Wait;

export interface Wait {
  after(length: Duration): Wait;
  onSignal(name: string): Wait;
}

/** The end of a verification. A pass with a failing finding or a metric without a value is taken for inconclusive. */
export class Report {
  constructor(verdict: Verdict, summary: string);
  finding(verdict: Verdict, message: string): this;
  /** Without a value there was no data; NaN and infinity count as none. */
  metric(metric: { name: string; value?: number | null; verdict: Verdict; unit?: string; threshold?: string }): this;
  /** What a person may want to see. */
  evidence(name: string, value: unknown): this;
  /** A value for later steps. */
  output(name: string, value: unknown): this;
}

export function pass(summary: string): Report;
export function warning(summary: string): Report;
export function fail(summary: string): Report;
/** Cannot tell. Without data the verdict is this, never pass. */
export function inconclusive(summary: string): Report;
export function skipped(summary: string): Report;

/** The plugin could not do its job. `code` is short, stable, kebab-case. */
export class StepError extends Error {
  constructor(code: string, message: string, retry?: "never" | "backoff" | "immediate");
  readonly code: string;
  readonly retry: "never" | "backoff" | "immediate";
}

/** Why there is no answer. A status of 500 is an answer. Not caught, it ends the call as a step error. */
export class HttpError extends Error {
  readonly code:
    | "not-granted"
    | "address-blocked"
    | "dns"
    | "connect"
    | "tls"
    | "timeout"
    | "too-large"
    | "too-many-redirects"
    | "protocol"
    | "quota";
  readonly retry: "never" | "backoff";
  /** Whether policy refused the request. */
  readonly denied: boolean;
}

export interface RequestOptions {
  headers?: Record<string, string>;
  query?: Record<string, string | number | boolean>;
  /** A body as JSON, with its content type. */
  json?: unknown;
  body?: string | Uint8Array;
  /** For the whole exchange; the host allows 30 s at most. */
  timeout?: Duration;
  /** How many redirects to follow; none when left out. */
  redirects?: number;
}

export class Response {
  readonly status: number;
  /** Where the answer came from, after redirects. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: [name: string, value: string][];
  readonly body: Uint8Array;
  /** Whether the status is 200 to 299. */
  readonly ok: boolean;
  header(name: string): string | undefined;
  text(): string;
  /** A step error `bad-answer` when it is no JSON. */
  json(): any;
}

export function get(url: string, options?: RequestOptions): Response;
export function post(url: string, options?: RequestOptions): Response;
export function request(method: string, url: string, options?: RequestOptions): Response;

/** For the plugin's author. */
export function debug(message: unknown): void;
/** For the operator. */
export function info(message: unknown): void;
/** To look at. */
export function warn(message: unknown): void;
/** Says how far the step is; the last word is shown. */
export function progress(message: unknown): void;
/** The run's clock, in milliseconds since 1970. */
export function now(): number;
/** Milliseconds of `30s`, `10m`, `1h 30m`. */
export function duration(length: Duration): number;
