// What an admin client takes and gives. Results are per item: one that failed
// carries its error, and the others are done.

import type { KafkaError } from "../wire/kafka/errors.ts";
import type { ClusterNode, TopicPartition } from "./metadata.ts";

/** A topic to be created; what is left out is the broker's default. */
export interface NewTopic {
  readonly name: string;
  readonly partitionCount?: number;
  readonly replicationFactor?: number;
  /** Broker ids per partition, the first to lead; in place of both counts. */
  readonly assignments?: readonly (readonly number[])[];
  readonly configs?: Readonly<Record<string, string>>;
}

/** How many partitions a topic is to have. */
export interface NewPartitions {
  readonly name: string;
  /** In all, not in addition. */
  readonly partitionCount: number;
  /** Broker ids for each new partition. */
  readonly assignments?: readonly (readonly number[])[];
}

/** What became of one item. */
export interface ItemResult {
  readonly name: string;
  readonly error: KafkaError | null;
}

export interface CreatedTopic extends ItemResult {
  readonly topicId: string;
  /** -1 where the broker does not tell. */
  readonly partitionCount: number;
  readonly replicationFactor: number;
  /** What is in force; `null` where the broker does not tell. */
  readonly configs:
    | readonly { readonly name: string; readonly value: string | null }[]
    | null;
}

export interface TopicListing {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  readonly partitionCount: number;
  readonly replicationFactor: number;
  readonly error: KafkaError | null;
}

export interface DescribedPartition extends TopicPartition {
  /** -1 where there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly offlineReplicas: readonly number[];
  /** Replicas that may lead although they left the ISR (KIP-966); `null` where not told. */
  readonly eligibleLeaderReplicas: readonly number[] | null;
  readonly lastKnownEligibleLeaderReplicas: readonly number[] | null;
  readonly error: KafkaError | null;
}

export interface TopicDescription extends ItemResult {
  readonly topicId: string;
  readonly isInternal: boolean;
  readonly partitions: readonly DescribedPartition[];
  /** One bit an operation; `null` where it was not asked for. */
  readonly authorizedOperations: number | null;
}

export interface ClusterDescription {
  readonly clusterId: string | null;
  /** -1 where it is not known. */
  readonly controllerId: number;
  readonly nodes: readonly ClusterNode[];
  readonly authorizedOperations: number | null;
}

/** Kafka's numbers of things that have a configuration. */
export const ConfigResourceType = {
  topic: 2,
  broker: 4,
  brokerLogger: 8,
  clientMetrics: 16,
  group: 32,
} as const;

/** A thing that has a configuration; a broker's name is its id, `""` for all brokers. */
export interface ConfigResource {
  readonly type: number;
  readonly name: string;
}

/** Where a value comes from, by Kafka's numbers. */
export const ConfigSource = {
  unknown: 0,
  dynamicTopic: 1,
  dynamicBroker: 2,
  dynamicDefaultBroker: 3,
  staticBroker: 4,
  default: 5,
  dynamicBrokerLogger: 6,
  clientMetrics: 7,
  group: 8,
} as const;

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

export interface ConfigEntry {
  readonly name: string;
  /** `null` where not set, or not to be seen. */
  readonly value: string | null;
  readonly source: number;
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
  /** Kafka's number of the type; 0 where not told. */
  readonly type: number;
  readonly synonyms: readonly ConfigSynonym[];
  readonly documentation: string | null;
}

export interface ConfigDescription {
  readonly resource: ConfigResource;
  readonly error: KafkaError | null;
  readonly entries: readonly ConfigEntry[];
}

export type ConfigOperation = "set" | "delete" | "append" | "subtract";

/** One change of one key; `value` is `null` for `delete`. */
export interface ConfigChange {
  readonly name: string;
  readonly operation: ConfigOperation;
  readonly value: string | null;
}

/** Changes of one resource. */
export interface ConfigChanges {
  readonly resource: ConfigResource;
  readonly changes: readonly ConfigChange[];
}

/** All keys of one resource; those left out go back to their defaults. */
export interface ConfigReplacement {
  readonly resource: ConfigResource;
  readonly configs: Readonly<Record<string, string>>;
}

export interface ConfigResult {
  readonly resource: ConfigResource;
  readonly error: KafkaError | null;
}

/** A copy of a partition in a log directory. */
export interface LogDirReplica extends TopicPartition {
  readonly sizeBytes: number;
  readonly offsetLag: number;
  /** True for a copy on its way to another directory. */
  readonly isFuture: boolean;
}

export interface LogDirDescription {
  readonly path: string;
  readonly error: KafkaError | null;
  readonly replicas: readonly LogDirReplica[];
  /** Of the volume; -1 where not told. */
  readonly totalBytes: number;
  readonly usableBytes: number;
}

export interface BrokerLogDirs {
  readonly brokerId: number;
  readonly error: Error | null;
  readonly directories: readonly LogDirDescription[];
}

/** A producer whose state a partition's leader keeps. */
export interface ProducerDescription {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
  readonly coordinatorEpoch: number;
  /** -1 where no transaction is open. */
  readonly currentTransactionStartOffset: number;
}

/** A transactional id, as its coordinator lists it. */
export interface TransactionListing {
  readonly transactionalId: string;
  readonly producerId: number;
  /** As Kafka writes it: `Empty`, `Ongoing`, `PrepareCommit` and so on. */
  readonly state: string;
  /** Broker id. */
  readonly coordinator: number;
}

export interface TransactionDescription extends TransactionListing {
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** When the open transaction began; `null` where none is open. */
  readonly startTimeMs: number | null;
  /** Those that wait for their marker, or take part in the open transaction. */
  readonly partitions: readonly TopicPartition[];
}

/** One transactional id's outcome: either `error` or `value` is `null`. */
export interface TransactionResult<T> {
  readonly transactionalId: string;
  readonly error: Error | null;
  readonly value: T | null;
}

/** What a producer is told apart by from those before it. */
export interface ProducerIdAndEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** A producer's transaction in one partition, which is to end. */
export interface TransactionToAbort extends TopicPartition, ProducerIdAndEpoch {
  /** The last one that the partition has seen; -1 where it has seen none. */
  readonly coordinatorEpoch: number;
}

/** Versions that one broker serves. */
export interface BrokerApis {
  readonly node: ClusterNode;
  readonly error: Error | null;
  readonly apis: readonly {
    readonly key: number;
    readonly minVersion: number;
    readonly maxVersion: number;
  }[];
}

export interface GroupListing {
  readonly group: string;
  /** "consumer" for groups that share partitions; "" for offsets alone. */
  readonly protocolType: string;
  /** As Kafka writes it; "" where the broker does not tell. */
  readonly state: string;
  /** "classic" or "consumer": the protocol that its members speak. */
  readonly type: string;
  /** Broker id. */
  readonly coordinator: number;
}

export interface GroupMemberDescription {
  readonly memberId: string;
  /** Fixed name; `null` for none. */
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  readonly partitions: readonly TopicPartition[];
  /** What it wants; `null` where it is not told. */
  readonly topics: readonly string[] | null;
  /** `null` in the classic protocol. */
  readonly epoch: number | null;
}

export interface GroupDescription extends GroupListing {
  readonly assignor: string;
  /** `null` in the classic protocol. */
  readonly epoch: number | null;
  readonly members: readonly GroupMemberDescription[];
}

/** A member to be removed from its group. */
export type RemovedMember = Pick<
  GroupMemberDescription,
  "memberId" | "instanceId"
>;
