// What operators see of transactions (KIP-664).

import { KafkaError } from "../wire/kafka/errors.ts";
import type {
  ListFilter,
  TransactionDescription,
  TransactionListing,
} from "./requests.ts";
import {
  listPartitions,
  type TransactionState,
  type TransactionStates,
} from "./transaction_state.ts";

/** Those that pass the filter; as in Kafka, an id without a transaction is as old as can be. */
export function listTransactions(
  states: Iterable<TransactionState>,
  filter: ListFilter,
  nowMs: number,
): TransactionListing[] {
  const { states: names = [], producerIds = [], matches } = filter;
  const { minDurationMs = -1 } = filter;
  const list: TransactionListing[] = [];
  for (const { transactionalId, producerId, status, startTimeMs } of states) {
    if (names.length > 0 && !names.includes(status)) continue;
    if (producerIds.length > 0 && !producerIds.includes(producerId)) continue;
    if (minDurationMs >= 0 && nowMs - startTimeMs <= minDurationMs) continue;
    if (matches !== undefined && !matches(transactionalId)) continue;
    list.push({ transactionalId, producerId, state: status });
  }
  return list;
}

/** @throws {KafkaError} TRANSACTIONAL_ID_NOT_FOUND. */
export function describeTransaction(
  states: TransactionStates,
  transactionalId: string,
): TransactionDescription {
  const state = states.get(transactionalId);
  if (state === undefined) {
    throw new KafkaError(
      "TRANSACTIONAL_ID_NOT_FOUND",
      `There is no transactional id "${transactionalId}".`,
    );
  }
  const { producerId, producerEpoch, timeoutMs, startTimeMs } = state;
  return {
    transactionalId,
    producerId,
    producerEpoch,
    state: state.status,
    timeoutMs,
    startTimeMs,
    partitions: listPartitions(state.partitions),
  };
}
