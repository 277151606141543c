// One term of a server: the time that it leads, or follows one leader.

import type { Clock, Host } from "../../host/host.ts";
import type { Rules } from "../rules.ts";
import type { Replica, ReplicaEvents } from "../server/replica.ts";
import type { ZnodeStore } from "../znode_store.ts";
import type { Epochs } from "./epochs.ts";
import type { Configurations } from "./configurations.ts";

/** How long servers wait for each other. */
export interface QuorumTiming {
  readonly tickMs: number;
  /** Ticks until a learner has to be in step. */
  readonly initLimit: number;
  /** Ticks that a learner, or the leader, may be silent. */
  readonly syncLimit: number;
}

/** What a term is given. */
export interface TermOptions {
  readonly host: Host;
  readonly selfId: number;
  readonly configs: Configurations;
  /** Whether this server has no say in the leader's epoch: it may have lost a history. */
  readonly isMute: () => boolean;
  readonly timing: QuorumTiming;
  readonly store: ZnodeStore;
  readonly epochs: Epochs;
  readonly events: ReplicaEvents;
  /** Whether to listen on all addresses, not only on the one that the others use. */
  readonly listensOnAll: boolean;
  /** Whether to let clients read that ask for it while there is no leader. */
  readonly readsAlone?: boolean;
  /** ZooKeeper's defaults where left out. */
  readonly rules?: Rules;
  /** How often the leader looks for znodes that go by themselves. */
  readonly containerCheckMs: number;
  /** The last number of an epoch's transactions, where it is not all 32 bits. */
  readonly lastCounter?: bigint;
  /** Whether one voter that is left may be an ensemble; two at least otherwise. */
  readonly isAloneEnough?: boolean;
  /** The replica serves clients from now on, until the term ends. */
  readonly serving: (replica: Replica, epoch: bigint) => void;
  readonly trace: (line: string) => void;
}

/** Ends a term: what is wrong with it, for the one who looks after the server. */
export class TermEnd extends Error {
  override readonly name = "TermEnd";
}

/** Ends a term because another server leads now, by agreement: no election is needed. */
export class Handover extends TermEnd {
  constructor(readonly leaderId: number, reason: string) {
    super(reason);
  }
}

/** Calls `run` again and again. @returns How to end that. */
export function repeatEvery(
  clock: Clock,
  intervalMs: number,
  run: () => void,
): () => void {
  let isOver = false;
  let cancel = () => {};
  const schedule = () => {
    // What has come by then, and was not looked at yet, counts.
    cancel = clock.after(intervalMs, () =>
      clock.afterOthers(() => {
        if (isOver) return;
        run();
        if (!isOver) schedule();
      }));
  };
  schedule();
  return () => {
    isOver = true;
    cancel();
  };
}

/** The first transaction id of an epoch: none has it. */
export function epochStart(epoch: bigint): bigint {
  return epoch << 32n;
}

/** How long a leader or a learner has to be in step, in milliseconds. */
export function initLimitMs({ tickMs, initLimit }: QuorumTiming): number {
  return tickMs * initLimit;
}

/** How long the other side may be silent, in milliseconds. */
export function syncLimitMs({ tickMs, syncLimit }: QuorumTiming): number {
  return tickMs * syncLimit;
}
