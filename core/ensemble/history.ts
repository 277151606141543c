// The last transactions that were committed, as bytes: what a server that was
// away for a short time still needs.
//
// Kept by number and by size; who needs more gets the whole tree.

import type { Proposal } from "./proposal.ts";

/** See the file's header. */
export class History {
  readonly #countMax: number;
  readonly #bytesMax: number;
  #proposals: Proposal[] = [];
  #sizeBytes = 0;
  /** The last transaction before those that are kept. */
  #before: bigint;

  constructor(
    options: { readonly countMax: number; readonly bytesMax: number },
    lastZxid: bigint,
  ) {
    this.#countMax = options.countMax;
    this.#bytesMax = options.bytesMax;
    this.#before = lastZxid;
  }

  /** The last transaction, kept or not. */
  get lastZxid(): bigint {
    return this.#proposals.at(-1)?.context.zxid ?? this.#before;
  }

  add(proposal: Proposal): void {
    this.#proposals.push(proposal);
    this.#sizeBytes += proposal.bytes.length;
    // In strides, so that a push costs no move of all the others.
    if (
      this.#proposals.length > 2 * this.#countMax ||
      this.#sizeBytes > 2 * this.#bytesMax
    ) this.#trim();
  }

  /** Starts anew behind a transaction. */
  reset(lastZxid: bigint): void {
    this.#proposals = [];
    this.#sizeBytes = 0;
    this.#before = lastZxid;
  }

  /**
   * What somebody lacks whose last transaction is `zxid`.
   *
   * @returns The last transaction that both have, and all after it; `null` where
   * that is not known.
   */
  since(
    zxid: bigint,
  ):
    | { readonly commonZxid: bigint; readonly proposals: readonly Proposal[] }
    | null {
    if (zxid < this.#before) return null;
    // The last one that is not after it.
    let low = 0;
    let high = this.#proposals.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#proposals[middle].context.zxid <= zxid) low = middle + 1;
      else high = middle;
    }
    const commonZxid = low === 0
      ? this.#before
      : this.#proposals[low - 1].context.zxid;
    return { commonZxid, proposals: this.#proposals.slice(low) };
  }

  #trim(): void {
    let first = Math.max(0, this.#proposals.length - this.#countMax);
    for (let at = 0; at < this.#proposals.length; at++) {
      if (at >= first && this.#sizeBytes <= this.#bytesMax) break;
      this.#sizeBytes -= this.#proposals[at].bytes.length;
      first = at + 1;
    }
    if (first === 0) return;
    this.#before = this.#proposals[first - 1].context.zxid;
    this.#proposals = this.#proposals.slice(first);
  }
}
