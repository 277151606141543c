// One term of a server: the time that it leads, or follows one leader.

import type { Host } from "../../host/host.ts";
import type { Replica, ReplicaEvents } from "../server/replica.ts";
import type { ZnodeStore } from "../znode_store.ts";
import type { Epochs } from "./epochs.ts";
import type { QuorumConfig } from "./quorum_config.ts";

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
  readonly config: () => QuorumConfig;
  readonly timing: QuorumTiming;
  readonly store: ZnodeStore;
  readonly epochs: Epochs;
  readonly events: ReplicaEvents;
  /** Whether to listen on all addresses, not only on the one that the others use. */
  readonly listensOnAll: boolean;
  /** How often the leader looks for znodes that go by themselves. */
  readonly containerCheckMs: number;
  /** The last number of an epoch's transactions, where it is not all 32 bits. */
  readonly lastCounter?: bigint;
  /** The replica serves clients from now on, until the term ends. */
  readonly serving: (replica: Replica, epoch: bigint) => void;
  readonly trace: (line: string) => void;
}

/** Ends a term: what is wrong with it, for the one who looks after the server. */
export class TermEnd extends Error {
  override readonly name = "TermEnd";
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
