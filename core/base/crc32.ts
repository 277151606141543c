// CRC-32 (IEEE 802.3), which guards messages of magic 0 and 1 and the files of
// the coordinator ensemble. The runtime's own zlib computes it.

let zlib: typeof import("node:zlib") | undefined;

/**
 * The CRC-32 of `bytes`, as an unsigned 32-bit number.
 *
 * @param seed The checksum of what comes before, to go on from it; 0 at the start.
 */
export function crc32(bytes: Uint8Array, seed = 0): number {
  zlib ??= process.getBuiltinModule("node:zlib");
  return zlib.crc32(bytes, seed);
}
