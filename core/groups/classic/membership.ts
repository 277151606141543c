// Heartbeat and LeaveGroup, and what happens to those who do neither.

import { ErrorCode } from "../../wire/kafka/errors.ts";
import type { Now } from "../../shards/shard_content.ts";
import type { ClassicGroup } from "./classic_group.ts";
import {
  completeIfAllJoined,
  joiningIsDue,
  rebalance,
  removeMember,
} from "./rebalance.ts";
import type { Step } from "./step.ts";

export interface HeartbeatEvent {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generation: number;
}

/** Takes a Heartbeat; gives its error code. Nothing but a deadline moves. */
export function heartbeat(
  group: ClassicGroup,
  event: HeartbeatEvent,
  now: Now,
): number {
  if (group.state === "Dead") return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  const errorCode = group.checkMember(event.memberId, event.groupInstanceId);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  if (event.generation !== group.generation) {
    return ErrorCode.ILLEGAL_GENERATION;
  }
  if (group.state === "Empty") return ErrorCode.UNKNOWN_MEMBER_ID;
  group.renew(group.members.get(event.memberId)!, now);
  return group.state === "PreparingRebalance"
    ? ErrorCode.REBALANCE_IN_PROGRESS
    : ErrorCode.NONE;
}

export interface LeaveEvent {
  /** `""` where an administrator names a static member by its instance alone. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** Lets one member go; gives its error code. */
export function leave(
  group: ClassicGroup,
  { memberId, groupInstanceId }: LeaveEvent,
  step: Step,
): number {
  if (memberId === "") {
    const current = groupInstanceId === null
      ? undefined
      : group.staticMembers.get(groupInstanceId);
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    removeMember(group, group.members.get(current)!, step);
    return ErrorCode.NONE;
  }
  if (group.pendingMembers.delete(memberId)) {
    if (group.state === "PreparingRebalance") completeIfAllJoined(group, step);
    return ErrorCode.NONE;
  }
  const errorCode = group.checkMember(memberId, groupInstanceId);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  removeMember(group, group.members.get(memberId)!, step);
  return ErrorCode.NONE;
}

/** Ends all whose time has come; safe to call at any moment. */
export function expire(group: ClassicGroup, step: Step): void {
  const { monotonicMs } = step.now;
  for (const [memberId, deadlineMs] of [...group.pendingMembers]) {
    if (deadlineMs > monotonicMs) continue;
    group.pendingMembers.delete(memberId);
    if (group.state === "PreparingRebalance") completeIfAllJoined(group, step);
  }
  for (const member of [...group.members.values()]) {
    if (member.dueMs <= monotonicMs) removeMember(group, member, step);
  }
  if (group.syncDeadlineMs <= monotonicMs) endSyncing(group, step);
  if (group.joinDeadlineMs <= monotonicMs) joiningIsDue(group, step);
}

/** Members that have not asked for their assignment in time are gone. */
function endSyncing(group: ClassicGroup, step: Step): void {
  group.syncDeadlineMs = Infinity;
  const missing = [...group.pendingSyncs];
  group.pendingSyncs.clear();
  if (missing.length === 0) return;
  for (const memberId of missing) group.remove(memberId);
  rebalance(group, step);
}
