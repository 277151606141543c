// The requests of members that speak the classic protocol, where their group is
// of the newer kind.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import type { HeartbeatRequest } from "../../wire/kafka/messages/heartbeat.ts";
import type { JoinGroupRequest } from "../../wire/kafka/messages/join_group.ts";
import type { SyncGroupRequest } from "../../wire/kafka/messages/sync_group.ts";
import {
  type ClassicGroup,
  CONSUMER_PROTOCOL_TYPE,
  refusedJoin,
  refusedSync,
} from "../classic/classic_group.ts";
import type { JoinResponse, SyncResponse } from "../classic/classic_member.ts";
import type { Caller } from "../classic/classic_protocol.ts";
import type { GroupShard } from "../group_content.ts";
import type { ConsumerGroup } from "./consumer_group.ts";
import { type ConsumerSettings, rulesOf } from "./consumer_settings.ts";
import {
  canSync,
  classicLeavers,
  classicMemberOf,
  decideClassicJoin,
  mustRejoin,
} from "./decide_classic_member.ts";
import { formatAssignment } from "./embedded_protocol.ts";
import { randomMemberId } from "./random_member_id.ts";
import { removal, removed } from "./remove_members.ts";
import type { SessionWatch } from "./session_watch.ts";

/** First version of JoinGroup in which a new member is told its id and comes again. */
const MEMBER_ID_SINCE = 4;

/** A classic group has become one of the newer kind: who waits for it joins that one. */
export function sendAway(group: ClassicGroup): void {
  const errorCode = ErrorCode.REBALANCE_IN_PROGRESS;
  group.state = "Dead";
  for (const member of group.members.values()) {
    member.answerJoin(refusedJoin(errorCode, member.memberId));
    member.answerSync(refusedSync(errorCode));
  }
}

export class ClassicMembers {
  readonly #settings: ConsumerSettings;
  readonly #watch: SessionWatch;

  constructor(settings: ConsumerSettings, watch: SessionWatch) {
    this.#settings = settings;
    this.#watch = watch;
  }

  /**
   * Answers a JoinGroup at once: nobody waits for the others here.
   *
   * @throws {KafkaError} As `decideClassicJoin` does.
   */
  join(
    shard: GroupShard,
    group: ConsumerGroup,
    request: JoinGroupRequest,
    { apiVersion, clientId, clientHost }: Caller,
  ): JoinResponse | Promise<JoinResponse> {
    const settings = this.#settings;
    const rules = rulesOf(settings);
    const isNewcomer = request.memberId === "";
    const sender = { clientId: clientId ?? "", clientHost };
    const memberId = isNewcomer
      ? `${request.groupInstanceId ?? sender.clientId}-${
        randomMemberId(settings.host)
      }`
      : request.memberId;
    if (
      isNewcomer && request.groupInstanceId === null &&
      apiVersion >= MEMBER_ID_SINCE
    ) return refusedJoin(ErrorCode.MEMBER_ID_REQUIRED, memberId);
    const response = shard.run(() => {
      const { records, member } = decideClassicJoin(
        group,
        { ...request, memberId },
        { rules, sender, isNewcomer },
      );
      return {
        records,
        response: {
          errorCode: ErrorCode.NONE,
          generationId: member.memberEpoch,
          protocolType: CONSUMER_PROTOCOL_TYPE,
          protocolName: request.protocols[0].name,
          // The coordinator assigns.
          leader: "",
          memberId,
          members: [],
        },
      };
    });
    group.checkedTopics = rules.view.topics;
    // It has to ask for its assignment in time.
    this.#watch.hasLived(shard, group, group.members.get(memberId)!, {
      waiting: "anew",
    });
    return response;
  }

  /**
   * Answers a SyncGroup.
   *
   * @throws {KafkaError} As `classicMemberOf`; REBALANCE_IN_PROGRESS,
   * INCONSISTENT_GROUP_PROTOCOL.
   */
  sync(
    shard: GroupShard,
    group: ConsumerGroup,
    request: SyncGroupRequest,
  ): SyncResponse | Promise<SyncResponse> {
    const { member, classic } = classicMemberOf(group, request);
    const [{ name, metadata }] = classic.supportedProtocols;
    const { protocolType, protocolName } = request;
    if (
      (protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE) ||
      (protocolName !== null && protocolName !== name)
    ) {
      throw new KafkaError("INCONSISTENT_GROUP_PROTOCOL");
    }
    if (!canSync(group, member)) {
      this.#watch.hasLived(shard, group, member, { waiting: "anew" });
      throw new KafkaError("REBALANCE_IN_PROGRESS");
    }
    const response = {
      errorCode: ErrorCode.NONE,
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocolName: name,
      assignment: formatAssignment(member.assigned, {
        subscription: metadata,
        view: this.#settings.view(),
      }),
    };
    const waiting = mustRejoin(group, member) ? "anew" : "over";
    this.#watch.hasLived(shard, group, member, { waiting });
    return shard.run(() => ({ records: [], response }));
  }

  /**
   * Answers a Heartbeat with its error code.
   *
   * @throws {KafkaError} As `classicMemberOf`.
   */
  heartbeat(
    shard: GroupShard,
    group: ConsumerGroup,
    request: HeartbeatRequest,
  ): number {
    const { member } = classicMemberOf(group, request);
    const isCalled = mustRejoin(group, member);
    this.#watch.hasLived(shard, group, member, {
      waiting: isCalled ? "still" : "unchanged",
    });
    return isCalled ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** Lets members go; gives the error code of each, in their order. */
  leave(
    shard: GroupShard,
    group: ConsumerGroup,
    leaving: readonly {
      readonly memberId: string;
      readonly groupInstanceId: string | null;
    }[],
  ): number[] {
    const { memberIds, errorCodes } = classicLeavers(group, leaving);
    if (memberIds.size > 0) {
      shard.append(removal(this.#settings, group, memberIds, shard.now()));
      removed(this.#settings, shard, group.groupId);
    }
    return errorCodes;
  }
}
