// DescribeLogDirs (key 35): what lies in this broker's log directories, how
// large it is, and how much room is left.
//
// Source: Kafka protocol guide; KIP-113, KIP-827 (sizes of the file system).

import { type Host, HostError } from "../../host/host.ts";
import type { LogDirectory } from "../../log/log_directory.ts";
import type { LogMoves } from "../../log/log_moves.ts";
import type { PartitionLog } from "../../log/partition_log.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type DescribeLogDirsRequest,
  describeLogDirsRequest,
  describeLogDirsResponse,
} from "../../wire/kafka/messages/describe_log_dirs.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import type { Broker } from "../broker.ts";
import { serve } from "../context.ts";

type Response = InferInput<typeof describeLogDirsResponse>;
type DirectoryResponse = Response["results"][number];
type TopicResponse = DirectoryResponse["topics"][number];

/** From here on the answer has an error of its own. */
const TOP_LEVEL_ERROR_SINCE = 3;

export const describeLogDirs = serve(
  describeLogDirsRequest,
  describeLogDirsResponse,
  {
    handle: (request, { broker }) => {
      const isWanted = filterOf(request);
      return {
        throttleTimeMs: 0,
        results: broker.logDirs.directories.map((directory) =>
          describe(directory, isWanted, broker)
        ),
      };
    },
    failure: ({ errorCode }, _request, { apiVersion }) =>
      apiVersion >= TOP_LEVEL_ERROR_SINCE
        ? { throttleTimeMs: 0, errorCode, results: [] }
        : { throttleTimeMs: 0, results: [] },
  },
);

type Filter = (topic: string, partition: number) => boolean;

function filterOf({ topics }: DescribeLogDirsRequest): Filter {
  if (topics === null) return () => true;
  const wanted = new Map<string, Set<number>>();
  for (const { topic, partitions } of topics) {
    const known = wanted.get(topic) ?? [];
    wanted.set(topic, new Set([...known, ...partitions]));
  }
  return (topic, partition) => wanted.get(topic)?.has(partition) ?? false;
}

function describe(
  directory: LogDirectory,
  isWanted: Filter,
  { host, logDirs }: Broker,
): DirectoryResponse {
  const { path, state } = directory;
  if (!state.isOnline) {
    return {
      errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
      logDir: path,
      topics: [],
    };
  }
  return {
    errorCode: ErrorCode.NONE,
    logDir: path,
    topics: topicsIn(directory, isWanted, logDirs.moves),
    ...spaceOf(host, path),
  };
}

function topicsIn(
  directory: LogDirectory,
  isWanted: Filter,
  moves: LogMoves,
): TopicResponse[] {
  const topics = new Map<
    string,
    TopicResponse["partitions"][number][]
  >();
  const show = (log: PartitionLog, offsetLag: number, isFutureKey: boolean) => {
    if (!isWanted(log.topic, log.partition)) return;
    const partitions = topics.get(log.topic) ?? [];
    topics.set(log.topic, partitions);
    partitions.push({
      partitionIndex: log.partition,
      partitionSize: log.sizeBytes,
      offsetLag,
      isFutureKey,
    });
  };
  for (const log of directory.logs.values()) {
    show(log, Math.max(0, log.highWatermark - log.logEndOffset), false);
  }
  for (const { target, future, offsetLag } of moves.underWay()) {
    if (target === directory) show(future, offsetLag, true);
  }
  return [...topics].map(([name, partitions]) => ({
    name,
    partitions: partitions.sort((a, b) => a.partitionIndex - b.partitionIndex),
  }));
}

/** The answer says -1 where the file system does not tell. */
function spaceOf(
  host: Host,
  path: string,
): Pick<DirectoryResponse, "totalBytes" | "usableBytes"> {
  try {
    const { totalBytes, freeBytes } = host.disk.space(path);
    return { totalBytes, usableBytes: freeBytes };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return {};
  }
}
