import { strictEqual } from "node:assert/strict";
import { xxh32 } from "./xxh32.ts";

Deno.test("xxh32() gives the reference's values at lengths around its lanes", () => {
  const bytes = Uint8Array.from({ length: 101 }, (_, i) => i * 7);
  const seed = 0x9747b28c;
  const cases: [size: number, hash: number, seeded: number][] = [
    [0, 46947589, 2369471192],
    [1, 3479547966, 3123367865],
    [3, 343163253, 4059859253],
    [4, 3371569093, 3523807232],
    [5, 4251513967, 838953318],
    [15, 2282215090, 1181589110],
    [16, 3046866451, 3177558481],
    [17, 551372073, 1940062969],
    [31, 3696981059, 110529485],
    [32, 3623292741, 957132889],
    [33, 3853913906, 349811234],
    [100, 2853824695, 3111950848],
    [101, 3119120604, 1580532533],
  ];
  for (const [size, hash, seeded] of cases) {
    strictEqual(xxh32(bytes.subarray(0, size)), hash, `size ${size}`);
    strictEqual(xxh32(bytes.subarray(0, size), seed), seeded, `size ${size}`);
  }
});
