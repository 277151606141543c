// What follows from a change of members or topics: the group's next epoch, and
// the target that the assignor makes for it.

import type { ServerAssignor } from "../assignors/server_assignor.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import { type Assignment, isSame, NOTHING } from "./assignment.ts";
import type { ConsumerGroup, SubscribedTopic } from "./consumer_group.ts";
import type { ConsumerMember } from "./consumer_member.ts";
import {
  groupMetadataRecord,
  partitionMetadataRecord,
  targetEpochRecord,
  targetRecord,
} from "./consumer_records.ts";
import {
  hasSameTopics,
  Subscriptions,
  type TopicsView,
} from "./topics_view.ts";

/** A group's epoch and what it stands for. */
export interface NextEpoch {
  readonly groupEpoch: number;
  readonly topics: ReadonlyMap<string, SubscribedTopic>;
  readonly records: readonly CoordinatorRecord[];
}

/**
 * The epoch of a group after a change of its members.
 *
 * @param members As they are after the change.
 * @param isChanged Whether the change alone makes a new epoch; the topics may too.
 */
export function nextEpoch(
  group: ConsumerGroup,
  members: Iterable<ConsumerMember>,
  { view, isChanged }: {
    readonly view: TopicsView;
    readonly isChanged: boolean;
  },
): NextEpoch {
  const { groupId } = group;
  const topics = new Subscriptions(view).topicsOfAll(members);
  const records: CoordinatorRecord[] = [];
  const areTopicsNew = !hasSameTopics(group, topics);
  if (areTopicsNew) records.push(partitionMetadataRecord(groupId, topics));
  if (!areTopicsNew && !isChanged) {
    return { groupEpoch: group.groupEpoch, topics: group.topics, records };
  }
  const groupEpoch = group.groupEpoch + 1;
  records.push(groupMetadataRecord(groupId, groupEpoch));
  return { groupEpoch, topics, records };
}

export interface TargetInput {
  readonly groupId: string;
  /** As they are after the change. */
  readonly members: readonly ConsumerMember[];
  /** What each member was to have until now; `undefined` where that is not stored. */
  readonly before: (memberId: string) => Assignment | undefined;
  readonly epoch: NextEpoch;
  readonly assignors: readonly ServerAssignor[];
  readonly view: TopicsView;
}

export interface NextTarget {
  readonly targets: ReadonlyMap<string, Assignment>;
  /** Only of those whose target changes, and the epoch. */
  readonly records: readonly CoordinatorRecord[];
}

/** The target for an epoch. */
export function nextTarget(input: TargetInput): NextTarget {
  const { groupId, members, before, epoch, assignors, view } = input;
  const subscriptions = new Subscriptions(view);
  const targets = preferredAssignor(members, assignors).assign({
    members: members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      topicIds: new Set(
        subscriptions.topicsOf(member).map(({ topicId }) => topicId),
      ),
      current: before(member.memberId) ?? NOTHING,
    })),
    partitionCounts: new Map(
      Array.from(
        epoch.topics.values(),
        ({ topicId, partitionCount }) => [topicId, partitionCount],
      ),
    ),
  });
  const records: CoordinatorRecord[] = [];
  for (const [memberId, target] of targets) {
    const old = before(memberId);
    if (old === undefined || !isSame(old, target)) {
      records.push(targetRecord(groupId, memberId, target));
    }
  }
  records.push(targetEpochRecord(groupId, epoch.groupEpoch));
  return { targets, records };
}

/** The assignor that most members ask for; the default where none does. */
export function preferredAssignor(
  members: Iterable<ConsumerMember>,
  assignors: readonly ServerAssignor[],
): ServerAssignor {
  const votes = new Map<string, number>();
  for (const { serverAssignor } of members) {
    if (serverAssignor === null) continue;
    votes.set(serverAssignor, (votes.get(serverAssignor) ?? 0) + 1);
  }
  let preferred = assignors[0];
  for (const assignor of assignors) {
    const count = votes.get(assignor.name) ?? 0;
    if (count > (votes.get(preferred.name) ?? 0)) preferred = assignor;
  }
  return preferred;
}
