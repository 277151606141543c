// How clients are told that another producer has taken their place.
//
// Requests of older versions come from clients that do not know PRODUCER_FENCED,
// and take INVALID_PRODUCER_EPOCH for the same.
//
// Source: KIP-588.

import { ErrorCode } from "../wire/kafka/errors.ts";

/** First versions whose clients know PRODUCER_FENCED. */
export const FENCED_SINCE = {
  addOffsetsToTxn: 2,
  addPartitionsToTxn: 2,
  endTxn: 2,
  initProducerId: 4,
} as const;

/**
 * An error code as clients of a version know it.
 *
 * @param api Which request the version is of.
 */
export function fencingCode(
  errorCode: number,
  api: keyof typeof FENCED_SINCE,
  apiVersion: number,
): number {
  return errorCode === ErrorCode.PRODUCER_FENCED &&
      apiVersion < FENCED_SINCE[api]
    ? ErrorCode.INVALID_PRODUCER_EPOCH
    : errorCode;
}
