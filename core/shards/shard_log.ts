// What a shard needs of the partition that holds it; the broker gives it.

import type { PartitionLog } from "../log/partition_log.ts";
import type { InTransaction } from "./shard_content.ts";

/** A partition of an internal topic that this broker leads. */
export interface ShardLog {
  readonly partition: number;
  /** `__consumer_offsets-7`. */
  readonly name: string;
  /** What this broker leads it with: later leaders have larger ones. */
  readonly leaderEpoch: number;
  readonly log: PartitionLog;
  /**
   * Appends one batch as the leader, with all replicas in sync. The batch is the
   * coordinator's own work, and is not checked again; its bytes are the caller's
   * once more when this returns.
   *
   * @param transaction The one that it belongs to.
   * @returns When that is as durable as the topic asks for; `null` where it is.
   * @throws {KafkaError} As `PartitionLog.append`, NOT_ENOUGH_REPLICAS.
   */
  append(
    batch: Uint8Array,
    nowMs: number,
    transaction: InTransaction | null,
  ): Promise<void> | null;
  /**
   * When all that the log has now is what every later leader will have; `null`
   * where it is.
   *
   * @throws {KafkaError} As the promise of `append`.
   */
  committed(): Promise<void> | null;
}
