// Messages of magic 0 and 1: what clients before Kafka 0.11 send and ask for.
//
//    0 offset: int64
//    8 size: int32             bytes after this field
//   12 crc: uint32             CRC-32 of everything after it
//   16 magic: int8             0 or 1
//   17 attributes: int8        bits 0-2 compression, bit 3 timestamp type (magic 1)
//   18 timestamp: int64        magic 1 only
//      key: int32 size (-1 null), bytes
//      value: int32 size (-1 null), bytes
// A compressed set is one wrapper message whose value is the set and whose offset
// is that of the last message inside. Inside, messages of magic 0 have their real
// offsets, those of magic 1 count from 0.
//
// Source: Kafka documentation, "Old Message Format"; observed: testdata/record/.

import { concatBytes } from "../base/bytes.ts";
import {
  readInt32,
  readInt64,
  readUint32,
  writeInt32,
  writeInt64,
} from "../base/big_endian.ts";
import { crc32 } from "../base/crc32.ts";
import {
  compress,
  compressionByName,
  type CompressionName,
} from "../compress/codecs.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  COMPRESSION_MASK,
  LOG_APPEND_TIME_FLAG,
  LOG_OVERHEAD_BYTES,
  NO_TIMESTAMP,
} from "./batch_header.ts";
import { DECOMPRESSED_BYTES_MAX, decompressRecords } from "./decompress.ts";
import { NO_HEADERS, type Record, type RecordInput } from "./record.ts";

/** The formats of this file. */
export type OldMagic = 0 | 1;

/**
 * Most messages that one wrapper may hold: each becomes an object, and an empty
 * one costs next to nothing in what a producer sends.
 */
export const WRAPPED_MESSAGES_MAX = 1_000_000;

const CRC_POSITION = 12;
const MAGIC_POSITION = 16;
const ATTRIBUTES_POSITION = 17;
const TIMESTAMP_POSITION = 18;

/** Size of a message with neither key nor value. */
export function messageOverhead(magic: OldMagic): number {
  return LOG_OVERHEAD_BYTES + (magic === 0 ? 14 : 22);
}

/** One message as it stands, not looked into where it is a wrapper. */
export interface Message {
  readonly offset: number;
  /** With offset and size fields. */
  readonly sizeBytes: number;
  readonly magic: OldMagic;
  readonly attributes: number;
  /** -1 in magic 0. */
  readonly timestampMs: number;
  /** A view. */
  readonly key: Uint8Array | null;
  /** A view. */
  readonly value: Uint8Array | null;
}

/** Whether the message is a wrapper around a compressed set. */
export function isWrapper(message: Message): boolean {
  return (message.attributes & COMPRESSION_MASK) !== 0;
}

/** Whether the message says that it has the time of its append. */
export function isStamped(message: Message): boolean {
  return message.magic === 1 &&
    (message.attributes & LOG_APPEND_TIME_FLAG) !== 0;
}

function damaged(offset: number, reason: string): KafkaError {
  return new KafkaError(
    "CORRUPT_MESSAGE",
    `The message at offset ${offset} is damaged: ${reason}.`,
  );
}

/**
 * Reads the message at a position, checksum included.
 *
 * @throws {KafkaError} `CORRUPT_MESSAGE`.
 */
