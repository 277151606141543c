import { strictEqual } from "node:assert/strict";
import { crc32 } from "./crc32.ts";

Deno.test("crc32() gives the check value, at once and in two steps", () => {
  const bytes = new TextEncoder().encode("123456789");
  strictEqual(crc32(bytes), 0xcbf43926);
  const first = crc32(bytes.subarray(0, 4));
  strictEqual(crc32(bytes.subarray(4), first), 0xcbf43926);
});

Deno.test("crc32() gives the same for small and large inputs", () => {
  const bytes = new Uint8Array(5000).map((_, i) => i * 7 + (i >> 8));
  for (const size of [0, 1, 511, 512, 513, 5000]) {
    const whole = crc32(bytes.subarray(0, size), 99);
    let inSteps = 99;
    for (let at = 0; at < size; at += 100) {
      const end = Math.min(size, at + 100);
      inSteps = crc32(bytes.subarray(at, end), inSteps);
    }
    strictEqual(inSteps, whole, `${size} bytes`);
  }
});
