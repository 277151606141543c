// How many replicas each broker has, and the warning where they are too many.

import type { CommandContext } from "../core/cli/command.ts";
import type { Admin } from "../core/client/admin.ts";
import { REPLICAS_PER_BROKER_MAX } from "./_partition_plan.ts";

/** How replicas lie on a cluster now. */
export interface ReplicaCounts {
  readonly brokerCount: number;
  /** Mean of all brokers, rounded up. */
  readonly perBroker: number;
}

/**
 * Counts the replicas of all topics.
 *
 * @param except Topics that are not counted.
 */
export async function replicaCounts(
  admin: Admin,
  except: ReadonlySet<string> = new Set(),
): Promise<ReplicaCounts> {
  const [{ nodes }, topics] = await Promise.all([
    admin.describeCluster(),
    admin.listTopics({ includeInternal: true }),
  ]);
  let count = 0;
  for (const { name, partitionCount, replicationFactor } of topics) {
    if (!except.has(name)) count += partitionCount * replicationFactor;
  }
  const brokerCount = Math.max(1, nodes.length);
  return { brokerCount, perBroker: Math.ceil(count / brokerCount) };
}

/** Says so where a broker has, or would have, more partitions than does it good. */
export function warnOfReplicas(
  context: CommandContext,
  perBroker: number,
): void {
  if (perBroker <= REPLICAS_PER_BROKER_MAX) return;
  context.note(
    `warning: ${perBroker} partitions a broker, more than ` +
      `${REPLICAS_PER_BROKER_MAX}: starts, failovers and requests that name ` +
      "all of them take long. Use fewer partitions, or more brokers",
  );
}
