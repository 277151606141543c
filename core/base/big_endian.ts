// Big-endian integers at a position of a byte array, for headers that are read
// or stamped in place: a DataView for each would cost more than the read.
//
// 64-bit values are numbers: exact within ±2^53, the nearest double beyond.

const TWO_32 = 2 ** 32;

export function readInt16(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 24 >> 16) | bytes[position + 1];
}

export function readInt32(bytes: Uint8Array, position: number): number {
  return bytes[position] << 24 | bytes[position + 1] << 16 |
    bytes[position + 2] << 8 | bytes[position + 3];
}

export function readUint32(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position) >>> 0;
}

export function readInt64(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position) * TWO_32 + readUint32(bytes, position + 4);
}

export function writeInt16(
  bytes: Uint8Array,
  position: number,
  value: number,
): void {
  bytes[position] = value >>> 8;
  bytes[position + 1] = value;
}

/** Takes signed and unsigned values. */
export function writeInt32(
  bytes: Uint8Array,
  position: number,
  value: number,
): void {
  bytes[position] = value >>> 24;
  bytes[position + 1] = value >>> 16;
  bytes[position + 2] = value >>> 8;
  bytes[position + 3] = value;
}

export function writeInt64(
  bytes: Uint8Array,
  position: number,
  value: number,
): void {
  const high = Math.floor(value / TWO_32);
  writeInt32(bytes, position, high);
  writeInt32(bytes, position + 4, value - high * TWO_32);
}
