// The group coordinator of one broker: a shard for each partition of
// `__consumer_offsets` that it leads. A group belongs to the partition that its
// id hashes to, and so to the broker that leads that.
//
//   lead(log)        this broker leads a partition now: its groups are loaded
//   resign(n)        it does not any more: their members are sent away
//   shardOf(group)   where a request about a group is decided
//
// Source: Kafka documentation, "Consumer Offset Tracking".

import type { BrokerConfig } from "../config/broker_config.ts";
import { compressionById, type CompressionName } from "../compress/codecs.ts";
import type { Host } from "../host/host.ts";
import type { ShardLog } from "../shards/shard_log.ts";
import { Shards } from "../shards/shards.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  classicTimeout,
  rebalanceClassic,
} from "./classic/classic_protocol.ts";
import { ClassicGroup } from "./classic/classic_group.ts";
import { ConsumerGroups } from "./consumer/consumer_groups.ts";
import type { TopicsView } from "./consumer/topics_view.ts";
import type { CoordinatorRecord } from "./coordinator_record.ts";
import { expireOffsets } from "./expire_offsets.ts";
import { groupContent, type GroupShard } from "./group_content.ts";
import type { ShardState } from "./shard_state.ts";

/** The topic that groups are kept in. */
export const OFFSETS_TOPIC = "__consumer_offsets";

/** What the coordinator asks of its broker. */
export interface GroupCoordinatorOptions {
  readonly host: Host;
  /** The configuration now in force. */
  readonly config: () => BrokerConfig;
  /** How many partitions `__consumer_offsets` has; those it would get where it is missing. */
  readonly partitionCount: () => number;
  /** The cluster's topics now. */
  readonly topics: () => TopicsView;
  readonly trace: (line: string) => void;
}

export class GroupCoordinator {
  readonly host: Host;
  /** Groups of the newer protocol. */
  readonly consumer: ConsumerGroups;
  readonly #options: GroupCoordinatorOptions;
  readonly #shards: Shards<ShardState, CoordinatorRecord>;
  #cancelExpiry: (() => void) | null = null;
  #isClosed = false;

  constructor(options: GroupCoordinatorOptions) {
    this.host = options.host;
    this.#options = options;
    const { host, config, partitionCount, topics, trace } = options;
    this.#shards = new Shards({
      host,
      content: groupContent(() => this.#compression()),
      partitionCount,
      loadBufferBytes: () => this.config["offsets.load.buffer.size"],
      onLoaded: (shard) => this.#begin(shard),
      trace,
    });
    this.consumer = new ConsumerGroups({
      host,
      config,
      view: topics,
      shardOf: (groupId) => this.shardOf(groupId),
      rebalanceClassic: (shard, group) => {
        group.beginSessions(shard.now());
        rebalanceClassic(this, shard, group);
      },
      trace,
    });
  }

  get config(): BrokerConfig {
    return this.#options.config();
  }

  /** Those of the partitions that this broker leads. */
  shards(): Iterable<GroupShard> {
    return this.#shards.all();
  }

  /** The partition of `__consumer_offsets` that looks after a group. */
  partitionOf(groupId: string): number {
    return this.#shards.partitionOf(groupId);
  }

  /**
   * The shard of a group, ready to decide.
   *
   * @throws {KafkaError} NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS,
   * COORDINATOR_NOT_AVAILABLE.
   */
  shardOf(groupId: string): GroupShard {
    return this.#shards.shardOf(groupId);
  }

  /** Looks at a partition's shard, if this broker has it, ready or not. */
  findShard(partition: number): GroupShard | undefined {
    return this.#shards.find(partition);
  }

  /** Takes over a partition; its groups are loaded from its log. */
  lead(log: ShardLog): Promise<void> {
    this.#scheduleExpiry();
    return this.#shards.lead(log);
  }

  /** Gives up a partition; those who wait for its groups are told to look elsewhere. */
  resign(partition: number): void {
    this.#shards.resign(partition);
  }

  /**
   * The transaction of a producer has ended in a partition: its marker is in the log,
   * as durable as the topic asks for. A second call changes nothing.
   */
  endTransaction(
    partition: number,
    producerId: number,
    isCommit: boolean,
  ): void {
    this.#shards.find(partition)?.endTransaction(producerId, isCommit);
  }

  /** Gives up everything. */
  close(): void {
    this.#isClosed = true;
    this.#cancelExpiry?.();
    this.#shards.close();
  }

  /**
   * Members that the log knows have the time of a session to come back. Where there
   * are more of them than there may be now, they join again, and the last are refused.
   */
  #begin(shard: GroupShard): void {
    const now = shard.now();
    const sizeMax = this.config["group.max.size"];
    for (const group of [...shard.state.groups.values()]) {
      if (!(group instanceof ClassicGroup)) continue;
      group.beginSessions(now);
      if (group.members.size > sizeMax) rebalanceClassic(this, shard, group);
      else classicTimeout(this, shard, group);
    }
    this.consumer.begin(shard);
  }

  #compression(): CompressionName {
    const id = this.config["offsets.topic.compression.codec"];
    return compressionById(id)?.name ?? "none";
  }

  #scheduleExpiry(): void {
    if (this.#cancelExpiry !== null || this.#isClosed) return;
    const { clock } = this.host;
    const intervalMs = this.config["offsets.retention.check.interval.ms"];
    this.#cancelExpiry = clock.after(intervalMs, () => {
      this.#cancelExpiry = null;
      this.#expire();
      this.#scheduleExpiry();
    });
  }

  #expire(): void {
    const retentionMs = this.config["offsets.retention.minutes"] * 60_000;
    for (const shard of this.#shards.all()) {
      if (!shard.isActive) continue;
      try {
        shard.run((state, now) => ({
          records: expireOffsets(state, now, retentionMs),
          response: null,
        }));
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        this.#options.trace(
          `Cannot expire offsets of ${OFFSETS_TOPIC}-${shard.partition}: ${error.message}`,
        );
      }
    }
  }
}
