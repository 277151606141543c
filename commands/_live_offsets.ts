// Moves a group while its members live: they are removed, the offsets are written
// while nobody is in the group, and the members join again where they now stand.
//
// A member hears that it was removed with its next heartbeat or commit, which is
// refused; so that nothing it had in hand is committed after the move.

import type { Admin, GroupDescription } from "../core/client/admin.ts";
import type {
  CommitResult,
  OffsetToCommit,
} from "../core/client/group_offsets.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";
import { memberLabel } from "./_groups.ts";

/** After so many attempts, members that the broker says it does not know stay. */
const UNKNOWN_COUNT_MAX = 3;

/**
 * Sets offsets of a group, removing whoever is in it.
 *
 * @returns As `alterGroupOffsets`; `UNKNOWN_MEMBER_ID` where members came back
 * faster than the offsets, time and again.
 * @throws {KafkaError} Where the coordinator removes nobody; `NON_EMPTY_GROUP`
 * where it removes no members of the group's protocol.
 */
export async function liveOffsets(
  admin: Admin,
  group: string,
  offsets: readonly OffsetToCommit[],
): Promise<CommitResult[]> {
  const { cluster } = admin;
  const deadlineMs = cluster.deadline();
  let unknownCount = 0;
  for (let attempt = 1;; attempt++) {
    const [{ value }] = await admin.describeGroups([group]);
    const members = value?.members ?? [];
    if (members.length > 0) {
      const removed = await admin.removeMembers(group, members, {
        reason: "offsets are being moved",
      });
      const refusal = removed.find(({ error }) =>
        error !== null && error.errorName !== "UNKNOWN_MEMBER_ID"
      );
      if (refusal !== undefined) throw refusal.error;
      // A member may go by itself just then, but not time and again.
      const isUnknown = removed.every(({ error }) => error !== null);
      unknownCount = isUnknown ? unknownCount + 1 : 0;
      if (unknownCount >= UNKNOWN_COUNT_MAX) throw notRemoved(value!);
    }
    const results = await admin.alterGroupOffsets(group, offsets);
    const isHeld = results.some(({ error }) =>
      error?.errorName === "UNKNOWN_MEMBER_ID" ||
      error?.errorName === "REBALANCE_IN_PROGRESS"
    );
    if (!isHeld) return results;
    // A member that has just joined is removed at once; the pauses grow.
    if (attempt > 3 && !await cluster.pause(attempt - 3, deadlineMs)) {
      return results;
    }
  }
}

function notRemoved(group: GroupDescription): KafkaError {
  const holders = group.members.map(memberLabel).join("; ");
  return new KafkaError(
    "NON_EMPTY_GROUP",
    `the group is active (${group.state}), held by ${holders}; its broker does ` +
      `not remove members that speak group.protocol=${group.type}, as kq's do: ` +
      "stop them",
  );
}
