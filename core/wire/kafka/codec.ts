// Messages to bytes and back: `codecFor(schema, version)`.
//
// The inside of this seam is closures over the schema (decode.ts, encode.ts),
// built at first use: half the speed of generated code, and nothing to carry.
// Record batches pass through as views and never meet it.

import { assert } from "../../base/assert.ts";
import { DecodeError, Reader } from "../reader.ts";
import { type RecordData, recordSize, type Writer } from "../writer.ts";
import { structDecoder } from "./decode.ts";
import { structEncoder } from "./encode.ts";
import {
  type Fields,
  type Form,
  fullField,
  hasField,
  type Infer,
  type InferInput,
  type MessageSchema,
} from "./schema.ts";

/** One message in one version. `T` is what is read, `I` what is written. */
export interface Codec<T, I = T> {
  /**
   * Reads one value; what follows it is left in the reader.
   *
   * @throws {DecodeError} Where the bytes are no such message.
   */
  decode(reader: Reader): T;
  /**
   * Writes one value after what the writer holds.
   *
   * @throws {KafkaError} UNSUPPORTED_VERSION where a field is set that the
   * version lacks, unless it may be ignored.
   * @throws {EncodeError} Where a value does not fit its type.
   */
  encode(writer: Writer, value: I): void;
  /** Bytes of all record data in a value, to reserve before encoding. */
  recordBytes(value: I): number;
}

type AnyCodec = Codec<unknown>;

const codecs = new WeakMap<MessageSchema, (AnyCodec | undefined)[]>();

/**
 * Gives the codec of a message in one version.
 *
 * @param options `exact`: int64 is read as bigint, for values beyond ±2^53.
 */
export function codecFor<const M extends MessageSchema>(
  schema: M,
  version: number,
): Codec<Infer<M>, InferInput<M>>;
export function codecFor(
  schema: MessageSchema,
  version: number,
  options: { readonly exact: boolean },
): Codec<unknown>;
export function codecFor(
  schema: MessageSchema,
  version: number,
  options?: { readonly exact: boolean },
): unknown {
  const exact = options?.exact ?? false;
  const slot = version * 2 + (exact ? 1 : 0);
  let row = codecs.get(schema);
  if (row === undefined) codecs.set(schema, row = []);
  return row[slot] ??= build(schema, version, exact);
}

/**
 * Decodes a body that fills its bytes.
 *
 * @throws {DecodeError} Also where bytes are left after it.
 */
export function decodeWhole<const M extends MessageSchema>(
  schema: M,
  version: number,
  bytes: Uint8Array,
): Infer<M> {
  const reader = new Reader(bytes);
  const value = codecFor(schema, version).decode(reader);
  reader.expectEnd();
  return value as Infer<M>;
}

/** Whether a version has compact types and tag buffers. */
export function isFlexible(schema: MessageSchema, version: number): boolean {
  return version >= (schema.flexibleSince ?? Infinity);
}

function build(
  schema: MessageSchema,
  version: number,
  exact: boolean,
): AnyCodec {
  const [first, last] = schema.versions;
  assert(
    version >= first && version <= last,
    `${schema.name} has no version ${version}, only ${first} to ${last}`,
  );
  const form = { version, flexible: isFlexible(schema, version), exact };
  const { decode } = structDecoder(schema.fields, form, schema.name);
  const sum = recordSum(schema.fields, form);
  return {
    decode: (reader) => {
      try {
        return decode(reader);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        throw new DecodeError(
          `Cannot decode ${schema.name} v${version}: ${error.message} (at byte ${error.position})`,
          error.position,
        );
      }
    },
    encode: structEncoder(schema.fields, form, schema.name),
    recordBytes: sum ?? (() => 0),
  };
}

type Sum = (value: unknown) => number;

/** Adds up the record data below a struct; `null` where it can hold none. */
function recordSum(fields: Fields, form: Form): Sum | null {
  const sums: Sum[] = [];
  for (const name in fields) {
    const field = fullField(fields[name]);
    if (!hasField(field, form.version)) continue;
    if ("type" in field) {
      if (field.type !== "records") continue;
      sums.push((value) => recordSize(member(value, name) as RecordData));
    } else if ("array" in field && typeof field.array === "object") {
      const sum = recordSum(field.array, form);
      if (sum === null) continue;
      sums.push((value) => {
        let size = 0;
        for (const element of (member(value, name) ?? []) as unknown[]) {
          size += sum(element);
        }
        return size;
      });
    }
  }
  if (sums.length === 0) return null;
  return (value) => sums.reduce((size, sum) => size + sum(value), 0);
}

function member(value: unknown, name: string): unknown {
  return (value as Record<string, unknown>)[name] ?? null;
}
