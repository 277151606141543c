// What producers of all ages and tempers send, by name: bytes of one partition
// of a Produce request, for a topic with some configuration.

import { concatBytes, encodeUtf8 } from "../../core/base/bytes.ts";
import { writeInt32, writeInt64 } from "../../core/base/big_endian.ts";
import { crc32 } from "../../core/base/crc32.ts";
import { xxh32 } from "../../core/base/xxh32.ts";
import { compress, type CompressionName } from "../../core/compress/codecs.ts";
import { encodeMessageSet } from "../../core/record/message_set.ts";
import {
  ATTRIBUTES_POSITION,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_POSITION,
  type BatchContent,
  DELETE_HORIZON_FLAG,
  encodeBatch,
  LAST_OFFSET_DELTA_POSITION,
  LOG_APPEND_TIME_FLAG,
  MAX_TIMESTAMP_POSITION,
  RECORD_COUNT_POSITION,
  sealBatch,
} from "../../core/record/record_batch.ts";

/** One thing sent, and the topic it is sent to. */
export interface RecordCase {
  readonly name: string;
  /** Of the topic. */
  readonly config: Readonly<Record<string, string>>;
  /** Of the Produce request. */
  readonly version: number;
  readonly bytes: Uint8Array;
  /** Where kq means to differ from Apache Kafka, and why. */
  readonly differs?: string;
}

const NO_NAME = "Apache Kafka has no name for it";
const NEWEST = 9;
const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
const OLD_CODECS = ["none", "gzip", "snappy", "lz4"] as const;
const TYPES = ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"];

/** Whole seconds, so that both brokers are sent the same. */
const startMs = Math.floor(Date.now() / 1000) * 1000;

const records = Array.from({ length: 5 }, (_, i) => ({
  timestampMs: startMs - 1000 + (i * 7) % 5,
  key: encodeUtf8(`key-${i}`),
  value: i === 3 ? null : encodeUtf8(`value-${i} `.repeat(20)),
  headers: i === 2 ? [{ key: "h", value: encodeUtf8("x") }] : [],
}));
const keyless = records.map((record, i) => ({
  ...record,
  key: i % 2 === 0 ? record.key : null,
}));

function batch(content: Partial<BatchContent> = {}): Uint8Array {
  return encodeBatch({ records, ...content });
}

/** A batch with an edit under a right checksum. */
function edited(
  edit: (bytes: Uint8Array) => void,
  content: Partial<BatchContent> = {},
): Uint8Array {
  const bytes = batch(content);
  edit(bytes);
  sealBatch(bytes);
  return bytes;
}

/** The usual header before other compressed bytes. */
function around(codec: CompressionName, inside: Uint8Array): Uint8Array {
  const bytes = concatBytes([
    batch({ compression: codec }).subarray(0, BATCH_HEADER_BYTES),
    inside,
  ]);
  writeInt32(bytes, BATCH_LENGTH_POSITION, bytes.length - 12);
  sealBatch(bytes);
  return bytes;
}

const plain = batch().subarray(BATCH_HEADER_BYTES);
const packed = (codec: CompressionName) =>
  batch({ compression: codec }).subarray(BATCH_HEADER_BYTES);

function set(
  magic: 0 | 1,
  compression: CompressionName = "none",
  logAppendTimeMs?: number,
): Uint8Array {
  return encodeMessageSet({ magic, records, compression, logAppendTimeMs });
}

/** A wrapper of magic 1 whose messages all have the offset 0. */
function wrapperOfZeros(): Uint8Array {
  const inner = concatBytes(
    records.map((record) =>
      encodeMessageSet({ magic: 1, records: [{ ...record, offset: 0 }] })
    ),
  );
  const value = compress("gzip", inner);
  const wrapper = encodeMessageSet({
    magic: 1,
    records: [{ timestampMs: startMs, key: null, value }],
  });
  wrapper[17] = 1;
  writeInt32(wrapper, 12, crc32(wrapper.subarray(16)));
  return wrapper;
}

/** An lz4 frame out of the records in two blocks, stored as they are. */
function lz4Frame(flags: number, blockTrailer = false): Uint8Array {
  const descriptor = Uint8Array.of(flags, 0x40);
  const words = (value: number) => {
    const word = new Uint8Array(4);
    new DataView(word.buffer).setUint32(0, value, true);
    return word;
  };
  const half = plain.length >> 1;
  const blocks = [plain.subarray(0, half), plain.subarray(half)];
  return concatBytes([
    Uint8Array.of(0x04, 0x22, 0x4d, 0x18),
    descriptor,
    Uint8Array.of(xxh32(descriptor) >>> 8 & 255),
    ...blocks.flatMap((block) => [
      words((block.length | 0x80000000) >>> 0),
      block,
      ...(blockTrailer ? [words(xxh32(block))] : []),
    ]),
    words(0),
    ...(flags & 4 ? [words(xxh32(plain))] : []),
  ]);
}

