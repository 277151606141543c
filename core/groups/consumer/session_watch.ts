// The time that members have: to say that they live, and to let go of partitions.
// Who lets it pass is no member any more.

import { KafkaError } from "../../wire/kafka/errors.ts";
import type { GroupShard } from "../group_content.ts";
import { ConsumerGroup } from "./consumer_group.ts";
import { type ConsumerMember, MemberState } from "./consumer_member.ts";
import type { ConsumerSettings } from "./consumer_settings.ts";
import { removal, removed } from "./remove_members.ts";

/** Between two tries to end silent members where the log refuses it. */
const RETRY_MS = 1000;

/** Sets the deadlines apart from those of a classic group of the same id. */
const TIMER_PREFIX = "\0consumer:";

/** What a sign of life says. */
export interface LifeSign {
  /**
   * `anew`: what the member is waited for begins now; `still`: it may already
   * have begun; `over`: there is nothing to wait for; `unchanged`: that is not
   * for this sign to say.
   */
  readonly waiting: "anew" | "still" | "over" | "unchanged";
}

export class SessionWatch {
  readonly #settings: ConsumerSettings;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
  }

  /** The groups of a shard that has been loaded: all members have a session's time. */
  begin(shard: GroupShard): void {
    for (const group of shard.state.groups.values()) {
      if (group instanceof ConsumerGroup) this.beginGroup(shard, group);
    }
  }

  /** All members have a session's time from now on. */
  beginGroup(shard: GroupShard, group: ConsumerGroup): void {
    for (const member of group.members.values()) {
      const isLettingGo = member.state === MemberState.UNREVOKED_PARTITIONS;
      this.#note(shard, group, member, {
        waiting: isLettingGo ? "anew" : "over",
      });
    }
    this.#arm(shard, group);
  }

  /** A member has shown that it lives. */
  hasLived(
    shard: GroupShard,
    group: ConsumerGroup,
    member: ConsumerMember,
    sign: LifeSign,
  ): void {
    this.#note(shard, group, member, sign);
    this.#arm(shard, group);
  }

  #note(
    shard: GroupShard,
    { deadlines }: ConsumerGroup,
    { memberId, classic, rebalanceTimeoutMs }: ConsumerMember,
    { waiting }: LifeSign,
  ): void {
    const { monotonicMs } = shard.now();
    const sessionMs = classic?.sessionTimeoutMs ??
      this.#settings.config()["group.consumer.session.timeout.ms"];
    deadlines.renew(memberId, monotonicMs + sessionMs);
    if (waiting === "unchanged") return;
    if (waiting === "still" && deadlines.expectsRelease(memberId)) return;
    deadlines.expectRelease(
      memberId,
      waiting === "over" || rebalanceTimeoutMs < 0
        ? Infinity
        : monotonicMs + rebalanceTimeoutMs,
    );
  }

  #arm(shard: GroupShard, { groupId, deadlines }: ConsumerGroup): void {
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
    if (overdue.size > 0) this.#end(shard, group, overdue);
    if (shard.state.groups.get(groupId) === group) this.#arm(shard, group);
  }

  #end(
    shard: GroupShard,
    group: ConsumerGroup,
    overdue: ReadonlySet<string>,
  ): void {
    try {
      shard.append(removal(this.#settings, group, overdue, shard.now()));
      removed(this.#settings, shard, group.groupId);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.#settings.trace(
        `Cannot end ${overdue.size} silent members of group "${group.groupId}": ${error.message}`,
      );
      const again = shard.now().monotonicMs + RETRY_MS;
      for (const memberId of overdue) {
        group.deadlines.renew(memberId, again);
        group.deadlines.expectRelease(memberId, Infinity);
      }
    }
  }
}
