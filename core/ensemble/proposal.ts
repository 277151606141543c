// A transaction and its bytes, as the log frames them and servers send them: made
// once by whoever decided, kept as they came by all others.

import { decodeTxn, type Txn, type TxnContext } from "./txn.ts";
import { encodePayload } from "./txn_log.ts";

export interface Proposal {
  readonly context: TxnContext;
  readonly txn: Txn;
  /** Header, record and, from some servers, a digest; must not change. */
  readonly bytes: Uint8Array;
}

/** The proposal of a transaction that was decided here. */
export function proposalOf(context: TxnContext, txn: Txn): Proposal {
  return {
    context,
    txn,
    bytes: encodePayload({ context, txn, digest: null }),
  };
}

/** Reads what another server has decided. @throws {DecodeError} */
export function decodeProposal(bytes: Uint8Array): Proposal {
  const { context, txn } = decodeTxn(bytes);
  return { context, txn, bytes };
}
