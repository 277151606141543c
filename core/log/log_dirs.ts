// All log directories of a broker, and the logs in them: found by topic and
// partition, made, deleted, checkpointed in the background, and closed.

import { ConfigError } from "../config/config_error.ts";
import { dataDirectories } from "../config/broker_checks.ts";
import type { BrokerConfig } from "../config/broker_config.ts";
import type { TopicConfig } from "../config/topic_config.ts";
import { type Host, HostError } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { LogCleaner } from "./compaction/log_cleaner.ts";
import { FilePool } from "./file_pool.ts";
import {
  type CheckpointKind,
  LogDirectory,
  type NewLog,
} from "./log_directory.ts";
import { LogMoves } from "./log_moves.ts";
import { partitionName } from "./partition_files.ts";
import type { PartitionLog } from "./partition_log.ts";
import { Retention } from "./retention.ts";

/** Segment files held open at most: leaves room where a process may open 1,024. */
const OPEN_FILES_MAX = 512;
const PRODUCER_CHECK_MS = 600_000;
const ROOM_CHECK_MS = 1000;

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
  /** The id of a topic that there is, base64url; tells which of two logs of a name is the living one. */
  readonly topicId?: (topic: string) => string | undefined;
  /** Told of what recovery found and did, in one line each. */
  readonly report?: (text: string) => void;
  /** Called when a log has taken the place of another, in another directory. */
  readonly onLogMoved?: (log: PartitionLog) => void;
  /** Called once for each directory that fails. */
  readonly onDirectoryFailure?: (path: string, error: Error) => void;
  readonly openFilesMax?: number;
  /** Any number that changes whenever the broker has served somebody: maintenance then holds back. */
  readonly activity?: () => number;
}

/** The logs of one broker. */
export class LogDirs {
  /** Compacts the logs that ask for it. */
  readonly cleaner: LogCleaner;
  readonly #options: LogDirsOptions;
  readonly #directories: LogDirectory[] = [];
  readonly #logs = new Map<string, PartitionLog>();
  /** Names of logs that lie in directories that have failed. */
  readonly #offline = new Set<string>();
  /** Whether a directory failed before it could say what is in it. */
  #hasUnreadDirectory = false;
  readonly retention: Retention;
  /** Moves logs between the directories. */
  readonly moves: LogMoves;
  readonly #cancelTimers = new Map<string, () => void>();
  #isClosed = false;

  private constructor(options: LogDirsOptions) {
    this.#options = options;
    const { host } = options;
    this.cleaner = new LogCleaner({
      host,
      config: options.currentConfig ?? (() => options.config),
      logs: () => this.#logs.values(),
      report: options.report ?? (() => {}),
      activity: options.activity,
    });
    this.retention = new Retention({
      clock: host.clock,
      logs: () => this.#logs.values(),
      report: options.report ?? (() => {}),
    });
    this.moves = new LogMoves({
      host,
      directories: this.#directories,
      logs: this.#logs,
      offline: this.#offline,
      bytesPerSecond: () =>
        (options.currentConfig?.() ?? options.config)[
          "replica.alter.log.dirs.io.max.bytes.per.second"
        ],
      onMoved: (log) => options.onLogMoved?.(log),
      report: options.report ?? (() => {}),
    });
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
          minFreeBytes: options.config["log.dirs.min.free.bytes"],
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
      await dirs.moves.resume(dirs.#hasUnreadDirectory);
    } catch (error) {
      dirs.abandon();
      throw error;
    }
    dirs.#startTimers();
    dirs.cleaner.start();
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

  /**
   * Gives a log a new configuration, and acts on it now where its own timer would
   * come much later.
   */
  configure(log: PartitionLog, config: TopicConfig): void {
    const before = log.config;
    log.updateConfig(config);
    const isChanged = (key: keyof TopicConfig) =>
      String(before[key]) !== String(config[key]);
    const isCompacted = config["cleanup.policy"].includes("compact");
    if (isCompacted && CLEANER_KEYS.some(isChanged)) this.cleaner.reconfigure();
    if (isCompacted && !this.#options.config["log.cleaner.enable"]) return;
    if (RETENTION_KEYS.some(isChanged)) this.retention.checkSoon(log);
  }

  /** Acts on a changed configuration of the broker now, where its own timer would come much later. */
  reconfigure(): void {
    this.#expireProducers();
    this.cleaner.reconfigure();
  }

  /** All logs of directories that are online. */
  logs(): IterableIterator<PartitionLog> {
    return this.#logs.values();
  }

  /** Whether a partition's log lies in a directory that has failed. */
  isOffline(topic: string, partition: number): boolean {
    return this.#offline.has(partitionName(topic, partition));
  }

  /**
   * Makes the log of a new partition, in the directory that has the fewest.
   *
   * @param options `isNew: false` for a partition that may have had a log before:
   * where a directory cannot be read, it may be in there.
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed, no directory
   * is online, or the log is in one that has failed.
   */
  createLog(
    { isNew = true, ...options }: NewLog & { readonly isNew?: boolean },
  ): PartitionLog {
    const name = partitionName(options.topic, options.partition);
    if (!isNew && this.#hasUnreadDirectory) this.#offline.add(name);
    if (this.#offline.has(name)) {
      throw new KafkaError(
        "KAFKA_STORAGE_ERROR",
        `The log of ${name} is in a directory that has failed.`,
      );
    }
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
    const directory = this.moves.wantedFor(options) ??
      online.reduce((fewest, each) =>
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
    // What lies in a failed directory is left to whoever repairs it.
    this.#offline.delete(name);
    const log = this.#logs.get(name);
    this.moves.deleted(name);
    if (log === undefined) return;
    this.#directoryOf(log).delete(log);
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
    await this.cleaner.stop();
    await this.moves.stop();
    const results = await Promise.all(
      this.#directories.map((each) => each.close(brokerEpoch)),
    );
    return results.every((isClean) => isClean);
  }

  /** Lets go of everything and writes nothing: the next start recovers. */
  abandon(): void {
    this.#isClosed = true;
    this.#stopTimers();
    void this.cleaner.stop();
    void this.moves.stop();
    for (const directory of this.#directories) directory.abandon();
  }

  async #open(directory: LogDirectory): Promise<void> {
    try {
      await directory.open();
    } catch (error) {
      // A lock that is held is a mistake of the operator, not of the disk.
      if (!(error instanceof HostError) || error.kind === "locked") throw error;
      this.#hasUnreadDirectory = true;
      directory.state.fail(error);
      return;
    }
    for (const log of directory.logs.values()) this.#found(directory, log);
  }

  /** A directory that was repaired may hold what was deleted meanwhile, and made again elsewhere. */
  #found(directory: LogDirectory, log: PartitionLog): void {
    const other = this.#logs.get(log.name);
    if (other === undefined) {
      this.#logs.set(log.name, log);
      return;
    }
    const topicId = this.#options.topicId?.(log.topic);
    const outdated = [other, log].find((each) =>
      each.topicId !== null && each.topicId !== topicId
    );
    if (topicId === undefined || outdated === undefined) {
      throw new ConfigError(
        `${log.name} is both in "${other.directoryPath}" and in "${directory.path}"; move one of them away`,
        { key: "log.dirs" },
      );
    }
    this.#options.report?.(
      `The log of ${log.name} in "${outdated.directoryPath}" is of a deleted topic (id ${outdated.topicId}); it is deleted`,
    );
    this.#directoryOf(outdated).delete(outdated);
    this.#logs.set(log.name, outdated === log ? other : log);
  }

  #directoryOf(log: PartitionLog): LogDirectory {
    return this.#directories.find(({ path }) => path === log.directoryPath)!;
  }

  #failed(path: string, error: Error): void {
    const failed = this.#directories.find((each) => each.path === path);
    if (failed !== undefined) this.moves.directoryFailed(failed);
    for (const [name, log] of this.#logs) {
      if (log.directoryPath !== path) continue;
      this.#logs.delete(name);
      this.#offline.add(name);
    }
    this.#options.onDirectoryFailure?.(path, error);
  }

