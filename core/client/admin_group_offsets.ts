// What an admin client does with the offsets of groups.
//
// Source: Kafka protocol guide, "OffsetFetch" (KIP-709), "OffsetCommit",
// "OffsetDelete" (KIP-496).

import { exchange } from "../rpc/exchange.ts";
import {
  offsetDeleteRequest,
  offsetDeleteResponse,
} from "../wire/kafka/messages/offset_delete.ts";
import { errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import {
  askCoordinators,
  type CoordinatorAnswer,
  type GroupResult,
} from "./coordinator_calls.ts";
import {
  type CommitResult,
  type CommittedOffset,
  type GroupOffsetsQuery,
  type OffsetToCommit,
  sendOffsetCommit,
  sendOffsetFetch,
} from "./group_offsets.ts";
import { byTopic, type TopicPartition } from "./metadata.ts";

const OFFSET_DELETE = exchange(offsetDeleteRequest, offsetDeleteResponse);

interface Timed {
  readonly deadlineMs: number;
}

/**
 * Committed offsets of groups: of the partitions asked for, offset -1 where there
 * is none, or of all that a group has committed. A group that does not exist has
 * none.
 */
export async function listGroupOffsets(
  cluster: Cluster,
  queries: readonly GroupOffsetsQuery[],
  options: Timed & { readonly requireStable: boolean },
): Promise<GroupResult<CommittedOffset[]>[]> {
  const queryOf = new Map(queries.map((query) => [query.group, query]));
  const groups = queries.map(({ group }) => group);
  return await askCoordinators(cluster, groups, {
    deadlineMs: options.deadlineMs,
    ask: async (nodeId, asked) => {
      const answers = await sendOffsetFetch(
        cluster,
        asked.map((group) => queryOf.get(group)!),
        { nodeId, ...options },
      );
      return answers.map(failedAsOne);
    },
  });
}

/** An offset that is not stable yet makes its group asked again. */
function failedAsOne(
  answer: CoordinatorAnswer<CommittedOffset[]>,
): CoordinatorAnswer<CommittedOffset[]> {
  const unstable = answer.value.find(({ error }) =>
    error?.errorName === "UNSTABLE_OFFSET_COMMIT"
  );
  return unstable === undefined
    ? answer
    : { ...answer, errorCode: unstable.error!.code };
}

/**
 * Sets offsets of a group that has no members; the group is made where it does
 * not exist.
 *
 * @returns One result per offset; where the group has members, all have the error
 * `UNKNOWN_MEMBER_ID`.
 */
export async function alterGroupOffsets(
  cluster: Cluster,
  group: string,
  offsets: readonly OffsetToCommit[],
  options: Timed,
): Promise<CommitResult[]> {
  if (offsets.length === 0) return [];
  const committer = { group, generationId: -1, memberId: "", instanceId: null };
  const [{ error, value }] = await askCoordinators(cluster, [group], {
    deadlineMs: options.deadlineMs,
    ask: async (nodeId) => {
      const results = await sendOffsetCommit(cluster, committer, offsets, {
        nodeId,
        ...options,
      });
      // A coordinator that has moved says so for each partition.
      const whole = results.find(({ error }) =>
        error !== null && WHOLE.has(error.errorName)
      );
      return [{
        group,
        errorCode: whole?.error?.code ?? 0,
        value: results,
      }];
    },
  });
  if (error !== null) throw error;
  return value!;
}

const WHOLE: ReadonlySet<string> = new Set([
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
]);

/** Forgets offsets of partitions that the group's members do not read. */
export async function deleteGroupOffsets(
  cluster: Cluster,
  group: string,
  partitions: readonly TopicPartition[],
  options: Timed,
): Promise<CommitResult[]> {
  const [{ error, value }] = await askCoordinators(cluster, [group], {
    deadlineMs: options.deadlineMs,
    ask: async (nodeId) => {
      const answer = await cluster.callNode(nodeId, OFFSET_DELETE, {
        groupId: group,
        topics: [...byTopic(partitions)].map(([name, entries]) => ({
          name,
          partitions: entries.map(({ partition }) => ({
            partitionIndex: partition,
          })),
        })),
      }, options);
      return [{
        group,
        errorCode: answer.errorCode,
        value: answer.topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex, errorCode }) => ({
            topic: name,
            partition: partitionIndex,
            error: errorOfCode(errorCode),
          }))
        ),
      }];
    },
  });
  if (error !== null) throw error;
  return value!;
}
