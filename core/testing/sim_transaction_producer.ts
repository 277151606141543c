// A simulated transactional producer that writes its own requests, of the older
// protocol or the newer one (KIP-890), and does what no client library would: it
// leaves transactions open, comes back from the dead with an old epoch, and goes
// on after its time was up. All it does is in a history.

import { type Address, type Host, sleep } from "../host/host.ts";
import { errorByCode, ErrorCode } from "../wire/kafka/errors.ts";
import {
  addOffsetsToTxnRequest,
  addOffsetsToTxnResponse,
} from "../wire/kafka/messages/add_offsets_to_txn.ts";
import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from "../wire/kafka/messages/add_partitions_to_txn.ts";
import {
  endTxnRequest,
  endTxnResponse,
} from "../wire/kafka/messages/end_txn.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../wire/kafka/messages/init_producer_id.ts";
import {
  txnOffsetCommitRequest,
  txnOffsetCommitResponse,
} from "../wire/kafka/messages/txn_offset_commit.ts";
import { batchOf, PRODUCE } from "./broker_fixture.ts";
import type { HistoryWriter } from "./history.ts";
import type { SimRandom } from "./sim_random.ts";
import { check } from "./sim_scenario.ts";
import { SimWireCaller } from "./sim_wire_caller.ts";

const INIT = [initProducerIdRequest, initProducerIdResponse] as const;
const ADD = [addPartitionsToTxnRequest, addPartitionsToTxnResponse] as const;
const ADD_OFFSETS = [addOffsetsToTxnRequest, addOffsetsToTxnResponse] as const;
const COMMIT = [txnOffsetCommitRequest, txnOffsetCommitResponse] as const;
const END = [endTxnRequest, endTxnResponse] as const;

/** Another producer has this one's transactional id now, or its time was up. */
const FENCED: ReadonlySet<number> = new Set([
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
  ErrorCode.PRODUCER_FENCED,
]);

/** The transaction is not open any more. */
const ENDED: ReadonlySet<number> = new Set([
  ErrorCode.INVALID_TXN_STATE,
  ErrorCode.TRANSACTION_ABORTABLE,
]);

/** The topic whose offsets are committed; nobody reads it. */
export const INPUT_TOPIC = "input";

export interface SimProducerOptions {
  readonly host: Host;
  readonly address: Address;
  readonly random: SimRandom;
  readonly transactionalId: string;
  /** Its offsets rise by one with each transaction that has any. */
  readonly group: string;
  readonly topic: string;
  readonly partitionCount: number;
  readonly isOver: () => boolean;
  /** Makes the history of one life. */
  readonly historyOf: (process: string) => HistoryWriter;
  readonly trace: (line: string) => void;
}

/** Something was refused for good. */
class Refused extends Error {
  override readonly name = "Refused";
  readonly code: number;

  constructor(what: string, code: number) {
    super(`${what}: ${errorByCode(code)?.name ?? code}`);
    this.code = code;
  }
}

/** A transactional id, over all the lives of those who use it. */
export class SimTransactionProducer {
  readonly #options: SimProducerOptions;
  readonly counts = { ended: 0, left: 0, fenced: 0, haunted: 0 };
  /** The dead who are still at work. */
  readonly #ghosts: Promise<void>[] = [];
  #lifeCount = 0;
  #offset = 0;

  constructor(options: SimProducerOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { host, random, isOver, transactionalId } = this.#options;
    while (!isOver()) {
      const name = `${transactionalId}.${this.#lifeCount++}`;
      const life = new Life(this.#options, name, () => ++this.#offset);
      const end = await life.run();
      this.counts.ended += life.endedCount;
      if (end === "fenced") this.counts.fenced += 1;
      if (end === "left") {
        this.counts.left += 1;
        if (random.chance(0.5)) {
          const ghost = this.#haunt(life);
          ghost.catch(() => {}); // It is waited for at the end.
          this.#ghosts.push(ghost);
        }
      }
      await sleep(host.clock, random.between(0, 500));
    }
    await Promise.all(this.#ghosts);
  }

  async #haunt(life: Life): Promise<void> {
    const { host, random } = this.#options;
    await sleep(host.clock, random.between(0, 6000));
    await life.haunt();
    this.counts.haunted += 1;
  }
}

/** One producer, from its id to its end. */
class Life {
  readonly #options: SimProducerOptions;
  readonly #name: string;
  readonly #nextOffset: () => number;
  readonly #caller: SimWireCaller;
  readonly #history: HistoryWriter;
  /** What it asks twice may be acted on twice, by the protocol; so it takes its time. */
  readonly #isOlder: boolean;
  readonly #timeoutMs: number;
  readonly #sequences = new Map<number, number>();
  readonly #added = new Set<number>();
  #identity = { producerId: -1, producerEpoch: -1 };
  #transaction = "";
  #transactionCount = 0;
  #valueCount = 0;
  /** When the present transaction began at the earliest. */
  #begunMs = 0;
  /** Another one may have the transactional id. */
  #isGhost = false;
  endedCount = 0;