  #startTimers(): void {
    const { config } = this.#options;
    const checkpoint = (kind: CheckpointKind, key: CheckpointIntervalKey) =>
      this.#every(key, config[key], () => this.checkpoint(kind));
    this.#every(
      "retention of plain logs",
      config["log.retention.check.interval.ms"],
      () => this.retention.check("plain"),
      config["log.initial.task.delay.ms"],
    );
    // Of logs that are compacted it is the cleaner's work, in the pauses that it makes.
    if (config["log.cleaner.enable"]) {
      this.#every(
        "retention of compacted logs",
        () => this.#now["log.cleaner.backoff.ms"],
        () => this.retention.check("compacted"),
      );
    }
    checkpoint("recoveryPoint", "log.flush.offset.checkpoint.interval.ms");
    checkpoint("logStart", "log.flush.start.offset.checkpoint.interval.ms");
    checkpoint(
      "highWatermark",
      "replica.high.watermark.checkpoint.interval.ms",
    );
    this.#every("room", ROOM_CHECK_MS, () => {
      for (const { state, room } of this.#directories) {
        if (state.isOnline) room.look();
      }
      return Promise.resolve();
    });
    this.#every("producers", PRODUCER_CHECK_MS, () => {
      this.#expireProducers();
      return Promise.resolve();
    });
  }

  /** The broker's configuration as it is now. */
  get #now(): BrokerConfig {
    const { config, currentConfig } = this.#options;
    return currentConfig?.() ?? config;
  }

  #expireProducers(): void {
    const nowMs = this.#options.host.clock.wallMs();
    const afterMs = this.#now["producer.id.expiration.ms"];
    for (const { producers } of this.#logs.values()) {
      producers.expire(nowMs, afterMs);
    }
  }

  #every(
    name: string,
    intervalMs: number | (() => number),
    run: () => Promise<void>,
    firstMs?: number,
  ): void {
    const { clock } = this.#options.host;
    const nextMs = typeof intervalMs === "number"
      ? () => intervalMs
      : intervalMs;
    const wait = (delayMs: number) => {
      const cancel = clock.after(Math.max(1, delayMs), async () => {
        await run();
        if (!this.#isClosed) wait(nextMs());
      });
      this.#cancelTimers.set(name, cancel);
    };
    wait(firstMs ?? nextMs());
  }

  #stopTimers(): void {
    this.retention.stop();
    for (const cancel of this.#cancelTimers.values()) cancel();
    this.#cancelTimers.clear();
  }
}

/** Keys of a topic that say which segments go. */
const RETENTION_KEYS = [
  "cleanup.policy",
  "retention.bytes",
  "retention.ms",
] as const;

/** Keys of a topic that say when it is dirty enough. */
const CLEANER_KEYS = [
  "cleanup.policy",
  "delete.retention.ms",
  "max.compaction.lag.ms",
  "min.cleanable.dirty.ratio",
  "min.compaction.lag.ms",
] as const;

type CheckpointIntervalKey =
  | "log.flush.offset.checkpoint.interval.ms"
  | "log.flush.start.offset.checkpoint.interval.ms"
  | "replica.high.watermark.checkpoint.interval.ms";
