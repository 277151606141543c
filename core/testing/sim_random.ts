// Chance that repeats: the simulator draws every number from a seed, so that a
// seed replays a run.
//
// Source: Bob Jenkins' small fast counting generator (sfc32), whose period is
// at least 2^32 from any seed; chosen because it needs 32-bit arithmetic only.

/** A stream of numbers that its seed decides. */
export class SimRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed Any number; its lower 53 bits count. */
  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = 0x9e3779b9 | 0;
    // The first numbers still show the seed; later ones do not.
    for (let i = 0; i < 15; i++) this.#next();
  }

  /** Uniform in [0, 1). */
  next(): number {
    return this.#next() / 2 ** 32;
  }

  /** Uniform among the integers of [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** True `probability` of the time. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of `choices`, which is not empty. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.#next() & 0xff;
    return bytes;
  }

  /** Another stream, so that what one part draws does not shift what others draw. */
  fork(): SimRandom {
    return new SimRandom(this.#next() * 2 ** 21 + (this.#next() >>> 11));
  }

  /** Uniform among the unsigned 32-bit integers. */
  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0;
    return sum >>> 0;
  }
}
