// A group of the newer kind as ConsumerGroupDescribe shows it.

import type { ConsumerGroupDescribeResponse } from "../../wire/kafka/messages/consumer_group_describe.ts";
import type { ServerAssignor } from "../assignors/server_assignor.ts";
import type { Assignment } from "./assignment.ts";
import type { ConsumerGroup } from "./consumer_group.ts";
import type { ConsumerMember } from "./consumer_member.ts";
import { preferredAssignor } from "./next_target.ts";
import type { TopicsView } from "./topics_view.ts";

export type DescribedGroup = ConsumerGroupDescribeResponse["groups"][number];
type DescribedMember = DescribedGroup["members"][number];

/** Numbers of `memberType`. */
const CLASSIC_TYPE = 0;
const CONSUMER_TYPE = 1;

/** Nobody has asked which operations are allowed. */
const OPERATIONS_NOT_ASKED = -2147483648;

/** @param assignors At least one; the default first. */
export function describeGroup(
  group: ConsumerGroup,
  { view, assignors }: {
    readonly view: TopicsView;
    readonly assignors: readonly ServerAssignor[];
  },
): DescribedGroup {
  return {
    errorCode: 0,
    errorMessage: null,
    groupId: group.groupId,
    groupState: group.stateName,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.targetEpoch,
    assignorName: preferredAssignor(group.members.values(), assignors).name,
    members: Array.from(
      group.members.values(),
      (member) => describeMember(group, member, view),
    ),
    authorizedOperations: OPERATIONS_NOT_ASKED,
  };
}

/** What stands for a group that cannot be shown. */
export function undescribedGroup(
  groupId: string,
  { errorCode, errorMessage }: {
    readonly errorCode: number;
    readonly errorMessage: string | null;
  },
): DescribedGroup {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: "",
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: "",
    members: [],
    authorizedOperations: OPERATIONS_NOT_ASKED,
  };
}

function describeMember(
  group: ConsumerGroup,
  member: ConsumerMember,
  view: TopicsView,
): DescribedMember {
  const regex = member.subscribedTopicRegex;
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...member.subscribedTopicNames],
    subscribedTopicRegex: regex === "" ? null : regex,
    assignment: describeAssignment(member.assigned, view),
    targetAssignment: describeAssignment(group.target(member.memberId), view),
    memberType: member.classic === null ? CONSUMER_TYPE : CLASSIC_TYPE,
  };
}

/** Topics that are gone are left out: they have no name any more. */
function describeAssignment(
  assignment: Assignment,
  view: TopicsView,
): DescribedMember["assignment"] {
  const topicPartitions = [];
  for (const [topicId, partitions] of assignment) {
    const topicName = view.topicsById.get(topicId)?.name;
    if (topicName === undefined) continue;
    topicPartitions.push({ topicId, topicName, partitions: [...partitions] });
  }
  return { topicPartitions };
}
