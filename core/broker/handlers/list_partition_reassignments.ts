// ListPartitionReassignments (key 46): partitions that are on their way from some
// brokers to others.
//
// Source: Kafka protocol guide; KIP-455.

import type { PartitionImage } from "../../controller/cluster_image.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from "../../wire/kafka/messages/list_partition_reassignments.ts";
import { serve } from "../context.ts";

export const listPartitionReassignments = serve(
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
  {
    handle: ({ topics }, { broker }) => {
      const known = broker.cluster.image.topics;
      const names = topics?.map(({ name }) => name) ?? [...known.keys()];
      const asked = new Map(
        topics?.map((each) => [each.name, new Set(each.partitionIndexes)]),
      );
      const isAsked = (name: string, index: number) =>
        topics === null || asked.get(name)?.has(index) === true;
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        topics: [...new Set(names)].map((name) => ({
          name,
          partitions: (known.get(name)?.partitions ?? [])
            .filter((each) => isMoving(each) && isAsked(name, each.index))
            .map((each) => ({
              partitionIndex: each.index,
              replicas: each.replicas,
              addingReplicas: each.addingReplicas,
              removingReplicas: each.removingReplicas,
            })),
        })).filter(({ partitions }) => partitions.length > 0),
      };
    },
    failure: (failure) => ({ throttleTimeMs: 0, ...failure, topics: [] }),
  },
);

/** Whether a partition gets replicas elsewhere, or loses some. */
export function isMoving(
  { addingReplicas, removingReplicas }: PartitionImage,
): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0;
}
