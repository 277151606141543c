// The topics that a producer or consumer works with, kept up to date.
//
// Metadata is asked for anew when it grows old, when an answer shows that it is
// wrong, and when a topic is met for the first time. Only one request is under
// way at a time, and after failures the pauses grow.

import { formatAddress } from "../rpc/client.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  asError,
  ClusterUnreachableError,
  isRetriable,
} from "./client_error.ts";
import { backoffMs } from "./client_settings.ts";
import type { Cluster } from "./cluster.ts";
import type {
  ClusterNode,
  PartitionMetadata,
  TopicMetadata,
  TopicPartition,
} from "./metadata.ts";

export interface TopicWatchOptions {
  /** Told after each refresh, whether it brought news or failed. */
  readonly onRefresh: () => void;
  /** Topics unused for so long are forgotten. */
  readonly idleMs?: number;
}

interface TopicUse {
  /** Since the last refresh. */
  isInUse: boolean;
  lastUsedMs: number;
}

export class TopicWatch {
  readonly #cluster: Cluster;
  readonly #options: TopicWatchOptions;
  /** Topics of interest, and what is known of their use. */
  readonly #topics = new Map<string, TopicUse>();
  #refreshing: Promise<void> | null = null;
  #isWanted = false;
  #failureCount = 0;
  #failure: Error | null = null;
  #untold: Error | null = null;
  #lastAttemptMs = -Infinity;
  #lastSuccessMs = -Infinity;
  #cancelTimer: (() => void) | null = null;
  #isClosed = false;

