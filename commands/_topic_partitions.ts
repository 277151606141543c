// Which partitions somebody means by `orders` or `orders:0,2`.

import { ExitCode } from "../core/cli/exit_code.ts";
import type { TopicSpec } from "../core/cli/topic_spec.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import type { Admin } from "../core/client/admin.ts";
import type { TopicPartition } from "../core/client/metadata.ts";

/**
 * The partitions of some topics, in the order named, each once.
 *
 * @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION for a topic that is missing.
 * @throws {ExitError} For a partition that its topic does not have.
 */
export async function partitionsOf(
  admin: Admin,
  specs: readonly TopicSpec[],
): Promise<TopicPartition[]> {
  const names = [...new Set(specs.map(({ topic }) => topic))];
  const described = await admin.describeTopics(names);
  const counts = new Map<string, number>();
  for (const { name, error, partitions } of described) {
    if (error?.errorName === "UNKNOWN_TOPIC_OR_PARTITION") {
      throw new ExitError(
        ExitCode.NOT_FOUND,
        `topic ${name} does not exist (kq topic list)`,
      );
    }
    if (error !== null) throw error;
    counts.set(name, partitions.length);
  }
  const chosen = new Map<string, TopicPartition>();
  for (const { topic, partitions } of specs) {
    const count = counts.get(topic)!;
    for (const partition of partitions ?? Array(count).keys()) {
      if (partition >= count) {
        throw new ExitError(
          ExitCode.NOT_FOUND,
          `topic ${topic} has no partition ${partition}: it has 0 to ${
            count - 1
          }`,
        );
      }
      chosen.set(`${topic}:${partition}`, { topic, partition });
    }
  }
  return [...chosen.values()];
}
