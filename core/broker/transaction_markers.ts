// Writes the markers that end transactions into the partitions that this broker
// leads, and tells the groups whose offsets a transaction carried.

import { AssertionError } from "../base/assert.ts";
import { OFFSETS_TOPIC } from "../groups/group_coordinator.ts";
import type { Host } from "../host/host.ts";
import type {
  MarkerToWrite,
  MarkerWriter,
  TopicPartition,
} from "../transactions/marker_writer.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import { failureOf } from "./failure.ts";
import type { Partitions } from "./partitions.ts";
import type { Purgatory } from "./purgatory.ts";
import { isOnAllReplicas, reachAllReplicas } from "./reach_replicas.ts";

export interface LocalMarkersOptions {
  readonly host: Host;
  readonly partitions: Partitions;
  readonly purgatory: Purgatory;
  /** How long replicas may take to get a marker. */
  readonly timeoutMs: () => number;
  /** Told when the marker of a partition of `__consumer_offsets` is safe. */
  readonly onOffsetsDecided: (
    partition: number,
    producerId: number,
    isCommit: boolean,
  ) => void;
}

/** Refusals of a group coordinator that is not ready; who writes markers asks again after this one. */
const NOT_READY: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
]);

/** Writes markers on this broker alone. */
export class LocalMarkers implements MarkerWriter {
  readonly #options: LocalMarkersOptions;

  constructor(options: LocalMarkersOptions) {
    this.#options = options;
  }

  /**
   * One error code for each partition: NONE where the marker, or that of a
   * transaction after it, is on all replicas in sync. What may come right when it is
   * tried again: NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION,
   * NOT_ENOUGH_REPLICAS, REQUEST_TIMED_OUT, KAFKA_STORAGE_ERROR. What will not:
   * INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED.
   */
  write(
    marker: MarkerToWrite,
    partitions: readonly TopicPartition[],
  ): readonly number[] | Promise<readonly number[]> {
    const codes = partitions.map((each) => this.#writeOne(marker, each));
    return codes.every((code) => typeof code === "number")
      ? codes
      : Promise.all(codes);
  }

  #writeOne(
    marker: MarkerToWrite,
    { topic, partition: index }: TopicPartition,
  ): number | Promise<number> {
    const { host, partitions, purgatory, timeoutMs } = this.#options;
    try {
      const partition = partitions.get(topic, index);
      const appended = partition.appendMarker(marker, host.clock.wallMs());
      if (isOnAllReplicas(partition, appended)) {
        return this.#written(marker, topic, index);
      }
      return reachAllReplicas(partition, appended, {
        purgatory,
        timeoutMs: timeoutMs(),
      }).then(
        () => this.#written(marker, topic, index),
        (error) => failureOf(error).errorCode,
      );
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      return failureOf(error).errorCode;
    }
  }

  #written(marker: MarkerToWrite, topic: string, index: number): number {
    if (topic !== OFFSETS_TOPIC) return ErrorCode.NONE;
    try {
      const { producerId, isCommit } = marker;
      this.#options.onOffsetsDecided(index, producerId, isCommit);
      return ErrorCode.NONE;
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      const { errorCode } = failureOf(error);
      return NOT_READY.has(errorCode)
        ? ErrorCode.NOT_LEADER_OR_FOLLOWER
        : errorCode;
    }
  }
}
