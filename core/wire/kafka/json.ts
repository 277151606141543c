// The JSON form of a message, as Kafka's own tools print it: field names in
// camelCase, bytes and records in base64, uuids in base64url, int64 as whole
// numbers, nothing for fields that the version lacks, and nothing for tagged
// fields that have their default.
//
// Source: observed: testdata/wire/kafka-messages.jsonl.gz.

import { defaultTest } from "./encode.ts";
import {
  defaultValue,
  type Element,
  type Fields,
  type FullField,
  fullField,
  hasField,
  type MessageSchema,
  type Scalar,
} from "./schema.ts";

/** A parsed JSON value; whole numbers beyond ±2^53 are bigints. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | Json[]
  | { [name: string]: Json };

/** Gives the JSON form of what an exact codec decoded. */
export function toJson(
  schema: MessageSchema,
  version: number,
  value: unknown,
): Json {
  return structToJson(schema.fields, value as Struct, version);
}

/**
 * Reads the JSON form; fields may have their older names. Fields that are not
 * there get their default.
 *
 * @throws {TypeError} Where a value has the wrong kind.
 */
export function fromJson(
  schema: MessageSchema,
  version: number,
  json: Json,
): unknown {
  return structFromJson(schema.fields, json, version);
}

/**
 * Gives the same JSON in the words of `toJson`: fields that 4.1 renamed under
 * their newer names, tagged fields that have their default left out. Members
 * that the message does not have stay.
 */
export function canonicalJson(
  schema: MessageSchema,
  version: number,
  json: Json,
): Json {
  return canonicalStruct(schema.fields, version, json);
}

/** Parses JSON without losing digits: whole numbers beyond ±2^53 become bigints. */
export function parseExactJson(text: string): Json {
  const revive = (
    _key: string,
    value: unknown,
    context: { readonly source?: string },
  ): unknown =>
    typeof value === "number" && !Number.isSafeInteger(value) &&
      /^-?\d+$/.test(context.source ?? "")
      ? BigInt(context.source!)
      : value;
  // The third argument is newer than the types of the library.
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

type Struct = Readonly<Record<string, unknown>>;

function structToJson(fields: Fields, value: Struct, version: number): Json {
  const json: { [name: string]: Json } = {};
  for (const name in fields) {
    const field = fullField(fields[name]);
    if (!hasField(field, version)) continue;
    const fieldValue = value[name];
    if (field.tag !== undefined && defaultTest(field)(fieldValue)) continue;
    json[name] = fieldToJson(field, fieldValue, version);
  }
  return json;
}

function fieldToJson(field: FullField, value: unknown, version: number): Json {
  if (value === null) return null;
  if ("array" in field) {
    return (value as unknown[]).map((element) =>
      elementToJson(field.array, element, version)
    );
  }
  return "struct" in field
    ? structToJson(field.struct, value as Struct, version)
    : scalarToJson(field.type, value);
}

function elementToJson(
  element: Element,
  value: unknown,
  version: number,
): Json {
  return typeof element === "string"
    ? scalarToJson(element, value)
    : structToJson(element, value as Struct, version);
}

function scalarToJson(type: Scalar, value: unknown): Json {
  if (type === "bytes" || type === "records") {
    return (value as Uint8Array).toBase64();
  }
  if (type === "int64") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : BigInt(value as bigint);
  }
  return value as Json;
}

function canonicalStruct(fields: Fields, version: number, json: Json): Json {
  if (json === null) return null;
  const members = { ...(json as { [name: string]: Json }) };
  for (const name in fields) {
    const field = fullField(fields[name]);
    const { formerName } = field;
    if (formerName !== undefined && formerName in members) {
      members[name] = members[formerName];
      delete members[formerName];
    }
    if (!(name in members)) continue;
    if (
      field.tag !== undefined &&
      defaultTest(field)(fieldFromJson(field, members[name], version))
    ) delete members[name];
    else members[name] = canonicalField(field, version, members[name]);
  }
  return members;
}

function canonicalField(field: FullField, version: number, json: Json): Json {
  if ("struct" in field) return canonicalStruct(field.struct, version, json);
  if ("array" in field && typeof field.array === "object" && json !== null) {
    const { array } = field;
    return (json as Json[]).map((each) =>
      canonicalStruct(array, version, each)
    );
  }
  return json;
}

function structFromJson(fields: Fields, json: Json, version: number): Struct {
  const members = json as { [name: string]: Json };
  const value: Record<string, unknown> = {};
  for (const name in fields) {
    const field = fullField(fields[name]);
    const member = members[name in members ? name : field.formerName ?? name];
    if (member !== undefined) {
      value[name] = fieldFromJson(field, member, version);
    } else if (hasField(field, version)) {
      value[name] = defaultValue(field, true);
    }
  }
  return value;
}

function fieldFromJson(field: FullField, json: Json, version: number): unknown {
  if (json === null) return null;
  if ("array" in field) {
    const { array } = field;
    return (json as Json[]).map((element) =>
      typeof array === "string"
        ? scalarFromJson(array, element)
        : structFromJson(array, element, version)
    );
  }
  return "struct" in field
    ? structFromJson(field.struct, json, version)
    : scalarFromJson(field.type, json);
}

function scalarFromJson(type: Scalar, json: Json): unknown {
  if (type === "bytes" || type === "records") {
    return Uint8Array.fromBase64(json as string);
  }
  return type === "int64" ? BigInt(json as number | bigint) : json;
}
