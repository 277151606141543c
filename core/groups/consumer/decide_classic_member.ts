// Members that speak the classic protocol in a group of the newer kind: while a
// group moves from one protocol to the other it has both. To such a member the
// coordinator is the leader: its generation is its member epoch, joining takes
// its next step, and the assignment is what it has then.
//
// Source: KIP-848, "Supporting Online Consumer Group Upgrade"; observed on Kafka
// 4.1.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import type { JoinGroupRequest } from "../../wire/kafka/messages/join_group.ts";
import { CONSUMER_PROTOCOL_TYPE } from "../classic/classic_group.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import { isSame } from "./assignment.ts";
import type { ConsumerGroup } from "./consumer_group.ts";
import {
  type ClassicSide,
  type ConsumerMember,
  hasSameSubscription,
  MemberState,
  newMember,
} from "./consumer_member.ts";
import {
  currentRecord,
  memberRecord,
  memberTombstones,
  targetRecord,
} from "./consumer_records.ts";
import { knownMember, knownStaticMember } from "./admit_member.ts";
import { type ConsumerRules, type Sender, settle } from "./decide_heartbeat.ts";
import { byTopicId, parseSubscription } from "./embedded_protocol.ts";

export interface ClassicJoinDecision {
  readonly records: readonly CoordinatorRecord[];
  /** The member as it is after the records. */
  readonly member: ConsumerMember;
}

/**
 * Decides about a JoinGroup.
 *
 * @param request Has a member id, if need be a new one.
 * @param isNewcomer Whether the member came without an id.
 * @throws {KafkaError} INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED,
 * UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
 */
export function decideClassicJoin(
  group: ConsumerGroup,
  request: JoinGroupRequest,
  { rules, sender, isNewcomer }: {
    readonly rules: ConsumerRules;
    readonly sender: Sender;
    readonly isNewcomer: boolean;
  },
): ClassicJoinDecision {
  const { groupId } = group;
  const subscription = subscriptionOf(group, request);
  const admitted = admit(group, request, {
    isNewcomer,
    sizeMax: rules.sizeMax,
  });
  const before = admitted.member;
  const wanted: ConsumerMember = {
    ...before,
    ...sender,
    instanceId: request.groupInstanceId,
    rackId: subscription.rackId ?? before.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0
      ? request.sessionTimeoutMs
      : request.rebalanceTimeoutMs,
    subscribedTopicNames: [...new Set(subscription.topics)].sort(),
    subscribedTopicRegex: null,
    serverAssignor: null,
    classic: {
      sessionTimeoutMs: request.sessionTimeoutMs,
      // The request's bytes are the connection's.
      supportedProtocols: request.protocols.map(({ name, metadata }) => ({
        name,
        metadata: metadata.slice(),
      })),
    },
  };
  const records: CoordinatorRecord[] = [];
  if (admitted.replaced !== null) {
    records.push(...memberTombstones(groupId, admitted.replaced));
  }
  records.push(memberRecord(groupId, wanted));
  if (admitted.replaced !== null) {
    records.push(
      targetRecord(groupId, wanted.memberId, group.target(admitted.replaced)),
      currentRecord(groupId, wanted),
    );
  }
  const member = settle(group, wanted, {
    rules,
    owned: byTopicId(subscription.ownedPartitions, rules.view),
    replaced: admitted.replaced,
    isChanged: !hasSameSubscription(before, wanted),
    records,
  });
  return { records, member };
}

/**
 * The member that a SyncGroup or Heartbeat is of.
 *
 * @throws {KafkaError} UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID,
 * ILLEGAL_GENERATION.
 */
export function classicMemberOf(
  group: ConsumerGroup,
  { memberId, groupInstanceId, generationId }: {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly generationId: number;
  },
): { readonly member: ConsumerMember; readonly classic: ClassicSide } {
  const member = groupInstanceId === null
    ? knownMember(group, memberId)
    : knownStaticMember(group, { memberId, instanceId: groupInstanceId });
  if (member.classic === null) {
    throw new KafkaError(
      "UNKNOWN_MEMBER_ID",
      `Member ${memberId} does not speak the classic protocol.`,
    );
  }
  if (generationId !== member.memberEpoch) {
    throw new KafkaError(
      "ILLEGAL_GENERATION",
      `Member ${memberId} is in generation ${member.memberEpoch}, not ${generationId}.`,
    );
  }
  return { member, classic: member.classic };
}

