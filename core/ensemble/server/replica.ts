// What the client side of a server knows of the ensemble: a tree to read, and
// one way in which changes get into it. A standalone server, a leader, a follower
// and an observer each give this; the client side never knows which it has.
//
// Source: ZooKeeper documentation, "ZooKeeper Internals".

import type { Identity } from "../access.ts";
import type { Txn, TxnContext } from "../txn.ts";
import type { Applied, ZnodeTree } from "../znode_tree.ts";

export type ReplicaRole =
  | "standalone"
  | "leader"
  | "follower"
  | "observer"
  | "readOnly";

/** A request that has to be ordered, as one server hands it to another. */
export interface ClientRequest {
  readonly sessionId: bigint;
  readonly cxid: number;
  /** `OpCode`: a write, createSession, closeSession or sync. */
  readonly opCode: number;
  /** What follows the request header, unchanged; the receiver may not keep it. */
  readonly body: Uint8Array;
  readonly identities: readonly Identity[];
}

/** What became of an ordered request. */
export interface Outcome {
  readonly zxid: bigint;
  /** 0, or the code of a `ZkError`. */
  readonly errorCode: number;
  /** What was applied; `null` where nothing was to be (a sync). */
  readonly txn: Txn | null;
  readonly applied: Applied | null;
}

/** See the file's header. */
export interface Replica {
  readonly role: ReplicaRole;
  /** The high byte of session ids that are made here. */
  readonly serverId: number;
  /** Everything that has been applied here. */
  readonly tree: ZnodeTree;
  /**
   * Has a change ordered.
   *
   * @param done Called in the order of zxids, once the change was applied here and
   * `ReplicaEvents.applied` has returned. Never called where the replica goes first.
   */
  submit(request: ClientRequest, done: (outcome: Outcome) => void): void;
  /** @param done Called once all is applied here that the leader had committed when asked. */
  sync(request: ClientRequest, done: (outcome: Outcome) => void): void;
  /** A client of this server was heard of. */
  touch(sessionId: bigint, timeoutMs: number): void;
  /** Whether a session that comes from elsewhere lives; it belongs to this server then. */
  revalidate(sessionId: bigint, timeoutMs: number): Promise<boolean>;
  /** When sessions end on the monotonic clock, where that is decided here. */
  sessionDeadlines?(): Iterable<[bigint, number]>;
}

/** What whoever runs a replica tells the client side. */
export interface ReplicaEvents {
  /** A transaction was applied to the tree; comes before the `done` of its request. */
  applied(context: TxnContext, txn: Txn, applied: Applied): void;
}
