// Kafka's error codes: the number on the wire, whether a client may retry, and
// what it means. A row that is not here is no error of the protocol.
//
// Source: Kafka 3.9.1 and 4.1.0, protocol guide, "Error Codes"; texts are ours.

interface ErrorRow {
  readonly code: number;
  /** The same request may succeed later. */
  readonly retriable: boolean;
  readonly text: string;
}

function fatal<const C extends number>(code: C, text: string) {
  return { code, retriable: false, text } as const;
}

function retriable<const C extends number>(code: C, text: string) {
  return { code, retriable: true, text } as const;
}

/** Every error of the protocol, by its name. */
export const errorTable = {
  UNKNOWN_SERVER_ERROR: fatal(
    -1,
    "The server met something that it has no code for.",
  ),
  NONE: fatal(0, "No error."),
  OFFSET_OUT_OF_RANGE: fatal(
    1,
    "The offset is before the start or after the end of the log.",
  ),
  CORRUPT_MESSAGE: retriable(
    2,
    "The records fail their checksum, exceed their size or are otherwise broken.",
  ),
  UNKNOWN_TOPIC_OR_PARTITION: retriable(
    3,
    "This server does not host this topic or partition.",
  ),
  INVALID_FETCH_SIZE: fatal(
    4,
    "The requested fetch size is negative or too small.",
  ),
  LEADER_NOT_AVAILABLE: retriable(
    5,
    "The partition has no leader at the moment; an election is under way.",
  ),
  NOT_LEADER_OR_FOLLOWER: retriable(
    6,
    "This broker is not the leader (or, for a read, no replica) of the partition.",
  ),
  REQUEST_TIMED_OUT: retriable(7, "The request took longer than its timeout."),
  BROKER_NOT_AVAILABLE: fatal(8, "The broker is not available."),
  REPLICA_NOT_AVAILABLE: retriable(
    9,
    "No replica of the partition is available here at the moment.",
  ),
  MESSAGE_TOO_LARGE: fatal(
    10,
    "The records are larger than the server accepts.",
  ),
  STALE_CONTROLLER_EPOCH: fatal(
    11,
    "The controller has moved to another broker.",
  ),
  OFFSET_METADATA_TOO_LARGE: fatal(
    12,
    "The text committed with the offset is too large.",
  ),
  NETWORK_EXCEPTION: retriable(
    13,
    "The connection was cut before an answer came.",
  ),
  COORDINATOR_LOAD_IN_PROGRESS: retriable(
    14,
    "The coordinator is still loading its state.",
  ),
  COORDINATOR_NOT_AVAILABLE: retriable(15, "No coordinator is available."),
  NOT_COORDINATOR: retriable(
    16,
    "This broker is not the coordinator asked for.",
  ),
  INVALID_TOPIC_EXCEPTION: fatal(
    17,
    "The topic name is not allowed, or the topic is not for this operation.",
  ),
  RECORD_LIST_TOO_LARGE: fatal(
    18,
    "The batch of records is larger than a segment of the log.",
  ),
  NOT_ENOUGH_REPLICAS: retriable(
    19,
    "Fewer replicas are in sync than min.insync.replicas asks for.",
  ),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: retriable(
    20,
    "The records were written, but to fewer in-sync replicas than asked for.",
  ),
  INVALID_REQUIRED_ACKS: fatal(21, "acks must be 0, 1 or -1."),
  ILLEGAL_GENERATION: fatal(22, "The generation of the group has passed."),
  INCONSISTENT_GROUP_PROTOCOL: fatal(
    23,
    "The member shares no protocol with the group, or has another protocol type.",
  ),
  INVALID_GROUP_ID: fatal(24, "The group id is not allowed."),
  UNKNOWN_MEMBER_ID: fatal(25, "The group does not know this member."),
  INVALID_SESSION_TIMEOUT: fatal(
    26,
    "The session timeout lies outside what the broker allows.",
  ),
  REBALANCE_IN_PROGRESS: fatal(27, "The group is rebalancing: join again."),
  INVALID_COMMIT_OFFSET_SIZE: fatal(28, "The offset to commit is too large."),
  TOPIC_AUTHORIZATION_FAILED: fatal(29, "No permission for this topic."),
  GROUP_AUTHORIZATION_FAILED: fatal(30, "No permission for this group."),
  CLUSTER_AUTHORIZATION_FAILED: fatal(
    31,
    "No permission for this operation on the cluster.",
  ),
  INVALID_TIMESTAMP: fatal(
    32,
    "The timestamp of a record is out of the accepted range.",
  ),
  UNSUPPORTED_SASL_MECHANISM: fatal(
    33,
    "The broker does not have this SASL mechanism.",
  ),
  ILLEGAL_SASL_STATE: fatal(
    34,
    "The request does not fit the state of the authentication.",
  ),
  UNSUPPORTED_VERSION: fatal(
    35,
    "This version of the request is not supported.",
  ),
  TOPIC_ALREADY_EXISTS: fatal(36, "A topic with this name exists already."),
  INVALID_PARTITIONS: fatal(37, "The number of partitions is not allowed."),
  INVALID_REPLICATION_FACTOR: fatal(
    38,
    "The replication factor is below 1 or above the number of brokers.",
  ),
  INVALID_REPLICA_ASSIGNMENT: fatal(
    39,
    "The replica assignment is not allowed.",
  ),
  INVALID_CONFIG: fatal(40, "The configuration is not allowed."),
  NOT_CONTROLLER: retriable(41, "This broker is not the controller."),
  INVALID_REQUEST: fatal(
    42,
    "The request breaks the protocol or contradicts itself.",
  ),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: fatal(
    43,
    "The message format of the topic cannot do this.",
  ),
  POLICY_VIOLATION: fatal(44, "A policy of the cluster forbids this."),
  OUT_OF_ORDER_SEQUENCE_NUMBER: fatal(
    45,
    "The producer's sequence number leaves a gap.",
  ),
  DUPLICATE_SEQUENCE_NUMBER: fatal(
    46,
    "The producer's sequence number was used before.",
  ),
  INVALID_PRODUCER_EPOCH: fatal(47, "The producer's epoch has passed."),
  INVALID_TXN_STATE: fatal(48, "The transaction is in no state for this."),
  INVALID_PRODUCER_ID_MAPPING: fatal(
    49,
    "The producer id is not the one that belongs to the transactional id.",
  ),
  INVALID_TRANSACTION_TIMEOUT: fatal(
    50,
    "The transaction timeout is larger than transaction.max.timeout.ms.",
  ),
  CONCURRENT_TRANSACTIONS: retriable(
    51,
    "Another operation on the same transaction is under way.",
  ),
  TRANSACTION_COORDINATOR_FENCED: fatal(
    52,
    "The marker comes from a transaction coordinator whose term has passed.",
  ),
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: fatal(
    53,
    "No permission for this transactional id.",
  ),
  SECURITY_DISABLED: fatal(54, "Security is not enabled on this cluster."),
  OPERATION_NOT_ATTEMPTED: fatal(
    55,
    "Not attempted, because something before it in the batch failed.",
  ),
  KAFKA_STORAGE_ERROR: retriable(
    56,
    "The disk that holds the partition failed.",
  ),
  LOG_DIR_NOT_FOUND: fatal(57, "The broker has no such log directory."),
  SASL_AUTHENTICATION_FAILED: fatal(58, "Authentication failed."),
  UNKNOWN_PRODUCER_ID: fatal(
    59,
    "The broker knows nothing of this producer id.",
  ),
  REASSIGNMENT_IN_PROGRESS: fatal(60, "The partition is being reassigned."),
  DELEGATION_TOKEN_AUTH_DISABLED: fatal(
    61,
    "Delegation tokens are not enabled.",
  ),
  DELEGATION_TOKEN_NOT_FOUND: fatal(62, "The delegation token does not exist."),
  DELEGATION_TOKEN_OWNER_MISMATCH: fatal(
    63,
    "The principal is neither owner nor renewer of the token.",
  ),
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: fatal(
    64,
    "Token requests are not allowed on this kind of connection.",
  ),
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: fatal(
    65,
    "No permission for this delegation token.",
  ),
  DELEGATION_TOKEN_EXPIRED: fatal(66, "The delegation token has expired."),
  INVALID_PRINCIPAL_TYPE: fatal(
    67,
    "The type of the principal is not supported.",
  ),
  NON_EMPTY_GROUP: fatal(68, "The group still has members."),
  GROUP_ID_NOT_FOUND: fatal(69, "The group does not exist."),
  FETCH_SESSION_ID_NOT_FOUND: retriable(
    70,
    "The fetch session does not exist.",
  ),
  INVALID_FETCH_SESSION_EPOCH: retriable(
    71,
    "The fetch session is at another epoch.",
  ),
  LISTENER_NOT_FOUND: retriable(
    72,
    "The leader has no listener that matches the one of this request.",
  ),
  TOPIC_DELETION_DISABLED: fatal(73, "delete.topic.enable is false."),
  FENCED_LEADER_EPOCH: retriable(
    74,
    "The leader epoch of the request has passed.",
  ),
  UNKNOWN_LEADER_EPOCH: retriable(
    75,
    "The leader epoch of the request is newer than the broker's.",
  ),
  UNSUPPORTED_COMPRESSION_TYPE: fatal(
    76,
    "The client's version cannot read this compression.",
  ),
  STALE_BROKER_EPOCH: fatal(77, "The broker's epoch has passed."),
  OFFSET_NOT_AVAILABLE: retriable(
    78,
    "The new leader's high watermark has not caught up yet.",
  ),
  MEMBER_ID_REQUIRED: fatal(79, "Join again, with the member id given here."),
  PREFERRED_LEADER_NOT_AVAILABLE: retriable(
    80,
    "The preferred leader is not available.",
  ),
  GROUP_MAX_SIZE_REACHED: fatal(81, "The group is full."),
  FENCED_INSTANCE_ID: fatal(
    82,
    "Another member has taken over this static member id.",
  ),
  ELIGIBLE_LEADERS_NOT_AVAILABLE: retriable(
    83,
    "No replica that may lead is available.",
  ),
  ELECTION_NOT_NEEDED: retriable(84, "The partition has its leader already."),
  NO_REASSIGNMENT_IN_PROGRESS: fatal(
    85,
    "No reassignment of the partition is under way.",
  ),
  GROUP_SUBSCRIBED_TO_TOPIC: fatal(
    86,
    "The group still subscribes to the topic.",
  ),
  INVALID_RECORD: fatal(87, "A record breaks the rules of the broker."),
  UNSTABLE_OFFSET_COMMIT: retriable(
    88,
    "An open transaction may still change the offset.",
  ),
  THROTTLING_QUOTA_EXCEEDED: retriable(
    89,
    "A quota is used up: wait and retry.",
  ),
  PRODUCER_FENCED: fatal(
    90,
    "A newer producer uses the same transactional id.",
  ),
  RESOURCE_NOT_FOUND: fatal(91, "The resource does not exist."),
  DUPLICATE_RESOURCE: fatal(92, "The resource was named twice."),
  UNACCEPTABLE_CREDENTIAL: fatal(93, "The credential breaks the rules."),
  INCONSISTENT_VOTER_SET: fatal(94, "The voter sets of the two sides differ."),
  INVALID_UPDATE_VERSION: fatal(
    95,
    "The version to update is not the current one.",
  ),
  FEATURE_UPDATE_FAILED: fatal(96, "The feature could not be updated."),
  PRINCIPAL_DESERIALIZATION_FAILURE: fatal(
    97,
    "The forwarded principal does not decode.",
  ),
  SNAPSHOT_NOT_FOUND: fatal(98, "The snapshot does not exist."),
  POSITION_OUT_OF_RANGE: fatal(99, "The position is outside the snapshot."),
  UNKNOWN_TOPIC_ID: retriable(100, "No topic with this id is known here."),
  DUPLICATE_BROKER_REGISTRATION: fatal(
    101,
    "A broker with this id is registered already.",
  ),
  BROKER_ID_NOT_REGISTERED: fatal(102, "No broker with this id is registered."),
  INCONSISTENT_TOPIC_ID: retriable(
    103,
    "The topic id in the log is not the one of the request.",
  ),
  INCONSISTENT_CLUSTER_ID: fatal(104, "The cluster id is another one."),
  TRANSACTIONAL_ID_NOT_FOUND: fatal(
    105,
    "The transactional id does not exist.",
  ),
  FETCH_SESSION_TOPIC_ID_ERROR: retriable(
    106,
    "A fetch session uses either topic names or topic ids.",
  ),
  INELIGIBLE_REPLICA: fatal(107, "A proposed in-sync replica may not join."),
  NEW_LEADER_ELECTED: fatal(
    108,
    "The change went through and gave the partition another leader.",
  ),
  OFFSET_MOVED_TO_TIERED_STORAGE: fatal(
    109,
    "The offset lies in tiered storage.",
  ),
  FENCED_MEMBER_EPOCH: fatal(
    110,
    "The member's epoch is ahead of or behind the group's: join again.",
  ),
  UNRELEASED_INSTANCE_ID: fatal(
    111,
    "Another member still holds this static member id.",
  ),
  UNSUPPORTED_ASSIGNOR: fatal(
    112,
    "The group's coordinator does not have this assignor.",
  ),
  STALE_MEMBER_EPOCH: fatal(
    113,
    "The member's epoch has passed: heartbeat, then retry.",
  ),
  MISMATCHED_ENDPOINT_TYPE: fatal(
    114,
    "The request was meant for another kind of endpoint.",
  ),
  UNSUPPORTED_ENDPOINT_TYPE: fatal(
    115,
    "This kind of endpoint is not supported.",
  ),
  UNKNOWN_CONTROLLER_ID: fatal(116, "No controller with this id is known."),
  UNKNOWN_SUBSCRIPTION_ID: fatal(
    117,
    "The client pushes telemetry with an unknown subscription.",
  ),
  TELEMETRY_TOO_LARGE: fatal(
    118,
    "The telemetry is larger than the broker accepts.",
  ),
  INVALID_REGISTRATION: fatal(
    119,
    "The controller refuses the broker's registration.",
  ),
  TRANSACTION_ABORTABLE: fatal(120, "The transaction can only be aborted."),
  INVALID_RECORD_STATE: fatal(
    121,
    "The record is in no state for this acknowledgement.",
  ),
  SHARE_SESSION_NOT_FOUND: retriable(122, "The share session does not exist."),
  INVALID_SHARE_SESSION_EPOCH: retriable(
    123,
    "The share session is at another epoch.",
  ),
  FENCED_STATE_EPOCH: fatal(
    124,
    "The share coordinator's state epoch has passed.",
  ),
  INVALID_VOTER_KEY: fatal(
    125,
    "The receiver is not the voter that the request names.",
  ),
  DUPLICATE_VOTER: fatal(126, "The voter is in the set already."),
  VOTER_NOT_FOUND: fatal(127, "The voter is not in the set."),
  INVALID_REGULAR_EXPRESSION: fatal(
    128,
    "The regular expression is not valid.",
  ),
  REBOOTSTRAP_REQUIRED: fatal(
    129,
    "The client has to start again from its bootstrap servers.",
  ),
  STREAMS_INVALID_TOPOLOGY: fatal(
    130,
    "The topology of the streams group is not valid.",
  ),
  STREAMS_INVALID_TOPOLOGY_EPOCH: fatal(
    131,
    "The epoch of the topology is not valid.",
  ),
  STREAMS_TOPOLOGY_FENCED: fatal(132, "The epoch of the topology has passed."),
  SHARE_SESSION_LIMIT_REACHED: retriable(
    133,
    "The broker can hold no more share sessions.",
  ),
} as const satisfies Record<string, ErrorRow>;

