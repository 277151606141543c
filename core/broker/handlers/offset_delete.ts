// OffsetDelete (key 47): ends single offsets of a group that nobody uses now.

import { deleteOffsets } from "../../groups/delete_offsets.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  offsetDeleteRequest,
  offsetDeleteResponse,
} from "../../wire/kafka/messages/offset_delete.ts";
import { serve } from "../context.ts";

export const offsetDelete = serve(offsetDeleteRequest, offsetDeleteResponse, {
  handle: async ({ groupId, topics }, { broker }) => {
    const { image } = broker.cluster;
    const isKnown = (topic: string, index: number) =>
      image.topics.get(topic)?.partitions[index] !== undefined;
    const known = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => partitionIndex)
        .filter((index) => isKnown(name, index)),
    }));
    const codes = await broker.groups.shardOf(groupId).run((state) =>
      deleteOffsets(state, groupId, known)
    );
    return {
      errorCode: ErrorCode.NONE,
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitions }, i) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => {
          const at = known[i].partitions.indexOf(partitionIndex);
          return {
            partitionIndex,
            errorCode: at < 0
              ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
              : codes[i][at],
          };
        }),
      })),
    };
  },
  failure: ({ errorCode }) => ({ errorCode, throttleTimeMs: 0, topics: [] }),
});
