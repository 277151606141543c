// What an admin client does with groups; only their coordinators can.
//
// Source: Kafka protocol guide, "ListGroups", "DescribeGroups", "DeleteGroups",
// "LeaveGroup"; KIP-518 and KIP-848 (states and types), KIP-571 (removing members).

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
} from "../wire/kafka/messages/consumer_group_describe.ts";
import {
  deleteGroupsRequest,
  deleteGroupsResponse,
} from "../wire/kafka/messages/delete_groups.ts";
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from "../wire/kafka/messages/describe_groups.ts";
import {
  leaveGroupRequest,
  leaveGroupResponse,
} from "../wire/kafka/messages/leave_group.ts";
import {
  listGroupsRequest,
  listGroupsResponse,
} from "../wire/kafka/messages/list_groups.ts";
import type { Infer } from "../wire/kafka/schema.ts";
import { DecodeError } from "../wire/reader.ts";
import type {
  GroupDescription,
  GroupListing,
  GroupMemberDescription,
  RemovedMember,
} from "./admin_types.ts";
import { asError, errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  decodeAssignment,
} from "./consumer_protocol.ts";
import { askCoordinators, type GroupResult } from "./coordinator_calls.ts";
import type { ClusterNode, TopicPartition } from "./metadata.ts";

const LIST_GROUPS = exchange(listGroupsRequest, listGroupsResponse);
const DESCRIBE_GROUPS = exchange(describeGroupsRequest, describeGroupsResponse);
const CONSUMER_GROUP_DESCRIBE = exchange(
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
);
const DELETE_GROUPS = exchange(deleteGroupsRequest, deleteGroupsResponse);
const LEAVE_GROUP = exchange(leaveGroupRequest, leaveGroupResponse);
const MEMBERS_VERSION_MIN = 3;

interface Timed {
  readonly deadlineMs: number;
}

/**
 * Groups of all brokers, by name.
 *
 * @throws What the first broker failed with that did not answer: the list would
 * not be whole.
 */
export async function listGroups(
  cluster: Cluster,
  options: Timed & {
    readonly states: readonly string[];
    readonly types: readonly string[];
  },
): Promise<GroupListing[]> {
  const { deadlineMs, states, types } = options;
  await cluster.refreshNodes(deadlineMs);
  const nodes = [...cluster.metadata.nodes.values()];
  const lists = await Promise.all(
    nodes.map((node) => listOn(cluster, node, options)),
  );
  const byId = new Map(
    lists.flat().map((listing) => [listing.group, listing]),
  );
  const isAsked = (filter: readonly string[], value: string) =>
    filter.length === 0 ||
    filter.some((item) => item.toLowerCase() === value.toLowerCase());
  // Older brokers do not filter.
  return [...byId.values()]
    .filter(({ state, type }) => isAsked(states, state) && isAsked(types, type))
    .sort((a, b) => a.group < b.group ? -1 : 1);
}

async function listOn(
  cluster: Cluster,
  node: ClusterNode,
  options: Timed & {
    readonly states: readonly string[];
    readonly types: readonly string[];
  },
): Promise<GroupListing[]> {
  for (let attempt = 1;; attempt++) {
    const answer = await cluster.callNode(node.id, LIST_GROUPS, (version) => ({
      statesFilter: version >= 4 ? options.states : [],
      typesFilter: version >= 5 ? options.types : [],
    }), options);
    const error = errorOfCode(answer.errorCode);
    if (error === null) {
      return answer.groups.map((group) => ({
        group: group.groupId,
        protocolType: group.protocolType,
        state: group.groupState,
        type: group.groupType.toLowerCase() || "classic",
        coordinator: node.id,
      }));
    }
    const isPassing = error.errorName === "COORDINATOR_LOAD_IN_PROGRESS" ||
      error.errorName === "COORDINATOR_NOT_AVAILABLE";
    if (!isPassing || !await cluster.pause(attempt, options.deadlineMs)) {
      throw error;
    }
  }
}

/**
 * State, members and assignments of groups, whichever protocol they speak. A
 * group that does not exist has the error `GROUP_ID_NOT_FOUND`.
 */
export async function describeGroups(
  cluster: Cluster,
  groups: readonly string[],
  options: Timed,
): Promise<GroupResult<GroupDescription>[]> {
  const { deadlineMs } = options;
  return await askCoordinators(cluster, groups, {
    deadlineMs,
    ask: async (nodeId, asked) => {
      const connection = await cluster.connectionTo(nodeId, options);
      const speaksNew = connection.versionOf(consumerGroupDescribeRequest) >= 0;
      const found = speaksNew
        ? await describeNew(cluster, { nodeId, asked, deadlineMs })
        : [];
      const isFound = new Set(found.map(({ group }) => group));
      const rest = asked.filter((group) => !isFound.has(group));
      const classic = rest.length === 0
        ? []
        : await describeClassic(cluster, { nodeId, asked: rest, deadlineMs });
      return [...found, ...classic];
    },
  });
}

interface DescribeCall extends Timed {
  readonly nodeId: number;
  readonly asked: readonly string[];
}

