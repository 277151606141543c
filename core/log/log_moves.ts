// All moves of logs between a broker's directories: begun when asked for, one at
// a time into each directory, and taken up again by the next start.
//
// What a start finds of a move, beside each other in two directories:
//
//   topic-partition   …-future     meaning
//   yes               shorter      not done: the folder goes, the move begins anew
//   yes               longer       swapped, and appended to since: the move is ended
//   no                yes          the old folder was deleted: the move is ended

import { Serial } from "../base/serial.ts";
import { type Host, HostError } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { Throttle } from "./compaction/throttle.ts";
import type { LeftFuture } from "./future_logs.ts";
import type { LogDirectory } from "./log_directory.ts";
import { LogMove } from "./log_move.ts";
import { partitionName, type TopicPartition } from "./partition_files.ts";
import type { PartitionLog } from "./partition_log.ts";

export interface LogMovesOptions {
  readonly host: Host;
  readonly directories: readonly LogDirectory[];
  /** The logs in use, by name; a log that has moved is put there. */
  readonly logs: Map<string, PartitionLog>;
  /** Names of logs that lie in directories that have failed. */
  readonly offline: Set<string>;
  /** `replica.alter.log.dirs.io.max.bytes.per.second`, now. */
  readonly bytesPerSecond: () => number;
  /** Told in the turn in which another log took the place of one. */
  readonly onMoved: (log: PartitionLog) => void;
  /** Told in one line what failed, and what a start found. */
  readonly report: (text: string) => void;
}

/** The moves of one broker. */
export class LogMoves {
  readonly #options: LogMovesOptions;
  readonly #throttle: Throttle;
  readonly #moves = new Map<string, LogMove>();
  readonly #queues = new Map<LogDirectory, Serial>();
  /** Where logs that are not there yet are to be made, by partition. */
  readonly #wanted = new Map<string, LogDirectory>();

  constructor(options: LogMovesOptions) {
    this.#options = options;
    this.#throttle = new Throttle(options.host.clock, options.bytesPerSecond);
  }

  /** Those that are not done. */
  *underWay(): IterableIterator<LogMove> {
    for (const move of this.#moves.values()) {
      if (move.isCopying) yield move;
    }
  }

  /** Where a new log is to be, if somebody said so and it can be. */
  wantedFor(partition: TopicPartition): LogDirectory | undefined {
    const name = partitionName(partition.topic, partition.partition);
    const directory = this.#wanted.get(name);
    return directory?.state.isOnline === true ? directory : undefined;
  }

  /**
   * Has a partition's log be in a directory: moves it there in the background, or
   * remembers it for a log that is yet to be made.
   *
   * @param path As `log.dirs` says it.
   * @throws {KafkaError} LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR.
   */
  move(partition: TopicPartition, path: string): void {
    const name = partitionName(partition.topic, partition.partition);
    const to = this.#options.directories.find((each) =>
      each.path === path || each.path === path.replace(/\/+$/, "")
    );
    if (to === undefined) {
      throw new KafkaError(
        "LOG_DIR_NOT_FOUND",
        `"${path}" is none of this broker's log directories.`,
      );
    }
    to.state.assertOnline();
    const log = this.#options.logs.get(name);
    if (log === undefined) {
      this.#wanted.set(name, to);
      return;
    }
    const current = this.#moves.get(name);
    if (current !== undefined) {
      if (!current.isCopying) {
        throw new KafkaError(
          "KAFKA_STORAGE_ERROR",
          `${name} has only just moved; ask again in a second.`,
        );
      }
      if (current.target === to) return;
      current.cancel();
      this.#moves.delete(name);
    }
    if (log.directoryPath !== to.path) this.#begin(log, to);
  }

  /** A log is deleted: what a move has made of it goes too. @returns Whether that was all there was to do. */
  deleted(name: string): void {
    this.#wanted.delete(name);
    const move = this.#moves.get(name);
    if (move === undefined) return;
    this.#moves.delete(name);
    if (move.isCopying) move.cancel();
    else move.deleteSource();
  }

  /** A directory failed: no move from it or to it goes on. */
  directoryFailed(directory: LogDirectory): void {
    for (const [name, move] of this.#moves) {
      if (move.target !== directory && move.origin !== directory) continue;
      this.#moves.delete(name);
      move.abandon();
    }
  }

  /** Takes up what the last life left. @param mayLack Whether a log may be in a directory that cannot be read. */
  async resume(mayLack: boolean): Promise<void> {
    const { directories, logs } = this.#options;
    for (const to of directories) {
      for (const left of to.futures.takeLeft()) {
        if (!to.state.isOnline) continue;
        try {
          await this.#resumeOne(to, left, mayLack);
        } catch (error) {
          if (!(error instanceof HostError || error instanceof KafkaError)) {
            throw error;
          }
          // What is in there must not be made anew elsewhere.
          const name = partitionName(left.topic, left.partition);
          if (!logs.has(name)) this.#options.offline.add(name);
          to.state.fail(error);
        }
      }
    }
  }

  async #resumeOne(
    to: LogDirectory,
    left: LeftFuture,
    mayLack: boolean,
  ): Promise<void> {
    const { logs } = this.#options;
    const name = partitionName(left.topic, left.partition);
    const current = logs.get(name);
    if (current === undefined && mayLack) return;
    const future = to.futures.open(left);
    const isDone = current === undefined ||
      (current.topicId === future.topicId &&
        current.logEndOffset < future.logEndOffset);
    if (!isDone) {
      to.futures.remove(future);
      if (current.directoryPath !== to.path) this.#begin(current, to);
      return;
    }
    this.#options.report(
      `The move of ${name} to "${to.path}" was all but done, and is ended`,
    );
    if (current !== undefined) {
      future.highWatermark = current.logEndOffset;
      future.deleteRecordsBefore(
        Math.min(current.logStartOffset, future.highWatermark),
      );
      const from = this.#directoryOf(current);
      from.delete(current);
      await from.syncNames();
    }
    to.receive(future);
    logs.set(name, future);
    await to.takeOver(future);
  }

  /** Lets moves that are not done for the next start, and ends the others. */
  async stop(): Promise<void> {
    for (const move of this.#moves.values()) move.abandon();
    for (const queue of this.#queues.values()) await queue.idle();
  }

  #begin(source: PartitionLog, to: LogDirectory): void {
    const { host, logs, onMoved, report } = this.#options;
    const { name } = source;
    const move = new LogMove({
      host,
      source,
      from: this.#directoryOf(source),
      to,
      throttle: this.#throttle,
      onSwap: (log) => {
        logs.set(name, log);
        onMoved(log);
      },
    });
    this.#moves.set(name, move);
    let queue = this.#queues.get(to);
    if (queue === undefined) this.#queues.set(to, queue = new Serial());
    queue.run(() => move.run()).catch((error) => {
      report(`Could not move ${name} to "${to.path}": ${error.message}`);
      move.fail();
    }).finally(() => {
      if (this.#moves.get(name) === move) this.#moves.delete(name);
    });
  }

  #directoryOf(log: PartitionLog): LogDirectory {
    return this.#options.directories.find(({ path }) =>
      path === log.directoryPath
    )!;
  }
}
