// One round of joining a group: JoinGroup, the assignment where this member
// leads, SyncGroup.
//
// JoinGroup is answered when all members have joined, or the rebalance timeout
// has passed; SyncGroup when the leader has sent the assignment.
//
// Source: Kafka protocol guide, "Group Membership API"; KIP-394, KIP-814
// (assignments that a returning leader leaves alone).

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  joinGroupRequest,
  type JoinGroupResponse,
  joinGroupResponse,
} from "../wire/kafka/messages/join_group.ts";
import {
  syncGroupRequest,
  syncGroupResponse,
} from "../wire/kafka/messages/sync_group.ts";
import type { Assignor, ReplicaRacks } from "./assignor.ts";
import { errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import type { GroupSettings } from "./consumer_settings.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "./consumer_protocol.ts";
import type { AssignmentOutcome } from "./membership.ts";
import type { TopicPartition } from "./metadata.ts";

const JOIN_GROUP = exchange(joinGroupRequest, joinGroupResponse);
const SYNC_GROUP = exchange(syncGroupRequest, syncGroupResponse);
/** How much longer than the rebalance an answer may take. */
const SLACK_MS = 5000;

/** What a member joins with. */
export interface JoinPlan {
  readonly topics: readonly string[];
  readonly assignors: readonly Assignor[];
  /** What it does not give up for the rebalance. */
  readonly ownedPartitions: readonly TopicPartition[];
  /** What it had last, whether it still has it or not. */
  readonly lastPartitions: readonly TopicPartition[];
  readonly lastGenerationId: number;
  readonly rack: string;
}

export interface JoinOutcome extends AssignmentOutcome {
  readonly assignorName: string;
}

interface JoinCall {
  readonly nodeId: number;
  readonly settings: GroupSettings;
  /** Empty for a new member. */
  readonly memberId: string;
  readonly plan: JoinPlan;
  /** Told as soon as the member is one of the generation. */
  readonly onJoined: (
    identity: { readonly memberId: string; readonly generationId: number },
  ) => void;
}

/** The coordinator has given an id to come back with. */
export class MemberIdRequired extends KafkaError {
  constructor(readonly memberId: string) {
    super("MEMBER_ID_REQUIRED");
  }
}

/**
 * Joins the group, once.
 *
 * @throws {MemberIdRequired} Where to join again under a new member id.
 * @throws {KafkaError} `REBALANCE_IN_PROGRESS` where to join again; others as the
 * coordinator says.
 */
export async function sendJoin(
  cluster: Cluster,
  call: JoinCall,
): Promise<JoinOutcome> {
  const { nodeId, settings, plan } = call;
  const timeoutMs = Math.max(
    cluster.settings.requestTimeoutMs,
    settings.pollIntervalMaxMs + SLACK_MS,
  );
  const options = () => ({
    deadlineMs: cluster.deadline(timeoutMs),
    timeoutMs,
    lane: "group" as const,
  });
  const joined = await cluster.callNode(nodeId, JOIN_GROUP, {
    groupId: settings.groupId,
    sessionTimeoutMs: settings.sessionTimeoutMs,
    rebalanceTimeoutMs: settings.pollIntervalMaxMs,
    memberId: call.memberId,
    groupInstanceId: settings.instanceId,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocols: plan.assignors.map((assignor) => ({
      name: assignor.name,
      metadata: subscriptionFor(assignor, plan),
    })),
  }, options());
  const joinError = errorOfCode(joined.errorCode);
  if (joinError?.errorName === "MEMBER_ID_REQUIRED") {
    throw new MemberIdRequired(joined.memberId);
  }
  if (joinError !== null) throw joinError;
  const { memberId, generationId } = joined;
  call.onJoined({ memberId, generationId });
  const assigned = joined.leader === memberId && !joined.skipAssignment
    ? await assignAll(cluster, joined, plan)
    : null;
  const partitionCounts = joined.leader === memberId
    ? assigned?.partitionCounts ??
      (await lookAt(cluster, joined)).partitionCounts
    : null;
  const synced = await cluster.callNode(nodeId, SYNC_GROUP, {
    groupId: settings.groupId,
    generationId,
    memberId,
    groupInstanceId: settings.instanceId,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName: joined.protocolName,
    assignments: assigned?.assignments ?? [],
  }, options());
  const syncError = errorOfCode(synced.errorCode);
  if (syncError !== null) throw syncError;
  return {
    assignorName: joined.protocolName ?? "",
    generationId,
    partitions: decodeAssignment(synced.assignment),
    partitionCounts,
  };
}

function subscriptionFor(assignor: Assignor, plan: JoinPlan): Uint8Array {
  return encodeSubscription({
    topics: plan.topics,
    userData: assignor.userData({
      partitions: plan.lastPartitions,
      generationId: plan.lastGenerationId,
    }),
    ownedPartitions: plan.ownedPartitions,
    generationId: plan.lastGenerationId,
    rackId: plan.rack === "" ? null : plan.rack,
  });
}

async function assignAll(
  cluster: Cluster,
  joined: JoinGroupResponse,
  plan: JoinPlan,
) {
  const assignor = plan.assignors.find(({ name }) =>
    name === joined.protocolName
  );
  if (assignor === undefined) {
    throw new KafkaError(
      "INCONSISTENT_GROUP_PROTOCOL",
      `The group has chosen the assignor ${joined.protocolName}, which this ` +
        "member did not offer",
    );
  }
  const { partitionCounts, replicaRacks } = await lookAt(cluster, joined);
  const assignments = assignor.assign({
    partitionCounts,
    replicaRacks,
    members: membersOf(joined),
  });
  return {
    partitionCounts,
    assignments: [...assignments].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    })),
  };
}

