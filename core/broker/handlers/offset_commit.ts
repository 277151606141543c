// OffsetCommit (key 8): stores how far a group has read.

import { commitOffsets } from "../../groups/commit_offsets.ts";
import {
  type OffsetCommitRequest,
  offsetCommitRequest,
  offsetCommitResponse,
} from "../../wire/kafka/messages/offset_commit.ts";
import { answerEach, answerKnown, knownPartitions } from "../commit_answer.ts";
import { type RequestContext, serve } from "../context.ts";

export const offsetCommit = serve(offsetCommitRequest, offsetCommitResponse, {
  handle: (request, context) => {
    const { topics } = request;
    const known = knownPartitions(context.broker, topics);
    const codes = commit(request, known, context);
    return codes instanceof Promise
      ? codes.then((all) => answerKnown(topics, known, all))
      : answerKnown(topics, known, codes);
  },
  failure: ({ errorCode }, request) =>
    answerEach(request?.topics ?? [], () => errorCode),
});

type Partition = OffsetCommitRequest["topics"][number]["partitions"][number];

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
