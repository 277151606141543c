// The map from a key to the offset of its last record, for one run of the
// cleaner: as large as the memory that it may take, and no larger.
//
// Entries are six words of 32 bits: the key's hash (four of them) and its offset
// plus 1, high word first; all zero where a slot is empty. They lie in one flat
// array, found by open addressing with double hashing: the number of slots is a
// prime, so every step visits them all.
//
// Beside it there is one bit for each offset of the dirty part, set once a later
// record of its key has come: so the second half of a run looks up only the keys
// of what was clean before, and the map, which no cache of the processor holds,
// is gone through once and not twice.

import { HASH_KEY_BYTES, KeyHash } from "./key_hash.ts";

/** Memory of one entry. */
export const MAP_ENTRY_BYTES = 24;

/** How large a map may get. */
export interface OffsetMapOptions {
  /** `log.cleaner.dedupe.buffer.size`, divided by `log.cleaner.threads`. */
  readonly memoryBytes: number;
  /** `log.cleaner.io.buffer.load.factor`: how much of the slots may be used. */
  readonly loadFactor: number;
  /** No key comes with an offset below. */
  readonly firstOffset: number;
  /** Exclusive; so no more keys come than there are offsets up to here, which saves memory for small logs. */
  readonly endOffset: number;
  /** Draws the hash's secret key. */
  readonly randomBytes: (count: number) => Uint8Array;
}

/** Keys, by their hash, and offsets. */
export class OffsetMap {
  /** Most keys that it takes. */
  readonly capacity: number;
  readonly #slotCount: number;
  readonly #entries: Int32Array;
  readonly #hash: KeyHash;
  readonly #firstOffset: number;
  /** Empty where the dirty part has too many offsets. */
  readonly #superseded: Uint8Array;
  /** Keys on their way into the map, by their hashes; each takes the time of a memory access, several at once little more. */
  readonly #waitingHashes = new Int32Array(4 * WAITING_MAX);
  readonly #waitingOffsets = new Float64Array(WAITING_MAX);
  #waitingCount = 0;
  /** Of no use; keeps the accesses from being optimized away. */
  #fetched = 0;
  #size = 0;
  #latestOffset = -1;

  constructor(options: OffsetMapOptions) {
    const slots = Math.floor(
      Math.min(options.memoryBytes, MEMORY_BYTES_MAX) / MAP_ENTRY_BYTES,
    );
    this.capacity = Math.floor(slots * options.loadFactor);
    const { firstOffset, endOffset } = options;
    const keyCountMax = Math.max(0, endOffset - firstOffset);
    const needed = Math.ceil((keyCountMax + 1) / options.loadFactor);
    this.#slotCount = primeFrom(Math.min(slots, needed));
    this.#entries = new Int32Array(this.#slotCount * ENTRY_WORDS);
    this.#hash = new KeyHash(options.randomBytes(HASH_KEY_BYTES));
    this.#firstOffset = firstOffset;
    const bitBytes = Math.ceil(keyCountMax / 8);
    const isSmall = bitBytes <= options.memoryBytes / BITS_PART;
    this.#superseded = new Uint8Array(isSmall ? bitBytes : 0);
  }

  /** Number of keys. */
  get size(): number {
    this.#putWaiting();
    return this.#size;
  }

