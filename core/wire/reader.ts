// Bytes in: a cursor over one frame, big endian, that never passes its end.
//
// Kafka's messages and ZooKeeper's jute records are both read with it. A size
// or a count comes from outside, so nothing is made from it before the frame
// was seen to hold that much.
//
// Source: Kafka protocol guide, "Protocol Primitive Types"; KIP-482 (varints).

/** Bytes that do not decode. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  constructor(
    message: string,
    /** Where in the frame, in bytes from its start. */
    readonly position: number,
  ) {
    super(message);
  }
}

/** How many array elements that live on the heap one message may hold. */
const ELEMENT_COUNT_MAX = 1 << 20;
/** Strings up to here are built by hand, which beats the decoder's fixed price. */
const SHORT_STRING_BYTES = 12;
const MEDIUM_STRING_BYTES = 48;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A cursor over bytes that somebody else sent.
 *
 * Every method moves `position` past what it returns.
 *
 * @throws {DecodeError} By every method, where the bytes end too early or are
 * not what was asked for.
 */
export class Reader {
  readonly bytes: Uint8Array;
  /** Where the next byte is read. */
  position: number;
  /** One past the last byte that may be read. */
  readonly end: number;
  readonly #view: DataView;
  #elementsLeft: number;

  /** @param options `elementCountMax`: what `countElements` allows in all. */
  constructor(
    bytes: Uint8Array,
    options: {
      position?: number;
      end?: number;
      elementCountMax?: number;
    } = {},
  ) {
    this.bytes = bytes;
    this.position = options.position ?? 0;
    this.end = options.end ?? bytes.length;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#elementsLeft = options.elementCountMax ?? ELEMENT_COUNT_MAX;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  int8(): number {
    return this.#view.getInt8(this.#advance(1));
  }

  uint8(): number {
    return this.bytes[this.#advance(1)];
  }

  /** One byte; all but 0 is true. */
  bool(): boolean {
    return this.bytes[this.#advance(1)] !== 0;
  }

  int16(): number {
    return this.#view.getInt16(this.#advance(2));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4));
  }

  /** Beyond ±2^53 the nearest double. */
  int64(): number {
    const at = this.#advance(8);
    return this.#view.getInt32(at) * 0x1_0000_0000 +
      this.#view.getUint32(at + 4);
  }

  bigInt64(): bigint {
    return this.#view.getBigInt64(this.#advance(8));
  }

  float64(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  /** An unsigned varint of at most 5 bytes and 32 bits, low groups first. */
  uvarint(): number {
    const start = this.position;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes[this.#advance(1)];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        // The fifth byte has room for the top 4 of 32 bits.
        if (shift === 28 && byte > 0x0f) break;
        return value >>> 0;
      }
    }
    throw new DecodeError("varint passes 32 bits", start);
  }

  /** The next `size` bytes as a view of the frame: copy what must outlive it. */
  view(size: number): Uint8Array {
    const at = this.#advance(size);
    return this.bytes.subarray(at, at + size);
  }

  skip(size: number): void {
    this.#advance(size);
  }

  /** `size` bytes of UTF-8, strictly: no surrogates, no overlong forms. */
  utf8(size: number): string {
    const at = this.#advance(size);
    const end = at + size;
    const bytes = this.bytes;
    if (size <= MEDIUM_STRING_BYTES) {
      let place = at;
      while (place < end && bytes[place] < 0x80) place++;
      if (place === end) return ascii(bytes, at, end);
    }
    try {
      return strictUtf8.decode(bytes.subarray(at, end));
    } catch {
      throw new DecodeError("string is not UTF-8", at);
    }
  }

  /**
   * Accounts for array elements about to be made, so that a frame of tiny ones
   * cannot fill the memory.
   *
   * @param sizeMin What each of them takes at least, in bytes.
   */
  countElements(count: number, sizeMin: number): void {
    if (count * sizeMin > this.remaining) {
      throw new DecodeError(
        `array of ${count} elements in ${this.remaining} bytes`,
        this.position,
      );
    }
    this.#elementsLeft -= count;
    if (this.#elementsLeft < 0) {
      throw new DecodeError("too many array elements in all", this.position);
    }
  }

  /** @throws {DecodeError} Where less than `size` bytes are left. */
  expectRoom(size: number): void {
    if (size <= this.end - this.position) return;
    throw new DecodeError(
      `${size} bytes said to follow, ${this.end - this.position} do`,
      this.position,
    );
  }

  /** @throws {DecodeError} Where bytes are left. */
  expectEnd(): void {
    if (this.position !== this.end) {
      throw new DecodeError(
        `${this.remaining} bytes after the end`,
        this.position,
      );
    }
  }

  #advance(size: number): number {
    const at = this.position;
    if (size < 0 || size > this.end - at) {
      throw new DecodeError(
        size < 0
          ? `size ${size} is negative`
          : `${size} bytes asked for, ${this.end - at} left`,
        at,
      );
    }
    this.position = at + size;
    return at;
  }
}

function ascii(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT_STRING_BYTES) {
    return String.fromCharCode.apply(
      null,
      bytes.subarray(start, end) as unknown as number[],
    );
  }
  let text = "";
  for (let place = start; place < end; place++) {
    text += String.fromCharCode(bytes[place]);
  }
  return text;
}
