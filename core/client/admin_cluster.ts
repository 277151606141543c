// What an admin client finds out about the cluster and its brokers.
//
// Source: Kafka protocol guide, "DescribeCluster" (KIP-700), "DescribeLogDirs"
// (KIP-113, KIP-827), "ApiVersions".

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  describeClusterRequest,
  describeClusterResponse,
} from "../wire/kafka/messages/describe_cluster.ts";
import {
  describeLogDirsRequest,
  describeLogDirsResponse,
} from "../wire/kafka/messages/describe_log_dirs.ts";
import type { Infer } from "../wire/kafka/schema.ts";
import type {
  BrokerApis,
  BrokerLogDirs,
  ClusterDescription,
  LogDirDescription,
} from "./admin_types.ts";
import { asError, errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import { byTopic, type TopicPartition } from "./metadata.ts";

const DESCRIBE_CLUSTER = exchange(
  describeClusterRequest,
  describeClusterResponse,
);
const DESCRIBE_LOG_DIRS = exchange(
  describeLogDirsRequest,
  describeLogDirsResponse,
);

/** What the brokers send where nobody asked for operations. */
const NO_OPERATIONS = -(2 ** 31);

/** Asks by DescribeCluster, and brokers that lack it by Metadata. */
export async function describeCluster(
  cluster: Cluster,
  options: {
    readonly deadlineMs: number;
    readonly includeAuthorizedOperations?: boolean;
  },
): Promise<ClusterDescription> {
  try {
    const answer = await cluster.callAny(DESCRIBE_CLUSTER, {
      includeClusterAuthorizedOperations: options.includeAuthorizedOperations ??
        false,
    }, options);
    const error = errorOfCode(answer.errorCode, answer.errorMessage);
    if (error !== null) throw error;
    const bits = answer.clusterAuthorizedOperations;
    return {
      clusterId: answer.clusterId,
      controllerId: answer.controllerId,
      nodes: answer.brokers
        .map(({ brokerId, host, port, rack }) => ({
          id: brokerId,
          host,
          port,
          rack,
        }))
        .sort((a, b) => a.id - b.id),
      authorizedOperations: bits === NO_OPERATIONS ? null : bits,
    };
  } catch (error) {
    if (
      !(error instanceof KafkaError) ||
      error.errorName !== "UNSUPPORTED_VERSION"
    ) throw error;
    await cluster.refreshNodes(options.deadlineMs);
    const { clusterId, controllerId, nodes } = cluster.metadata;
    return {
      clusterId,
      controllerId,
      nodes: [...nodes.values()].sort((a, b) => a.id - b.id),
      authorizedOperations: null,
    };
  }
}

/**
 * @param options `brokers`: ids to ask, all that are up where left out;
 * `partitions`: what to tell of, everything where left out.
 */
export async function describeLogDirs(
  cluster: Cluster,
  options: {
    readonly deadlineMs: number;
    readonly brokers?: readonly number[];
    readonly partitions?: readonly TopicPartition[];
  },
): Promise<BrokerLogDirs[]> {
  await cluster.refreshNodes(options.deadlineMs);
  const brokers = options.brokers ?? [...cluster.metadata.nodes.keys()];
  const topics = options.partitions === undefined
    ? null
    : [...byTopic(options.partitions)].map(([topic, partitions]) => ({
      topic,
      partitions: partitions.map(({ partition }) => partition),
    }));
  const results = await Promise.all(brokers.map(async (brokerId) => {
    try {
      const answer = await cluster.callNode(
        brokerId,
        DESCRIBE_LOG_DIRS,
        { topics },
        options,
      );
      return {
        brokerId,
        error: errorOfCode(answer.errorCode),
        directories: answer.results.map(logDir),
      };
    } catch (error) {
      return { brokerId, error: asError(error), directories: [] };
    }
  }));
  return results.sort((a, b) => a.brokerId - b.brokerId);
}

function logDir(
  directory: Infer<typeof describeLogDirsResponse>["results"][number],
): LogDirDescription {
  return {
    path: directory.logDir,
    error: errorOfCode(directory.errorCode),
    replicas: directory.topics.flatMap(({ name, partitions }) =>
      partitions.map((partition) => ({
        topic: name,
        partition: partition.partitionIndex,
        sizeBytes: partition.partitionSize,
        offsetLag: partition.offsetLag,
        isFuture: partition.isFutureKey,
      }))
    ),
    totalBytes: directory.totalBytes,
    usableBytes: directory.usableBytes,
  };
}

/** Which versions each broker of the cluster serves. */
export async function apiVersions(
  cluster: Cluster,
  options: { readonly deadlineMs: number },
): Promise<BrokerApis[]> {
  await cluster.refreshNodes(options.deadlineMs);
  const nodes = [...cluster.metadata.nodes.values()].sort((a, b) =>
    a.id - b.id
  );
  return await Promise.all(nodes.map(async (node): Promise<BrokerApis> => {
    try {
      const connection = await cluster.connectionTo(node.id, options);
      const apis = [...connection.apis]
        .map(([key, range]) => ({ key, ...range }))
        .sort((a, b) => a.key - b.key);
      return { node, error: null, apis };
    } catch (error) {
      return { node, error: asError(error), apis: [] };
    }
  }));
}
