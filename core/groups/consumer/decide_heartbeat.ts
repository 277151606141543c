// What a heartbeat of the newer protocol brings about: a member joins or changes
// what it subscribes to, the group moves on to another epoch and target, the
// member takes its next step towards that target.
//
// Decides only: state and request → records and answer.
//
// Source: KIP-848; observed on Kafka 3.9 and 4.1.

import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
import type { ServerAssignor } from "../assignors/server_assignor.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import { admit } from "./admit_member.ts";
import {
  type Assignment,
  assignmentOf,
  isSame,
  NOTHING,
  topicPartitionsOf,
} from "./assignment.ts";
import type { ConsumerGroup } from "./consumer_group.ts";
import {
  type ConsumerMember,
  hasSameSubscription,
  JOINING_EPOCH,
} from "./consumer_member.ts";
import {
  currentRecord,
  memberRecord,
  targetRecord,
} from "./consumer_records.ts";
import { checkRegex } from "./heartbeat_checks.ts";
import { nextEpoch, nextTarget } from "./next_target.ts";
import { reconcile } from "./reconcile.ts";
import type { TopicsView } from "./topics_view.ts";

/** What the broker's configuration and the cluster say. */
export interface ConsumerRules {
  readonly view: TopicsView;
  /** At least one; the default first. */
  readonly assignors: readonly ServerAssignor[];
  readonly heartbeatIntervalMs: number;
  readonly sizeMax: number;
}

/** Who sends a request. */
export interface Sender {
  readonly clientId: string;
  readonly clientHost: string;
}

export interface HeartbeatDecision {
  readonly records: readonly CoordinatorRecord[];
  readonly response: ConsumerGroupHeartbeatResponse;
  /** The member as it is after the records. */
  readonly member: ConsumerMember;
  /** Whether it took a step, so that its time to let go of partitions begins anew. */
  readonly hasMoved: boolean;
}

/**
 * Decides about a member that is in the group or joins it; leaving is
 * `decideLeave`.
 *
 * @param request Has passed `checkHeartbeat`, and has a member id.
 * @throws {KafkaError} UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH,
 * FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID, GROUP_MAX_SIZE_REACHED,
 * INVALID_REGULAR_EXPRESSION.
 */
export function decideHeartbeat(
  group: ConsumerGroup,
  request: ConsumerGroupHeartbeatRequest,
  { rules, sender }: { readonly rules: ConsumerRules; readonly sender: Sender },
): HeartbeatDecision {
  const owned = request.topicPartitions &&
    assignmentOf(request.topicPartitions);
  const admitted = admit(group, request, { owned, sizeMax: rules.sizeMax });
  checkRegex(request.subscribedTopicRegex);
  const wanted = withWishes(admitted.member, request, sender);
  const records = [...admitted.records];
  if (wanted !== admitted.member || admitted.isNew) {
    records.push(memberRecord(group.groupId, wanted));
  }
  if (admitted.replaced !== null) {
    const { groupId } = group;
    records.push(
      targetRecord(groupId, wanted.memberId, group.target(admitted.replaced)),
      currentRecord(groupId, wanted),
    );
  }
  const moved = settle(group, wanted, {
    rules,
    owned,
    replaced: admitted.replaced,
    // A member that wants nothing changes nothing; a group begins with epoch 1.
    isChanged: group.groupEpoch === 0 ||
      !hasSameSubscription(admitted.member, wanted),
    records,
  });
  return {
    records,
    member: moved,
    hasMoved: moved !== wanted,
    response: {
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      memberId: moved.memberId,
      memberEpoch: moved.memberEpoch,
      heartbeatIntervalMs: rules.heartbeatIntervalMs,
      assignment:
        isWhole(request) || !isSame(admitted.member.assigned, moved.assigned)
          ? { topicPartitions: topicPartitionsOf(moved.assigned) }
          : null,
    },
  };
}

/**
 * Brings group and member forward after a change: the group's epoch, its target,
 * the member's step.
 *
 * @param member As it is after what has been decided so far; the rest of the
 * group is as it stands.
 * @returns The member after its step; the same one where it took none.
 */
export function settle(
  group: ConsumerGroup,
  member: ConsumerMember,
  { rules, owned, replaced, isChanged, records }: {
    readonly rules: Pick<ConsumerRules, "view" | "assignors">;
    readonly owned: Assignment | null;
    /** The member id under which a static member was here before. */
    readonly replaced: string | null;
    readonly isChanged: boolean;
    /** Takes what is decided. */
    readonly records: CoordinatorRecord[];
  },
): ConsumerMember {
  const { groupId } = group;
  const { view, assignors } = rules;
  const { memberId } = member;
  const members = () => [
    ...[...group.members.values()].filter((each) =>
      each.memberId !== memberId && each.memberId !== replaced
    ),
    member,
  ];
  const before = (id: string) =>
    group.targets.get(id === memberId ? replaced ?? id : id);
  const epoch = isChanged || group.checkedTopics !== view.topics
    ? nextEpoch(group, members(), { view, isChanged })
    : { groupEpoch: group.groupEpoch, topics: group.topics, records: [] };
  records.push(...epoch.records);
  let targetEpoch = group.targetEpoch;
  let target = before(memberId) ?? NOTHING;
  // Also where somebody left, and the target for that is still to be made.
  if (epoch.groupEpoch > targetEpoch) {
    const next = nextTarget({
      groupId,
      members: members(),
      before,
      epoch,
      assignors,
      view,
    });
    records.push(...next.records);
    targetEpoch = epoch.groupEpoch;
    target = next.targets.get(memberId)!;
  }
  const moved = reconcile(member, {
    targetEpoch,
    target,
    owned,
    isHeld: (topicId, partition) => group.isHeld(topicId, partition),
  });
  if (moved !== member) records.push(currentRecord(groupId, moved));
  return moved;
}

/** The member with what a request changes of it; the same one where it changes nothing. */
function withWishes(
  member: ConsumerMember,
  request: ConsumerGroupHeartbeatRequest,
  { clientId, clientHost }: Sender,
): ConsumerMember {
  const names = request.subscribedTopicNames;
  const next: ConsumerMember = {
    ...member,
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1
      ? member.rebalanceTimeoutMs
      : request.rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? member.serverAssignor,
    subscribedTopicNames: names === null
      ? member.subscribedTopicNames
      : [...new Set(names)].sort(),
    subscribedTopicRegex: request.subscribedTopicRegex ??
      member.subscribedTopicRegex,
    clientId,
    clientHost,
    classic: null,
  };
  const isTheSame = hasSameSubscription(member, next) &&
    next.instanceId === member.instanceId && next.rackId === member.rackId &&
    next.rebalanceTimeoutMs === member.rebalanceTimeoutMs &&
    next.serverAssignor === member.serverAssignor &&
    next.clientId === member.clientId &&
    next.clientHost === member.clientHost && member.classic === null;
  return isTheSame ? member : next;
}

/** Whether a member tells all about itself, so it is to be told all. */
function isWhole(request: ConsumerGroupHeartbeatRequest): boolean {
  return request.memberEpoch === JOINING_EPOCH ||
    (request.rebalanceTimeoutMs !== -1 && request.topicPartitions !== null &&
      (request.subscribedTopicNames !== null ||
        request.subscribedTopicRegex !== null));
}
