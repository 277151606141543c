// An exactly-once copier, as a process to be killed: it reads numbers as a member
// of a group, and writes what it makes of them to another topic, with the group's
// offsets in the same transaction. Some transactions it aborts on purpose.
//
//   deno run -A scripts/kills/copier.ts '{"name":"a0",…}'     (CopierOrders)
//
// It goes on until it is killed; where its producer is beyond use it ends with 3,
// for another one to take its place.

import { decodeUtf8 } from "../../core/base/bytes.ts";
import type { RecordChunk } from "../../core/client/consumer.ts";
import {
  createGroupConsumer,
  type GroupConsumer,
} from "../../core/client/group_consumer.ts";
import { createProducer, type Producer } from "../../core/client/producer.ts";
import {
  AbortableTransactionError,
  FatalTransactionError,
} from "../../core/client/transaction_errors.ts";
import { denoHost } from "../../core/host/deno_host.ts";
import { KafkaError } from "../../core/wire/kafka/errors.ts";
import { HostError } from "../../core/host/host.ts";
import { SimRandom } from "../../core/testing/sim_random.ts";
import type { HistoryWriter } from "../../core/testing/history.ts";
import { copyOf } from "./copied.ts";
import { historyFile } from "./history_files.ts";
import { pause } from "./kq_process.ts";

/** What a copier is told, as JSON. */
export interface CopierOrders {
  /** Of this life of it. */
  readonly name: string;
  readonly seed: number;
  readonly bootstrap: string;
  /** Where its history goes. */
  readonly directory: string;
  readonly input: string;
  readonly output: string;
  readonly outputPartitionCount: number;
  readonly group: string;
  readonly consumer: { readonly [key: string]: string };
  readonly producer: { readonly [key: string]: string };
}

const ABORT_CHANCE = 0.1;
/** How often, and for how long, it lingers between two steps, where it may be killed. */
const PAUSE_CHANCE = 0.4;
const PAUSE_MAX_MS = 300;
const POLL_MS = 500;
const BEYOND_USE = 3;

class Copier {
  readonly #orders: CopierOrders;
  readonly #random: SimRandom;
  readonly #history: HistoryWriter;
  readonly #consumer: GroupConsumer;
  readonly #producer: Producer;
  #nextNumber = 0;
  /** Another session begins where positions are set. */
  #sessionNumber = 0;

