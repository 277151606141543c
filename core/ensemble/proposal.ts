// A transaction and its bytes, as the log frames them and servers send them: made
// once by whoever decided, kept as they came by all others.

import { dataInPayload, decodeTxn, type Txn, type TxnContext } from "./txn.ts";
import { encodePayload } from "./txn_log.ts";

export interface Proposal {
  readonly context: TxnContext;
  readonly txn: Txn;
  /** Header, record and, from some servers, a digest; must not change. */
  readonly bytes: Uint8Array;
}

/**
 * The proposal of a transaction that was decided here.
 *
 * Its data lies in its own bytes: what the request was read from need not last.
 */
export function proposalOf(context: TxnContext, txn: Txn): Proposal {
  const bytes = encodePayload({ context, txn, digest: null });
  return { context, txn: withOwnData(txn, bytes), bytes };
}

function withOwnData(txn: Txn, bytes: Uint8Array): Txn {
  switch (txn.kind) {
    case "multi":
      return decodeTxn(bytes).txn;
    case "setData":
    case "reconfig":
    case "create":
    case "create2":
    case "createContainer":
    case "createTtl":
      return { ...txn, data: dataInPayload(bytes) };
    default:
      return txn;
  }
}

/** Reads what another server has decided. @throws {DecodeError} */
export function decodeProposal(bytes: Uint8Array): Proposal {
  const { context, txn } = decodeTxn(bytes);
  return { context, txn, bytes };
}
