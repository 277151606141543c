import { ok, strictEqual, throws } from "node:assert/strict";
import { MIB } from "../base/units.ts";
import { BufferPool, sizeClass } from "./buffer_pool.ts";

Deno.test("sizeClass() is the next power of two between its limits", () => {
  const cases: [sizeBytes: number, classBytes: number][] = [
    [1, 4096],
    [4096, 4096],
    [4097, 8192],
    [1_048_577, 2_097_152],
    [16 * MIB, 16 * MIB],
    [16 * MIB + 1, 16 * MIB + 1],
  ];
  for (const [sizeBytes, classBytes] of cases) {
    strictEqual(sizeClass(sizeBytes), classBytes, `${sizeBytes}`);
  }
});

Deno.test("BufferPool lends a buffer again once it is back", () => {
  const pool = new BufferPool();
  const first = pool.take(5000);
  ok(pool.take(5000) !== first, "a lent buffer is not lent twice");
  pool.give(first);
  strictEqual(pool.take(8000), first);
});

Deno.test("BufferPool keeps no more than its bound", () => {
  const pool = new BufferPool(MIB);
  const buffers = [1, 2, 3].map(() => pool.take(MIB / 2));
  buffers.forEach((buffer) => pool.give(buffer));
  strictEqual(pool.idleBytes, MIB);
  strictEqual(pool.lentBytes, 0);
  pool.give(pool.take(20 * MIB));
  strictEqual(pool.idleBytes, MIB);
});

Deno.test("BufferPool refuses what it has not lent", () => {
  const pool = new BufferPool();
  throws(() => pool.give(new Uint8Array(4096)), /twice/);
  throws(() => pool.give(new Uint8Array(5000)), /Not a buffer/);
});
