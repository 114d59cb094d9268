// The contract of `wit/` as QuickJS components see it: what a component imports, and the values that cross.
//
// Plugins use `index.d.ts`, which says the same more comfortably. Names are those of the WIT files in camel case; a `result`
// that is an error is thrown, and u64 is a number.

declare module "shiftgate:step/types@0.1.0" {
  export interface Group {
    /** Spot's id, `sig-…`. */
    id: string;
    name: string;
    minimum: number;
    target: number;
    maximum: number;
    /** EC2 instance ids when they were last seen. */
    instances: string[];
  }

  export interface TargetGroup {
    arn: string;
    /** 0 to 999, relative to the other weights of the rule. */
    weight: number;
  }

  export interface Artifact {
    /** `ami-…` */
    ami: string;
    /** Empty when not known. */
    name: string;
    tags: [key: string, value: string][];
  }

  /** A judgement. Pass and warn let the run go on, fail ends it, inconclusive asks a person. */
  export type Verdict = "pass" | "warn" | "fail" | "inconclusive" | "skipped";

  export interface Finding {
    verdict: Verdict;
    message: string;
  }

  /** Something wrong in a config: a JSON pointer into it (`/threshold/max`; empty for the whole), and what. */
  export interface ConfigProblem {
    pointer: string;
    message: string;
  }
}

declare module "shiftgate:step/host@0.1.0" {
  export function log(level: "debug" | "info" | "warn" | "error", message: string): void;
  export function progress(message: string): void;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  export function now(): number;
}

declare module "shiftgate:step/http@0.1.0" {
  export interface Request {
    method: string;
    url: string;
    headers: [name: string, value: string][];
    body: Uint8Array;
    /** Milliseconds. */
    timeout: number | null;
    maxRedirects: number;
  }
  export interface Response {
    status: number;
    finalUrl: string;
    headers: [name: string, value: string][];
    body: Uint8Array;
  }
  /** Throws an `Error` whose `payload` is `{ tag: "not-granted", val: "…" }` or its like. */
  export function send(request: Request): Response;
}
