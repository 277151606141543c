// How a client's calls fail, and whether it is worth trying again.

import { HostError, type HostErrorKind } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";

/** No broker of the cluster could be reached in time. */
export class ClusterUnreachableError extends HostError {
  constructor(
    /** Everything that was tried, as `host:port`. */
    readonly addresses: readonly string[],
    readonly timeoutMs: number,
    last: Error | null,
  ) {
    const kind: HostErrorKind = last instanceof HostError
      ? last.kind
      : "timedOut";
    const reason = last === null ? "no answer" : last.message;
    super(
      kind,
      `Cannot reach a Kafka broker at ${addresses.join(", ")} within ` +
        `${Math.round(timeoutMs)} ms: ${reason}`,
      { cause: last ?? undefined },
    );
  }
}

/** True where the same call may succeed later, or on another broker. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof KafkaError) return error.retriable;
  return error instanceof HostError;
}

/** True where the connection failed rather than the request. */
export function isNetworkFailure(error: unknown): boolean {
  if (error instanceof HostError) return true;
  return error instanceof KafkaError &&
    (error.errorName === "NETWORK_EXCEPTION" ||
      error.errorName === "REQUEST_TIMED_OUT");
}

/** The error that a code in an answer stands for; `null` for 0. */
export function errorOfCode(
  code: number,
  message?: string | null,
): KafkaError | null {
  return code === 0 ? null : KafkaError.ofCode(code, message);
}

/** Anything thrown, as an `Error`. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
