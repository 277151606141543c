// The last transactions that were committed, as bytes: what a server that was
// away for a short time still needs.
//
// Kept by number and by size; who needs more gets the whole tree.

import type { Proposal } from "./proposal.ts";

/** See the file's header. */
export class History {
  readonly #countMax: number;
  readonly #bytesMax: number;
  /** As many as there may be at once, or none yet; they go when `#newer` are as many. */
  #older: Proposal[] = [];
  #newer: Proposal[] = [];
  #newerBytes = 0;
  /** The last transaction before those that are kept. */
  #before: bigint;

  /** @param options What is kept at least; up to twice that. A `countMax` of 0 keeps none. */
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
    const last = this.#newer.at(-1) ?? this.#older.at(-1);
    return last?.context.zxid ?? this.#before;
  }

  add(proposal: Proposal): void {
    if (this.#countMax === 0) {
      this.#before = proposal.context.zxid;
      return;
    }
    this.#newer.push(proposal);
    this.#newerBytes += proposal.bytes.length;
    if (
      this.#newer.length < this.#countMax && this.#newerBytes < this.#bytesMax
    ) return;
    this.#before = this.#older.at(-1)?.context.zxid ?? this.#before;
    this.#older = this.#newer;
    this.#newer = [];
    this.#newerBytes = 0;
  }

  /** Starts anew behind a transaction. */
  reset(lastZxid: bigint): void {
    this.#older = [];
    this.#newer = [];
    this.#newerBytes = 0;
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
    const kept = [...this.#older, ...this.#newer];
    // The last one that is not after it.
    let low = 0;
    let high = kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (kept[middle].context.zxid <= zxid) low = middle + 1;
      else high = middle;
    }
    const commonZxid = low === 0 ? this.#before : kept[low - 1].context.zxid;
    return { commonZxid, proposals: kept.slice(low) };
  }
}
