// A server that is alone: what is durable is committed, and it decides itself
// which sessions live.
//
// What goes by itself goes here: containers whose last child has gone, znodes
// whose time to live is up.

import type { Clock } from "../../host/host.ts";
import { ZkError, zkErrors } from "../../wire/zookeeper/errors.ts";
import { OpCode } from "../../wire/zookeeper/records.ts";
import { Decider } from "../decide.ts";
import { goneByThemselves } from "../passing_znodes.ts";
import { proposalOf } from "../proposal.ts";
import type { Rules } from "../rules.ts";
import { SessionTracker } from "../session_tracker.ts";
import type { Txn, TxnContext } from "../txn.ts";
import { decodeWrite } from "../write_request.ts";
import type { ZnodeStore } from "../znode_store.ts";
import type { ZnodeTree } from "../znode_tree.ts";
import type {
  ClientRequest,
  Outcome,
  Replica,
  ReplicaEvents,
} from "./replica.ts";

export interface StandaloneOptions {
  readonly clock: Clock;
  readonly store: ZnodeStore;
  readonly serverId: number;
  readonly tickMs: number;
  /** How often containers and znodes with a time to live are looked through. */
  readonly containerCheckMs: number;
  /** ZooKeeper's defaults where left out. */
  readonly rules?: Rules;
  readonly events: ReplicaEvents;
  /** The disk has failed: nothing can be ordered any more. */
  readonly onFailure: (error: unknown) => void;
}

/** The server's own requests have no session. */
const OWN_SESSION = 0n;
const NO_BODY = new Uint8Array(0);

/** See the file's header. */
export class StandaloneReplica implements Replica {
  readonly role = "standalone";
  readonly serverId: number;
  readonly tree: ZnodeTree;
  readonly #options: StandaloneOptions;
  readonly #decider: Decider;
  readonly #sessions: SessionTracker;
  readonly #stopChecking: () => void;
  #decidedZxid: bigint;

  constructor(options: StandaloneOptions) {
    const { store, clock } = options;
    this.#options = options;
    this.serverId = options.serverId;
    this.tree = store.tree;
    this.#decider = new Decider(store.tree, options.rules);
    this.#decidedZxid = store.tree.lastZxid;
    store.tell({
      afterGroup: () => this.#decider.applied(this.tree.lastZxid),
      onFailure: () => options.onFailure(store.failure),
    });
    this.#sessions = new SessionTracker({
      clock,
      tickMs: options.tickMs,
      expire: (sessionId) => this.#close(sessionId),
    }, store.tree.sessions);
    this.#stopChecking = goneByThemselves({
      clock,
      tree: this.tree,
      intervalMs: options.containerCheckMs,
      remove: (path) => this.#order({ kind: "deleteContainer", path }),
    });
  }

  submit(request: ClientRequest, done: (outcome: Outcome) => void): void {
    const { sessionId, cxid, opCode, body, identities } = request;
    const context = this.#nextContext(sessionId, cxid);
    let txn: Txn;
    try {
      const write = decodeWrite(opCode, body);
      txn = this.#decider.order(write, { ...context, identities });
    } catch (error) {
      txn = { kind: "error", err: codeOf(error) };
    }
    if (opCode === OpCode.createSession && txn.kind === "createSession") {
      this.#sessions.touch(sessionId, txn.timeOut);
    } else if (opCode === OpCode.closeSession) this.#sessions.remove(sessionId);
    this.#log(context, txn, done);
  }

  sync(_request: ClientRequest, done: (outcome: Outcome) => void): void {
    this.#options.store.follow(
      () => done(nothingApplied(this.tree.lastZxid)),
      () => {},
    );
  }

  touch(sessionId: bigint, timeoutMs: number): void {
    this.#sessions.renew(sessionId, timeoutMs);
  }

  revalidate(sessionId: bigint, timeoutMs: number): Promise<boolean> {
    return Promise.resolve(this.#sessions.renew(sessionId, timeoutMs));
  }

  sessionDeadlines(): Iterable<[bigint, number]> {
    return this.#sessions.deadlines();
  }

  /** Decides nothing any more; what is under way still ends. */
  stop(): void {
    this.#stopChecking();
    this.#sessions.close();
  }

  #close(sessionId: bigint): void {
    this.submit(
      {
        sessionId,
        cxid: 0,
        opCode: OpCode.closeSession,
        body: NO_BODY,
        identities: [],
      },
      () => {},
    );
  }

  /** Something that the server itself wants changed. */
  #order(request: { kind: "deleteContainer"; path: string }): void {
    const context = this.#nextContext(OWN_SESSION, 0);
    this.#log(context, this.#decider.order(request, context), () => {});
  }

  #nextContext(sessionId: bigint, cxid: number): TxnContext {
    const zxid = ++this.#decidedZxid;
    const timeMs = this.#options.clock.wallMs();
    return { sessionId, cxid, zxid, timeMs };
  }

  #log(
    context: TxnContext,
    txn: Txn,
    done: (outcome: Outcome) => void,
  ): void {
    const { store, events } = this.#options;
    const proposal = proposalOf(context, txn);
    store.log(proposal, () => {
      const applied = store.apply(proposal);
      events.applied(context, txn, applied);
      const errorCode = txn.kind === "error" ? txn.err : 0;
      done({ zxid: context.zxid, errorCode, txn, applied });
    }, () => {});
  }
}

/** The outcome of a request that changes nothing. */
export function nothingApplied(zxid: bigint): Outcome {
  return { zxid, errorCode: 0, txn: null, applied: null };
}

/** The code that a client gets for what decoding threw. */
export function codeOf(error: unknown): number {
  if (error instanceof ZkError) return error.code;
  if (error instanceof Error && error.name === "DecodeError") {
    return zkErrors.MARSHALLING_ERROR.code;
  }
  throw error;
}
