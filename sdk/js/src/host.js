// What a plugin may ask of its host besides requests: the log, the step's progress, the run's clock.

import * as host from "shiftgate:step/host@0.1.0";

import { whole } from "./check.js";

/** Logs for the plugin's author. */
export const debug = (message) => host.log("debug", whole(String(message)));

/** Logs for the operator. */
export const info = (message) => host.log("info", whole(String(message)));

/** Logs something to look at. */
export const warn = (message) => host.log("warn", whole(String(message)));

/** Says how far the step is; the last word is shown. */
export const progress = (message) => host.progress(whole(String(message)));

/** The run's clock, in milliseconds since 1970. */
export const now = () => Number(host.now());
