// Record batches and message sets that Kafka itself wrote, one JSON line each:
// what the bytes hold beside the bytes, and whether ours are the same.

import { decodeHex, encodeHex } from "../base/bytes.ts";
import { type CompressionName, compressions } from "../compress/codecs.ts";
import { LOG_APPEND_TIME_FLAG } from "../record/batch_header.ts";
import { compressionOf } from "../record/convert.ts";
import {
  encodeMessageSet,
  isWrapper,
  type OldMagic,
  readMessages,
} from "../record/message_set.ts";
import {
  decodeBatch,
  encodeBatch,
  readBatchHeader,
  type Record,
} from "../record/record_batch.ts";
import { batchesIn, recordsOfBatch } from "../record/record_stream.ts";

/** A line of the file. Byte arrays are in hex, header values in pairs of key and value. */
export interface BatchLine {
  readonly magic: 0 | 1 | 2;
  readonly compression: CompressionName;
  readonly timestampType: string;
  readonly baseOffset: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly partitionLeaderEpoch: number;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly records: readonly {
    readonly offset: number;
    readonly timestamp: number;
    readonly key: string | null;
    readonly value: string | null;
    readonly headers?: readonly (readonly [string, string | null])[];
  }[];
  readonly hex: string;
}

/** Whether a parsed line is one of these (rather than of a message). */
export function isBatchLine(line: unknown): line is BatchLine {
  return typeof line === "object" && line !== null && "magic" in line &&
    "records" in line && "hex" in line;
}

/**
 * Decodes the bytes of a line and compares; encodes what was decoded, and
 * compares again: with the same bytes where nothing is compressed, else with
 * what the new bytes decode to.
 *
 * @returns `null`, or what differs in one line.
 */
export function checkBatchLine(line: BatchLine): string | null {
  try {
    const bytes = decodeHex(line.hex);
    return checkHeader(line, bytes) ??
      checkRecords(line, decodeAll(bytes), "decoded") ??
      checkEncoding(line, bytes);
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

function decodeAll(bytes: Uint8Array): Record[] {
  return [...batchesIn(bytes)].flatMap((span) => recordsOfBatch(bytes, span));
}

function differs(what: string, actual: unknown, expected: unknown) {
  return actual === expected
    ? null
    : `${what} is ${actual}, expected ${expected}`;
}

function checkHeader(line: BatchLine, bytes: Uint8Array): string | null {
  if (line.magic !== 2) {
    const message = readMessages(bytes)[0];
    const timestampType = message.attributes & LOG_APPEND_TIME_FLAG
      ? "LogAppendTime"
      : "CreateTime";
    return differs("magic", message.magic, line.magic) ??
      differs("compression", compressionOf(message), line.compression) ??
      differs("timestampType", timestampType, line.timestampType);
  }
  const header = readBatchHeader(bytes);
  return differs("size", header.sizeBytes, bytes.length) ??
    differs(
      "compression",
      compressions[header.compressionId]?.name,
      line.compression,
    ) ??
    differs("timestampType", header.timestampType, line.timestampType) ??
    differs("baseOffset", header.baseOffset, line.baseOffset) ??
    differs("producerId", header.producerId, line.producerId) ??
    differs("producerEpoch", header.producerEpoch, line.producerEpoch) ??
    differs("baseSequence", header.baseSequence, line.baseSequence) ??
    differs(
      "partitionLeaderEpoch",
      header.partitionLeaderEpoch,
      line.partitionLeaderEpoch,
    ) ??
    differs("transactional", header.isTransactional, line.transactional) ??
    differs("control", header.isControl, line.control) ??
    differs("record count", header.recordCount, line.records.length);
}

function hexOrNull(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : encodeHex(bytes);
}

function checkRecords(
  line: BatchLine,
  records: readonly Record[],
  what: string,
): string | null {
  const actual = records.map((record) => ({
    offset: record.offset,
    timestamp: record.timestampMs,
    key: hexOrNull(record.key),
    value: hexOrNull(record.value),
    ...(line.magic === 2 && {
      headers: record.headers.map(({ key, value }) => [key, hexOrNull(value)]),
    }),
  }));
  if (actual.length !== line.records.length) {
    return `${what}: ${actual.length} records, expected ${line.records.length}`;
  }
  for (const [i, record] of actual.entries()) {
    const [got, expected] = [record, line.records[i]].map((value) =>
      JSON.stringify(value)
    );
    if (got !== expected) return `${what} record ${i}: ${got} ≠ ${expected}`;
  }
  return null;
}

function checkEncoding(line: BatchLine, bytes: Uint8Array): string | null {
  const encoded = line.magic === 2
    ? encodeAgain(bytes, line.compression)
    : encodeSetAgain(bytes, line);
  if (line.compression === "none") {
    return differs("encoded", encodeHex(encoded), line.hex);
  }
  return checkHeader(line, encoded) ??
    checkRecords(line, decodeAll(encoded), "encoded");
}

function encodeAgain(bytes: Uint8Array, compression: CompressionName) {
  const header = readBatchHeader(bytes);
  return encodeBatch({
    ...header,
    records: decodeBatch(bytes, 0, { keepCreateTime: true }),
    compression,
    deleteHorizonMs: header.deleteHorizonMs ?? undefined,
    logAppendTimeMs: header.timestampType === "LogAppendTime"
      ? header.maxTimestampMs
      : undefined,
  });
}

function encodeSetAgain(bytes: Uint8Array, line: BatchLine) {
  const outer = readMessages(bytes);
  return encodeMessageSet({
    magic: line.magic as OldMagic,
    records: decodeAll(bytes),
    compression: isWrapper(outer[0]) ? line.compression : "none",
    logAppendTimeMs: line.timestampType === "LogAppendTime"
      ? outer[outer.length - 1].timestampMs
      : undefined,
  });
}
