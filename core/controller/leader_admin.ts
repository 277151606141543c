// Elections that a client asks for: back to the preferred leader, or to whoever
// lives where no replica in sync does.
//
// Whoever asks writes the partition's state, guarded by its version as the
// controller's own writes are; the image shows it then.
//
// Source: Kafka protocol guide (ElectLeaders); KIP-183, KIP-460; observed: codes
// of Apache Kafka 3.9.1.

import type { ZnodeClient } from "../coordination/znode_client.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { isZkError } from "../wire/zookeeper/errors.ts";
import type { ElectLeaderOptions } from "./cluster.ts";
import {
  type ClusterImage,
  type PartitionImage,
  partitionOf,
} from "./cluster_image.ts";
import type { LeaderState } from "./election.ts";
import { encodeState, statePath } from "./znode_layout.ts";

const TIMEOUT_MS = 60_000;

export interface LeaderAdminOptions {
  readonly znodes: ZnodeClient;
  readonly image: () => ClusterImage;
  /** Resolves to whether `test` came true of the image within `timeoutMs`. */
  readonly waitFor: (
    test: (image: ClusterImage) => boolean,
    timeoutMs: number,
  ) => Promise<boolean>;
}

/** Gives one partition the leader that was asked for; the contract is `Cluster`'s. */
export async function electLeader(
  { znodes, image, waitFor }: LeaderAdminOptions,
  options: ElectLeaderOptions,
): Promise<void> {
  const { topic, index, timeoutMs = TIMEOUT_MS } = options;
  const now = image();
  const partition = partitionOf(now, topic, index);
  if (partition === null) {
    throw new KafkaError(
      "UNKNOWN_TOPIC_OR_PARTITION",
      "The partition does not exist.",
    );
  }
  const state = options.election === "preferred"
    ? preferredLeader(partition, now)
    : uncleanLeader(partition, now);
  const data = encodeState({
    ...state,
    controllerEpoch: Math.max(now.controllerEpoch, partition.controllerEpoch),
  });
  try {
    await znodes.set(statePath(topic, index), data, partition.partitionEpoch);
  } catch (error) {
    if (!isZkError(error, "BAD_VERSION", "NO_NODE")) throw error;
    throw new KafkaError(
      "LEADER_NOT_AVAILABLE",
      `Partition ${topic}-${index} is being changed by somebody else; try again.`,
    );
  }
  const isDone = await waitFor(
    (later) =>
      (partitionOf(later, topic, index)?.leaderEpoch ?? Infinity) >=
        state.leaderEpoch,
    Math.max(0, timeoutMs),
  );
  if (isDone) return;
  throw new KafkaError(
    "REQUEST_TIMED_OUT",
    `Partition ${topic}-${index} has its leader, but not here yet.`,
  );
}

function preferredLeader(
  { replicas, leader, isr, leaderEpoch }: PartitionImage,
  { brokers }: ClusterImage,
): LeaderState {
  const preferred = replicas[0];
  if (leader === preferred) throw notNeeded();
  if (!brokers.has(preferred) || !isr.includes(preferred)) {
    throw new KafkaError(
      "PREFERRED_LEADER_NOT_AVAILABLE",
      `Broker ${preferred}, the preferred leader, is down or not in sync.`,
    );
  }
  return { leader: preferred, leaderEpoch: leaderEpoch + 1, isr };
}

function uncleanLeader(
  { replicas, leader, isr, leaderEpoch }: PartitionImage,
  { brokers }: ClusterImage,
): LeaderState {
  if (brokers.has(leader)) throw notNeeded();
  const isrAlive = replicas.filter((id) => isr.includes(id) && brokers.has(id));
  if (isrAlive.length > 0) {
    return { leader: isrAlive[0], leaderEpoch: leaderEpoch + 1, isr: isrAlive };
  }
  const next = replicas.find((id) => brokers.has(id));
  if (next === undefined) {
    throw new KafkaError(
      "ELIGIBLE_LEADERS_NOT_AVAILABLE",
      "No replica of the partition lives.",
    );
  }
  return { leader: next, leaderEpoch: leaderEpoch + 1, isr: [next] };
}

function notNeeded(): KafkaError {
  return new KafkaError(
    "ELECTION_NOT_NEEDED",
    "Leader election not needed for topic partition.",
  );
}
