// Snappy's raw block: a varint with the uncompressed size, then literals and
// copies out of what was already written.
//
//   tag & 3 = 0   literal; size - 1 in the upper six bits, or 60..63: in 1..4 bytes
//   tag & 3 = 1   copy, size 4..11, distance in 11 bits
//   tag & 3 = 2   copy, size 1..64, distance in 2 bytes
//   tag & 3 = 3   copy, size 1..64, distance in 4 bytes
//
// Own code, since the npm codec loads as CommonJS (30 ms at every start) and
// trusts the sizes inside a block.
//
// Source: snappy's format_description.txt.

import { corrupt, tooLarge } from "./compress_error.ts";

const CODEC = "snappy";
/** Matches are looked for within one such fragment, so distances fit 16 bits. */
const FRAGMENT_BYTES = 64 * 1024;
const HASH_BITS = 14;

/** Size that the block says it has inside, and where its tags start. */
function readPreamble(block: Uint8Array): { sizeBytes: number; start: number } {
  let size = 0;
  for (let i = 0; i < 5 && i < block.length; i++) {
    size += (block[i] & 0x7f) * 2 ** (7 * i);
    if (block[i] < 0x80) {
      if (size > 0xffffffff) break;
      return { sizeBytes: size, start: i + 1 };
    }
  }
  throw corrupt(CODEC, "the block does not start with its size");
}

/**
 * Inflates one block.
 *
 * @throws {CompressError} `tooLarge` where the block declares more than
 * `maxBytes`, or more than its tags could ever make; `corrupt` where its tags
 * are not in order.
 */
export function decompressSnappyBlock(
  block: Uint8Array,
  maxBytes: number,
): Uint8Array<ArrayBuffer> {
  const { sizeBytes, start } = readPreamble(block);
  if (sizeBytes > maxBytes) throw tooLarge(CODEC, maxBytes);
  // A copy makes at most 64 bytes out of three, so a longer claim is a lie and
  // nothing is allocated for it.
  if (sizeBytes > (block.length - start) * 22 + 64) {
    throw corrupt(CODEC, "the declared size exceeds what the block can hold");
  }
  const output = new Uint8Array(sizeBytes);
  let from = start;
  let to = 0;
  while (from < block.length) {
    const tag = block[from++];
    let size = (tag >>> 2) + 1;
    if ((tag & 3) === 0) {
      if (size > 60) {
        const width = size - 60;
        size = 1;
        for (let i = 0; i < width; i++) size += block[from + i] * 2 ** (8 * i);
        from += width;
      }
      if (!(size <= block.length - from && size <= sizeBytes - to)) {
        throw corrupt(CODEC, "a literal runs past the end");
      }
      if (size < 24) {
        for (let i = 0; i < size; i++) output[to + i] = block[from + i];
      } else {
        output.set(block.subarray(from, from + size), to);
      }
      from += size;
      to += size;
      continue;
    }
    let distance: number;
    if ((tag & 3) === 1) {
      size = (tag >>> 2 & 7) + 4;
      distance = (tag >>> 5) << 8 | block[from];
      from += 1;
    } else if ((tag & 3) === 2) {
      distance = block[from] | block[from + 1] << 8;
      from += 2;
    } else {
      distance = (block[from] | block[from + 1] << 8 | block[from + 2] << 16 |
        block[from + 3] << 24) >>> 0;
      from += 4;
    }
    if (
      from > block.length || distance === 0 || distance > to ||
      size > sizeBytes - to
    ) {
      throw corrupt(CODEC, "a copy points outside of the block");
    }
    for (const stop = to + size; to < stop; to++) {
      output[to] = output[to - distance];
    }
  }
  if (to !== sizeBytes) {
    throw corrupt(CODEC, `the block declares ${sizeBytes} bytes, holds ${to}`);
  }
  return output;
}

/** Most bytes that a block of `sizeBytes` can become. */
export function snappyBlockBound(sizeBytes: number): number {
  return 32 + sizeBytes + Math.ceil(sizeBytes / 6);
}

let hashTable: Uint16Array | undefined;

/**
 * Compresses `source` as one block into `target` at `position`.
 *
 * @param target Has room for `snappyBlockBound(source.length)` bytes.
 * @returns The position after the block.
 */
export function compressSnappyBlock(
  source: Uint8Array,
  target: Uint8Array,
  position: number,
): number {
  let size = source.length;
  while (size >= 0x80) {
    target[position++] = size & 0x7f | 0x80;
    size = Math.floor(size / 128);
  }
  target[position++] = size;
  for (let start = 0; start < source.length; start += FRAGMENT_BYTES) {
    const fragment = source.subarray(start, start + FRAGMENT_BYTES);
    position = compressFragment(fragment, target, position);
  }
  return position;
}

/** Greedy matching with one candidate a hash; steps grow where nothing matches. */
function compressFragment(
  source: Uint8Array,
  target: Uint8Array,
  position: number,
): number {
  const words = new DataView(source.buffer, source.byteOffset, source.length);
  // Entries that were never set stand for the start, which is compared like others.
  const table = hashTable ??= new Uint16Array(1 << HASH_BITS);
  table.fill(0);
  const end = source.length;
  let literalStart = 0;
  let at = 1;
  const matchLimit = end - 4;
  let misses = 32;
  while (at <= matchLimit) {
    const word = words.getInt32(at, true);
    const hash = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const candidate = table[hash];
    table[hash] = at;
    if (words.getInt32(candidate, true) !== word) {
      at += misses++ >>> 5;
      continue;
    }
    misses = 32;
    let matchEnd = at + 4;
    const distance = at - candidate;
    while (
      matchEnd <= matchLimit &&
      words.getInt32(matchEnd, true) ===
        words.getInt32(matchEnd - distance, true)
    ) matchEnd += 4;
    while (matchEnd < end && source[matchEnd] === source[matchEnd - distance]) {
      matchEnd++;
    }
    position = writeLiteral(source, literalStart, at, target, position);
    position = writeCopy(target, position, distance, matchEnd - at);
    at = matchEnd;
    literalStart = at;
  }
  return writeLiteral(source, literalStart, end, target, position);
}

function writeLiteral(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  position: number,
): number {
  const size = end - start;
  if (size === 0) return position;
  const rest = size - 1;
  if (rest < 60) {
    target[position++] = rest << 2;
  } else if (rest < 256) {
    target[position++] = 60 << 2;
    target[position++] = rest;
  } else {
    target[position++] = 61 << 2;
    target[position++] = rest & 0xff;
    target[position++] = rest >>> 8;
  }
  if (size < 24) {
    for (let i = start; i < end; i++) target[position++] = source[i];
    return position;
  }
  target.set(source.subarray(start, end), position);
  return position + size;
}

function writeCopy(
  target: Uint8Array,
  position: number,
  distance: number,
  size: number,
): number {
  // Never leaves a rest below four bytes, which the short form cannot say.
  while (size >= 68) {
    position = writeCopyOf64(target, position, distance, 64);
    size -= 64;
  }
  if (size > 64) {
    position = writeCopyOf64(target, position, distance, 60);
    size -= 60;
  }
  if (size >= 12 || distance >= 2048) {
    return writeCopyOf64(target, position, distance, size);
  }
  target[position++] = (distance >>> 8) << 5 | (size - 4) << 2 | 1;
  target[position++] = distance & 0xff;
  return position;
}

function writeCopyOf64(
  target: Uint8Array,
  position: number,
  distance: number,
  size: number,
): number {
  target[position++] = (size - 1) << 2 | 2;
  target[position++] = distance & 0xff;
  target[position++] = distance >>> 8;
  return position;
}
