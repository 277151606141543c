// How long something took, over and over: plain numbers for the hot path.

/** See the file's header. In milliseconds; 0 before the first. */
export class Durations {
  count = 0;
  sumMs = 0;
  minMs = 0;
  maxMs = 0;
  lastMs = 0;
  /** When the last was added, on the caller's clock. */
  lastAtMs = 0;

  get avgMs(): number {
    return this.count === 0 ? 0 : this.sumMs / this.count;
  }

  /** @param atMs When it was over; left out where nobody asks. */
  add(durationMs: number, atMs = 0): void {
    if (this.count++ === 0 || durationMs < this.minMs) this.minMs = durationMs;
    if (durationMs > this.maxMs) this.maxMs = durationMs;
    this.sumMs += durationMs;
    this.lastMs = durationMs;
    this.lastAtMs = atMs;
  }

  reset(): void {
    this.count = 0;
    this.sumMs = 0;
    this.minMs = 0;
    this.maxMs = 0;
  }
}
