// Writes the markers that end transactions wherever the partitions are led: here, or
// on other brokers. Where all are led here it is as synchronous as that.

import type { Cluster } from "../controller/cluster.ts";
import { partitionOf } from "../controller/cluster_image.ts";
import type {
  MarkerToWrite,
  MarkerWriter,
  TopicPartition,
} from "../transactions/marker_writer.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import type { RemoteMarkers } from "./remote_markers.ts";

export interface ClusterMarkersOptions {
  readonly cluster: Cluster;
  /** For partitions that this broker leads, and those that nobody does. */
  readonly local: MarkerWriter;
  readonly remote: Pick<RemoteMarkers, "write">;
}

/** See the file's header; the codes are those of `LocalMarkers` and `RemoteMarkers`. */
export class ClusterMarkers implements MarkerWriter {
  readonly #options: ClusterMarkersOptions;

  constructor(options: ClusterMarkersOptions) {
    this.#options = options;
  }

  write(
    marker: MarkerToWrite,
    partitions: readonly TopicPartition[],
  ): readonly number[] | Promise<readonly number[]> {
    const { cluster, local } = this.#options;
    if (
      cluster.image.brokers.size <= 1 ||
      partitions.every((each) => this.#writerOf(each) === cluster.brokerId)
    ) return local.write(marker, partitions);
    return this.#writeAll(marker, partitions);
  }

  async #writeAll(
    marker: MarkerToWrite,
    partitions: readonly TopicPartition[],
  ): Promise<readonly number[]> {
    const { cluster, local, remote } = this.#options;
    const codes = partitions.map(() => ErrorCode.NONE as number);
    const indexesByWriter = Map.groupBy(
      partitions.keys(),
      (index) => this.#writerOf(partitions[index]),
    );
    await Promise.all(
      Array.from(indexesByWriter, async ([brokerId, indexes]) => {
        const those = indexes.map((index) => partitions[index]);
        const written = brokerId === cluster.brokerId
          ? await local.write(marker, those)
          : await remote.write(brokerId, marker, those);
        indexes.forEach((index, at) => codes[index] = written[at]);
      }),
    );
    return codes;
  }

  /** The broker to ask: this one, too, where there is no other. */
  #writerOf({ topic, partition }: TopicPartition): number {
    const { image, brokerId } = this.#options.cluster;
    const leader = partitionOf(image, topic, partition)?.leader ?? -1;
    return leader < 0 ? brokerId : leader;
  }
}
