// Adler-32, which guards the coordinator's logs and snapshots.
//
// Source: RFC 1950, section 8.2.

/** Largest prime below 2^16. */
const MODULUS = 65521;
/** How many bytes may be summed before 32 bits could overflow. */
const RUN_BYTES = 5552;

/**
 * The Adler-32 of `bytes`, as an unsigned 32-bit number.
 *
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * import { adler32 } from "./adler32.ts";
 *
 * strictEqual(adler32(new TextEncoder().encode("Wikipedia")), 0x11e60398);
 * ```
 *
 * @param seed The checksum of what comes before, to go on from it; 1 at the start.
 */
export function adler32(bytes: Uint8Array, seed = 1): number {
  let low = seed & 0xffff;
  let high = seed >>> 16;
  for (let start = 0; start < bytes.length; start += RUN_BYTES) {
    const end = Math.min(start + RUN_BYTES, bytes.length);
    for (let i = start; i < end; i++) {
      low += bytes[i];
      high += low;
    }
    low %= MODULUS;
    high %= MODULUS;
  }
  return (high << 16 | low) >>> 0;
}
