// What the exit code says to the script that called.

import { ConfigError } from "../config/config_error.ts";
import { HostError } from "../host/host.ts";
import { BrokenPipeError, ExitError, UsageError } from "./usage_error.ts";

export const ExitCode = {
  DONE: 0,
  /** An error from the cluster, or one of several items that failed. */
  FAILED: 1,
  /** Wrong usage or configuration. */
  USAGE: 2,
  /** A condition refused it: the topic exists, the group is active. */
  REFUSED: 3,
  NOT_FOUND: 4,
  TIMED_OUT: 5,
  UNREACHABLE: 7,
  INTERRUPTED: 130,
} as const;

const REFUSALS: ReadonlySet<string> = new Set([
  "TOPIC_ALREADY_EXISTS",
  "NON_EMPTY_GROUP",
  "GROUP_SUBSCRIBED_TO_TOPIC",
  "REASSIGNMENT_IN_PROGRESS",
  "ELECTION_NOT_NEEDED",
  "TOPIC_DELETION_DISABLED",
  "NODE_EXISTS",
  "BAD_VERSION",
  "NOT_EMPTY",
  "NO_CHILDREN_FOR_EPHEMERALS",
]);

const MISSING: ReadonlySet<string> = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "UNKNOWN_TOPIC_ID",
  "GROUP_ID_NOT_FOUND",
  "RESOURCE_NOT_FOUND",
  "TRANSACTIONAL_ID_NOT_FOUND",
  "NO_NODE",
]);

/** The code for an error of the protocol, by its name. */
export function exitCodeOfName(errorName: string): number {
  if (MISSING.has(errorName)) return ExitCode.NOT_FOUND;
  if (REFUSALS.has(errorName)) return ExitCode.REFUSED;
  if (errorName === "REQUEST_TIMED_OUT") return ExitCode.TIMED_OUT;
  return ExitCode.FAILED;
}

/** The code that a thrown error ends the program with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ExitError) return error.exitCode;
  if (error instanceof BrokenPipeError) return ExitCode.DONE;
  if (error instanceof UsageError || error instanceof ConfigError) {
    return ExitCode.USAGE;
  }
  if (error instanceof HostError) {
    // Only the error of a client that has tried every broker lists addresses.
    return "addresses" in error ? ExitCode.UNREACHABLE : ExitCode.FAILED;
  }
  if (error instanceof Error && "errorName" in error) {
    return exitCodeOfName(String(error.errorName));
  }
  return ExitCode.FAILED;
}

/**
 * The code after several items: theirs where all failed alike, else 1 where
 * any failed.
 *
 * @param errors One entry an item; `null` where it was done.
 */
export function exitCodeOfItems(errors: readonly unknown[]): number {
  const codes = errors.map((error) =>
    error === null ? ExitCode.DONE : exitCodeOf(error)
  );
  const failed = codes.filter((code) => code !== ExitCode.DONE);
  if (failed.length === 0) return ExitCode.DONE;
  const isAlike = failed.length === codes.length &&
    failed.every((code) => code === failed[0]);
  return isAlike ? failed[0] : ExitCode.FAILED;
}
