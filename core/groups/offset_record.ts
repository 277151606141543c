// The record of a committed offset by hand: nearly all records are these, and a
// million of them are read at a start.
//
//   key:    int16 1; group, topic: int16 size, UTF-8; partition: int32
//   value:  int16 3; offset: int64; leaderEpoch: int32; metadata: int16 size,
//           UTF-8; commitTimestamp: int64
//
// All other versions go through their schemas; a test holds both ways together.

import { DecodeError, type Reader } from "../wire/reader.ts";
import { EncodeError, utf8Size, type Writer } from "../wire/writer.ts";
import type { RecordOf } from "./coordinator_record.ts";

export const OFFSET_KEY_VERSION = 1;
export const OFFSET_VALUE_VERSION = 3;

/** Longest string that an int16 counts. */
const STRING_BYTES_MAX = 32_767;
const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

type OffsetRecord = RecordOf<"offsetCommit">;

/** Writes the key, version included. */
export function writeOffsetKey(
  writer: Writer,
  key: OffsetRecord["key"],
): void {
  writer.int16(OFFSET_KEY_VERSION);
  writeString(writer, key.group);
  writeString(writer, key.topic);
  writer.int32(key.partition);
}

/** Writes the value, version included. */
export function writeOffsetValue(
  writer: Writer,
  value: NonNullable<OffsetRecord["value"]>,
): void {
  writer.int16(OFFSET_VALUE_VERSION);
  writer.int64(value.offset);
  writer.int32(value.leaderEpoch);
  writeString(writer, value.metadata);
  writer.int64(value.commitTimestamp);
}

/** How many bytes `writeOffsetKey` writes. */
export function offsetKeySize(key: OffsetRecord["key"]): number {
  return 10 + utf8Size(key.group) + utf8Size(key.topic);
}

/** How many bytes `writeOffsetValue` writes. */
export function offsetValueSize(
  value: NonNullable<OffsetRecord["value"]>,
): number {
  return 24 + utf8Size(value.metadata);
}

/** Reads a key of version 0 or 1 after its version. @throws {DecodeError} */
export function readOffsetKey(reader: Reader): OffsetRecord["key"] {
  return {
    group: readString(reader),
    topic: readString(reader),
    partition: reader.int32(),
  };
}

/** Reads a value of version 3 after its version. @throws {DecodeError} */
export function readOffsetValue(
  reader: Reader,
): NonNullable<OffsetRecord["value"]> {
  return {
    offset: reader.int64(),
    leaderEpoch: reader.int32(),
    metadata: readString(reader),
    commitTimestamp: reader.int64(),
    expireTimestamp: -1,
    topicId: ZERO_UUID,
  };
}

function readString(reader: Reader): string {
  const size = reader.int16();
  if (size < 0) throw new DecodeError("string is null", reader.position);
  return reader.utf8(size);
}

function writeString(writer: Writer, text: string): void {
  const size = utf8Size(text);
  if (size > STRING_BYTES_MAX) {
    throw new EncodeError(`A string of ${size} bytes does not fit an int16`);
  }
  writer.int16(size);
  writer.text(text, size);
}
