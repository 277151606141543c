// How many partitions a topic needs to carry a rate, and what that number costs
// each broker: files, time to recover, time to fail over, memory.
//
// One partition is written by one leader and read by one member of a group, so a
// topic needs as many as its rate holds the rate of one, for writing and for
// reading, whichever is more.

import { KIB, MIB } from "../core/base/units.ts";

/** What one partition can do, in bytes a second. */
export interface PartitionRates {
  readonly produceRate: number;
  readonly consumeRate: number;
}

/** What is known of the cluster that is to hold the topic. */
export interface PlannedCluster {
  readonly brokerCount: number;
  /** Replicas that there are now on the broker that has most. */
  readonly replicasPerBroker: number;
  /** Size of a segment that is full. */
  readonly segmentBytes: number;
  /** How long the cluster waits before it takes a silent broker for dead. */
  readonly sessionTimeoutMs: number;
}

export interface PlanRequest extends PartitionRates {
  /** Bytes a second that the topic is to carry. */
  readonly targetRate: number;
  readonly replicationFactor: number;
  readonly cluster: PlannedCluster;
}

export interface PartitionPlan {
  readonly partitionCount: number;
  /** What asks for the most partitions. */
  readonly limitedBy: "produce" | "consume";
  /** Replicas that one broker has then, of all topics. */
  readonly replicasPerBroker: number;
  /** Of one broker, at least: on kq, and on Apache Kafka. */
  readonly fileHandles: number;
  readonly fileHandlesKafka: number;
  /** Start of one broker: after kill -9 with next to nothing unflushed, and after a power cut with full segments. */
  readonly recoveryMs: { readonly least: number; readonly most: number };
  /** From the loss of a broker until its partitions have new leaders; `null` with one replica. */
  readonly failoverMs: number | null;
  /** Of one broker, for its partitions. */
  readonly brokerMemoryBytes: number;
  /** Of one producer that writes to all partitions. */
  readonly producerMemoryBytes: number;
  /** Of one consumer that reads all partitions. */
  readonly consumerMemoryBytes: number;
}

/** Replicas of one broker above which a start, a failover and every request that lists them take long. */
export const REPLICAS_PER_BROKER_MAX = 2000;

/** Segment files that kq holds open at most; Apache Kafka holds all open, with two indexes each. */
const KQ_OPEN_FILES_MAX = 512;
const KAFKA_FILES_PER_SEGMENT = 3;

// Measured on two cores with a local disk; each is a rule of thumb.
const RECOVERY_MS_PER_REPLICA = 1;
const RECOVERY_BYTES_PER_MS = 500_000;
const ELECTION_MS_PER_PARTITION = 2;
const BROKER_BYTES_PER_REPLICA = 44 * KIB;

/** The clients' defaults: `batch.size`, `max.partition.fetch.bytes`, `fetch.max.bytes` (of each broker). */
const BATCH_BYTES = 16 * KIB;
const FETCH_BYTES = MIB;
const ANSWER_BYTES = 50 * MIB;

/** Plans a topic. */
export function planPartitions(request: PlanRequest): PartitionPlan {
  const { targetRate, produceRate, consumeRate, cluster } = request;
  const forProducing = Math.ceil(targetRate / produceRate);
  const forConsuming = Math.ceil(targetRate / consumeRate);
  const partitionCount = Math.max(1, forProducing, forConsuming);
  const { brokerCount, segmentBytes } = cluster;
  const replicaCount = partitionCount * request.replicationFactor;
  const replicas = cluster.replicasPerBroker +
    Math.ceil(replicaCount / brokerCount);
  const openMs = replicas * RECOVERY_MS_PER_REPLICA;
  return {
    partitionCount,
    limitedBy: forProducing >= forConsuming ? "produce" : "consume",
    replicasPerBroker: replicas,
    fileHandles: Math.min(replicas, KQ_OPEN_FILES_MAX),
    fileHandlesKafka: replicas * KAFKA_FILES_PER_SEGMENT,
    recoveryMs: {
      least: openMs,
      most: openMs +
        Math.round(replicas * segmentBytes / RECOVERY_BYTES_PER_MS),
    },
    failoverMs: request.replicationFactor === 1 ? null : failoverMs(request, {
      replicas,
    }),
    brokerMemoryBytes: replicas * BROKER_BYTES_PER_REPLICA,
    producerMemoryBytes: partitionCount * BATCH_BYTES,
    consumerMemoryBytes: Math.min(
      partitionCount * FETCH_BYTES,
      brokerCount * ANSWER_BYTES,
    ),
  };
}

/** A broker leads one in `replicationFactor` of its replicas. */
function failoverMs(
  { replicationFactor, cluster }: PlanRequest,
  { replicas }: { readonly replicas: number },
): number {
  const led = Math.ceil(replicas / replicationFactor);
  return cluster.sessionTimeoutMs + led * ELECTION_MS_PER_PARTITION;
}
