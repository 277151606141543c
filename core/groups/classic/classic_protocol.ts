// The requests of the classic protocol, from their bodies to a group's steps and
// back: finds the group, stores what a step writes, keeps the group's deadlines.
//
// Source: Kafka protocol guide; observed on Kafka 3.9.

import { encodeHex } from "../../base/bytes.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import type { JoinGroupRequest } from "../../wire/kafka/messages/join_group.ts";
import type { LeaveGroupRequest } from "../../wire/kafka/messages/leave_group.ts";
import type { SyncGroupRequest } from "../../wire/kafka/messages/sync_group.ts";
import type { HeartbeatRequest } from "../../wire/kafka/messages/heartbeat.ts";
import type { GroupCoordinator } from "../group_coordinator.ts";
import { ConsumerGroup } from "../consumer/consumer_group.ts";
import type { GroupShard } from "../group_content.ts";
import { ClassicGroup, refusedJoin, refusedSync } from "./classic_group.ts";
import type { JoinResponse, SyncResponse } from "./classic_member.ts";
import { join } from "./join.ts";
import { expire, heartbeat, leave } from "./membership.ts";
import { rebalance } from "./rebalance.ts";
import { Step } from "./step.ts";
import { sync } from "./sync.ts";

/** Who asks. */
export interface Caller {
  readonly clientId: string | null;
  /** As Kafka prints it: `/127.0.0.1`. */
  readonly clientHost: string;
  readonly apiVersion: number;
}

/** First version of JoinGroup in which a new member is told its id and comes again. */
const MEMBER_ID_SINCE = 4;
/** First version of JoinGroup that may tell a leader that there is nothing to assign. */
const SKIP_ASSIGNMENT_SINCE = 9;

/**
 * Answers a JoinGroup, when the joining is complete.
 *
 * @throws {KafkaError} INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, and where the
 * group is not decided here: as `GroupCoordinator.shardOf`.
 */
export function joinGroup(
  coordinator: GroupCoordinator,
  request: JoinGroupRequest,
  caller: Caller,
): JoinResponse | Promise<JoinResponse> {
  checkGroupId(request.groupId);
  checkSessionTimeout(coordinator, request.sessionTimeoutMs);
  const shard = coordinator.shardOf(request.groupId);
  const newer = newerGroup(shard, request.groupId);
  if (newer !== null) {
    return coordinator.consumer.classicMembers.join(
      shard,
      newer,
      request,
      caller,
    );
  }
  const { memberId, groupInstanceId } = request;
  const group = groupToJoin(shard, request.groupId, memberId === "");
  if (group === null) {
    const code = ErrorCode.UNKNOWN_MEMBER_ID;
    return Promise.resolve(refusedJoin(code, memberId));
  }
  const clientId = caller.clientId ?? "";
  const { promise, resolve } = Promise.withResolvers<JoinResponse>();
  const event = {
    member: {
      memberId,
      groupInstanceId,
      clientId,
      clientHost: caller.clientHost,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0
        ? request.sessionTimeoutMs
        : request.rebalanceTimeoutMs,
      sessionTimeoutMs: request.sessionTimeoutMs,
      protocolType: request.protocolType,
      // The request's bytes are the connection's.
      protocols: request.protocols.map(({ name, metadata }) => ({
        name,
        metadata: metadata.slice(),
      })),
    },
    newMemberId: `${groupInstanceId ?? clientId}-${newUuid(coordinator)}`,
    needsKnownId: caller.apiVersion >= MEMBER_ID_SINCE,
    canSkipAssignment: caller.apiVersion >= SKIP_ASSIGNMENT_SINCE,
    reply: (response: JoinResponse) =>
      shard.whenDurable((error) =>
        resolve(error === null ? response : refusedJoin(error.code, memberId))
      ),
  };
  run(coordinator, shard, group, (step) => join(group, event, step));
  return promise;
}

/**
 * Answers a SyncGroup, when the leader has assigned.
 *
 * @throws {KafkaError} INVALID_GROUP_ID, and as `GroupCoordinator.shardOf`.
 */
export function syncGroup(
  coordinator: GroupCoordinator,
  request: SyncGroupRequest,
): SyncResponse | Promise<SyncResponse> {
  checkGroupId(request.groupId);
  const shard = coordinator.shardOf(request.groupId);
  const newer = newerGroup(shard, request.groupId);
  if (newer !== null) {
    return coordinator.consumer.classicMembers.sync(shard, newer, request);
  }
  const group = classicGroup(shard, request.groupId);
  if (group === null) {
    return Promise.resolve(refusedSync(ErrorCode.UNKNOWN_MEMBER_ID));
  }
  const { promise, resolve } = Promise.withResolvers<SyncResponse>();
  const event = {
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    generation: request.generationId,
    protocolType: request.protocolType,
    protocolName: request.protocolName,
    assignments: new Map(
      request.assignments.map(({ memberId, assignment }) =>
        [memberId, assignment.slice()] as const
      ),
    ),
    reply: (response: SyncResponse) =>
      shard.whenDurable((error) =>
        resolve(error === null ? response : refusedSync(error.code))
      ),
  };
  run(coordinator, shard, group, (step) => sync(group, event, step));
  return promise;
}

/**
 * Answers a Heartbeat with its error code.
 *
 * @throws {KafkaError} INVALID_GROUP_ID, and as `GroupCoordinator.shardOf`.
 */
