// A broker's part in its cluster: it registers, follows the metadata, takes its
// turn as controller, and changes the metadata for its clients.
//
//   const cluster = await openCluster({ host, znodes, brokerId: 1, endpoints, … });
//   cluster.image                        everything known now; immutable
//   cluster.onChange((image, before) => …)   each new image, with the one before
//   await cluster.createTopic({ name: "orders", partitionCount: 3, replicationFactor: 1 })
//   await cluster.close()                deregisters
//
// The metadata is in znodes, in Kafka's own layout, so that brokers of Apache
// Kafka may share the cluster. An admin call resolves when the image of this
// broker shows what it did, listeners having been told: a created topic has
// leaders then (or the call has timed out).
//
// Errors of the admin calls are `KafkaError`s with Kafka's codes and wording.

import type { ZnodeClient } from "../coordination/znode_client.ts";
import type { Host } from "../host/host.ts";
import type {
  BrokerEndpoint,
  ClusterImage,
  ConfigOverrides,
  FeatureRange,
} from "./cluster_image.ts";
import { ClusterMember } from "./cluster_member.ts";
import type { ClientEntity, ClientEntityConfig } from "./entity_admin.ts";

export interface ClusterOptions {
  readonly host: Host;
  /** The broker's session; the caller closes it after the cluster. */
  readonly znodes: ZnodeClient;
  /** `broker.id`; -1 has one generated, above `reservedBrokerIdMax`. */
  readonly brokerId: number;
  /** `reserved.broker.max.id`; 1000 where left out. */
  readonly reservedBrokerIdMax?: number;
  /** Advertised addresses, the listener of each among them. */
  readonly endpoints: readonly BrokerEndpoint[];
  readonly rack?: string | null;
  readonly features?: Readonly<Record<string, FeatureRange>>;
  /** From `meta.properties` where there is one: another cluster is refused. */
  readonly expectedClusterId?: string | null;
  /** The most replicas that topics may be made with; any number where left out. */
  readonly replicationFactorMax?: number;
  /** How long a former registration of the same id is waited for to expire; 30 s where left out. */
  readonly registrationTimeoutMs?: number;
  /** Told of what cannot be answered to anybody: one line, no secrets. */
  readonly trace?: (line: string) => void;
  /** Whether this broker has lost its replica of a partition with a log directory; none where left out. */
  readonly isReplicaLost?: (topic: string, index: number) => boolean;
  /** Topics with `unclean.leader.election.enable` unset; false where left out. */
  readonly uncleanElectionDefault?: () => boolean;
}

export interface CreateTopicOptions {
  readonly name: string;
  /** At least 1, and `replicationFactor` too, unless `assignments` says it all. */
  readonly partitionCount?: number;
  readonly replicationFactor?: number;
  /** Replicas of each partition by its number, which run from 0. */
  readonly assignments?: ReadonlyMap<number, readonly number[]>;
  /** Overrides, checked by the caller. */
  readonly config?: ReadonlyMap<string, string>;
  /** Checks everything and changes nothing. */
  readonly validateOnly?: boolean;
  /** How long to wait for leaders; 30 s where left out. */
  readonly timeoutMs?: number;
}

/** What a created topic is, or would be. */
export interface CreatedTopic {
  readonly name: string;
  /** The zero id where only validated. */
  readonly topicId: string;
  readonly partitionCount: number;
  /** Of the first partition. */
  readonly replicationFactor: number;
  readonly assignments: readonly (readonly number[])[];
}

export interface CreatePartitionsOptions {
  readonly name: string;
  /** How many the topic shall have in all. */
  readonly totalCount: number;
  /** Replicas of each added partition, in order; chosen where null. */
  readonly assignments?: readonly (readonly number[])[] | null;
  readonly validateOnly?: boolean;
  readonly timeoutMs?: number;
}

