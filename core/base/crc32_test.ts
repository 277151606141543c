import { strictEqual } from "node:assert/strict";
import { crc32 } from "./crc32.ts";

Deno.test("crc32() gives the check value, at once and in two steps", () => {
  const bytes = new TextEncoder().encode("123456789");
  strictEqual(crc32(bytes), 0xcbf43926);
  const first = crc32(bytes.subarray(0, 4));
  strictEqual(crc32(bytes.subarray(4), first), 0xcbf43926);
});
