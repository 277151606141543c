// A consumer that shares its topics with the other members of a group.
//
//   subscribe → (poll) join → partitions assigned → poll … → commit → close
//
// Partitions come and go within `poll` alone, so that the records it has given are
// done with when the next one begins: what is committed then is what was read.
//
// Source: Kafka documentation, "Consumer API" and "Consumer Configs"; KIP-429
// (cooperative rebalancing).

import { ConfigError } from "../config/config_error.ts";
import type { Host } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { type Assignor, roundRobinAssignor } from "./assignor.ts";
import type { ConfigTexts } from "./client_settings.ts";
import { Cluster } from "./cluster.ts";
import { Consumer, type RecordChunk, type TimeoutOption } from "./consumer.ts";
import {
  type ConsumerSettings,
  type GroupSettings,
  readConsumerSettings,
} from "./consumer_settings.ts";
import { GroupMember } from "./group_member.ts";
import type { CommittedOffset, OffsetToCommit } from "./group_offsets.ts";
import { GroupSubscription } from "./group_subscription.ts";
import { HeartbeatMember } from "./heartbeat_member.ts";
import type { AssignmentOutcome, Membership } from "./membership.ts";
import type { ConsumerGroupMetadata } from "./transaction_calls.ts";
import { partitionKey, type TopicPartition } from "./metadata.ts";
import { OffsetCommits } from "./offset_commits.ts";
import { rangeAssignor } from "./range_assignor.ts";
import {
  cooperativeStickyAssignor,
  stickyAssignor,
} from "./sticky_assignor.ts";

export type { CommittedOffset, OffsetToCommit } from "./group_offsets.ts";

/** Told of partitions that come and go, within `poll` and `close`, which wait. */
export interface RebalanceListener {
  onAssigned?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** Still this member's: offsets may be committed. */
  onRevoked?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** Others may have them by now; `onRevoked` where this is left out. */
  onLost?(partitions: readonly TopicPartition[]): void | Promise<void>;
}

const CLOSE_TIMEOUT_MS = 30_000;

const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  ["RangeAssignor", rangeAssignor],
  ["RoundRobinAssignor", roundRobinAssignor],
  ["StickyAssignor", stickyAssignor],
  ["CooperativeStickyAssignor", cooperativeStickyAssignor],
].flatMap(([javaName, assignor]) => [
  [`org.apache.kafka.clients.consumer.${javaName}`, assignor as Assignor],
  [(assignor as Assignor).name, assignor as Assignor],
]));

/**
 * Makes a consumer of a group; it connects with its first call.
 *
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * import { encodeBatch } from "../record/record_batch.ts";
 * import { FakeCluster } from "../testing/fake_broker.ts";
 * import { serveGroups } from "../testing/fake_group.ts";
 * import { simHost } from "../testing/sim_host.ts";
 * import { createGroupConsumer } from "./group_consumer.ts";
 *
 * const sim = simHost(1); // In a program: denoHost().
 * const cluster = new FakeCluster(sim, 1);
 * serveGroups(cluster, cluster.broker(1));
 * await sim.run(async () => {
 *   await cluster.start();
 *   const value = new TextEncoder().encode("hello");
 *   const records = [{ timestampMs: 0, key: null, value }];
 *   cluster.state.createTopic("orders").partitions[0].append(
 *     encodeBatch({ records }),
 *   );
 *
 *   const consumer = createGroupConsumer(sim.host, {
 *     "bootstrap.servers": cluster.bootstrap,
 *     "group.id": "billing",
 *     "auto.offset.reset": "earliest",
 *   });
 *   consumer.subscribe(["orders"]);
 *   const [{ records: [first] }] = await consumer.poll(1000);
 *   strictEqual(new TextDecoder().decode(first.value!), "hello");
 *   await consumer.commitSync();
 *   await consumer.close();
 * });
 * ```
 *
 * @param config Kafka's own keys: `bootstrap.servers` and `group.id` at least.
 * @throws {ConfigError} Where the configuration is wrong.
 */
export function createGroupConsumer(
  host: Host,
  config: ConfigTexts,
): GroupConsumer {
  const settings = readConsumerSettings(config);
  return new GroupConsumer(new Cluster(host, settings.client), settings);
}

