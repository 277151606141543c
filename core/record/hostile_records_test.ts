// Compressed data that is wrong or means harm, by name: each gets its error, and
// takes no more memory than the limit allows, measured as the process's peak.

import { ok, strictEqual } from "node:assert/strict";
import { writeInt32, writeInt64 } from "../base/big_endian.ts";
import { concatBytes } from "../base/bytes.ts";
import { crc32 } from "../base/crc32.ts";
import { xxh32 } from "../base/xxh32.ts";
import { MIB } from "../base/units.ts";
import {
  compress,
  compressionByName,
  type CompressionName,
} from "../compress/codecs.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { encodeMessageSet } from "./message_set.ts";
import {
  ATTRIBUTES_POSITION,
  BATCH_HEADER_BYTES,
  encodeBatch,
  encodeBatchAround,
  sealBatch,
} from "./record_batch.ts";
import { type ValidateOptions, validateProduced } from "./validate.ts";

const LIMIT_BYTES = 32 * MIB;
/** An output that doubles as it grows stands twice in memory for a moment. */
const GROWTH_BYTES_MAX = 2 * LIMIT_BYTES + 32 * MIB;
const usual: ValidateOptions = {
  baseOffset: 0,
  leaderEpoch: 0,
  nowMs: 20_000,
  timestampType: "CreateTime",
  compressionType: "producer",
  maxMessageBytes: 2 ** 30,
  maxDecompressedBytes: LIMIT_BYTES,
};
const records = [{ timestampMs: 1, key: null, value: new Uint8Array(100) }];
const plain = encodeBatch({ records }).subarray(BATCH_HEADER_BYTES);

/** A batch that says it is of a codec, around any bytes. */
function around(
  codec: CompressionName,
  inside: Uint8Array,
  recordCount = 1,
  baseTimestampMs = 0,
): Uint8Array {
  const batch = encodeBatchAround(inside, {
    baseOffset: 0,
    maxTimestampMs: 1,
    baseTimestampMs,
    recordCount,
  });
  batch[ATTRIBUTES_POSITION + 1] |= compressionByName(codec).id;
  sealBatch(batch);
  return batch;
}

function repeated(bytes: Uint8Array, count: number): Uint8Array {
  return concatBytes(Array.from({ length: count }, () => bytes));
}

const zeros = new Uint8Array(16 * MIB);

/** 512 MiB of zeros, in a stream that is one for its codec. */
function bomb(codec: CompressionName): Uint8Array {
  const packed = compress(codec, zeros);
  // Frame headers and lz4's end mark come once, what is between them often.
  const [head, tail] = codec === "lz4"
    ? [7, 4]
    : codec === "snappy"
    ? [16, 0]
    : [0, 0];
  const end = packed.length - tail;
  return concatBytes([
    packed.subarray(0, head),
    repeated(packed.subarray(head, end), 32),
    packed.subarray(end),
  ]);
}

/** Records of seven bytes, with the offset deltas that belong to them. */
function tinyRecords(count: number, timestampDelta: number): Uint8Array {
  const one = encodeBatch({
    records: Array.from({ length: count }, () => ({
      timestampMs: timestampDelta,
      key: null,
      value: null,
    })),
    deleteHorizonMs: 0,
  });
  return one.subarray(BATCH_HEADER_BYTES);
}

/** A wrapper of magic 1 around empty messages. */
function wrapperOf(count: number): Uint8Array {
  const empty = { timestampMs: 1, key: null, value: null };
  const message = encodeMessageSet({ magic: 1, records: [empty] });
  const inner = repeated(message, count);
  for (let i = 0; i < count; i++) writeInt64(inner, i * message.length, i);
  const wrapper = encodeMessageSet({
    magic: 1,
    records: [{ ...empty, value: compress("gzip", inner) }],
  });
  wrapper[17] = 1;
  writeInt32(wrapper, 12, crc32(wrapper.subarray(16)));
  return wrapper;
}

const trailing = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const manyCount = 1_200_000;
const codecs = ["gzip", "snappy", "lz4", "zstd"] as const;

