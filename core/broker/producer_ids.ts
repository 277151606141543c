// Numbers for producers, unique in the cluster. The controller gives them out in
// blocks, so that most producers get theirs without a word to anybody.
//
// What is left of a block when the broker ends is never used.

import { assert } from "../base/assert.ts";
import { Serial } from "../base/serial.ts";

/** Consecutive producer ids that belong to this broker alone. */
export interface ProducerIdBlock {
  readonly firstId: number;
  readonly count: number;
}

export class ProducerIds {
  readonly #allocate: () => Promise<ProducerIdBlock>;
  /** Those who come while a block is being fetched wait for the same one. */
  readonly #fetching = new Serial();
  #nextId = 0;
  #leftCount = 0;

  constructor(allocate: () => Promise<ProducerIdBlock>) {
    this.#allocate = allocate;
  }

  /** An id that nobody has had before. @throws Whatever fetching a block throws. */
  async next(): Promise<number> {
    while (this.#leftCount === 0) {
      await this.#fetching.run(async () => {
        if (this.#leftCount > 0) return;
        const block = await this.#allocate();
        assert(block.count > 0, "A block of no producer ids");
        this.#nextId = block.firstId;
        this.#leftCount = block.count;
      });
    }
    this.#leftCount--;
    return this.#nextId++;
  }
}
