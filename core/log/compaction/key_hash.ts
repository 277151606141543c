// A keyed hash of 128 bits for the keys of records: the message authentication
// code Chaskey-12.
//
// The cleaner takes two keys with the same hash for one, and drops the older
// record. So nobody who may write to a topic may be able to find such keys. MD5,
// which Kafka uses, has known collisions, and costs 1 µs a key here; fast hashes
// like MurmurHash3 have collisions for every seed. Chaskey is made for additions,
// rotations and exclusive-ors of 32 bits, so a key of up to 16 bytes takes 60 ns,
// and with a key drawn anew for each run nothing can be prepared.
//
// Source: Mouha et al., "Chaskey: An Efficient MAC Algorithm for 32-bit
// Microcontrollers"; ISO/IEC 29192-6 (12 rounds).

/** Bytes of the secret key. */
export const HASH_KEY_BYTES = 16;

const BLOCK_BYTES = 16;
const ROUNDS = 12;

/** Hashes byte strings under one secret key; the last hash is in `words`. */
export class KeyHash {
  /** The four words of the last hash. */
  readonly words = new Int32Array(4);
  readonly #rounds: number;
  readonly #key: Int32Array;
  /** Go into the last block: where it is whole, and where it is padded. */
  readonly #wholeKey: Int32Array;
  readonly #paddedKey: Int32Array;
  readonly #padded = new Uint8Array(BLOCK_BYTES);

  /**
   * @param key `HASH_KEY_BYTES` unpredictable bytes.
   * @param rounds Fewer than the standard's for its authors' test vectors only.
   */
  constructor(key: Uint8Array, rounds = ROUNDS) {
    this.#rounds = rounds;
    const words = new Int32Array(4);
    for (let i = 0; i < 4; i++) words[i] = wordAt(key, 4 * i);
    this.#key = words;
    this.#wholeKey = timesTwo(words);
    this.#paddedKey = timesTwo(this.#wholeKey);
  }

  /** Hashes the bytes from `start` to `end` into `words`. */
  update(bytes: Uint8Array, start: number, end: number): void {
    const { words } = this;
    words.set(this.#key);
    let at = start;
    for (; end - at > BLOCK_BYTES; at += BLOCK_BYTES) {
      absorb(words, bytes, at);
      permute(words, this.#rounds);
    }
    let last = this.#wholeKey;
    if (end - at === BLOCK_BYTES) absorb(words, bytes, at);
    else {
      last = this.#paddedKey;
      const block = this.#padded;
      let i = 0;
      while (at < end) block[i++] = bytes[at++];
      block[i++] = 1;
      while (i < BLOCK_BYTES) block[i++] = 0;
      absorb(words, block, 0);
    }
    for (let i = 0; i < 4; i++) words[i] ^= last[i];
    permute(words, this.#rounds);
    for (let i = 0; i < 4; i++) words[i] ^= last[i];
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 |
    bytes[at + 3] << 24;
}

/** Doubling in the field of 2^128 elements. */
function timesTwo(words: Int32Array): Int32Array {
  return Int32Array.of(
    words[0] << 1 ^ (words[3] < 0 ? 0x87 : 0),
    words[1] << 1 | words[0] >>> 31,
    words[2] << 1 | words[1] >>> 31,
    words[3] << 1 | words[2] >>> 31,
  );
}

function absorb(words: Int32Array, bytes: Uint8Array, at: number): void {
  words[0] ^= wordAt(bytes, at);
  words[1] ^= wordAt(bytes, at + 4);
  words[2] ^= wordAt(bytes, at + 8);
  words[3] ^= wordAt(bytes, at + 12);
}

function permute(words: Int32Array, rounds: number): void {
  let a = words[0];
  let b = words[1];
  let c = words[2];
  let d = words[3];
  for (let i = 0; i < rounds; i++) {
    a = (a + b) | 0;
    b = (b << 5 | b >>> 27) ^ a;
    a = a << 16 | a >>> 16;
    c = (c + d) | 0;
    d = (d << 8 | d >>> 24) ^ c;
    a = (a + d) | 0;
    d = (d << 13 | d >>> 19) ^ a;
    c = (c + b) | 0;
    b = (b << 7 | b >>> 25) ^ c;
    c = c << 16 | c >>> 16;
  }
  words[0] = a;
  words[1] = b;
  words[2] = c;
  words[3] = d;
}
