// The groups of the newer kind in a coordinator: from a heartbeat to its
// decision, and the deadlines that end members.

import type { BrokerConfig } from "../../config/broker_config.ts";
import type { Host } from "../../host/host.ts";
import { KafkaError } from "../../wire/kafka/errors.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
import { serverAssignors } from "../assignors/server_assignors.ts";
import { ClassicGroup } from "../classic/classic_group.ts";
import type { Caller } from "../classic/classic_protocol.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import type { Now } from "../group.ts";
import type { GroupShard } from "../group_shard.ts";
import type { ShardState } from "../shard_state.ts";
import { ConsumerGroup } from "./consumer_group.ts";
import {
  type ConsumerMember,
  JOINING_EPOCH,
  MemberState,
} from "./consumer_member.ts";
import {
  type ConsumerRules,
  decideHeartbeat,
  type HeartbeatDecision,
} from "./decide_heartbeat.ts";
import { decideLeave, decideRemoval } from "./decide_removal.ts";
import { type DescribedGroup, describeGroup } from "./describe_group.ts";
import { checkHeartbeat } from "./heartbeat_checks.ts";
import { randomMemberId } from "./random_member_id.ts";
import type { TopicsView } from "./topics_view.ts";

/** What the groups ask of their broker. */
export interface ConsumerGroupsOptions {
  readonly host: Host;
  /** The configuration now in force. */
  readonly config: () => BrokerConfig;
  /** The cluster's topics now. */
  readonly view: () => TopicsView;
  /**
   * The shard of a group, ready to decide.
   *
   * @throws {KafkaError} NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS…
   */
  readonly shardOf: (groupId: string) => GroupShard;
  readonly trace: (line: string) => void;
}

export class ConsumerGroups {
  readonly #options: ConsumerGroupsOptions;

