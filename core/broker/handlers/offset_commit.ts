// OffsetCommit (key 8): stores how far a group has read.

import { commitOffsets } from "../../groups/commit_offsets.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type OffsetCommitRequest,
  offsetCommitRequest,
  offsetCommitResponse,
} from "../../wire/kafka/messages/offset_commit.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import type { Broker } from "../broker.ts";
import { type RequestContext, serve } from "../context.ts";

type Response = InferInput<typeof offsetCommitResponse>;

export const offsetCommit = serve(offsetCommitRequest, offsetCommitResponse, {
  handle: (request, context) => {
    const { broker } = context;
    const known = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.filter(({ partitionIndex }) =>
        isKnown(broker, name, partitionIndex)
      ),
    }));
    const respond = (codes: readonly (readonly number[])[]) =>
      answer(request, (topic, partition) => {
        const at = known[topic].partitions.indexOf(partition);
        return at < 0 ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : codes[topic][at];
      });
    const codes = commit(request, known, context);
    return codes instanceof Promise ? codes.then(respond) : respond(codes);
  },
  failure: ({ errorCode }, request) =>
    answer(request ?? { topics: [] }, () => errorCode),
});

type Topic = OffsetCommitRequest["topics"][number];
type Partition = Topic["partitions"][number];

function isKnown({ cluster }: Broker, topic: string, partition: number) {
  return cluster.image.topics.get(topic)?.partitions[partition] !== undefined;
}

function commit(
  request: OffsetCommitRequest,
  topics: readonly {
    readonly name: string;
    readonly partitions: readonly Partition[];
  }[],
  { broker, apiVersion }: RequestContext,
) {
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch } =
    request;
  const toCommit = {
    groupId,
    by: { memberId, groupInstanceId, generationIdOrMemberEpoch, apiVersion },
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((each) => ({
        partition: each.partitionIndex,
        offset: each.committedOffset,
        leaderEpoch: each.committedLeaderEpoch,
        metadata: each.committedMetadata,
        commitTimestampMs: each.commitTimestamp,
      })),
    })),
    retentionMs: request.retentionTimeMs,
    metadataMax: broker.config["offset.metadata.max.bytes"],
  };
  return broker.groups.shardOf(groupId).run((state, now) =>
    commitOffsets(state, toCommit, now)
  );
}

function answer(
  { topics }: Pick<OffsetCommitRequest, "topics">,
  codeOf: (topicIndex: number, partition: Partition) => number,
): Response {
  return {
    topics: topics.map(({ name, partitions }, i) => ({
      name,
      partitions: partitions.map((partition) => ({
        partitionIndex: partition.partitionIndex,
        errorCode: codeOf(i, partition),
      })),
    })),
  };
}