/** Groups of the new protocol; the others are left out. */
async function describeNew(cluster: Cluster, call: DescribeCall) {
  const answer = await cluster.callNode(call.nodeId, CONSUMER_GROUP_DESCRIBE, {
    groupIds: call.asked,
    includeAuthorizedOperations: false,
  }, call);
  return answer.groups
    .filter(({ errorCode }) => {
      const name = errorOfCode(errorCode)?.errorName;
      return name !== "GROUP_ID_NOT_FOUND" && name !== "UNSUPPORTED_VERSION";
    })
    .map((group) => ({
      group: group.groupId,
      errorCode: group.errorCode,
      errorMessage: group.errorMessage,
      value: {
        group: group.groupId,
        type: "consumer",
        state: group.groupState,
        protocolType: CONSUMER_PROTOCOL_TYPE,
        assignor: group.assignorName,
        epoch: group.groupEpoch,
        coordinator: call.nodeId,
        members: group.members.map((member): GroupMemberDescription => ({
          memberId: member.memberId,
          instanceId: member.instanceId,
          clientId: member.clientId,
          host: member.clientHost,
          partitions: partitionsOf(member.assignment.topicPartitions),
          topics: member.subscribedTopicNames,
          epoch: member.memberEpoch,
        })),
      },
    }));
}

function partitionsOf(
  topics: readonly {
    readonly topicName: string;
    readonly partitions: readonly number[];
  }[],
): TopicPartition[] {
  return topics.flatMap(({ topicName, partitions }) =>
    partitions.map((partition) => ({ topic: topicName, partition }))
  );
}

async function describeClassic(cluster: Cluster, call: DescribeCall) {
  const answer = await cluster.callNode(call.nodeId, DESCRIBE_GROUPS, {
    groups: call.asked,
    includeAuthorizedOperations: false,
  }, call);
  return answer.groups.map((group) => {
    const isMissing = group.errorCode === 0 && group.groupState === "Dead";
    const missing = new KafkaError("GROUP_ID_NOT_FOUND");
    return {
      group: group.groupId,
      errorCode: isMissing ? missing.code : group.errorCode,
      errorMessage: isMissing
        ? `Group ${group.groupId} does not exist`
        : group.errorMessage,
      value: classicGroup(group, call.nodeId),
    };
  });
}

function classicGroup(
  group: Infer<typeof describeGroupsResponse>["groups"][number],
  coordinator: number,
): GroupDescription {
  const isConsumer = group.protocolType === CONSUMER_PROTOCOL_TYPE;
  return {
    group: group.groupId,
    type: "classic",
    state: group.groupState,
    protocolType: group.protocolType,
    assignor: group.protocolData,
    epoch: null,
    coordinator,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: member.clientHost,
      partitions: isConsumer ? assignmentOf(member.memberAssignment) : [],
      topics: null,
      epoch: null,
    })),
  };
}

/** Members may put there what they like. */
function assignmentOf(bytes: Uint8Array): TopicPartition[] {
  try {
    return decodeAssignment(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}

/** Deletes groups without members, with their offsets. */
export async function deleteGroups(
  cluster: Cluster,
  groups: readonly string[],
  options: Timed,
): Promise<GroupResult<null>[]> {
  return await askCoordinators(cluster, groups, {
    deadlineMs: options.deadlineMs,
    ask: async (nodeId, asked) => {
      const answer = await cluster.callNode(nodeId, DELETE_GROUPS, {
        groupsNames: asked,
      }, options);
      return answer.results.map(({ groupId, errorCode }) => ({
        group: groupId,
        errorCode,
        value: null,
      }));
    },
  });
}

/**
 * Removes members from a group; they join again if they live.
 *
 * @throws {KafkaError} Where the coordinator refuses as a whole.
 */
export async function removeMembers(
  cluster: Cluster,
  group: string,
  members: readonly RemovedMember[],
  options: Timed & { readonly reason: string },
): Promise<(RemovedMember & { readonly error: KafkaError | null })[]> {
  const [{ error, value }] = await askCoordinators(cluster, [group], {
    deadlineMs: options.deadlineMs,
    ask: async (nodeId) => {
      const connection = await cluster.connectionTo(nodeId, options);
      const version = connection.versionOf(leaveGroupRequest);
      const isBatched = version >= MEMBERS_VERSION_MIN;
      const batches = isBatched ? [members] : members.map((one) => [one]);
      const answers = await Promise.all(
        batches.map((batch) =>
          cluster.callNode(nodeId, LEAVE_GROUP, {
            groupId: group,
            memberId: isBatched ? "" : batch[0].memberId,
            members: isBatched
              ? batch.map(({ memberId, instanceId }) => ({
                // One with a fixed name is removed by that alone.
                memberId: instanceId === null ? memberId : "",
                groupInstanceId: instanceId,
                reason: version >= 5 ? options.reason : null,
              }))
              : [],
          }, options)
        ),
      );
      return [{
        group,
        errorCode: isBatched ? answers[0].errorCode : 0,
        value: members.map((member, index) => ({
          ...member,
          error: errorOfCode(
            isBatched
              ? answers[0].members[index]?.errorCode ?? 0
              : answers[index].errorCode,
          ),
        })),
      }];
    },
  });
  if (error !== null) throw asError(error);
  return value!;
}
