// Batches and messages one after another, as logs and fetch answers hold them:
// magic 0, 1 and 2 may follow each other.

import { KafkaError } from "../wire/kafka/errors.ts";
import {
  BATCH_HEADER_BYTES,
  batchMagic,
  batchSize,
  LOG_OVERHEAD_BYTES,
  MAGIC_POSITION,
} from "./batch_header.ts";
import {
  messageOverhead,
  readMessage,
  recordsOfMessage,
} from "./message_set.ts";
import {
  decodeBatch,
  type DecodeBatchOptions,
  type Record,
} from "./record_batch.ts";

/** Where one batch (magic 2) or one outer message (magic 0, 1) lies. */
export interface BatchSpan {
  readonly position: number;
  readonly sizeBytes: number;
  readonly magic: 0 | 1 | 2;
}

/**
 * The span of the batch at a position; `null` where it is not whole, as at the
 * end of a fetch answer.
 *
 * @throws {KafkaError} `CORRUPT_MESSAGE` where the size or magic cannot be.
 */
export function batchAt(bytes: Uint8Array, position: number): BatchSpan | null {
  const left = bytes.length - position;
  if (left < LOG_OVERHEAD_BYTES) return null;
  const sizeBytes = batchSize(bytes, position);
  if (sizeBytes < messageOverhead(0)) {
    throw new KafkaError(
      "CORRUPT_MESSAGE",
      `A batch at position ${position} has a size of ${sizeBytes} bytes.`,
    );
  }
  if (left <= MAGIC_POSITION || sizeBytes > left) return null;
  const magic = batchMagic(bytes, position);
  if (magic !== 0 && magic !== 1 && magic !== 2) {
    throw new KafkaError(
      "CORRUPT_MESSAGE",
      `A batch at position ${position} has the unknown magic ${magic}.`,
    );
  }
  const sizeMin = magic === 2 ? BATCH_HEADER_BYTES : messageOverhead(magic);
  if (sizeBytes < sizeMin) {
    throw new KafkaError(
      "CORRUPT_MESSAGE",
      `A batch at position ${position} has a size of ${sizeBytes} bytes, magic ${magic} needs ${sizeMin}.`,
    );
  }
  return { position, sizeBytes, magic };
}

/**
 * The whole batches in `bytes`; one that is cut off at the end is left out.
 *
 * @throws {KafkaError} `CORRUPT_MESSAGE`, when the iteration reaches it.
 */
export function* batchesIn(
  bytes: Uint8Array,
  start = 0,
): Generator<BatchSpan, void> {
  for (let position = start;;) {
    const span = batchAt(bytes, position);
    if (span === null) return;
    yield span;
    position += span.sizeBytes;
  }
}

/**
 * The records of one batch of any magic. Byte arrays are views; copy to keep.
 *
 * @throws {KafkaError} As `decodeBatch` and `recordsOfMessage`.
 */
export function recordsOfBatch(
  bytes: Uint8Array,
  span: BatchSpan,
  options: DecodeBatchOptions = {},
): Record[] {
  return span.magic === 2
    ? decodeBatch(bytes, span.position, options)
    : recordsOfMessage(
      readMessage(bytes, span.position),
      options.maxDecompressedBytes,
    );
}
