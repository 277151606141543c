// OffsetFetch (key 9): how far groups have read; from version 8 on of several
// groups at once.
//
// What is not committed is offset -1, which is no error.

import {
  type FetchedOffset,
  fetchOffsets,
  type OffsetQuery,
} from "../../groups/commit_offsets.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type OffsetFetchRequest,
  offsetFetchRequest,
  offsetFetchResponse,
} from "../../wire/kafka/messages/offset_fetch.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import type { Broker } from "../broker.ts";
import { type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type Response = InferInput<typeof offsetFetchResponse>;

const BATCHED_SINCE = 8;
/** First version with an error of the whole answer. */
const TOP_LEVEL_ERROR_SINCE = 2;

/** What is known of one group, or why nothing is. */
interface GroupAnswer {
  readonly groupId: string;
  readonly errorCode: number;
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly ReturnType<typeof partitionOf>[];
  }[];
}

export const offsetFetch = serve(offsetFetchRequest, offsetFetchResponse, {
  handle: async (request, context) => {
    const { apiVersion, broker } = context;
    const answers = await Promise.all(
      queriesOf(request, apiVersion).map((query) => fetch(query, broker)),
    );
    return respond(answers, apiVersion);
  },
  failure: ({ errorCode }, request, { apiVersion }) =>
    request === null ? null : respond(
      queriesOf(request, apiVersion).map((query) => refused(query, errorCode)),
      apiVersion,
    ),
});

function queriesOf(
  request: OffsetFetchRequest,
  apiVersion: RequestContext["apiVersion"],
): OffsetQuery[] {
  const { requireStable } = request;
  if (apiVersion >= BATCHED_SINCE) {
    return request.groups.map(({ groupId, memberId, memberEpoch, topics }) => ({
      groupId,
      by: { memberId, memberEpoch },
      topics,
      requireStable,
    }));
  }
  const by = { memberId: null, memberEpoch: -1 };
  const { groupId, topics } = request;
  return [{ groupId, by, topics, requireStable }];
}

async function fetch(query: OffsetQuery, broker: Broker): Promise<GroupAnswer> {
  try {
    const shard = broker.groups.shardOf(query.groupId);
    const found = await shard.run((state) => ({
      records: [],
      response: fetchOffsets(state, query),
    }));
    return {
      groupId: query.groupId,
      errorCode: ErrorCode.NONE,
      topics: [...found].map(([name, partitions]) => ({
        name,
        partitions: partitions.map(partitionOf),
      })),
    };
  } catch (error) {
    const action = `read the offsets of "${query.groupId}"`;
    return refused(query, refusalOf(error, broker, action).errorCode);
  }
}

function partitionOf({ partition, errorCode, committed }: FetchedOffset) {
  return {
    partitionIndex: partition,
    committedOffset: committed?.offset ?? -1,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? "",
    errorCode,
  };
}

/** The error is said of the group, and of each partition for those who look only there. */
function refused({ groupId, topics }: OffsetQuery, errorCode: number) {
  return {
    groupId,
    errorCode,
    topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partition) =>
        partitionOf({ topic: name, partition, errorCode, committed: null })
      ),
    })),
  };
}

function respond(
  answers: readonly GroupAnswer[],
  apiVersion: number,
): Response {
  if (apiVersion >= BATCHED_SINCE) {
    const groups = answers.map((answer) =>
      answer.errorCode === ErrorCode.NONE ? answer : { ...answer, topics: [] }
    );
    return { groups };
  }
  const [{ errorCode, topics }] = answers;
  const isTold = errorCode !== ErrorCode.NONE &&
    apiVersion >= TOP_LEVEL_ERROR_SINCE;
  return { topics: isTold ? [] : [...topics], errorCode };
}
