// Where a consumer group stands in partitions.

import type { Admin } from "../core/client/admin.ts";
import { partitionKey, type TopicPartition } from "../core/client/metadata.ts";

/**
 * The offsets that a group has committed.
 *
 * @returns One per partition, in their order; -1 where there is none.
 * @throws {KafkaError} Where the group has no coordinator, or refuses.
 */
export async function storedOffsets(
  admin: Admin,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<number[]> {
  const [{ error, value }] = await admin.listGroupOffsets([
    { group, partitions },
  ]);
  if (error !== null) throw error;
  const offsets = new Map(
    value!.map((found) => [partitionKey(found), found.offset]),
  );
  return partitions.map((partition) =>
    offsets.get(partitionKey(partition)) ?? -1
  );
}
