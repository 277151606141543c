// Writes the markers that end transactions wherever the partitions are led: here,
// or, by WriteTxnMarkers, on other brokers.

import type { Cluster } from "../controller/cluster.ts";
import { partitionOf } from "../controller/cluster_image.ts";
import { exchange } from "../rpc/exchange.ts";
import type {
  MarkerToWrite,
  MarkerWriter,
  TopicPartition,
} from "../transactions/marker_writer.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import {
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
} from "../wire/kafka/messages/write_txn_markers.ts";
import type { PeerBrokers } from "./peer_brokers.ts";

const WRITE_TXN_MARKERS = exchange(
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
);

export interface ClusterMarkersOptions {
  readonly cluster: Cluster;
  /** For partitions that this broker leads, and those that nobody knows. */
  readonly local: MarkerWriter;
  readonly peers: PeerBrokers;
}

/** See the file's header; the codes are those of `LocalMarkers`. */
export class ClusterMarkers implements MarkerWriter {
  readonly #options: ClusterMarkersOptions;

  constructor(options: ClusterMarkersOptions) {
    this.#options = options;
  }

  write(
    marker: MarkerToWrite,
    partitions: readonly TopicPartition[],
  ): readonly number[] | Promise<readonly number[]> {
    const { local } = this.#options;
    const byLeader = Map.groupBy(
      partitions.keys(),
      (index) => this.#remoteLeader(partitions[index]),
    );
    if (byLeader.size <= 1 && !hasRemote(byLeader)) {
      return local.write(marker, partitions);
    }
    return this.#writeAll(marker, partitions, byLeader);
  }

  async #writeAll(
    marker: MarkerToWrite,
    partitions: readonly TopicPartition[],
    byLeader: ReadonlyMap<number | null, readonly number[]>,
  ): Promise<readonly number[]> {
    const codes: number[] = partitions.map(() => ErrorCode.NONE);
    const parts = Array.from(byLeader, async ([leader, indexes]) => {
      const wanted = indexes.map((index) => partitions[index]);
      const written = leader === null
        ? await this.#options.local.write(marker, wanted)
        : await this.#writeThere(leader, marker, wanted);
      indexes.forEach((index, at) => codes[index] = written[at]);
    });
    await Promise.all(parts);
    return codes;
  }

  /** The broker that leads a partition; `null` for this one. */
  #remoteLeader({ topic, partition }: TopicPartition): number | null {
    const { cluster } = this.#options;
    const leader = partitionOf(cluster.image, topic, partition)?.leader ?? -1;
    return leader < 0 || leader === cluster.brokerId ? null : leader;
  }

  async #writeThere(
    leader: number,
    marker: MarkerToWrite,
    partitions: readonly TopicPartition[],
  ): Promise<readonly number[]> {
    const { producerId, producerEpoch, isCommit, coordinatorEpoch } = marker;
    const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
    try {
      const { markers } = await this.#options.peers.ask(
        leader,
        WRITE_TXN_MARKERS,
        {
          markers: [{
            producerId,
            producerEpoch,
            transactionResult: isCommit,
            coordinatorEpoch,
            topics: Array.from(byTopic, ([name, items]) => ({
              name,
              partitionIndexes: items.map(({ partition }) => partition),
            })),
          }],
        },
      );
      const topics = markers.flatMap(({ topics }) => topics);
      return partitions.map(({ topic, partition }) =>
        topics.find(({ name }) => name === topic)?.partitions
          .find(({ partitionIndex }) => partitionIndex === partition)
          ?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR
      );
    } catch (error) {
      const code = error instanceof KafkaError
        ? error.code
        : ErrorCode.NETWORK_EXCEPTION;
      return partitions.map(() => code);
    }
  }
}

function hasRemote(byLeader: ReadonlyMap<number | null, unknown>): boolean {
  for (const leader of byLeader.keys()) if (leader !== null) return true;
  return false;
}