  constructor(orders: CopierOrders) {
    this.#orders = orders;
    this.#random = new SimRandom(orders.seed);
    this.#history = historyFile(orders.directory, orders.name);
    const host = denoHost();
    const common = {
      "bootstrap.servers": orders.bootstrap,
      "reconnect.backoff.max.ms": "200",
    };
    this.#consumer = createGroupConsumer(host, {
      ...common,
      "group.id": orders.group,
      "enable.auto.commit": "false",
      "auto.offset.reset": "earliest",
      "isolation.level": "read_committed",
      ...orders.consumer,
    });
    this.#producer = createProducer(host, {
      ...common,
      "linger.ms": "5",
      ...orders.producer,
    });
  }

  async run(): Promise<void> {
    await this.#producer.initTransactions();
    this.#consumer.subscribe([this.#orders.input], {
      onAssigned: () => void this.#sessionNumber++,
      onRevoked: () => void this.#sessionNumber++,
    });
    for (;;) {
      const chunks = await this.#poll();
      if (chunks.length > 0) await this.#copy(chunks);
    }
  }

  async #poll(): Promise<RecordChunk[]> {
    try {
      const chunks = await this.#consumer.poll(POLL_MS);
      for (const { topic, partition, records } of chunks) {
        this.#history.note({
          kind: "poll",
          topic,
          partition,
          isolation: "read_committed",
          session: String(this.#sessionNumber),
          group: this.#orders.group,
          offsets: records.map(({ offset }) => offset),
          values: records.map(({ value }) => decodeUtf8(value!)),
        });
      }
      return chunks;
    } catch (error) {
      const mayPass = error instanceof HostError ||
        (error instanceof KafkaError && error.retriable);
      if (!mayPass) throw error;
      console.error(`poll: ${error.message}`);
      return [];
    }
  }

  async #copy(chunks: readonly RecordChunk[]): Promise<void> {
    const transaction = `${this.#orders.name}/${this.#nextNumber++}`;
    const isCommit = !this.#random.chance(ABORT_CHANCE);
    const group = this.#consumer.groupMetadata();
    let endId: string | null = null;
    try {
      this.#producer.beginTransaction();
      this.#send(chunks, transaction, isCommit);
      await this.#linger();
      await this.#sendOffsets(chunks, transaction, group);
      // What is aborted is in the log by then, most of the time.
      if (!isCommit && this.#random.chance(0.8)) await this.#producer.flush();
      await this.#linger();
      endId = this.#history.begin({ kind: "end", transaction, isCommit });
      if (isCommit) await this.#producer.commitTransaction();
      else await this.#producer.abortTransaction();
      this.#history.end(endId, "ok");
    } catch (error) {
      if (!(error instanceof AbortableTransactionError)) throw error;
      console.error(`${transaction}: ${error.message}: ${error.cause.message}`);
      await this.#producer.abortTransaction();
      if (endId !== null) this.#history.end(endId, "fail");
      this.#rewind(chunks);
      return;
    }
    if (!isCommit) this.#rewind(chunks);
  }

  #linger(): Promise<void> {
    const delayMs = this.#random.chance(PAUSE_CHANCE)
      ? this.#random.between(0, PAUSE_MAX_MS)
      : 0;
    return pause(delayMs);
  }

  #send(
    chunks: readonly RecordChunk[],
    transaction: string,
    isCommit: boolean,
  ): void {
    const { output, outputPartitionCount } = this.#orders;
    const valuesOf = Array.from(
      { length: outputPartitionCount },
      (): string[] => [],
    );
    for (const { records } of chunks) {
      for (const { value } of records) {
        const number = Number(decodeUtf8(value!));
        valuesOf[number % outputPartitionCount].push(
          (isCommit ? "" : "!") + copyOf(number, transaction),
        );
      }
    }
    for (const [partition, values] of valuesOf.entries()) {
      if (values.length === 0) continue;
      const id = this.#history.begin({
        kind: "send",
        topic: output,
        partition,
        transaction,
        values,
        offsets: [],
      });
      this.#sendAll(id, partition, values);
    }
  }

  /** Sends for one partition; what becomes of it is noted when it is known. */
  #sendAll(id: string, partition: number, values: readonly string[]): void {
    const offsets = new Array<number>(values.length).fill(-1);
    let leftCount = values.length;
    values.forEach((value, index) => {
      this.#producer.sendNoWait(
        { topic: this.#orders.output, partition, value },
        (error, place) => {
          if (error !== null) return;
          offsets[index] = place!.offset;
          if (--leftCount === 0) this.#history.end(id, "ok", { offsets });
        },
      );
    });
  }

  async #sendOffsets(
    chunks: readonly RecordChunk[],
    transaction: string,
    group: ReturnType<GroupConsumer["groupMetadata"]>,
  ): Promise<void> {
    const offsets = new Map<number, number>();
    for (const { partition, records } of chunks) {
      offsets.set(partition, records.at(-1)!.offset + 1);
    }
    const { input: topic } = this.#orders;
    const list = [...offsets].map(([partition, offset]) => ({
      topic,
      partition,
      offset,
    }));
    const ids = list.map((place) =>
      this.#history.begin({
        kind: "commit",
        ...place,
        group: this.#orders.group,
        transaction,
      })
    );
    await this.#producer.sendOffsets(list, group);
    for (const id of ids) this.#history.end(id, "ok");
  }

  /** What was not copied is read again. */
  #rewind(chunks: readonly RecordChunk[]): void {
    this.#sessionNumber++;
    const firsts = new Map<number, number>();
    for (const { partition, records } of chunks) {
      const offset = records[0].offset;
      firsts.set(partition, Math.min(firsts.get(partition) ?? offset, offset));
    }
    for (const [partition, offset] of firsts) {
      this.#consumer.seek({ topic: this.#orders.input, partition }, offset);
    }
  }
}

if (import.meta.main) {
  try {
    await new Copier(JSON.parse(Deno.args[0]) as CopierOrders).run();
  } catch (error) {
    console.error(error);
    const isBeyondUse = error instanceof FatalTransactionError ||
      error instanceof KafkaError || error instanceof HostError;
    Deno.exit(isBeyondUse ? BEYOND_USE : 1);
  }
}
