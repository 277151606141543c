// How members end: they leave, go away for a while, or are not heard of for too
// long.

import type { ConsumerGroupHeartbeatRequest } from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import { NOTHING } from "./assignment.ts";
import type { ConsumerGroup } from "./consumer_group.ts";
import { AWAY_EPOCH, MemberState } from "./consumer_member.ts";
import { currentRecord, memberTombstones } from "./consumer_records.ts";
import { knownMember, knownStaticMember } from "./admit_member.ts";
import { nextEpoch } from "./next_target.ts";
import type { TopicsView } from "./topics_view.ts";

/** What a member that goes wants, and what that takes. */
export type Leaving =
  /** It goes for good. */
  | { readonly kind: "gone"; readonly memberId: string }
  /** A static member keeps its partitions until its session ends. */
  | {
    readonly kind: "away";
    readonly memberId: string;
    readonly records: readonly CoordinatorRecord[];
  };

/**
 * Decides about a member that says it leaves.
 *
 * @throws {KafkaError} UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
 */
export function decideLeave(
  group: ConsumerGroup,
  request: ConsumerGroupHeartbeatRequest,
): Leaving {
  const { memberId, instanceId, memberEpoch } = request;
  const member = instanceId === null
    ? knownMember(group, memberId)
    : knownStaticMember(group, { memberId, instanceId });
  if (memberEpoch !== AWAY_EPOCH) return { kind: "gone", memberId };
  return {
    kind: "away",
    memberId,
    records: [
      currentRecord(group.groupId, {
        ...member,
        memberEpoch: AWAY_EPOCH,
        previousMemberEpoch: member.memberEpoch,
        state: MemberState.STABLE,
        pendingRevocation: NOTHING,
      }),
    ],
  };
}

/** The records that end members; the group moves on to its next epoch. */
export function decideRemoval(
  group: ConsumerGroup,
  memberIds: ReadonlySet<string>,
  view: TopicsView,
): CoordinatorRecord[] {
  const left = [...group.members.values()].filter(({ memberId }) =>
    !memberIds.has(memberId)
  );
  return [
    ...Array.from(
      memberIds,
      (memberId) => memberTombstones(group.groupId, memberId),
    ).flat(),
    ...nextEpoch(group, left, { view, isChanged: true }).records,
  ];
}
