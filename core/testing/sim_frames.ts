// Valid requests by chance, for fuzzing: any API in any version, filled from its
// schema with values that lead somewhere (names of topics that are there, record
// batches that hold), with odd ones among them.

import {
  BATCH_HEADER_BYTES,
  encodeBatch,
  sealBatch,
} from "../record/record_batch.ts";
import type { RecordInput } from "../record/record.ts";
import { codecFor } from "../wire/kafka/codec.ts";
import { encodeRequestHeader } from "../wire/kafka/headers.ts";
import {
  type Field,
  type Fields,
  fullField,
  hasField,
  isNullable,
  type MessageSchema,
  type Scalar,
  ZERO_UUID,
} from "../wire/kafka/schema.ts";
import { Writer } from "../wire/writer.ts";
import type { SimRandom } from "./sim_random.ts";

/** What makes values fit the broker that they are sent to. */
export interface FrameHints {
  readonly topics: readonly string[];
  readonly topicIds: readonly string[];
  readonly configKeys: readonly string[];
  /** Of members that groups have now. */
  readonly memberIds?: readonly string[];
}

/** A request as a frame without its size. */
export interface RequestFrame {
  readonly name: string;
  readonly key: number;
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** An API's key and its request's schema, as a row of a table of APIs has them. */
export interface RequestApi {
  readonly key: number;
  readonly request: MessageSchema;
}

const NAME_CHARACTERS = "abcXYZ019._-é토\0/ ";
const ARRAY_COUNTS = [0, 1, 1, 1, 2, 3];

/** Writes a header and a body of chance. */
export function randomRequest(
  { key, request }: RequestApi,
  version: number,
  random: SimRandom,
  hints: FrameHints,
): RequestFrame {
  const body = randomStruct({ fields: request.fields, version, random, hints });
  const writer = new Writer();
  encodeRequestHeader(writer, {
    apiKey: key,
    apiVersion: version,
    correlationId: random.below(2 ** 31),
    clientId: random.pick([null, "", "fuzz", "client-é"]),
  });
  codecFor(request, version, { exact: false }).encode(writer, body);
  return {
    name: request.name,
    key,
    version,
    bytes: writer.written().slice(),
  };
}

/** Puts a header before the body of a captured request. */
export function requestOfBody(
  { key, request }: RequestApi,
  version: number,
  body: Uint8Array,
): RequestFrame {
  const writer = new Writer();
  encodeRequestHeader(writer, {
    apiKey: key,
    apiVersion: version,
    correlationId: 7,
    clientId: "golden",
  });
  writer.raw(body);
  return {
    name: request.name,
    key,
    version,
    bytes: writer.written().slice(),
  };
}

interface Filling {
  readonly version: number;
  readonly random: SimRandom;
  readonly hints: FrameHints;
}

function randomStruct(
  { fields, ...filling }: Filling & { fields: Fields },
): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const name in fields) {
    const field = fullField(fields[name]);
    if (!hasField(field, filling.version)) continue;
    if (field.tag !== undefined && filling.random.chance(0.5)) continue;
    value[name] = randomField(name, field, filling);
  }
  return value;
}

function randomField(
  name: string,
  field: Exclude<Field, Scalar>,
  filling: Filling,
): unknown {
  const { random, version } = filling;
  if (isNullable(field, version) && random.chance(0.15)) return null;
  if ("struct" in field) {
    return randomStruct({ fields: field.struct, ...filling });
  }
  if ("array" in field) {
    const { array } = field;
    return Array.from(
      { length: random.pick(ARRAY_COUNTS) },
      () =>
        typeof array === "string"
          ? randomScalar(name, array, filling)
          : randomStruct({ fields: array, ...filling }),
    );
  }
  return randomScalar(name, field.type, filling);
}

