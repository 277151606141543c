// The only way in which consumer groups of the newer kind change: record by
// record, in the order of the log. Records may also come from a log that Kafka
// wrote, or that compaction has left holes in.

import type { CoordinatorRecord, RecordOf } from "../coordinator_record.ts";
import type { Group } from "../group.ts";
import { assignmentOf, NOTHING } from "./assignment.ts";
import { ConsumerGroup } from "./consumer_group.ts";
import {
  type ConsumerMember,
  MemberState,
  newMember,
} from "./consumer_member.ts";

/** Applies a record to the groups of a shard; those of other kinds change nothing. */
export function applyConsumerRecord(
  groups: Map<string, Group>,
  record: CoordinatorRecord,
): void {
  switch (record.kind) {
    case "consumerGroupMetadata":
      return applyGroup(groups, record);
    case "consumerGroupPartitionMetadata":
      return applyTopics(groups, record);
    case "consumerGroupMemberMetadata":
      return applyMember(groups, record);
    case "consumerGroupTargetAssignmentMetadata": {
      const group = groupFor(groups, record);
      // A tombstone comes only with the group's own.
      if (group !== null) {
        group.targetEpoch = record.value?.assignmentEpoch ?? -1;
      }
      return;
    }
    case "consumerGroupTargetAssignmentMember":
      groupFor(groups, record)?.putTarget(
        record.key.memberId,
        record.value && assignmentOf(record.value.topicPartitions),
      );
      return;
    case "consumerGroupCurrentMemberAssignment":
      return applyCurrent(groups, record);
  }
}

/** The group of a record; made where the record makes it, null where it ends one that is not. */
function groupFor(
  groups: Map<string, Group>,
  record: {
    readonly key: { readonly groupId: string };
    readonly value: unknown;
  },
): ConsumerGroup | null {
  const { groupId } = record.key;
  const found = groups.get(groupId);
  if (found instanceof ConsumerGroup) return found;
  if (record.value === null) return null;
  // A classic group that only has offsets becomes one of the newer kind.
  const group = new ConsumerGroup(groupId);
  groups.set(groupId, group);
  return group;
}

function applyGroup(
  groups: Map<string, Group>,
  record: RecordOf<"consumerGroupMetadata">,
): void {
  const group = groupFor(groups, record);
  if (group === null) return;
  if (record.value === null) groups.delete(group.groupId);
  else group.groupEpoch = record.value.epoch;
}

function applyTopics(
  groups: Map<string, Group>,
  record: RecordOf<"consumerGroupPartitionMetadata">,
): void {
  const group = groupFor(groups, record);
  if (group === null) return;
  group.topics = new Map(
    record.value?.topics.map(({ topicName, topicId, numPartitions }) => [
      topicName,
      { topicId, partitionCount: numPartitions },
    ]),
  );
}

function applyMember(
  groups: Map<string, Group>,
  record: RecordOf<"consumerGroupMemberMetadata">,
): void {
  const group = groupFor(groups, record);
  if (group === null) return;
  const { key: { memberId }, value } = record;
  if (value === null) {
    group.removeMember(memberId);
    return;
  }
  const { classicMemberMetadata, ...facts } = value;
  group.putMember({
    ...memberOf(group, memberId),
    ...facts,
    subscribedTopicNames: [...new Set(value.subscribedTopicNames)].sort(),
    // One without protocols was left out: no classic member is like that.
    classic: !classicMemberMetadata?.supportedProtocols.length ? null : {
      sessionTimeoutMs: classicMemberMetadata.sessionTimeoutMs,
      supportedProtocols: classicMemberMetadata.supportedProtocols.map(
        // The bytes may be a view of what was read.
        ({ name, metadata }) => ({ name, metadata: metadata.slice() }),
      ),
    },
  });
}

function applyCurrent(
  groups: Map<string, Group>,
  record: RecordOf<"consumerGroupCurrentMemberAssignment">,
): void {
  const group = groupFor(groups, record);
  if (group === null) return;
  const { key: { memberId }, value } = record;
  if (value !== null) {
    group.putMember({
      ...memberOf(group, memberId),
      memberEpoch: value.memberEpoch,
      previousMemberEpoch: value.previousMemberEpoch,
      state: value.state,
      assigned: assignmentOf(value.assignedPartitions),
      pendingRevocation: assignmentOf(value.partitionsPendingRevocation),
    });
  } else if (group.members.has(memberId)) {
    group.putMember({
      ...memberOf(group, memberId),
      memberEpoch: -1,
      previousMemberEpoch: -1,
      state: MemberState.STABLE,
      assigned: NOTHING,
      pendingRevocation: NOTHING,
    });
  }
}

function memberOf(group: ConsumerGroup, memberId: string): ConsumerMember {
  return group.members.get(memberId) ?? newMember(memberId);
}