function rawSnappy(): Uint8Array {
  // The framing's header and the size of its only block go.
  return packed("snappy").subarray(20);
}

type Config = RecordCase["config"];

function one(
  name: string,
  bytes: Uint8Array,
  config: Config = {},
  more: Partial<RecordCase> = {},
): RecordCase {
  return { name, bytes, config, version: NEWEST, ...more };
}

function recompressed(): RecordCase[] {
  return CODECS.flatMap((source) =>
    TYPES.map((wanted) =>
      one(
        `${source} to ${wanted}`,
        batch({ compression: source }),
        { "compression.type": wanted },
      )
    )
  );
}

function oldFormats(): RecordCase[] {
  return ([0, 1] as const).flatMap((magic) => [
    ...OLD_CODECS.flatMap((source) =>
      ["producer", "uncompressed", "zstd", "gzip"].map((wanted) =>
        one(`magic ${magic}, ${source} to ${wanted}`, set(magic, source), {
          "compression.type": wanted,
        }, { version: magic + 1 })
      )
    ),
    ...OLD_CODECS.map((source) =>
      one(`magic ${magic}, ${source}, LogAppendTime`, set(magic, source), {
        "message.timestamp.type": "LogAppendTime",
      }, { version: magic + 1 })
    ),
    one(`magic ${magic} to a topic of format 0.9`, set(magic), {
      "message.format.version": "0.9.0",
    }, { version: magic + 1 }),
    one(
      `magic ${magic}, two wrappers`,
      concatBytes([set(magic, "gzip"), set(magic, "gzip")]),
      {},
      { version: magic + 1 },
    ),
    one(
      `magic ${magic}, a wrapper after a message`,
      concatBytes([
        encodeMessageSet({ magic, records: records.slice(0, 1) }),
        set(magic, "gzip"),
      ]),
      {},
      { version: magic + 1 },
    ),
    one(`magic ${magic} in a new request`, set(magic), {}, {
      differs: "kq says that it is the format which does not fit",
    }),
  ]);
}

function times(): RecordCase[] {
  const stamped = { "message.timestamp.type": "LogAppendTime" };
  const late = { "message.timestamp.after.max.ms": "100" };
  const early = { "message.timestamp.before.max.ms": "100" };
  const spread = records.map((record, i) => ({
    ...record,
    timestampMs: record.timestampMs + (i - 2) * 86_400_000,
  }));
  const isStamped = (bytes: Uint8Array) => {
    bytes[ATTRIBUTES_POSITION + 1] |= LOG_APPEND_TIME_FLAG;
  };
  const old = (codec: CompressionName) =>
    encodeMessageSet({ magic: 1, records: spread, compression: codec });
  return [
    ...CODECS.map((codec) =>
      one(`LogAppendTime, ${codec}`, batch({ compression: codec }), stamped)
    ),
    one("LogAppendTime, gzip to lz4", batch({ compression: "gzip" }), {
      ...stamped,
      "compression.type": "lz4",
    }),
    ...(["none", "gzip"] as const).flatMap((compression) => [
      one(
        `${compression} stamped by the producer`,
        edited(isStamped, { compression }),
      ),
      one(
        `${compression} stamped by the producer, to lz4`,
        edited(isStamped, { compression }),
        { "compression.type": "lz4" },
      ),
      one(
        `${compression} stamped by the producer, to LogAppendTime`,
        edited(isStamped, { compression }),
        stamped,
      ),
      one(
        `${compression} with a wrong max timestamp`,
        edited((bytes) => writeInt64(bytes, MAX_TIMESTAMP_POSITION, 5), {
          compression,
        }),
      ),
      one(
        `${compression} too late`,
        batch({ compression, records: spread }),
        late,
      ),
      one(
        `${compression} too early`,
        batch({ compression, records: spread }),
        early,
      ),
      one(
        `${compression} too far off, the old key`,
        batch({ compression, records: spread }),
        { "message.timestamp.difference.max.ms": "1000000" },
      ),
      one(
        `${compression} beyond the bounds of LogAppendTime`,
        batch({ compression, records: spread }),
        { ...late, ...early, ...stamped },
      ),
      one(`magic 1, ${compression} too late`, old(compression), late, {
        version: 2,
      }),
      one(`magic 1, ${compression} too early`, old(compression), early, {
        version: 2,
      }),
    ]),
    ...[{}, stamped].map((config, i) =>
      one(
        `magic 1, a wrapper stamped by the producer${
          ["", ", to LogAppendTime"][i]
        }`,
        set(1, "gzip", startMs - 5000),
        config,
        { version: 2 },
      )
    ),
    one(
      "another base timestamp",
      edited(
        (bytes) => bytes[ATTRIBUTES_POSITION + 1] &= ~DELETE_HORIZON_FLAG,
        { compression: "gzip", deleteHorizonMs: startMs - 9000 },
      ),
      { "compression.type": "lz4" },
    ),
  ];
}