function randomScalar(
  name: string,
  type: Scalar,
  { random, hints, version }: Filling,
): unknown {
  switch (type) {
    case "bool":
      return random.chance(0.5);
    case "int8":
      return random.pick([0, 0, 1, 1, 2, 4, -1, random.below(256) - 128]);
    case "int16":
      return random.pick([0, 1, 1, -1, 5, 32767, random.below(65536) - 32768]);
    case "uint16":
      return random.below(65536);
    case "int32":
      return randomInt32(name, random);
    case "int64":
      return random.pick([0, 0, 1, -1, -2, 5, 1000, 2 ** 40, 2 ** 53]);
    case "float64":
      return random.between(-1, 1) * 10 ** random.below(20);
    case "uuid":
      return random.pick([ZERO_UUID, ...hints.topicIds]);
    case "string":
      return randomString(name, random, hints);
    case "bytes":
      return random.bytes(random.below(40));
    case "records":
      return version < 3 && random.chance(0.5)
        ? random.bytes(random.below(60))
        : randomBatch(random);
  }
}

function randomInt32(name: string, random: SimRandom): number {
  if (/partition/i.test(name) && !/count|max/i.test(name)) {
    return random.pick([0, 0, 0, 1, 2, 3, -1, 99]);
  }
  // A wait may not last for ever, or the fuzzer would.
  if (/ms$/i.test(name)) return random.pick([0, 1, 100, 5000]);
  return random.pick([
    0,
    1,
    2,
    -1,
    100,
    65536,
    2 ** 20,
    2 ** 31 - 1,
    -(2 ** 31),
  ]);
}

function randomString(
  name: string,
  random: SimRandom,
  hints: FrameHints,
): string {
  const { memberIds = [] } = hints;
  if (/^(memberId|leader)$/.test(name) && random.chance(0.6)) {
    return random.pick(["", ...memberIds]);
  }
  const isConfig = /config|^name$|resourceName/i.test(name);
  return random.pick([
    random.pick(hints.topics),
    random.pick(hints.topics),
    isConfig ? random.pick(hints.configKeys) : random.pick(hints.topics),
    random.pick(["", "0", "-1", "1", "delete", "compact", "gzip", "all"]),
    randomName(random, random.below(12)),
    randomName(random, random.pick([1, 249, 250, 3000])),
  ]);
}

function randomName(random: SimRandom, length: number): string {
  return Array.from(
    { length },
    () => NAME_CHARACTERS[random.below(NAME_CHARACTERS.length)],
  ).join("");
}

/** A batch that holds, two of them, or one whose checksum alone is right. */
export function randomBatch(random: SimRandom): Uint8Array {
  const records: RecordInput[] = Array.from(
    { length: 1 + random.below(4) },
    () => ({
      timestampMs: 1_735_689_600_000 + random.below(1000),
      key: random.chance(0.5) ? null : random.bytes(random.below(10)),
      value: random.chance(0.1) ? null : random.bytes(random.below(50)),
      headers: random.chance(0.7)
        ? []
        : [{ key: "h", value: random.bytes(random.below(5)) }],
    }),
  );
  const isIdempotent = random.chance(0.2);
  const batch = encodeBatch({
    records,
    compression: random.pick(["none", "none", "gzip", "snappy", "lz4", "zstd"]),
    ...(isIdempotent
      ? {
        producerId: random.below(3),
        producerEpoch: random.below(2),
        baseSequence: random.below(5),
      }
      : {}),
  });
  if (random.chance(0.2)) return damagedInside(batch, random);
  if (random.chance(0.9)) return batch;
  const twice = new Uint8Array(batch.length * 2);
  twice.set(batch);
  twice.set(batch, batch.length);
  return twice;
}

/** Damage that the checksum covers up: behind it, in the header or in the records. */
function damagedInside(batch: Uint8Array, random: SimRandom): Uint8Array {
  const CRC_END = 21;
  const damaged = batch.slice();
  for (let i = random.below(3); i >= 0; i--) {
    const start = random.chance(0.5) ? CRC_END : BATCH_HEADER_BYTES;
    const position = start + random.below(damaged.length - start);
    damaged[position] = random.pick([0, 1, 0x7f, 0x80, 0xff, 6]);
  }
  sealBatch(damaged);
  return damaged;
}
