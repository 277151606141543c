// The transaction coordinator of one broker: a shard for each partition of
// `__transaction_state` that it leads. A transactional id belongs to the partition
// that it hashes to, and so to the broker that leads that.
//
//   begin or go on  ─► initProducerId
//   write           ─► addPartitions, or verifyPartitions where that was done before
//   end             ─► endTransaction ─► markers to all partitions
//   too late        ─► aborted by the coordinator
//   silent for days ─► forgotten
//
// Nothing is answered before it is durable; what is decided by a state that is not
// yet durable waits for it too.
//
// Source: KIP-98, KIP-360, KIP-588, KIP-664, KIP-890.

import type { BrokerConfig } from "../config/broker_config.ts";
import type { Host } from "../host/host.ts";
import type { ShardLog } from "../shards/shard_log.ts";
import { Shards } from "../shards/shards.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { addPartitions, verifyPartitions } from "./add_partitions.ts";
import { describeTransaction, listTransactions } from "./describe.ts";
import { EndMarking } from "./end_marking.ts";
import { endTransaction } from "./end_transaction.ts";
import { Housekeeping } from "./housekeeping.ts";
import { initProducerId } from "./init_producer_id.ts";
import type { MarkerWriter, TopicPartition } from "./marker_writer.ts";
import type {
  AddPartitionsOf,
  EndTransactionOf,
  InitProducerIdOf,
  ListFilter,
  PartitionsOf,
  ProducerIdAndEpoch,
  TransactionDescription,
  TransactionListing,
} from "./requests.ts";
import {
  transactionContent,
  type TransactionShard,
} from "./transaction_content.ts";
import { recordOf, type TransactionRecord } from "./transaction_record.ts";
import {
  isPrepared,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  type TransactionState,
  type TransactionStates,
} from "./transaction_state.ts";
import { NEEDS_PRODUCER_ID, type Transition } from "./transition.ts";

/** The topic that transactions are kept in. */
export const TRANSACTIONS_TOPIC = "__transaction_state";

/** What the coordinator asks of its broker. */
export interface TransactionCoordinatorOptions {
  readonly host: Host;
  /** The configuration now in force. */
  readonly config: () => BrokerConfig;
  /** How many partitions `__transaction_state` has; those it would get where it is missing. */
  readonly partitionCount: () => number;
  /** A producer id that nobody has had. */
  readonly nextProducerId: () => number | Promise<number>;
  readonly markers: MarkerWriter;
  /**
   * Whether the cluster has no such partition any more, so that it needs no marker.
   */
  readonly isDeleted: (partition: TopicPartition) => boolean;
  readonly trace: (line: string) => void;
}

/**
 * All requests throw `KafkaError`, at once or in the promise: INVALID_REQUEST,
 * NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, and
 * what is said of each.
 */