  constructor(
    options: SimProducerOptions,
    name: string,
    nextOffset: () => number,
  ) {
    const { random } = options;
    this.#options = options;
    this.#name = name;
    this.#nextOffset = nextOffset;
    this.#caller = new SimWireCaller(options.host, options.address, random);
    this.#history = options.historyOf(name);
    this.#isOlder = random.chance(0.5);
    this.#timeoutMs = random.pick([1000, 5000, 20_000]);
  }

  async run(): Promise<"over" | "left" | "fenced"> {
    const { random, isOver, trace } = this.#options;
    try {
      await this.#init();
      while (!isOver()) {
        if (random.chance(0.05)) await this.#init();
        if (!await this.#transact()) return "left";
        await this.#pause(300);
      }
      return "over";
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      trace(`${this.#name} ended: ${error.message}`);
      return "fenced";
    } finally {
      this.#caller.close();
    }
  }

  /** Goes on with what it left, long after. */
  async haunt(): Promise<void> {
    this.#isGhost = true;
    try {
      await this.#send();
      await this.#end(true);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    } finally {
      this.#caller.close();
    }
  }

  /** Gets its id, or another epoch of it. */
  async #init(): Promise<void> {
    const { transactionalId } = this.#options;
    const { answer, code, isFirst } = await this.#caller.ask(
      INIT,
      4,
      {
        transactionalId,
        transactionTimeoutMs: this.#timeoutMs,
        ...this.#identity,
      },
      ({ errorCode }) => errorCode,
      true,
    );
    // A coordinator that starts again does not know who asked for the epoch.
    if (code === ErrorCode.PRODUCER_FENCED && !isFirst) {
      throw new Refused("InitProducerId", code);
    }
    check(code === 0, `${this.#name} cannot begin: ${errorByCode(code)?.name}`);
    this.#become(answer);
    this.#trace(`begins with time-out ${this.#timeoutMs}`);
  }

