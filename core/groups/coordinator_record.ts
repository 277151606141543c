// The records of `__consumer_offsets`, as values and as bytes.
//
//   key:    int16 kind (Kafka's "version of the key"), the key's fields
//   value:  int16 version, the value's fields; null is a tombstone
//
// The latest record of a key holds; a tombstone ends it.
//
// Source: Kafka's message schemas; observed: what Kafka 3.9 writes, and what its
// `DumpLogSegments --offsets-decoder` reads.

import { codecFor } from "../wire/kafka/codec.ts";
import {
  consumerGroupCurrentMemberAssignmentKey,
  consumerGroupCurrentMemberAssignmentValue,
  consumerGroupMemberMetadataKey,
  consumerGroupMemberMetadataValue,
  consumerGroupMetadataKey,
  consumerGroupMetadataValue,
  consumerGroupPartitionMetadataKey,
  consumerGroupPartitionMetadataValue,
  consumerGroupRegularExpressionKey,
  consumerGroupRegularExpressionValue,
  consumerGroupTargetAssignmentMemberKey,
  consumerGroupTargetAssignmentMemberValue,
  consumerGroupTargetAssignmentMetadataKey,
  consumerGroupTargetAssignmentMetadataValue,
} from "../wire/kafka/messages/consumer_group_records.ts";
import {
  groupMetadataKey,
  groupMetadataValue,
  offsetCommitKey,
  offsetCommitValue,
} from "../wire/kafka/messages/group_records.ts";
import type { Infer, MessageSchema } from "../wire/kafka/schema.ts";
import {
  OFFSET_VALUE_VERSION,
  readOffsetKey,
  readOffsetValue,
  writeOffsetKey,
  writeOffsetValue,
} from "./offset_record.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";

/** `keyVersion` says what kind a record is; `valueVersion` is the one written. */
const kinds = {
  offsetCommit: {
    keyVersion: 1,
    key: offsetCommitKey,
    value: offsetCommitValue,
    valueVersion: OFFSET_VALUE_VERSION,
  },
  groupMetadata: {
    keyVersion: 2,
    key: groupMetadataKey,
    value: groupMetadataValue,
    valueVersion: 3,
  },
  consumerGroupMetadata: {
    keyVersion: 3,
    key: consumerGroupMetadataKey,
    value: consumerGroupMetadataValue,
    valueVersion: 0,
  },
  consumerGroupPartitionMetadata: {
    keyVersion: 4,
    key: consumerGroupPartitionMetadataKey,
    value: consumerGroupPartitionMetadataValue,
    valueVersion: 0,
  },
  consumerGroupMemberMetadata: {
    keyVersion: 5,
    key: consumerGroupMemberMetadataKey,
    value: consumerGroupMemberMetadataValue,
    valueVersion: 0,
  },
  consumerGroupTargetAssignmentMetadata: {
    keyVersion: 6,
    key: consumerGroupTargetAssignmentMetadataKey,
    value: consumerGroupTargetAssignmentMetadataValue,
    valueVersion: 0,
  },
  consumerGroupTargetAssignmentMember: {
    keyVersion: 7,
    key: consumerGroupTargetAssignmentMemberKey,
    value: consumerGroupTargetAssignmentMemberValue,
    valueVersion: 0,
  },
  consumerGroupCurrentMemberAssignment: {
    keyVersion: 8,
    key: consumerGroupCurrentMemberAssignmentKey,
    value: consumerGroupCurrentMemberAssignmentValue,
    valueVersion: 0,
  },
  consumerGroupRegularExpression: {
    keyVersion: 16,
    key: consumerGroupRegularExpressionKey,
    value: consumerGroupRegularExpressionValue,
    valueVersion: 0,
  },
} as const;

type Kinds = typeof kinds;

/** What a record is about. */
export type RecordKind = keyof Kinds;

/** A record of one kind; a value of `null` ends what the key names. */
export interface RecordOf<K extends RecordKind> {
  readonly kind: K;
  readonly key: Infer<Kinds[K]["key"]>;
  readonly value: Infer<Kinds[K]["value"]> | null;
}

