// Buffers that are used again: one list for each power of two.
//
// A new large buffer costs more than what is then done with it, since the
// system has to clear its pages. Whoever takes a buffer owns it until it gives
// it back, once: a buffer given back while a write still reads it would mix one
// client's bytes into another's answer.

import { assert } from "../base/assert.ts";
import { KIB, MIB } from "../base/units.ts";

/** The smallest buffer that the pool lends. */
export const POOLED_MIN_BYTES = 4 * KIB;

/** The largest buffer that the pool takes back. */
export const POOLED_MAX_BYTES = 16 * MIB;

/** Lends buffers by size class and keeps at most `idleMaxBytes` for later. */
export class BufferPool {
  /** Bytes that lie here unused. */
  idleBytes = 0;
  /** Bytes lent and not yet given back. */
  lentBytes = 0;
  readonly #idleMaxBytes: number;
  readonly #classes = new Map<number, Uint8Array[]>();

  constructor(idleMaxBytes = 32 * MIB) {
    this.#idleMaxBytes = idleMaxBytes;
  }

  /**
   * Lends a whole buffer of at least `sizeBytes`, its content undefined: the next
   * power of two, or exactly the size above `POOLED_MAX_BYTES`.
   */
  take(sizeBytes: number): Uint8Array {
    const classBytes = sizeClass(sizeBytes);
    this.lentBytes += classBytes;
    const buffer = this.#classes.get(classBytes)?.pop();
    if (buffer === undefined) return new Uint8Array(classBytes);
    this.idleBytes -= classBytes;
    return buffer;
  }

  /** Takes back a buffer that `take` lent; it must not be touched any more. */
  give(buffer: Uint8Array): void {
    const classBytes = buffer.length;
    assert(
      sizeClass(classBytes) === classBytes && buffer.byteOffset === 0,
      `Not a buffer of the pool: ${classBytes} bytes`,
    );
    this.lentBytes -= classBytes;
    assert(this.lentBytes >= 0, "A buffer was given back twice");
    if (
      classBytes > POOLED_MAX_BYTES ||
      this.idleBytes + classBytes > this.#idleMaxBytes
    ) return;
    const list = this.#classes.get(classBytes);
    if (list === undefined) this.#classes.set(classBytes, [buffer]);
    else list.push(buffer);
    this.idleBytes += classBytes;
  }
}

/** The size of the buffer that a request for `sizeBytes` gets. */
export function sizeClass(sizeBytes: number): number {
  if (sizeBytes <= POOLED_MIN_BYTES) return POOLED_MIN_BYTES;
  if (sizeBytes > POOLED_MAX_BYTES) return sizeBytes;
  return 2 ** (32 - Math.clz32(sizeBytes - 1));
}