export function readMessage(bytes: Uint8Array, position: number): Message {
  const left = bytes.length - position;
  if (left < MAGIC_POSITION + 1) throw damaged(-1, `${left} bytes are left`);
  const offset = readInt64(bytes, position);
  const sizeBytes = LOG_OVERHEAD_BYTES + readInt32(bytes, position + 8);
  const magic = bytes[position + MAGIC_POSITION];
  if (magic !== 0 && magic !== 1) throw damaged(offset, `magic ${magic}`);
  if (sizeBytes < messageOverhead(magic) || sizeBytes > left) {
    throw damaged(offset, `its size is ${sizeBytes}, ${left} bytes are left`);
  }
  const end = position + sizeBytes;
  const crc = crc32(bytes.subarray(position + MAGIC_POSITION, end));
  if (crc !== readUint32(bytes, position + CRC_POSITION)) {
    throw damaged(offset, "its checksum is wrong");
  }
  const keyPosition = position + TIMESTAMP_POSITION + (magic === 0 ? 0 : 8);
  const keySize = readInt32(bytes, keyPosition);
  const valuePosition = keyPosition + 4 + Math.max(0, keySize);
  if (keySize < -1 || valuePosition + 4 > end) {
    throw damaged(offset, `a key of ${keySize} bytes`);
  }
  const valueSize = readInt32(bytes, valuePosition);
  if (
    valueSize < -1 || valuePosition + 4 + Math.max(0, valueSize) !== end
  ) {
    throw damaged(offset, `a value of ${valueSize} bytes`);
  }
  return {
    offset,
    sizeBytes,
    magic,
    attributes: bytes[position + ATTRIBUTES_POSITION],
    timestampMs: magic === 0
      ? NO_TIMESTAMP
      : readInt64(bytes, position + TIMESTAMP_POSITION),
    key: keySize === -1
      ? null
      : bytes.subarray(keyPosition + 4, keyPosition + 4 + keySize),
    value: valueSize === -1 ? null : bytes.subarray(valuePosition + 4, end),
  };
}

function recordOf(
  message: Message,
  offset: number,
  timestampMs: number,
): Record {
  const { key, value } = message;
  return { offset, timestampMs, key, value, headers: NO_HEADERS };
}

/**
 * The records of one message: itself, or those inside where it is a wrapper.
 *
 * @throws {KafkaError} `CORRUPT_MESSAGE`, `UNSUPPORTED_COMPRESSION_TYPE`,
 * `MESSAGE_TOO_LARGE` where it inflates past `maxDecompressedBytes`,
 * `INVALID_RECORD` for a wrapper inside a wrapper, or an empty one.
 */
export function recordsOfMessage(
  message: Message,
  maxDecompressedBytes = DECOMPRESSED_BYTES_MAX,
): Record[] {
  if (!isWrapper(message)) {
    return [recordOf(message, message.offset, message.timestampMs)];
  }
  if ((message.attributes & COMPRESSION_MASK) > 3) {
    throw new KafkaError(
      "UNSUPPORTED_COMPRESSION_TYPE",
      `A message of magic ${message.magic} cannot have the compression ${
        message.attributes & COMPRESSION_MASK
      }.`,
    );
  }
  if (message.value === null) {
    throw damaged(message.offset, "it is compressed without a value");
  }
  const content = decompressRecords(
    message.attributes,
    message.value,
    maxDecompressedBytes,
  );
  const inner: Message[] = [];
  for (let position = 0; position < content.length;) {
    const each = readMessage(content, position);
    if (isWrapper(each) || each.magic !== message.magic) {
      throw new KafkaError(
        "INVALID_RECORD",
        `The compressed message at offset ${message.offset} has another compressed message or another magic inside.`,
      );
    }
    if (inner.length === WRAPPED_MESSAGES_MAX) {
      throw new KafkaError(
        "MESSAGE_TOO_LARGE",
        `The compressed message at offset ${message.offset} has more than ${WRAPPED_MESSAGES_MAX} messages inside.`,
      );
    }
    inner.push(each);
    position += each.sizeBytes;
  }
  if (inner.length === 0) {
    throw new KafkaError(
      "INVALID_RECORD",
      `The compressed message at offset ${message.offset} is empty.`,
    );
  }
  const shift = message.magic === 0 ? 0 : message.offset -
    inner[inner.length - 1].offset;
  const hasLogAppendTime = isStamped(message);
  return inner.map((each) =>
    recordOf(
      each,
      each.offset + shift,
      hasLogAppendTime ? message.timestampMs : each.timestampMs,
    )
  );
}

