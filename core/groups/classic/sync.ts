// SyncGroup: the leader hands in the assignment, everybody gets their part.
//
// Source: observed on Kafka 3.9; KIP-559 (protocol type and name in the request).

import { NO_BYTES } from "../../base/bytes.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import { type ClassicGroup, refusedSync } from "./classic_group.ts";
import type {
  ClassicMember,
  SyncReply,
  SyncResponse,
} from "./classic_member.ts";
import { rebalance, refuseSyncs } from "./rebalance.ts";
import type { Step } from "./step.ts";

export interface SyncEvent {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generation: number;
  /** `null` where the client does not say. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** By member id; only the leader's counts. */
  readonly assignments: ReadonlyMap<string, Uint8Array>;
  readonly reply: SyncReply;
}

/** Takes a SyncGroup; `reply` is called now or when the leader has assigned. */
export function sync(group: ClassicGroup, event: SyncEvent, step: Step): void {
  const errorCode = refusalOf(group, event);
  if (errorCode !== ErrorCode.NONE) {
    event.reply(refusedSync(errorCode));
    return;
  }
  const member = group.members.get(event.memberId)!;
  group.pendingSyncs.delete(member.memberId);
  if (group.pendingSyncs.size === 0) group.syncDeadlineMs = Infinity;
  if (group.state === "Stable") {
    group.renew(member, step.now);
    event.reply(synced(group, member));
    return;
  }
  member.awaitingSync = event.reply;
  if (group.leaderId === member.memberId) {
    takeAssignment(group, event.assignments, step);
  }
}

function refusalOf(group: ClassicGroup, event: SyncEvent): number {
  if (group.state === "Dead") return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  const errorCode = group.checkMember(event.memberId, event.groupInstanceId);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  if (event.generation !== group.generation) {
    return ErrorCode.ILLEGAL_GENERATION;
  }
  const { protocolType, protocolName } = event;
  if (
    (protocolType !== null && protocolType !== group.protocolType) ||
    (protocolName !== null && protocolName !== group.protocolName)
  ) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  if (group.state === "Empty") return ErrorCode.UNKNOWN_MEMBER_ID;
  return group.state === "PreparingRebalance"
    ? ErrorCode.REBALANCE_IN_PROGRESS
    : ErrorCode.NONE;
}

/** Stores what the leader has assigned; then everybody gets it who has asked. */
function takeAssignment(
  group: ClassicGroup,
  assignments: ReadonlyMap<string, Uint8Array>,
  step: Step,
): void {
  const record = group.record(({ memberId }) =>
    assignments.get(memberId) ?? NO_BYTES
  );
  step.write([record], (errorCode) => {
    if (errorCode !== ErrorCode.NONE) {
      refuseSyncs(group, errorCode, step);
      rebalance(group, step);
      return;
    }
    for (const member of group.members.values()) {
      if (member.awaitingSync === null) continue;
      member.answerSync(synced(group, member));
      group.renew(member, step.now);
    }
  });
}

function synced(group: ClassicGroup, member: ClassicMember): SyncResponse {
  return {
    errorCode: ErrorCode.NONE,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
}
