// What one server of a simulated ensemble has on its disk, over all its lives, by
// what its store was told and has confirmed; it must come back with no less.

import type { Proposal } from "../ensemble/proposal.ts";
import type { Epochs } from "../ensemble/quorum/epochs.ts";
import type { ZnodeStore } from "../ensemble/znode_store.ts";
import { check } from "./sim_scenario.ts";
import { type EnsembleHistory, hex } from "./sim_scenario_ensemble_history.ts";

export interface JudgedLogOptions {
  readonly id: number;
  readonly history: EnsembleHistory;
  readonly judge: (run: () => void) => void;
  readonly trace: (line: string) => void;
  /** A session is to end that nobody has closed. */
  readonly expiring: (sessionId: bigint) => void;
}

/** See the file's header. */
export class JudgedLog {
  readonly #options: JudgedLogOptions;
  readonly #name: string;
  /** The last entry in its files, written or about to be. */
  #tail = 0n;
  /** What the disk has confirmed: it is there after any crash. */
  #durable = 0n;
  #applied = 0n;
  /** The newest epoch that it has been in step with. */
  #epoch = 0n;
  /** A whole tree that is being taken over. */
  #replacing: bigint | null = null;

  constructor(options: JudgedLogOptions) {
    this.#options = options;
    this.#name = `Server ${options.id}`;
  }

  /** The last entry in its tree. */
  get applied(): bigint {
    return this.#applied;
  }

  /** A life begins with what was found. */
  opened(lastZxid: bigint): void {
    const { history, judge, trace } = this.#options;
    judge(() => {
      const found = history.entryOf(lastZxid);
      trace(`opens at ${hex(lastZxid)}`);
      const isPrefix = history.ancestor(this.#tail, found) === found;
      check(
        isPrefix || this.#replacing === found,
        `${this.#name} comes back with ${hex(found)}, which it has not had`,
      );
      check(
        found >= this.#durable || this.#replacing !== null,
        `${this.#name} comes back with ${hex(found)}, and had ${
          hex(this.#durable)
        } on its disk`,
      );
      this.#moveTo(found);
    });
  }

  checkEpochs({ accepted, current }: Epochs): void {
    this.#options.judge(() =>
      check(
        accepted >= this.#epoch && current >= this.#epoch,
        `${this.#name} was in epoch ${this.#epoch}, and comes back with ${accepted} accepted, ${current} current`,
      )
    );
  }

  /** It is in step with an epoch's leader, or leads. */
  entered(epoch: bigint): void {
    this.#epoch = epoch;
  }

  /** Whoever enters an epoch has all that it begins with on the disk. */
  watchEpochs(epochs: Epochs, isAlive: () => boolean): void {
    const { enter } = epochs;
    epochs.enter = (epoch) => {
      if (isAlive()) this.#options.judge(() => this.#enters(epoch));
      return enter.call(epochs, epoch);
    };
  }

  /** Hears of all that the store is told. */
  watchStore(store: ZnodeStore, isAlive: () => boolean): void {
    const { judge, history, trace } = this.#options;
    const { log, apply, truncateTo, replaceTree } = store;
    store.log = (proposal, durable, fail) => {
      if (isAlive()) judge(() => this.#logs(proposal));
      log.call(store, proposal, () => {
        if (isAlive()) this.#durable = proposal.context.zxid;
        durable();
      }, fail);
    };
    store.apply = (proposal) => {
      if (isAlive()) judge(() => this.#applies(proposal));
      return apply.call(store, proposal);
    };
    store.truncateTo = async (zxid) => {
      judge(() => this.#isToGoBack(zxid));
      await truncateTo.call(store, zxid);
      if (!isAlive()) return;
      trace(`goes back to ${hex(zxid)}`);
      this.#moveTo(history.entryOf(zxid));
    };
    store.replaceTree = async (tree) => {
      judge(() => this.#replacing = history.entryOf(tree.lastZxid));
      await replaceTree.call(store, tree);
      if (!isAlive()) return;
      trace(`takes over the tree of ${hex(tree.lastZxid)}`);
      this.#moveTo(this.#replacing!);
    };
  }

  #moveTo(zxid: bigint): void {
    this.#replacing = null;
    this.#tail = this.#durable = this.#applied = zxid;
  }

  #enters(epoch: bigint): void {
    check(
      this.#durable === this.#tail,
      `${this.#name} enters epoch ${epoch} with ${hex(this.#tail)}, of which ${
        hex(this.#durable)
      } is on its disk`,
    );
  }

  #logs(proposal: Proposal): void {
    const { history, id, expiring } = this.#options;
    history.logged(id, this.#tail, proposal);
    const { zxid, sessionId, cxid } = proposal.context;
    this.#tail = zxid;
    if (proposal.txn.kind === "closeSession" && cxid === 0) expiring(sessionId);
  }

  #applies({ context: { zxid } }: Proposal): void {
    check(
      this.#options.history.before(zxid) === this.#applied,
      `${this.#name} applies ${hex(zxid)} after ${hex(this.#applied)}`,
    );
    this.#applied = zxid;
  }

  /** Until that is done a crash may leave either. */
  #isToGoBack(zxid: bigint): void {
    const { history } = this.#options;
    const kept = history.ancestor(this.#tail, zxid);
    check(
      kept === history.entryOf(zxid),
      `${this.#name} is told to go back to ${hex(zxid)}, which it has not`,
    );
    if (kept < this.#durable) this.#durable = kept;
  }
}
