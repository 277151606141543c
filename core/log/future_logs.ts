// The logs on their way into one directory: their folders, and those that a life
// before has left. What becomes of them is decided in `log_moves.ts`.

import type { TopicConfig } from "../config/topic_config.ts";
import type { Host } from "../host/host.ts";
import type { OffsetCheckpoint } from "./checkpoint_file.ts";
import { createLog, loadLog } from "./load_log.ts";
import type { LogEnvironment } from "./log_parts.ts";
import {
  futureName,
  parseFutureName,
  partitionName,
  type TopicPartition,
} from "./partition_files.ts";
import type { PartitionLog } from "./partition_log.ts";

/** A folder that a log was being moved into when the last life ended. */
export interface LeftFuture extends TopicPartition {
  readonly path: string;
  /** From the directory's checkpoint; 0 where it has none. */
  readonly logStartOffset: number;
}

export interface FutureLogsOptions {
  readonly host: Host;
  /** The directory. */
  readonly path: string;
  readonly environment: () => LogEnvironment;
  readonly topicConfig: (topic: string) => TopicConfig;
  readonly report: (text: string) => void;
}

/** See the file's header. */
export class FutureLogs {
  readonly #options: FutureLogsOptions;
  readonly #logs = new Set<PartitionLog>();
  #left: LeftFuture[] = [];

  constructor(options: FutureLogsOptions) {
    this.#options = options;
  }

  /** Makes an empty one. @throws {HostError} */
  create(
    options: TopicPartition & {
      readonly topicId: string | null;
      readonly config: TopicConfig;
    },
  ): PartitionLog {
    const { host, path, environment } = this.#options;
    const unique = host.randomBytes(16).toHex();
    const place = { path: `${path}/${futureName(options, unique)}` };
    const log = createLog(
      environment(),
      { ...options, place },
      options.topicId,
    );
    this.#logs.add(log);
    return log;
  }

  /** It is none of these any more. */
  forget(log: PartitionLog): void {
    this.#logs.delete(log);
  }

  /** Takes note of a folder that was found, where it is one of these. */
  found(name: string, logStarts: OffsetCheckpoint): void {
    const partition = parseFutureName(name);
    if (partition === null) return;
    this.#left.push({
      ...partition,
      path: `${this.#options.path}/${name}`,
      logStartOffset: logStarts.get(
        partitionName(partition.topic, partition.partition),
      ) ?? 0,
    });
  }

  /** What was found; told once. */
  takeLeft(): LeftFuture[] {
    const left = this.#left;
    this.#left = [];
    return left;
  }

  /** Opens what was found. @throws {HostError} */
  open({ path, ...partition }: LeftFuture): PartitionLog {
    const { environment, topicConfig, report } = this.#options;
    const log = loadLog(environment(), {
      ...partition,
      place: { path },
      config: topicConfig(partition.topic),
      isClean: false,
      recoveryPoint: 0,
      highWatermark: null,
      report,
    });
    this.#logs.add(log);
    return log;
  }

  /** Removes at once what was found. @throws {HostError} */
  remove(log: PartitionLog): void {
    this.#logs.delete(log);
    log.abandon();
    this.#options.host.disk.removeTree(log.place.path);
  }

  /** Lets go of all, and leaves the folders. */
  abandon(): void {
    for (const log of this.#logs) log.abandon();
  }
}
