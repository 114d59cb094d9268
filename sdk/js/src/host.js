// What a plugin may ask of its host besides requests: the log, the step's progress, the run's clock.

import * as host from "shiftgate:step/host@0.1.0";

/** Logs for the plugin's author. */
export const debug = (message) => host.log("debug", String(message));

/** Logs for the operator. */
export const info = (message) => host.log("info", String(message));

/** Logs something to look at. */
export const warn = (message) => host.log("warn", String(message));

/** Says how far the step is; the last word is shown. */
export const progress = (message) => host.progress(String(message));

/** The run's clock, in milliseconds since 1970. */
export const now = () => Number(host.now());
