// Partitions become part of a transaction before anything is written to them, so
// that its end reaches them all. The first begins the transaction.

import { ErrorCode } from "../wire/kafka/errors.ts";
import type { AddPartitionsOf, PartitionsOf } from "./requests.ts";
import {
  hasPartition,
  isPrepared,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  type TransactionState,
  withPartitions,
} from "./transaction_state.ts";
import {
  assertOwner,
  concurrent,
  type Transition,
  unknownId,
} from "./transition.ts";

/**
 * @throws {KafkaError} INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED,
 * CONCURRENT_TRANSACTIONS.
 */
export function addPartitions(
  state: TransactionState | undefined,
  request: AddPartitionsOf,
  nowMs: number,
): Transition<void> {
  const current = ownState(state, request);
  const isOpen = current.status === "Ongoing";
  const partitions = withPartitions(current.partitions, request.partitions);
  if (isOpen && partitions === current.partitions) {
    return { next: null, response: undefined };
  }
  return {
    next: {
      ...current,
      status: "Ongoing",
      partitions,
      startTimeMs: isOpen ? current.startTimeMs : nowMs,
      updateTimeMs: nowMs,
      // Who begins a transaction has heard of its epoch, and asks for it no more.
      lastProducerEpoch: NO_PRODUCER_EPOCH,
      previousProducerId: NO_PRODUCER_ID,
      clientVersion: request.clientVersion,
    },
    response: undefined,
  };
}

/**
 * Whether partitions are part of the open transaction: 0 where they are,
 * TRANSACTION_ABORTABLE where they are not; one code for each, in order.
 *
 * @throws {KafkaError} INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED,
 * CONCURRENT_TRANSACTIONS.
 */
export function verifyPartitions(
  state: TransactionState | undefined,
  request: PartitionsOf,
): number[] {
  const { partitions } = ownState(state, request);
  return request.partitions.map((each) =>
    hasPartition(partitions, each)
      ? ErrorCode.NONE
      : ErrorCode.TRANSACTION_ABORTABLE
  );
}

/**
 * What is being ended is looked at first: the producer may already have the id or
 * the epoch that it gets with the end.
 */
function ownState(
  state: TransactionState | undefined,
  request: PartitionsOf,
): TransactionState {
  if (state === undefined) throw unknownId(request.transactionalId);
  if (isPrepared(state)) throw concurrent(state);
  assertOwner(state, request);
  return state;
}
