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
    const known = request.topics.map(({ name, partitions }) =>
      knownOf(broker, name, partitions)
    );
    const respond = (codes: readonly (readonly number[])[]) =>
      answer(request, (topic, index) => {
        const { partitions } = request.topics[topic];
        if (known[topic] === partitions) return codes[topic][index];
        const at = known[topic].indexOf(partitions[index]);
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

/** Those partitions that there are; the very list where there are all. */
function knownOf(
  { cluster }: Broker,
  topic: string,
  partitions: readonly Partition[],
): readonly Partition[] {
  const existing = cluster.image.topics.get(topic)?.partitions ?? [];
  const isKnown = ({ partitionIndex }: Partition) =>
    existing[partitionIndex] !== undefined;
  return partitions.every(isKnown) ? partitions : partitions.filter(isKnown);
}

function commit(
  request: OffsetCommitRequest,
  known: readonly (readonly Partition[])[],
  { broker, apiVersion }: RequestContext,
) {
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch } =
    request;
  const toCommit = {
    groupId,
    by: { memberId, groupInstanceId, generationIdOrMemberEpoch, apiVersion },
    topics: request.topics.map(({ name }, topic) => ({
      name,
      partitions: known[topic].map((each) => ({
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
  codeOf: (topicIndex: number, partitionIndex: number) => number,
): Response {
  return {
    topics: topics.map(({ name, partitions }, i) => ({
      name,
      partitions: partitions.map(({ partitionIndex }, index) => ({
        partitionIndex,
        errorCode: codeOf(i, index),
      })),
    })),
  };
}
