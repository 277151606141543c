// What a producer takes and gives back.

import { encodeUtf8 } from "../base/bytes.ts";
import type { RecordHeader } from "../record/record.ts";
import type { TopicPartition } from "./metadata.ts";

/** A record to be sent. Text is sent as UTF-8. */
export interface ProducerRecord {
  readonly topic: string;
  /** Where it has to go; chosen by key, or at random, where left out. */
  readonly partition?: number;
  /** Milliseconds since 1970 UTC; now where left out. */
  readonly timestampMs?: number;
  readonly key?: Uint8Array | string | null;
  /** `null` is a tombstone. */
  readonly value: Uint8Array | string | null;
  readonly headers?: readonly RecordHeader[];
}

/** Where a record was written. */
export interface RecordMetadata extends TopicPartition {
  /** -1 where the broker does not tell (acks=0). */
  readonly offset: number;
  /** The record's own, or the broker's under LogAppendTime. */
  readonly timestampMs: number;
}

/** Told once for each record: either `error` or `metadata` is `null`. */
export type DeliveryCallback = (
  error: Error | null,
  metadata: RecordMetadata | null,
) => void;

/** Bytes of a key or value. */
export function toBytes(
  content: Uint8Array | string | null | undefined,
): Uint8Array | null {
  if (content === null || content === undefined) return null;
  return typeof content === "string" ? encodeUtf8(content) : content;
}

/** Varints, attributes and deltas of a record, at most. */
const RECORD_OVERHEAD_BYTES = 36;
const HEADER_OVERHEAD_BYTES = 10;

/** The most that a record takes in a batch, without the batch's header. */
export function recordSizeMax(
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: readonly RecordHeader[] | undefined,
): number {
  let sizeBytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) +
    (value?.length ?? 0);
  if (headers !== undefined) {
    for (const header of headers) {
      // UTF-8 takes at most three bytes for a unit of UTF-16.
      sizeBytes += HEADER_OVERHEAD_BYTES + header.key.length * 3 +
        (header.value?.length ?? 0);
    }
  }
  return sizeBytes;
}
