// A producer commits or aborts its transaction, perhaps more than once, since an
// answer may get lost.
//
// Older clients keep their epoch, and asking again looks like asking: the state
// tells that it was done. Newer ones (KIP-890) get the next epoch in the answer: who
// asks again still has the one before, and who has the present one means the next
// transaction. That has nothing to commit where nothing was added to it; aborting
// it gives a new epoch all the same.

import { KafkaError } from "../wire/kafka/errors.ts";
import type { EndTransactionOf, ProducerIdAndEpoch } from "./requests.ts";
import {
  EPOCH_PER_TRANSACTION,
  isPrepared,
  NO_PRODUCER_ID,
  PRODUCER_EPOCH_MAX,
  type TransactionState,
} from "./transaction_state.ts";
import {
  assertOwner,
  complete,
  concurrent,
  NEEDS_PRODUCER_ID,
  type NeedsProducerId,
  prepareEnd,
  type Transition,
  unknownId,
} from "./transition.ts";

type Ending = Transition<ProducerIdAndEpoch>;

/**
 * The next state is a prepared one, or a complete one where no partition needs a
 * marker.
 *
 * @throws {KafkaError} INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED,
 * CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE.
 */
export function endTransaction(
  state: TransactionState | undefined,
  request: EndTransactionOf,
  nowMs: number,
  freshProducerId: number | null,
): Ending | NeedsProducerId {
  if (state === undefined) throw unknownId(request.transactionalId);
  if (request.clientVersion < EPOCH_PER_TRANSACTION) {
    return endKeepingEpoch(state, request, nowMs);
  }
  if (isPrepared(state)) throw concurrent(state);
  if (isRepeated(state, request)) return repeated(state, request);
  assertOwner(state, request);
  if (state.status === "Ongoing") {
    return ending(prepareEnd(state, { ...request, nowMs, freshProducerId }));
  }
  if (request.isCommit) throw invalidState(state, request);
  const begun = { ...state, startTimeMs: nowMs };
  const prepared = prepareEnd(begun, { ...request, nowMs, freshProducerId });
  return prepared === NEEDS_PRODUCER_ID
    ? prepared
    : ending(complete(prepared, nowMs));
}

function endKeepingEpoch(
  state: TransactionState,
  request: EndTransactionOf,
  nowMs: number,
): Ending | NeedsProducerId {
  assertOwner(state, request);
  if (isPrepared(state)) throw concurrent(state);
  if (state.status !== "Ongoing") return repeated(state, request);
  const { isCommit, clientVersion } = request;
  const end = { isCommit, clientVersion, nowMs, freshProducerId: null };
  return ending(prepareEnd(state, end));
}

/** Whether a newer client asks for the end that it has had. */
function isRepeated(
  state: TransactionState,
  { producerId, producerEpoch }: EndTransactionOf,
): boolean {
  if (state.clientVersion < EPOCH_PER_TRANSACTION) return false;
  if (state.status !== "CompleteCommit" && state.status !== "CompleteAbort") {
    return false;
  }
  const isBeforeEpoch = producerId === state.producerId &&
    producerEpoch === state.producerEpoch - 1;
  const isBeforeId = producerId === state.previousProducerId &&
    producerEpoch === PRODUCER_EPOCH_MAX - 1 && state.producerEpoch === 0;
  return isBeforeEpoch || isBeforeId;
}

/** @throws {KafkaError} INVALID_TXN_STATE where it was not ended that way. */
function repeated(state: TransactionState, request: EndTransactionOf): Ending {
  const done = request.isCommit ? "CompleteCommit" : "CompleteAbort";
  if (state.status !== done) throw invalidState(state, request);
  const { producerId, producerEpoch } = state;
  return { next: null, response: { producerId, producerEpoch } };
}

/** The producer goes on with what it will have once the end is complete. */
function ending(next: TransactionState | NeedsProducerId) {
  if (next === NEEDS_PRODUCER_ID) return next;
  const { producerId, producerEpoch, nextProducerId } = next;
  const response = nextProducerId === NO_PRODUCER_ID
    ? { producerId, producerEpoch }
    : { producerId: nextProducerId, producerEpoch: 0 };
  return { next, response };
}

function invalidState(
  { transactionalId, status }: TransactionState,
  { isCommit }: EndTransactionOf,
): KafkaError {
  return new KafkaError(
    "INVALID_TXN_STATE",
    `The transaction of "${transactionalId}" cannot be ${
      isCommit ? "committed" : "aborted"
    }: it is in state ${status}.`,
  );
}
