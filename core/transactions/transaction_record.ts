// The records of `__transaction_state`, as values and as bytes.
//
//   key:    int16 0, the transactional id
//   value:  int16 version, the state's fields; null is a tombstone
//
// The latest record of an id holds. Version 1 of the value is written where there
// is something to say that version 0 cannot: the client's version, the producer id
// before or after this one.
//
// Source: Kafka's message schemas; observed: what Kafka 3.9 writes, and what its
// `DumpLogSegments --transaction-log-decoder` reads.

import { codecFor } from "../wire/kafka/codec.ts";
import {
  transactionLogKey,
  transactionLogValue,
} from "../wire/kafka/messages/transaction_records.ts";
import { DecodeError, Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import {
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  noPartitions,
  type PartitionsByTopic,
  type TransactionState,
  transactionStatuses,
} from "./transaction_state.ts";

/** A state of `null` forgets the id. */
export interface TransactionRecord {
  readonly transactionalId: string;
  readonly state: TransactionState | null;
}

/** A record as it lies in the log. */
export interface EncodedRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

const KEY_VERSION = 0;
/** The first of a value that has room for more, and the one before. */
const PLAIN_VALUE_VERSION = 0;
const TAGGED_VALUE_VERSION = 1;

/** The record that makes a state the one of its id. */
export function recordOf(state: TransactionState): TransactionRecord {
  return { transactionalId: state.transactionalId, state };
}

export function encodeRecord(
  { transactionalId, state }: TransactionRecord,
  writer: Writer = new Writer(),
): EncodedRecord {
  writer.position = 0;
  writer.int16(KEY_VERSION);
  codecFor(transactionLogKey, KEY_VERSION).encode(writer, { transactionalId });
  const keySize = writer.position;
  if (state !== null) writeValue(writer, state);
  const bytes = writer.written();
  return {
    key: bytes.subarray(0, keySize),
    value: state === null ? null : bytes.subarray(keySize),
  };
}

function writeValue(writer: Writer, state: TransactionState): void {
  const isPlain = state.clientVersion === 0 &&
    state.previousProducerId === NO_PRODUCER_ID &&
    state.nextProducerId === NO_PRODUCER_ID;
  const version = isPlain ? PLAIN_VALUE_VERSION : TAGGED_VALUE_VERSION;
  writer.int16(version);
  codecFor(transactionLogValue, version).encode(writer, {
    producerId: state.producerId,
    previousProducerId: state.previousProducerId,
    nextProducerId: state.nextProducerId,
    producerEpoch: state.producerEpoch,
    transactionTimeoutMs: state.timeoutMs,
    transactionStatus: transactionStatuses.indexOf(state.status),
    transactionPartitions: state.status === "Empty"
      ? null
      : toTopics(state.partitions),
    transactionLastUpdateTimestampMs: state.updateTimeMs,
    transactionStartTimestampMs: state.startTimeMs,
    clientTransactionVersion: state.clientVersion,
  });
}

function toTopics(partitions: PartitionsByTopic) {
  const topics: { topic: string; partitionIds: number[] }[] = [];
  for (const [topic, numbers] of partitions) {
    topics.push({ topic, partitionIds: numbers as number[] });
  }
  return topics;
}

/**
 * Reads a record; `null` where its kind is not known, and it means nothing here.
 *
 * @throws {DecodeError} Where the bytes are no such record.
 */
export function decodeRecord(
  key: Uint8Array,
  value: Uint8Array | null,
): TransactionRecord | null {
  const reader = new Reader(key);
  if (reader.int16() !== KEY_VERSION) return null;
  const { transactionalId } = codecFor(transactionLogKey, KEY_VERSION)
    .decode(reader);
  return {
    transactionalId,
    state: value === null ? null : decodeState(transactionalId, value),
  };
}

function decodeState(
  transactionalId: string,
  bytes: Uint8Array,
): TransactionState {
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version < PLAIN_VALUE_VERSION || version > TAGGED_VALUE_VERSION) {
    throw new DecodeError(`No version of a transaction's state: ${version}`, 0);
  }
  const value = codecFor(transactionLogValue, version).decode(reader);
  const status = transactionStatuses[value.transactionStatus];
  if (
    status === undefined || status === "Dead" || status === "PrepareEpochFence"
  ) {
    throw new DecodeError(
      `No state that a log has: ${value.transactionStatus}`,
      reader.position,
    );
  }
  return {
    transactionalId,
    producerId: value.producerId,
    producerEpoch: value.producerEpoch,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: value.transactionTimeoutMs,
    status,
    partitions: toPartitions(value.transactionPartitions),
    startTimeMs: value.transactionStartTimestampMs,
    updateTimeMs: value.transactionLastUpdateTimestampMs,
    clientVersion: value.clientTransactionVersion,
  };
}

function toPartitions(
  topics: readonly { topic: string; partitionIds: number[] }[] | null,
): PartitionsByTopic {
  if (topics === null || topics.length === 0) return noPartitions;
  return new Map(
    topics.map(({ topic, partitionIds }) => [topic, partitionIds]),
  );
}
