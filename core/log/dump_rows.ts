// What is in a file of the log, one row for each thing in it. Printing is left to
// whoever asks.

import type { CompressionName } from "../compress/codecs.ts";
import type { TimestampType } from "../record/batch_header.ts";
import type { Record } from "../record/record_batch.ts";
import type { TransactionMarker } from "./producer_state.ts";
import type { ProducerSnapshotEntry } from "./producer_snapshot.ts";
import type { AbortedTransaction } from "./transaction_index.ts";

/** A batch (or a message of magic 0 and 1) of a `.log`. */
export interface BatchRow {
  readonly kind: "batch";
  readonly position: number;
  readonly sizeBytes: number;
  readonly magic: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly recordCount: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly partitionLeaderEpoch: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** `null` where not set. */
  readonly deleteHorizonMs: number | null;
  readonly timestampType: TimestampType | "NoTimestamp";
  readonly maxTimestampMs: number;
  /** `unknown` for numbers that no codec has. */
  readonly compression: CompressionName | "unknown";
  readonly crc: number;
  readonly isValid: boolean;
}

/** A record of the batch before it. */
export interface RecordRow extends Record {
  readonly kind: "record";
  /** -1 without idempotence. */
  readonly sequence: number;
  /** In a control batch: how a transaction ended; else `null`. */
  readonly marker: TransactionMarker | null;
}

/** An entry of an `.index`. */
export interface OffsetIndexRow {
  readonly kind: "offsetIndex";
  readonly offset: number;
  readonly position: number;
}

/** An entry of a `.timeindex`. */
export interface TimeIndexRow {
  readonly kind: "timeIndex";
  readonly timestampMs: number;
  readonly offset: number;
}

/** An entry of a `.txnindex`. */
export interface TransactionIndexRow extends AbortedTransaction {
  readonly kind: "transactionIndex";
}

/** A producer of a `.snapshot`. */
export interface ProducerRow extends ProducerSnapshotEntry {
  readonly kind: "producer";
}

/** A line of a `leader-epoch-checkpoint`. */
export interface LeaderEpochRow {
  readonly kind: "leaderEpoch";
  readonly epoch: number;
  readonly startOffset: number;
}

/** A line of a log directory's checkpoint. */
export interface CheckpointRow {
  readonly kind: "checkpoint";
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What `partition.metadata` says. */
export interface PartitionMetadataRow {
  readonly kind: "partitionMetadata";
  /** Base64url. */
  readonly topicId: string;
}

/** Bytes that make no sense; the file is not read further, or the batch not deeper. */
export interface FaultRow {
  readonly kind: "fault";
  /** In bytes; `null` where the file as a whole is meant. */
  readonly position: number | null;
  readonly reason: string;
}

export type DumpRow =
  | BatchRow
  | RecordRow
  | OffsetIndexRow
  | TimeIndexRow
  | TransactionIndexRow
  | ProducerRow
  | LeaderEpochRow
  | CheckpointRow
  | PartitionMetadataRow
  | FaultRow;