function membersOf(joined: JoinGroupResponse) {
  return joined.members.map(({ memberId, groupInstanceId, metadata }) => ({
    ...decodeSubscription(metadata),
    memberId,
    instanceId: groupInstanceId,
  }));
}

/** What is to be shared out. */
interface Partitions {
  /** By topic; 0 for those that are missing. */
  readonly partitionCounts: Map<string, number>;
  readonly replicaRacks: ReplicaRacks;
}

/** Partitions of all topics that any member wants. */
async function lookAt(
  cluster: Cluster,
  joined: JoinGroupResponse,
): Promise<Partitions> {
  const topics = new Set(membersOf(joined).flatMap(({ topics }) => topics));
  return await partitionsOf(cluster, [...topics]);
}

/** The numbers of partitions of topics; 0 for those that are missing. */
export async function partitionCounts(
  cluster: Cluster,
  topics: readonly string[],
): Promise<Map<string, number>> {
  return (await partitionsOf(cluster, topics)).partitionCounts;
}

async function partitionsOf(
  cluster: Cluster,
  topics: readonly string[],
): Promise<Partitions> {
  const partitionCounts = new Map(topics.map((topic) => [topic, 0]));
  const replicaRacks = new Map<string, Set<string>[]>();
  if (topics.length === 0) return { partitionCounts, replicaRacks };
  const answer = await cluster.fetchMetadata(topics, {
    deadlineMs: cluster.deadline(),
    allowAutoTopicCreation: cluster.settings.allowAutoTopicCreation,
  });
  const rackOf = new Map(
    answer.brokers.map(({ nodeId, rack }) => [nodeId, rack]),
  );
  for (const { name, partitions } of answer.topics) {
    if (name === null) continue;
    partitionCounts.set(name, partitions.length);
    const racks: Set<string>[] = [];
    for (const { partitionIndex, replicaNodes } of partitions) {
      racks[partitionIndex] = new Set(
        replicaNodes.map((node) => rackOf.get(node) ?? "")
          .filter((rack) => rack !== ""),
      );
    }
    replicaRacks.set(name, racks);
  }
  return { partitionCounts, replicaRacks };
}
