// The admin client: what one does to a cluster rather than with its records.
//
// Each call takes a list and gives one result per item. The code of a call is
// loaded when it is first made, since most programs make one call and end.

import { adminConfig } from "../config/client_config.ts";
import type { Host } from "../host/host.ts";
import type { CompactionDescription } from "./admin_compaction.ts";
import type { ChangeOptions } from "./admin_topics.ts";
import type { DescribeConfigsOptions } from "./admin_configs.ts";
import type { RecordsToDelete } from "./admin_partitions.ts";
import type { TransactionFilter } from "./admin_transactions.ts";
import type {
  BrokerApis,
  BrokerLogDirs,
  ClusterDescription,
  ConfigChanges,
  ConfigDescription,
  ConfigReplacement,
  ConfigResource,
  ConfigResult,
  CreatedTopic,
  GroupDescription,
  GroupListing,
  ItemResult,
  NewPartitions,
  NewTopic,
  ProducerDescription,
  ProducerIdAndEpoch,
  RemovedMember,
  TopicDescription,
  TopicListing,
  TransactionDescription,
  TransactionListing,
  TransactionResult,
  TransactionToAbort,
} from "./admin_types.ts";
import {
  clientSettings,
  type ConfigTexts,
  readClientConfig,
} from "./client_settings.ts";
import { Cluster } from "./cluster.ts";
import type { GroupResult } from "./coordinator_calls.ts";
import type {
  CommitResult,
  CommittedOffset,
  GroupOffsetsQuery,
  OffsetToCommit,
} from "./group_offsets.ts";
import type { PartitionResult } from "./leader_calls.ts";
import type {
  IsolationLevel,
  ListedOffset,
  OffsetQuery,
} from "./list_offsets.ts";
import type { TopicPartition } from "./metadata.ts";

export type * from "./admin_types.ts";
export { ConfigResourceType, ConfigSource } from "./admin_types.ts";

/** How long a call may take; `default.api.timeout.ms` where left out. */
export interface TimeoutOption {
  readonly timeoutMs?: number;
}

type WithTimeout<T> = Omit<T, "deadlineMs"> & TimeoutOption;

/**
 * Makes an admin client; it connects with its first call.
 *
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { FakeCluster } from "../testing/fake_broker.ts";
 * import { simHost } from "../testing/sim_host.ts";
 * import { createAdmin } from "./admin.ts";
 *
 * const sim = simHost(1); // In a program: denoHost().
 * const cluster = new FakeCluster(sim, 1);
 * await sim.run(async () => {
 *   await cluster.start();
 *   cluster.state.createTopic("orders", 3);
 *
 *   const admin = createAdmin(sim.host, {
 *     "bootstrap.servers": cluster.bootstrap,
 *   });
 *   const topics = await admin.listTopics();
 *   deepStrictEqual(topics.map((topic) => topic.name), ["orders"]);
 *   admin.close();
 * });
 * ```
 *
 * @param config Kafka's own keys, such as `bootstrap.servers`.
 * @throws {ConfigError} Where the configuration is wrong.
 */
export function createAdmin(host: Host, config: ConfigTexts): Admin {
  const values = readClientConfig(adminConfig, config);
  const settings = clientSettings(values, {
    apiTimeoutMs: values["default.api.timeout.ms"],
  });
  return new Admin(new Cluster(host, settings));
}

/**
 * Calls to a cluster. Errors of single items are in the results; a call throws
 * `ClusterUnreachableError` where no broker answers in time, and `KafkaError`
 * where the call as a whole is refused.
 */