/** Whether a member may have what it was given when it joined; else it joins again. */
export function canSync(group: ConsumerGroup, member: ConsumerMember): boolean {
  return member.memberEpoch >= group.groupEpoch ||
    member.state === MemberState.UNREVOKED_PARTITIONS;
}

/** Whether a member that is alive is to join again: something waits for it, or it for something that is there now. */
export function mustRejoin(
  group: ConsumerGroup,
  member: ConsumerMember,
): boolean {
  switch (member.state) {
    case MemberState.UNREVOKED_PARTITIONS:
      return true;
    case MemberState.UNRELEASED_PARTITIONS:
      return member.memberEpoch < group.groupEpoch ||
        hasWhatItWaitsFor(group, member);
    default:
      return member.memberEpoch < group.groupEpoch;
  }
}

/** Members that a LeaveGroup names, and the error code of each. */
export function classicLeavers(
  group: ConsumerGroup,
  leaving: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
  }[],
): { readonly memberIds: Set<string>; readonly errorCodes: number[] } {
  const memberIds = new Set<string>();
  const errorCodes = leaving.map(({ memberId, groupInstanceId }) => {
    try {
      // An administrator names a static member by its instance alone.
      const member = memberId === "" && groupInstanceId !== null
        ? group.staticMember(groupInstanceId)
        : groupInstanceId === null
        ? knownMember(group, memberId)
        : knownStaticMember(group, { memberId, instanceId: groupInstanceId });
      if (member === null) return ErrorCode.UNKNOWN_MEMBER_ID;
      memberIds.add(member.memberId);
      return ErrorCode.NONE;
    } catch (error) {
      if (error instanceof KafkaError) return error.code;
      throw error;
    }
  });
  return { memberIds, errorCodes };
}

function hasWhatItWaitsFor(
  group: ConsumerGroup,
  member: ConsumerMember,
): boolean {
  const target = group.target(member.memberId);
  if (isSame(target, member.assigned)) return true;
  for (const [topicId, partitions] of target) {
    const own = member.assigned.get(topicId) ?? [];
    for (const partition of partitions) {
      if (own.includes(partition)) continue;
      if (!group.isHeld(topicId, partition)) return true;
    }
  }
  return false;
}

function subscriptionOf(group: ConsumerGroup, request: JoinGroupRequest) {
  const { protocolType, protocols } = request;
  const isCommon = (name: string) =>
    [...group.members.values()].every(({ memberId, classic }) =>
      classic === null || memberId === request.memberId ||
      classic.supportedProtocols.some((each) => each.name === name)
    );
  const subscription = protocolType === CONSUMER_PROTOCOL_TYPE &&
      protocols.some(({ name }) => isCommon(name))
    ? parseSubscription(protocols[0].metadata)
    : null;
  if (subscription !== null) return subscription;
  throw new KafkaError(
    "INCONSISTENT_GROUP_PROTOCOL",
    `Member ${request.memberId} does not share the protocol of group "${group.groupId}".`,
  );
}

function admit(
  group: ConsumerGroup,
  { memberId, groupInstanceId }: JoinGroupRequest,
  { isNewcomer, sizeMax }: {
    readonly isNewcomer: boolean;
    readonly sizeMax: number;
  },
): { member: ConsumerMember; isNew: boolean; replaced: string | null } {
  const there = group.members.get(memberId);
  if (groupInstanceId !== null) {
    const holder = group.staticMember(groupInstanceId);
    if (holder !== null && holder !== there) {
      if (!isNewcomer) {
        knownStaticMember(group, { memberId, instanceId: groupInstanceId });
      }
      return {
        member: { ...holder, memberId },
        isNew: true,
        replaced: holder.memberId,
      };
    }
  }
  if (there !== undefined) {
    return { member: there, isNew: false, replaced: null };
  }
  if (group.members.size >= sizeMax) {
    throw new KafkaError(
      "GROUP_MAX_SIZE_REACHED",
      `The group has its most members, ${sizeMax}.`,
    );
  }
  return { member: newMember(memberId), isNew: true, replaced: null };
}
