// What a load generator measures, printed in the lines of Kafka's own tools, so
// that whoever reads those reads these.
//
// Source: the output of Kafka 3.9's kafka-producer-perf-test and
// kafka-consumer-perf-test.

const MIB = 1024 * 1024;

/** Latencies that are kept; of more records, every so-manieth is. */
const SAMPLE_COUNT_MAX = 500_000;

/** Counts sent records and how long they took. */
export class ProducerStats {
  readonly #latencies: Uint32Array;
  readonly #sampling: number;
  #sampleCount = 0;
  readonly #startMs: number;
  #windowStartMs: number;
  #total = emptyWindow();
  #window = emptyWindow();

  /** @param recordCount How many there will be. */
  constructor(recordCount: number, startMs: number) {
    this.#latencies = new Uint32Array(Math.min(recordCount, SAMPLE_COUNT_MAX));
    this.#sampling = Math.max(1, Math.floor(recordCount / SAMPLE_COUNT_MAX));
    this.#startMs = startMs;
    this.#windowStartMs = startMs;
  }

  get recordCount(): number {
    return this.#total.count;
  }

  /** Takes an acknowledged record. */
  add(latencyMs: number, sizeBytes: number): void {
    const wholeMs = Math.floor(latencyMs);
    if (
      this.#total.count % this.#sampling === 0 &&
      this.#sampleCount < this.#latencies.length
    ) {
      this.#latencies[this.#sampleCount++] = wholeMs;
    }
    for (const window of [this.#total, this.#window]) {
      window.count++;
      window.sizeBytes += sizeBytes;
      window.latencySumMs += wholeMs;
      window.latencyMaxMs = Math.max(window.latencyMaxMs, wholeMs);
    }
  }

  /** The line about the time since the last such line. */
  windowLine(nowMs: number): string {
    const elapsedMs = nowMs - this.#windowStartMs;
    const { count, sizeBytes, latencySumMs, latencyMaxMs } = this.#window;
    this.#window = emptyWindow();
    this.#windowStartMs = nowMs;
    return `${count} records sent, ${
      fixed(1000 * count / elapsedMs, 1)
    } records/sec (${fixed(1000 * sizeBytes / elapsedMs / MIB, 2)} MB/sec), ${
      fixed(latencySumMs / count, 1)
    } ms avg latency, ${fixed(latencyMaxMs, 1)} ms max latency.`;
  }

  /** The last line, about everything. */
  totalLine(nowMs: number): string {
    const elapsedMs = nowMs - this.#startMs;
    const { count, sizeBytes, latencySumMs, latencyMaxMs } = this.#total;
    const sorted = this.#latencies.subarray(0, this.#sampleCount).toSorted();
    const percentile = (share: number) =>
      sorted[Math.floor(share * sorted.length)] ?? 0;
    return `${count} records sent, ${
      fixed(1000 * count / elapsedMs, 6)
    } records/sec (${fixed(1000 * sizeBytes / elapsedMs / MIB, 2)} MB/sec), ${
      fixed(latencySumMs / count, 2)
    } ms avg latency, ${fixed(latencyMaxMs, 2)} ms max latency, ${
      percentile(0.5)
    } ms 50th, ${percentile(0.95)} ms 95th, ${percentile(0.99)} ms 99th, ${
      percentile(0.999)
    } ms 99.9th.`;
  }
}

interface Window {
  count: number;
  sizeBytes: number;
  latencySumMs: number;
  latencyMaxMs: number;
}

function emptyWindow(): Window {
  return { count: 0, sizeBytes: 0, latencySumMs: 0, latencyMaxMs: 0 };
}

/** Java's words for what is no number of records. */
function fixed(value: number, digits: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? value.toFixed(digits) : "Infinity";
}

/** What a consumer read until a time of the wall clock. */
export interface ConsumedUpTo {
  readonly wallMs: number;
  readonly sizeBytes: number;
  readonly recordCount: number;
}

const NEW_FIELDS =
  "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec";

/** The head of a consumer's lines: of one for all, or of one for each interval. */
export function consumerHeader(isDetailed: boolean): string {
  const times = isDetailed ? "time, threadId" : "start.time, end.time";
  return `${times}, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, ` +
    `nMsg.sec, ${NEW_FIELDS}`;
}

/** The line about everything from one point to another. */
export function consumerTotalLine(
  start: ConsumedUpTo,
  end: ConsumedUpTo,
): string {
  const elapsedMs = end.wallMs - start.wallMs;
  const mib = end.sizeBytes / MIB;
  const { recordCount } = end;
  return [
    javaDate(start.wallMs),
    javaDate(end.wallMs),
    fixed(mib, 4),
    fixed(1000 * mib / elapsedMs, 4),
    recordCount,
    fixed(1000 * recordCount / elapsedMs, 4),
    // No group, so no time goes into joining one.
    0,
    elapsedMs,
    fixed(1000 * mib / elapsedMs, 4),
    fixed(1000 * recordCount / elapsedMs, 4),
  ].join(", ");
}

/** The line about an interval. */
export function consumerIntervalLine(
  last: ConsumedUpTo,
  now: ConsumedUpTo,
): string {
  const elapsedMs = now.wallMs - last.wallMs;
  const mib = (now.sizeBytes - last.sizeBytes) / MIB;
  const count = now.recordCount - last.recordCount;
  const perSecond = (amount: number) =>
    fixed(elapsedMs <= 0 ? 0 : 1000 * amount / elapsedMs, 4);
  return [
    javaDate(now.wallMs),
    0,
    fixed(now.sizeBytes / MIB, 4),
    perSecond(mib),
    now.recordCount,
    perSecond(count),
    0,
    elapsedMs,
    perSecond(mib),
    perSecond(count),
  ].join(", ");
}

/** `2024-05-01 15:04:05:060`, in UTC. */
function javaDate(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("T", " ").replace(".", ":")
    .slice(0, -1);
}