export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions;
  readonly #shards: Shards<TransactionStates, TransactionRecord>;
  readonly #marking: EndMarking;
  readonly #housekeeping: Housekeeping;
  /** States whose requests have not been answered, since they are not durable. */
  readonly #notDurable = new WeakSet<TransactionState>();

  constructor(options: TransactionCoordinatorOptions) {
    const { host, config, partitionCount, trace } = options;
    this.#options = options;
    this.#marking = new EndMarking({ ...options, clock: host.clock });
    this.#shards = new Shards({
      host,
      content: transactionContent,
      partitionCount,
      loadBufferBytes: () => config()["transaction.state.log.load.buffer.size"],
      onLoaded: (shard) => this.#resume(shard),
      trace,
    });
    this.#housekeeping = new Housekeeping({
      clock: host.clock,
      config,
      shards: () => this.#shards.all(),
      nextProducerId: options.nextProducerId,
      marking: this.#marking,
      trace,
    });
  }

  /** The partition of `__transaction_state` that looks after an id. */
  partitionOf(transactionalId: string): number {
    return this.#shards.partitionOf(transactionalId);
  }

  /** Takes over a partition; resolves when its log was loaded, or could not be. */
  lead(log: ShardLog): Promise<void> {
    this.#housekeeping.start();
    return this.#shards.lead(log);
  }

  /** Gives up a partition; who asks for its ids is told to look elsewhere. */
  resign(partition: number): void {
    this.#shards.resign(partition);
  }

  /** Gives up everything. */
  close(): void {
    this.#housekeeping.stop();
    this.#shards.close();
  }

  /** What was prepared is ended, whoever prepared it. */
  #resume(shard: TransactionShard): void {
    for (const state of [...shard.state.values()]) {
      if (isPrepared(state)) this.#marking.begin(shard, state);
    }
  }

  /**
   * Begins with a transactional id, or goes on with it: earlier producers are
   * fenced, and what they left open is aborted.
   *
   * @throws {KafkaError} INVALID_TRANSACTION_TIMEOUT, CONCURRENT_TRANSACTIONS,
   * PRODUCER_FENCED.
   */
  async initProducerId(request: InitProducerIdOf): Promise<ProducerIdAndEpoch> {
    this.#checkInit(request);
    let freshProducerId: number | null = null;
    let hasAborted = false;
    for (;;) {
      const shard = this.#shardOf(request.transactionalId);
      const decided = initProducerId(
        shard.state.get(request.transactionalId),
        request,
        shard.now().wallMs,
        freshProducerId,
      );
      if (decided === NEEDS_PRODUCER_ID) {
        freshProducerId = await this.#options.nextProducerId();
      } else if (!("abortFirst" in decided)) {
        return await this.#carryOut(shard, decided);
      } else if (hasAborted) {
        throw new KafkaError("CONCURRENT_TRANSACTIONS");
      } else {
        hasAborted = true;
        const { abortFirst } = decided;
        await this.#carryOut(shard, { next: abortFirst, response: null });
      }
    }
  }

  #checkInit(request: InitProducerIdOf): void {
    const { producerId, producerEpoch, transactionTimeoutMs } = request;
    const isNew = producerId === NO_PRODUCER_ID;
    if (isNew !== (producerEpoch === NO_PRODUCER_EPOCH)) {
      throw new KafkaError(
        "INVALID_REQUEST",
        `A producer has an id and an epoch, or neither: ${producerId}, ${producerEpoch}.`,
      );
    }
    const maxMs = this.#options.config()["transaction.max.timeout.ms"];
    if (transactionTimeoutMs <= 0 || transactionTimeoutMs > maxMs) {
      throw new KafkaError(
        "INVALID_TRANSACTION_TIMEOUT",
        `A transaction's timeout is from 1 to ${maxMs} ms (transaction.max.timeout.ms), not ${transactionTimeoutMs}.`,
      );
    }
  }

  /**
   * Makes partitions part of the transaction, before anything is written to them.
   *
   * @throws {KafkaError} INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED,
   * CONCURRENT_TRANSACTIONS.
   */
  addPartitions(request: AddPartitionsOf): void | Promise<void> {
    const shard = this.#shardOf(request.transactionalId);
    const state = shard.state.get(request.transactionalId);
    const nowMs = shard.now().wallMs;
    return this.#carryOut(shard, addPartitions(state, request, nowMs));
  }

  /**
   * Whether partitions are part of the open transaction: 0 where they are,
   * TRANSACTION_ABORTABLE where they are not; one code for each, in order.
   *
   * @throws {KafkaError} INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED,
   * CONCURRENT_TRANSACTIONS, also where the state is not durable yet.
   */
  verifyPartitions(request: PartitionsOf): readonly number[] {
    const shard = this.#shardOf(request.transactionalId);
    const state = shard.state.get(request.transactionalId);
    const codes = verifyPartitions(state, request);
    if (state !== undefined && this.#notDurable.has(state)) {
      throw new KafkaError(
        "CONCURRENT_TRANSACTIONS",
        `The transaction of "${request.transactionalId}" is not durable yet.`,
      );
    }
    return codes;
  }

  /**
   * Commits or aborts; answers once that is decided for good, with what the
   * producer goes on with. The markers follow.
   *
   * @throws {KafkaError} INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED,
   * CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE.
   */
  endTransaction(
    request: EndTransactionOf,
  ): ProducerIdAndEpoch | Promise<ProducerIdAndEpoch> {
    return this.#end(request, null);
  }

  #end(
    request: EndTransactionOf,
    freshProducerId: number | null,
  ): ProducerIdAndEpoch | Promise<ProducerIdAndEpoch> {
    const shard = this.#shardOf(request.transactionalId);
    const state = shard.state.get(request.transactionalId);
    const nowMs = shard.now().wallMs;
    const decided = endTransaction(state, request, nowMs, freshProducerId);
    if (decided !== NEEDS_PRODUCER_ID) return this.#carryOut(shard, decided);
    return Promise.resolve(this.#options.nextProducerId()).then((fresh) =>
      this.#end(request, fresh)
    );
  }

  /** Stores a transition, and sets out to write markers where it takes them. */
  #carryOut<T>(
    shard: TransactionShard,
    { next, response }: Transition<T>,
  ): T | Promise<T> {
    const records = next === null ? [] : [recordOf(next)];
    const answer = shard.run(() => ({ records, response }));
    if (next === null) return answer;
    if (isPrepared(next)) this.#marking.begin(shard, next);
    if (!(answer instanceof Promise)) return answer;
    this.#notDurable.add(next);
    return answer.then((durable) => {
      this.#notDurable.delete(next);
      return durable;
    });
  }

  /**
   * The transactions that this broker coordinates, if they are all loaded. For
   * people to look at: what they see may not be durable yet.
   */
  list(filter: ListFilter = {}): TransactionListing[] {
    return [...this.#shards.all()].flatMap((shard) => {
      shard.assertActive();
      const { wallMs } = shard.now();
      return listTransactions(shard.state.values(), filter, wallMs);
    });
  }

  /**
   * One of them, as `list`.
   *
   * @throws {KafkaError} TRANSACTIONAL_ID_NOT_FOUND.
   */
  describe(transactionalId: string): TransactionDescription {
    const { state } = this.#shardOf(transactionalId);
    return describeTransaction(state, transactionalId);
  }

  #shardOf(transactionalId: string): TransactionShard {
    if (transactionalId === "") {
      throw new KafkaError("INVALID_REQUEST", "The transactional id is empty.");
    }
    return this.#shards.shardOf(transactionalId);
  }
}
