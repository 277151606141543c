// A batch with its records compressed otherwise than they came: where the topic
// asks for another codec, or the producer's stream is not what all clients read.
//
// Source: observed of Apache Kafka 3.9; KIP-390 (levels).

import {
  compressionByName,
  type CompressionName,
  compressions,
} from "../compress/codecs.ts";
import { isPortableLz4 } from "../compress/lz4.ts";
import type { BatchHeader } from "./batch_header.ts";
import { rebaseRecords } from "./rebase_records.ts";
import { encodeBatchAround } from "./record_batch.ts";
import type { ValidateOptions } from "./validate.ts";
import type { BatchTimes } from "./validate_checks.ts";

/** How a batch of magic 2 has to be compressed anew; `null` where it may stay as it is. */
export function targetOfBatch(
  header: BatchHeader,
  inside: Uint8Array,
  options: ValidateOptions,
): CompressionName | null {
  // Markers that were written plain stay so, as in Kafka.
  if (header.isControl && header.compressionId === 0) return null;
  const target = targetCompression(options, header.compressionId);
  if (target !== null) return target;
  const { name } = compressions[header.compressionId];
  return name === "lz4" && !isPortableLz4(inside) ? name : null;
}

/** The compression that the topic wants instead; `null` for the one that is there. */
export function targetCompression(
  options: ValidateOptions,
  sourceId: number,
): CompressionName | null {
  const wanted = options.compressionType;
  if (wanted === "producer") return null;
  const name = wanted === "uncompressed" ? "none" : wanted;
  return compressionByName(name).id === sourceId ? null : name;
}

/** A batch that has passed all checks. */
export interface CheckedBatch {
  readonly header: BatchHeader;
  /** Its records, inflated. */
  readonly content: Uint8Array;
  readonly times: BatchTimes;
}

/** The same batch with its records compressed otherwise. */
export function recompress(
  { header, content, times }: CheckedBatch,
  compression: CompressionName,
  options: ValidateOptions,
): Uint8Array {
  const { recordCount } = header;
  const { appendTimeMs, firstDelta } = times;
  // As in every new batch, times count from the first record's.
  const plain = appendTimeMs !== null
    ? rebaseRecords(content, recordCount, () => 0)
    : firstDelta !== 0
    ? rebaseRecords(content, recordCount, (delta) => delta - firstDelta)
    : content;
  return encodeBatchAround(plain, {
    recordCount,
    baseTimestampMs: appendTimeMs ?? header.baseTimestampMs + firstDelta,
    maxTimestampMs: times.maxTimestampMs,
    compression,
    compressionLevel: options.compressionLevel,
    baseOffset: options.baseOffset,
    partitionLeaderEpoch: options.leaderEpoch,
    logAppendTimeMs: logAppendTime(options),
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    isTransactional: header.isTransactional,
    isControl: header.isControl,
  });
}

/** The time that all records get; `undefined` where they keep their own. */
export function logAppendTime(options: ValidateOptions): number | undefined {
  return options.timestampType === "LogAppendTime" ? options.nowMs : undefined;
}