  #trace(what: string): void {
    const { trace, host } = this.#options;
    const { producerId, producerEpoch } = this.#identity;
    const atMs = Math.round(host.clock.monotonicMs());
    trace(`${atMs} ${this.#name} ${producerId}/${producerEpoch} ${what}`);
  }

  #become(
    { producerId, producerEpoch }: {
      readonly producerId: number;
      readonly producerEpoch: number;
    },
  ): void {
    const { producerId: id, producerEpoch: epoch } = this.#identity;
    check(
      producerId !== id || producerEpoch >= epoch,
      `${this.#name} went from epoch ${epoch} to ${producerEpoch} of ${id}`,
    );
    if (producerId === id && producerEpoch === epoch) return;
    this.#identity = { producerId, producerEpoch };
    this.#sequences.clear();
  }

  /** One transaction; false where it was left open. */
  async #transact(): Promise<boolean> {
    const { host, random } = this.#options;
    this.#transaction = `${this.#name}:${this.#transactionCount++}`;
    this.#added.clear();
    this.#begunMs = host.clock.monotonicMs();
    const sendCount = 1 + random.below(4);
    for (let i = 0; i < sendCount; i++) {
      await this.#send();
      await this.#pause(100);
    }
    if (random.chance(0.6)) await this.#commitOffset();
    if (random.chance(0.05)) return false;
    if (random.chance(0.05)) {
      await sleep(host.clock, this.#timeoutMs * random.between(0.5, 2));
    }
    await this.#end(random.chance(0.7));
    return true;
  }

  async #send(): Promise<void> {
    const { random, topic, partitionCount, transactionalId } = this.#options;
    const partition = random.below(partitionCount);
    if (this.#isOlder && !this.#added.has(partition)) {
      await this.#addPartition(partition);
    }
    const sequence = this.#sequences.get(partition) ?? 0;
    const values = Array.from(
      { length: 1 + random.below(3) },
      () => `${this.#name}-${this.#valueCount++}`,
    );
    const id = this.#history.begin({
      kind: "send",
      topic,
      partition,
      transaction: this.#transaction,
      values,
      offsets: [],
    });
    const version = this.#isOlder ? random.pick([3, 7, 9, 11]) : 12;
    const { answer, code, isFirst } = await this.#caller.ask(PRODUCE, version, {
      transactionalId,
      acks: -1,
      timeoutMs: 2000,
      topicData: [{
        name: topic,
        partitionData: [{
          index: partition,
          records: batchOf(values, {
            ...this.#identity,
            baseSequence: sequence,
            isTransactional: true,
          }),
        }],
      }],
    }, ({ responses }) => responses[0].partitionResponses[0].errorCode);
    if (code !== 0) {
      this.#history.end(id, isFirst ? "fail" : "info");
      throw this.#refused("Produce", code);
    }
    const { baseOffset } = answer.responses[0].partitionResponses[0];
    this.#sequences.set(partition, sequence + values.length);
    this.#history.end(id, "ok", {
      offsets: values.map((_, i) => baseOffset + i),
    });
  }

  async #addPartition(partition: number): Promise<void> {
    const { topic, transactionalId } = this.#options;
    const { code } = await this.#caller.ask(
      ADD,
      3,
      {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: this.#identity.producerId,
        v3AndBelowProducerEpoch: this.#identity.producerEpoch,
        v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
      },
      ({ resultsByTopicV3AndBelow: [{ resultsByPartition }] }) =>
        resultsByPartition[0].partitionErrorCode,
      true,
    );
    if (code !== 0) throw this.#refused("AddPartitionsToTxn", code);
    this.#added.add(partition);
  }

  async #commitOffset(): Promise<void> {
    const { group, transactionalId } = this.#options;
    if (this.#isOlder) {
      const { code } = await this.#caller.ask(
        ADD_OFFSETS,
        3,
        {
          transactionalId,
          ...this.#identity,
          groupId: group,
        },
        ({ errorCode }) => errorCode,
        true,
      );
      if (code !== 0) throw this.#refused("AddOffsetsToTxn", code);
    }
    const offset = this.#nextOffset();
    const id = this.#history.begin({
      kind: "commit",
      topic: INPUT_TOPIC,
      partition: 0,
      group,
      transaction: this.#transaction,
      offset,
    });
    const version = this.#isOlder ? 3 : 5;
    const { code, isFirst } = await this.#caller.ask(
      COMMIT,
      version,
      {
        transactionalId,
        groupId: group,
        ...this.#identity,
        topics: [{
          name: INPUT_TOPIC,
          partitions: [{
            partitionIndex: 0,
            committedOffset: offset,
            committedMetadata: "",
          }],
        }],
      },
      ({ topics: [{ partitions }] }) => partitions[0].errorCode,
      this.#isOlder,
    );
    this.#history.end(id, code === 0 ? "ok" : isFirst ? "fail" : "info");
    if (code !== 0) throw this.#refused("TxnOffsetCommit", code);
  }

  async #end(isCommit: boolean): Promise<void> {
    const { transactionalId } = this.#options;
    const id = this.#history.begin({
      kind: "end",
      transaction: this.#transaction,
      isCommit,
    });
    const version = this.#isOlder ? 3 : 5;
    const { answer, code, isFirst } = await this.#caller.ask(
      END,
      version,
      {
        transactionalId,
        ...this.#identity,
        committed: isCommit,
      },
      ({ errorCode }) => errorCode,
      this.#isOlder,
    );
    const verb = isCommit ? "commits" : "aborts";
    const doubt = isFirst ? "" : ", asked before";
    this.#trace(`${verb} ${this.#transaction}: code ${code}${doubt}`);
    if (code !== 0) {
      this.#history.end(id, isFirst ? "fail" : "info");
      throw this.#refused("EndTxn", code);
    }
    this.#history.end(id, "ok");
    this.endedCount += 1;
    if (!this.#isOlder) {
      check(
        answer.producerEpoch > this.#identity.producerEpoch ||
          answer.producerId !== this.#identity.producerId,
        `${this.#transaction} ended and left its epoch as it was`,
      );
      this.#become(answer);
    }
  }

  /** Checks that there was a reason. */
  #refused(what: string, code: number): Refused {
    const { host } = this.#options;
    const tookMs = host.clock.monotonicMs() - this.#begunMs;
    const isOverdue = tookMs >= this.#timeoutMs;
    const refused = new Refused(`${what} of ${this.#transaction}`, code);
    check(
      (FENCED.has(code) || ENDED.has(code)) && (this.#isGhost || isOverdue),
      `${refused.message} after ${tookMs} ms, with ${this.#timeoutMs} ms to be had`,
    );
    return refused;
  }

  #pause(maxMs: number): Promise<void> {
    const { host, random } = this.#options;
    return sleep(host.clock, random.between(0, maxMs));
  }
}