/** Which partition shall have which leader. */
export interface ElectLeaderOptions {
  readonly topic: string;
  readonly index: number;
  /** The first of its replicas, or any that lives where none in sync does. */
  readonly election: "preferred" | "unclean";
  /** How long to wait until it is seen here; 60 s where left out. */
  readonly timeoutMs?: number;
}

/** Which topic: exactly one of the two. */
export type TopicReference = { readonly name: string } | {
  readonly topicId: string;
};

export interface ProducerIdBlock {
  readonly firstId: number;
  readonly count: number;
}

/** See the file's header. */
export interface Cluster {
  readonly brokerId: number;
  /** czxid of the registration. */
  readonly brokerEpoch: number;
  readonly clusterId: string;
  readonly isController: boolean;
  /**
   * Whether the session may have ended unheard, so that others may have taken this
   * broker's place: it must not act as a leader then.
   */
  readonly isFenced: boolean;
  readonly image: ClusterImage;
  /** Calls `run` for each new image, in order, synchronously; returns how to stop. */
  onChange(
    run: (image: ClusterImage, before: ClusterImage) => void,
  ): () => void;
  /** Says that `isReplicaLost` gives other answers now: others have to lead. */
  replicasLost(): void;
  /** Tells all others where clients connect to this broker from now on. */
  setEndpoints(endpoints: readonly BrokerEndpoint[]): Promise<void>;
  /** Called once when the session has ended without `close`: the broker must stop serving. */
  onLost(run: () => void): () => void;
  /**
   * @throws {KafkaError} INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS,
   * INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT,
   * REQUEST_TIMED_OUT (the topic is made all the same).
   */
  createTopic(options: CreateTopicOptions): Promise<CreatedTopic>;
  /** @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT, REQUEST_TIMED_OUT. */
  createPartitions(
    options: CreatePartitionsOptions,
  ): Promise<{ readonly assignments: readonly (readonly number[])[] }>;
  /** @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, REQUEST_TIMED_OUT. */
  deleteTopic(
    topic: TopicReference,
    options?: { readonly timeoutMs?: number },
  ): Promise<void>;
  /** Replaces all overrides of a topic. @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION. */
  setTopicConfig(
    name: string,
    config: ReadonlyMap<string, string>,
  ): Promise<void>;
  /** Replaces all overrides of a broker, or of all brokers (null). */
  setBrokerConfig(
    brokerId: number | null,
    config: ReadonlyMap<string, string>,
  ): Promise<void>;
  /**
   * Has a partition led by another.
   *
   * @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION, ELECTION_NOT_NEEDED,
   * PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE,
   * LEADER_NOT_AVAILABLE (somebody else changed it), REQUEST_TIMED_OUT.
   */
  electLeader(options: ElectLeaderOptions): Promise<void>;
  /** Credentials and quotas of all users, client ids and addresses that have any. */
  clientEntities(): Promise<ClientEntityConfig[]>;
  /** What is kept of one of them; empty where nothing is. */
  clientEntity(entity: ClientEntity): Promise<ConfigOverrides>;
  /**
   * Changes what is kept of one of them. `change` is asked again where somebody
   * else was faster; what it throws is thrown, and nothing changed.
   */
  changeClientEntity(
    entity: ClientEntity,
    change: (now: ConfigOverrides) => ConfigOverrides,
  ): Promise<void>;
  /** Takes producer ids that nobody else will have. */
  allocateProducerIds(): Promise<ProducerIdBlock>;
  /** The highest producer id that any broker may have given out; -1 where none was. */
  lastProducerId(): Promise<number>;
  /** Gives up the controllership, deregisters, stops following. The session stays open. */
  close(): Promise<void>;
}

/**
 * Joins a cluster, and makes it where this broker is the first.
 *
 * Resolves when the broker is registered, a controller is elected and the image
 * is complete.
 *
 * @throws {KafkaError} INCONSISTENT_CLUSTER_ID; DUPLICATE_BROKER_REGISTRATION
 * where the id is another live broker's.
 */
export function openCluster(options: ClusterOptions): Promise<Cluster> {
  return ClusterMember.open(options);
}
