// What an exception says to a client: an error code and a text.

import { AssertionError } from "../base/assert.ts";
import { HostError } from "../host/host.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import type { Broker } from "./broker.ts";
import type { Failure } from "./context.ts";

/** What an exception says to a client. */
export function failureOf(error: unknown): Failure {
  if (error instanceof KafkaError) {
    return { errorCode: error.code, errorMessage: error.message };
  }
  if (error instanceof HostError) {
    return {
      errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
      errorMessage: error.message,
    };
  }
  return {
    errorCode: ErrorCode.UNKNOWN_SERVER_ERROR,
    errorMessage: "The broker met an error that it did not expect",
  };
}

/**
 * What an exception says to a client about one part of its request. It is counted,
 * and traced where nobody expected it.
 *
 * @param action What failed, such as `append to orders-0`.
 */
export function refusalOf(
  error: unknown,
  broker: Broker,
  action: string,
): Failure {
  if (error instanceof AssertionError) throw error;
  const failure = failureOf(error);
  broker.metrics.countError(failure.errorCode);
  if (failure.errorCode === ErrorCode.UNKNOWN_SERVER_ERROR) {
    broker.trace(`Failed to ${action}: ${describe(error)}`);
  } else if (failure.errorCode === ErrorCode.KAFKA_STORAGE_ERROR) {
    broker.trace(`Failed to ${action}: ${failure.errorMessage}`);
  }
  return failure;
}

/** The whole of an error that nobody expected, for the trace. */
export function describe(error: unknown): string {
  return error instanceof Error && error.stack ? error.stack : String(error);
}
