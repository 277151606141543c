// How a classic group goes from one generation to the next: everybody joins
// again, or is gone when the time is up; a protocol is elected; the leader is
// told who is there, and has to assign.
//
// Source: observed on Kafka 3.9; KIP-134 (the first rebalance waits, and waits
// longer while members still come).

import { NO_BYTES } from "../../base/bytes.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type ClassicGroup,
  refusedJoin,
  refusedSync,
} from "./classic_group.ts";
import type { ClassicMember, JoinResponse } from "./classic_member.ts";
import type { Step } from "./step.ts";

/** Something has changed: joins begin, or those under way may be complete. */
export function rebalance(group: ClassicGroup, step: Step): void {
  if (group.state === "PreparingRebalance") completeIfAllJoined(group, step);
  else if (group.state !== "Dead") beginJoining(group, step);
}

/** Asks all members to join again. */
function beginJoining(group: ClassicGroup, step: Step): void {
  if (group.state === "CompletingRebalance") {
    refuseSyncs(group, ErrorCode.REBALANCE_IN_PROGRESS, step);
  }
  group.syncDeadlineMs = Infinity;
  group.pendingSyncs.clear();
  const isFirst = group.state === "Empty";
  const timeoutMs = group.rebalanceTimeoutMs;
  group.moveTo("PreparingRebalance", step.now);
  if (!isFirst) {
    group.joinDeadlineMs = step.now.monotonicMs + timeoutMs;
    completeIfAllJoined(group, step);
    return;
  }
  const delayMs = Math.min(step.settings.initialDelayMs, timeoutMs);
  group.hasNewMember = false;
  group.initialDelay = { remainingMs: Math.max(timeoutMs - delayMs, 0) };
  group.joinDeadlineMs = step.now.monotonicMs + delayMs;
  if (delayMs === 0) joiningIsDue(group, step);
}

/** Ends the joining where everybody has; the first rebalance always waits. */
export function completeIfAllJoined(group: ClassicGroup, step: Step): void {
  if (group.initialDelay === null && group.hasAllJoined) {
    completeJoining(group, step);
  }
}

/** The time to join is up. */
export function joiningIsDue(group: ClassicGroup, step: Step): void {
  const { initialDelay } = group;
  if (
    initialDelay === null || !group.hasNewMember ||
    initialDelay.remainingMs <= 0
  ) {
    completeJoining(group, step);
    return;
  }
  const { initialDelayMs } = step.settings;
  const delayMs = Math.min(initialDelayMs, initialDelay.remainingMs);
  group.hasNewMember = false;
  group.initialDelay = { remainingMs: initialDelay.remainingMs - delayMs };
  group.joinDeadlineMs = step.now.monotonicMs + delayMs;
}

function completeJoining(group: ClassicGroup, step: Step): void {
  group.initialDelay = null;
  group.joinDeadlineMs = Infinity;
  for (const member of [...group.members.values()]) {
    if (member.awaitingJoin === null && !member.isStatic) {
      group.remove(member.memberId);
    }
  }
  if (group.members.size > 0 && !hasLeaderJoined(group)) {
    // Only static members, all of them away: they may yet come.
    group.joinDeadlineMs = step.now.monotonicMs + group.rebalanceTimeoutMs;
    return;
  }
  group.generation++;
  if (group.members.size === 0) becomeEmpty(group, step);
  else tellMembers(group, step);
}

/** The leader has to be someone who is there. */
function hasLeaderJoined(group: ClassicGroup): boolean {
  if (group.leader !== null && group.leader.awaitingJoin !== null) return true;
  for (const member of group.members.values()) {
    if (member.awaitingJoin === null) continue;
    group.leaderId = member.memberId;
    return true;
  }
  return false;
}

function becomeEmpty(group: ClassicGroup, step: Step): void {
  group.protocolName = null;
  group.leaderId = null;
  group.moveTo("Empty", step.now);
  // Where that cannot be stored, a restart brings the last generation back, and
  // its members' sessions end.
  step.write([group.record(() => NO_BYTES)], () => {});
}

function tellMembers(group: ClassicGroup, step: Step): void {
  const { monotonicMs } = step.now;
  group.protocolName = group.electProtocol();
  group.moveTo("CompletingRebalance", step.now);
  group.syncDeadlineMs = monotonicMs + group.rebalanceTimeoutMs;
  for (const member of group.members.values()) {
    group.pendingSyncs.add(member.memberId);
    member.isNew = false;
    group.renew(member, step.now);
    member.answerJoin(joined(group, member));
  }
}

/** What a member is told of the generation; only the leader is told of the others. */
export function joined(
  group: ClassicGroup,
  member: ClassicMember,
  options: { readonly withMembers: boolean } = {
    withMembers: group.leaderId === member.memberId,
  },
): JoinResponse {
  return {
    errorCode: ErrorCode.NONE,
    generationId: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? "",
    memberId: member.memberId,
    members: options.withMembers ? membersForLeader(group) : [],
  };
}

/** What the leader assigns by. */
export function membersForLeader(group: ClassicGroup) {
  return [...group.members.values()].map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    metadata: member.metadataFor(group.protocolName),
  }));
}

/** Sends away all who wait for an assignment, which nobody has any more. */
export function refuseSyncs(
  group: ClassicGroup,
  errorCode: number,
  step: Step,
): void {
  for (const member of group.members.values()) {
    member.assignment = NO_BYTES;
    if (member.awaitingSync === null) continue;
    group.renew(member, step.now);
    member.answerSync(refusedSync(errorCode));
  }
}

/** A member has left or is gone. */
export function removeMember(
  group: ClassicGroup,
  member: ClassicMember,
  step: Step,
): void {
  // A new one may still wait; told so, it comes again.
  member.answerJoin(refusedJoin(ErrorCode.UNKNOWN_MEMBER_ID, ""));
  member.answerSync(refusedSync(ErrorCode.UNKNOWN_MEMBER_ID));
  group.remove(member.memberId);
  if (group.state !== "Empty") rebalance(group, step);
}
