// The consumer: reads assigned partitions from chosen positions on.
//
//   assign → seek, or reset by policy → fetch ahead → poll gives records
//
// Between polls the fetches go on until enough is in hand; nothing is asked for
// beyond that. Which partitions to read is the application's choice here; a member
// of a group (group_consumer.ts) makes the same calls to `assign` and `seek`.
//
// Source: Kafka documentation, "Consumer API" and "Consumer Configs".

import type { Host } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { ClusterUnreachableError, errorOfCode } from "./client_error.ts";
import type { ConfigTexts } from "./client_settings.ts";
import { Cluster } from "./cluster.ts";
import {
  type ConsumerSettings,
  readConsumerSettings,
} from "./consumer_settings.ts";
import type { RecordChunk } from "./fetched_data.ts";
import { Fetcher } from "./fetcher.ts";
import type { PartitionResult } from "./leader_calls.ts";
import {
  type ListedOffset,
  listOffsets,
  OffsetAt,
  type OffsetQuery,
} from "./list_offsets.ts";
import {
  decodeMetadata,
  partitionKey,
  type PartitionMetadata,
  type TopicPartition,
} from "./metadata.ts";
import { findPositions, validatePositions } from "./offset_finder.ts";
import type { OffsetToCommit } from "./group_offsets.ts";
import { PartitionPosition } from "./position.ts";
import { takeRecords } from "./record_turns.ts";
import { TopicWatch } from "./topic_watch.ts";

export type { RecordChunk } from "./fetched_data.ts";
export {
  type ListedOffset,
  OffsetAt,
  type OffsetQuery,
} from "./list_offsets.ts";

/**
 * Finds what a group has committed for positions, and seeks them there; one that
 * the group has none for is reset by policy.
 */
export type CommittedFinder = (
  positions: readonly PartitionPosition[],
) => Promise<void>;

/** How long a call may take; `default.api.timeout.ms` where left out. */
export interface TimeoutOption {
  readonly timeoutMs?: number;
}

/**
 * Makes a consumer; it connects with its first call.
 *
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * import { encodeBatch } from "../record/record_batch.ts";
 * import { FakeCluster } from "../testing/fake_broker.ts";
 * import { simHost } from "../testing/sim_host.ts";
 * import { createConsumer } from "./consumer.ts";
 *
 * const sim = simHost(1); // In a program: denoHost().
 * const cluster = new FakeCluster(sim, 1);
 * await sim.run(async () => {
 *   await cluster.start();
 *   const value = new TextEncoder().encode("hello");
 *   const records = [{ timestampMs: 0, key: null, value }];
 *   cluster.state.createTopic("orders").partitions[0].append(
 *     encodeBatch({ records }),
 *   );
 *
 *   const consumer = createConsumer(sim.host, {
 *     "bootstrap.servers": cluster.bootstrap,
 *   });
 *   consumer.assign([{ topic: "orders", partition: 0 }]);
 *   consumer.seekToBeginning();
 *   const [{ records: [first] }] = await consumer.poll(1000);
 *   strictEqual(new TextDecoder().decode(first.value!), "hello");
 *   consumer.close();
 * });
 * ```
 *
 * @param config Kafka's own keys, such as `bootstrap.servers`.
 * @throws {ConfigError} Where the configuration is wrong.
 */
export function createConsumer(host: Host, config: ConfigTexts): Consumer {
  const settings = readConsumerSettings(config);
  return new Consumer(new Cluster(host, settings.client), settings);
}

/** Reads partitions. Calls may overlap, save for `poll`: one at a time. */
export class Consumer {
  readonly cluster: Cluster;
  readonly #settings: ConsumerSettings;
  readonly #watch: TopicWatch;
  readonly #fetcher: Fetcher;
  #positions = new Map<string, PartitionPosition>();
  /** Whose turn it is to give records first. */
  #turn = 0;
  #isFinding = false;
  #hasChanged = false;
  #isWoken = false;
  #resume: (() => void) | null = null;
  #cancelTimer: (() => void) | null = null;
  #isClosed = false;
  readonly #findCommitted: CommittedFinder | null;

