// How a Kafka message is described: a table of fields, for all versions at once.
//
// A field is the name of a scalar type, or an object with its type (`type`,
// `array` or `struct`) and with what differs between versions. The TypeScript
// types of the messages are inferred from the same table, so there is one type
// for all versions: fields that a version lacks have their default.
//
// Source: Kafka protocol guide; KIP-482 (flexible versions, tagged fields).

import type { RecordData } from "../writer.ts";

/** Wire types without parts. `records` is null or bytes that hold record batches. */
export type Scalar = keyof ScalarValues;

interface ScalarValues {
  bool: boolean;
  int8: number;
  int16: number;
  uint16: number;
  int32: number;
  /** Beyond ±2^53 the nearest double. */
  int64: number;
  float64: number;
  string: string;
  /** 16 bytes, as base64url of 22 characters. */
  uuid: string;
  /** A view of the frame: copy what must outlive it. */
  bytes: Uint8Array;
  records: Uint8Array | null;
}

/** What differs between versions; all version bounds are inclusive. */
export interface FieldOptions {
  /** First version that has the field; the message's first where absent. */
  readonly since?: number;
  /** Last version that has the field. */
  readonly until?: number;
  /** First version in which the value may be null. */
  readonly nullableSince?: number;
  /** Last version in which the value may be null. */
  readonly nullableUntil?: number;
  /** What a version without the field decodes to; where absent 0, "", false, empty. */
  readonly default?: string | number | boolean | bigint | null;
  /** Number of the tagged field; it goes into the tag buffer. */
  readonly tag?: number;
  /** Where a version lacks the field, a value set by the writer is dropped silently. */
  readonly ignorable?: true;
  /** Keeps its form of the older versions in flexible ones; the header's client id only. */
  readonly classic?: true;
  /** Its name in Kafka 3.9, where 4.1 has another. */
  readonly formerName?: string;
}

/** Elements are scalars or structs; Kafka has no arrays of arrays. */
export type Element = Scalar | Fields;

export type Field =
  | Scalar
  | ({ readonly type: Scalar } & FieldOptions)
  | ({ readonly array: Element } & FieldOptions)
  | ({ readonly struct: Fields } & FieldOptions);

/** Fields in the order of the wire. */
export interface Fields {
  readonly [name: string]: Field;
}

/** One message (or header, or record of an internal topic) in all its versions. */
export interface MessageSchema {
  /** API key; requests and responses only. */
  readonly key?: number;
  /** Kafka's own name, such as `HeartbeatRequest`. */
  readonly name: string;
  /** First and last version. */
  readonly versions: readonly [first: number, last: number];
  /** First version with compact types and tag buffers; none where absent. */
  readonly flexibleSince?: number;
  readonly fields: Fields;
}

/** What the fields of one version have in common. */
export interface Form {
  readonly version: number;
  /** Compact sizes and tag buffers (KIP-482). */
  readonly flexible: boolean;
  /** int64 as bigint. */
  readonly exact: boolean;
}

/** A field with its short form spelled out. */
export type FullField = Exclude<Field, Scalar>;

/** Spells out the short form of a field. */
export function fullField(field: Field): FullField {
  return typeof field === "string" ? { type: field } : field;
}

/** Whether a version has a field, as itself or in the tag buffer. */
export function hasField(field: FullField, version: number): boolean {
  return version >= (field.since ?? 0) && version <= (field.until ?? Infinity);
}

/** Whether a field may be null in a version. */
export function isNullable(field: FullField, version: number): boolean {
  return field.nullableSince !== undefined &&
    version >= field.nullableSince &&
    version <= (field.nullableUntil ?? Infinity);
}

/** What no characters of a uuid stand for: 16 zero bytes. */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

const EMPTY_BYTES = new Uint8Array(0);

/** A value for a field that nothing was said about; arrays and structs are new each time. */
export function defaultValue(field: FullField, exact: boolean): unknown {
  if ("array" in field) return field.default === null ? null : [];
  if ("struct" in field) {
    return field.default === null ? null : defaultStruct(field.struct, exact);
  }
  if (field.type === "int64" && field.default !== null) {
    return exact ? BigInt(field.default ?? 0) : Number(field.default ?? 0);
  }
  return field.default !== undefined
    ? field.default
    : SCALAR_DEFAULTS[field.type];
}

/** A struct in which every field has its default. */
export function defaultStruct(
  fields: Fields,
  exact: boolean,
): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const name in fields) {
    value[name] = defaultValue(fullField(fields[name]), exact);
  }
  return value;
}

const SCALAR_DEFAULTS: { readonly [S in Scalar]: ScalarValues[S] } = {
  bool: false,
  int8: 0,
  int16: 0,
  uint16: 0,
  int32: 0,
  int64: 0,
  float64: 0,
  string: "",
  uuid: ZERO_UUID,
  bytes: EMPTY_BYTES,
  records: null,
};

/** Declares a message; returns it as it is, with its exact type. */
export function message<const M extends MessageSchema>(schema: M): M {
  return schema;
}

/** Declares a struct that several fields of a message share. */
export function struct<const F extends Fields>(fields: F): F {
  return fields;
}

/** What decoding gives: every field is there. */
export type Infer<M extends MessageSchema> = StructValue<M["fields"]>;

/**
 * What encoding takes: fields with a default, and those that not every version
 * has, may be left out.
 */
export type InferInput<M extends MessageSchema> = StructInput<M["fields"]>;

/** What decoding a struct gives. */
export type StructValue<F> = {
  -readonly [N in keyof F]: FieldValue<F[N]>;
};

/** What encoding a struct takes. */
export type StructInput<F> =
  & { readonly [N in RequiredNames<F>]: FieldInput<F[N]> }
  & {
    readonly [N in Exclude<keyof F, RequiredNames<F>>]?: FieldInput<F[N]>;
  };

type ElementValue<E> = E extends Scalar ? ScalarValues[E] : StructValue<E>;

type FieldValue<F> = F extends Scalar ? ScalarValues[F]
  :
    | (F extends { readonly type: infer S extends Scalar } ? ScalarValues[S]
      : F extends { readonly array: infer E } ? ElementValue<E>[]
      : F extends { readonly struct: infer S } ? StructValue<S>
      : never)
    | (F extends { readonly nullableSince: number } ? null : never);

type ScalarInput<S extends Scalar> = S extends "records" ? RecordData
  : ScalarValues[S];

type ElementInput<E> = E extends Scalar ? ScalarInput<E> : StructInput<E>;

type FieldInput<F> = F extends Scalar ? ScalarInput<F>
  :
    | (F extends { readonly type: infer S extends Scalar } ? ScalarInput<S>
      : F extends { readonly array: infer E } ? readonly ElementInput<E>[]
      : F extends { readonly struct: infer S } ? StructInput<S>
      : never)
    | (F extends { readonly nullableSince: number } ? null : never);

type RequiredNames<F> = {
  [N in keyof F]: F[N] extends
    | { readonly since: number }
    | { readonly until: number }
    | { readonly default: unknown }
    | { readonly tag: number } ? never
    : N;
}[keyof F];