function keysAndSizes(): RecordCase[] {
  const compacted = { "cleanup.policy": "compact" };
  const both = {
    ...compacted,
    "message.timestamp.after.max.ms": "100",
    "message.timestamp.before.max.ms": "100",
  };
  return [
    ...CODECS.map((compression) =>
      one(
        `${compression} without some keys`,
        batch({ compression, records: keyless }),
        compacted,
      )
    ),
    one(
      "magic 1 without some keys",
      encodeMessageSet({ magic: 1, records: keyless, compression: "gzip" }),
      compacted,
      { version: 2 },
    ),
    one("no keys and bad times", batch({ records: keyless.slice(1) }), both),
    one("grows past max.message.bytes", batch({ compression: "gzip" }), {
      "compression.type": "uncompressed",
      "max.message.bytes": "400",
    }),
    one("would shrink below max.message.bytes", batch(), {
      "compression.type": "gzip",
      "max.message.bytes": "400",
    }),
    one("magic 1 grows past max.message.bytes", set(1, "gzip"), {
      "compression.type": "uncompressed",
      "max.message.bytes": "400",
    }, { version: 2 }),
  ];
}

const differencesAfterStream: { readonly [codec: string]: string } = {
  gzip: "kq stores nothing that only some decompressors pass over",
  snappy: NO_NAME,
  zstd: NO_NAME,
};
const MADE_ANEW =
  "kq writes it anew in the form that Java's clients read, Apache Kafka refuses it without a name";

function strange(): RecordCase[] {
  const trailing = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  return CODECS.slice(1).flatMap((codec) => [
    one(`${codec}: nothing inside`, around(codec, new Uint8Array(0)), {}, {
      differs: NO_NAME,
    }),
    one(
      `${codec}: garbage`,
      around(codec, encodeUtf8("no such stream at all")),
      {},
      { differs: NO_NAME },
    ),
    one(
      `${codec}: cut off`,
      around(codec, packed(codec).subarray(0, packed(codec).length - 9)),
      {},
      { differs: NO_NAME },
    ),
    one(
      `${codec}: bytes after the stream`,
      around(codec, concatBytes([packed(codec), trailing])),
      {},
      { differs: differencesAfterStream[codec] },
    ),
    one(
      `${codec}: bytes after the records`,
      around(codec, compress(codec, concatBytes([plain, trailing]))),
    ),
    one(
      `${codec}: a record count too high`,
      edited((bytes) => {
        writeInt32(bytes, RECORD_COUNT_POSITION, 6);
        writeInt32(bytes, LAST_OFFSET_DELTA_POSITION, 5);
      }, { compression: codec }),
    ),
    one(
      `${codec}: a record count too low`,
      edited((bytes) => {
        writeInt32(bytes, RECORD_COUNT_POSITION, 4);
        writeInt32(bytes, LAST_OFFSET_DELTA_POSITION, 3);
      }, { compression: codec }),
    ),
    one(
      `${codec}: a batch inside`,
      around(codec, compress(codec, batch({ compression: codec }))),
    ),
    one(
      `${codec}: two streams`,
      around(
        codec,
        concatBytes([
          compress(codec, plain.subarray(0, 50)),
          compress(codec, plain.subarray(50)),
        ]),
      ),
    ),
  ]).concat([
    one("gzip: inner offsets of 0", wrapperOfZeros(), {}, { version: 2 }),
    one("snappy without framing", around("snappy", rawSnappy())),
    one("lz4 of linked blocks", around("lz4", lz4Frame(0x40)), {}, {
      differs: MADE_ANEW,
    }),
    one("lz4 with a content checksum", around("lz4", lz4Frame(0x64))),
    one("lz4 with block checksums", around("lz4", lz4Frame(0x70, true))),
    one(
      "lz4 with the header of magic 0",
      around("lz4", compress("lz4", plain, { legacyLz4: true })),
      {},
      { differs: MADE_ANEW },
    ),
    one(
      "a delete horizon",
      edited((bytes) => bytes[ATTRIBUTES_POSITION + 1] |= DELETE_HORIZON_FLAG),
    ),
    ...[5, 6, 7].map((id) =>
      one(
        `codec ${id}`,
        edited((bytes) => bytes[ATTRIBUTES_POSITION + 1] |= id),
        {},
        { differs: NO_NAME },
      )
    ),
    one("zstd before version 7", batch({ compression: "zstd" }), {}, {
      version: 6,
      differs: "kq says where the log starts, too",
    }),
  ]);
}

/** All cases, in groups. */
export const recordCases: readonly RecordCase[] = [
  ...recompressed(),
  ...oldFormats(),
  ...times(),
  ...keysAndSizes(),
  ...strange(),
];
