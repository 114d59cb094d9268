// Write shiftgate plugins in JavaScript.
//
// A plugin is a WebAssembly component of one of three kinds: `verification` judges a deployment, `approval` collects ballots,
// `wrapUp` acts after the end. It is called in a fresh instance every time, gets facts of the run, remembers what it saves,
// and reaches the outside through what is exported here. Types of everything: `index.d.ts`. How it is built: `README.md`.

export { collect } from "./ballots.js";
export { get, post, request, HttpError, Response } from "./http.js";
export { debug, info, now, progress, warn } from "./host.js";
export { approval, verification, wrapUp } from "./kinds.js";
export { fail, inconclusive, pass, Report, skipped, warning } from "./report.js";
export { StepError, wait } from "./step.js";
export { duration } from "./time.js";
