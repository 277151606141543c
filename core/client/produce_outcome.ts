// What to do with a batch that a broker has refused.
//
// A producer with an id numbers its records per partition, so that the broker
// knows a batch that was sent twice, and refuses one that has a gap before it. A
// gap behind a batch that is itself under way closes when that is sent again; any
// other means that the broker has lost track, and the producer starts anew under
// another epoch, with all its unanswered batches. A transaction has one epoch from
// start to end: there, the batch fails, and the transaction with it.
//
// Source: KIP-98, KIP-360; Kafka documentation, "enable.idempotence".

import type { KafkaError } from "../wire/kafka/errors.ts";

export type ProduceOutcome =
  /** Written, by this or an earlier attempt. */
  | "done"
  /** Send it again, after a pause. */
  | "retry"
  /** Send it again in smaller parts. */
  | "split"
  /** Send it again under a new epoch of the producer. */
  | "renew"
  /** Send it again under a new producer id. */
  | "reidentify"
  | "fail";

/** What the decision depends on. */
export interface RefusedBatch {
  readonly error: KafkaError;
  readonly recordCount: number;
  /** How often it was sent. */
  readonly attemptCount: number;
  /** `retries`: how often it may be sent again. */
  readonly retryCountMax: number;
  /** False where its time (`delivery.timeout.ms`) is up. */
  readonly isInTime: boolean;
  /** True where it carries a producer id. */
  readonly isNumbered: boolean;
  /** True within a transaction, which has one epoch from start to end. */
  readonly isTransactional: boolean;
  /** True where an earlier batch of its partition is not answered for good. */
  readonly hasEarlier: boolean;
}

/** Decides what becomes of a refused batch. */
export function decideOutcome(batch: RefusedBatch): ProduceOutcome {
  const { error } = batch;
  if (batch.isNumbered && error.errorName === "DUPLICATE_SEQUENCE_NUMBER") {
    return "done";
  }
  if (!batch.isInTime) return "fail";
  const isSplittable = error.errorName === "MESSAGE_TOO_LARGE" &&
    batch.recordCount > 1;
  if (isSplittable) return "split";
  if (batch.attemptCount > batch.retryCountMax) return "fail";
  if (batch.isNumbered) {
    switch (error.errorName) {
      case "OUT_OF_ORDER_SEQUENCE_NUMBER":
      case "UNKNOWN_PRODUCER_ID":
        if (batch.hasEarlier) return "retry";
        return batch.isTransactional ? "fail" : "renew";
      case "INVALID_PRODUCER_EPOCH":
      case "PRODUCER_FENCED":
      case "INVALID_PRODUCER_ID_MAPPING":
        return batch.isTransactional ? "fail" : "reidentify";
    }
  }
  return error.retriable ? "retry" : "fail";
}

/** True where the error says that what is known of the partition's leader is wrong. */
export function isStaleLeader(error: KafkaError): boolean {
  switch (error.errorName) {
    case "NOT_LEADER_OR_FOLLOWER":
    case "LEADER_NOT_AVAILABLE":
    case "UNKNOWN_TOPIC_OR_PARTITION":
    case "UNKNOWN_TOPIC_ID":
    case "FENCED_LEADER_EPOCH":
    case "UNKNOWN_LEADER_EPOCH":
    case "KAFKA_STORAGE_ERROR":
    case "REPLICA_NOT_AVAILABLE":
    case "NETWORK_EXCEPTION":
    case "REQUEST_TIMED_OUT":
      return true;
    default:
      return false;
  }
}
