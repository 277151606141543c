// Who leads a partition: pure decisions of the controller.
//
// A leader is taken from the in-sync replicas that live, in the order of the
// assignment. Where none lives, the partition waits for one, unless its topic
// prefers serving to keeping what was acknowledged (unclean election). Every
// change of leader or in-sync replicas by the controller is a new leader epoch.
//
// Source: Kafka documentation, "Replication".

import { NO_LEADER, type PartitionImage } from "./cluster_image.ts";

/** The part of a partition's state that elections change. */
export interface LeaderState {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
}

export interface ElectionContext {
  readonly liveBrokers: ReadonlySet<number>;
  /** Whether a replica that is not in sync may lead. */
  readonly isUncleanAllowed: boolean;
}

/**
 * Decides what a partition's state has to become.
 *
 * @returns Null where it may stay as it is, or where nothing can be done.
 */
export function decideLeader(
  partition: PartitionImage,
  context: ElectionContext,
): LeaderState | null {
  return partition.partitionEpoch === -1
    ? decideFirstLeader(partition, context)
    : decideNextLeader(partition, context);
}

/** The first leader is the first replica that lives; all that live begin in sync. */
function decideFirstLeader(
  { replicas }: PartitionImage,
  { liveBrokers }: ElectionContext,
): LeaderState | null {
  const isr = replicas.filter((id) => liveBrokers.has(id));
  if (isr.length === 0) return null;
  return { leader: isr[0], leaderEpoch: 0, isr };
}

function decideNextLeader(
  partition: PartitionImage,
  { liveBrokers, isUncleanAllowed }: ElectionContext,
): LeaderState | null {
  const { leader, isr, replicas } = partition;
  const leaderEpoch = partition.leaderEpoch + 1;
  const isrAlive = isr.filter((id) => liveBrokers.has(id));
  if (liveBrokers.has(leader)) {
    if (isrAlive.length === isr.length) return null;
    return { leader, leaderEpoch, isr: isrAlive };
  }
  const next = replicas.find((id) => isrAlive.includes(id));
  if (next !== undefined) return { leader: next, leaderEpoch, isr: isrAlive };
  const unclean = isUncleanAllowed
    ? replicas.find((id) => liveBrokers.has(id))
    : undefined;
  if (unclean !== undefined) {
    return { leader: unclean, leaderEpoch, isr: [unclean] };
  }
  if (leader === NO_LEADER) return null;
  // Those who died in sync stay candidates: each has all that was acknowledged.
  return { leader: NO_LEADER, leaderEpoch, isr };
}