const cases: [
  name: string,
  make: () => Uint8Array,
  /** `null` where it is let in. */
  errorName: string | null,
  options?: Partial<ValidateOptions>,
][] = [
  ...codecs.flatMap((codec): typeof cases => [
    [
      `a bomb of ${codec}`,
      () => around(codec, bomb(codec)),
      "MESSAGE_TOO_LARGE",
    ],
    [
      `a bomb of ${codec} to be compressed otherwise`,
      () => around(codec, bomb(codec)),
      "MESSAGE_TOO_LARGE",
      { compressionType: codec === "lz4" ? "zstd" : "lz4" },
    ],
    [
      `a bomb of ${codec} inside ${codec}`,
      () => around(codec, compress(codec, bomb(codec))),
      "INVALID_RECORD",
    ],
    [
      `${codec} cut off`,
      () => around(codec, compress(codec, plain).subarray(0, -5)),
      "CORRUPT_MESSAGE",
    ],
    [
      `${codec} of more records than there are`,
      () => around(codec, compress(codec, plain), 2 ** 31 - 1),
      "INVALID_RECORD",
    ],
    [
      `${codec} with bytes after the records`,
      () => around(codec, compress(codec, concatBytes([plain, trailing]))),
      "INVALID_RECORD",
    ],
  ]),
  ...(["gzip", "snappy", "zstd"] as const).map((codec): typeof cases[0] => [
    `${codec} with bytes after the stream`,
    () => around(codec, concatBytes([compress(codec, plain), trailing])),
    "CORRUPT_MESSAGE",
  ]),
  [
    "a zstd window of 2 GiB",
    () => around("zstd", Uint8Array.fromHex("28b52ffd00a8010000")),
    "MESSAGE_TOO_LARGE",
  ],
  [
    "a zstd content of 1 TiB",
    () =>
      around("zstd", Uint8Array.fromHex("28b52ffde00000000000010000010000")),
    "MESSAGE_TOO_LARGE",
  ],
  [
    "an lz4 content of 1 TiB",
    () => {
      const frame = Uint8Array.fromHex(
        "04224d18" + "6840" + "0000000000010000" + "00" + "00000000",
      );
      frame[14] = xxh32(frame.subarray(4, 14)) >>> 8;
      return around("lz4", frame);
    },
    "MESSAGE_TOO_LARGE",
  ],
  [
    "a framed snappy chunk of 2 GiB",
    () =>
      around(
        "snappy",
        Uint8Array.fromHex("82534e415050590000000001000000017fffffff0000"),
      ),
    "CORRUPT_MESSAGE",
  ],
  [
    "a raw snappy block of 4 GiB",
    () => around("snappy", Uint8Array.fromHex("ffffffff0f00")),
    "MESSAGE_TOO_LARGE",
  ],
  [
    "a million records without keys on a compacted topic",
    () =>
      around("gzip", compress("gzip", tinyRecords(manyCount, 0)), manyCount),
    "INVALID_RECORD",
    { requireKeys: true },
  ],
  [
    "a million records whose times count from elsewhere, to be compressed otherwise",
    () =>
      around("gzip", compress("gzip", tinyRecords(manyCount, 1)), manyCount),
    null,
    { compressionType: "lz4" },
  ],
  [
    "a million messages in a wrapper",
    () => wrapperOf(1_000_001),
    "MESSAGE_TOO_LARGE",
    { produceVersion: 2 },
  ],
];

/** Peak memory of this process since `resetPeak`; 0 where the system does not tell. */
function peakBytes(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(status.match(/VmHWM:\s+(\d+)/)?.[1] ?? 0) * 1024;
}

function resetPeak(): boolean {
  try {
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
    return true;
  } catch {
    return false;
  }
}

function errorNameOf(
  bytes: Uint8Array,
  options?: Partial<ValidateOptions>,
): string | null {
  try {
    validateProduced(bytes, { ...usual, ...options });
    return null;
  } catch (error) {
    if (error instanceof KafkaError) return error.errorName;
    throw error;
  }
}

for (const [name, make, errorName, options] of cases) {
  Deno.test(`${name}: ${errorName ?? "let in"}, in bounded memory`, () => {
    const bytes = make();
    const isMeasured = resetPeak();
    const before = isMeasured ? peakBytes() : 0;
    strictEqual(errorNameOf(bytes, options), errorName);
    if (!isMeasured) return;
    const grown = peakBytes() - before;
    ok(grown < GROWTH_BYTES_MAX, `took ${grown / MIB} MiB`);
  });
}
