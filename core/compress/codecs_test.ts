import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  compress,
  CompressError,
  compressionById,
  compressions,
  decompress,
  isCompressionName,
} from "./codecs.ts";

const MIB = 1024 * 1024;
const packing = compressions.filter(({ id }) => id !== 0);

/** Bytes with repeats near and far, as real records have them. */
const content = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.record({ byte: fc.nat(255), count: fc.nat(3000) }).map(
      ({ byte, count }) => new Uint8Array(count).fill(byte),
    ),
    fc.constantFrom("customer-", '{"id":', "https://example.com/").map((text) =>
      new TextEncoder().encode(text)
    ),
  ),
  { maxLength: 60 },
).map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));

Deno.test("compressions are found by id and by name", () => {
  deepStrictEqual(
    compressions.map(({ name }) => name),
    ["none", "gzip", "snappy", "lz4", "zstd"],
  );
  compressions.forEach((row, id) => strictEqual(compressionById(id), row));
  for (const id of [5, 6, 7]) strictEqual(compressionById(id), null);
  ok(isCompressionName("lz4") && !isCompressionName("brotli"));
});

Deno.test("every compression gives back what it was given", () => {
  fc.assert(fc.property(content, (bytes) => {
    for (const { name } of compressions) {
      const packed = compress(name, bytes);
      const unpacked = decompress(name, packed, { maxBytes: bytes.length });
      strictEqual(unpacked.toHex(), bytes.toHex(), name);
    }
  }));
});

Deno.test("every level gives back what it was given", () => {
  const bytes = new TextEncoder().encode(
    Array.from({ length: 3000 }, (_, i) => `{"id":${i},"n":${i * 7919 % 101}}`)
      .join("\n"),
  );
  for (const { name, levels } of packing) {
    if (levels === null) continue;
    for (const level of [levels.min, levels.default, levels.max, 4]) {
      const packed = compress(name, bytes, { level });
      const unpacked = decompress(name, packed, { maxBytes: bytes.length });
      ok(
        packed.length < bytes.length || level < 0,
        `${name} ${level}: ${packed.length} bytes`,
      );
      ok(Buffer.compare(unpacked, bytes) === 0, `${name} ${level}`);
    }
  }
});

Deno.test("higher levels of lz4 pack closer", () => {
  const bytes = new TextEncoder().encode(
    Array.from({ length: 5000 }, (_, i) => `k${i * 31 % 977}=v${i % 13};`)
      .join(""),
  );
  const [fast, close] = [1, 12].map((level) =>
    compress("lz4", bytes, { level }).length
  );
  ok(close < fast, `${close} of ${fast} bytes`);
});

Deno.test("decompress() gives up at its limit, whatever the codec", () => {
  const bytes = new Uint8Array(70_000).fill(7);
  for (const { name } of compressions) {
    const packed = compress(name, bytes);
    decompress(name, packed, { maxBytes: bytes.length });
    for (const maxBytes of [0, 1, 20_000, bytes.length - 1]) {
      throws(
        () => decompress(name, packed, { maxBytes }),
        (error) => error instanceof CompressError && error.kind === "tooLarge",
        `${name} with ${maxBytes}`,
      );
    }
  }
});

Deno.test("bombs do not take memory past the limit", () => {
  const bomb = new Uint8Array(64 * MIB);
  for (const { name } of packing) {
    const packed = compress(name, bomb);
    const before = Deno.memoryUsage();
    throws(
      () => decompress(name, packed, { maxBytes: MIB }),
      { kind: "tooLarge" },
      name,
    );
    const after = Deno.memoryUsage();
    const grown = after.external + after.heapTotal - before.external -
      before.heapTotal;
    ok(grown < 16 * MIB, `${name} took ${grown} bytes`);
  }
});

Deno.test("damaged data ends as a CompressError, in bounded output", () => {
  const bytes = new TextEncoder().encode("what was once in order ".repeat(40));
  const mutation = fc.record({
    at: fc.nat(10_000),
    byte: fc.nat(255),
    cut: fc.nat(10_000),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...packing),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      ({ name }, mutations, isCut) => {
        let packed = compress(name, bytes).slice();
        for (const { at, byte } of mutations) packed[at % packed.length] = byte;
        if (isCut) packed = packed.slice(0, mutations[0].cut % packed.length);
        try {
          const out = decompress(name, packed, { maxBytes: 5000 });
          ok(out.length <= 5000);
        } catch (error) {
          ok(error instanceof CompressError, `${name}: ${error}`);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("random bytes are no stream of any codec", () => {
  const noise = Uint8Array.from({ length: 300 }, (_, i) => i * 167 + 91);
  for (const { name } of packing) {
    throws(
      () => decompress(name, noise, { maxBytes: MIB }),
      { name: "CompressError", kind: "corrupt" },
      name,
    );
  }
});

Deno.test("zstd frames that ask for a huge window or content are refused unread", () => {
  // magic, descriptor, window byte or content size; no block follows.
  const cases: [name: string, hex: string][] = [
    ["window of 2 GiB", "28b52ffd00a8010000"],
    ["window of 128 GiB", "28b52ffd00d8010000"],
    ["content of 2^40", "28b52ffde00000000000010000010000"],
    ["content of 2 GiB", "28b52ffda000000080010000"],
  ];
  for (const [name, hex] of cases) {
    throws(
      () => decompress("zstd", Uint8Array.fromHex(hex), { maxBytes: MIB }),
      { kind: "tooLarge" },
      name,
    );
  }
});

Deno.test("gzip and zstd read several members, as their writers may split", () => {
  const [a, b] = ["first ", "second"].map((text) =>
    new TextEncoder().encode(text)
  );
  for (const name of ["gzip", "zstd"] as const) {
    const packed = Uint8Array.from([
      ...compress(name, a),
      ...compress(name, b),
    ]);
    const unpacked = decompress(name, packed, { maxBytes: 100 });
    strictEqual(new TextDecoder().decode(unpacked), "first second", name);
  }
});