  constructor(options: ConsumerGroupsOptions) {
    this.#options = options;
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
    const rules = this.#rules();
    checkHeartbeat(request, { apiVersion, assignors: rules.assignors });
    const shard = this.#options.shardOf(request.groupId);
    if (request.memberEpoch < JOINING_EPOCH) return this.#leave(shard, request);
    const named = request.memberId === ""
      ? { ...request, memberId: randomMemberId(this.#options.host) }
      : request;
    let decision: HeartbeatDecision | null = null;
    const response = shard.run((state) => {
      const { group, records } = groupToJoin(state, named);
      decision = decideHeartbeat(group, named, {
        rules,
        sender: { clientId: clientId ?? "", clientHost },
      });
      return {
        records: [...records, ...decision.records],
        response: decision.response,
      };
    });
    this.#hasLived(shard, request.groupId, decision!, rules.view);
    return response;
  }

  /**
   * A group as ConsumerGroupDescribe shows it.
   *
   * @throws {KafkaError} As `shardOf` does; GROUP_ID_NOT_FOUND.
   */
  describe(groupId: string): DescribedGroup | Promise<DescribedGroup> {
    const rules = this.#rules();
    return this.#options.shardOf(groupId).run((state) => ({
      records: [],
      response: describeGroup(knownGroup(state, groupId), rules),
    }));
  }

  /** The groups of a shard that has been loaded: all members have a session's time. */
  begin(shard: GroupShard): void {
    const now = shard.now();
    for (const group of shard.state.groups.values()) {
      if (!(group instanceof ConsumerGroup)) continue;
      for (const member of group.members.values()) {
        group.deadlines.renew(
          member.memberId,
          now.monotonicMs + this.#sessionMs(member),
        );
        this.#expectRelease(group, member, now);
      }
      this.#arm(shard, group);
    }
  }

  #leave(
    shard: GroupShard,
    request: ConsumerGroupHeartbeatRequest,
  ): ConsumerGroupHeartbeatResponse | Promise<ConsumerGroupHeartbeatResponse> {
    const view = this.#options.view();
    return shard.run((state) => {
      const group = knownGroup(state, request.groupId);
      const leaving = decideLeave(group, request);
      return {
        records: leaving.kind === "away"
          ? leaving.records
          : decideRemoval(group, new Set([leaving.memberId]), view),
        response: {
          throttleTimeMs: 0,
          errorCode: 0,
          errorMessage: null,
          memberId: request.memberId,
          memberEpoch: request.memberEpoch,
          heartbeatIntervalMs: 0,
          assignment: null,
        },
      };
    });
  }

  #hasLived(
    shard: GroupShard,
    groupId: string,
    { member, hasMoved }: HeartbeatDecision,
    view: TopicsView,
  ): void {
    const group = shard.state.groups.get(groupId);
    if (!(group instanceof ConsumerGroup)) return;
    group.checkedTopics = view.topics;
    const now = shard.now();
    group.deadlines.renew(
      member.memberId,
      now.monotonicMs + this.#sessionMs(member),
    );
    if (hasMoved || !group.deadlines.expectsRelease(member.memberId)) {
      this.#expectRelease(group, member, now);
    }
    this.#arm(shard, group);
  }

  #expectRelease(group: ConsumerGroup, member: ConsumerMember, now: Now): void {
    const isLettingGo = member.state === MemberState.UNREVOKED_PARTITIONS;
    group.deadlines.expectRelease(
      member.memberId,
      isLettingGo && member.rebalanceTimeoutMs >= 0
        ? now.monotonicMs + member.rebalanceTimeoutMs
        : Infinity,
    );
  }

  #arm(shard: GroupShard, group: ConsumerGroup): void {
    const { groupId, deadlines } = group;
    shard.timers.ensure(
      `${TIMER_PREFIX}${groupId}`,
      deadlines.nextMs,
      () => this.#expire(shard, groupId),
    );
  }

  /** Ends members that are over time. */
  #expire(shard: GroupShard, groupId: string): void {
    const group = shard.state.groups.get(groupId);
    if (!shard.isActive || !(group instanceof ConsumerGroup)) return;
    const overdue = new Set(group.deadlines.overdue(shard.now().monotonicMs));
    try {
      if (overdue.size > 0) {
        shard.append(decideRemoval(group, overdue, this.#options.view()));
      }
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.#options.trace(
        `Cannot end ${overdue.size} silent members of group "${groupId}": ${error.message}`,
      );
      const again = shard.now().monotonicMs + RETRY_MS;
      for (const memberId of overdue) {
        group.deadlines.renew(memberId, again);
        group.deadlines.expectRelease(memberId, Infinity);
      }
    }
    this.#arm(shard, group);
  }

  #sessionMs({ classic }: ConsumerMember): number {
    return classic?.sessionTimeoutMs ??
      this.#options.config()["group.consumer.session.timeout.ms"];
  }

  #rules(): ConsumerRules {
    const config = this.#options.config();
    return {
      view: this.#options.view(),
      assignors: serverAssignors(config["group.consumer.assignors"]),
      heartbeatIntervalMs: config["group.consumer.heartbeat.interval.ms"],
      sizeMax: config["group.consumer.max.size"],
    };
  }
}

/** Sets the deadlines apart from those of a classic group of the same id. */
const TIMER_PREFIX = "\0consumer:";

/** Between two tries to end silent members where the log refuses it. */
const RETRY_MS = 1000;

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

/**
 * The group that a heartbeat is about; a new one where it joins one that is not
 * there, or that is of the classic kind and empty.
 *
 * @throws {KafkaError} GROUP_ID_NOT_FOUND.
 */
function groupToJoin(
  state: ShardState,
  { groupId, memberEpoch }: ConsumerGroupHeartbeatRequest,
): { group: ConsumerGroup; records: readonly CoordinatorRecord[] } {
  const group = state.groups.get(groupId);
  if (memberEpoch === JOINING_EPOCH) {
    if (group === undefined) {
      return { group: new ConsumerGroup(groupId), records: [] };
    }
    if (group instanceof ClassicGroup && group.isEmpty) {
      // One that only has offsets has no record to end.
      const records = group.protocolType === "" ? [] : group.tombstones();
      return { group: new ConsumerGroup(groupId), records };
    }
  }
  return { group: knownGroup(state, groupId), records: [] };
}
