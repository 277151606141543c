// A reader of committed data that notes all it is given in a history. At times it
// begins again, somewhere before, as another session: what an offset held once it
// has to hold still.

import { decodeUtf8 } from "../base/bytes.ts";
import { asError } from "../client/client_error.ts";
import {
  type Consumer,
  createConsumer,
  type RecordChunk,
} from "../client/consumer.ts";
import type { TopicPartition } from "../client/metadata.ts";
import { type Host, HostError, sleep } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { HistoryWriter } from "./history.ts";
import type { SimRandom } from "./sim_random.ts";

export interface RecordedReaderOptions {
  readonly host: Host;
  readonly config: { readonly [key: string]: string };
  readonly partitions: readonly TopicPartition[];
  readonly history: HistoryWriter;
  readonly random: SimRandom;
  readonly trace: (line: string) => void;
  /** How far a session may go back behind the last one. */
  readonly backMax: number;
  /** The mean length of a session. */
  readonly sessionMs: number;
}

const POLL_MS = 200;
const REST_MS = 200;

export class RecordedReader {
  readonly #options: RecordedReaderOptions;
  /** The next offset of each partition, by its place in the options. */
  readonly #next: number[];
  #sessionCount = 0;

  constructor(options: RecordedReaderOptions) {
    this.#options = options;
    this.#next = options.partitions.map(() => 0);
  }

  get sessionCount(): number {
    return this.#sessionCount;
  }

  /** Reads until it is over, whatever the brokers go through. */
  async run(isOver: () => boolean): Promise<void> {
    const { host, random, sessionMs, backMax } = this.#options;
    while (!isOver()) {
      const endMs = host.clock.monotonicMs() + random.between(0, 2 * sessionMs);
      const starts = this.#next.map((offset) =>
        Math.max(0, offset - random.below(backMax + 1))
      );
      await this.#session(
        starts,
        () => isOver() || host.clock.monotonicMs() >= endMs,
      );
    }
  }

  /** Reads all that is committed by now, from the first record on. */
  async readAll(): Promise<void> {
    const { partitions } = this.#options;
    await this.#session(partitions.map(() => 0), async (consumer) => {
      const ends = await consumer.endOffsets(partitions);
      return ends.every(({ value, error }, index) => {
        if (error !== null) throw error;
        const position = consumer.currentPosition(partitions[index]);
        return position !== null && position >= value!.offset;
      });
    });
  }

  async #session(
    starts: readonly number[],
    isOver: (consumer: Consumer) => boolean | Promise<boolean>,
  ): Promise<void> {
    const { host, config, partitions, trace } = this.#options;
    const session = String(this.#sessionCount++);
    const consumer = createConsumer(host, {
      ...config,
      "isolation.level": "read_committed",
      "auto.offset.reset": "none",
    });
    consumer.assign(partitions);
    partitions.forEach((place, index) => consumer.seek(place, starts[index]));
    try {
      do {
        try {
          for (const chunk of await consumer.poll(POLL_MS)) {
            this.#note(chunk, session);
          }
        } catch (error) {
          if (!isPassing(error)) throw error;
          trace(`reader ${session}: ${asError(error).message}`);
          await sleep(host.clock, REST_MS);
        }
      } while (!await isOver(consumer));
    } finally {
      consumer.close();
    }
  }

  #note({ topic, partition, records }: RecordChunk, session: string): void {
    const { partitions, history } = this.#options;
    history.note({
      kind: "poll",
      topic,
      partition,
      isolation: "read_committed",
      session,
      group: null,
      offsets: records.map(({ offset }) => offset),
      values: records.map(({ value }) => decodeUtf8(value!)),
    });
    const index = partitions.findIndex((place) =>
      place.topic === topic && place.partition === partition
    );
    const next = records.at(-1)!.offset + 1;
    this.#next[index] = Math.max(this.#next[index], next);
  }
}

/** True where a reader may hope that the next call is answered. */
function isPassing(error: unknown): boolean {
  return error instanceof HostError ||
    (error instanceof KafkaError && error.retriable);
}