/** Every message of a set that is whole. @throws {KafkaError} `CORRUPT_MESSAGE`. */
export function readMessages(bytes: Uint8Array): Message[] {
  const messages: Message[] = [];
  for (let position = 0; position < bytes.length;) {
    const message = readMessage(bytes, position);
    messages.push(message);
    position += message.sizeBytes;
  }
  return messages;
}

/** What a set is made of. Headers have no place in it and are dropped. */
export interface MessageSetContent {
  readonly magic: OldMagic;
  readonly records: readonly RecordInput[];
  /** Not zstd. */
  readonly compression?: CompressionName;
  readonly compressionLevel?: number;
  /** Offset of the first record that has none of its own; 0 where left out. */
  readonly baseOffset?: number;
  /** Makes it a set of LogAppendTime (magic 1). */
  readonly logAppendTimeMs?: number;
}

interface MessageFields {
  readonly magic: OldMagic;
  readonly offset: number;
  readonly attributes: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

function writeBytesField(
  target: Uint8Array,
  position: number,
  bytes: Uint8Array | null,
): number {
  writeInt32(target, position, bytes === null ? -1 : bytes.length);
  if (bytes === null) return position + 4;
  target.set(bytes, position + 4);
  return position + 4 + bytes.length;
}

function encodeMessage(fields: MessageFields): Uint8Array {
  const { magic, key, value } = fields;
  const sizeBytes = messageOverhead(magic) + (key?.length ?? 0) +
    (value?.length ?? 0);
  const bytes = new Uint8Array(sizeBytes);
  writeInt64(bytes, 0, fields.offset);
  writeInt32(bytes, 8, sizeBytes - LOG_OVERHEAD_BYTES);
  bytes[MAGIC_POSITION] = magic;
  bytes[ATTRIBUTES_POSITION] = fields.attributes;
  let position = TIMESTAMP_POSITION;
  if (magic === 1) {
    writeInt64(bytes, position, fields.timestampMs);
    position += 8;
  }
  position = writeBytesField(bytes, position, key);
  writeBytesField(bytes, position, value);
  writeInt32(bytes, CRC_POSITION, crc32(bytes.subarray(MAGIC_POSITION)));
  return bytes;
}

/** Encodes a set: messages one after another, or the wrapper around them. */
export function encodeMessageSet(content: MessageSetContent): Uint8Array {
  const { magic, records } = content;
  const compression = content.compression ?? "none";
  if (compression === "zstd") {
    throw new KafkaError(
      "UNSUPPORTED_COMPRESSION_TYPE",
      `A message of magic ${magic} cannot be compressed with zstd.`,
    );
  }
  if (records.length === 0) return new Uint8Array(0);
  const isCompressed = compression !== "none";
  const timeFlag = magic === 1 && content.logAppendTimeMs !== undefined
    ? LOG_APPEND_TIME_FLAG
    : 0;
  const firstOffset = records[0].offset ?? content.baseOffset ?? 0;
  let offset = firstOffset - 1;
  let maxTimestampMs = NO_TIMESTAMP;
  const messages = records.map((record) => {
    offset = record.offset ?? offset + 1;
    const timestampMs = content.logAppendTimeMs ?? record.timestampMs;
    maxTimestampMs = Math.max(maxTimestampMs, timestampMs);
    return encodeMessage({
      magic,
      offset: isCompressed && magic === 1 ? offset - firstOffset : offset,
      attributes: timeFlag,
      timestampMs,
      key: record.key,
      value: record.value,
    });
  });
  const set = concatBytes(messages);
  if (!isCompressed) return set;
  return encodeMessage({
    magic,
    offset,
    attributes: compressionByName(compression).id | timeFlag,
    timestampMs: maxTimestampMs,
    key: null,
    value: compress(compression, set, {
      level: content.compressionLevel,
      legacyLz4: magic === 0,
    }),
  });
}
