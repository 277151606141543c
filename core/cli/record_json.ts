// Records as JSON without loss: what is UTF-8 is text, what is not is base64,
// `null` is not empty, headers keep their order and their repeats.
//
//   {"topic":"a","partition":0,"offset":7,"timestamp":1700000000000,
//    "timestampType":"CreateTime","leaderEpoch":0,"key":null,
//    "value":{"base64":"/w=="},"headers":[{"key":"h","value":"x"}]}

import {
  decodeBase64,
  decodeUtf8,
  encodeBase64,
  encodeUtf8,
} from "../base/bytes.ts";
import { didYouMean } from "../config/did_you_mean.ts";
import type { InputRecord, PrintedRecord } from "./printed_record.ts";
import { UsageError } from "./usage_error.ts";

/** Bytes as JSON holds them. */
export type JsonBytes = string | { readonly base64: string } | null;

/** A record as one JSON object. */
export interface JsonRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly timestampType: string;
  readonly leaderEpoch: number;
  readonly key: JsonBytes;
  readonly value: JsonBytes;
  readonly headers: readonly {
    readonly key: string;
    readonly value: JsonBytes;
  }[];
}

/** Text where the bytes are UTF-8, else base64. */
export function jsonBytes(bytes: Uint8Array | null): JsonBytes {
  if (bytes === null) return null;
  try {
    return decodeUtf8(bytes);
  } catch {
    return { base64: encodeBase64(bytes) };
  }
}

export function recordToJson(record: PrintedRecord): JsonRecord {
  return {
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestampMs,
    timestampType: record.timestampType,
    leaderEpoch: record.leaderEpoch,
    key: jsonBytes(record.key),
    value: jsonBytes(record.value),
    headers: record.headers.map(({ key, value }) => ({
      key,
      value: jsonBytes(value),
    })),
  };
}

const FIELDS = [
  "topic",
  "partition",
  "offset",
  "timestamp",
  "timestampType",
  "leaderEpoch",
  "key",
  "value",
  "headers",
];

/**
 * Reads what `recordToJson` wrote; offset, leader epoch and timestamp type are
 * the broker's to give, and are passed over.
 *
 * @param place How errors call the line.
 * @throws {UsageError} Where the line is no such record.
 */
export function recordFromJson(line: string, place: string): InputRecord {
  const object = parseObject(line, place);
  for (const field of Object.keys(object)) {
    if (!FIELDS.includes(field)) {
      throw new UsageError(
        `${place}: unknown field ${JSON.stringify(field)}${
          didYouMean(field, FIELDS)
        }`,
      );
    }
  }
  if (!("value" in object)) {
    throw new UsageError(
      `${place}: expected a record with a value (null for a tombstone)`,
    );
  }
  const { topic, partition, timestamp, headers = [] } = object;
  if (topic !== undefined && typeof topic !== "string") {
    throw wrong(place, "topic", "a name");
  }
  return {
    place,
    topic,
    partition: optionalWhole(partition, place, "partition"),
    timestampMs: optionalWhole(timestamp, place, "timestamp"),
    key: bytesOf(object.key ?? null, place, "key"),
    value: bytesOf(object.value, place, "value"),
    headers: headersOf(headers, place),
  };
}

function parseObject(line: string, place: string): { [name: string]: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new UsageError(`${place}: is no JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(`${place}: expected a JSON object with a record`);
  }
  return value as { [name: string]: unknown };
}

function wrong(place: string, field: string, expected: string): UsageError {
  return new UsageError(`${place}: ${field}: expected ${expected}`);
}

function optionalWhole(
  value: unknown,
  place: string,
  field: string,
): number | undefined {
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value)) {
    throw wrong(place, field, "a whole number");
  }
  // -1 is how a record without timestamp was printed.
  return (value as number) < 0 ? undefined : value as number;
}

function bytesOf(
  value: unknown,
  place: string,
  field: string,
): Uint8Array | null {
  if (value === null) return null;
  if (typeof value === "string") return encodeUtf8(value);
  if (typeof value === "object") {
    const { base64, ...rest } = value as { base64?: unknown };
    if (typeof base64 === "string" && Object.keys(rest).length === 0) {
      try {
        return decodeBase64(base64);
      } catch {
        throw wrong(place, field, "base64");
      }
    }
  }
  throw wrong(place, field, 'a text, {"base64": …} or null');
}

function headersOf(value: unknown, place: string) {
  if (!Array.isArray(value)) {
    throw wrong(place, "headers", 'a list of {"key": …, "value": …}');
  }
  return value.map((header) => {
    if (typeof header?.key !== "string") {
      throw wrong(place, "headers", 'a list of {"key": …, "value": …}');
    }
    return {
      key: header.key as string,
      value: bytesOf(header.value ?? null, place, "headers"),
    };
  });
}
