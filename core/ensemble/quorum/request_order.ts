// What a leader decides: which zxid a request gets, what it comes to, which
// sessions live and at which server each is.

import type { Clock } from "../../host/host.ts";
import { zkErrors } from "../../wire/zookeeper/errors.ts";
import { OpCode } from "../../wire/zookeeper/records.ts";
import { type DecideContext, Decider, type ReconfigWrite } from "../decide.ts";
import { type Proposal, proposalOf } from "../proposal.ts";
import type { Rules } from "../rules.ts";
import { SessionTracker } from "../session_tracker.ts";
import type { ClientRequest } from "../server/replica.ts";
import { codeOf } from "../server/standalone_replica.ts";
import type { Txn, TxnContext } from "../txn.ts";
import { decodeWrite } from "../write_request.ts";
import type { ZnodeTree } from "../znode_tree.ts";

export interface RequestOrderOptions {
  readonly clock: Clock;
  readonly tree: ZnodeTree;
  readonly tickMs: number;
  readonly selfId: number;
  /** ZooKeeper's defaults where left out. */
  readonly rules?: Rules;
  /** Where the epoch starts. */
  readonly lastZxid: bigint;
  /** The last number of an epoch; all 32 bits where left out. */
  readonly lastCounter?: bigint;
  /** Gives the text of the configuration that a request asks for. @throws {ZkError} */
  readonly reconfigure: (request: ReconfigWrite, zxid: bigint) => string;
  readonly expire: (sessionId: bigint) => void;
  /** The epoch has no more numbers: another leader, or the same, must begin one. */
  readonly exhausted: () => void;
}

const COUNTER_MAX = 0xffffffffn;
/** Changes decided and not applied that are forgotten together. */
const FORGET_STRIDE = 64;

/** See the file's header. */
export class RequestOrder {
  readonly #options: RequestOrderOptions;
  readonly #decider: Decider;
  readonly #sessions: SessionTracker;
  /** The server that each session's client is connected to. */
  readonly #owners = new Map<bigint, number>();
  #lastZxid: bigint;
  #appliedCount = 0;

  constructor(options: RequestOrderOptions) {
    this.#options = options;
    this.#decider = new Decider(options.tree, options.rules);
    this.#lastZxid = options.lastZxid;
    // Whoever led before, each session has all of its time now.
    this.#sessions = new SessionTracker({
      clock: options.clock,
      tickMs: options.tickMs,
      expire: options.expire,
    }, options.tree.sessions);
  }

  /** When sessions end on the monotonic clock. */
  sessionDeadlines(): Iterable<[bigint, number]> {
    return this.#sessions.deadlines();
  }

  get sessionCount(): number {
    return this.#sessions.count;
  }

  /** A session was heard of. */
  renew(sessionId: bigint, timeoutMs: number): boolean {
    return this.#sessions.renew(sessionId, timeoutMs);
  }

  /** A session's client has come to a server. @returns Whether the session lives. */
  take(sessionId: bigint, timeoutMs: number, serverId: number): boolean {
    if (!this.renew(sessionId, timeoutMs)) return false;
    this.#owners.set(sessionId, serverId);
    return true;
  }

  /**
   * Gives a request its place; a refusal has one, too.
   *
   * @param serverId Where its client is connected.
   * @returns `null` where the epoch has no more numbers.
   */
  decide(request: ClientRequest, serverId: number): Proposal | null {
    const { sessionId, cxid, opCode, body, identities } = request;
    const context = this.#next(sessionId, cxid);
    if (context === null) return null;
    let txn: Txn;
    if (opCode !== OpCode.createSession && this.#hasMoved(request, serverId)) {
      txn = { kind: "error", err: zkErrors.SESSION_MOVED.code };
    } else {
      try {
        const write = decodeWrite(opCode, body);
        txn = write.kind === "reconfig"
          ? this.#reconfigure(write, { ...context, identities })
          : this.#decider.order(write, { ...context, identities });
      } catch (error) {
        txn = { kind: "error", err: codeOf(error) };
      }
    }
    if (txn.kind === "createSession") {
      this.#sessions.touch(sessionId, txn.timeOut);
      this.#owners.set(sessionId, serverId);
    } else if (txn.kind === "closeSession") {
      this.#sessions.remove(sessionId);
      this.#owners.delete(sessionId);
    }
    return proposalOf(context, txn);
  }

  /** Gives the removal of a znode that goes by itself its place. */
  decideRemoval(path: string): Proposal | null {
    const context = this.#next(0n, 0);
    if (context === null) return null;
    const request = { kind: "deleteContainer", path } as const;
    return proposalOf(context, this.#decider.order(request, context));
  }

  /** A change is in the tree now. */
  applied(zxid: bigint): void {
    if (++this.#appliedCount % FORGET_STRIDE === 0 || zxid === this.#lastZxid) {
      this.#decider.applied(zxid);
    }
  }

  close(): void {
    this.#sessions.close();
  }

  #reconfigure(write: ReconfigWrite, context: DecideContext): Txn {
    const text = () => this.#options.reconfigure(write, context.zxid);
    return this.#decider.reconfigure(text, context);
  }

  #next(sessionId: bigint, cxid: number): TxnContext | null {
    const { lastCounter = COUNTER_MAX } = this.#options;
    if ((this.#lastZxid & COUNTER_MAX) === lastCounter) {
      this.#options.exhausted();
      return null;
    }
    const zxid = ++this.#lastZxid;
    return { sessionId, cxid, zxid, timeMs: this.#options.clock.wallMs() };
  }

  /** A client that has gone to another server asks only there. */
  #hasMoved({ sessionId, cxid }: ClientRequest, serverId: number): boolean {
    // The leader ends sessions wherever they are.
    if (cxid === 0 && serverId === this.#options.selfId) return false;
    const owner = this.#owners.get(sessionId);
    return owner !== undefined && owner !== serverId;
  }
}
