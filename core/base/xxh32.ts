// xxHash of 32 bits: the checksum inside LZ4 frames.
//
// Source: the xxHash specification, "XXH32 algorithm description".

const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function wordAt(bytes: Uint8Array, i: number): number {
  return bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | bytes[i + 3] << 24;
}

function round(lane: number, word: number): number {
  return Math.imul(
    rotateLeft((lane + Math.imul(word, PRIME_2)) | 0, 13),
    PRIME_1,
  );
}

/** The hash of `bytes` as an unsigned 32-bit number. */
export function xxh32(bytes: Uint8Array, seed = 0): number {
  const size = bytes.length;
  let i = 0;
  let hash = (seed + PRIME_5) | 0;
  if (size >= 16) {
    let a = (seed + PRIME_1 + PRIME_2) | 0;
    let b = (seed + PRIME_2) | 0;
    let c = seed | 0;
    let d = (seed - PRIME_1) | 0;
    for (; i + 16 <= size; i += 16) {
      a = round(a, wordAt(bytes, i));
      b = round(b, wordAt(bytes, i + 4));
      c = round(c, wordAt(bytes, i + 8));
      d = round(d, wordAt(bytes, i + 12));
    }
    hash = (rotateLeft(a, 1) + rotateLeft(b, 7) + rotateLeft(c, 12) +
      rotateLeft(d, 18)) | 0;
  }
  hash = (hash + size) | 0;
  for (; i + 4 <= size; i += 4) {
    hash = (hash + Math.imul(wordAt(bytes, i), PRIME_3)) | 0;
    hash = Math.imul(rotateLeft(hash, 17), PRIME_4);
  }
  for (; i < size; i++) {
    hash = (hash + Math.imul(bytes[i], PRIME_5)) | 0;
    hash = Math.imul(rotateLeft(hash, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}
