import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { crc32 } from "../base/crc32.ts";
import { concatBytes } from "../base/bytes.ts";
import { writeInt32 } from "../base/big_endian.ts";
import { compress, type CompressionName } from "../compress/codecs.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  encodeMessageSet,
  type OldMagic,
  readMessage,
  readMessages,
  recordsOfMessage,
} from "./message_set.ts";

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 200 }));
const inputs = fc.array(
  fc.record({
    timestampMs: fc.nat(2 ** 45),
    key: bytesOrNull,
    value: bytesOrNull,
  }),
  { minLength: 1, maxLength: 12 },
);
const oldCompression = fc.constantFrom<CompressionName>(
  "none",
  "gzip",
  "snappy",
  "lz4",
);
const oldMagic = fc.constantFrom<OldMagic>(0, 1);
const hex = (bytes: Uint8Array | null) => bytes === null ? null : bytes.toHex();
const someValue = { timestampMs: 5, key: null, value: new Uint8Array(500) };

function readAll(set: Uint8Array) {
  return readMessages(set).flatMap((message) => recordsOfMessage(message));
}

/** Sets the checksum of the first message after an edit. */
function seal(message: Uint8Array): Uint8Array {
  writeInt32(message, 12, crc32(message.subarray(16)));
  return message;
}

Deno.test("a message set gives back its records with their offsets", () => {
  fc.assert(fc.property(
    inputs,
    oldMagic,
    oldCompression,
    fc.nat(2 ** 40),
    (records, magic, compression, baseOffset) => {
      const set = encodeMessageSet({ magic, records, compression, baseOffset });
      deepStrictEqual(
        readAll(set).map((r) => [
          r.offset,
          r.timestampMs,
          hex(r.key),
          hex(r.value),
        ]),
        records.map((r, i) => [
          baseOffset + i,
          magic === 0 ? -1 : r.timestampMs,
          hex(r.key),
          hex(r.value),
        ]),
      );
      const outer = readMessages(set);
      strictEqual(
        outer[outer.length - 1].offset,
        baseOffset + records.length - 1,
      );
    },
  ));
});

Deno.test("the wrapper's append time counts for all messages inside", () => {
  const set = encodeMessageSet({
    magic: 1,
    records: [someValue, someValue],
    compression: "gzip",
    logAppendTimeMs: 777,
  });
  deepStrictEqual(readAll(set).map((r) => r.timestampMs), [777, 777]);
});

Deno.test("damaged messages are named", () => {
  const plain = encodeMessageSet({ magic: 1, records: [someValue] });
  const wrapper = encodeMessageSet({
    magic: 1,
    records: [someValue],
    compression: "gzip",
  });
  const nested = wrap(wrapper);
  const cases: [name: string, bytes: Uint8Array, errorName: string][] = [
    ["cut off in the header", plain.subarray(0, 10), "CORRUPT_MESSAGE"],
    ["cut off", plain.subarray(0, 100), "CORRUPT_MESSAGE"],
    ["checksum", plain.with(-1, 1), "CORRUPT_MESSAGE"],
    ["magic 3", plain.with(16, 3), "CORRUPT_MESSAGE"],
    ["size below the least", plain.with(11, 3), "CORRUPT_MESSAGE"],
    ["key size -2", seal(plain.with(29, 0xfe)), "CORRUPT_MESSAGE"],
    ["key size past the end", seal(plain.with(26, 0x7f)), "CORRUPT_MESSAGE"],
    ["value size", seal(plain.with(33, 0)), "CORRUPT_MESSAGE"],
    ["zstd", seal(wrapper.with(17, 4)), "UNSUPPORTED_COMPRESSION_TYPE"],
    ["codec 7", seal(wrapper.with(17, 7)), "UNSUPPORTED_COMPRESSION_TYPE"],
    ["other codec inside", seal(wrapper.with(17, 2)), "CORRUPT_MESSAGE"],
    ["compressed twice", nested, "INVALID_RECORD"],
    ["empty inside", wrap(new Uint8Array(0)), "INVALID_RECORD"],
    ["another magic inside", seal(wrap(plain).with(16, 0)), "CORRUPT_MESSAGE"],
  ];
  for (const [name, bytes, errorName] of cases) {
    throws(() => readAll(bytes), { name: "KafkaError", errorName }, name);
  }
  throws(
    () => recordsOfMessage(readMessage(wrapper, 0), 100),
    { errorName: "MESSAGE_TOO_LARGE" },
  );
});

/** A gzip wrapper of magic 1 around bytes that need not be a set. */
function wrap(inside: Uint8Array): Uint8Array {
  const marker = new Uint8Array(8).fill(0xaa);
  const probe = encodeMessageSet({
    magic: 1,
    records: [{ timestampMs: 1, key: null, value: marker }],
  });
  const packed = compress("gzip", inside);
  const bytes = concatBytes([probe.subarray(0, probe.length - 8), packed]);
  writeInt32(bytes, 8, bytes.length - 12);
  writeInt32(bytes, 30, packed.length);
  bytes[17] = 1;
  return seal(bytes);
}

Deno.test("damage of any byte throws nothing but KafkaError", () => {
  fc.assert(
    fc.property(
      inputs,
      oldMagic,
      oldCompression,
      fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { minLength: 1 }),
      fc.boolean(),
      (records, magic, compression, edits, sealAgain) => {
        const set = encodeMessageSet({ magic, records, compression });
        for (const [at, byte] of edits) set[at % set.length] = byte;
        if (sealAgain) seal(set);
        try {
          readAll(set);
        } catch (error) {
          ok(error instanceof KafkaError, String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
