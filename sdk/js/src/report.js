// The end of a verification.

import { VERDICTS, choice, fields, finding, json, list, shown, text, words, wrong } from "./check.js";

/** A judgement with what led to it. */
export class Report {
  constructor(verdict, summary) {
    choice("a report's verdict", verdict, VERDICTS);
    const said = words("a report's summary", summary);
    Object.assign(this, { verdict, summary: said, findings: [], metrics: [], named: { evidence: [], outputs: [] } });
  }

  /** Adds a finding. */
  finding(verdict, message) {
    this.findings.push(finding(`finding ${shown(message)}`, { verdict, message }));
    return this;
  }

  /** Adds a metric; without a value there was no data. */
  metric(given) {
    this.metrics.push(metric("a metric", given));
    return this;
  }

  /** Adds what a person may want to see. */
  evidence(name, value) {
    this.named.evidence.push([text("the name of evidence", name), json(`evidence "${name}"`, value)]);
    return this;
  }

  /** Adds a value for later steps. */
  output(name, value) {
    this.named.outputs.push([text("the name of an output", name), json(`output "${name}"`, value)]);
    return this;
  }

  /** As the contract has it. Checked once more, because a report's fields can be written to. */
  toContract() {
    const { verdict, summary, findings, metrics, named } = this;
    return {
      verdict: choice("the report's verdict", verdict, VERDICTS),
      summary: words("the report's summary", summary),
      findings: list("the report's findings", findings, finding),
      metrics: list("the report's metrics", metrics, metric),
      ...named,
    };
  }
}

/** A metric as the contract has it. */
function metric(field, given) {
  const { name, value = null, verdict, unit = "", threshold = "" } = fields(field, given, "say { name, value, verdict }");
  text(`${field}: name`, name);
  const named = `metric "${name}"`;
  if (value !== null && typeof value !== "number") {
    throw wrong(`${named}: value`, value, "say a number, or nothing where there was no data");
  }
  return {
    name: text(named, name),
    value: Number.isFinite(value) ? value : null,
    unit: text(`${named}: unit`, unit),
    threshold: text(`${named}: threshold`, threshold),
    verdict: choice(`${named}: verdict`, verdict, VERDICTS),
  };
}

/** As good as it has to be. */
export const pass = (summary) => new Report("pass", summary);

/** As good as it has to be, with something to look at. */
export const warning = (summary) => new Report("warn", summary);

/** Not good enough. */
export const fail = (summary) => new Report("fail", summary);

/** Cannot tell. Without data the verdict is this, never pass. */
export const inconclusive = (summary) => new Report("inconclusive", summary);

/** Not needed. */
export const skipped = (summary) => new Report("skipped", summary);
