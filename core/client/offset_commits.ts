// The offsets that a consumer commits for its group, and starts from.
//
// Source: Kafka documentation, "Consumer API"; KIP-447 (stable offsets).

import { KafkaError } from "../wire/kafka/errors.ts";
import { asError, ClusterUnreachableError } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import { isCoordinatorFailure } from "./coordinator_calls.ts";
import {
  type CommittedOffset,
  offsetsByKey,
  type OffsetToCommit,
  sendOffsetCommit,
  sendOffsetFetch,
} from "./group_offsets.ts";
import { isExpulsion, type Membership } from "./membership.ts";
import { partitionKey, type TopicPartition } from "./metadata.ts";
import type { PartitionPosition } from "./position.ts";

export class OffsetCommits {
  readonly #cluster: Cluster;
  readonly #member: Membership;

  constructor(cluster: Cluster, member: Membership) {
    this.#cluster = cluster;
    this.#member = member;
  }

  /**
   * Commits offsets in the name of the member.
   *
   * @param options `retries`: false gives up with the first failure.
   * `rebalanceMs`: goes on for so long while the group is sharing out; for
   * partitions that this member keeps meanwhile.
   * @throws {KafkaError} `REBALANCE_IN_PROGRESS` where the commit has to wait for
   * the next poll; `UNKNOWN_MEMBER_ID`, `ILLEGAL_GENERATION`, `FENCED_INSTANCE_ID`,
   * `FENCED_MEMBER_EPOCH` where others may have the partitions by now; what else a partition failed with.
   */
  async commit(
    offsets: readonly OffsetToCommit[],
    options: {
      readonly deadlineMs: number;
      readonly retries: boolean;
      readonly rebalanceMs?: number;
    },
  ): Promise<void> {
    if (offsets.length === 0) return;
    const { deadlineMs } = options;
    const { monotonicMs } = this.#clock;
    const sharedByMs = monotonicMs() + (options.rebalanceMs ?? 0);
    let as = this.#member.committer;
    for (let attempt = 1;; attempt++) {
      let failure: Error;
      try {
        const nodeId = await this.#member.coordinator(deadlineMs);
        const results = await sendOffsetCommit(this.#cluster, as, offsets, {
          nodeId,
          deadlineMs,
        });
        const failed = results.find(({ error }) => error !== null);
        if (failed === undefined) return;
        failure = refused(failed, failed.error!, as.group);
        if (isExpulsion(failed.error!)) {
          this.#member.noteExpulsion(failed.error!, as);
        }
      } catch (error) {
        failure = asError(error);
      }
      this.#member.noteFailure(failure);
      const isRebalance = monotonicMs() < sharedByMs &&
        this.#isRebalancing(failure);
      const mayPass = isPassing(failure) || isRebalance;
      const isOver = !options.retries || !mayPass ||
        failure instanceof ClusterUnreachableError;
      if (isOver || !await this.#cluster.pause(attempt, deadlineMs)) {
        throw failure;
      }
      // An epoch moves on while the member keeps what it has.
      if (isStale(failure) || isRebalance) as = this.#member.committer;
      if (isRebalance && as.generationId < 0) throw failure;
    }
  }

  /** What the group has committed; offset -1 where it has nothing. */
  async committed(
    partitions: readonly TopicPartition[],
    deadlineMs: number,
  ): Promise<CommittedOffset[]> {
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#fetch(partitions, deadlineMs);
      } catch (error) {
        this.#member.noteFailure(error);
        if (!isCoordinatorFailure(error) && !isStale(error)) throw error;
        if (error instanceof ClusterUnreachableError) throw error;
        if (!await this.#cluster.pause(attempt, deadlineMs)) throw error;
      }
    }
  }

  /** Seeks positions to what the group has committed; for `Consumer`. */
  async findPositions(positions: readonly PartitionPosition[]): Promise<void> {
    const generations = positions.map(({ generation }) => generation);
    let found: ReadonlyMap<string, CommittedOffset>;
    try {
      const deadlineMs = this.#cluster.deadline();
      found = offsetsByKey(await this.#fetch(positions, deadlineMs));
    } catch (error) {
      this.#member.noteFailure(error);
      const { monotonicMs } = this.#clock;
      const retryAtMs = monotonicMs() +
        this.#cluster.settings.retryBackoff.firstMs;
      for (const position of positions) {
        const mayPass = isCoordinatorFailure(error) || isStale(error) ||
          this.#member.isLost;
        if (mayPass) position.retryAtMs = retryAtMs;
        else position.error = asError(error);
      }
      return;
    }
    positions.forEach((position, index) => {
      // A seek in between wins.
      if (position.generation !== generations[index]) return;
      const { offset, leaderEpoch } = found.get(partitionKey(position))!;
      if (offset < 0) position.requestReset(null);
      else position.seek(offset, leaderEpoch);
    });
  }

  /** True where another commit may go through once this member has joined. */
  #isRebalancing(error: Error): boolean {
    return error instanceof KafkaError &&
      (error.errorName === "REBALANCE_IN_PROGRESS" ||
        (error.errorName === "ILLEGAL_GENERATION" && this.#member.isJoining));
  }

  get #clock(): { readonly monotonicMs: () => number } {
    const { clock } = this.#cluster.host;
    return { monotonicMs: () => clock.monotonicMs() };
  }

  /** Asks once; throws what any of the partitions fails with. */
  async #fetch(
    partitions: readonly TopicPartition[],
    deadlineMs: number,
  ): Promise<CommittedOffset[]> {
    const as = this.#member.committer;
    const nodeId = await this.#member.coordinator(deadlineMs);
    const [answer] = await sendOffsetFetch(this.#cluster, [{
      group: as.group,
      partitions,
      member: as.isByEpoch && as.generationId > 0 ? as : null,
    }], { nodeId, deadlineMs, requireStable: true });
    if (answer.errorCode !== 0) {
      const error = KafkaError.ofCode(answer.errorCode, answer.errorMessage);
      if (isExpulsion(error)) this.#member.noteExpulsion(error, as);
      throw error;
    }
    const found = offsetsByKey(answer.value);
    return partitions.map((partition) => {
      const offset = found.get(partitionKey(partition));
      if (offset === undefined) {
        throw new KafkaError(
          "UNKNOWN_SERVER_ERROR",
          `${partitionKey(partition)} was left out of an answer`,
        );
      }
      if (offset.error !== null) throw offset.error;
      return offset;
    });
  }
}

/** A commit that may succeed when it is sent again. */
function isPassing(error: Error): boolean {
  return isCoordinatorFailure(error) || isStale(error) ||
    (error instanceof KafkaError &&
      error.errorName === "UNKNOWN_TOPIC_OR_PARTITION");
}

/** True where the member is on its way to another epoch. */
function isStale(error: unknown): boolean {
  return error instanceof KafkaError &&
    error.errorName === "STALE_MEMBER_EPOCH";
}

function refused(
  partition: TopicPartition,
  error: KafkaError,
  group: string,
): KafkaError {
  const why = isExpulsion(error)
    ? "the group has rebalanced without this member, and others may have " +
      "the partition"
    : error.message;
  return new KafkaError(
    error.errorName,
    `Cannot commit ${partitionKey(partition)} for group ${group}: ${why}`,
    { cause: error },
  );
}
