// What the operating system says went wrong, in the host's words: every error of
// Deno becomes a `HostError` whose one line names the action, the place and the
// reason.

import { HostError, type HostErrorKind } from "./host.ts";

const KIND_BY_CODE: Readonly<Record<string, HostErrorKind>> = {
  ENOENT: "notFound",
  EEXIST: "exists",
  EACCES: "permission",
  EPERM: "permission",
  EROFS: "permission",
  ENOSPC: "noSpace",
  EDQUOT: "noSpace",
  EIO: "io",
  EMFILE: "tooManyFiles",
  ENFILE: "tooManyFiles",
  EADDRINUSE: "inUse",
  ECONNREFUSED: "refused",
  EHOSTUNREACH: "refused",
  ENETUNREACH: "refused",
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  EPIPE: "reset",
  ENOTCONN: "reset",
  ETIMEDOUT: "timedOut",
  EBADF: "closed",
};

/** Errors that Deno raises itself, without a code of the system's. */
const KIND_BY_NAME: Readonly<Record<string, HostErrorKind>> = {
  NotFound: "notFound",
  AlreadyExists: "exists",
  PermissionDenied: "permission",
  NotCapable: "permission",
  AddrInUse: "inUse",
  ConnectionRefused: "refused",
  ConnectionReset: "reset",
  ConnectionAborted: "reset",
  BrokenPipe: "reset",
  NotConnected: "reset",
  TimedOut: "timedOut",
  BadResource: "closed",
  Interrupted: "closed",
};

/**
 * Puts an error of Deno's into the host's words.
 *
 * @param action What was tried and where, as in `open "/data/x"`; the message
 * becomes `Cannot open "/data/x": no such file or directory`.
 */
export function hostError(action: string, cause: unknown): HostError {
  if (cause instanceof HostError) return cause;
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return new HostError(
    errorKind(error),
    `Cannot ${action}: ${reason(error)}`,
    { cause },
  );
}

/** The kind of an error of Deno's; `other` where nothing fits. */
export function errorKind(error: Error): HostErrorKind {
  const { code } = error as { code?: unknown };
  if (typeof code === "string" && Object.hasOwn(KIND_BY_CODE, code)) {
    return KIND_BY_CODE[code];
  }
  if (Object.hasOwn(KIND_BY_NAME, error.name)) return KIND_BY_NAME[error.name];
  return /failed to lookup address|no such host|dns error/i.test(error.message)
    ? "unresolved"
    : "other";
}

/** "No such file or directory (os error 2): open '/x'" without all but the reason. */
function reason(error: Error): string {
  const text = error.message
    .replace(/ \(os error \d+\).*$/s, "")
    .replace(/^failed to lookup address information: /i, "")
    .replace(/\s+/g, " ");
  return text === "" ? error.name : text[0].toLowerCase() + text.slice(1);
}
