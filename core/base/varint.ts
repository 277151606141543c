// Zigzag varints: seven bits a byte, lowest first, the high bit says that more
// follow; the sign is the lowest bit. Records use them for lengths (32 bits) and
// timestamps (64 bits).
//
// 64-bit values are numbers here: exact within ±2^53, the nearest double beyond.
//
// Source: Kafka documentation, "Message format: Record".

/** Most bytes that a 32-bit varint takes. */
export const VARINT_BYTES_MAX = 5;
/** Most bytes that a 64-bit varint takes. */
export const VARLONG_BYTES_MAX = 10;

const TWO_27 = 2 ** 27;
const TWO_55 = 2 ** 55;

/** Bytes that a 32-bit value takes. */
export function varintSize(value: number): number {
  const zigzag = (value << 1) ^ (value >> 31);
  if ((zigzag & ~0x7f) === 0) return 1;
  if ((zigzag & ~0x3fff) === 0) return 2;
  if ((zigzag & ~0x1fffff) === 0) return 3;
  if ((zigzag & ~0xfffffff) === 0) return 4;
  return 5;
}

/** Bytes that a 64-bit value takes. */
export function varlongSize(value: number): number {
  let half = value >= 0 ? value : -value - 1;
  let size = 1;
  // The first byte has six bits beside the sign, each further one seven.
  for (half = Math.floor(half / 64); half > 0; half = Math.floor(half / 128)) {
    size++;
  }
  return size;
}

/** Writes a 32-bit value; returns the position after it. The target must have room. */
export function writeVarint(
  target: Uint8Array,
  position: number,
  value: number,
): number {
  let zigzag = (value << 1) ^ (value >> 31);
  while ((zigzag & ~0x7f) !== 0) {
    target[position++] = (zigzag & 0x7f) | 0x80;
    zigzag >>>= 7;
  }
  target[position++] = zigzag;
  return position;
}

/** Writes a 64-bit value; returns the position after it. The target must have room. */
export function writeVarlong(
  target: Uint8Array,
  position: number,
  value: number,
): number {
  if (value === (value | 0)) return writeVarint(target, position, value);
  let half = value >= 0 ? value : -value - 1;
  let bits = (half % 64) * 2 + (value < 0 ? 1 : 0);
  half = Math.floor(half / 64);
  while (half > 0) {
    target[position++] = bits | 0x80;
    bits = half % 128;
    half = Math.floor(half / 128);
  }
  target[position++] = bits;
  return position;
}

/**
 * Reads varints one after another without allocating.
 *
 * What runs past `end`, or has more bytes than its type allows, sets `failed`
 * and reads as 0: the caller checks once, after a group of reads.
 */
export class VarintCursor {
  position: number;
  /** Set by the first bad read and never cleared. */
  failed = false;

  constructor(
    readonly bytes: Uint8Array,
    start = 0,
    readonly end = bytes.length,
  ) {
    this.position = start;
  }

  /** A signed 32-bit value. */
  varint(): number {
    const bytes = this.bytes;
    let position = this.position;
    if (position < this.end) {
      const first = bytes[position];
      if (first < 0x80) {
        this.position = position + 1;
        return (first >>> 1) ^ -(first & 1);
      }
    }
    const stop = Math.min(this.end, position + VARINT_BYTES_MAX);
    let zigzag = 0;
    for (let shift = 0; position < stop; shift += 7) {
      const byte = bytes[position++];
      zigzag |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        // The fifth byte has room for the four highest bits only.
        if (shift === 28 && byte > 0x0f) break;
        this.position = position;
        return (zigzag >>> 1) ^ -(zigzag & 1);
      }
    }
    this.failed = true;
    return 0;
  }

  /** A signed 64-bit value as a number. */
  varlong(): number {
    const bytes = this.bytes;
    let position = this.position;
    const stop = Math.min(this.end, position + VARLONG_BYTES_MAX);
    let low = 0, middle = 0, high = 0;
    for (let index = 0; position < stop; index++) {
      const byte = bytes[position++];
      if (index < 4) low |= (byte & 0x7f) << (7 * index);
      else if (index < 8) middle |= (byte & 0x7f) << (7 * (index - 4));
      else high |= (byte & 0x7f) << (7 * (index - 8));
      if (byte < 0x80) {
        if (index === 9 && byte > 1) break;
        this.position = position;
        const half = (low >>> 1) + middle * TWO_27 + high * TWO_55;
        return low & 1 ? -half - 1 : half;
      }
    }
    this.failed = true;
    return 0;
  }

  /** Steps over `count` bytes. */
  skip(count: number): void {
    if (count < 0 || count > this.end - this.position) this.failed = true;
    else this.position += count;
  }
}
