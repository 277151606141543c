import { ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { murmur2, partitionForKey } from "./murmur2.ts";

Deno.test("murmur2() gives what Kafka's Java client gives", () => {
  const cases: [key: string | Uint8Array, hash: number][] = [
    ["", 275646681],
    ["a", -1563381124],
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["헤더", -2077957380],
    [Uint8Array.of(0xff, 0x80, 0x7f, 0xfe, 0x81), -1225088665],
  ];
  for (const [key, hash] of cases) {
    const bytes = typeof key === "string" ? new TextEncoder().encode(key) : key;
    strictEqual(murmur2(bytes), hash, `key ${key}`);
  }
});

Deno.test("partitionForKey() stays within the partitions", () => {
  fc.assert(fc.property(
    fc.uint8Array(),
    fc.integer({ min: 1, max: 1000 }),
    (key, partitionCount) => {
      const partition = partitionForKey(key, partitionCount);
      ok(partition >= 0 && partition < partitionCount);
    },
  ));
});