/** The name of an error of the protocol. */
export type ErrorName = keyof typeof errorTable;

/** The codes by name: `ErrorCode.NOT_CONTROLLER` is 41. */
export const ErrorCode = Object.fromEntries(
  Object.entries(errorTable).map(([name, row]) => [name, row.code]),
) as { readonly [N in ErrorName]: (typeof errorTable)[N]["code"] };

const namesByCode = new Map(
  Object.entries(errorTable).map((
    [name, row],
  ) => [row.code as number, name as ErrorName]),
);

/** Gives the name and row of a code; a code that nobody knows counts as UNKNOWN_SERVER_ERROR. */
export function errorByCode(
  code: number,
): ErrorRow & { readonly name: ErrorName } {
  const name = namesByCode.get(code) ?? "UNKNOWN_SERVER_ERROR";
  return { name, ...errorTable[name] };
}

/** An error that the protocol has a code for; it ends as that code in an answer. */
export class KafkaError extends Error {
  override readonly name = "KafkaError";
  readonly code: number;
  readonly retriable: boolean;

  /** @param message What exactly is wrong; the row's text where left out. */
  constructor(
    readonly errorName: ErrorName,
    message?: string,
    options?: { readonly cause?: unknown },
  ) {
    const row = errorTable[errorName];
    super(message ?? row.text, options);
    this.code = row.code;
    this.retriable = row.retriable;
  }

  /** The error that an answer carries as a code. */
  static ofCode(code: number, message?: string | null): KafkaError {
    return new KafkaError(errorByCode(code).name, message ?? undefined);
  }
}
