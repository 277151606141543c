// ListTransactions (key 66): the transactional ids that this broker coordinates,
// by state, by producer, by how long their transactions have been open, and by a
// pattern of their names.
//
// Source: KIP-664, KIP-994, KIP-1152.

import { parseTopicPattern } from "../../groups/consumer/topic_pattern.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  listTransactionsRequest,
  listTransactionsResponse,
} from "../../wire/kafka/messages/list_transactions.ts";
import { transactionStatuses } from "../../transactions/transaction_state.ts";
import { serve } from "../context.ts";

/** What transactions may be filtered by, where none is in such a state, too. */
const STATE_NAMES: ReadonlySet<string> = new Set(transactionStatuses);

export const listTransactions = serve(
  listTransactionsRequest,
  listTransactionsResponse,
  {
    versions: [0, 2],
    handle: (request, { broker }) => {
      const { stateFilters, producerIdFilters, durationFilter } = request;
      const listed = broker.transactions.list({
        states: stateFilters,
        producerIds: producerIdFilters,
        minDurationMs: durationFilter,
        matches: matcherOf(request.transactionalIdPattern),
      });
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        unknownStateFilters: stateFilters.filter((name) =>
          !STATE_NAMES.has(name)
        ),
        transactionStates: listed.map(
          ({ transactionalId, producerId, state }) => ({
            transactionalId,
            producerId,
            transactionState: state,
          }),
        ),
      };
    },
    failure: ({ errorCode }) => ({
      throttleTimeMs: 0,
      errorCode,
      unknownStateFilters: [],
      transactionStates: [],
    }),
  },
);

/** @throws {KafkaError} INVALID_REGULAR_EXPRESSION. */
function matcherOf(
  text: string | null,
): ((transactionalId: string) => boolean) | undefined {
  if (text === null || text === "") return undefined;
  const parsed = parseTopicPattern(text);
  if (parsed.kind === "bad") {
    throw new KafkaError(
      "INVALID_REGULAR_EXPRESSION",
      `"${text}" is no pattern of transactional ids: ${parsed.reason}`,
    );
  }
  return (transactionalId) => parsed.pattern.matches(transactionalId);
}
