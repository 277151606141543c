// Requests of this server's clients that others order: what comes back of them is
// known by session and number, in the order in which they left.

import { OpCode } from "../../wire/zookeeper/records.ts";
import type { ClientRequest, Outcome } from "../server/replica.ts";
import type { Txn, TxnContext } from "../txn.ts";

interface OwnRequest {
  readonly cxid: number;
  readonly opCode: number;
  readonly done: (outcome: Outcome) => void;
}

export class OwnRequests {
  readonly #bySession = new Map<bigint, OwnRequest[]>();

  add(
    { sessionId, cxid, opCode }: ClientRequest,
    done: (outcome: Outcome) => void,
  ): void {
    const waiting = this.#bySession.get(sessionId);
    const request = { cxid, opCode, done };
    if (waiting === undefined) this.#bySession.set(sessionId, [request]);
    else waiting.push(request);
  }

  /** Takes the request that a transaction answers; `null` for one of another server. */
  take(
    { sessionId, cxid }: TxnContext,
    txn: Txn,
  ): ((outcome: Outcome) => void) | null {
    const waiting = this.#bySession.get(sessionId);
    if (waiting === undefined) return null;
    const [first] = waiting;
    if (first.cxid !== cxid || !answers(txn, first.opCode)) return null;
    waiting.shift();
    if (waiting.length === 0) this.#bySession.delete(sessionId);
    return first.done;
  }
}

/** A session may end by itself, with the number 0, while its client asks for something. */
function answers({ kind }: Txn, opCode: number): boolean {
  if (kind === "error") return true;
  return (kind === "createSession") === (opCode === OpCode.createSession) &&
    (kind === "closeSession") === (opCode === OpCode.closeSession);
}
