import { deepEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { encodeUtf8 } from "../../base/bytes.ts";
import { KeyHash } from "./key_hash.ts";
import { OffsetMap } from "./offset_map.ts";

Deno.test("the hash gives the test vectors of its authors", () => {
  const key = new Uint8Array(16);
  const view = new DataView(key.buffer);
  [0x833d3433, 0x009f389f, 0x2398e64f, 0x417acf39].forEach((word, i) =>
    view.setUint32(4 * i, word, true)
  );
  const hash = new KeyHash(key, 8);
  const message = Uint8Array.from({ length: 64 }, (_, i) => i);
  const expected = [
    [0x792e8fe5, 0x75ce87aa, 0x2d1450b5, 0x1191970b],
    [0x13a9307b, 0x50e62c89, 0x4577bd88, 0xc0bbdc18],
    [0x55df8922, 0x2c7ff577, 0x73809ef4, 0x4e5084c0],
  ];
  expected.forEach((words, length) => {
    hash.update(message, 0, length);
    deepEqual([...hash.words].map((word) => word >>> 0), words);
  });
});

Deno.test("the hash depends on every byte and on the length", () => {
  const hash = new KeyHash(Uint8Array.from({ length: 16 }, (_, i) => 3 * i));
  const seen = new Set<string>();
  for (let length = 0; length < 50; length++) {
    for (let changed = 0; changed <= length; changed++) {
      const bytes = new Uint8Array(length);
      if (changed < length) bytes[changed] = 7;
      hash.update(bytes, 0, length);
      seen.add(String(hash.words));
    }
  }
  strictEqual(seen.size, 50 * 51 / 2);
});

const randomBytes = (count: number) => new Uint8Array(count).fill(9);

Deno.test("the map holds the last offset of each key", () => {
  fc.assert(fc.property(fc.array(fc.string({ maxLength: 3 })), (keys) => {
    const map = new OffsetMap({
      memoryBytes: 24 * 4000,
      loadFactor: 0.9,
      firstOffset: 0,
      endOffset: keys.length,
      randomBytes,
    });
    const expected = new Map<string, number>();
    keys.forEach((key, offset) => {
      const bytes = encodeUtf8(`xx${key}`);
      map.put(bytes, 2, bytes.length, offset);
      expected.set(key, offset);
      strictEqual(map.latestOffset, offset);
    });
    strictEqual(map.size, expected.size);
    for (const [key, offset] of expected) {
      const bytes = encodeUtf8(key);
      strictEqual(map.get(bytes, 0, bytes.length), offset);
    }
    strictEqual(map.get(encodeUtf8("none of them"), 0, 12), -1);
  }));
});

Deno.test("the map knows which offsets a later one of their key supersedes, with room for bits and without", () => {
  const key = fc.string({ maxLength: 2 });
  const firstOffset = 2 ** 40 + 5;
  fc.assert(
    fc.property(fc.array(key), fc.boolean(), (keys, hasBits) => {
      const map = new OffsetMap({
        memoryBytes: 24 * 4000,
        loadFactor: 0.9,
        firstOffset,
        // Offsets are further apart than bits may be.
        endOffset: firstOffset + (hasBits ? 3 * keys.length : 1e9),
        randomBytes,
      });
      const offsetOf = (i: number) => firstOffset + 3 * i;
      keys.forEach((key, i) => {
        const bytes = encodeUtf8(key);
        map.put(bytes, 0, bytes.length, offsetOf(i));
      });
      const supersedes = (key: string, offset: number) => {
        const bytes = encodeUtf8(key);
        return map.supersedes(bytes, 0, bytes.length, offset);
      };
      keys.forEach((key, i) => {
        strictEqual(supersedes(key, offsetOf(i)), keys.lastIndexOf(key) > i);
        ok(supersedes(key, firstOffset - 1));
      });
      ok(!supersedes("none of them", firstOffset - 1));
    }),
  );
});

Deno.test("the map takes as many keys as its memory and load allow, and still finds them all", () => {
  const map = new OffsetMap({
    memoryBytes: 24 * 100 + 5,
    loadFactor: 0.9,
    firstOffset: 0,
    endOffset: 1e9,
    randomBytes,
  });
  strictEqual(map.capacity, 90);
  let count = 0;
  for (; !map.isFull; count++) {
    const bytes = encodeUtf8(String(count));
    map.put(bytes, 0, bytes.length, count);
  }
  strictEqual(count, 90);
  for (let i = 0; i < count; i++) {
    const bytes = encodeUtf8(String(i));
    strictEqual(map.get(bytes, 0, bytes.length), i);
  }
  ok(map.utilization > 0.8);
});
