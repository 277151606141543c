// Bytes out: a buffer that grows, big endian, with places to patch later.
//
// The caller may give the first buffer (a pooled one) and reserve what it knows
// will come, so that a fetch answer of a megabyte is read from its file straight
// into the frame and never copied.
//
// Source: Kafka protocol guide, "Protocol Primitive Types"; KIP-482 (varints).

/** A value that its type has no bytes for: too long, or null where null cannot be. */
export class EncodeError extends Error {
  override readonly name = "EncodeError";
}

/** Record batches that lie elsewhere and are read when the frame is written. */
export interface RecordSource {
  readonly sizeBytes: number;
  /** Fills `target`, which is exactly `sizeBytes` long. */
  readInto(target: Uint8Array): void;
}

/** What a field of type `records` takes: bytes, or where to get them. */
export type RecordData = Uint8Array | RecordSource | null;

/** How many bytes record data takes. */
export function recordSize(data: RecordData): number {
  if (data === null) return 0;
  return data instanceof Uint8Array ? data.length : data.sizeBytes;
}

const INITIAL_BYTES = 512;
const TWO_TO_32 = 0x1_0000_0000;
const INT64_MAX = 2 ** 63;
const utf8 = new TextEncoder();

/** A buffer under construction. */
export class Writer {
  /** Where the next byte goes, which is also how many there are. */
  position = 0;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;

  /** @param buffer Where to write while it lasts; the writer owns it from here. */
  constructor(
    buffer: Uint8Array<ArrayBuffer> = new Uint8Array(INITIAL_BYTES),
  ) {
    this.#bytes = buffer;
    this.#view = new DataView(
      buffer.buffer,
      buffer.byteOffset,
      buffer.byteLength,
    );
  }

  /** What was written so far, as a view: it ends with the next write. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.position);
  }

  /** Makes room for `size` more bytes, in one step. */
  reserve(size: number): void {
    const needed = this.position + size;
    if (needed > this.#bytes.length) this.#grow(needed);
  }

  int8(value: number): void {
    this.reserve(1);
    this.#bytes[this.position++] = value;
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  int16(value: number): void {
    this.reserve(2);
    this.#view.setInt16(this.position, value);
    this.position += 2;
  }

  uint16(value: number): void {
    this.int16(value);
  }

  int32(value: number): void {
    this.reserve(4);
    this.#view.setInt32(this.position, value);
    this.position += 4;
  }

  /** A whole number; what passes 64 bits becomes the nearest that does not. */
  int64(value: number): void {
    if (value >= INT64_MAX) return this.#int64Halves(0x7fff_ffff, 0xffff_ffff);
    if (value < -INT64_MAX) return this.#int64Halves(-0x8000_0000, 0);
    if (!Number.isInteger(value)) {
      throw new EncodeError(`Cannot write ${value} as int64: not whole`);
    }
    const high = Math.floor(value / TWO_TO_32);
    this.#int64Halves(high, value - high * TWO_TO_32);
  }

  bigInt64(value: bigint): void {
    this.reserve(8);
    this.#view.setBigInt64(this.position, value);
    this.position += 8;
  }

  float64(value: number): void {
    this.reserve(8);
    this.#view.setFloat64(this.position, value);
    this.position += 8;
  }

  /** An unsigned varint of at most 32 bits, low groups first. */
  uvarint(value: number): void {
    this.reserve(5);
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.#bytes[this.position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.position++] = rest;
  }

  /** Bytes as they are, copied. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** Record data as it is, read straight into the buffer. */
  records(data: Uint8Array | RecordSource): void {
    if (data instanceof Uint8Array) return this.raw(data);
    const size = data.sizeBytes;
    this.reserve(size);
    data.readInto(this.#bytes.subarray(this.position, this.position + size));
    this.position += size;
  }

  /**
   * Text as UTF-8, without a size; lone surrogates become U+FFFD.
   *
   * @param size What `utf8Size` gave for this text.
   */
  text(text: string, size: number): void {
    this.reserve(size);
    const bytes = this.#bytes;
    let position = this.position;
    if (size === text.length) {
      for (let index = 0; index < size; index++) {
        bytes[position++] = text.charCodeAt(index);
      }
    } else {
      utf8.encodeInto(text, bytes.subarray(position, position + size));
    }
    this.position += size;
  }

  /** Overwrites four bytes written before, such as a frame's size. */
  patchInt32(position: number, value: number): void {
    this.#view.setInt32(position, value);
  }

  #int64Halves(high: number, low: number): void {
    this.reserve(8);
    this.#view.setInt32(this.position, high);
    this.#view.setUint32(this.position + 4, low);
    this.position += 8;
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.position));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** How many bytes a text takes as UTF-8; a lone surrogate counts as U+FFFD, 3 bytes. */
export function utf8Size(text: string): number {
  const length = text.length;
  let index = 0;
  while (index < length && text.charCodeAt(index) < 0x80) index++;
  let size = index;
  for (; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) size += 1;
    else if (unit < 0x800) size += 2;
    else if (isSurrogatePair(unit, text.charCodeAt(index + 1))) {
      size += 4;
      index++;
    } else size += 3;
  }
  return size;
}

function isSurrogatePair(first: number, second: number): boolean {
  return first >= 0xd800 && first < 0xdc00 &&
    second >= 0xdc00 && second < 0xe000;
}