export class Admin {
  readonly cluster: Cluster;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  async createTopics(
    topics: readonly NewTopic[],
    options: WithTimeout<ChangeOptions> = {},
  ): Promise<CreatedTopic[]> {
    const { createTopics } = await import("./admin_topics.ts");
    return await createTopics(this.cluster, topics, this.#timed(options));
  }

  async deleteTopics(
    names: readonly string[],
    options: TimeoutOption = {},
  ): Promise<ItemResult[]> {
    const { deleteTopics } = await import("./admin_topics.ts");
    return await deleteTopics(this.cluster, names, this.#timed(options));
  }

  async createPartitions(
    topics: readonly NewPartitions[],
    options: WithTimeout<ChangeOptions> = {},
  ): Promise<ItemResult[]> {
    const { createPartitions } = await import("./admin_topics.ts");
    return await createPartitions(this.cluster, topics, this.#timed(options));
  }

  /** All topics, by name. */
  async listTopics(
    options: TimeoutOption & { readonly includeInternal?: boolean } = {},
  ): Promise<TopicListing[]> {
    const { listTopics } = await import("./admin_describe.ts");
    const { includeInternal = false } = options;
    return await listTopics(this.cluster, {
      ...this.#timed(options),
      includeInternal,
    });
  }

  /** Missing topics have the error `UNKNOWN_TOPIC_OR_PARTITION`. */
  async describeTopics(
    names: readonly string[],
    options: TimeoutOption & {
      readonly includeAuthorizedOperations?: boolean;
    } = {},
  ): Promise<TopicDescription[]> {
    const { describeTopics } = await import("./admin_describe.ts");
    return await describeTopics(this.cluster, names, this.#timed(options));
  }

  async describeConfigs(
    resources: readonly ConfigResource[],
    options: WithTimeout<DescribeConfigsOptions> = {},
  ): Promise<ConfigDescription[]> {
    const { describeConfigs } = await import("./admin_configs.ts");
    return await describeConfigs(this.cluster, resources, this.#timed(options));
  }

  /** Changes single keys, and leaves the others as they are. */
  async incrementalAlterConfigs(
    changes: readonly ConfigChanges[],
    options: WithTimeout<ChangeOptions> = {},
  ): Promise<ConfigResult[]> {
    const { incrementalAlterConfigs } = await import("./admin_configs.ts");
    return await incrementalAlterConfigs(
      this.cluster,
      changes,
      this.#timed(options),
    );
  }

  /** Replaces all keys of each resource; for brokers before 2.3. */
  async alterConfigs(
    replacements: readonly ConfigReplacement[],
    options: WithTimeout<ChangeOptions> = {},
  ): Promise<ConfigResult[]> {
    const { alterConfigs } = await import("./admin_configs.ts");
    return await alterConfigs(
      this.cluster,
      replacements,
      this.#timed(options),
    );
  }

  /** Drops records before an offset; the value is the new first offset. */
  async deleteRecords(
    partitions: readonly RecordsToDelete[],
    options: TimeoutOption = {},
  ): Promise<PartitionResult<number>[]> {
    const { deleteRecords } = await import("./admin_partitions.ts");
    return await deleteRecords(this.cluster, partitions, this.#timed(options));
  }

  /** Has partitions compacted now; the value is the request's number. A broker of kq only. */
  async compactPartitions(
    partitions: readonly TopicPartition[],
    options: TimeoutOption = {},
  ): Promise<PartitionResult<number>[]> {
    const { compactPartitions } = await import("./admin_compaction.ts");
    return await compactPartitions(
      this.cluster,
      partitions,
      this.#timed(options),
    );
  }

  /** How the compaction of partitions stands. A broker of kq only. */
  async describeCompaction(
    partitions: readonly TopicPartition[],
    options: TimeoutOption = {},
  ): Promise<PartitionResult<CompactionDescription>[]> {
    const { describeCompaction } = await import("./admin_compaction.ts");
    return await describeCompaction(
      this.cluster,
      partitions,
      this.#timed(options),
    );
  }

  /** Offsets by time, or by one of `OffsetAt`. */
  async listOffsets(
    queries: readonly OffsetQuery[],
    options: TimeoutOption & { readonly isolationLevel?: IsolationLevel } = {},
  ): Promise<PartitionResult<ListedOffset>[]> {
    const { listOffsets } = await import("./list_offsets.ts");
    const { isolationLevel = "read_uncommitted" } = options;
    return await listOffsets(this.cluster, queries, {
      ...this.#timed(options),
      isolationLevel,
    });
  }

  async describeCluster(
    options: TimeoutOption & {
      readonly includeAuthorizedOperations?: boolean;
    } = {},
  ): Promise<ClusterDescription> {
    const { describeCluster } = await import("./admin_cluster.ts");
    return await describeCluster(this.cluster, this.#timed(options));
  }

  async describeLogDirs(
    options: TimeoutOption & {
      readonly brokers?: readonly number[];
      readonly partitions?: readonly TopicPartition[];
    } = {},
  ): Promise<BrokerLogDirs[]> {
    const { describeLogDirs } = await import("./admin_cluster.ts");
    return await describeLogDirs(this.cluster, this.#timed(options));
  }

  /** Which API versions each broker serves. */
  async apiVersions(options: TimeoutOption = {}): Promise<BrokerApis[]> {
    const { apiVersions } = await import("./admin_cluster.ts");
    return await apiVersions(this.cluster, this.#timed(options));
  }

  /** Groups of all brokers, by name; filters by Kafka's own words. */
  async listGroups(
    options: TimeoutOption & {
      readonly states?: readonly string[];
      readonly types?: readonly string[];
    } = {},
  ): Promise<GroupListing[]> {
    const { listGroups } = await import("./admin_groups.ts");
    const { states = [], types = [] } = options;
    return await listGroups(this.cluster, {
      ...this.#timed(options),
      states,
      types,
    });
  }

  /** Missing groups have the error `GROUP_ID_NOT_FOUND`. */
  async describeGroups(
    groups: readonly string[],
    options: TimeoutOption = {},
  ): Promise<GroupResult<GroupDescription>[]> {
    const { describeGroups } = await import("./admin_groups.ts");
    return await describeGroups(this.cluster, groups, this.#timed(options));
  }

  /** Deletes groups without members, with their offsets. */
  async deleteGroups(
    groups: readonly string[],
    options: TimeoutOption = {},
  ): Promise<GroupResult<null>[]> {
    const { deleteGroups } = await import("./admin_groups.ts");
    return await deleteGroups(this.cluster, groups, this.#timed(options));
  }

  /** Removes members from a group; they join again if they live. */
  async removeMembers(
    group: string,
    members: readonly RemovedMember[],
    options: TimeoutOption & { readonly reason?: string } = {},
  ): Promise<(RemovedMember & Pick<ItemResult, "error">)[]> {
    const { removeMembers } = await import("./admin_groups.ts");
    const { reason = "removed by an administrator" } = options;
    return await removeMembers(this.cluster, group, members, {
      ...this.#timed(options),
      reason,
    });
  }

  /** Committed offsets, of some partitions or of all (`null`). */
  async listGroupOffsets(
    queries: readonly GroupOffsetsQuery[],
    options: TimeoutOption & { readonly requireStable?: boolean } = {},
  ): Promise<GroupResult<CommittedOffset[]>[]> {
    const { listGroupOffsets } = await import("./admin_group_offsets.ts");
    const { requireStable = false } = options;
    return await listGroupOffsets(this.cluster, queries, {
      ...this.#timed(options),
      requireStable,
    });
  }

  /** Sets offsets of a group without members, which is made where it is missing. */
  async alterGroupOffsets(
    group: string,
    offsets: readonly OffsetToCommit[],
    options: TimeoutOption = {},
  ): Promise<CommitResult[]> {
    const { alterGroupOffsets } = await import("./admin_group_offsets.ts");
    return await alterGroupOffsets(
      this.cluster,
      group,
      offsets,
      this.#timed(options),
    );
  }

  /** Forgets offsets of partitions that the group's members do not read. */
  async deleteGroupOffsets(
    group: string,
    partitions: readonly TopicPartition[],
    options: TimeoutOption = {},
  ): Promise<CommitResult[]> {
    const { deleteGroupOffsets } = await import("./admin_group_offsets.ts");
    return await deleteGroupOffsets(
      this.cluster,
      group,
      partitions,
      this.#timed(options),
    );
  }

  /** Transactional ids of all brokers, by name. */
  async listTransactions(
    options: TimeoutOption & Partial<TransactionFilter> = {},
  ): Promise<TransactionListing[]> {
    const { listTransactions } = await import("./admin_transactions.ts");
    const { states = [], producerIds = [], minDurationMs = null } = options;
    return await listTransactions(
      this.cluster,
      { states, producerIds, minDurationMs },
      this.#timed(options),
    );
  }

  /** Missing ids have the error `TRANSACTIONAL_ID_NOT_FOUND`. */
  async describeTransactions(
    transactionalIds: readonly string[],
    options: TimeoutOption = {},
  ): Promise<TransactionResult<TransactionDescription>[]> {
    const { describeTransactions } = await import("./admin_transactions.ts");
    return await describeTransactions(
      this.cluster,
      transactionalIds,
      this.#timed(options),
    );
  }

  /** The producers that partitions know; `brokerId` asks this replica in place of the leaders. */
  async describeProducers(
    partitions: readonly TopicPartition[],
    options: TimeoutOption & { readonly brokerId?: number } = {},
  ): Promise<PartitionResult<readonly ProducerDescription[]>[]> {
    const { describeProducers } = await import("./admin_transactions.ts");
    return await describeProducers(
      this.cluster,
      partitions,
      this.#timed(options),
    );
  }

  /** Ends a producer's transaction in one partition, in place of its coordinator. */
  async abortTransaction(
    transaction: TransactionToAbort,
    options: TimeoutOption = {},
  ): Promise<void> {
    const { abortTransaction } = await import("./admin_transactions.ts");
    await abortTransaction(this.cluster, transaction, this.#timed(options));
  }

  /** Takes the epoch of transactional ids from their producers, and aborts what is open. */
  async fenceProducers(
    transactionalIds: readonly string[],
    options: TimeoutOption = {},
  ): Promise<TransactionResult<ProducerIdAndEpoch>[]> {
    const { fenceProducers } = await import("./admin_transactions.ts");
    return await fenceProducers(
      this.cluster,
      transactionalIds,
      this.#timed(options),
    );
  }

  /** Ends all connections. */
  close(): void {
    this.cluster.close();
  }

  #timed<T extends TimeoutOption>(options: T): T & { deadlineMs: number } {
    return { ...options, deadlineMs: this.cluster.deadline(options.timeoutMs) };
  }
}
