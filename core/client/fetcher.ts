// Keeps a consumer's partitions supplied: one fetch under way per broker, and the
// next one sent before the last one's records are used up.
//
// A broker is asked for all of its partitions together. While one of them has
// enough in hand the broker is left alone: a fetch for the others might wait at the
// broker just when that one runs dry.
//
// Source: Kafka protocol guide, "Fetch API"; KIP-227, KIP-392, KIP-516.

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { fetchRequest, fetchResponse } from "../wire/kafka/messages/fetch.ts";
import type { Infer } from "../wire/kafka/schema.ts";
import { errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import type { ConsumerSettings } from "./consumer_settings.ts";
import {
  type FetchPartition,
  FetchSession,
  type SessionError,
  type SessionRequest,
} from "./fetch_session.ts";
import { FetchedData } from "./fetched_data.ts";
import { isolationCode } from "./list_offsets.ts";
import {
  byTopic,
  type ClusterNode,
  NO_TOPIC_ID,
  partitionKey,
} from "./metadata.ts";
import type { PartitionPosition } from "./position.ts";
import type { TopicWatch } from "./topic_watch.ts";

const FETCH = exchange(fetchRequest, fetchResponse);
/** The last version that names topics rather than their ids. */
const NAMED_VERSION_MAX = 12;

type FetchAnswer = Infer<typeof fetchResponse>;
type PartitionAnswer = FetchAnswer["responses"][number]["partitions"][number];

/** What the fetcher keeps of a broker. */
interface Source {
  readonly session: FetchSession;
  isBusy: boolean;
  failureCount: number;
  retryAtMs: number;
}

/** A partition as it was when it was asked for. */
interface Asked {
  readonly position: PartitionPosition;
  readonly generation: number;
  readonly fetchOffset: number;
  readonly topicId: string;
}

export interface FetcherParts {
  readonly cluster: Cluster;
  readonly watch: TopicWatch;
  readonly settings: ConsumerSettings;
  /** Told when records, or errors, have come; and when a broker is free again. */
  readonly onChange: () => void;
}

export class Fetcher {
  readonly #parts: FetcherParts;
  readonly #sources = new Map<number, Source>();

  constructor(parts: FetcherParts) {
    this.#parts = parts;
  }

  /**
   * Sends what can be sent for these partitions, all of which have positions.
   *
   * @returns When to look again, on the monotonic clock; `Infinity` where a
   * change will tell.
   */
  pump(positions: readonly PartitionPosition[]): number {
    const { watch, cluster } = this.#parts;
    const nowMs = cluster.host.clock.monotonicMs();
    const bySource = new Map<ClusterNode, PartitionPosition[]>();
    const full = new Set<ClusterNode>();
    let nextMs = Infinity;
    for (const position of positions) {
      if (position.retryAtMs > nowMs) {
        nextMs = Math.min(nextMs, position.retryAtMs);
        continue;
      }
      const node = this.#nodeFor(position, nowMs);
      if (node === undefined) {
        watch.requestRefresh();
        continue;
      }
      if (!position.hasRoom) full.add(node);
      const list = bySource.get(node);
      if (list === undefined) bySource.set(node, [position]);
      else list.push(position);
    }
    for (const [node, list] of bySource) {
      const source = this.#source(node.id);
      if (source.isBusy || full.has(node)) continue;
      if (source.retryAtMs > nowMs) {
        nextMs = Math.min(nextMs, source.retryAtMs);
      } else {
        this.#fetch(node, source, list);
      }
    }
    return nextMs;
  }

  #source(nodeId: number): Source {
    let source = this.#sources.get(nodeId);
    if (source === undefined) {
      source = {
        session: new FetchSession(),
        isBusy: false,
        failureCount: 0,
        retryAtMs: 0,
      };
      this.#sources.set(nodeId, source);
    }
    return source;
  }

  /** The follower that the leader has named, while that lasts; else the leader. */
  #nodeFor(
    position: PartitionPosition,
    nowMs: number,
  ): ClusterNode | undefined {
    const { cluster, watch } = this.#parts;
    if (position.preferredReplica >= 0 && position.preferredUntilMs > nowMs) {
      const node = cluster.metadata.nodes.get(position.preferredReplica);
      if (node !== undefined) return node;
    }
    return watch.leader(position);
  }

  #fetch(
    node: ClusterNode,
    source: Source,
    positions: readonly PartitionPosition[],
  ): void {
    source.isBusy = true;
    this.#exchange(node, source, positions)
      .then(() => {
        source.failureCount = 0;
      })
      .catch((error) => this.#failed(source, positions, error))
      .finally(() => {
        source.isBusy = false;
        this.#parts.onChange();
      });
  }

  async #exchange(
    node: ClusterNode,
    source: Source,
    positions: readonly PartitionPosition[],
  ): Promise<void> {
    const { cluster, settings } = this.#parts;
    const deadlineMs = cluster.deadline(
      settings.client.requestTimeoutMs + settings.fetchMaxWaitMs,
    );
    const lane = "fetch";
    const connection = await cluster.connectionTo(node.id, {
      deadlineMs,
      lane,
    });
    const asked = new Map<string, Asked>();
    const wanted: FetchPartition[] = [];
    for (const position of positions) {
      // A seek while the connection was made.
      if (position.needsReset || position.isPaused) continue;
      const partition = this.#partition(position);
      wanted.push(partition);
      asked.set(partitionKey(position), {
        position,
        generation: position.generation,
        fetchOffset: position.fetchOffset,
        topicId: partition.topicId,
      });
    }
    if (wanted.length === 0) return;
    const versionMax = wanted.every(({ topicId }) => topicId !== NO_TOPIC_ID)
      ? undefined
      : NAMED_VERSION_MAX;
    const version = connection.versionOf(fetchRequest, versionMax);
    const session = source.session.next(wanted, version > NAMED_VERSION_MAX);
    const answer = await connection.send(FETCH, this.#request(session), {
      versionMax,
      timeoutMs: settings.client.requestTimeoutMs + settings.fetchMaxWaitMs,
    });
    this.#answered(source, asked, answer);
  }

  #partition(position: PartitionPosition): FetchPartition {
    const { watch, settings } = this.#parts;
    const { topic, partition, fetchOffset } = position;
    return {
      topic,
      partition,
      topicId: watch.topic(topic)?.topicId ?? NO_TOPIC_ID,
      fetchOffset,
      leaderEpoch: watch.partition(position)?.leaderEpoch ?? -1,
      maxBytes: settings.partitionFetchMaxBytes,
    };
  }

  #request(session: SessionRequest) {
    const { settings } = this.#parts;
    return {
      maxWaitMs: settings.fetchMaxWaitMs,
      minBytes: settings.fetchMinBytes,
      maxBytes: settings.fetchMaxBytes,
      isolationLevel: isolationCode(settings.isolationLevel),
      sessionId: session.sessionId,
      sessionEpoch: session.epoch,
      topics: [...byTopic(session.partitions)].map(([topic, partitions]) => ({
        topic,
        topicId: partitions[0].topicId,
        partitions: partitions.map((partition) => ({
          partition: partition.partition,
          currentLeaderEpoch: partition.leaderEpoch,
          fetchOffset: partition.fetchOffset,
          partitionMaxBytes: partition.maxBytes,
        })),
      })),
      forgottenTopicsData: [...byTopic(session.forgotten)].map(
        ([topic, partitions]) => ({
          topic,
          topicId: partitions[0].topicId,
          partitions: partitions.map(({ partition }) => partition),
        }),
      ),
      rackId: settings.rack,
    };
  }

  #answered(
    source: Source,
    asked: ReadonlyMap<string, Asked>,
    answer: FetchAnswer,
  ): void {
    const error = errorOfCode(answer.errorCode);
    if (error !== null && !isSessionError(error)) throw error;
    const sessionError = error === null ? null : error.errorName;
    if (!source.session.answered(answer.sessionId, sessionError)) {
      // Topic ids may be out of date: the topic was made anew.
      if (sessionError !== "FETCH_SESSION_ID_NOT_FOUND") {
        this.#parts.watch.requestRefresh();
        this.#restSource(source);
      }
      return;
    }
    if (answer.throttleTimeMs > 0) {
      source.retryAtMs = this.#nowMs() + answer.throttleTimeMs;
    }
    const names = new Map<string, string>();
    for (const { position, topicId } of asked.values()) {
      names.set(topicId, position.topic);
    }
    for (const { topic, topicId, partitions } of answer.responses) {
      const name = topic !== "" ? topic : names.get(topicId);
      for (const partition of partitions) {
        const before = asked.get(`${name}-${partition.partitionIndex}`);
        if (before === undefined) continue;
        // A seek, or another assignment, in between.
        if (before.position.generation !== before.generation) continue;
        this.#take(before, partition);
      }
    }
  }

  #take(asked: Asked, answer: PartitionAnswer): void {
    const { position } = asked;
    const error = errorOfCode(answer.errorCode);
    if (error !== null) return this.#refused(asked, error);
    position.highWatermark = answer.highWatermark;
    position.lastStableOffset = answer.lastStableOffset;
    position.logStartOffset = answer.logStartOffset;
    if (answer.preferredReadReplica >= 0) {
      position.preferredReplica = answer.preferredReadReplica;
      position.preferredUntilMs = this.#nowMs() +
        this.#parts.settings.client.metadataMaxAgeMs;
    }
    if (answer.records === null || answer.records.length === 0) return;
    const { isolationLevel, checksCrcs } = this.#parts.settings;
    position.add(
      new FetchedData(position, answer.records, {
        fetchOffset: asked.fetchOffset,
        aborted: isolationLevel === "read_committed"
          ? answer.abortedTransactions ?? []
          : null,
        checksCrcs,
      }),
    );
  }

  #refused({ position, fetchOffset }: Asked, error: KafkaError): void {
    const { watch, cluster, settings } = this.#parts;
    position.retryAtMs = this.#nowMs() +
      cluster.settings.retryBackoff.firstMs;
    const wasFollower = position.preferredReplica >= 0;
    position.preferredReplica = -1;
    if (error.errorName === "OFFSET_OUT_OF_RANGE") {
      // A follower may lag; what the leader says of the offset counts.
      if (wasFollower) return;
      if (settings.offsetReset === "none") {
        position.error = new KafkaError(
          error.errorName,
          `Offset ${fetchOffset} of ${partitionKey(position)} is out of ` +
            `range, and auto.offset.reset=none`,
        );
      } else if (position.fetched.length === 0) {
        position.requestReset(null);
      }
      return;
    }
    if (!error.retriable) {
      position.error = new KafkaError(
        error.errorName,
        `Cannot fetch ${partitionKey(position)}: ${error.message}`,
      );
    } else if (error.errorName !== "OFFSET_NOT_AVAILABLE") {
      watch.requestRefresh();
    }
  }

  /** The broker could not be reached, or its answer does not decode. */
  #failed(
    source: Source,
    positions: readonly PartitionPosition[],
    error: unknown,
  ): void {
    source.session.failed();
    this.#restSource(source);
    this.#parts.watch.requestRefresh();
    if (error instanceof KafkaError && !error.retriable) {
      for (const position of positions) position.error = error;
    }
    for (const position of positions) position.preferredReplica = -1;
  }

  #restSource(source: Source): void {
    const { retryBackoff } = this.#parts.cluster.settings;
    source.failureCount++;
    source.retryAtMs = this.#nowMs() + Math.min(
      retryBackoff.firstMs * 2 ** Math.min(source.failureCount - 1, 20),
      retryBackoff.maxMs,
    );
  }

  #nowMs(): number {
    return this.#parts.cluster.host.clock.monotonicMs();
  }
}

function isSessionError(
  error: KafkaError,
): error is KafkaError & { readonly errorName: SessionError } {
  switch (error.errorName) {
    case "FETCH_SESSION_ID_NOT_FOUND":
    case "INVALID_FETCH_SESSION_EPOCH":
    case "FETCH_SESSION_TOPIC_ID_ERROR":
    case "UNKNOWN_TOPIC_ID":
    case "INCONSISTENT_TOPIC_ID":
      return true;
    default:
      return false;
  }
}
