import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { xxh32 } from "../base/xxh32.ts";
import { compressLz4, decompressLz4 } from "./lz4.ts";

interface FrameParts {
  flags: number;
  descriptor?: number;
  contentBytes?: number;
  blocks: { bytes: number[]; isStored?: boolean }[];
  /** What is written for the content checksum, where flags ask for one. */
  contentChecksum?: number;
  blockChecksum?: number;
  headerChecksum?: number;
}

/** A frame out of its parts, with the right header checksum unless one is given. */
function frame(parts: FrameParts): Uint8Array {
  const words = (...values: number[]) =>
    values.flatMap((value) => [
      value & 255,
      value >>> 8 & 255,
      value >>> 16 & 255,
      value >>> 24,
    ]);
  const descriptor = [parts.flags, parts.descriptor ?? 0x40];
  if (parts.contentBytes !== undefined) {
    descriptor.push(...words(parts.contentBytes % 2 ** 32));
    descriptor.push(...words(Math.floor(parts.contentBytes / 2 ** 32)));
  }
  const checksum = xxh32(Uint8Array.from(descriptor)) >>> 8 & 255;
  return Uint8Array.from([
    ...words(0x184d2204),
    ...descriptor,
    parts.headerChecksum ?? checksum,
    ...parts.blocks.flatMap(({ bytes, isStored }) => [
      ...words(bytes.length | (isStored ? 0x80000000 : 0)),
      ...bytes,
      ...(parts.flags & 0x10
        ? words(parts.blockChecksum ?? xxh32(Uint8Array.from(bytes)))
        : []),
    ]),
    ...words(0),
    ...(parts.flags & 0x04 ? words(parts.contentChecksum!) : []),
  ]);
}

const ABC = [0x61, 0x62, 0x63];
/** Literal "abc". */
const abcBlock = { bytes: [0x30, ...ABC] };
/** Literal "x", then five bytes out of the block before, then literal "y". */
const linkedBlock = { bytes: [0x11, 0x78, 0x04, 0x00, 0x10, 0x79] };
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("decompressLz4() reads every kind of frame that Kafka's clients write", () => {
  const hash = xxh32(Uint8Array.from(ABC));
  const cases: [name: string, parts: FrameParts, expected: string][] = [
    ["independent blocks", { flags: 0x60, blocks: [abcBlock] }, "abc"],
    ["no block", { flags: 0x60, blocks: [] }, ""],
    ["stored as is", {
      flags: 0x60,
      blocks: [{ bytes: ABC, isStored: true }],
    }, "abc"],
    ["linked blocks", {
      flags: 0x40,
      blocks: [abcBlock, linkedBlock],
    }, "abcxabcxay"],
    ["content size", {
      flags: 0x68,
      contentBytes: 3,
      blocks: [abcBlock],
    }, "abc"],
    ["checksums", {
      flags: 0x74,
      blocks: [abcBlock],
      contentChecksum: hash,
    }, "abc"],
    ["blocks of 4 MiB", {
      flags: 0x60,
      descriptor: 0x70,
      blocks: [abcBlock],
    }, "abc"],
  ];
  for (const [name, parts, expected] of cases) {
    strictEqual(text(decompressLz4(frame(parts), 100)), expected, name);
  }
});

Deno.test("decompressLz4() refuses frames that are not in order", () => {
  const block = (...bytes: number[]) => ({
    flags: 0x60,
    blocks: [{ bytes }],
  });
  const cases: [name: string, parts: FrameParts, kind: string][] = [
    ["wrong header checksum", {
      flags: 0x60,
      blocks: [abcBlock],
      headerChecksum: 0,
    }, "corrupt"],
    ["version 0", { flags: 0x20, blocks: [abcBlock] }, "corrupt"],
    ["dictionary", { flags: 0x61, blocks: [abcBlock] }, "corrupt"],
    ["block size 3", {
      flags: 0x60,
      descriptor: 0x30,
      blocks: [abcBlock],
    }, "corrupt"],
    ["match into the block before, of independent ones", {
      flags: 0x60,
      blocks: [abcBlock, linkedBlock],
    }, "corrupt"],
    ["block checksum", {
      flags: 0x70,
      blocks: [abcBlock],
      blockChecksum: 1,
    }, "corrupt"],
    ["content checksum", {
      flags: 0x64,
      blocks: [abcBlock],
      contentChecksum: 1,
    }, "corrupt"],
    ["content size that is not true", {
      flags: 0x68,
      contentBytes: 4,
      blocks: [abcBlock],
    }, "corrupt"],
    ["content size over the limit", {
      flags: 0x68,
      contentBytes: 2 ** 40,
      blocks: [abcBlock],
    }, "tooLarge"],
    ["literal past the end", block(0x40, ...ABC), "corrupt"],
    ["match at distance 0", block(0x10, 0x61, 0, 0, 0x10, 0x61), "corrupt"],
    ["match before the start", block(0x10, 0x61, 2, 0, 0x10, 0x61), "corrupt"],
    ["no last literal", block(0x10, 0x61, 1, 0), "corrupt"],
    ["empty block", block(), "corrupt"],
    [
      "match of 100 kB out of 400 bytes",
      block(0x1f, 0x61, 1, 0, ...new Array(400).fill(255), 0, 0x10, 0x61),
      "tooLarge",
    ],
  ];
  for (const [name, parts, kind] of cases) {
    const bytes = name === "empty block"
      ? Uint8Array.from([...frame(parts).subarray(0, 7), 0x80])
      : frame(parts);
    throws(
      () => decompressLz4(bytes, 50_000),
      { name: "CompressError", kind },
      name,
    );
  }
});

Deno.test("decompressLz4() refuses a block that inflates past its frame's block size", () => {
  const long = [0x1f, 0x61, 1, 0, ...new Array(300).fill(255), 0, 0x10, 0x61];
  throws(
    () => decompressLz4(frame({ flags: 0x60, blocks: [{ bytes: long }] }), 1e6),
    { kind: "corrupt" },
  );
});

Deno.test("compressLz4() writes both header checksums, and both are read", () => {
  const bytes = Uint8Array.from(ABC);
  const [now, legacy] = [false, true].map((legacyHeader) =>
    compressLz4(bytes, { legacyHeader })
  );
  strictEqual(now[6], 0x82);
  strictEqual(legacy[6], xxh32(legacy.subarray(0, 6)) >>> 8 & 255);
  deepStrictEqual(decompressLz4(now, 3), bytes);
  deepStrictEqual(decompressLz4(legacy, 3), bytes);
});
