// Members end; where only members of the classic protocol are left, the group
// becomes a classic one.

import { ClassicGroup } from "../classic/classic_group.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import type { Now } from "../../shards/shard_content.ts";
import type { GroupShard } from "../group_content.ts";
import type { ConsumerGroup } from "./consumer_group.ts";
import { type ConsumerSettings, mayMigrate } from "./consumer_settings.ts";
import { decideRemoval } from "./decide_removal.ts";
import { canDowngrade, downgradeRecords } from "./migrate.ts";

/** The records that end members, and what follows from that for the group. */
export function removal(
  settings: ConsumerSettings,
  group: ConsumerGroup,
  memberIds: ReadonlySet<string>,
  { wallMs }: Now,
): CoordinatorRecord[] {
  const view = settings.view();
  const isDowngrade = mayMigrate(settings, "downgrade") &&
    canDowngrade(group, memberIds) && endsNewer(group, memberIds);
  return isDowngrade
    ? downgradeRecords(group, memberIds, { view, wallMs })
    : decideRemoval(group, memberIds, view);
}

/** To be called once the records are applied. */
export function removed(
  settings: ConsumerSettings,
  shard: GroupShard,
  groupId: string,
): void {
  const group = shard.state.groups.get(groupId);
  if (group instanceof ClassicGroup) settings.rebalanceClassic(shard, group);
}

/** Whether a member of the newer protocol is among those who go. */
function endsNewer(
  group: ConsumerGroup,
  memberIds: ReadonlySet<string>,
): boolean {
  for (const memberId of memberIds) {
    if (group.members.get(memberId)?.classic === null) return true;
  }
  return false;
}
