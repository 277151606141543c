import { strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  readInt16,
  readInt32,
  readInt64,
  readUint32,
  writeInt16,
  writeInt32,
  writeInt64,
} from "./big_endian.ts";

Deno.test("big-endian integers are those of a DataView", () => {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  fc.assert(fc.property(
    fc.maxSafeInteger(),
    fc.integer(),
    fc.integer({ min: -32768, max: 32767 }),
    (long, int, short) => {
      writeInt64(bytes, 1, long);
      strictEqual(view.getBigInt64(1), BigInt(long));
      strictEqual(readInt64(bytes, 1), long);
      writeInt32(bytes, 3, int);
      strictEqual(view.getInt32(3), int);
      strictEqual(readInt32(bytes, 3), int);
      strictEqual(readUint32(bytes, 3), int >>> 0);
      writeInt16(bytes, 5, short);
      strictEqual(view.getInt16(5), short);
      strictEqual(readInt16(bytes, 5), short);
    },
  ));
});

Deno.test("readInt64() reads the extremes as the nearest double", () => {
  strictEqual(readInt64(Uint8Array.fromHex("7fffffffffffffff"), 0), 2 ** 63);
  strictEqual(readInt64(Uint8Array.fromHex("8000000000000000"), 0), -(2 ** 63));
  strictEqual(readInt64(Uint8Array.fromHex("ffffffffffffffff"), 0), -1);
});
