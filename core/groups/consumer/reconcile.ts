// The next step of a member towards its target: what it keeps, what it must let
// go of, what it gets. A partition goes to a member only once no other has it.
//
// The member's epoch follows the target's as soon as it has let go of all that
// the target does not give it; until then it stays in its old epoch, in which
// its commits for those partitions are still good.
//
// Source: KIP-848, "Member Assignment Reconciliation"; observed on Kafka 3.9.

import {
  type Assignment,
  common,
  filter,
  isSame,
  isWithin,
  NOTHING,
  overlaps,
  together,
  without,
} from "./assignment.ts";
import { KafkaError } from "../../wire/kafka/errors.ts";
import { type ConsumerMember, MemberState } from "./consumer_member.ts";

/** What a step depends on, besides the member. */
export interface ReconcileInput {
  readonly targetEpoch: number;
  readonly target: Assignment;
  /** What the member says it has; null where it does not say. */
  readonly owned: Assignment | null;
  /** Whether some member has a partition, be it to let go of. */
  readonly isHeld: (topicId: string, partition: number) => boolean;
}

/**
 * Takes one step; gives the same member where there is none to take.
 *
 * @throws {KafkaError} FENCED_MEMBER_EPOCH where the member is in a state that
 * is not known and has more than is known of.
 */
export function reconcile(
  member: ConsumerMember,
  input: ReconcileInput,
): ConsumerMember {
  const { targetEpoch, owned } = input;
  switch (member.state) {
    case MemberState.STABLE:
      return member.memberEpoch === targetEpoch
        ? member
        : step(member, member.memberEpoch, input);
    case MemberState.UNREVOKED_PARTITIONS:
      // Only the member can say that it has let go.
      return owned === null || overlaps(owned, member.pendingRevocation)
        ? member
        // Having let go, it is past the epoch in which it was asked to.
        : step(member, member.memberEpoch + 1, input);
    case MemberState.UNRELEASED_PARTITIONS:
      return step(member, member.memberEpoch, input);
    default:
      if (owned === null || !isWithin(owned, member.assigned)) {
        throw new KafkaError(
          "FENCED_MEMBER_EPOCH",
          `Member ${member.memberId} is in a state that this coordinator does not know. ` +
            "It must let go of all its partitions and rejoin.",
        );
      }
      return step(member, member.memberEpoch, input);
  }
}

function step(
  member: ConsumerMember,
  epochBefore: number,
  { targetEpoch, target, owned, isHeld }: ReconcileInput,
): ConsumerMember {
  const kept = common(member.assigned, target);
  const toRevoke = without(member.assigned, target);
  if (toRevoke.size > 0 && (owned === null || overlaps(owned, toRevoke))) {
    return changed(member, {
      state: MemberState.UNREVOKED_PARTITIONS,
      memberEpoch: epochBefore,
      assigned: kept,
      pendingRevocation: toRevoke,
    });
  }
  const missing = without(target, kept);
  // What the member itself has just let go of is free at its next step.
  const free = filter(
    missing,
    (topicId, partition) => !isHeld(topicId, partition),
  );
  return changed(member, {
    state: without(missing, free).size > 0
      ? MemberState.UNRELEASED_PARTITIONS
      : MemberState.STABLE,
    memberEpoch: targetEpoch,
    assigned: together(kept, free),
    pendingRevocation: NOTHING,
  });
}

function changed(
  member: ConsumerMember,
  next: Pick<
    ConsumerMember,
    "state" | "memberEpoch" | "assigned" | "pendingRevocation"
  >,
): ConsumerMember {
  // A member that is heard of in its epoch has left the one before for good.
  const isTheSame = next.state === member.state &&
    next.memberEpoch === member.memberEpoch &&
    member.previousMemberEpoch === member.memberEpoch &&
    isSame(next.assigned, member.assigned) &&
    isSame(next.pendingRevocation, member.pendingRevocation);
  if (isTheSame) return member;
  return { ...member, ...next, previousMemberEpoch: member.memberEpoch };
}
