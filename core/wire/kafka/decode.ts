// From a schema and a version to a decoder: closures, built once and kept.
//
// A decoder takes what it needs from the reader and gives plain objects, all
// fields present. It trusts no size and no count: each is held against what is
// left of the frame first.
//
// Source: Kafka protocol guide; KIP-482 (compact sizes: 0 is null, n + 1 is n).

import { DecodeError, Reader } from "../reader.ts";
import {
  defaultValue,
  type Element,
  type Fields,
  type Form,
  type FullField,
  fullField,
  hasField,
  isNullable,
  type Scalar,
  ZERO_UUID,
} from "./schema.ts";

/** Reads one value. */
export type Decode = (reader: Reader) => unknown;

/** A decoder, and the fewest bytes it takes. */
interface Part {
  readonly decode: Decode;
  readonly sizeMin: number;
}

interface TaggedField {
  readonly name: string;
  readonly decode: Decode;
}

type Struct = Record<string, unknown>;

/**
 * Builds the decoder of a struct.
 *
 * @param path Where the struct is in its message, for error texts.
 */
export function structDecoder(fields: Fields, form: Form, path: string): Part {
  const template: Struct = {};
  const names: string[] = [];
  const decoders: Decode[] = [];
  const freshNames: string[] = [];
  const freshMakers: (() => unknown)[] = [];
  const tagged = new Map<number, TaggedField>();
  let sizeMin = form.flexible ? 1 : 0;

  for (const name in fields) {
    const field = fullField(fields[name]);
    template[name] = defaultValue(field, form.exact);
    const present = hasField(field, form.version);
    if (present && field.tag === undefined) {
      const part = fieldDecoder(field, form, `${path}.${name}`);
      names.push(name);
      decoders.push(part.decode);
      sizeMin += part.sizeMin;
      continue;
    }
    if (present) {
      const { decode } = fieldDecoder(field, form, `${path}.${name}`);
      tagged.set(field.tag!, { name, decode });
    }
    // Objects and arrays must not be shared between the values decoded.
    if (!("type" in field) && template[name] !== null) {
      freshNames.push(name);
      freshMakers.push(freshDefault(field, form.exact));
    }
  }

  const count = names.length;
  const freshCount = freshNames.length;
  const { flexible } = form;
  const decode = (reader: Reader): Struct => {
    const value: Struct = { ...template };
    for (let index = 0; index < count; index++) {
      value[names[index]] = decoders[index](reader);
    }
    for (let index = 0; index < freshCount; index++) {
      value[freshNames[index]] = freshMakers[index]();
    }
    if (flexible) readTags(reader, tagged, value, path);
    return value;
  };
  return { decode, sizeMin };
}

/** Makes the default of an array or struct, a new one each time. */
function freshDefault(field: FullField, exact: boolean): () => unknown {
  const model = defaultValue(field, exact);
  if (Array.isArray(model)) return () => [];
  const isFlat = Object.values(model as Struct).every((member) =>
    typeof member !== "object" || member === null
  );
  return isFlat
    ? () => ({ ...model as Struct })
    : () => defaultValue(field, exact);
}

function readTags(
  reader: Reader,
  tagged: ReadonlyMap<number, TaggedField>,
  value: Struct,
  path: string,
): void {
  const start = reader.position;
  const count = reader.uvarint();
  if (count === 0) return;
  if (count * 2 > reader.remaining) {
    throw new DecodeError(
      `${path} has ${count} tagged fields in ${reader.remaining} bytes`,
      start,
    );
  }
  let previousTag = -1;
  for (let index = 0; index < count; index++) {
    const tagStart = reader.position;
    const tag = reader.uvarint();
    if (tag <= previousTag) {
      throw new DecodeError(
        `${path} has tag ${tag} after ${previousTag}`,
        tagStart,
      );
    }
    previousTag = tag;
    const size = reader.uvarint();
    const field = tagged.get(tag);
    if (field === undefined) {
      reader.skip(size);
      continue;
    }
    reader.expectRoom(size);
    const end = reader.position + size;
    value[field.name] = field.decode(reader);
    if (reader.position !== end) {
      throw new DecodeError(
        `${path}.${field.name} does not fill its ${size} bytes`,
        tagStart,
      );
    }
  }
}

function fieldDecoder(field: FullField, form: Form, path: string): Part {
  const nullable = isNullable(field, form.version);
  if ("array" in field) {
    return arrayDecoder(field.array, form, { path, nullable });
  }
  if ("struct" in field) {
    const part = structDecoder(field.struct, form, path);
    if (!nullable) return part;
    return nullableStruct(part, {
      path,
      nullMark: field.tag === undefined ? -1 : 0,
    });
  }
  const flexible = form.flexible && !field.classic;
  return scalarDecoder(field.type, { ...form, flexible }, { path, nullable });
}