  /** @param findCommitted Where new partitions start, before the reset policy. */
  constructor(
    cluster: Cluster,
    settings: ConsumerSettings,
    findCommitted: CommittedFinder | null = null,
  ) {
    this.cluster = cluster;
    this.#findCommitted = findCommitted;
    this.#settings = settings;
    this.#watch = new TopicWatch(cluster, { onRefresh: () => this.#changed() });
    this.#fetcher = new Fetcher({
      cluster,
      watch: this.#watch,
      settings,
      onChange: () => this.#changed(),
    });
  }

  /** The partitions that are read. */
  get assignment(): readonly TopicPartition[] {
    return [...this.#positions.values()].map(({ topic, partition }) => ({
      topic,
      partition,
    }));
  }

  /**
   * Reads exactly these partitions from now on. Those that were read before keep
   * their positions; the others start where `auto.offset.reset` says, unless they
   * are sought.
   */
  assign(partitions: Iterable<TopicPartition>): void {
    const before = this.#positions;
    this.#positions = new Map();
    const topics = new Set<string>();
    for (const { topic, partition } of partitions) {
      const key = partitionKey({ topic, partition });
      const position = before.get(key) ??
        new PartitionPosition(topic, partition);
      if (!before.has(key) && this.#findCommitted !== null) {
        position.requestCommitted();
      }
      this.#positions.set(key, position);
      topics.add(topic);
    }
    for (const [key, position] of before) {
      if (this.#positions.has(key)) continue;
      position.requestReset(null);
      if (!topics.has(position.topic)) this.#watch.forget(position.topic);
    }
    for (const topic of topics) this.#watch.topic(topic);
  }

  /** Reads a partition from an offset on. */
  seek(partition: TopicPartition, offset: number): void {
    this.#assigned(partition).seek(offset);
  }

  /** Reads from the first records on; all partitions where none are named. */
  seekToBeginning(partitions?: Iterable<TopicPartition>): void {
    this.#seekTo(partitions, OffsetAt.earliest);
  }

  /** Reads what is written from now on; all partitions where none are named. */
  seekToEnd(partitions?: Iterable<TopicPartition>): void {
    this.#seekTo(partitions, OffsetAt.latest);
  }

  /** Reads from the first record on that is as late as a time; from the end where none is. */
  seekToTimestamp(queries: Iterable<OffsetQuery>): void {
    for (const query of queries) {
      this.#assigned(query).requestReset({ timestampMs: query.timestampMs });
    }
  }

  /** Gives no more records of these partitions, until they are resumed. */
  pause(partitions: Iterable<TopicPartition>): void {
    for (const partition of partitions) {
      this.#assigned(partition).isPaused = true;
    }
  }

  resume(partitions: Iterable<TopicPartition>): void {
    for (const partition of partitions) {
      this.#assigned(partition).isPaused = false;
    }
    this.#changed();
  }

  /**
   * The offset of the next record that `poll` gives. It moves past records that
   * are not to be seen, and past offsets that hold nothing any more.
   *
   * @returns `null` while the position is still being found.
   */
  currentPosition(partition: TopicPartition): number | null {
    const { offset } = this.#assigned(partition);
    return offset < 0 ? null : offset;
  }

  /** As `currentPosition`, but waits until it is found. */
  async position(
    partition: TopicPartition,
    options: TimeoutOption = {},
  ): Promise<number> {
    const position = this.#assigned(partition);
    const deadlineMs = this.cluster.deadline(options.timeoutMs);
    for (let attempt = 1; position.offset < 0; attempt++) {
      await this.#watch.wait(partition.topic, deadlineMs);
      await this.#findWith([position]);
      this.#throwErrors([position]);
      if (position.offset >= 0) break;
      if (!await this.cluster.pause(attempt, deadlineMs)) {
        throw new KafkaError(
          "REQUEST_TIMED_OUT",
          `Cannot find the position of ${partitionKey(partition)} in time`,
        );
      }
    }
    return position.offset;
  }

  /** All positions that are known, as a group would commit them. */
  positions(): OffsetToCommit[] {
    return [...this.#positions.values()]
      .filter(({ offset }) => offset >= 0)
      .map(({ topic, partition, offset, offsetEpoch }) => ({
        topic,
        partition,
        offset,
        leaderEpoch: offsetEpoch,
      }));
  }

  /** How far a partition's end was ahead when last heard of; `null` before. */
  lag(partition: TopicPartition): number | null {
    const position = this.#assigned(partition);
    const end = this.#settings.isolationLevel === "read_committed"
      ? position.lastStableOffset
      : position.highWatermark;
    if (end < 0 || position.offset < 0) return null;
    return Math.max(end - position.offset, 0);
  }

  /** First offsets that may be read. */
  beginningOffsets(
    partitions: Iterable<TopicPartition>,
    options: TimeoutOption = {},
  ): Promise<PartitionResult<ListedOffset>[]> {
    return this.#offsetsAt(partitions, OffsetAt.earliest, options);
  }

  /** Offsets after the last records that may be read. */
  endOffsets(
    partitions: Iterable<TopicPartition>,
    options: TimeoutOption = {},
  ): Promise<PartitionResult<ListedOffset>[]> {
    return this.#offsetsAt(partitions, OffsetAt.latest, options);
  }

  /** First offsets of records as late as the times asked for; -1 where there are none. */
  offsetsForTimes(
    queries: readonly OffsetQuery[],
    options: TimeoutOption = {},
  ): Promise<PartitionResult<ListedOffset>[]> {
    return listOffsets(this.cluster, queries, {
      isolationLevel: this.#settings.isolationLevel,
      deadlineMs: this.cluster.deadline(options.timeoutMs),
    });
  }

  /**
   * The partitions of a topic.
   *
   * @throws {KafkaError} `UNKNOWN_TOPIC_OR_PARTITION` at once where there is no
   * such topic; it is not created.
   */
  async partitionsFor(
    topic: string,
    options: TimeoutOption = {},
  ): Promise<readonly PartitionMetadata[]> {
    const answer = await this.cluster.fetchMetadata([topic], {
      deadlineMs: this.cluster.deadline(options.timeoutMs),
    });
    const found = answer.topics.find(({ name }) => name === topic);
    const error = errorOfCode(found?.errorCode ?? UNKNOWN_TOPIC_CODE);
    if (error !== null) {
      throw error.errorName === "UNKNOWN_TOPIC_OR_PARTITION"
        ? new KafkaError(error.errorName, `Topic ${topic} does not exist`)
        : error;
    }
    return decodeMetadata(answer).topics.get(topic)!.partitions;
  }

  /**
   * Waits for records, at most `timeoutMs`, and gives no more than
   * `max.poll.records` of them.
   *
   * @returns Nothing where the time passed, `wakeup` was called, or positions
   * moved without records.
   * @throws {KafkaError} What keeps a partition from being read: a damaged batch,
   * a missing permission, an offset out of range without a reset policy.
   * @throws {ClusterUnreachableError} Where no broker answers for
   * `default.api.timeout.ms`.
   */
  async poll(timeoutMs: number): Promise<RecordChunk[]> {
    const deadlineMs = this.cluster.deadline(timeoutMs);
    for (;;) {
      if (this.#isClosed) throw closedError();
      this.#hasChanged = false;
      const positions = [...this.#positions.values()];
      this.#throwErrors(positions);
      const { chunks, hasMoved } = takeRecords(positions, {
        first: this.#turn++,
        countMax: this.#settings.pollRecordsMax,
      });
      const nextMs = this.#pump();
      if (chunks.length > 0 || hasMoved || this.#isWoken) {
        this.#isWoken = false;
        return chunks;
      }
      if (this.cluster.host.clock.monotonicMs() >= deadlineMs) return [];
      if (!this.#hasChanged) await this.#change(Math.min(nextMs, deadlineMs));
    }
  }

  /** Makes the `poll` under way, or the next one, come back at once. */
  wakeup(): void {
    this.#isWoken = true;
    this.#changed();
  }

  /** Ends all connections; a `poll` under way throws. */
  close(): void {
    this.#isClosed = true;
    this.#watch.close();
    this.cluster.close();
    this.#cancelTimer?.();
    this.#resume?.();
  }

  #assigned(partition: TopicPartition): PartitionPosition {
    const position = this.#positions.get(partitionKey(partition));
    if (position === undefined) {
      throw new KafkaError(
        "INVALID_REQUEST",
        `${partitionKey(partition)} is not assigned to this consumer`,
      );
    }
    return position;
  }

  #seekTo(
    partitions: Iterable<TopicPartition> | undefined,
    timestampMs: number,
  ): void {
    for (const partition of partitions ?? this.assignment) {
      this.#assigned(partition).requestReset({ timestampMs });
    }
  }

  #offsetsAt(
    partitions: Iterable<TopicPartition>,
    timestampMs: number,
    options: TimeoutOption,
  ): Promise<PartitionResult<ListedOffset>[]> {
    const queries = [...partitions].map(({ topic, partition }) => ({
      topic,
      partition,
      timestampMs,
    }));
    return this.offsetsForTimes(queries, options);
  }

  #throwErrors(positions: readonly PartitionPosition[]): void {
    for (const position of positions) {
      const { error } = position;
      if (error === null || position.isPaused) continue;
      position.error = null;
      throw error;
    }
    const failure = this.#watch.takeFailure();
    if (failure instanceof ClusterUnreachableError) throw failure;
    for (const topic of new Set(positions.map(({ topic }) => topic))) {
      const state = this.#watch.state(topic);
      if (state instanceof KafkaError) throw state;
    }
  }

  /** Starts what is to be done next; @returns when to look again. */
  #pump(): number {
    this.#watch.refreshIfOld();
    const nowMs = this.cluster.host.clock.monotonicMs();
    const active = [...this.#positions.values()].filter((position) =>
      !position.isPaused && position.error === null
    );
    const toFind: PartitionPosition[] = [];
    const toValidate: PartitionPosition[] = [];
    const toFetch: PartitionPosition[] = [];
    let nextMs = Infinity;
    for (const position of active) {
      const leaderEpoch = this.#watch.partition(position)?.leaderEpoch ?? -1;
      if (
        position.needsReset && this.#watch.state(position.topic) === "unknown"
      ) {
        this.#watch.requestRefresh();
        continue;
      }
      const list = position.needsReset
        ? toFind
        : position.needsValidation(leaderEpoch)
        ? toValidate
        : toFetch;
      if (position.retryAtMs > nowMs) {
        nextMs = Math.min(nextMs, position.retryAtMs);
      }
      if (list === toFetch || position.retryAtMs <= nowMs) list.push(position);
    }
    if (toFind.length > 0 || toValidate.length > 0) {
      this.#settle(toFind, toValidate);
    }
    return Math.min(nextMs, this.#fetcher.pump(toFetch));
  }

  /** Finds and checks positions, one round at a time. */
  #settle(
    toFind: readonly PartitionPosition[],
    toValidate: readonly PartitionPosition[],
  ): void {
    if (this.#isFinding) return;
    this.#isFinding = true;
    Promise.all([
      this.#findWith(toFind),
      toValidate.length === 0
        ? undefined
        : validatePositions(this.cluster, toValidate, this.#settings),
    ]).finally(() => {
      this.#isFinding = false;
      this.#changed();
    });
  }

  async #findWith(positions: readonly PartitionPosition[]): Promise<void> {
    const stored = positions.filter((position) => position.startsAtCommitted);
    if (stored.length > 0) await this.#findCommitted?.(stored);
    const open = positions.filter((position) =>
      position.needsReset && !position.startsAtCommitted
    );
    if (open.length === 0) return;
    await findPositions(this.cluster, open, this.#settings);
  }

  /** Something may be there for `poll`; what can be sent is sent, without waiting for it. */
  #changed(): void {
    this.#hasChanged = true;
    if (this.#resume !== null) this.#resume();
    else if (!this.#isClosed && this.#positions.size > 0) this.#pump();
  }

  /** Waits for a change, or a time of the monotonic clock. */
  #change(untilMs: number): Promise<void> {
    const { clock } = this.cluster.host;
    return new Promise((resolve) => {
      const end = () => {
        this.#cancelTimer?.();
        this.#cancelTimer = null;
        this.#resume = null;
        resolve();
      };
      this.#resume = end;
      this.#cancelTimer = clock.after(
        Math.max(untilMs - clock.monotonicMs(), 0),
        end,
      );
    });
  }
}

const UNKNOWN_TOPIC_CODE = 3;

function closedError(): KafkaError {
  return new KafkaError("NETWORK_EXCEPTION", "The consumer is closed");
}
