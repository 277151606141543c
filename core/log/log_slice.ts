// What a read gives: a range of a segment's file, not its bytes. They are read
// when the answer is written, straight into its frame.
//
// The range stays good when its segment is deleted meanwhile, since the file is
// only renamed until `file.delete.delay.ms` has passed.

import { HostError } from "../host/host.ts";
import type { RecordSource } from "../wire/writer.ts";
import type { PooledFile } from "./file_pool.ts";
import type { LogDirectoryState } from "./log_directory_state.ts";
import type { AbortedTransaction } from "./transaction_index.ts";

/** Batches in a file. */
export class LogSlice implements RecordSource {
  readonly sizeBytes: number;
  readonly #file: PooledFile;
  readonly #position: number;
  readonly #directory: LogDirectoryState;

  constructor(
    file: PooledFile,
    range: { readonly position: number; readonly sizeBytes: number },
    directory: LogDirectoryState,
  ) {
    this.#file = file;
    this.#position = range.position;
    this.sizeBytes = range.sizeBytes;
    this.#directory = directory;
  }

  /**
   * Reads the batches into `target`, which has exactly `sizeBytes`.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   * @throws {HostError} Where the range was cut off, or unlinked, meanwhile.
   */
  readInto(target: Uint8Array): void {
    if (this.#file.isRemoved) {
      throw new HostError(
        "other",
        `Cannot read "${this.#file.path}" at ${this.#position}: it was deleted meanwhile`,
      );
    }
    const count = this.#directory.guard(() =>
      this.#file.readAt(target, this.#position)
    );
    if (count === target.length) return;
    throw new HostError(
      "other",
      `Cannot read "${this.#file.path}" at ${this.#position}: it was cut meanwhile`,
    );
  }
}

/** No batches: at the end of the log, or where no more may be sent. */
export const NO_BATCHES: RecordSource = { sizeBytes: 0, readInto() {} };

/** What a read of a log gives. */
export interface LogRead {
  /** Starts with the batch that holds the offset; its last batch may be cut. */
  readonly source: RecordSource;
  /** Offset of the first batch; the asked one where there is none. */
  readonly baseOffset: number;
  /** True where `maxBytes` cut the first batch: the reader can do nothing with it. */
  readonly isFirstBatchCut: boolean;
  /** True where a later segment may be read already: a read ends with its segment, so waiting adds nothing. */
  readonly isInOlderSegment: boolean;
  /** For readers of committed records: the aborted transactions in the range; else `null`. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
}

export interface ReadOptions {
  /** Bytes to give at most. */
  readonly maxBytes: number;
  /** Gives the first batch whole, even where it is larger than `maxBytes`. */
  readonly minOneBatch: boolean;
  /** Exclusive: records from here on are not given (a high watermark, or a last stable offset). */
  readonly upToOffset: number;
  /** Lists the aborted transactions. */
  readonly withAborted?: boolean;
}
