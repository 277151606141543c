// One member of a consumer group of the newer kind: what it asked for and how
// far it has come towards its target assignment. Values never change; a change
// makes a new member.
//
//   STABLE ──target has less──▶ UNREVOKED_PARTITIONS ──member let go──▶ …
//     ▲ └──target has more, others still have it──▶ UNRELEASED_PARTITIONS
//     └──others let go──────────────────────────────────────┘
//
// Source: KIP-848, "Member Assignment Reconciliation".

import { type Assignment, NOTHING } from "./assignment.ts";

/** Number of each state in the record of the current assignment. */
export const MemberState = {
  /** It has all of its target. */
  STABLE: 0,
  /** It is to let go of partitions first. */
  UNREVOKED_PARTITIONS: 1,
  /** It waits for partitions that others have not let go of. */
  UNRELEASED_PARTITIONS: 2,
} as const;

/** Epochs with a meaning. */
export const JOINING_EPOCH = 0;
export const LEAVING_EPOCH = -1;
/** A static member that will be back. */
export const AWAY_EPOCH = -2;

/** What of a member of the classic protocol is kept in a group of the newer kind. */
export interface ClassicSide {
  readonly sessionTimeoutMs: number;
  readonly supportedProtocols: readonly {
    readonly name: string;
    readonly metadata: Uint8Array;
  }[];
}

export interface ConsumerMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** How long it may take to let go of partitions; -1 until it said. */
  readonly rebalanceTimeoutMs: number;
  /** Ascending, each once. */
  readonly subscribedTopicNames: readonly string[];
  /** null or empty where there is none. */
  readonly subscribedTopicRegex: string | null;
  readonly serverAssignor: string | null;
  /** null for a member of the newer protocol. */
  readonly classic: ClassicSide | null;
  /** `AWAY_EPOCH` while a static member is away. */
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  /** One of `MemberState`; another number was written by a newer coordinator. */
  readonly state: number;
  /** What it has and keeps. */
  readonly assigned: Assignment;
  /** What it has and is to let go of. */
  readonly pendingRevocation: Assignment;
}

/** A member before anything is known of it. */
export function newMember(memberId: string): ConsumerMember {
  return {
    memberId,
    instanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: [],
    subscribedTopicRegex: null,
    serverAssignor: null,
    classic: null,
    memberEpoch: 0,
    previousMemberEpoch: -1,
    state: MemberState.STABLE,
    assigned: NOTHING,
    pendingRevocation: NOTHING,
  };
}

/** Whether it has all that the target of an epoch gives it. */
export function isReconciled(
  member: ConsumerMember,
  targetEpoch: number,
): boolean {
  return member.state === MemberState.STABLE &&
    member.memberEpoch === targetEpoch;
}

/** Whether what it subscribes to is the same for both. */
export function hasSameSubscription(
  a: ConsumerMember,
  b: ConsumerMember,
): boolean {
  return (a.subscribedTopicRegex ?? "") === (b.subscribedTopicRegex ?? "") &&
    a.subscribedTopicNames.length === b.subscribedTopicNames.length &&
    a.subscribedTopicNames.every((name, index) =>
      b.subscribedTopicNames[index] === name
    );
}
