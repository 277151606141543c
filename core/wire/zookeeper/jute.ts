// Jute, ZooKeeper's serialization: records as data, their types inferred, their
// codecs built once from closures.
//
//   int, long: 4 and 8 bytes, big endian     boolean: 1 byte
//   buffer, ustring: int size (-1: null) and the bytes; ustring is UTF-8
//   vector: int count (-1: null) and its elements
//   record: its fields in order, with nothing between
//
// Source: ZooKeeper's published jute files; checked against testdata/quorum/.

import { DecodeError, type Reader } from "../reader.ts";
import { utf8Size, type Writer } from "../writer.ts";

/** Types without parameters; `ustring` refuses null, `nullableUstring` keeps it, `looseUstring` reads it as empty. */
export type JutePrimitive =
  | "int"
  | "long"
  | "boolean"
  | "buffer"
  | "ustring"
  | "nullableUstring"
  | "looseUstring";

/** A field's type. A `vector` decodes null as empty, a `nullableVector` as null. */
export type JuteType =
  | JutePrimitive
  | { readonly vector: JuteType }
  | { readonly nullableVector: JuteType }
  | JuteRecord;

export interface JuteFields {
  readonly [name: string]: JuteType;
}

/** A record's schema: its fields in the order of the wire. */
export interface JuteRecord<F extends JuteFields = JuteFields> {
  readonly name: string;
  readonly fields: F;
}

interface JuteValues {
  int: number;
  long: bigint;
  boolean: boolean;
  buffer: Uint8Array | null;
  ustring: string;
  nullableUstring: string | null;
  looseUstring: string;
}

/** The TypeScript type of a jute type; a decoded buffer is a view of what it was read from. */
export type JuteValue<T> = T extends JutePrimitive ? JuteValues[T]
  : T extends { readonly vector: infer E } ? readonly JuteValue<E>[]
  : T extends { readonly nullableVector: infer E }
    ? readonly JuteValue<E>[] | null
  : T extends JuteRecord<infer F> ? { readonly [K in keyof F]: JuteValue<F[K]> }
  : never;

/** Reads and writes one type. */
export interface JuteCodec<T> {
  /** @throws {DecodeError} Where the bytes end early or a size is not possible. */
  decode(reader: Reader): T;
  encode(writer: Writer, value: T): void;
}

/** Reads and writes a record. */
export interface RecordCodec<T> extends JuteCodec<T> {
  /** Sets the record's fields on an object that has others already, and gives it back. */
  decodeInto<O extends object>(reader: Reader, target: O): O & T;
}

/** States a record's schema. */
export function record<const F extends JuteFields>(
  name: string,
  fields: F,
): JuteRecord<F> {
  return { name, fields };
}

const codecs = new Map<JuteRecord, RecordCodec<unknown>>();

/** The codec of a record, built at first use and kept. */
export function juteCodec<F extends JuteFields>(
  schema: JuteRecord<F>,
): RecordCodec<JuteValue<JuteRecord<F>>> {
  let codec = codecs.get(schema);
  if (codec === undefined) codecs.set(schema, codec = recordCodec(schema));
  return codec as RecordCodec<JuteValue<JuteRecord<F>>>;
}

const primitives: { [K in JutePrimitive]: JuteCodec<JuteValues[K]> } = {
  int: {
    decode: (reader) => reader.int32(),
    encode: (writer, value) => writer.int32(value),
  },
  long: {
    decode: (reader) => reader.bigInt64(),
    encode: (writer, value) => writer.bigInt64(value),
  },
  boolean: {
    decode: (reader) => reader.bool(),
    encode: (writer, value) => writer.bool(value),
  },
  buffer: { decode: decodeBuffer, encode: encodeBuffer },
  ustring: {
    decode(reader) {
      const position = reader.position;
      const text = decodeText(reader);
      if (text === null) throw new DecodeError("ustring is null", position);
      return text;
    },
    encode: encodeText,
  },
  nullableUstring: { decode: decodeText, encode: encodeText },
  looseUstring: {
    decode: (reader) => decodeText(reader) ?? "",
    encode: encodeText,
  },
};

function decodeBuffer(reader: Reader): Uint8Array | null {
  const size = reader.int32();
  if (size === -1) return null;
  return reader.view(size);
}

function encodeBuffer(writer: Writer, value: Uint8Array | null): void {
  writer.int32(value === null ? -1 : value.length);
  if (value !== null) writer.raw(value);
}

function decodeText(reader: Reader): string | null {
  const size = reader.int32();
  return size === -1 ? null : reader.utf8(size);
}

function encodeText(writer: Writer, value: string | null): void {
  if (value === null) return writer.int32(-1);
  const size = utf8Size(value);
  writer.int32(size);
  writer.text(value, size);
}

function codecOf(type: JuteType): JuteCodec<unknown> {
  if (typeof type === "string") return primitives[type] as JuteCodec<unknown>;
  if ("vector" in type) return vectorCodec(codecOf(type.vector), false);
  if ("nullableVector" in type) {
    return vectorCodec(codecOf(type.nullableVector), true);
  }
  return juteCodec(type as JuteRecord) as JuteCodec<unknown>;
}

function vectorCodec(
  element: JuteCodec<unknown>,
  nullable: boolean,
): JuteCodec<unknown> {
  return {
    decode(reader) {
      const position = reader.position;
      const count = reader.int32();
      if (count === -1) return nullable ? null : [];
      if (count < 0) {
        throw new DecodeError(`count ${count} is negative`, position);
      }
      // Every element takes four bytes at least: a size, a count or an int.
      reader.countElements(count, 4);
      const elements: unknown[] = [];
      for (let i = 0; i < count; i++) elements.push(element.decode(reader));
      return elements;
    },
    encode(writer, value) {
      const elements = value as readonly unknown[] | null;
      writer.int32(elements === null ? -1 : elements.length);
      for (const each of elements ?? []) element.encode(writer, each);
    },
  };
}

function recordCodec(schema: JuteRecord): RecordCodec<unknown> {
  const names = Object.keys(schema.fields);
  const fieldCodecs = names.map((name) => codecOf(schema.fields[name]));
  const decodeInto = <O extends object>(reader: Reader, target: O): O => {
    const fields = target as Record<string, unknown>;
    for (let i = 0; i < names.length; i++) {
      fields[names[i]] = fieldCodecs[i].decode(reader);
    }
    return target;
  };
  return {
    decode: (reader) => decodeInto(reader, {}),
    decodeInto,
    encode(writer, value) {
      const fields = value as Record<string, unknown>;
      for (let i = 0; i < names.length; i++) {
        fieldCodecs[i].encode(writer, fields[names[i]]);
      }
    },
  };
}
