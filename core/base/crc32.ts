// CRC-32 (IEEE 802.3), which guards messages of magic 0 and 1 and the digests of
// the coordinator's tree.
//
// The runtime's own zlib computes it where there is much to do. Loading that
// takes 15 ms and more, and a call of it half a microsecond, so small inputs go
// through a table: a coordinator that starts never needs zlib.
//
// Source: ISO 3309 (polynomial); RFC 1952, section 8 (bit order).

/** The polynomial 0x04C11DB7 with its bits reversed. */
const POLYNOMIAL = 0xedb88320;
/** Up to here a table is fast enough. */
const SMALL_BYTES = 512;

let zlib: typeof import("node:zlib") | undefined;
let table: Int32Array | undefined;

/**
 * The CRC-32 of `bytes`, as an unsigned 32-bit number.
 *
 * @param seed The checksum of what comes before, to go on from it; 0 at the start.
 */
export function crc32(bytes: Uint8Array, seed = 0): number {
  if (bytes.length <= SMALL_BYTES) return crc32Small(bytes, seed);
  zlib ??= process.getBuiltinModule("node:zlib");
  return zlib.crc32(bytes, seed);
}

function crc32Small(bytes: Uint8Array, seed: number): number {
  const remainders = table ??= buildTable();
  let crc = ~seed;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ remainders[(crc ^ bytes[i]) & 0xff];
  }
  return ~crc >>> 0;
}

function buildTable(): Int32Array {
  const built = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
    }
    built[byte] = remainder;
  }
  return built;
}