export function heartbeatGroup(
  coordinator: GroupCoordinator,
  request: HeartbeatRequest,
): number {
  checkGroupId(request.groupId);
  const shard = coordinator.shardOf(request.groupId);
  const newer = newerGroup(shard, request.groupId);
  if (newer !== null) {
    return coordinator.consumer.classicMembers.heartbeat(shard, newer, request);
  }
  const group = classicGroup(shard, request.groupId);
  if (group === null) return ErrorCode.UNKNOWN_MEMBER_ID;
  const { memberId, groupInstanceId, generationId: generation } = request;
  return heartbeat(
    group,
    { memberId, groupInstanceId, generation },
    shard.now(),
  );
}

/** A member that leaves, as the request names it. */
export type Leaving = Pick<
  LeaveGroupRequest["members"][number],
  "memberId" | "groupInstanceId"
>;

/**
 * Lets members go; gives the error code of each, in their order.
 *
 * @throws {KafkaError} INVALID_GROUP_ID, and as `GroupCoordinator.shardOf`.
 */
export function leaveGroup(
  coordinator: GroupCoordinator,
  groupId: string,
  leaving: readonly Leaving[],
): number[] {
  checkGroupId(groupId);
  const shard = coordinator.shardOf(groupId);
  const newer = newerGroup(shard, groupId);
  if (newer !== null) {
    return coordinator.consumer.classicMembers.leave(shard, newer, leaving);
  }
  const group = classicGroup(shard, groupId);
  if (group === null) return leaving.map(() => ErrorCode.UNKNOWN_MEMBER_ID);
  let codes: number[] = [];
  run(coordinator, shard, group, (step) => {
    codes = leaving.map((member) => leave(group, member, step));
  });
  return codes;
}

/** Lets a group look which of its deadlines have come, now and at each to come. */
export function classicTimeout(
  coordinator: GroupCoordinator,
  shard: GroupShard,
  group: ClassicGroup,
): void {
  if (shard.isActive && shard.state.groups.get(group.groupId) === group) {
    run(coordinator, shard, group, (step) => expire(group, step));
  }
}

/** Asks all members of a group to join again. */
export function rebalanceClassic(
  coordinator: GroupCoordinator,
  shard: GroupShard,
  group: ClassicGroup,
): void {
  run(coordinator, shard, group, (step) => rebalance(group, step));
}

/** One step of a group, with what follows from it. */
function run(
  coordinator: GroupCoordinator,
  shard: GroupShard,
  group: ClassicGroup,
  act: (step: Step) => void,
): void {
  const { config } = coordinator;
  const step = new Step(shard.now(), {
    initialDelayMs: config["group.initial.rebalance.delay.ms"],
    sizeMax: config["group.max.size"],
  });
  act(step);
  // What follows a write may ask for another.
  for (const { records, then } of step.writes) {
    then(stored(shard, records));
  }
  shard.timers.ensure(
    group.groupId,
    group.dueMs,
    () => classicTimeout(coordinator, shard, group),
  );
}

function stored(
  shard: GroupShard,
  records: Parameters<GroupShard["append"]>[0],
): number {
  try {
    shard.append(records);
    return ErrorCode.NONE;
  } catch (error) {
    if (error instanceof KafkaError) return error.code;
    throw error;
  }
}

/**
 * `null` where a member names a group that is not there. One of the newer kind
 * that all have left ends.
 */
function groupToJoin(
  shard: GroupShard,
  groupId: string,
  mayCreate: boolean,
): ClassicGroup | null {
  const group = classicGroup(shard, groupId);
  if (group !== null || !mayCreate) return group;
  const ended = shard.state.groups.get(groupId);
  if (ended !== undefined) shard.append(ended.tombstones());
  const created = new ClassicGroup(groupId);
  shard.state.groups.set(groupId, created);
  return created;
}

/** `null` where there is none, or one of the newer kind. */
function classicGroup(shard: GroupShard, groupId: string): ClassicGroup | null {
  const group = shard.state.groups.get(groupId);
  return group instanceof ClassicGroup ? group : null;
}

/** A group of the newer kind with members in it; `null` where there is none. */
function newerGroup(shard: GroupShard, groupId: string): ConsumerGroup | null {
  const group = shard.state.groups.get(groupId);
  return group instanceof ConsumerGroup && !group.isEmpty ? group : null;
}

function checkGroupId(groupId: string): void {
  if (groupId === "") {
    throw new KafkaError("INVALID_GROUP_ID", "The group id is empty.");
  }
}

function checkSessionTimeout(
  { config }: GroupCoordinator,
  sessionTimeoutMs: number,
): void {
  const minMs = config["group.min.session.timeout.ms"];
  const maxMs = config["group.max.session.timeout.ms"];
  if (sessionTimeoutMs >= minMs && sessionTimeoutMs <= maxMs) return;
  throw new KafkaError(
    "INVALID_SESSION_TIMEOUT",
    `A session timeout of ${sessionTimeoutMs} ms is not within ${minMs} and ${maxMs} ms.`,
  );
}

/** A random UUID in its usual form. */
function newUuid({ host }: GroupCoordinator): string {
  const bytes = host.randomBytes(16);
  bytes[6] = bytes[6] & 0x0f | 0x40;
  bytes[8] = bytes[8] & 0x3f | 0x80;
  const hex = encodeHex(bytes);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
