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

/** Where the ids of the whole cluster are kept. */
export interface ProducerIdSource {
  allocateProducerIds(): Promise<ProducerIdBlock>;
  lastProducerId(): Promise<number>;
}

export class ProducerIds {
  readonly #source: ProducerIdSource;
  /** Those who come while a block is being fetched wait for the same one. */
  readonly #fetching = new Serial();
  #nextId = 0;
  #leftCount = 0;
  /** The highest id that is known to be given out, by this broker or another. */
  #lastIssued = -1;

  constructor(source: ProducerIdSource) {
    this.#source = source;
  }

  /** Whether this id was given out, as far as this broker knows. */
  isIssued(producerId: number): boolean {
    return producerId <= this.#lastIssued;
  }

  /** Learns what other brokers have given out since. */
  async refresh(): Promise<void> {
    const last = await this.#source.lastProducerId();
    this.#lastIssued = Math.max(this.#lastIssued, last);
  }

  /** An id that nobody has had before. @throws Whatever fetching a block throws. */
  async next(): Promise<number> {
    while (this.#leftCount === 0) {
      await this.#fetching.run(async () => {
        if (this.#leftCount > 0) return;
        const block = await this.#source.allocateProducerIds();
        assert(block.count > 0, "A block of no producer ids");
        this.#lastIssued = Math.max(
          this.#lastIssued,
          block.firstId + block.count - 1,
        );
        this.#nextId = block.firstId;
        this.#leftCount = block.count;
      });
    }
    this.#leftCount--;
    return this.#nextId++;
  }
}
