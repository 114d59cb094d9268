// The end of a verification.

/** A judgement with what led to it. */
export class Report {
  constructor(verdict, summary) {
    Object.assign(this, { verdict, summary: String(summary), findings: [], metrics: [], named: { evidence: [], outputs: [] } });
  }

  /** Adds a finding. */
  finding(verdict, message) {
    this.findings.push({ verdict, message: String(message) });
    return this;
  }

  /** Adds a metric; without a value there was no data. */
  metric({ name, value = null, verdict, unit = "", threshold = "" }) {
    this.metrics.push({ name, value: Number.isFinite(value) ? value : null, unit, threshold, verdict });
    return this;
  }

  /** Adds what a person may want to see. */
  evidence(name, value) {
    this.named.evidence.push([name, JSON.stringify(value ?? null)]);
    return this;
  }

  /** Adds a value for later steps. */
  output(name, value) {
    this.named.outputs.push([name, JSON.stringify(value ?? null)]);
    return this;
  }

  /** As the contract has it. */
  toContract() {
    const { verdict, summary, findings, metrics, named } = this;
    return { verdict, summary, findings, metrics, ...named };
  }
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
