// The records by which a consumer group of the newer kind is kept, made from
// values. `null` in the place of a value makes the tombstone.
//
// Source: Kafka's message schemas; observed on Kafka 3.9.

import type { CoordinatorRecord } from "../coordinator_record.ts";
import { type Assignment, topicPartitionsOf } from "./assignment.ts";
import type { SubscribedTopic } from "./consumer_group.ts";
import type { ConsumerMember } from "./consumer_member.ts";

export function groupMetadataRecord(
  groupId: string,
  epoch: number | null,
): CoordinatorRecord {
  return {
    kind: "consumerGroupMetadata",
    key: { groupId },
    value: epoch === null ? null : { epoch, metadataHash: 0 },
  };
}

/** Racks are not kept: no assignor looks at them. */
export function partitionMetadataRecord(
  groupId: string,
  topics: ReadonlyMap<string, SubscribedTopic> | null,
): CoordinatorRecord {
  return {
    kind: "consumerGroupPartitionMetadata",
    key: { groupId },
    value: topics === null ? null : {
      topics: Array.from(
        topics,
        ([topicName, { topicId, partitionCount }]) => ({
          topicId,
          topicName,
          numPartitions: partitionCount,
          partitionMetadata: [],
        }),
      ),
    },
  };
}

export function memberRecord(
  groupId: string,
  member: ConsumerMember,
): CoordinatorRecord {
  const { classic } = member;
  return {
    kind: "consumerGroupMemberMetadata",
    key: { groupId, memberId: member.memberId },
    value: {
      instanceId: member.instanceId,
      rackId: member.rackId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: [...member.subscribedTopicNames],
      subscribedTopicRegex: member.subscribedTopicRegex,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      serverAssignor: member.serverAssignor,
      classicMemberMetadata: classic === null ? null : {
        sessionTimeoutMs: classic.sessionTimeoutMs,
        supportedProtocols: [...classic.supportedProtocols],
      },
    },
  };
}

export function targetEpochRecord(
  groupId: string,
  assignmentEpoch: number | null,
): CoordinatorRecord {
  return {
    kind: "consumerGroupTargetAssignmentMetadata",
    key: { groupId },
    value: assignmentEpoch === null ? null : { assignmentEpoch },
  };
}

export function targetRecord(
  groupId: string,
  memberId: string,
  target: Assignment,
): CoordinatorRecord {
  return {
    kind: "consumerGroupTargetAssignmentMember",
    key: { groupId, memberId },
    value: { topicPartitions: topicPartitionsOf(target) },
  };
}

/** What a member has now. */
export function currentRecord(
  groupId: string,
  member: ConsumerMember,
): CoordinatorRecord {
  return {
    kind: "consumerGroupCurrentMemberAssignment",
    key: { groupId, memberId: member.memberId },
    value: {
      memberEpoch: member.memberEpoch,
      previousMemberEpoch: member.previousMemberEpoch,
      state: member.state,
      assignedPartitions: topicPartitionsOf(member.assigned),
      partitionsPendingRevocation: topicPartitionsOf(member.pendingRevocation),
    },
  };
}

/** The end of a member. */
export function memberTombstones(
  groupId: string,
  memberId: string,
): CoordinatorRecord[] {
  const key = { groupId, memberId };
  return [
    { kind: "consumerGroupCurrentMemberAssignment", key, value: null },
    { kind: "consumerGroupTargetAssignmentMember", key, value: null },
    { kind: "consumerGroupMemberMetadata", key, value: null },
  ];
}
