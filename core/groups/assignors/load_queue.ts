// A heap of members by how much they have, the least or the most on top.

/** Something with a load that only changes as told below. */
export interface Loaded {
  readonly load: number;
}

/**
 * Finds the lightest, or the heaviest.
 *
 * The first may grow heavier (in a queue for the lightest) or lighter (in one
 * for the heaviest), and then `settleFirst` puts it in its place. Where another
 * changes, the first may no longer be the very best, but it is what it says.
 */
export class LoadQueue<T extends Loaded> {
  readonly #heap: T[];
  readonly #sign: 1 | -1;

  constructor(items: Iterable<T>, wanted: "lightest" | "heaviest") {
    this.#sign = wanted === "lightest" ? 1 : -1;
    // A sorted array is a heap.
    this.#heap = [...items].sort((a, b) => this.#sign * (a.load - b.load));
  }

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  get first(): T {
    return this.#heap[0];
  }

  /** Takes the first out. */
  dropFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.settleFirst();
  }

  /** To be called when the load of the first has changed. */
  settleFirst(): void {
    const heap = this.#heap;
    const item = heap[0];
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (
        child + 1 < heap.length && this.#isBefore(heap[child + 1], heap[child])
      ) child++;
      if (!this.#isBefore(heap[child], item)) break;
      heap[place] = heap[child];
      place = child;
    }
    heap[place] = item;
  }

  #isBefore(a: T, b: T): boolean {
    return this.#sign * (a.load - b.load) < 0;
  }
}
