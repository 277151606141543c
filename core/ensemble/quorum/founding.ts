// How a leader's term begins: what a quorum has to agree on before it serves.
//
//   promise     of a quorum: the epoch is one more than any of them has promised
//   ackEpoch    of a quorum: none of them has a longer history than this server
//   ackHistory  of a quorum of each configuration that counts: the history is theirs
//
// A configuration without a version gets the epoch's, and one that was proposed to
// leaders before comes into force: both by the last of the three.
//
// Source: ZooKeeper documentation, "ZooKeeper Internals: Atomic Broadcast" and
// "ZooKeeper Dynamic Reconfiguration".

import type { Configurations } from "./configurations.ts";
import type { Epochs } from "./epochs.ts";
import { Gate } from "./gate.ts";
import type { QuorumConfig } from "./quorum_config.ts";
import { epochStart, TermEnd } from "./term.ts";

export interface FoundingOptions {
  readonly configs: Configurations;
  readonly epochs: Epochs;
  /** The end of this server's history. */
  readonly lastLoggedZxid: () => bigint;
  /** It cannot succeed any more. */
  readonly fail: (reason: unknown) => void;
}

/** The zxid of a server that has lost what it knew, and has no say until it is in step. */
const NO_HISTORY = -1n;

/** See the file's header. */
export class Founding {
  readonly #options: FoundingOptions;
  /** What each of the voters has promised, this server included. */
  readonly #promised = new Map<number, bigint>();
  /** The epoch is decided, and perhaps not durable here yet. */
  #isEpochDecided = false;
  readonly #ackedEpoch = new Set<number>();
  readonly #ackedHistory = new Set<number>();
  readonly #epochChosen = new Gate<bigint>();
  readonly #epochAgreed = new Gate<void>();
  readonly #established = new Gate<void>();
  /** Those that need a quorum for this server to be their leader. */
  #required: readonly QuorumConfig[] = [];

  constructor(options: FoundingOptions) {
    this.#options = options;
  }

  /** Resolves with the epoch once it is promised durably here. */
  get epochChosen(): Promise<bigint> {
    return this.#epochChosen.passed;
  }

  get epochAgreed(): Promise<void> {
    return this.#epochAgreed.passed;
  }

  /** Resolves once this server leads. */
  get established(): Promise<void> {
    return this.#established.passed;
  }

  get isEstablished(): boolean {
    return this.#established.isOpen;
  }

  /** Who has all of the history. */
  get supporters(): ReadonlySet<number> {
    return this.#ackedHistory;
  }

  /** It will not come about, or is over. */
  refuse(reason: unknown): void {
    this.#epochChosen.refuse(reason);
    this.#epochAgreed.refuse(reason);
    this.#established.refuse(reason);
  }

  /** A server has promised no epoch beyond this one. */
  promise(id: number, epoch: bigint): void {
    if (this.#isEpochDecided) return;
    this.#promised.set(id, epoch);
    const { configs: { active }, epochs, fail } = this.#options;
    if (!active.isQuorum(this.#promised.keys())) return;
    let chosen = 0n;
    for (const each of this.#promised.values()) {
      if (each >= chosen) chosen = each + 1n;
    }
    this.#isEpochDecided = true;
    epochs.accept(chosen).then(() => this.#epochChosen.open(chosen), fail);
  }

  /**
   * A quorum's longest history must be this server's.
   *
   * @param epoch The last one that the other server was in; -1n where it has
   * promised this one before.
   * @throws {TermEnd} Where the other's is longer.
   */
  compare(id: number, epoch: bigint, zxid: bigint): void {
    const { configs, epochs, lastLoggedZxid, fail } = this.#options;
    const isMute = epoch === 0n && zxid === NO_HISTORY;
    if (!configs.active.isVoter(id) || epoch < 0n || isMute) return;
    const isLonger = epoch > epochs.current ||
      (epoch === epochs.current && zxid > lastLoggedZxid());
    if (isLonger && !this.#epochAgreed.isOpen) {
      const end = new TermEnd(
        `server ${id} has a longer history (epoch ${epoch}, 0x${
          zxid.toString(16)
        })`,
      );
      fail(end);
      throw end;
    }
    this.ackEpoch(id);
  }

  /** A server has promised the epoch, and has no longer history. */
  ackEpoch(id: number): void {
    this.#ackedEpoch.add(id);
    if (this.#options.configs.active.isQuorum(this.#ackedEpoch)) {
      this.#epochAgreed.open();
    }
  }

  /** Must come before this server's own `ackEpoch`. */
  chooseConfig(epoch: bigint): void {
    const { configs, fail } = this.#options;
    if (configs.active.version === 0n && !configs.isChanging) {
      const config = configs.active.withVersion(epochStart(epoch));
      configs.see(config).catch(fail);
    }
    this.#required = configs.required();
  }

  /** A server has all of this server's history on its disk. */
  ackHistory(id: number): void {
    this.#ackedHistory.add(id);
    const acked = this.#ackedHistory;
    const { length } = this.#required;
    if (length > 0 && this.#required.every((each) => each.isQuorum(acked))) {
      this.#established.open();
    }
  }
}
