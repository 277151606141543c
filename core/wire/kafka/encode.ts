// From a schema and a version to an encoder: closures, built once and kept.
//
// An encoder takes plain objects. A value set for a field that the version
// lacks is an error, as in Kafka, unless the field is `ignorable` or the value
// is the field's default: it would be lost without a word.
//
// Source: Kafka protocol guide; KIP-482 (compact sizes: 0 is null, n + 1 is n).

import {
  EncodeError,
  type RecordData,
  recordSize,
  utf8Size,
  Writer,
} from "../writer.ts";
import { KafkaError } from "./errors.ts";
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

/** Writes one value. */
export type Encode = (writer: Writer, value: unknown) => void;

type Struct = Readonly<Record<string, unknown>>;

interface EncodedField {
  readonly name: string;
  readonly encode: Encode;
  /** Gives the value where the caller left it out. */
  readonly missing: () => unknown;
}

interface TaggedField extends EncodedField {
  readonly tag: number;
  readonly isDefault: (value: unknown) => boolean;
}

interface AbsentField {
  readonly name: string;
  readonly isDefault: (value: unknown) => boolean;
}

/**
 * Builds the encoder of a struct.
 *
 * @param path Where the struct is in its message, for error texts.
 */
export function structEncoder(
  fields: Fields,
  form: Form,
  path: string,
): Encode {
  const present: EncodedField[] = [];
  const tagged: TaggedField[] = [];
  const absent: AbsentField[] = [];
  for (const name in fields) {
    const field = fullField(fields[name]);
    const fieldPath = `${path}.${name}`;
    const isDefault = defaultTest(field);
    if (!hasField(field, form.version)) {
      if (!field.ignorable) absent.push({ name, isDefault });
      continue;
    }
    const encode = fieldEncoder(field, form, fieldPath);
    const missing = missingValue(fields[name], form, fieldPath);
    if (field.tag === undefined) present.push({ name, encode, missing });
    else tagged.push({ name, encode, missing, tag: field.tag, isDefault });
  }
  tagged.sort((a, b) => a.tag - b.tag);

  const { flexible, version } = form;
  return (writer, value) => {
    const source = value as Struct;
    for (const field of present) {
      const fieldValue = source[field.name];
      field.encode(
        writer,
        fieldValue === undefined ? field.missing() : fieldValue,
      );
    }
    for (const field of absent) {
      const fieldValue = source[field.name];
      if (fieldValue === undefined || field.isDefault(fieldValue)) continue;
      throw new KafkaError(
        "UNSUPPORTED_VERSION",
        `Cannot write ${path} in version ${version}: it has no ${field.name}.`,
      );
    }
    if (flexible) writeTags(writer, tagged, source);
  };
}

function writeTags(
  writer: Writer,
  tagged: readonly TaggedField[],
  source: Struct,
): void {
  const chosen = tagged.length === 0 ? tagged : tagged.filter((field) => {
    const value = source[field.name];
    return value !== undefined && !field.isDefault(value);
  });
  writer.uvarint(chosen.length);
  for (const field of chosen) {
    const content = new Writer(new Uint8Array(64));
    field.encode(content, source[field.name]);
    writer.uvarint(field.tag);
    writer.uvarint(content.position);
    writer.raw(content.written());
  }
}

function missingValue(
  field: Fields[string],
  form: Form,
  path: string,
): () => unknown {
  const full = fullField(field);
  const optional = full.default !== undefined || full.tag !== undefined ||
    full.since !== undefined || full.until !== undefined;
  if (optional) return () => defaultValue(full, form.exact);
  return () => {
    throw new EncodeError(`Cannot write ${path}: no value given`);
  };
}

/** Whether a value is the one that its absence stands for. */
export function defaultTest(field: FullField): (value: unknown) => boolean {
  if (field.default === null) return (value) => value === null;
  if ("array" in field) {
    return (value) => Array.isArray(value) && value.length === 0;
  }
  if ("struct" in field) {
    const tests = Object.keys(field.struct).map((name) => {
      const isDefault = defaultTest(fullField(field.struct[name]));
      return (value: Struct) =>
        value[name] === undefined || isDefault(value[name]);
    });
    return (value) =>
      value !== null && tests.every((test) => test(value as Struct));
  }
  if (field.type === "bytes" || field.type === "records") {
    return (value) => value !== null && recordSize(value as Uint8Array) === 0;
  }
  const expected = defaultValue(field, false);
  return (value) =>
    value === expected ||
    (typeof value === "bigint" && value === BigInt(field.default ?? 0));
}

