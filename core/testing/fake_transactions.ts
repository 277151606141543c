// The transactions of a fake cluster: enough of a coordinator's rules to find a
// producer's mistakes, by the older protocol and by the newer one, in which each
// transaction has an epoch of its own.

import {
  batchIsTransactional,
  batchProducerEpoch,
  batchProducerId,
} from "../record/batch_header.ts";
import { encodeEndTransactionMarker } from "../record/control_record.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import * as addOffsets from "../wire/kafka/messages/add_offsets_to_txn.ts";
import * as addPartitions from "../wire/kafka/messages/add_partitions_to_txn.ts";
import * as endTxn from "../wire/kafka/messages/end_txn.ts";
import * as init from "../wire/kafka/messages/init_producer_id.ts";
import * as offsetCommit from "../wire/kafka/messages/txn_offset_commit.ts";
import type { FakeBroker, FakeCluster } from "./fake_broker.ts";
import type { FakePartition } from "./fake_cluster.ts";
import { FakeGroup, serveGroups } from "./fake_group.ts";

/** Which protocol the cluster has decided on. */
export type TransactionVersion = 0 | 2;

/** What the coordinator knows of one transactional id. */
export class FakeTransaction {
  producerId: number;
  producerEpoch = -1;
  /** Of which another epoch was asked for last: the question may come again. */
  renewedEpoch = -1;
  isOpen = false;
  lastResult: "commit" | "abort" | null = null;
  /** What it wrote to, with the offset of its first record there; -1 before that. */
  readonly partitions = new Map<FakePartition, number>();
  /** Offsets that wait for the end, by group. */
  readonly offsets = new Map<string, Map<string, number>>();
  readonly groups = new Set<string>();

  constructor(producerId: number) {
    this.producerId = producerId;
  }
}

/** Some fake brokers' transactions, of which one coordinates all. */
export class FakeTransactions {
  readonly byId = new Map<string, FakeTransaction>();
  readonly groups: Map<string, FakeGroup>;
  readonly #cluster: FakeCluster;
  readonly #version: TransactionVersion;

  constructor(
    cluster: FakeCluster,
    coordinator: FakeBroker,
    version: TransactionVersion,
  ) {
    this.#cluster = cluster;
    this.#version = version;
    this.groups = serveGroups(cluster, coordinator);
    for (const broker of cluster.brokers) {
      broker.features.set("transaction.version", version);
      broker.ranges.set(apiKeys.Produce, [3, version === 2 ? 12 : 11]);
    }
    cluster.state.checkProduced = (place, batch, request) =>
      this.#checkProduced(place, batch, request.transactionalId);
    this.#serve(coordinator);
  }

  /** Ends a transaction whose time is up, as the coordinator does. */
  expire(transactionalId: string): void {
    const transaction = this.byId.get(transactionalId)!;
    transaction.producerEpoch++;
    this.#end(transaction, "abort");
  }

