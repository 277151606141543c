// JoinGroup: a member comes, comes back, or changes what it can do.
//
// A new dynamic member gets an id first and comes again with it (from version 4
// on), so that one that gave up waiting does not count. A static member is known
// by its instance id: whoever comes with that takes the place of the one before.
//
// Source: observed on Kafka 3.9; KIP-345, KIP-394, KIP-814 (skipAssignment).

import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type ClassicGroup,
  refusedJoin,
  refusedSync,
} from "./classic_group.ts";
import {
  ClassicMember,
  type JoinReply,
  type MemberDescription,
} from "./classic_member.ts";
import { completeIfAllJoined, joined, rebalance } from "./rebalance.ts";
import type { Step } from "./step.ts";

/** How long a member without an id may wait; it cannot say that it lives. */
const NEW_MEMBER_TIMEOUT_MS = 5 * 60_000;

export interface JoinEvent {
  /** Its `memberId` is `""` for one that has none yet. */
  readonly member: MemberDescription;
  /** The id that it gets where it has none. */
  readonly newMemberId: string;
  /** A dynamic member comes twice, the second time with its id. */
  readonly needsKnownId: boolean;
  /** The leader that comes back may be told that there is nothing to assign. */
  readonly canSkipAssignment: boolean;
  readonly reply: JoinReply;
}

/** Takes a JoinGroup; `reply` is called now or when the joining is complete. */
export function join(group: ClassicGroup, event: JoinEvent, step: Step): void {
  const { member, reply } = event;
  const { memberId } = member;
  if (!hasRoom(group, memberId, step)) {
    group.remove(memberId);
    group.pendingMembers.delete(memberId);
    reply(refusedJoin(ErrorCode.GROUP_MAX_SIZE_REACHED, ""));
    if (group.state === "PreparingRebalance") completeIfAllJoined(group, step);
    return;
  }
  if (group.state === "Dead") {
    reply(refusedJoin(ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId));
    return;
  }
  if (!group.supports(member.protocolType, member.protocols)) {
    reply(refusedJoin(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId));
    return;
  }
  if (memberId === "") joinUnknown(group, event, step);
  else joinKnown(group, event, step);
  if (group.state === "PreparingRebalance") completeIfAllJoined(group, step);
}

function hasRoom(group: ClassicGroup, memberId: string, step: Step): boolean {
  const { sizeMax } = step.settings;
  const known = group.members.get(memberId);
  switch (group.state) {
    case "PreparingRebalance":
      return (known !== undefined && known.awaitingJoin !== null) ||
        group.awaitingJoinCount < sizeMax;
    case "CompletingRebalance":
    case "Stable":
      return known !== undefined || group.members.size < sizeMax;
    default:
      return true;
  }
}

function joinUnknown(
  group: ClassicGroup,
  event: JoinEvent,
  step: Step,
): void {
  const { member, newMemberId } = event;
  if (member.groupInstanceId !== null) {
    const current = group.staticMembers.get(member.groupInstanceId);
    const known = current === undefined
      ? undefined
      : group.members.get(current);
    if (known === undefined) admit(group, newMemberId, event, step);
    else replaceStatic(group, known, event, step);
  } else if (event.needsKnownId) {
    group.pendingMembers.set(
      newMemberId,
      step.now.monotonicMs + member.sessionTimeoutMs,
    );
    event.reply(refusedJoin(ErrorCode.MEMBER_ID_REQUIRED, newMemberId));
  } else admit(group, newMemberId, event, step);
}

function joinKnown(group: ClassicGroup, event: JoinEvent, step: Step): void {
  const { member, reply } = event;
  const { memberId, groupInstanceId } = member;
  if (group.pendingMembers.has(memberId)) {
    admit(group, memberId, event, step);
    return;
  }
  const errorCode = group.checkMember(memberId, groupInstanceId);
  if (errorCode !== ErrorCode.NONE) {
    reply(refusedJoin(errorCode, memberId));
    return;
  }
  const known = group.members.get(memberId)!;
  const isSame = known.matches(member.protocols);
  const isLeader = group.leaderId === memberId;
  switch (group.state) {
    case "PreparingRebalance":
      return rejoin(group, known, event, step);
    case "CompletingRebalance":
      // It has not got the answer: it gets the same once more.
      if (!isSame) return rejoin(group, known, event, step);
      return reply(joined(group, known));
    case "Stable":
      if (isLeader || !isSame) return rejoin(group, known, event, step);
      return reply(joined(group, known, { withMembers: false }));
    default:
      return reply(refusedJoin(ErrorCode.UNKNOWN_MEMBER_ID, memberId));
  }
}

/** A member that the group did not have. */
function admit(
  group: ClassicGroup,
  memberId: string,
  { member, reply }: JoinEvent,
  step: Step,
): void {
  const admitted = new ClassicMember({ ...member, memberId });
  admitted.isNew = true;
  admitted.deadlineMs = step.now.monotonicMs + NEW_MEMBER_TIMEOUT_MS;
  if (group.initialDelay !== null && group.generation === 0) {
    group.hasNewMember = true;
  }
  group.add(admitted, reply);
  rebalance(group, step);
}

/** A member that the group has comes again. */
function rejoin(
  group: ClassicGroup,
  known: ClassicMember,
  event: JoinEvent,
  step: Step,
): void {
  update(known, event);
  rebalance(group, step);
}

function update(known: ClassicMember, { member, reply }: JoinEvent): void {
  known.protocols = member.protocols;
  known.rebalanceTimeoutMs = member.rebalanceTimeoutMs;
  known.sessionTimeoutMs = member.sessionTimeoutMs;
  known.awaitingJoin = reply;
}

/**
 * A static member is back under another id. Where the group is stable and stays
 * on its protocol, that is only written down: nobody has to join again.
 */
function replaceStatic(
  group: ClassicGroup,
  known: ClassicMember,
  event: JoinEvent,
  step: Step,
): void {
  const { reply, newMemberId } = event;
  const oldId = known.memberId;
  const oldLeaderId = group.leaderId;
  const before = {
    protocols: known.protocols,
    rebalanceTimeoutMs: known.rebalanceTimeoutMs,
    sessionTimeoutMs: known.sessionTimeoutMs,
  };
  known.answerJoin(refusedJoin(ErrorCode.FENCED_INSTANCE_ID, oldId));
  known.answerSync(refusedSync(ErrorCode.FENCED_INSTANCE_ID));
  group.renameMember(known, newMemberId);
  update(known, event);
  group.renew(known, step.now);
  if (group.state === "PreparingRebalance") return;
  if (
    group.state !== "Stable" || group.electProtocol() !== group.protocolName
  ) {
    rebalance(group, step);
    return;
  }
  known.awaitingJoin = null;
  step.write([group.record(({ assignment }) => assignment)], (errorCode) => {
    if (errorCode !== ErrorCode.NONE) {
      group.renameMember(known, oldId);
      Object.assign(known, before);
      reply(refusedJoin(errorCode, ""));
      return;
    }
    const isLeader = group.leaderId === newMemberId;
    const isSkipping = event.canSkipAssignment && isLeader;
    reply({
      ...joined(group, known, { withMembers: isSkipping }),
      leader: (event.canSkipAssignment ? group.leaderId : oldLeaderId) ?? "",
      skipAssignment: isSkipping,
    });
  });
}
