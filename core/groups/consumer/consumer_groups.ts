// The groups of the newer kind in a coordinator: from a heartbeat to its decision
// and its answer.

import { KafkaError } from "../../wire/kafka/errors.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
import { ClassicGroup } from "../classic/classic_group.ts";
import type { Caller } from "../classic/classic_protocol.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import type { GroupShard } from "../group_content.ts";
import type { ShardState } from "../shard_state.ts";
import { ClassicMembers, sendAway } from "./classic_members.ts";
import { ConsumerGroup } from "./consumer_group.ts";
import { JOINING_EPOCH, MemberState } from "./consumer_member.ts";
import {
  type ConsumerSettings,
  mayMigrate,
  rulesOf,
} from "./consumer_settings.ts";
import { decideHeartbeat, type HeartbeatDecision } from "./decide_heartbeat.ts";
import { decideLeave } from "./decide_removal.ts";
import { type DescribedGroup, describeGroup } from "./describe_group.ts";
import { checkHeartbeat } from "./heartbeat_checks.ts";
import { upgrade } from "./migrate.ts";
import { randomMemberId } from "./random_member_id.ts";
import { removal, removed } from "./remove_members.ts";
import { SessionWatch } from "./session_watch.ts";

export class ConsumerGroups {
  /** Members of the classic protocol in groups of the newer kind. */
  readonly classicMembers: ClassicMembers;
  readonly #settings: ConsumerSettings;
  readonly #watch: SessionWatch;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
    this.#watch = new SessionWatch(settings);
    this.classicMembers = new ClassicMembers(settings, this.#watch);
  }

  /** The groups of a shard that has been loaded: all members have a session's time. */
  begin(shard: GroupShard): void {
    this.#watch.begin(shard);
  }

  /**
   * Answers a heartbeat.
   *
   * @throws {KafkaError} As `shardOf`, `checkHeartbeat`, `decideHeartbeat` and
   * `decideLeave` do; GROUP_ID_NOT_FOUND.
   */
  heartbeat(
    request: ConsumerGroupHeartbeatRequest,
    { apiVersion, clientId, clientHost }: Caller,
  ): ConsumerGroupHeartbeatResponse | Promise<ConsumerGroupHeartbeatResponse> {
    const settings = this.#settings;
    const rules = rulesOf(settings);
    checkHeartbeat(request, { apiVersion, assignors: rules.assignors });
    const { groupId } = request;
    const shard = settings.shardOf(groupId);
    if (request.memberEpoch < JOINING_EPOCH) return this.#leave(shard, request);
    const named = request.memberId === ""
      ? { ...request, memberId: randomMemberId(settings.host) }
      : request;
    const before = shard.state.groups.get(groupId);
    let decision: HeartbeatDecision | null = null;
    const response = shard.run((state) => {
      const { group, records } = this.#groupToJoin(state, named);
      decision = decideHeartbeat(group, named, {
        rules,
        sender: { clientId: clientId ?? "", clientHost },
      });
      return {
        records: [...records, ...decision.records],
        response: decision.response,
      };
    });
    const group = shard.state.groups.get(groupId);
    // A first heartbeat that is refused throws, so there is one.
    if (group instanceof ConsumerGroup) {
      if (before instanceof ClassicGroup) {
        sendAway(before);
        this.#watch.beginGroup(shard, group);
      }
      group.checkedTopics = rules.view.topics;
      const { member, hasMoved } = decision!;
      this.#watch.hasLived(shard, group, member, {
        waiting: member.state !== MemberState.UNREVOKED_PARTITIONS
          ? "over"
          : hasMoved
          ? "anew"
          : "still",
      });
    }
    return response;
  }

  /**
   * A group as ConsumerGroupDescribe shows it.
   *
   * @throws {KafkaError} As `shardOf` does; GROUP_ID_NOT_FOUND.
   */
  describe(groupId: string): DescribedGroup | Promise<DescribedGroup> {
    const rules = rulesOf(this.#settings);
    return this.#settings.shardOf(groupId).run((state) => ({
      records: [],
      response: describeGroup(knownGroup(state, groupId), rules),
    }));
  }

  #leave(
    shard: GroupShard,
    request: ConsumerGroupHeartbeatRequest,
  ): ConsumerGroupHeartbeatResponse | Promise<ConsumerGroupHeartbeatResponse> {
    const { groupId, memberId, memberEpoch } = request;
    const response = shard.run((state, now) => {
      const group = knownGroup(state, groupId);
      const leaving = decideLeave(group, request);
      return {
        records: leaving.kind === "away"
          ? leaving.records
          : removal(this.#settings, group, new Set([leaving.memberId]), now),
        response: {
          throttleTimeMs: 0,
          errorCode: 0,
          errorMessage: null,
          memberId,
          memberEpoch,
          heartbeatIntervalMs: 0,
          assignment: null,
        },
      };
    });
    const group = shard.state.groups.get(groupId);
    const member = group instanceof ConsumerGroup
      ? group.members.get(memberId)
      : undefined;
    if (member !== undefined) {
      // It is away, and has the time of a session to come back.
      const sign = { waiting: "over" } as const;
      this.#watch.hasLived(shard, group as ConsumerGroup, member, sign);
    }
    removed(this.#settings, shard, groupId);
    return response;
  }

  /**
   * The group that a heartbeat is about; a new one where it joins one that is not
   * there, or that is of the classic kind.
   *
   * @throws {KafkaError} GROUP_ID_NOT_FOUND.
   */
  #groupToJoin(
    state: ShardState,
    { groupId, memberEpoch }: ConsumerGroupHeartbeatRequest,
  ): { group: ConsumerGroup; records: readonly CoordinatorRecord[] } {
    const group = state.groups.get(groupId);
    if (memberEpoch === JOINING_EPOCH) {
      if (group === undefined) {
        return { group: new ConsumerGroup(groupId), records: [] };
      }
      if (group instanceof ClassicGroup) {
        const made = this.#fromClassic(group);
        if (made !== null) return made;
      }
    }
    return { group: knownGroup(state, groupId), records: [] };
  }

  /** null where the classic group has to stay one. */
  #fromClassic(classicGroup: ClassicGroup) {
    const { groupId, isEmpty, protocolType } = classicGroup;
    if (isEmpty) {
      // One that only has offsets has no record to end.
      const records = protocolType === "" ? [] : classicGroup.tombstones();
      return { group: new ConsumerGroup(groupId), records };
    }
    if (!mayMigrate(this.#settings, "upgrade")) return null;
    const { sizeMax, view } = rulesOf(this.#settings);
    if (classicGroup.members.size >= sizeMax) return null;
    return upgrade(classicGroup, view);
  }
}

/** @throws {KafkaError} GROUP_ID_NOT_FOUND. */
function knownGroup(state: ShardState, groupId: string): ConsumerGroup {
  const group = state.groups.get(groupId);
  if (group instanceof ConsumerGroup) return group;
  throw new KafkaError(
    "GROUP_ID_NOT_FOUND",
    group === undefined
      ? `There is no group "${groupId}".`
      : `Group "${groupId}" is not a consumer group of the newer kind.`,
  );
}
