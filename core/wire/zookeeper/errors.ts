// ZooKeeper's errors as rows: name, code, and what each says to a person.
//
// Source: ZooKeeper documentation, "KeeperException.Code" of the Java API.

interface ErrorRow {
  readonly code: number;
  readonly text: string;
}

/** Every error code that a server may answer, by ZooKeeper's name for it. */
export const zkErrors = {
  OK: { code: 0, text: "no error" },
  SYSTEM_ERROR: { code: -1, text: "system error" },
  RUNTIME_INCONSISTENCY: { code: -2, text: "not done: an earlier step failed" },
  DATA_INCONSISTENCY: { code: -3, text: "data inconsistency" },
  CONNECTION_LOSS: { code: -4, text: "connection to the coordinator lost" },
  MARSHALLING_ERROR: { code: -5, text: "malformed request" },
  UNIMPLEMENTED: { code: -6, text: "operation not implemented" },
  OPERATION_TIMEOUT: { code: -7, text: "operation timed out" },
  BAD_ARGUMENTS: { code: -8, text: "invalid arguments" },
  UNKNOWN_SESSION: { code: -12, text: "unknown session" },
  NEW_CONFIG_NO_QUORUM: {
    code: -13,
    text: "no quorum of the new configuration is connected and in sync",
  },
  RECONFIG_IN_PROGRESS: {
    code: -14,
    text: "another reconfiguration is in progress",
  },
  API_ERROR: { code: -100, text: "API error" },
  NO_NODE: { code: -101, text: "no such znode" },
  NO_AUTH: { code: -102, text: "not permitted" },
  BAD_VERSION: { code: -103, text: "the znode has another version" },
  NO_CHILDREN_FOR_EPHEMERALS: {
    code: -108,
    text: "an ephemeral znode cannot have children",
  },
  NODE_EXISTS: { code: -110, text: "the znode exists" },
  NOT_EMPTY: { code: -111, text: "the znode has children" },
  SESSION_EXPIRED: { code: -112, text: "session expired" },
  INVALID_CALLBACK: { code: -113, text: "invalid callback" },
  INVALID_ACL: { code: -114, text: "invalid access control list" },
  AUTH_FAILED: { code: -115, text: "authentication failed" },
  SESSION_MOVED: {
    code: -118,
    text: "the session has moved to another server",
  },
  NOT_READ_ONLY: {
    code: -119,
    text: "this server only reads, for want of an ensemble",
  },
  EPHEMERAL_ON_LOCAL_SESSION: {
    code: -120,
    text: "a local session cannot make ephemeral znodes",
  },
  NO_WATCHER: { code: -121, text: "no such watcher" },
  REQUEST_TIMEOUT: { code: -122, text: "request timed out" },
  RECONFIG_DISABLED: { code: -123, text: "reconfiguration is disabled" },
  SESSION_CLOSED_REQUIRE_SASL_AUTH: {
    code: -124,
    text: "session closed: SASL authentication is required",
  },
  QUOTA_EXCEEDED: { code: -125, text: "quota exceeded" },
  THROTTLED_OP: { code: -127, text: "request throttled" },
} as const satisfies Record<string, ErrorRow>;

export type ZkErrorName = keyof typeof zkErrors;

const namesByCode = new Map<number, ZkErrorName>(
  (Object.keys(zkErrors) as ZkErrorName[]).map((
    name,
  ) => [zkErrors[name].code, name]),
);

/** The name behind a code; `SYSTEM_ERROR` for codes unknown here. */
export function zkErrorName(code: number): ZkErrorName {
  return namesByCode.get(code) ?? "SYSTEM_ERROR";
}

/** A coordinator's refusal. */
export class ZkError extends Error {
  override readonly name = "ZkError";
  readonly code: number;

  /**
   * @param subject What it is about: mostly a path.
   * @param operationIndex Which step of a `multi` failed.
   */
  constructor(
    readonly errorName: ZkErrorName,
    subject: string,
    readonly operationIndex?: number,
  ) {
    const row = zkErrors[errorName];
    super(`${errorName}: ${row.text}: ${subject}`);
    this.code = row.code;
  }
}

/** Whether something thrown is a `ZkError` of one of these names. */
export function isZkError(
  thrown: unknown,
  ...names: readonly ZkErrorName[]
): thrown is ZkError {
  return thrown instanceof ZkError && names.includes(thrown.errorName);
}
