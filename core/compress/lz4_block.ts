// LZ4's block: sequences of a literal and a match.
//
//   token: 4 bits literal size, 4 bits match size - 4 (15: more bytes follow,
//          each added until one is below 255)
//   literal bytes, then distance: uint16 little endian, then match size bytes
// The last sequence has no match; the last five bytes are literals, and no match
// starts within the last twelve.
//
// Own code rather than lz4-wasm: blocks that build on earlier ones need a decoder
// of our own anyway, a module of WebAssembly can only be had asynchronously
// (and all users of this one are synchronous), and this one bounds its output
// while it inflates.
//
// Source: LZ4's lz4_Block_format.md.

import { corrupt } from "./compress_error.ts";
import type { OutputBuffer } from "./output_buffer.ts";

const CODEC = "lz4";
const MATCH_BYTES_MIN = 4;
const LAST_LITERALS = 5;
/** Matches must not start within so many bytes of the end. */
const MATCH_MARGIN = 12;
const DISTANCE_MAX = 65_535;
const HASH_BITS = 14;

/**
 * Inflates one block onto the output, whose earlier bytes matches may refer to.
 *
 * @param historyStart First byte of the output that a match may reach.
 * @throws {CompressError}
 */
export function decompressLz4Block(
  block: Uint8Array,
  output: OutputBuffer,
  historyStart: number,
): void {
  let from = 0;
  const end = block.length;
  while (from < end) {
    const token = block[from++];
    let size = token >>> 4;
    if (size === 15) {
      let more = 255;
      while (more === 255 && from < end) size += more = block[from++];
    }
    if (size > end - from) throw corrupt(CODEC, "a literal runs past the end");
    output.reserve(size);
    let to = output.sizeBytes;
    if (size < 24) {
      const bytes = output.bytes;
      for (let i = 0; i < size; i++) bytes[to + i] = block[from + i];
    } else {
      output.bytes.set(block.subarray(from, from + size), to);
    }
    from += size;
    to += size;
    output.sizeBytes = to;
    if (from === end) return;

    const distance = block[from] | block[from + 1] << 8;
    from += 2;
    if (from > end || distance === 0 || distance > to - historyStart) {
      throw corrupt(CODEC, "a match points outside of the data");
    }
    size = (token & 15) + MATCH_BYTES_MIN;
    if ((token & 15) === 15) {
      let more = 255;
      while (more === 255 && from < end) size += more = block[from++];
    }
    output.reserve(size);
    const bytes = output.bytes;
    if (distance >= size && size >= 32) {
      bytes.copyWithin(to, to - distance, to - distance + size);
    } else if (distance === 1 && size >= 32) {
      bytes.fill(bytes[to - 1], to, to + size);
    } else {
      for (let i = 0; i < size; i++) bytes[to + i] = bytes[to - distance + i];
    }
    output.sizeBytes = to + size;
  }
  throw corrupt(CODEC, "a block ends without its last literal");
}

/** Most bytes that a block of `sizeBytes` can become. */
export function lz4BlockBound(sizeBytes: number): number {
  return sizeBytes + Math.ceil(sizeBytes / 255) + 16;
}

/** What one level of effort may look at: 1 is a single candidate a position. */
function attemptsOfLevel(level: number): number {
  return level <= 2 ? 1 : Math.min(4096, 1 << (level - 2));
}

let heads: Int32Array | undefined;
let chain: Int32Array | undefined;

/**
 * Compresses `source` (at most 64 KiB) as one block into `target` at `position`.
 *
 * @param target Has room for `lz4BlockBound(source.length)` bytes.
 * @param level 1 (fastest) to 17 (smallest).
 * @returns The position after the block.
 */
