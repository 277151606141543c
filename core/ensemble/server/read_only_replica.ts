// A server without its ensemble, for clients that would rather read what was than
// nothing at all: no change is ordered, and sessions are this server's alone.
//
// A session that began in the ensemble is not taken over: its client has to find
// the others, or begin one of these. Those end with the read-only time.
//
// Source: ZooKeeper documentation, "Experimental Options: readonlymode.enabled".

import type { Clock } from "../../host/host.ts";
import { zkErrors } from "../../wire/zookeeper/errors.ts";
import { OpCode } from "../../wire/zookeeper/records.ts";
import { SessionTracker } from "../session_tracker.ts";
import type { ZnodeTree } from "../znode_tree.ts";
import type { ClientRequest, Outcome, Replica } from "./replica.ts";

export interface ReadOnlyOptions {
  readonly clock: Clock;
  readonly tree: ZnodeTree;
  readonly serverId: number;
  readonly tickMs: number;
  /** A session's time is up. */
  readonly expired: (sessionId: bigint) => void;
}

/** See the file's header. */
export class ReadOnlyReplica implements Replica {
  readonly role = "readOnly";
  readonly serverId: number;
  readonly tree: ZnodeTree;
  readonly #sessions: SessionTracker;

  constructor(options: ReadOnlyOptions) {
    this.serverId = options.serverId;
    this.tree = options.tree;
    this.#sessions = new SessionTracker({
      clock: options.clock,
      tickMs: options.tickMs,
      expire: options.expired,
    }, new Map());
  }

  submit(request: ClientRequest, done: (outcome: Outcome) => void): void {
    const { sessionId, opCode, body } = request;
    switch (opCode) {
      case OpCode.createSession: {
        const timeoutMs = new DataView(body.buffer, body.byteOffset)
          .getInt32(0);
        this.#sessions.touch(sessionId, timeoutMs);
        return done(this.#outcome(zkErrors.OK.code));
      }
      case OpCode.closeSession:
        this.#sessions.remove(sessionId);
        return done(this.#outcome(zkErrors.OK.code));
      default:
        return done(this.#outcome(zkErrors.NOT_READ_ONLY.code));
    }
  }

  sync(_request: ClientRequest, done: (outcome: Outcome) => void): void {
    done(this.#outcome(zkErrors.NOT_READ_ONLY.code));
  }

  touch(sessionId: bigint, timeoutMs: number): void {
    this.#sessions.renew(sessionId, timeoutMs);
  }

  revalidate(sessionId: bigint, timeoutMs: number): Promise<boolean> {
    if (this.#sessions.renew(sessionId, timeoutMs)) {
      return Promise.resolve(true);
    }
    // Not known is not expired: the ensemble may well have it.
    return Promise.reject(new Error("the session is not this server's"));
  }

  stop(): void {
    this.#sessions.close();
  }

  #outcome(errorCode: number): Outcome {
    return { zxid: this.tree.lastZxid, errorCode, txn: null, applied: null };
  }
}