/** Calls may overlap, save for `poll`, `unsubscribe` and `close`: one at a time. */
export class GroupConsumer extends Consumer {
  readonly #settings: GroupSettings;
  readonly #assignors: readonly Assignor[];
  readonly #isCooperative: boolean;
  readonly #member: Membership;
  readonly #commits: OffsetCommits;
  #subscription: GroupSubscription | null = null;
  #listener: RebalanceListener = {};
  /** What the last assignment gave, and in which generation. */
  #last = { partitions: [] as readonly TopicPartition[], generationId: -1 };
  /** Of the member that has read last, also once it is none any more. */
  #metadata: ConsumerGroupMetadata;
  #commitAtMs: number;
  #isUserWoken = false;
  #isInterrupted = false;
  #isEnding = false;

  /** @throws {ConfigError} Where no group is named, or an assignor is unknown. */
  constructor(cluster: Cluster, settings: ConsumerSettings) {
    const { group } = settings;
    if (group === null || group.groupId === "") {
      throw new ConfigError(
        "group.id: expected the name of a group, got none",
        {
          key: "group.id",
        },
      );
    }
    super(
      cluster,
      settings,
      (positions) => this.#commits.findPositions(positions),
    );
    this.#settings = group;
    this.#metadata = { groupId: group.groupId };
    this.#assignors = group.assignors.map(assignorByName);
    this.#isCooperative = this.#assignors.every((a) => a.isCooperative);
    this.#member = this.#membership(group, settings.rack);
    this.#commits = new OffsetCommits(cluster, this.#member);
    this.#commitAtMs = this.#nowMs() + group.commitIntervalMs;
  }

  /** The id that the coordinator has given; empty while this is no member. */
  get memberId(): string {
    return this.#member.committer.memberId;
  }

  /** Of the last assignment; -1 while this is no member. */
  get generationId(): number {
    return this.#member.generationId;
  }

  /**
   * As which member this consumer reads, for `Producer.sendOffsets`: the group's
   * coordinator refuses the offsets of one that has lost its partitions.
   */
  groupMetadata(): ConsumerGroupMetadata {
    this.#noteMember();
    return this.#metadata;
  }