interface Place {
  readonly path: string;
  readonly nullable: boolean;
}

/** @param place `nullMark`: 0 in a tagged field, as Kafka writes it, else -1. */
function nullableStruct(
  { decode }: Part,
  { path, nullMark }: { readonly path: string; readonly nullMark: number },
): Part {
  return {
    decode: (reader) => {
      const mark = reader.int8();
      if (mark === 1) return decode(reader);
      if (mark === nullMark) return null;
      throw new DecodeError(
        `${path} starts with ${mark}, not 1 or ${nullMark}`,
        reader.position - 1,
      );
    },
    sizeMin: 1,
  };
}

function arrayDecoder(element: Element, form: Form, place: Place): Part {
  const { path } = place;
  const part = typeof element === "string"
    ? scalarDecoder(element, form, { path, nullable: false })
    : structDecoder(element, form, path);
  const readCount = sizeReader(form.flexible, 4, place);
  const decodeElement = part.decode;
  // No element is free of charge, else a count alone could cost memory.
  const elementSizeMin = Math.max(1, part.sizeMin);
  const isNumber = typeof element === "string" && NUMBERS.has(element);
  const decode = (reader: Reader): unknown[] | null => {
    const count = readCount(reader);
    if (count < 0) return null;
    if (isNumber) reader.expectRoom(count * elementSizeMin);
    else reader.countElements(count, elementSizeMin);
    const values: unknown[] = [];
    for (let index = 0; index < count; index++) {
      values.push(decodeElement(reader));
    }
    return values;
  };
  return { decode, sizeMin: form.flexible ? 1 : 4 };
}

const NUMBERS: ReadonlySet<Scalar> = new Set<Scalar>([
  "bool",
  "int8",
  "int16",
  "uint16",
  "int32",
  "int64",
  "float64",
]);

function scalarDecoder(type: Scalar, form: Form, place: Place): Part {
  switch (type) {
    case "bool":
      return { decode: (reader) => reader.bool(), sizeMin: 1 };
    case "int8":
      return { decode: (reader) => reader.int8(), sizeMin: 1 };
    case "int16":
      return { decode: (reader) => reader.int16(), sizeMin: 2 };
    case "uint16":
      return { decode: (reader) => reader.uint16(), sizeMin: 2 };
    case "int32":
      return { decode: (reader) => reader.int32(), sizeMin: 4 };
    case "int64":
      return form.exact
        ? { decode: (reader) => reader.bigInt64(), sizeMin: 8 }
        : { decode: (reader) => reader.int64(), sizeMin: 8 };
    case "float64":
      return { decode: (reader) => reader.float64(), sizeMin: 8 };
    case "uuid":
      return { decode: readUuid, sizeMin: 16 };
    case "string":
      return stringDecoder(form.flexible, place);
    case "bytes":
      return bytesDecoder(form.flexible, place);
    case "records":
      // Kafka's readers take null here in every version.
      return bytesDecoder(form.flexible, { ...place, nullable: true });
  }
}

function stringDecoder(flexible: boolean, place: Place): Part {
  const readSize = sizeReader(flexible, 2, place);
  const decode = (reader: Reader): string | null => {
    const size = readSize(reader);
    if (size > 0x7fff) {
      throw new DecodeError(
        `${place.path} has ${size} bytes, at most 32767 can be`,
        reader.position,
      );
    }
    return size < 0 ? null : reader.utf8(size);
  };
  return { decode, sizeMin: flexible ? 1 : 2 };
}

function bytesDecoder(flexible: boolean, place: Place): Part {
  const readSize = sizeReader(flexible, 4, place);
  const decode = (reader: Reader): Uint8Array | null => {
    const size = readSize(reader);
    return size < 0 ? null : reader.view(size);
  };
  return { decode, sizeMin: flexible ? 1 : 4 };
}

/** Reads a size or count: -1 for null, where null may be, else 0 or more. */
function sizeReader(
  flexible: boolean,
  width: 2 | 4,
  { path, nullable }: Place,
): (reader: Reader) => number {
  const check = (size: number, reader: Reader): number => {
    if (size >= 0 || (size === -1 && nullable)) return size;
    throw new DecodeError(
      size === -1 ? `${path} is null` : `${path} has the size ${size}`,
      reader.position,
    );
  };
  if (flexible) return (reader) => check(reader.uvarint() - 1, reader);
  return width === 2
    ? (reader) => check(reader.int16(), reader)
    : (reader) => check(reader.int32(), reader);
}

function readUuid(reader: Reader): string {
  const bytes = reader.view(16);
  let place = 0;
  while (place < 16 && bytes[place] === 0) place++;
  if (place === 16) return ZERO_UUID;
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
