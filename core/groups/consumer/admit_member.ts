// Whether a heartbeat comes from a member of the group, or one that may become a
// member.
//
// Source: KIP-848; observed on Kafka 3.9.

import { KafkaError } from "../../wire/kafka/errors.ts";
import type { ConsumerGroupHeartbeatRequest } from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import { type Assignment, isWithin } from "./assignment.ts";
import type { ConsumerGroup } from "./consumer_group.ts";
import {
  AWAY_EPOCH,
  type ConsumerMember,
  JOINING_EPOCH,
  newMember,
} from "./consumer_member.ts";
import { memberTombstones } from "./consumer_records.ts";

/** Who a heartbeat is of. */
export interface Admitted {
  readonly member: ConsumerMember;
  readonly isNew: boolean;
  /** Member id that a static member had before. */
  readonly replaced: string | null;
  readonly records: readonly CoordinatorRecord[];
}

/**
 * Finds or makes the member that a heartbeat is of.
 *
 * @throws {KafkaError} UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH,
 * FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID, GROUP_MAX_SIZE_REACHED.
 */
export function admit(
  group: ConsumerGroup,
  request: ConsumerGroupHeartbeatRequest,
  { owned, sizeMax }: {
    readonly owned: Assignment | null;
    readonly sizeMax: number;
  },
): Admitted {
  const { memberId, memberEpoch, instanceId } = request;
  const there = group.members.get(memberId);
  if (memberEpoch !== JOINING_EPOCH) {
    const member = instanceId === null
      ? knownMember(group, memberId)
      : knownStaticMember(group, { memberId, instanceId });
    checkEpoch(member, memberEpoch, owned);
    return { member, isNew: false, replaced: null, records: [] };
  }
  const holder = instanceId === null ? null : group.staticMember(instanceId);
  if (holder !== null) return replace(group, holder, memberId);
  if (there !== undefined) {
    // Perhaps it has not seen the answer to its first heartbeat.
    checkEpoch(there, memberEpoch, owned);
    return { member: there, isNew: false, replaced: null, records: [] };
  }
  if (group.members.size >= sizeMax) {
    throw new KafkaError(
      "GROUP_MAX_SIZE_REACHED",
      `The group has its most members, ${sizeMax}.`,
    );
  }
  return {
    member: newMember(memberId),
    isNew: true,
    replaced: null,
    records: [],
  };
}

/** A static member comes back, perhaps under another member id. */
function replace(
  group: ConsumerGroup,
  holder: ConsumerMember,
  memberId: string,
): Admitted {
  if (holder.memberEpoch !== AWAY_EPOCH) {
    throw new KafkaError(
      "UNRELEASED_INSTANCE_ID",
      `Member ${holder.memberId} has the instance id "${holder.instanceId}" and has not left.`,
    );
  }
  return {
    member: { ...holder, memberId, memberEpoch: 0, previousMemberEpoch: 0 },
    isNew: true,
    replaced: holder.memberId,
    records: memberTombstones(group.groupId, holder.memberId),
  };
}

/** @throws {KafkaError} UNKNOWN_MEMBER_ID. */
export function knownMember(
  group: ConsumerGroup,
  memberId: string,
): ConsumerMember {
  const member = group.members.get(memberId);
  if (member !== undefined) return member;
  throw new KafkaError(
    "UNKNOWN_MEMBER_ID",
    `Group "${group.groupId}" has no member ${memberId}.`,
  );
}

/** @throws {KafkaError} UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. */
export function knownStaticMember(
  group: ConsumerGroup,
  { memberId, instanceId }: {
    readonly memberId: string;
    readonly instanceId: string;
  },
): ConsumerMember {
  const member = group.staticMember(instanceId);
  if (member === null) {
    throw new KafkaError(
      "UNKNOWN_MEMBER_ID",
      `Group "${group.groupId}" has no instance id "${instanceId}".`,
    );
  }
  if (member.memberId === memberId) return member;
  throw new KafkaError(
    "FENCED_INSTANCE_ID",
    `Member ${member.memberId} has taken over the instance id "${instanceId}".`,
  );
}

/**
 * Refuses a member that is in another epoch. One epoch behind is good where it
 * may just not have seen the last answer.
 */
function checkEpoch(
  member: ConsumerMember,
  received: number,
  owned: Assignment | null,
): void {
  if (received === member.memberEpoch) return;
  const missedAnAnswer = received === member.previousMemberEpoch &&
    received < member.memberEpoch && owned !== null &&
    isWithin(owned, member.assigned);
  if (missedAnAnswer) return;
  throw new KafkaError(
    "FENCED_MEMBER_EPOCH",
    `Member ${member.memberId} is in epoch ${member.memberEpoch}, not ${received}. ` +
      "It must let go of all its partitions and rejoin.",
  );
}
