// What a server counts of its clients' requests, for those who look after it.

/** Since the start, or since they were reset. */
export class ServiceCounts {
  receivedCount = 0;
  sentCount = 0;
  rejectedCount = 0;
  latencyMinMs = 0;
  latencyMaxMs = 0;
  #latencySumMs = 0;

  get latencyAvgMs(): number {
    return this.sentCount === 0 ? 0 : this.#latencySumMs / this.sentCount;
  }

  /** @param latencyMs From the request's arrival to its answer. */
  answered(latencyMs: number): void {
    const isFirst = this.sentCount++ === 0;
    this.#latencySumMs += latencyMs;
    if (isFirst || latencyMs < this.latencyMinMs) this.latencyMinMs = latencyMs;
    if (latencyMs > this.latencyMaxMs) this.latencyMaxMs = latencyMs;
  }

  reset(): void {
    this.receivedCount = 0;
    this.sentCount = 0;
    this.latencyMinMs = 0;
    this.latencyMaxMs = 0;
    this.#latencySumMs = 0;
  }
}
