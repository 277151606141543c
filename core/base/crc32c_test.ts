import { strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { crc32c } from "./crc32c.ts";

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);

Deno.test("crc32c() gives the values of RFC 3720", () => {
  const cases: [bytes: Uint8Array, crc: number][] = [
    [new Uint8Array(0), 0],
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(0xff), 0x62a8ab43],
    [ascending, 0x46dd794e],
    [ascending.toReversed(), 0x113fdb5c],
    [new TextEncoder().encode("123456789"), 0xe3069283],
  ];
  for (const [bytes, crc] of cases) strictEqual(crc32c(bytes), crc);
});

/** One bit at a time: slow, and plainly the definition. */
function bitwise(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) {
      crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}

Deno.test("crc32c() equals the bitwise definition at every length and alignment", () => {
  fc.assert(fc.property(
    fc.uint8Array({ maxLength: 200 }),
    fc.nat(7),
    (bytes, shift) => {
      const moved = new Uint8Array(bytes.length + shift);
      moved.set(bytes, shift);
      strictEqual(crc32c(moved, 0, shift), bitwise(bytes));
    },
  ));
});

Deno.test("crc32c() goes on from a checksum", () => {
  fc.assert(fc.property(
    fc.uint8Array({ maxLength: 100 }),
    fc.nat(100),
    (bytes, cut) => {
      const first = crc32c(bytes.subarray(0, cut));
      strictEqual(crc32c(bytes.subarray(cut), first), crc32c(bytes));
    },
  ));
});
