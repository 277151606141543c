// Checks one line of captured messages: bytes that Apache Kafka wrote, with what
// its own JSON converter makes of them.
//
// A line is `{name, version, json, hex}`: one message without its header.

import { isDeepStrictEqual } from "node:util";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { apis } from "../wire/kafka/apis.ts";
import { codecFor } from "../wire/kafka/codec.ts";
import {
  canonicalJson,
  fromJson,
  type Json,
  toJson,
} from "../wire/kafka/json.ts";
import {
  listClientMetricsResourcesRequest,
  listClientMetricsResourcesResponse,
} from "../wire/kafka/messages/list_config_resources.ts";
import { readShareGroupStateSummaryResponseEarly } from "../wire/kafka/messages/read_share_group_state_summary.ts";
import { recordSchemas } from "../wire/kafka/records.ts";
import type { MessageSchema } from "../wire/kafka/schema.ts";

/** One captured message. */
export interface MessageLine {
  readonly name: string;
  readonly version: number;
  readonly json: Json;
  readonly hex: string;
}

const schemasByName = new Map<string, MessageSchema[]>();
for (
  const schema of [
    ...[...apis.values()].flatMap((api) => [api.request, api.response]),
    listClientMetricsResourcesRequest,
    listClientMetricsResourcesResponse,
    readShareGroupStateSummaryResponseEarly,
    ...recordSchemas,
  ]
) {
  const schemas = schemasByName.get(schema.name) ?? [];
  schemasByName.set(schema.name, [...schemas, schema]);
}

/** Every schema by its name; two where 3.9 and 4.1 mean different things by it. */
export function schemasNamed(name: string): readonly MessageSchema[] {
  return schemasByName.get(name) ?? [];
}

/** The version of a schema that a captured version means. */
export function schemaVersion(schema: MessageSchema, version: number): number {
  // Kafka 4.1 calls the version of every record key 0 and keeps what stands in
  // front of the key, which says what kind of record it is, apart from it.
  return version === 0 && schema.name.endsWith("Key")
    ? schema.versions[0]
    : version;
}

/**
 * Decodes a captured message, compares it with its JSON form, and encodes it
 * again from both.
 *
 * @returns What is wrong, or `null`.
 */
export function checkMessageLine(line: MessageLine): string | null {
  const schemas = schemasNamed(line.name);
  if (schemas.length === 0) return "no schema has this name";
  let failure: string | null = null;
  for (const schema of schemas) {
    failure = checkWithSchema(schema, line);
    if (failure === null) return null;
  }
  return failure;
}

function checkWithSchema(
  schema: MessageSchema,
  line: MessageLine,
): string | null {
  const version = schemaVersion(schema, line.version);
  const [first, last] = schema.versions;
  if (version < first || version > last) {
    return `the schema has versions ${first} to ${last} only`;
  }
  try {
    const bytes = Uint8Array.fromHex(line.hex);
    const codec = codecFor(schema, version, { exact: true });
    const reader = new Reader(bytes);
    const value = codec.decode(reader);
    reader.expectEnd();
    const json = toJson(schema, version, value);
    const wanted = canonicalJson(schema, version, line.json);
    if (!isDeepStrictEqual(json, wanted)) {
      return `decodes to ${show(json)} instead of ${show(wanted)}`;
    }
    for (const source of [value, fromJson(schema, version, line.json)]) {
      const writer = new Writer();
      codec.encode(writer, source);
      const hex = writer.written().toHex();
      if (hex !== line.hex) return `encodes to ${hex} instead of ${line.hex}`;
    }
    return null;
  } catch (error) {
    return String(error);
  }
}

function show(json: Json): string {
  return JSON.stringify(
    json,
    (_key, value) => typeof value === "bigint" ? String(value) : value,
  );
}
