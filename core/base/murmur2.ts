// MurmurHash2 of 32 bits with Kafka's seed: the hash behind the default
// partitioner, so that a key meets the same partition whoever produces it.
//
// Source: Kafka documentation, "partitioner.class"; values in the test are those
// of Kafka's own clients.

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/**
 * The hash of a key as a signed 32-bit number.
 *
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * import { murmur2 } from "./murmur2.ts";
 *
 * strictEqual(murmur2(new TextEncoder().encode("21")), -973932308);
 * ```
 */
export function murmur2(bytes: Uint8Array): number {
  const size = bytes.length;
  let hash = SEED ^ size;
  const wholeWords = size & ~3;
  for (let i = 0; i < wholeWords; i += 4) {
    let word = bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 |
      bytes[i + 3] << 24;
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  const rest = size - wholeWords;
  if (rest >= 3) hash ^= bytes[wholeWords + 2] << 16;
  if (rest >= 2) hash ^= bytes[wholeWords + 1] << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[wholeWords], MULTIPLIER);
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** The partition that Kafka's clients choose for a key: `0 <= partition < partitionCount`. */
export function partitionForKey(
  key: Uint8Array,
  partitionCount: number,
): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}