  constructor(cluster: Cluster, options: TopicWatchOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** What is known of a topic, and a mark that it is in use. */
  topic(name: string): TopicMetadata | undefined {
    const use = this.#topics.get(name);
    if (use === undefined) {
      this.#topics.set(name, { isInUse: true, lastUsedMs: this.#nowMs() });
    } else {
      use.isInUse = true;
    }
    return this.#cluster.metadata.topics.get(name);
  }

  partition({ topic, partition }: TopicPartition):
    | PartitionMetadata
    | undefined {
    return this.#cluster.metadata.topics.get(topic)?.partitions[partition];
  }

  /** The broker that leads a partition, `undefined` where none is known. */
  leader(partition: TopicPartition): ClusterNode | undefined {
    const leader = this.partition(partition)?.leader;
    return leader === undefined
      ? undefined
      : this.#cluster.metadata.nodes.get(leader);
  }

  /** Leaves a topic out of later requests. */
  forget(name: string): void {
    this.#topics.delete(name);
  }

  /** Whether a topic can be used now, has failed for good, or is still to come. */
  state(name: string): "usable" | "unknown" | KafkaError {
    const topic = this.topic(name);
    if (topic === undefined) return "unknown";
    if (topic.error === null) {
      return topic.partitions.length > 0 ? "usable" : "unknown";
    }
    return topic.error.retriable ? "unknown" : topic.error;
  }

  /**
   * Waits until a topic can be used.
   *
   * @throws {KafkaError} `UNKNOWN_TOPIC_OR_PARTITION` where the deadline passes
   * first; the topic's own error where it is final.
   * @throws {ClusterUnreachableError} Where no broker answers in time.
   */
  async wait(name: string, deadlineMs: number): Promise<TopicMetadata> {
    const startMs = this.#nowMs();
    for (let attempt = 1;; attempt++) {
      const state = this.state(name);
      if (state === "usable") return this.topic(name)!;
      if (state !== "unknown") throw state;
      if (attempt > 1 && !await this.#cluster.pause(attempt - 1, deadlineMs)) {
        throw this.missing(name, this.#nowMs() - startMs);
      }
      await this.#fetch(deadlineMs);
    }
  }

  /** What a topic fails with that did not come up in time. */
  missing(name: string, waitedMs: number): Error {
    if (this.#failure instanceof ClusterUnreachableError) return this.#failure;
    if (this.#cluster.metadata.nodes.size === 0) {
      const addresses = this.#cluster.settings.bootstrap.map(formatAddress);
      return new ClusterUnreachableError(addresses, waitedMs, this.#failure);
    }
    const known = this.#cluster.metadata.topics.get(name)?.error;
    const errorName = known?.errorName ?? "UNKNOWN_TOPIC_OR_PARTITION";
    const what = errorName === "UNKNOWN_TOPIC_OR_PARTITION"
      ? `Topic ${name} does not exist, and did not come up`
      : `Topic ${name} is not ready (${errorName})`;
    return new KafkaError(
      errorName,
      `${what} within ${Math.round(waitedMs)} ms`,
    );
  }

  /** Why the last refresh failed, told once; `null` where it did not. */
  takeFailure(): Error | null {
    const failure = this.#untold;
    this.#untold = null;
    return failure;
  }

  /** Asks anew, soon; many calls make one request. */
  requestRefresh(): void {
    this.#isWanted = true;
    if (this.#refreshing !== null || this.#cancelTimer !== null) return;
    if (this.#isClosed) return;
    const { clock, random } = this.#cluster.host;
    const pauseMs = this.#lastAttemptMs - this.#nowMs() + backoffMs(
      this.#cluster.settings.retryBackoff,
      this.#failureCount + 1,
      random,
    );
    if (pauseMs <= 0) return this.#refreshSoon();
    this.#cancelTimer = clock.after(pauseMs, () => {
      this.#cancelTimer = null;
      this.#refreshSoon();
    });
  }

  /** Asks anew where the last answer is older than `metadata.max.age.ms`. */
  refreshIfOld(): void {
    const ageMs = this.#nowMs() - this.#lastSuccessMs;
    const isOld = ageMs > this.#cluster.settings.metadataMaxAgeMs;
    if (isOld && this.#topics.size > 0) this.requestRefresh();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #nowMs(): number {
    return this.#cluster.host.clock.monotonicMs();
  }

  #refreshSoon(): void {
    this.#isWanted = false;
    // A failure is told by onRefresh and tried again.
    this.#fetch(this.#cluster.deadline()).catch(() => {});
  }

  /** Joins the request under way where there is one. */
  #fetch(deadlineMs: number): Promise<void> {
    this.#refreshing ??= this.#fetchOnce(deadlineMs).finally(() => {
      this.#refreshing = null;
      this.#options.onRefresh();
      if (this.#isWanted) this.requestRefresh();
    });
    return this.#refreshing;
  }

  async #fetchOnce(deadlineMs: number): Promise<void> {
    const { settings } = this.#cluster;
    this.#lastAttemptMs = this.#nowMs();
    this.#dropIdle();
    const asked = new Set(this.#topics.keys());
    try {
      await this.#cluster.fetchMetadata([...asked], {
        deadlineMs,
        allowAutoTopicCreation: settings.allowAutoTopicCreation,
        keep: (name) => this.#topics.has(name),
      });
      this.#failureCount = 0;
      this.#failure = null;
      this.#untold = null;
      this.#lastSuccessMs = this.#nowMs();
      // Topics met while the request was under way are in none.
      for (const name of this.#topics.keys()) {
        if (!asked.has(name)) this.#isWanted = true;
      }
    } catch (error) {
      this.#failureCount++;
      this.#failure = asError(error);
      this.#untold = this.#failure;
      if (isRetriable(error) && !this.#isClosed) this.#isWanted = true;
      throw asError(error);
    }
  }

  /** A look at the clock for each record would cost more than the record. */
  #dropIdle(): void {
    const { idleMs } = this.#options;
    if (idleMs === undefined) return;
    const nowMs = this.#nowMs();
    for (const [name, use] of this.#topics) {
      if (use.isInUse) use.lastUsedMs = nowMs;
      else if (nowMs - use.lastUsedMs > idleMs) this.#topics.delete(name);
      use.isInUse = false;
    }
  }
}
