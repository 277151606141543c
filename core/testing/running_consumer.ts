// A consumer of a group for tests: it polls on its own, and keeps what happens.

import type { RecordChunk } from "../client/consumer.ts";
import {
  createGroupConsumer,
  type GroupConsumer,
} from "../client/group_consumer.ts";
import type { TopicPartition } from "../client/metadata.ts";
import type { SimHost } from "./sim_host.ts";

/** A member of a group that polls on its own, and keeps what happens to it. */
export class RunningConsumer {
  readonly consumer: GroupConsumer;
  readonly events: string[] = [];
  readonly records: string[] = [];
  error: Error | null = null;
  isStopped = false;
  #polling: Promise<void> | null = null;

  constructor(sim: SimHost, config: Record<string, string>) {
    this.consumer = createGroupConsumer(sim.host, config);
  }

  start(topics: readonly string[] | RegExp = ["t"]): this {
    const tell = (what: string) => (partitions: readonly TopicPartition[]) => {
      this.events.push(`${what} ${shownPartitions(partitions)}`.trim());
    };
    this.consumer.subscribe(topics, {
      onAssigned: tell("+"),
      onRevoked: tell("-"),
      onLost: tell("!"),
    });
    this.#polling = this.#poll();
    return this;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.consumer.wakeup();
    await this.#polling;
    await this.consumer.close();
  }

  async #poll(): Promise<void> {
    try {
      while (!this.isStopped) this.#take(await this.consumer.poll(1000));
    } catch (error) {
      this.error = error as Error;
    }
  }

  #take(chunks: readonly RecordChunk[]): void {
    for (const { topic, partition, records } of chunks) {
      for (const { offset } of records) {
        this.records.push(`${topic}${partition}@${offset}`);
      }
    }
  }
}

/** Partitions in order, as in `t0 t1`. */
export function shownPartitions(partitions: readonly TopicPartition[]): string {
  return partitions.map(({ topic, partition }) => `${topic}${partition}`)
    .sort().join(" ");
}
