// A group changes its kind while members are in it: to the newer one when the
// first member of the newer protocol joins, back when the last has gone.
//
// Source: KIP-848, "Supporting Online Consumer Group Upgrade".

import { CONSUMER_PROTOCOL_TYPE } from "../classic/classic_group.ts";
import type { ClassicGroup } from "../classic/classic_group.ts";
import type { ClassicMember } from "../classic/classic_member.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import type { Group } from "../group.ts";
import { applyConsumerRecord } from "./apply_consumer_record.ts";
import { ConsumerGroup } from "./consumer_group.ts";
import {
  type ConsumerMember,
  MemberState,
  newMember,
} from "./consumer_member.ts";
import {
  currentRecord,
  groupMetadataRecord,
  memberRecord,
  partitionMetadataRecord,
  targetEpochRecord,
  targetRecord,
} from "./consumer_records.ts";
import {
  formatAssignment,
  parseAssignment,
  parseSubscription,
} from "./embedded_protocol.ts";
import { Subscriptions, type TopicsView } from "./topics_view.ts";

/** `group.consumer.migration.policy`. */
export type MigrationPolicy =
  | "disabled"
  | "upgrade"
  | "downgrade"
  | "bidirectional";

/** A group of the newer kind with the members of a classic one. */
export interface Upgrade {
  /** They end the classic group and make the other. */
  readonly records: readonly CoordinatorRecord[];
  /** As it will be once the records are applied. */
  readonly group: ConsumerGroup;
}

/**
 * Makes a group of the newer kind out of a classic one; members keep what they
 * have, and their generation becomes their epoch.
 *
 * @returns null where the members are no consumers, or say it in bytes that
 * cannot be read.
 */
export function upgrade(
  classicGroup: ClassicGroup,
  view: TopicsView,
): Upgrade | null {
  const { groupId, generation, protocolType } = classicGroup;
  if (protocolType !== CONSUMER_PROTOCOL_TYPE) return null;
  const members: ConsumerMember[] = [];
  for (const each of classicGroup.members.values()) {
    const member = upgradedMember(each, { generation, view });
    if (member === null) return null;
    members.push(member);
  }
  const records: CoordinatorRecord[] = [
    ...members.map((member) => memberRecord(groupId, member)),
    partitionMetadataRecord(
      groupId,
      new Subscriptions(view).topicsOfAll(members),
    ),
    groupMetadataRecord(groupId, generation),
    ...members.map(({ memberId, assigned }) =>
      targetRecord(groupId, memberId, assigned)
    ),
    targetEpochRecord(groupId, generation),
    ...members.map((member) => currentRecord(groupId, member)),
  ];
  const group = new ConsumerGroup(groupId);
  const groups = new Map<string, Group>([[groupId, group]]);
  for (const record of records) applyConsumerRecord(groups, record);
  return { records: [...classicGroup.tombstones(), ...records], group };
}

function upgradedMember(
  member: ClassicMember,
  { generation, view }: {
    readonly generation: number;
    readonly view: TopicsView;
  },
): ConsumerMember | null {
  const { memberId, groupInstanceId, clientId, clientHost, protocols } = member;
  const subscription = protocols.length === 0
    ? null
    : parseSubscription(protocols[0].metadata);
  const assigned = parseAssignment(member.assignment, view);
  if (subscription === null || assigned === null) return null;
  return {
    ...newMember(memberId),
    instanceId: groupInstanceId,
    rackId: subscription.rackId,
    clientId,
    clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    subscribedTopicNames: [...new Set(subscription.topics)].sort(),
    classic: {
      sessionTimeoutMs: member.sessionTimeoutMs,
      supportedProtocols: protocols,
    },
    memberEpoch: generation,
    previousMemberEpoch: generation,
    state: MemberState.STABLE,
    assigned,
  };
}

/** Whether all who would be left speak the classic protocol, and somebody would. */
export function canDowngrade(
  group: ConsumerGroup,
  leaving: ReadonlySet<string>,
): boolean {
  let left = 0;
  for (const { memberId, classic } of group.members.values()) {
    if (leaving.has(memberId)) continue;
    if (classic === null) return false;
    left++;
  }
  return left > 0;
}

/**
 * The records that make a classic group out of a group and those of its members
 * that stay; they are in the group's epoch as their generation.
 *
 * @param leaving Members that do not stay; all others speak the classic protocol.
 */
export function downgradeRecords(
  group: ConsumerGroup,
  leaving: ReadonlySet<string>,
  { view, wallMs }: { readonly view: TopicsView; readonly wallMs: number },
): CoordinatorRecord[] {
  const members = [...group.members.values()].flatMap((member) =>
    leaving.has(member.memberId) || member.classic === null
      ? []
      : [{ ...member, classic: member.classic }]
  );
  const protocol = commonProtocol(members.map(({ classic }) => classic));
  return [
    ...group.tombstones(),
    {
      kind: "groupMetadata",
      key: { group: group.groupId },
      value: {
        protocolType: CONSUMER_PROTOCOL_TYPE,
        generation: group.groupEpoch,
        protocol,
        leader: members[0].memberId,
        currentStateTimestamp: wallMs,
        members: members.map((member) => {
          const { supportedProtocols, sessionTimeoutMs } = member.classic;
          const subscription = supportedProtocols.find(({ name }) =>
            name === protocol
          )?.metadata ?? supportedProtocols[0].metadata;
          return {
            memberId: member.memberId,
            groupInstanceId: member.instanceId,
            clientId: member.clientId,
            clientHost: member.clientHost,
            rebalanceTimeout: member.rebalanceTimeoutMs,
            sessionTimeout: sessionTimeoutMs,
            subscription,
            assignment: formatAssignment(group.target(member.memberId), {
              subscription,
              view,
            }),
          };
        }),
      },
    },
  ];
}

function commonProtocol(
  sides: readonly {
    readonly supportedProtocols: readonly { readonly name: string }[];
  }[],
): string | null {
  const [first, ...others] = sides;
  return first.supportedProtocols.find(({ name }) =>
    others.every(({ supportedProtocols }) =>
      supportedProtocols.some((each) => each.name === name)
    )
  )?.name ?? null;
}
