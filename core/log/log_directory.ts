// One directory of `log.dirs`: its lock, its checkpoints, its partitions.
//
//   .lock  meta.properties  .kafka_cleanshutdown  .kq-boot
//   recovery-point-offset-checkpoint   log-start-offset-checkpoint
//   replication-offset-checkpoint      cleaner-offset-checkpoint
//   <topic>-<partition>/ …

import { bytesEqual } from "../base/bytes.ts";
import { Serial } from "../base/serial.ts";
import type { TopicConfig } from "../config/topic_config.ts";
import { type Host, HostError, sleep } from "../host/host.ts";
import {
  formatOffsetCheckpoint,
  type OffsetCheckpoint,
  readOffsetCheckpoint,
} from "./checkpoint_file.ts";
import {
  CHECKPOINT_FILES,
  type CheckpointKind,
  LOCK_FILE,
} from "./checkpoint_kinds.ts";
import {
  readCleanShutdown,
  removeCleanShutdown,
  writeCleanShutdown,
} from "./clean_shutdown.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import { DiskRoom } from "./disk_room.ts";
import type { FilePool } from "./file_pool.ts";
import { FutureLogs } from "./future_logs.ts";
import {
  distrustKernelLife,
  forgetKernelLife,
  hasKernelLivedOn,
  noteKernelLife,
} from "./kernel_life.ts";
import { createLog, loadLog } from "./load_log.ts";
import {
  type FailureListener,
  LogDirectoryState,
} from "./log_directory_state.ts";
import {
  type BrokerIdentity,
  checkMetaProperties,
  formatMetaProperties,
  META_PROPERTIES,
  readMetaProperties,
} from "./meta_properties.ts";
import {
  DELETE_SUFFIX,
  deletedName,
  parsePartitionName,
  partitionName,
  type TopicPartition,
} from "./partition_files.ts";
import type { PartitionLog } from "./partition_log.ts";
import { makeDirectoryDurably, replaceFile } from "./replace_file.ts";
import { isRenewed, RenewedLogs } from "./renewed_logs.ts";
import { SharedSync } from "./shared_sync.ts";
import { Turns } from "./turns.ts";

export type { CheckpointKind };

/** How a directory is opened. */
export interface LogDirectoryOptions {
  readonly host: Host;
  readonly pool: FilePool;
  readonly path: string;
  readonly identity: BrokerIdentity;
  readonly topicConfig: (topic: string) => TopicConfig;
  /** Told of what recovery found and did, in one line each. */
  readonly report: (text: string) => void;
  readonly onFailure: FailureListener;
  /** `log.dirs.min.free.bytes`; `null` where it is not set. */
  readonly minFreeBytes: number | null;
}

/** What is needed to make a log. */
export interface NewLog extends TopicPartition {
  /** Base64url; `null` where topics have none. */
  readonly topicId: string | null;
  readonly config: TopicConfig;
}

/** One log directory with its logs. */
export class LogDirectory {
  readonly path: string;
  readonly state: LogDirectoryState;
  readonly room: DiskRoom;
  /** By `topic-partition`. */
  readonly logs = new Map<string, PartitionLog>();
  /** Logs that are moved here. */
  readonly futures: FutureLogs;
  readonly #options: LogDirectoryOptions;
  readonly #writes = new Serial();
  readonly #names: SharedSync;
  readonly #starts: SharedSync;
  readonly #turns: Turns;
  readonly #forgotten: SharedSync;
  readonly #renewed: RenewedLogs;
  readonly #written = new Map<CheckpointKind, Uint8Array>();
  readonly #removals = new Map<() => void, PartitionLog>();
  #lock: { release(): void } | null = null;
  /** Whether the last stop was a clean one. */
  #wasClean = false;
  #previousBrokerEpoch: number | null = null;

