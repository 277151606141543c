// A producer begins with a transactional id, or begins anew: it gets an epoch above
// those of all before it, who are fenced by that.
//
//   no state              a new producer id, epoch 0
//   Ongoing               the open transaction is aborted first
//   Prepare…              CONCURRENT_TRANSACTIONS: come again
//   else                  the next epoch; a new id where the epochs run out
//
// A producer that tells its id and epoch goes on itself (KIP-360): it is refused
// where another has taken its place, and gets the same answer when it asks twice.

import { KafkaError } from "../wire/kafka/errors.ts";
import type { InitProducerIdOf, ProducerIdAndEpoch } from "./requests.ts";
import {
  isExhausted,
  isPrepared,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_START_TIME,
  noPartitions,
  PRODUCER_EPOCH_MAX,
  type TransactionState,
} from "./transaction_state.ts";
import {
  concurrent,
  NEEDS_PRODUCER_ID,
  type NeedsProducerId,
  prepareFence,
  type Transition,
} from "./transition.ts";

/** The open transaction has to end; then the request is decided again. */
export interface AbortFirst {
  readonly abortFirst: TransactionState;
}

/** @throws {KafkaError} CONCURRENT_TRANSACTIONS, PRODUCER_FENCED. */
export function initProducerId(
  state: TransactionState | undefined,
  request: InitProducerIdOf,
  nowMs: number,
  freshProducerId: number | null,
): Transition<ProducerIdAndEpoch> | AbortFirst | NeedsProducerId {
  const { transactionalId, transactionTimeoutMs: timeoutMs } = request;
  const idle = {
    transactionalId,
    timeoutMs,
    status: "Empty",
    partitions: noPartitions,
    startTimeMs: NO_START_TIME,
    updateTimeMs: nowMs,
    nextProducerId: NO_PRODUCER_ID,
    clientVersion: 0,
  } as const;
  if (state === undefined) {
    if (freshProducerId === null) return NEEDS_PRODUCER_ID;
    return answer({
      ...idle,
      producerId: freshProducerId,
      producerEpoch: 0,
      previousProducerId: NO_PRODUCER_ID,
      lastProducerEpoch: NO_PRODUCER_EPOCH,
    });
  }
  if (isPrepared(state)) throw concurrent(state);
  const known = knownEpoch(state, request);
  if (state.status === "Ongoing") {
    return { abortFirst: prepareFence(state, known, nowMs) };
  }
  const { producerId, producerEpoch, previousProducerId } = state;
  const isRepeated = known !== NO_PRODUCER_EPOCH &&
    (known !== producerEpoch || request.producerId !== producerId);
  if (isRepeated && producerEpoch < PRODUCER_EPOCH_MAX) {
    const lastProducerEpoch = known;
    const same = { producerId, producerEpoch, previousProducerId };
    return answer({ ...idle, ...same, lastProducerEpoch });
  }
  if (isExhausted(producerEpoch)) {
    if (freshProducerId === null) return NEEDS_PRODUCER_ID;
    return answer({
      ...idle,
      producerId: freshProducerId,
      producerEpoch: 0,
      previousProducerId: producerId,
      lastProducerEpoch: known,
    });
  }
  return answer({
    ...idle,
    producerId,
    producerEpoch: producerEpoch + 1,
    previousProducerId: NO_PRODUCER_ID,
    lastProducerEpoch: known,
  });
}

/**
 * The epoch with which a producer goes on; -1 where one begins.
 *
 * @throws {KafkaError} PRODUCER_FENCED: another took its place.
 */
function knownEpoch(
  state: TransactionState,
  request: InitProducerIdOf,
): number {
  const { producerId, producerEpoch } = request;
  if (producerId === NO_PRODUCER_ID) return NO_PRODUCER_EPOCH;
  const isLatest = producerId === state.producerId &&
    producerEpoch === state.producerEpoch;
  const isBefore = producerEpoch === state.lastProducerEpoch &&
    state.status !== "Ongoing" &&
    (producerId === state.producerId ||
      (producerId === state.previousProducerId && isExhausted(producerEpoch)));
  if (!isLatest && !isBefore) {
    throw new KafkaError(
      "PRODUCER_FENCED",
      `Transactional id "${state.transactionalId}" is at producer ${state.producerId}, epoch ${state.producerEpoch}, not at ${producerId}, epoch ${producerEpoch}.`,
    );
  }
  return producerEpoch;
}

function answer(next: TransactionState): Transition<ProducerIdAndEpoch> {
  const { producerId, producerEpoch } = next;
  return { next, response: { producerId, producerEpoch } };
}
