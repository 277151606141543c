// Waits until what was appended is as safe as it gets: on the disk where the topic
// asks for that, and on all replicas in sync.

import { KafkaError } from "../wire/kafka/errors.ts";
import type { Appended, Partition } from "./partition.ts";
import type { Purgatory } from "./purgatory.ts";

/** Whether there is nothing to wait for. */
export function isOnAllReplicas(
  partition: Partition,
  { durable, endOffset }: Pick<Appended, "durable" | "endOffset">,
): boolean {
  return durable === null && partition.isVisible(endOffset);
}

/**
 * Resolves once readers may see all that is before the end of an append.
 *
 * @param timeoutMs How long replicas may take, once it is on this broker's disk.
 * @throws {KafkaError} REQUEST_TIMED_OUT, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
 */
export async function reachAllReplicas(
  partition: Partition,
  { durable, endOffset }: Pick<Appended, "durable" | "endOffset">,
  { purgatory, timeoutMs }: {
    readonly purgatory: Purgatory;
    readonly timeoutMs: number;
  },
): Promise<void> {
  await durable;
  if (partition.isVisible(endOffset)) return;
  await new Promise<void>((done, refuse) => {
    purgatory.add(
      {
        wake: () => {
          try {
            if (!partition.isVisibleYet(endOffset)) return false;
            done();
          } catch (error) {
            refuse(error);
          }
          return true;
        },
        expire: () => refuse(new KafkaError("REQUEST_TIMED_OUT")),
      },
      [partition.writers],
      timeoutMs,
    );
  });
}
