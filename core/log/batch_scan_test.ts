// A scan that uses its memory again reads what one with fresh memory reads, and
// each byte once.

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { concatBytes } from "../base/bytes.ts";
import { testBatch } from "../testing/log_fixture.ts";
import { BatchScan } from "./batch_scan.ts";

/** Batches of all sizes around that of a chunk. */
function batches(): Uint8Array[] {
  const sizes = [1, 900, 4000, 4096, 5000, 10, 20_000, 3, 4020, 4030, 1, 9000];
  return sizes.map((size, index) =>
    testBatch([String.fromCharCode(97 + index).repeat(size)], {
      baseOffset: index,
    })
  );
}

function scanAll(bytes: Uint8Array, reusesMemory: boolean, isWhole: boolean) {
  const read = { byteCount: 0 };
  const scan = new BatchScan({
    readAt: (target, position) => {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      read.byteCount += part.length;
      return part.length;
    },
  }, { from: 0, to: bytes.length, chunkBytes: 4096, reusesMemory });
  const seen: unknown[] = [];
  for (let batch = scan.next(isWhole); batch !== null;) {
    const content = isWhole ? scan.bytes(batch)?.slice() ?? null : null;
    seen.push({ ...batch, content });
    batch = scan.next(isWhole);
  }
  return { seen, fault: scan.fault, byteCount: read.byteCount };
}

Deno.test("a scan in the same memory finds the same batches, or the same fault", () => {
  const whole = concatBytes(batches());
  for (const cut of [0, 1, 30, 5000, 12_000]) {
    const bytes = whole.slice(0, whole.length - cut);
    for (const isWhole of [true, false]) {
      const fresh = scanAll(bytes, false, isWhole);
      const reused = scanAll(bytes, true, isWhole);
      deepStrictEqual(reused.seen, fresh.seen);
      deepStrictEqual(reused.fault, fresh.fault);
    }
  }
  strictEqual(scanAll(whole, true, true).seen.length, 12);
});

Deno.test("a scan in the same memory reads each byte once", () => {
  const bytes = concatBytes(batches());
  strictEqual(scanAll(bytes, true, true).byteCount, bytes.length);
});
