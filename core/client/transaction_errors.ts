// What a failed step of a transaction means for the producer: to be asked again,
// the transaction has to be aborted, or the producer is at its end.
//
// The classes follow Java's producer. Whoever is fenced must not go on, since
// another producer of the same transactional id has; whoever has lost track of
// what a broker has written may go on after an abort, under another epoch.
//
// Source: KIP-98, KIP-360, KIP-447, KIP-588, KIP-890, KIP-1050.

import { KafkaError } from "../wire/kafka/errors.ts";
import { isNetworkFailure } from "./client_error.ts";

/** The transaction cannot be committed; `abortTransaction` makes way for another. */
export class AbortableTransactionError extends Error {
  override readonly name = "AbortableTransactionError";
  override readonly cause: Error;

  /** @param cause Why; a `KafkaError` where a broker has refused something. */
  constructor(message: string, cause: Error) {
    super(message, { cause });
    this.cause = cause;
  }
}

/** The producer can do nothing more; close it. */
export class FatalTransactionError extends Error {
  override readonly name = "FatalTransactionError";
  override readonly cause: Error;

  /** @param cause Why; `PRODUCER_FENCED` where another producer has the id now. */
  constructor(message: string, cause: Error) {
    super(message, { cause });
    this.cause = cause;
  }
}

/** What was asked of a broker when it failed, by the API's name. */
export type TransactionStep =
  | "FindCoordinator"
  | "InitProducerId"
  | "AddPartitionsToTxn"
  | "Produce"
  | "AddOffsetsToTxn"
  | "TxnOffsetCommit"
  | "EndTxn";

export type FailureVerdict =
  /** Ask again, after a pause. */
  | "retry"
  /** Ask again, of whoever coordinates now. */
  | "refind"
  | "abortable"
  /** Abortable, and the next transaction needs another epoch. */
  | "renew"
  | "fatal";

const VERDICTS: ReadonlyMap<string, FailureVerdict> = new Map([
  ["NOT_COORDINATOR", "refind"],
  ["COORDINATOR_NOT_AVAILABLE", "refind"],
  ["BROKER_NOT_AVAILABLE", "refind"],
  ["PRODUCER_FENCED", "fatal"],
  ["TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "fatal"],
  ["CLUSTER_AUTHORIZATION_FAILED", "fatal"],
  ["UNSUPPORTED_VERSION", "fatal"],
  ["TRANSACTION_ABORTABLE", "abortable"],
  ["TOPIC_AUTHORIZATION_FAILED", "abortable"],
  ["GROUP_AUTHORIZATION_FAILED", "abortable"],
  ["UNKNOWN_PRODUCER_ID", "renew"],
  ["INVALID_PRODUCER_ID_MAPPING", "renew"],
]);

/** What an abort mends among the answers to TxnOffsetCommit: the group has moved on. */
const GROUP_HAS_MOVED: ReadonlySet<string> = new Set([
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION",
  "FENCED_INSTANCE_ID",
  "FENCED_MEMBER_EPOCH",
  "STALE_MEMBER_EPOCH",
  "REBALANCE_IN_PROGRESS",
  "OFFSET_METADATA_TOO_LARGE",
]);

/** Decides what a failure means. */
export function decideFailure(
  step: TransactionStep,
  error: Error,
): FailureVerdict {
  if (isNetworkFailure(error)) return "refind";
  if (!(error instanceof KafkaError)) return "fatal";
  const { errorName } = error;
  const verdict = VERDICTS.get(errorName);
  if (verdict !== undefined) return verdict;
  if (errorName === "INVALID_PRODUCER_EPOCH") {
    // A leader says so too where the coordinator alone has aborted: whether
    // there is another producer, the end of the transaction will tell.
    return step === "Produce" ? "renew" : "fatal";
  }
  if (error.retriable) return "retry";
  switch (step) {
    case "Produce":
      return "abortable";
    case "AddPartitionsToTxn":
      return errorName === "INVALID_TXN_STATE" ? "fatal" : "abortable";
    case "TxnOffsetCommit":
      return GROUP_HAS_MOVED.has(errorName) ? "abortable" : "fatal";
    default:
      return "fatal";
  }
}
