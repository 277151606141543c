// Makes topics and fills them by kq's own client, whatever the broker is, and keeps
// account of what was written and of what readers have seen.

import { type Admin, createAdmin } from "../../core/client/admin.ts";
import { createProducer, type Producer } from "../../core/client/producer.ts";
import { denoHost } from "../../core/host/deno_host.ts";
import { apiKeys } from "../../core/wire/kafka/apis.ts";
import type { MemberView } from "./group_client.ts";

const SETTLE_TIMEOUT_MS = 30_000;
const SETTLE_PAUSE_MS = 50;

/** Waits until `ask` answers what `isRight` wants. */
export async function settles<T>(
  ask: () => Promise<T>,
  isRight: (answer: T) => boolean,
  what: string,
  timeoutMs = SETTLE_TIMEOUT_MS,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (performance.now() > deadlineMs) {
      throw new Error(`${what} stays ${JSON.stringify(answer)}`.slice(0, 280));
    }
    await new Promise((done) => setTimeout(done, SETTLE_PAUSE_MS));
  }
}

/** Makes topics and fills them with numbered records. */
export class Feeder {
  readonly admin: Admin;
  readonly #producer: Producer;

  constructor(bootstrap: string) {
    const host = denoHost();
    const config = { "bootstrap.servers": bootstrap };
    this.admin = createAdmin(host, config);
    this.#producer = createProducer(host, config);
  }

  async topic(name: string, partitions: number): Promise<Ledger> {
    const [{ error }] = await this.admin.createTopics([{
      name,
      partitionCount: partitions,
      replicationFactor: 1,
    }]);
    if (error !== null) throw error;
    // Apache Kafka answers before it knows the topic itself.
    await settles(
      () => this.admin.describeTopics([name]),
      ([found]) => found.error === null && found.partitions.length > 0,
      "the new topic",
    );
    return new Ledger(name, partitions, this.#producer);
  }

  /** Newest version of ConsumerGroupHeartbeat that the broker has; -1 for none. */
  heartbeatVersion(): Promise<number> {
    return this.newestVersion(apiKeys.ConsumerGroupHeartbeat);
  }

  /** Newest version of an API that the broker has; -1 for none. */
  async newestVersion(apiKey: number): Promise<number> {
    const [{ error, apis }] = await this.admin.apiVersions();
    if (error !== null) throw error;
    return apis.find(({ key }) => key === apiKey)?.maxVersion ?? -1;
  }

  async close(): Promise<void> {
    await this.#producer.close();
    this.admin.close();
  }
}

/** What was written to a topic and what its readers have seen of it. */
export class Ledger {
  readonly topic: string;
  readonly partitions: number;
  readonly #producer: Producer;
  readonly #sent: string[][];
  /** Who has read each record, as often as it came. */
  readonly #seen = new Map<string, string[]>();
  #wrong: string | null = null;

  constructor(topic: string, partitions: number, producer: Producer) {
    this.topic = topic;
    this.partitions = partitions;
    this.#producer = producer;
    this.#sent = Array.from({ length: partitions }, () => []);
  }

  /** As many records for every partition. */
  async feed(countEach: number): Promise<void> {
    const sends = this.#sent.flatMap((sent, partition) =>
      Array.from({ length: countEach }, async () => {
        const value = `${partition}:${sent.length}`;
        const wanted = sent.push(value) - 1;
        const { offset } = await this.#producer.send({
          topic: this.topic,
          partition,
          value,
        });
        if (offset !== wanted) throw new Error(`${value} has offset ${offset}`);
      })
    );
    await Promise.all(sends);
  }

  /** These values, one partition after the other. */
  async feedValues(values: readonly string[]): Promise<void> {
    await Promise.all(values.map((value, i) => {
      const partition = i % this.partitions;
      this.#sent[partition].push(value);
      return this.#producer.send({ topic: this.topic, partition, value });
    }));
  }

  /** Ends partition 0 with a value, wherever others have brought its end to. */
  async end(value: string): Promise<void> {
    await this.#producer.send({ topic: this.topic, partition: 0, value });
  }

  /** What was sent to a partition. */
  values(partition: number): readonly string[] {
    return this.#sent[partition];
  }

  /** The end of every partition. */
  get ends(): number[] {
    return this.#sent.map((sent) => sent.length);
  }

  take({ records }: MemberView, reader = ""): void {
    for (const [partition, offset, value] of records) {
      if (this.#sent[partition][offset] !== value) {
        this.#wrong ??= `${partition}/${offset} is ${value}`;
      }
      const place = `${partition}/${offset}`;
      const readers = this.#seen.get(place);
      if (readers === undefined) this.#seen.set(place, [reader]);
      else readers.push(reader);
    }
  }

  get isComplete(): boolean {
    return this.#seen.size === this.#sent.flat().length;
  }

  /**
   * @param repeated A reader whose records others may read again; nobody's where
   * it is left out.
   * @throws {Error} Where a record is wrong, missing or was read twice.
   */
  check(repeated?: string): void {
    if (this.#wrong !== null) throw new Error(`record ${this.#wrong}`);
    const total = this.#sent.flat().length;
    if (this.#seen.size !== total) {
      throw new Error(`${this.#seen.size} of ${total} records were read`);
    }
    const again = [...this.#seen].filter(([, readers]) =>
      readers.length > 1 &&
      (repeated === undefined || !readers.includes(repeated))
    );
    if (again.length > 0) {
      const [place, readers] = again[0];
      const by = readers.filter((name) => name !== "").join(", ");
      throw new Error(
        `${again.length} records twice, first ${place}${by && ` by ${by}`}`,
      );
    }
  }
}