  get isFull(): boolean {
    if (this.#size + this.#waitingCount < this.capacity) return false;
    this.#putWaiting();
    return this.#size >= this.capacity;
  }

  /** Part of the slots that is used. */
  get utilization(): number {
    return this.size / this.#slotCount;
  }

  /** The map says nothing of records after it; -1 where it knows of none. */
  get latestOffset(): number {
    return this.#latestOffset;
  }

  set latestOffset(offset: number) {
    this.#latestOffset = offset;
  }

  /** Sets the offset of the key in `bytes` from `start` to `end`; the map is not full. */
  put(bytes: Uint8Array, start: number, end: number, offset: number): void {
    this.#hash.update(bytes, start, end);
    const { words } = this.#hash;
    const index = this.#waitingCount++;
    const hashes = this.#waitingHashes;
    hashes[4 * index] = words[0];
    hashes[4 * index + 1] = words[1];
    hashes[4 * index + 2] = words[2];
    hashes[4 * index + 3] = words[3];
    this.#waitingOffsets[index] = offset;
    this.#latestOffset = offset;
    if (this.#waitingCount === WAITING_MAX) this.#putWaiting();
  }

  /** The offset of a key; -1 where it has none. */
  get(bytes: Uint8Array, start: number, end: number): number {
    this.#putWaiting();
    this.#hash.update(bytes, start, end);
    const [a, b, c, d] = this.#hash.words;
    return offsetAt(this.#entries, this.#find(a, b, c, d));
  }

  /** Whether the key in `bytes` has come with a later offset than this one. */
  supersedes(
    bytes: Uint8Array,
    start: number,
    end: number,
    offset: number,
  ): boolean {
    this.#putWaiting();
    const bit = offset - this.#firstOffset;
    if (bit < 0 || bit >= this.#superseded.length * 8) {
      return offset < this.get(bytes, start, end);
    }
    return (this.#superseded[Math.floor(bit / 8)] & 1 << (bit & 7)) !== 0;
  }

  #supersede(offset: number): void {
    const bit = offset - this.#firstOffset;
    const index = Math.floor(bit / 8);
    // What lies outside of the array is left out by it.
    this.#superseded[index] |= 1 << (bit & 7);
  }

  /** Puts what waits, after all its places were fetched into the processor's cache at once. */
  #putWaiting(): void {
    const count = this.#waitingCount;
    if (count === 0) return;
    this.#waitingCount = 0;
    const entries = this.#entries;
    const hashes = this.#waitingHashes;
    let fetched = 0;
    for (let i = 0; i < count; i++) {
      const at = (hashes[4 * i] >>> 0) % this.#slotCount * ENTRY_WORDS;
      fetched ^= entries[at] ^ entries[at + 5];
    }
    this.#fetched = fetched;
    for (let i = 0; i < count; i++) {
      const at = this.#find(
        hashes[4 * i],
        hashes[4 * i + 1],
        hashes[4 * i + 2],
        hashes[4 * i + 3],
      );
      const offset = this.#waitingOffsets[i];
      if ((entries[at + 4] | entries[at + 5]) === 0) {
        for (let k = 0; k < 4; k++) entries[at + k] = hashes[4 * i + k];
        this.#size++;
      } else this.#supersede(offsetAt(entries, at));
      entries[at + 4] = (offset + 1) / TWO_32;
      entries[at + 5] = offset + 1;
    }
  }

  /** Where the entry of a key with this hash is, or the empty one where it would go. */
  #find(a: number, b: number, c: number, d: number): number {
    const count = this.#slotCount;
    const entries = this.#entries;
    let slot = (a >>> 0) % count;
    const step = 1 + (b >>> 0) % (count - 1);
    for (;;) {
      const at = slot * ENTRY_WORDS;
      const isSame = entries[at] === a && entries[at + 1] === b &&
        entries[at + 2] === c && entries[at + 3] === d;
      if (isSame || (entries[at + 4] | entries[at + 5]) === 0) return at;
      slot += step;
      if (slot >= count) slot -= count;
    }
  }
}

function offsetAt(entries: Int32Array, at: number): number {
  return entries[at + 4] * TWO_32 + (entries[at + 5] >>> 0) - 1;
}

const WAITING_MAX = 32;
/** The bits take at most this part of the map's memory, beside it. */
const BITS_PART = 8;
const ENTRY_WORDS = MAP_ENTRY_BYTES / 4;
const TWO_32 = 2 ** 32;
/** More is left unused, as by Kafka. */
const MEMORY_BYTES_MAX = 2 ** 31 - 1;

/** The first prime at or above a number; at least 3. */
function primeFrom(count: number): number {
  for (let candidate = Math.max(3, count) | 1;; candidate += 2) {
    if (isPrime(candidate)) return candidate;
  }
}

/** @param candidate Odd. */
function isPrime(candidate: number): boolean {
  for (let factor = 3; factor * factor <= candidate; factor += 2) {
    if (candidate % factor === 0) return false;
  }
  return true;
}
