// A broker or a coordinator that cannot start with what it was told: one line that ends with what
// to do.

import { ExitCode } from "../core/cli/exit_code.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import { HostError, type HostErrorKind } from "../core/host/host.ts";

const WHAT_TO_DO: { readonly [K in HostErrorKind]?: string } = {
  inUse: "stop the program that listens there, or set another port in " +
    "listeners; it is not tried again",
  permission: "run kq as a user who may, or name another place",
  locked: "another broker runs on this directory: stop it, or set log.dirs",
  noSpace: "free some space, or set log.dirs to a larger disk",
  unresolved: "correct the name in listeners, or the name service",
  notFound: "make the directory, or correct log.dirs",
  exists: "a file is in the way: move it, or correct log.dirs",
};

const WHAT_TO_DO_WITH_COORDINATOR: typeof WHAT_TO_DO = {
  inUse: "stop the program that listens there, or set another clientPort, or " +
    "other ports in server.N; it is not tried again",
  permission: "run kq as a user who may, or name another place",
  locked: "another coordinator runs on this directory: stop it, or set dataDir",
  noSpace: "free some space, or set dataDir to a larger disk",
  unresolved:
    "correct the name in clientPortAddress or server.N, or the name service",
  notFound: "make the directory, or correct dataDir",
  exists: "a file is in the way: move it, or correct dataDir",
};

/** The same for a coordinator. */
export function coordinatorStartError(error: unknown): unknown {
  return startError(error, WHAT_TO_DO_WITH_COORDINATOR);
}

/** The error that ends the command; others than the world's and the cluster's stay as they are. */
export function startError(
  error: unknown,
  whatToDo = WHAT_TO_DO,
): unknown {
  if (error instanceof HostError && "addresses" in error) {
    return new ExitError(
      ExitCode.USAGE,
      `${error.message}: start the servers, or correct zookeeper.connect`,
    );
  }
  if (error instanceof HostError) {
    const advice = whatToDo[error.kind];
    const message = advice === undefined
      ? error.message
      : `${error.message}: ${advice}`;
    return new ExitError(ExitCode.USAGE, message);
  }
  return error instanceof Error && "errorName" in error
    ? new ExitError(ExitCode.USAGE, error.message)
    : error;
}
