// EndTxn (key 26): commits or aborts a transaction. From version 5 on the client
// goes on with the id and epoch of the answer: every transaction has an epoch of
// its own (KIP-890).
//
// Source: KIP-98, KIP-890.

import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  endTxnRequest,
  endTxnResponse,
} from "../../wire/kafka/messages/end_txn.ts";
import { serve } from "../context.ts";
import { fencingCode } from "../producer_fencing.ts";

/** First version of clients that have an epoch for each transaction. */
const NEW_EPOCH_SINCE = 5;

export const endTxn = serve(endTxnRequest, endTxnResponse, {
  versions: [0, 5],
  handle: ({ committed, ...producer }, { broker, apiVersion }) => {
    const isNewer = apiVersion >= NEW_EPOCH_SINCE;
    const ended = broker.transactions.endTransaction({
      ...producer,
      isCommit: committed,
      clientVersion: isNewer ? 2 : 0,
    });
    const answer = (identity: Awaited<typeof ended>) => ({
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      ...identity,
    });
    return ended instanceof Promise ? ended.then(answer) : answer(ended);
  },
  failure: ({ errorCode }, _request, { apiVersion }) => ({
    throttleTimeMs: 0,
    errorCode: fencingCode(errorCode, "endTxn", apiVersion),
    producerId: -1,
    producerEpoch: -1,
  }),
});