export function compressLz4Block(
  source: Uint8Array,
  target: Uint8Array,
  position: number,
  level: number,
): number {
  const attempts = attemptsOfLevel(level);
  const words = new DataView(source.buffer, source.byteOffset, source.length);
  const head = heads ??= new Int32Array(1 << HASH_BITS);
  head.fill(-1);
  const previous = attempts > 1 ? chain ??= new Int32Array(65_536) : undefined;
  const matchLimit = source.length - MATCH_MARGIN;
  const matchEndLimit = source.length - LAST_LITERALS;
  let literalStart = 0;
  let at = 0;
  let misses = 64;
  while (at <= matchLimit) {
    const hash = hashAt(words, at);
    let candidate = head[hash];
    head[hash] = at;
    if (previous !== undefined) previous[at] = candidate;
    let bestSize = 0;
    let bestDistance = 0;
    for (let tries = attempts; candidate >= 0 && tries > 0; tries--) {
      const distance = at - candidate;
      if (distance > DISTANCE_MAX) break;
      const size = matchSize(words, at, distance, matchEndLimit);
      if (size > bestSize) {
        bestSize = size;
        bestDistance = distance;
      }
      if (previous === undefined) break;
      candidate = previous[candidate];
    }
    if (bestSize < MATCH_BYTES_MIN) {
      at += previous === undefined ? misses++ >>> 6 : 1;
      continue;
    }
    misses = 64;
    position = writeSequence(source, target, position, {
      literalStart,
      literalEnd: at,
      distance: bestDistance,
      matchBytes: bestSize,
    });
    const matchEnd = at + bestSize;
    if (previous !== undefined) {
      const stop = Math.min(matchEnd, matchLimit + 1);
      for (let i = at + 1; i < stop; i++) {
        const inner = hashAt(words, i);
        previous[i] = head[inner];
        head[inner] = i;
      }
    } else if (matchEnd - 2 <= matchLimit) {
      head[hashAt(words, matchEnd - 2)] = matchEnd - 2;
    }
    at = matchEnd;
    literalStart = at;
  }
  return writeSequence(source, target, position, {
    literalStart,
    literalEnd: source.length,
    distance: 0,
    matchBytes: 0,
  });
}

function hashAt(words: DataView, at: number): number {
  return Math.imul(words.getInt32(at, true), 0x9e3779b1) >>> (32 - HASH_BITS);
}

function matchSize(
  words: DataView,
  at: number,
  distance: number,
  limit: number,
): number {
  let end = at;
  while (
    end + 4 <= limit &&
    words.getInt32(end, true) === words.getInt32(end - distance, true)
  ) end += 4;
  while (
    end < limit && words.getUint8(end) === words.getUint8(end - distance)
  ) {
    end++;
  }
  return end - at;
}

/** A literal with the match after it; the block's last sequence has no match (size 0). */
function writeSequence(
  source: Uint8Array,
  target: Uint8Array,
  position: number,
  sequence: {
    readonly literalStart: number;
    readonly literalEnd: number;
    readonly distance: number;
    readonly matchBytes: number;
  },
): number {
  const { literalStart, literalEnd, distance, matchBytes } = sequence;
  const literalBytes = literalEnd - literalStart;
  const tokenPosition = position++;
  let token = Math.min(literalBytes, 15) << 4;
  if (literalBytes >= 15) {
    position = writeSizeRest(target, position, literalBytes - 15);
  }
  if (literalBytes < 24) {
    for (let i = literalStart; i < literalEnd; i++) {
      target[position++] = source[i];
    }
  } else {
    target.set(source.subarray(literalStart, literalEnd), position);
    position += literalBytes;
  }
  if (matchBytes > 0) {
    target[position++] = distance & 0xff;
    target[position++] = distance >>> 8;
    const rest = matchBytes - MATCH_BYTES_MIN;
    token |= Math.min(rest, 15);
    if (rest >= 15) position = writeSizeRest(target, position, rest - 15);
  }
  target[tokenPosition] = token;
  return position;
}

function writeSizeRest(
  target: Uint8Array,
  position: number,
  rest: number,
): number {
  for (; rest >= 255; rest -= 255) target[position++] = 255;
  target[position++] = rest;
  return position;
}
