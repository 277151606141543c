// The order of changes in a leader's term: each is proposed to all, logged by each,
// and committed once more than half of those that vote have it on their disks,
// in the order of zxids.
//
// Source: ZooKeeper documentation, "ZooKeeper Internals: Atomic Broadcast".

import { assert } from "../../base/assert.ts";
import type { Proposal } from "../proposal.ts";
import type { QuorumConfig } from "./quorum_config.ts";

/** A change on its way. */
export interface Outstanding {
  readonly proposal: Proposal;
  /** Those that need more than half of their voters for it. */
  readonly required: readonly QuorumConfig[];
  /** Who has it on the disk. */
  readonly acks: Set<number>;
  /** What waits for its commit, or for those before. */
  readonly after: (() => void)[];
}

export interface BroadcastOptions {
  /**
   * Called for each change, in order, once it is committed.
   *
   * @returns Whether this server may commit more.
   */
  readonly commit: (entry: Outstanding) => boolean;
}

/** See the file's header. */
export class Broadcast {
  readonly #options: BroadcastOptions;
  #outstanding: Outstanding[] = [];
  #isOver = false;

  constructor(options: BroadcastOptions) {
    this.#options = options;
  }

  /** Proposed and not committed, oldest first. */
  outstanding(): Iterable<Proposal> {
    return this.#outstanding.map(({ proposal }) => proposal);
  }

  /** Proposed behind a change and not committed, oldest first. */
  behind(zxid: bigint): Outstanding[] {
    return this.#outstanding.filter(({ proposal }) =>
      proposal.context.zxid > zxid
    );
  }

  get count(): number {
    return this.#outstanding.length;
  }

  /** @param required Those that have to agree to it. */
  propose(proposal: Proposal, required: readonly QuorumConfig[]): void {
    const last = this.#outstanding.at(-1)?.proposal.context.zxid;
    const { zxid } = proposal.context;
    assert(last === undefined || zxid === last + 1n, "A gap between proposals");
    this.#outstanding.push({
      proposal,
      required,
      acks: new Set(),
      after: [],
    });
  }

  /** A server has a change on its disk; commits what has a quorum now. */
  ack(id: number, zxid: bigint): void {
    const first = this.#outstanding.at(0)?.proposal.context.zxid;
    // Committed without it, or none of this term's.
    if (first === undefined || zxid < first) return;
    const entry = this.#outstanding.at(Number(zxid - first));
    if (entry === undefined) return;
    entry.acks.add(id);
    if (zxid === first) this.#commitReady();
  }

  /** A server comes anew: what it had of this may be taken back, and is sent again. */
  withdraw(id: number): void {
    for (const { acks } of this.#outstanding) acks.delete(id);
  }

  /** Runs `run` once all that is proposed by now is committed; at once where nothing is. */
  afterAll(run: () => void): void {
    const last = this.#outstanding.at(-1);
    if (last === undefined) run();
    else last.after.push(run);
  }

  #commitReady(): void {
    let count = 0;
    for (const entry of this.#outstanding) {
      const { required, acks, after } = entry;
      if (this.#isOver || !required.every((each) => each.isQuorum(acks))) break;
      count++;
      this.#isOver = !this.#options.commit(entry);
      for (const run of after) run();
    }
    if (count > 0) this.#outstanding = this.#outstanding.slice(count);
  }
}