  #serve(broker: FakeBroker): void {
    const last = this.#version === 2 ? 5 : 4;
    broker.serve(
      init.initProducerIdRequest,
      init.initProducerIdResponse,
      (request) =>
        request.transactionalId === null
          ? {
            throttleTimeMs: 0,
            errorCode: 0,
            producerId: broker.state.newProducerId(),
            producerEpoch: 0,
          }
          : this.#init(request.transactionalId, request),
    );
    broker.serve(
      addPartitions.addPartitionsToTxnRequest,
      addPartitions.addPartitionsToTxnResponse,
      (request) => this.#addPartitions(request),
    );
    broker.serve(
      addOffsets.addOffsetsToTxnRequest,
      addOffsets.addOffsetsToTxnResponse,
      (request) => {
        const found = this.#current(request);
        if (typeof found === "number") return refused(found);
        found.isOpen = true;
        found.groups.add(request.groupId);
        return refused(0);
      },
    );
    broker.serve(
      offsetCommit.txnOffsetCommitRequest,
      offsetCommit.txnOffsetCommitResponse,
      (request) => this.#commitOffsets(request),
    );
    broker.serve(
      endTxn.endTxnRequest,
      endTxn.endTxnResponse,
      (request) => this.#endTransaction(request),
    );
    broker.ranges.set(apiKeys.InitProducerId, [0, 5]);
    broker.ranges.set(apiKeys.TxnOffsetCommit, [0, last]);
    broker.ranges.set(apiKeys.EndTxn, [0, last]);
  }

  #init(transactionalId: string, asked: init.InitProducerIdRequest) {
    const { state } = this.#cluster;
    let known = this.byId.get(transactionalId);
    if (known === undefined) {
      known = new FakeTransaction(state.newProducerId());
      this.byId.set(transactionalId, known);
    }
    const isAskedAgain = asked.producerEpoch >= 0 &&
      asked.producerId === known.producerId &&
      asked.producerEpoch === known.renewedEpoch;
    if (isAskedAgain) return identified(known);
    const isOther = asked.producerEpoch >= 0 &&
      (asked.producerId !== known.producerId ||
        asked.producerEpoch !== known.producerEpoch);
    if (isOther) {
      return {
        ...refused(ErrorCode.PRODUCER_FENCED),
        producerId: -1,
        producerEpoch: -1,
      };
    }
    if (known.isOpen) this.#end(known, "abort");
    known.renewedEpoch = asked.producerEpoch;
    known.producerEpoch++;
    known.lastResult = null;
    return identified(known);
  }

  #addPartitions(request: addPartitions.AddPartitionsToTxnRequest) {
    const found = this.#current({
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
    });
    if (typeof found !== "number") found.isOpen = true;
    const resultsByTopicV3AndBelow = request.v3AndBelowTopics.map(
      ({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => {
          if (typeof found === "number") {
            return { partitionIndex, partitionErrorCode: found };
          }
          const place = this.#cluster.state.partition(name, partitionIndex)!;
          if (!found.partitions.has(place)) found.partitions.set(place, -1);
          return { partitionIndex, partitionErrorCode: 0 };
        }),
      }),
    );
    const { throttleTimeMs } = refused(0);
    return {
      throttleTimeMs,
      resultsByTransaction: [],
      resultsByTopicV3AndBelow,
    };
  }

  #commitOffsets(request: offsetCommit.TxnOffsetCommitRequest) {
    const found = this.#current(request);
    let errorCode = typeof found === "number" ? found : 0;
    const members = this.groups.get(request.groupId)?.members;
    if (request.memberId !== "" && !members?.has(request.memberId)) {
      errorCode ||= ErrorCode.UNKNOWN_MEMBER_ID;
    }
    if (typeof found !== "number" && errorCode === 0) {
      if (this.#version === 2) {
        found.isOpen = true;
        found.groups.add(request.groupId);
      }
      if (!found.groups.has(request.groupId)) {
        errorCode = ErrorCode.INVALID_TXN_STATE;
      }
    }
    return {
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, committedOffset }) => {
          if (typeof found !== "number" && errorCode === 0) {
            const pending = found.offsets.get(request.groupId) ?? new Map();
            found.offsets.set(request.groupId, pending);
            pending.set(`${name}-${partitionIndex}`, committedOffset);
          }
          return { partitionIndex, errorCode };
        }),
      })),
    };
  }

  #endTransaction(request: endTxn.EndTxnRequest) {
    const result = request.committed ? "commit" : "abort";
    const known = this.byId.get(request.transactionalId);
    const isNewer = this.#version === 2;
    if (
      isNewer && known?.lastResult === result &&
      request.producerEpoch === known.producerEpoch - 1
    ) return identified(known);
    const found = this.#current(request);
    if (typeof found === "number") return refused(found);
    if (!found.isOpen) {
      if (!isNewer && found.lastResult === result) return identified(found);
      if (!isNewer || result === "commit") {
        return refused(ErrorCode.INVALID_TXN_STATE);
      }
    }
    this.#end(found, result);
    if (isNewer) found.producerEpoch++;
    return identified(found);
  }

  #end(transaction: FakeTransaction, result: "commit" | "abort"): void {
    const { producerId, producerEpoch } = transaction;
    for (const [partition, firstOffset] of transaction.partitions) {
      if (result === "abort" && firstOffset >= 0) {
        partition.aborted.push({ producerId, firstOffset });
      }
      partition.append(
        encodeEndTransactionMarker({ type: result, coordinatorEpoch: 0 }, {
          timestampMs: 0,
          producerId,
          producerEpoch,
        }),
      );
    }
    if (result === "commit") {
      for (const [group, offsets] of transaction.offsets) {
        const known = this.groups.get(group) ?? new FakeGroup();
        this.groups.set(group, known);
        for (const [key, offset] of offsets) known.offsets.set(key, offset);
      }
    }
    const written = [...transaction.partitions.keys()];
    transaction.partitions.clear();
    transaction.offsets.clear();
    transaction.groups.clear();
    transaction.isOpen = false;
    transaction.lastResult = result;
    for (const partition of written) this.#holdBack(partition);
  }

  /** Committed readers stop before the first record of an open transaction. */
  #holdBack(partition: FakePartition): void {
    const firsts = [...this.byId.values()].flatMap(({ partitions }) => {
      const firstOffset = partitions.get(partition) ?? -1;
      return firstOffset < 0 ? [] : [firstOffset];
    });
    partition.lastStableOffset = firsts.length === 0
      ? null
      : Math.min(...firsts);
  }

  /** The transactional id's state, or why this producer must not change it. */
  #current(asked: {
    readonly transactionalId: string;
    readonly producerId: number;
    readonly producerEpoch: number;
  }): FakeTransaction | number {
    const known = this.byId.get(asked.transactionalId);
    if (known === undefined || known.producerId !== asked.producerId) {
      return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
    }
    return known.producerEpoch === asked.producerEpoch
      ? known
      : ErrorCode.PRODUCER_FENCED;
  }

  /** What a leader asks before the first append. */
  #checkProduced(
    partition: FakePartition,
    batch: Uint8Array,
    transactionalId: string | null,
  ): number {
    if (!batchIsTransactional(batch)) return 0;
    const found = this.#current({
      transactionalId: transactionalId ?? "",
      producerId: batchProducerId(batch),
      producerEpoch: batchProducerEpoch(batch),
    });
    if (found === ErrorCode.PRODUCER_FENCED) {
      return ErrorCode.INVALID_PRODUCER_EPOCH;
    }
    if (typeof found === "number") return found;
    if (this.#version === 2) found.isOpen = true;
    else if (!found.partitions.has(partition)) {
      return ErrorCode.INVALID_TXN_STATE;
    }
    if ((found.partitions.get(partition) ?? -1) < 0) {
      found.partitions.set(partition, partition.endOffset);
    }
    this.#holdBack(partition);
    return 0;
  }
}

function identified({ producerId, producerEpoch }: FakeTransaction) {
  return { ...refused(0), producerId, producerEpoch };
}

function refused(errorCode: number) {
  return { throttleTimeMs: 0, errorCode };
}

/** Has one broker of a fake cluster coordinate transactions and groups. */
export function serveTransactions(
  cluster: FakeCluster,
  coordinator: FakeBroker,
  version: TransactionVersion = 2,
): FakeTransactions {
  return new FakeTransactions(cluster, coordinator, version);
}
