// Asks for the ends of partitions again and again, notes them in a history, and
// tells how long a last stable offset stood still behind the high watermark: that
// is what a transaction that nobody ends would do.

import { type Consumer, createConsumer } from "../client/consumer.ts";
import { partitionKey, type TopicPartition } from "../client/metadata.ts";
import { type Host, HostError, sleep } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { HistoryWriter } from "./history.ts";

export interface EndWatchOptions {
  readonly host: Host;
  readonly config: { readonly [key: string]: string };
  readonly partitions: readonly TopicPartition[];
  readonly history: HistoryWriter;
  readonly intervalMs: number;
}

interface Standstill {
  readonly lastStable: number;
  readonly sinceMs: number;
}

export class EndWatch {
  readonly #options: EndWatchOptions;
  readonly #standing = new Map<string, Standstill>();
  /** The longest that a last stable offset stood still while it was behind. */
  longestMs = 0;
  /** Where that was. */
  longestPlace = "";

  constructor(options: EndWatchOptions) {
    this.#options = options;
  }

  /** True where no partition's last stable offset was behind when last asked for. */
  get isSettled(): boolean {
    return this.#standing.size === 0;
  }

  async run(isOver: () => boolean): Promise<void> {
    const { host, config, intervalMs } = this.#options;
    const [committed, all] = ["read_committed", "read_uncommitted"].map(
      (level) => createConsumer(host, { ...config, "isolation.level": level }),
    );
    try {
      while (!isOver()) {
        try {
          await this.#look(committed, all);
        } catch (error) {
          // A broker that is down has no ends; it is asked again.
          if (!(error instanceof HostError || error instanceof KafkaError)) {
            throw error;
          }
        }
        await sleep(host.clock, intervalMs);
      }
    } finally {
      committed.close();
      all.close();
    }
  }

  async #look(committed: Consumer, all: Consumer): Promise<void> {
    const { partitions, history, host } = this.#options;
    // The last stable offset first: both only rise.
    const stable = await committed.endOffsets(partitions);
    const high = await all.endOffsets(partitions);
    const nowMs = host.clock.monotonicMs();
    partitions.forEach((place, index) => {
      const lastStable = stable[index].value?.offset ?? -1;
      const highWatermark = high[index].value?.offset ?? -1;
      if (lastStable < 0 || highWatermark < 0) return;
      history.note({
        kind: "ends",
        ...place,
        lastStable,
        highWatermark,
        logEnd: -1,
      });
      const key = partitionKey(place);
      const before = this.#standing.get(key);
      if (lastStable === highWatermark) this.#standing.delete(key);
      else if (before?.lastStable !== lastStable) {
        this.#standing.set(key, { lastStable, sinceMs: nowMs });
      } else if (nowMs - before.sinceMs > this.longestMs) {
        this.longestMs = nowMs - before.sinceMs;
        this.longestPlace = `${key} at ${lastStable} of ${highWatermark}`;
      }
    });
  }
}
