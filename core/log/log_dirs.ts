// All log directories of a broker, and the logs in them: found by topic and
// partition, made, deleted, checkpointed in the background, and closed.

import { ConfigError } from "../config/config_error.ts";
import { dataDirectories } from "../config/broker_checks.ts";
import type { BrokerConfig } from "../config/broker_config.ts";
import type { TopicConfig } from "../config/topic_config.ts";
import { type Host, HostError } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { FilePool } from "./file_pool.ts";
import {
  type CheckpointKind,
  LogDirectory,
  type NewLog,
} from "./log_directory.ts";
import { partitionName } from "./partition_files.ts";
import type { PartitionLog } from "./partition_log.ts";

/** Segment files held open at most: leaves room where a process may open 1,024. */
const OPEN_FILES_MAX = 512;
const PRODUCER_CHECK_MS = 600_000;

export interface LogDirsOptions {
  readonly host: Host;
  /** The broker's: directories, intervals of checkpoints, expiration of producers. */
  readonly config: BrokerConfig;
  /** The broker's as it is now, for the keys that change while it runs; `config` where left out. */
  readonly currentConfig?: () => BrokerConfig;
  readonly brokerId: number;
  readonly clusterId: string;
  /** A topic's configuration, for the logs that are found. */
  readonly topicConfig: (topic: string) => TopicConfig;
  /** Told of what recovery found and did, in one line each. */
  readonly report?: (text: string) => void;
  /** Called once for each directory that fails. */
  readonly onDirectoryFailure?: (path: string, error: Error) => void;
  readonly openFilesMax?: number;
}

/** The logs of one broker. */
export class LogDirs {
  readonly #options: LogDirsOptions;
  readonly #directories: LogDirectory[] = [];
  readonly #logs = new Map<string, PartitionLog>();
  readonly #cancelTimers = new Map<string, () => void>();
  #isClosed = false;

