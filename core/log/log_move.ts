// Moves one log to another directory of the same broker while it is in use.
//
//   1  a log of its own is made in `topic-partition.<32 hex>-future`
//   2  records are copied into it from the old one, in slices, within the rate
//   3  it has caught up, and is synced: from one turn to the next it is the log
//   4  once it is synced up to there: the old folder is renamed to `…-delete`,
//      and when that is durable, the new one to `topic-partition`
//
// Until 4 the old log has all that anybody may count on after a power cut; from 3
// on the new one reaches farther as soon as anything is appended. So a start that
// finds both takes the one that reaches farther (see `log_moves.ts`).
//
// Source: KIP-113.

import { assert } from "../base/assert.ts";
import { type Host, sleep } from "../host/host.ts";
import type { Throttle } from "./compaction/throttle.ts";
import type { LogDirectory } from "./log_directory.ts";
import type { PartitionLog } from "./partition_log.ts";

/** Bytes that are copied in one turn of the event loop. */
const SLICE_BYTES = 1024 * 1024;

export interface LogMoveOptions {
  readonly host: Host;
  readonly source: PartitionLog;
  readonly from: LogDirectory;
  readonly to: LogDirectory;
  /** Shared by all moves of the broker. */
  readonly throttle: Throttle;
  /** Called in the turn in which the new log takes the place of the old one. */
  readonly onSwap: (log: PartitionLog) => void;
}

/** One move. */
export class LogMove {
  readonly #options: LogMoveOptions;
  /** The log as it is made in the other directory. */
  readonly future: PartitionLog;
  #state: "copying" | "swapped" | "ended" = "copying";

  /** @throws {KafkaError} KAFKA_STORAGE_ERROR where the folder cannot be made. */
  constructor(options: LogMoveOptions) {
    this.#options = options;
    const { source, to } = options;
    this.future = to.createFuture({
      topic: source.topic,
      partition: source.partition,
      topicId: source.topicId,
      config: source.config,
    });
    // What it was cleaned of before is clean in the copy too; no more is known.
    this.future.cleanedOffset = source.cleanedOffset;
  }

  get source(): PartitionLog {
    return this.#options.source;
  }

  get origin(): LogDirectory {
    return this.#options.from;
  }

  get target(): LogDirectory {
    return this.#options.to;
  }

  /** Whether the old log is still the one in use. */
  get isCopying(): boolean {
    return this.#state === "copying";
  }

  /** Records that are not copied yet. */
  get offsetLag(): number {
    return Math.max(0, this.source.logEndOffset - this.future.logEndOffset);
  }

  /**
   * Copies and swaps.
   *
   * @returns Once the new folder has its name, or the move was called off.
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where a directory failed or is full,
   * CORRUPT_MESSAGE where the log is damaged: then nothing has changed.
   */
  async run(): Promise<void> {
    const { host, throttle } = this.#options;
    while (this.#state === "copying") {
      while (this.#state === "copying" && this.offsetLag > 0) {
        throttle.add(this.#copySlice());
        await sleep(host.clock, Math.ceil(throttle.delayMs));
      }
      if (this.#state !== "copying") return;
      await this.future.flush();
      if (this.#isClose()) this.#swap();
    }
    if (this.#state === "swapped") await this.#finish();
  }

  /** Gives up a move that is not done; its folder goes. */
  cancel(): void {
    if (this.#state !== "copying") return;
    this.#state = "ended";
    this.#options.to.dropFuture(this.future);
  }

  /** It cannot go on: what it made goes, where it can. */
  fail(): void {
    if (this.#options.to.state.isOnline) this.cancel();
    else this.abandon();
  }

  /** The topic was deleted after the swap: the old log goes too. */
  deleteSource(): void {
    const { from, source } = this.#options;
    if (!source.isDeleted && from.state.isOnline) from.delete(source);
  }

  /** Lets go, and leaves the folder: the next start begins the move again. */
  abandon(): void {
    if (this.#state !== "copying") return;
    this.#state = "ended";
    this.future.abandon();
  }

  /** Copies the next batches; gives how many bytes. */
  #copySlice(): number {
    const { source, future } = this;
    const { host, to } = this.#options;
    to.room.assertEnough();
    const offset = Math.max(future.logEndOffset, source.logStartOffset);
    const read = source.read(offset, {
      maxBytes: Math.min(SLICE_BYTES, source.config["segment.bytes"]),
      minOneBatch: true,
      upToOffset: source.logEndOffset,
    });
    const isGap = offset > future.logEndOffset;
    if (isGap) {
      // Deleted before it was copied, or not there since the beginning; the batch
      // that holds the log's start may begin before it.
      future.truncateFullyTo(Math.min(read.baseOffset, offset));
    }
    if (read.source.sizeBytes === 0) {
      // A compacted log may end with offsets that no record has any more.
      future.skipTo(source.logEndOffset);
      return 0;
    }
    const bytes = new Uint8Array(read.source.sizeBytes);
    read.source.readInto(bytes);
    const { sizeBytes } = future.append(bytes, {
      origin: "replica",
      leaderEpoch: source.leaderEpochs.latestEpoch,
      nowMs: host.clock.wallMs(),
    });
    assert(sizeBytes > 0, "A copy must get on");
    return sizeBytes;
  }

  /** Whether what is left can be copied in this very turn. */
  #isClose(): boolean {
    for (let slices = 0; slices < 4 && this.offsetLag > 0; slices++) {
      this.#copySlice();
    }
    return this.offsetLag === 0;
  }

  #swap(): void {
    const { source, future } = this;
    this.#state = "swapped";
    source.maintenance.abort();
    future.updateConfig(source.config);
    future.takeStateOf(source);
    this.#options.to.receive(future);
    this.#options.onSwap(future);
  }

  async #finish(): Promise<void> {
    const { from, to } = this.#options;
    await this.future.flush();
    this.deleteSource();
    if (from.state.isOnline) await from.syncNames();
    // The topic may have been deleted meanwhile, and its folder been renamed.
    if (!this.future.isDeleted) await to.takeOver(this.future);
    this.#state = "ended";
  }
}