  constructor(options: LogDirectoryOptions) {
    this.#options = options;
    this.path = options.path;
    this.#names = new SharedSync(() =>
      options.host.disk.syncDirectory(options.path)
    );
    this.#turns = new Turns(options.host.clock);
    this.#starts = new SharedSync(() => this.checkpoint("logStart"));
    this.#forgotten = new SharedSync(() => this.#forgetDeleted());
    this.#renewed = new RenewedLogs(
      options.host.disk,
      (name) => this.logs.get(name)?.place.path,
    );
    this.state = new LogDirectoryState(options.path, (path, error) => {
      this.#distrust();
      options.onFailure(path, error);
    });
    this.room = new DiskRoom(options);
    this.futures = new FutureLogs({
      ...options,
      environment: () => this.#environment(),
    });
  }

  get wasClean(): boolean {
    return this.#wasClean;
  }

  /** The broker epoch of the life that ended cleanly before; `null` where none did. */
  get previousBrokerEpoch(): number | null {
    return this.#previousBrokerEpoch;
  }

  /**
   * Takes the lock, checks whose directory it is, and opens all logs.
   *
   * @throws {HostError} `locked` where another process has it, or any other
   * failure of the disk.
   * @throws {ConfigError} Where it belongs to another broker or cluster.
   */
  async open(): Promise<void> {
    const { host, identity } = this.#options;
    const { disk } = host;
    await makeDirectoryDurably(disk, this.path);
    this.#lock = disk.lock(`${this.path}/${LOCK_FILE}`);
    try {
      const found = readMetaProperties(disk, this.path);
      if (found !== null) checkMetaProperties(this.path, found, identity);
      const marker = readCleanShutdown(disk, this.path);
      this.#wasClean = marker !== null;
      this.#previousBrokerEpoch = marker?.brokerEpoch ?? null;
      await removeCleanShutdown(disk, this.path);
      if (found === null || found.clusterId === null) {
        await replaceFile(
          disk,
          `${this.path}/${META_PROPERTIES}`,
          formatMetaProperties(identity),
        );
      }
      const wasKilled = marker === null && hasKernelLivedOn(disk, this.path);
      await this.#loadLogs({ wasKilled });
      if (this.#isSound) noteKernelLife(disk, this.path);
      else forgetKernelLife(disk, this.path);
    } catch (error) {
      if (error instanceof HostError) this.#distrust();
      this.abandon();
      throw error;
    }
  }

  /** Makes the log of a new partition. @throws {KafkaError} KAFKA_STORAGE_ERROR. */
  create(options: NewLog): PartitionLog {
    const name = partitionName(options.topic, options.partition);
    const log = this.state.guard(() =>
      createLog(
        this.#environment(),
        { ...options, place: { path: `${this.path}/${name}` } },
        options.topicId,
        { isRenewed: this.#renewed.has(name) },
      )
    );
    this.logs.set(name, log);
    return log;
  }

  /** Makes the log that another directory's is moved into. @throws {KafkaError} KAFKA_STORAGE_ERROR. */
  createFuture(options: NewLog): PartitionLog {
    return this.state.guard(() => this.futures.create(options));
  }

  /** Takes a log away that was not moved after all. @throws {KafkaError} KAFKA_STORAGE_ERROR. */
  dropFuture(log: PartitionLog): void {
    this.futures.forget(log);
    this.delete(log);
  }

  /** A log that was moved is one of this directory's now; its folder is named so by `takeOver`. */
  receive(log: PartitionLog): void {
    this.futures.forget(log);
    this.logs.set(log.name, log);
  }

  /**
   * Gives a folder that was moved into its name, durably.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR.
   */
  async takeOver(log: PartitionLog): Promise<void> {
    const path = `${this.path}/${log.name}`;
    this.state.guard(() =>
      this.#options.host.disk.rename(log.place.path, path)
    );
    log.place.path = path;
    await this.syncNames();
  }

  /** Makes the names of folders survive a crash. @throws {KafkaError} KAFKA_STORAGE_ERROR. */
  async syncNames(): Promise<void> {
    this.state.assertOnline();
    try {
      await this.#names.run();
    } catch (error) {
      throw this.state.taken(error);
    }
  }

  /**
   * Takes a log away: its folder is renamed now, and removed when its topic's
   * `file.delete.delay.ms` has passed.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR.
   */
  delete(log: PartitionLog): void {
    const { host } = this.#options;
    const unique = host.randomBytes(16).toHex();
    const path = `${this.path}/${deletedName(log, unique)}`;
    this.state.guard(() => host.disk.rename(log.place.path, path));
    log.place.path = path;
    log.markDeleted();
    this.logs.delete(log.name);
    const cancel = host.clock.after(log.config["file.delete.delay.ms"], () => {
      this.#removals.delete(cancel);
      void this.#writes.run(() => this.#remove(log));
    });
    this.#removals.set(cancel, log);
    // A topic of the same name must not be taken as clean, nor as synced or deleted
    // so far.
    this.#renewed.add(log.name);
    this.#forgotten.run().catch(() => {});
    void this.#writes.run(() => this.#syncNames());
  }

  /**
   * Writes a checkpoint of all logs, where it changed.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR.
   */
  checkpoint(kind: CheckpointKind): Promise<void> {
    return this.#writes.run(async () => {
      this.state.assertOnline();
      const bytes = formatOffsetCheckpoint(this.#offsets(kind));
      const before = this.#written.get(kind);
      if (before !== undefined && bytesEqual(before, bytes)) return;
      try {
        await replaceFile(
          this.#options.host.disk,
          `${this.path}/${CHECKPOINT_FILES[kind]}`,
          bytes,
        );
      } catch (error) {
        throw this.state.taken(error);
      }
      this.#written.set(kind, bytes);
    });
  }

  /**
   * Closes all logs, and says that it was done cleanly, if it was.
   *
   * @returns False where the next start has to recover.
   */
  async close(brokerEpoch: number): Promise<boolean> {
    const { disk } = this.#options.host;
    try {
      await closeAll([...this.logs.values()]);
      await this.#writes.idle();
      for (const kind of CHECKPOINT_KINDS) await this.checkpoint(kind);
      if (this.#renewed.isAny) await this.#forgotten.run();
      this.state.assertOnline();
      forgetKernelLife(disk, this.path);
      // Damage has to be found again at the next start.
      const isSound = this.#isSound;
      if (isSound) await writeCleanShutdown(disk, this.path, { brokerEpoch });
      return isSound;
    } catch (error) {
      this.#distrust();
      this.#options.report(
        `"${this.path}" was not closed cleanly: ${(error as Error).message}`,
      );
      return false;
    } finally {
      this.abandon();
    }
  }

  /** Lets go of everything and writes nothing, as after a failure. */
  abandon(): void {
    for (const [cancel, log] of this.#removals) {
      cancel();
      log.abandon();
    }
    this.#removals.clear();
    for (const log of this.logs.values()) log.abandon();
    this.futures.abandon();
    this.#lock?.release();
    this.#lock = null;
  }

  get #isSound(): boolean {
    return ![...this.logs.values()].some((log) => log.isCorrupt);
  }

  /** What the page cache shows proves nothing any more. */
  #distrust(): void {
    const { host, report } = this.#options;
    if (this.#lock !== null) distrustKernelLife(host.disk, this.path, report);
  }

  async #loadLogs(
    { wasKilled }: { readonly wasKilled: boolean },
  ): Promise<void> {
    const { host, report } = this.#options;
    const offsets = {
      recoveryPoint: this.#readCheckpoint("recoveryPoint"),
      logStart: this.#readCheckpoint("logStart"),
      highWatermark: this.#readCheckpoint("highWatermark"),
      cleaned: this.#readCheckpoint("cleaned"),
    };
    const configs = new Map<string, TopicConfig>();
    const configOf = (topic: string) => {
      const config = configs.get(topic) ?? this.#options.topicConfig(topic);
      configs.set(topic, config);
      return config;
    };
    let turnStartMs = host.clock.monotonicMs();
    const names = host.disk.list(this.path);
    // After a kill a power cut could still undo the rename, of what is emptied now.
    const isAnyDeleted = names.some((name) => name.endsWith(DELETE_SUFFIX));
    if (isAnyDeleted) await host.disk.syncDirectory(this.path);
    for (const name of names) {
      const path = `${this.path}/${name}`;
      const partition = parsePartitionName(name);
      if (partition === null) {
        if (name.endsWith(DELETE_SUFFIX)) host.disk.removeTree(path);
        this.futures.found(name, offsets.logStart);
        continue;
      }
      if (host.disk.stat(path)?.isDirectory !== true) continue;
      if (isRenewed(host.disk, path)) this.#renewed.add(name);
      const log = loadLog(this.#environment(), {
        ...partition,
        place: { path },
        config: configOf(partition.topic),
        isClean: this.#wasClean,
        wasKilled,
        recoveryPoint: offsets.recoveryPoint.get(name) ?? 0,
        logStartOffset: offsets.logStart.get(name) ?? 0,
        isStartSaved: offsets.logStart.has(name),
        highWatermark: offsets.highWatermark.get(name) ?? null,
        cleanedOffset: offsets.cleaned.get(name) ?? null,
        report,
      });
      this.logs.set(name, log);
      // Recovery may read for long; others must have their turn.
      if (host.clock.monotonicMs() - turnStartMs > TURN_MS) {
        await sleep(host.clock, 0);
        turnStartMs = host.clock.monotonicMs();
      }
    }
    for (const known of Object.values(offsets)) {
      for (const name of known.keys()) {
        if (!this.logs.has(name)) this.#renewed.add(name);
      }
    }
    if (this.#renewed.isAny) await this.#forgotten.run();
  }

  #environment() {
    return {
      host: this.#options.host,
      pool: this.#options.pool,
      directory: this.state,
      turns: this.#turns,
      room: this.room,
      syncNames: async () => {
        if (this.#renewed.isAny) await this.#forgotten.run();
        await this.#names.run();
      },
      onStartMoved: () => {
        this.#starts.run().catch(() => {});
      },
      // Where many logs are looked through, many starts move at once.
      checkpoint: (kind: CheckpointKind) =>
        kind === "logStart" ? this.#starts.run() : this.checkpoint(kind),
    };
  }

  #readCheckpoint(kind: CheckpointKind): OffsetCheckpoint {
    try {
      return readOffsetCheckpoint(
        this.#options.host.disk,
        `${this.path}/${CHECKPOINT_FILES[kind]}`,
      );
    } catch (error) {
      if (!(error instanceof CorruptFileError)) throw error;
      // Lower offsets than the true ones only cost time.
      this.#options.report(`${error.message}; it is taken as empty`);
      return new Map();
    }
  }

  #offsets(kind: CheckpointKind): OffsetCheckpoint {
    const offsets: OffsetCheckpoint = new Map();
    for (const [name, log] of this.logs) {
      if (kind === "recoveryPoint") offsets.set(name, log.recoveryPoint);
      else if (kind === "highWatermark") offsets.set(name, log.highWatermark);
      else if (kind === "cleaned") {
        if (log.cleanedOffset !== null) offsets.set(name, log.cleanedOffset);
      } else if (
        log.mayHoldEarlier ||
        log.logStartOffset > log.segments.first.baseOffset
      ) offsets.set(name, log.logStartOffset);
    }
    return offsets;
  }

  async #forgetDeleted(): Promise<void> {
    const { disk } = this.#options.host;
    try {
      await this.#renewed.settle(async () => {
        for (const kind of FORGETFUL_KINDS) {
          const path = `${this.path}/${CHECKPOINT_FILES[kind]}`;
          if (disk.stat(path) !== null) await this.checkpoint(kind);
        }
      });
    } catch (error) {
      throw this.state.taken(error);
    }
  }

  async #syncNames(): Promise<void> {
    if (!this.state.isOnline) return;
    try {
      await this.#names.run();
    } catch (error) {
      this.state.taken(error);
    }
  }

  #remove(log: PartitionLog): void {
    log.abandon();
    if (!this.state.isOnline) return;
    try {
      this.#options.host.disk.removeTree(log.place.path);
    } catch (error) {
      this.state.taken(error);
    }
  }
}

const CHECKPOINT_KINDS: readonly CheckpointKind[] = [
  "logStart",
  "recoveryPoint",
  "highWatermark",
];
/** Those that may speak of a deleted log. */
const FORGETFUL_KINDS: readonly CheckpointKind[] = [
  ...CHECKPOINT_KINDS,
  "cleaned",
];
/** How long a start may keep everybody else waiting, in one piece. */
const TURN_MS = 50;
/** Fsyncs that run side by side at a stop. */
const CLOSES_AT_ONCE = 32;

async function closeAll(logs: readonly PartitionLog[]): Promise<void> {
  const waiting = logs.values();
  const work = async () => {
    for (const log of waiting) await log.close();
  };
  await Promise.all(Array.from({ length: CLOSES_AT_ONCE }, work));
}