  /** Shares these topics, or those whose whole names match, with the group. */
  subscribe(
    topics: Iterable<string> | RegExp,
    listener: RebalanceListener = {},
  ): void {
    if (this.#subscription === null && this.assignment.length > 0) {
      throw new KafkaError(
        "INVALID_REQUEST",
        "Partitions are assigned by hand: subscribe and assign exclude each other",
      );
    }
    this.#listener = listener;
    this.#subscription = new GroupSubscription({
      cluster: this.cluster,
      wanted: topics instanceof RegExp ? topics : [...topics],
      excludesInternal: this.#settings.excludesInternal,
      onChange: () => this.#member.requestJoin(),
    });
    this.#member.requestJoin();
  }

  /** Leaves the group; what was assigned is given up. */
  async unsubscribe(): Promise<void> {
    await this.#end(this.cluster.deadline());
    this.#subscription = null;
    super.assign([]);
  }

  /** @throws {KafkaError} Where topics are subscribed to. */
  override assign(partitions: Iterable<TopicPartition>): void {
    if (this.#subscription !== null) {
      throw new KafkaError(
        "INVALID_REQUEST",
        "Topics are subscribed to: subscribe and assign exclude each other",
      );
    }
    super.assign(partitions);
  }

  /**
   * As `Consumer.poll`; the membership goes on within it.
   *
   * @throws {KafkaError} Also what keeps this member out of the group.
   */
  override async poll(timeoutMs: number): Promise<RecordChunk[]> {
    const deadlineMs = this.cluster.deadline(timeoutMs);
    for (;;) {
      this.#member.notePoll();
      this.#isInterrupted = false;
      const failure = this.#member.takeFailure();
      if (failure !== null) throw failure;
      await this.#rebalance();
      this.#commitWhenDue();
      const untilMs = Math.min(
        deadlineMs,
        this.#settings.commitsItself ? this.#commitAtMs : Infinity,
      );
      const chunks = this.#isInterrupted
        ? []
        : await super.poll(Math.max(untilMs - this.#nowMs(), 0));
      if (chunks.length > 0 || this.#isUserWoken) {
        this.#isUserWoken = false;
        return chunks;
      }
      if (this.#nowMs() >= deadlineMs) return [];
    }
  }

  override wakeup(): void {
    this.#isUserWoken = true;
    super.wakeup();
  }

  /** What the group has committed; offset -1 where it has nothing. */
  committed(
    partitions: Iterable<TopicPartition>,
    options: TimeoutOption = {},
  ): Promise<CommittedOffset[]> {
    return this.#commits.committed(
      [...partitions],
      this.cluster.deadline(options.timeoutMs),
    );
  }

  /**
   * Commits offsets, all positions where none are given, and waits for it; what
   * may pass is tried again.
   *
   * @throws {KafkaError} Where the commit is refused; see `OffsetCommits.commit`.
   */
  async commitSync(
    offsets?: Iterable<OffsetToCommit>,
    options: TimeoutOption = {},
  ): Promise<void> {
    await this.#commit(offsets, {
      deadlineMs: this.cluster.deadline(options.timeoutMs),
      retries: true,
    });
  }

  /** As `commitSync`, but without trying again: a later commit may have come in between. */
  async commitAsync(offsets?: Iterable<OffsetToCommit>): Promise<void> {
    await this.#commit(offsets, {
      deadlineMs: this.cluster.deadline(),
      retries: false,
    });
  }

  /** Commits where that is automatic, leaves the group and ends all connections. */
  override async close(options: TimeoutOption = {}): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    try {
      await this.#end(
        this.cluster.deadline(options.timeoutMs ?? CLOSE_TIMEOUT_MS),
      );
    } finally {
      this.#member.close();
      super.close();
    }
  }

  async #end(deadlineMs: number): Promise<void> {
    if (this.#settings.commitsItself && !this.#member.isLost) {
      await this.#commitQuietly(this.positions(), deadlineMs);
    }
    if (this.#subscription === null) return;
    const owned = this.assignment;
    try {
      await this.#giveUp(owned, this.#member.isLost);
    } finally {
      await this.#member.leave("the consumer is being closed", deadlineMs);
      this.#last = { partitions: [], generationId: -1 };
    }
  }

  #noteMember(): void {
    const { generationId, memberId, instanceId } = this.#member.committer;
    // Who is none any more has to be known as such: nobody's offsets are not fenced.
    if (generationId < 0 || this.#member.isLost) return;
    const { groupId } = this.#settings;
    this.#metadata = {
      groupId,
      generationId,
      memberId,
      groupInstanceId: instanceId,
    };
  }

  #membership(settings: GroupSettings, rack: string): Membership {
    const { cluster } = this;
    const onChange = () => this.#interrupt();
    if (settings.protocol === "consumer") {
      const wishes = () => ({
        topics: this.#subscription?.topics ?? [],
        pattern: this.#subscription?.brokerPattern ?? null,
      });
      return new HeartbeatMember({ cluster, settings, rack, wishes, onChange });
    }
    return new GroupMember({
      cluster,
      settings,
      plan: () => ({
        topics: this.#subscription?.topics ?? [],
        assignors: this.#assignors,
        ownedPartitions: this.assignment,
        lastPartitions: this.#last.partitions,
        lastGenerationId: this.#last.generationId,
        rack,
      }),
      onChange,
    });
  }

  #interrupt(): void {
    this.#isInterrupted = true;
    super.wakeup();
  }

  /** Takes in what has come of a join, and starts one where it is asked for. */
  async #rebalance(): Promise<void> {
    const subscription = this.#subscription;
    if (subscription === null) return;
    const outcome = this.#member.takeOutcome();
    if (outcome !== null) await this.#joined(outcome, subscription);
    if (this.#member.needsJoin) {
      await subscription.known();
      await this.#prepareJoin(subscription);
      this.#member.join();
    }
    subscription.look();
  }

  async #prepareJoin(subscription: GroupSubscription): Promise<void> {
    // By the newer protocol, only the coordinator takes away.
    if (this.#member.keepsPartitions && !this.#member.isLost) return;
    if (this.#settings.commitsItself && !this.#member.isLost) {
      await this.#commitQuietly(
        this.positions(),
        this.cluster.deadline(this.#settings.heartbeatIntervalMs),
      );
    }
    const { isLost } = this.#member;
    const topics = new Set(subscription.topics);
    const owned = this.assignment;
    const kept = isLost || !this.#isCooperative
      ? []
      : owned.filter(({ topic }) => topics.has(topic));
    await this.#giveUp(without(owned, kept), isLost);
    super.assign(kept);
  }

  async #joined(
    outcome: AssignmentOutcome,
    subscription: GroupSubscription,
  ): Promise<void> {
    const { partitions, generationId, partitionCounts } = outcome;
    const owned = this.assignment;
    const revoked = without(owned, partitions);
    if (revoked.length > 0 && this.#settings.commitsItself) {
      const isRevoked = new Set(revoked.map(partitionKey));
      await this.#commitQuietly(
        this.positions().filter((place) => isRevoked.has(partitionKey(place))),
        this.cluster.deadline(this.#settings.heartbeatIntervalMs),
      );
    }
    await this.#giveUp(revoked, false);
    if (this.#member.keepsPartitions && this.#member.isLost) {
      // Expelled meanwhile: nothing is to be read that others may have.
      return super.assign(without(owned, revoked));
    }
    super.assign(partitions);
    this.#last = { partitions, generationId };
    this.#noteMember();
    subscription.joined(partitionCounts);
    this.#member.noteAssigned({ hasRevoked: revoked.length > 0 });
    await this.#listener.onAssigned?.(without(partitions, owned));
  }

  async #giveUp(
    partitions: readonly TopicPartition[],
    isLost: boolean,
  ): Promise<void> {
    if (partitions.length === 0) return;
    const { onLost, onRevoked } = this.#listener;
    const tell = isLost ? onLost ?? onRevoked : onRevoked;
    await tell?.call(this.#listener, partitions);
  }

  #commitWhenDue(): void {
    const { commitsItself, commitIntervalMs } = this.#settings;
    if (!commitsItself || this.#nowMs() < this.#commitAtMs) return;
    this.#commitAtMs = this.#nowMs() + commitIntervalMs;
    if (this.#subscription !== null && this.generationId < 0) return;
    void this.#commits.commit(this.positions(), {
      deadlineMs: this.cluster.deadline(),
      retries: false,
    }).catch(() => {
      // The next one brings all of it.
      this.#commitAtMs = Math.min(
        this.#commitAtMs,
        this.#nowMs() + this.cluster.settings.retryBackoff.firstMs,
      );
    });
  }

  /** What is not committed is read again, which is what at least once means. */
  async #commitQuietly(
    offsets: readonly OffsetToCommit[],
    deadlineMs: number,
  ): Promise<void> {
    if (this.#subscription !== null && this.generationId < 0) return;
    try {
      await this.#commits.commit(offsets, {
        deadlineMs,
        retries: true,
        rebalanceMs: this.#settings.heartbeatIntervalMs,
      });
    } catch {
      // Whoever gets the partitions begins where the last commit left them.
    }
  }

  async #commit(
    offsets: Iterable<OffsetToCommit> | undefined,
    options: { readonly deadlineMs: number; readonly retries: boolean },
  ): Promise<void> {
    const list = offsets === undefined ? this.positions() : [...offsets];
    if (list.length === 0) return;
    if (this.#subscription !== null && this.generationId < 0) {
      throw new KafkaError(
        "UNKNOWN_MEMBER_ID",
        `Cannot commit for group ${this.#settings.groupId}: this consumer is ` +
          "no member at the moment, and others may have its partitions",
      );
    }
    await this.#commits.commit(list, options);
  }

  #nowMs(): number {
    return this.cluster.host.clock.monotonicMs();
  }
}

function assignorByName(text: string): Assignor {
  const found = ASSIGNORS.get(text.trim().replace(/^class /, ""));
  if (found !== undefined) return found;
  throw new ConfigError(
    `partition.assignment.strategy: expected range, roundrobin, sticky, ` +
      `cooperative-sticky or Java's class of one of them, got ${text}`,
    { key: "partition.assignment.strategy" },
  );
}

function without(
  partitions: readonly TopicPartition[],
  others: readonly TopicPartition[],
): TopicPartition[] {
  const isOther = new Set(others.map(partitionKey));
  return partitions.filter((place) => !isOther.has(partitionKey(place)));
}
