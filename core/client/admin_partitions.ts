// What an admin client does with partitions; only their leaders can.
//
// Source: Kafka protocol guide, "DeleteRecords" (KIP-107).

import { exchange } from "../rpc/exchange.ts";
import {
  deleteRecordsRequest,
  deleteRecordsResponse,
} from "../wire/kafka/messages/delete_records.ts";
import type { Cluster } from "./cluster.ts";
import { askLeaders, type PartitionResult } from "./leader_calls.ts";
import { byTopic, type TopicPartition } from "./metadata.ts";

const DELETE_RECORDS = exchange(deleteRecordsRequest, deleteRecordsResponse);

/** Where a partition is to start; -1 is its high watermark. */
export interface RecordsToDelete extends TopicPartition {
  readonly beforeOffset: number;
}

/** @returns The new first offset of each partition. */
export function deleteRecords(
  cluster: Cluster,
  partitions: readonly RecordsToDelete[],
  options: { readonly deadlineMs: number },
): Promise<PartitionResult<number>[]> {
  const { deadlineMs } = options;
  return askLeaders(cluster, partitions, {
    deadlineMs,
    ask: async (nodeId, asked) => {
      const leftMs = deadlineMs - cluster.host.clock.monotonicMs();
      const { requestTimeoutMs } = cluster.settings;
      const answer = await cluster.callNode(nodeId, DELETE_RECORDS, {
        topics: [...byTopic(asked)].map(([name, partitions]) => ({
          name,
          partitions: partitions.map(({ partition, beforeOffset }) => ({
            partitionIndex: partition,
            offset: beforeOffset,
          })),
        })),
        timeoutMs: Math.max(Math.floor(Math.min(leftMs, requestTimeoutMs)), 1),
      }, options);
      return answer.topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, errorCode, lowWatermark }) => ({
          topic: name,
          partition: partitionIndex,
          errorCode,
          value: lowWatermark,
        }))
      );
    },
  });
}