function fieldEncoder(field: FullField, form: Form, path: string): Encode {
  const nullable = isNullable(field, form.version);
  if ("array" in field) {
    return arrayEncoder(field.array, form, { path, nullable });
  }
  if ("struct" in field) {
    const encode = structEncoder(field.struct, form, path);
    const nullMark = field.tag === undefined ? -1 : 0;
    return (writer, value) => {
      if (nullable) writer.int8(value === null ? nullMark : 1);
      if (value !== null) return encode(writer, value);
      if (!nullable) refuseNull(path);
    };
  }
  const flexible = form.flexible && !field.classic;
  return scalarEncoder(field.type, { ...form, flexible }, { path, nullable });
}

interface Place {
  readonly path: string;
  readonly nullable: boolean;
}

function arrayEncoder(element: Element, form: Form, place: Place): Encode {
  const { path } = place;
  const encode = typeof element === "string"
    ? scalarEncoder(element, form, { path, nullable: false })
    : structEncoder(element, form, path);
  const { flexible } = form;
  return (writer, value) => {
    if (value === null) return writeNull(writer, { flexible, width: 4, place });
    const values = value as readonly unknown[];
    if (flexible) writer.uvarint(values.length + 1);
    else writer.int32(values.length);
    for (let index = 0; index < values.length; index++) {
      encode(writer, values[index]);
    }
  };
}

function scalarEncoder(type: Scalar, form: Form, place: Place): Encode {
  const { path } = place;
  const { flexible } = form;
  switch (type) {
    case "bool":
      return (writer, value) => writer.bool(value as boolean);
    case "int8":
      return (writer, value) => {
        writer.int8(whole(value, path, -0x80, 0x7f));
      };
    case "int16":
      return (writer, value) => {
        writer.int16(whole(value, path, -0x8000, 0x7fff));
      };
    case "uint16":
      return (writer, value) => {
        writer.uint16(whole(value, path, 0, 0xffff));
      };
    case "int32":
      return (writer, value) => {
        writer.int32(whole(value, path, -0x8000_0000, 0x7fff_ffff));
      };
    case "int64":
      return (writer, value) => {
        if (typeof value === "bigint") writer.bigInt64(value);
        else writer.int64(value as number);
      };
    case "float64":
      return (writer, value) => writer.float64(value as number);
    case "uuid":
      return (writer, value) => writeUuid(writer, value as string, path);
    case "string":
      return (writer, value) => {
        if (value === null) {
          return writeNull(writer, { flexible, width: 2, place });
        }
        writeString(writer, value as string, { flexible, path });
      };
    case "bytes":
    case "records": {
      const nullable = place.nullable || type === "records";
      return (writer, value) => {
        if (value === null) {
          const where = { path, nullable };
          return writeNull(writer, { flexible, width: 4, place: where });
        }
        const data = value as Exclude<RecordData, null>;
        if (flexible) writer.uvarint(recordSize(data) + 1);
        else writer.int32(recordSize(data));
        writer.records(data);
      };
    }
  }
}

function writeString(
  writer: Writer,
  text: string,
  { flexible, path }: { flexible: boolean; path: string },
): void {
  const size = utf8Size(text);
  if (size > 0x7fff) {
    throw new EncodeError(
      `Cannot write ${path}: text of ${size} bytes, at most 32767 can be`,
    );
  }
  if (flexible) writer.uvarint(size + 1);
  else writer.int16(size);
  writer.text(text, size);
}

function writeUuid(writer: Writer, text: string, path: string): void {
  if (text === ZERO_UUID) {
    writer.bigInt64(0n);
    writer.bigInt64(0n);
    return;
  }
  if (text.length !== ZERO_UUID.length) {
    throw new EncodeError(
      `Cannot write ${path}: "${text}" is no uuid of 22 characters`,
    );
  }
  writer.raw(Uint8Array.fromBase64(text, { alphabet: "base64url" }));
}

function writeNull(
  writer: Writer,
  form: { flexible: boolean; width: 2 | 4; place: Place },
): void {
  if (!form.place.nullable) refuseNull(form.place.path);
  if (form.flexible) writer.uvarint(0);
  else if (form.width === 2) writer.int16(-1);
  else writer.int32(-1);
}

function refuseNull(path: string): never {
  throw new EncodeError(`Cannot write ${path}: it cannot be null`);
}

function whole(
  value: unknown,
  path: string,
  min: number,
  max: number,
): number {
  const number = value as number;
  if (number >= min && number <= max && Number.isInteger(number)) return number;
  throw new EncodeError(
    `Cannot write ${path}: ${value} is no whole number from ${min} to ${max}`,
  );
}