  private constructor(options: LogDirsOptions) {
    this.#options = options;
    const { host } = options;
    const pool = new FilePool(
      host.disk,
      options.openFilesMax ?? OPEN_FILES_MAX,
    );
    for (const path of dataDirectories(options.config)) {
      this.#directories.push(
        new LogDirectory({
          host,
          pool,
          path,
          identity: options,
          topicConfig: options.topicConfig,
          report: options.report ?? (() => {}),
          onFailure: (failed, error) => this.#failed(failed, error),
        }),
      );
    }
  }

  /**
   * Opens all directories, recovering what a crash left.
   *
   * @throws {ConfigError} Where one belongs to another broker or cluster, or two
   * hold the same partition.
   * @throws {HostError} `locked` where another process has one; any, where none
   * can be used.
   */
  static async open(options: LogDirsOptions): Promise<LogDirs> {
    const dirs = new LogDirs(options);
    try {
      for (const directory of dirs.#directories) await dirs.#open(directory);
      if (!dirs.#directories.some((directory) => directory.state.isOnline)) {
        throw dirs.#directories[0]?.state.failure ??
          new ConfigError("log.dirs names no directory", { key: "log.dirs" });
      }
    } catch (error) {
      dirs.abandon();
      throw error;
    }
    dirs.#startTimers();
    return dirs;
  }

  get directories(): readonly LogDirectory[] {
    return this.#directories;
  }

  /** Whether all directories were closed cleanly before this start. */
  get wasClean(): boolean {
    return this.#directories.every((directory) => directory.wasClean);
  }

  log(topic: string, partition: number): PartitionLog | undefined {
    return this.#logs.get(partitionName(topic, partition));
  }

  /** Acts on a changed configuration of the broker now, where its own timer would come much later. */
  reconfigure(): void {
    this.#expireProducers();
  }

  /** All logs of directories that are online. */
  logs(): IterableIterator<PartitionLog> {
    return this.#logs.values();
  }

  /**
   * Makes the log of a new partition, in the directory that has the fewest.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed, or no
   * directory is online.
   */
  createLog(options: NewLog): PartitionLog {
    const name = partitionName(options.topic, options.partition);
    if (this.#logs.has(name)) {
      throw new KafkaError(
        "UNKNOWN_SERVER_ERROR",
        `There is a log of ${name} already.`,
      );
    }
    const online = this.#directories.filter((each) => each.state.isOnline);
    if (online.length === 0 || this.#isClosed) {
      throw new KafkaError(
        "KAFKA_STORAGE_ERROR",
        "No log directory is online.",
      );
    }
    const directory = online.reduce((fewest, each) =>
      each.logs.size < fewest.logs.size ? each : fewest
    );
    const log = directory.create(options);
    this.#logs.set(name, log);
    return log;
  }

  /**
   * Deletes a partition's log; one that is not there is fine.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR.
   */
  deleteLog(topic: string, partition: number): void {
    const name = partitionName(topic, partition);
    const log = this.#logs.get(name);
    if (log === undefined) return;
    const directory = this.#directories.find((each) =>
      each.path === log.directoryPath
    )!;
    directory.delete(log);
    this.#logs.delete(name);
  }

  /** Writes one checkpoint of every directory; one that fails goes offline. */
  async checkpoint(kind: CheckpointKind): Promise<void> {
    await Promise.all(
      this.#directories.filter((each) => each.state.isOnline)
        .map((each) => each.checkpoint(kind).catch(() => {})),
    );
  }

  /**
   * Stops cleanly: everything synced, and marked so.
   *
   * @returns False where a directory has to be recovered at the next start.
   */
  async close(
    { brokerEpoch = -1 }: { readonly brokerEpoch?: number } = {},
  ): Promise<boolean> {
    if (this.#isClosed) return true;
    this.#isClosed = true;
    this.#stopTimers();
    const results = await Promise.all(
      this.#directories.map((each) => each.close(brokerEpoch)),
    );
    return results.every((isClean) => isClean);
  }

  /** Lets go of everything and writes nothing: the next start recovers. */
  abandon(): void {
    this.#isClosed = true;
    this.#stopTimers();
    for (const directory of this.#directories) directory.abandon();
  }

  async #open(directory: LogDirectory): Promise<void> {
    try {
      await directory.open();
    } catch (error) {
      // A lock that is held is a mistake of the operator, not of the disk.
      if (!(error instanceof HostError) || error.kind === "locked") throw error;
      directory.state.fail(error);
      return;
    }
    for (const [name, log] of directory.logs) {
      const other = this.#logs.get(name);
      if (other !== undefined) {
        throw new ConfigError(
          `${name} is both in "${other.directoryPath}" and in "${directory.path}"; move one of them away`,
          { key: "log.dirs" },
        );
      }
      this.#logs.set(name, log);
    }
  }

  #failed(path: string, error: Error): void {
    for (const [name, log] of this.#logs) {
      if (log.directoryPath === path) this.#logs.delete(name);
    }
    this.#options.onDirectoryFailure?.(path, error);
  }

  #startTimers(): void {
    const { config } = this.#options;
    const checkpoint = (kind: CheckpointKind, key: CheckpointIntervalKey) =>
      this.#every(key, config[key], () => this.checkpoint(kind));
    checkpoint("recoveryPoint", "log.flush.offset.checkpoint.interval.ms");
    checkpoint("logStart", "log.flush.start.offset.checkpoint.interval.ms");
    checkpoint(
      "highWatermark",
      "replica.high.watermark.checkpoint.interval.ms",
    );
    this.#every("producers", PRODUCER_CHECK_MS, () => {
      this.#expireProducers();
      return Promise.resolve();
    });
  }

  #expireProducers(): void {
    const { host, config, currentConfig } = this.#options;
    const nowMs = host.clock.wallMs();
    const { "producer.id.expiration.ms": afterMs } = currentConfig?.() ??
      config;
    for (const log of this.#logs.values()) log.expireProducers(nowMs, afterMs);
  }

  #every(name: string, intervalMs: number, run: () => Promise<void>): void {
    const { clock } = this.#options.host;
    const wait = () => {
      const cancel = clock.after(Math.max(1, intervalMs), async () => {
        await run();
        if (!this.#isClosed) wait();
      });
      this.#cancelTimers.set(name, cancel);
    };
    wait();
  }

  #stopTimers(): void {
    for (const cancel of this.#cancelTimers.values()) cancel();
    this.#cancelTimers.clear();
  }
}

type CheckpointIntervalKey =
  | "log.flush.offset.checkpoint.interval.ms"
  | "log.flush.start.offset.checkpoint.interval.ms"
  | "replica.high.watermark.checkpoint.interval.ms";