/** A record of any kind. */
export type CoordinatorRecord = { [K in RecordKind]: RecordOf<K> }[RecordKind];

/** A record as it lies in the log. */
export interface EncodedRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** Kinds by the version of the key; 0 is the first form of an offset's key. */
const kindByKeyVersion: ReadonlyMap<number, RecordKind> = new Map([
  [0, "offsetCommit"],
  ...Object.entries(kinds).map(([kind, { keyVersion }]) =>
    [keyVersion, kind as RecordKind] as const
  ),
]);

/** Offsets with an end of their own need the one version that can say it. */
const EXPIRING_OFFSET_VERSION = 1;

/** The bytes of a record. */
export function encodeRecord(record: CoordinatorRecord): EncodedRecord {
  return encodeRecords([record])[0];
}

/** Room for most records; the buffer grows where it is too small. */
const RECORD_BYTES = 128;

/** The bytes of records, which share one buffer. */
export function encodeRecords(
  records: readonly CoordinatorRecord[],
): EncodedRecord[] {
  const writer = new Writer(new Uint8Array(records.length * RECORD_BYTES));
  const ends: number[] = [];
  for (const record of records) {
    writeKey(writer, record);
    ends.push(writer.position);
    writeValue(writer, record);
    ends.push(writer.position);
  }
  const bytes = writer.written();
  let start = 0;
  return records.map(({ value }, i) => {
    const keyEnd = ends[i * 2];
    const valueEnd = ends[i * 2 + 1];
    const key = bytes.subarray(start, keyEnd);
    start = valueEnd;
    return {
      key,
      value: value === null ? null : bytes.subarray(keyEnd, valueEnd),
    };
  });
}

function writeKey(writer: Writer, record: CoordinatorRecord): void {
  if (record.kind === "offsetCommit") {
    writeOffsetKey(writer, record.key);
    return;
  }
  const { keyVersion, key } = kinds[record.kind];
  write(writer, key, keyVersion, record.key);
}

function writeValue(writer: Writer, record: CoordinatorRecord): void {
  if (record.value === null) return;
  const version = valueVersionOf(record);
  if (record.kind === "offsetCommit" && version === OFFSET_VALUE_VERSION) {
    writeOffsetValue(writer, record.value);
  } else write(writer, kinds[record.kind].value, version, record.value);
}

/**
 * Reads a record; `null` where its kind is not known, and it means nothing here.
 *
 * @throws {DecodeError} Where the bytes are no such record.
 */
export function decodeRecord(
  key: Uint8Array,
  value: Uint8Array | null,
): CoordinatorRecord | null {
  const keyReader = new Reader(key);
  const keyVersion = keyReader.int16();
  const kind = kindByKeyVersion.get(keyVersion);
  if (kind === undefined) return null;
  if (kind === "offsetCommit") {
    const offsetKey = readOffsetKey(keyReader);
    return { kind, key: offsetKey, value: decodeOffset(value) };
  }
  const schemas = kinds[kind];
  return {
    kind,
    key: codecFor(schemas.key as MessageSchema, keyVersion).decode(keyReader),
    value: value === null ? null : decodeValue(schemas.value, value),
  } as CoordinatorRecord;
}

function decodeOffset(bytes: Uint8Array | null) {
  if (bytes === null) return null;
  const reader = new Reader(bytes);
  const version = reader.int16();
  return version === OFFSET_VALUE_VERSION
    ? readOffsetValue(reader)
    : codecFor(offsetCommitValue, version).decode(reader);
}

function decodeValue(schema: MessageSchema, bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  return codecFor(schema, reader.int16()).decode(reader);
}

function valueVersionOf(record: CoordinatorRecord): number {
  if (record.kind === "offsetCommit" && record.value!.expireTimestamp >= 0) {
    return EXPIRING_OFFSET_VERSION;
  }
  return kinds[record.kind].valueVersion;
}

function write(
  writer: Writer,
  schema: MessageSchema,
  version: number,
  fields: unknown,
): void {
  writer.int16(version);
  codecFor(schema, version).encode(writer, fields as never);
}
