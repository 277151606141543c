// How much room a log directory has left, and whether that is enough to take
// records from clients: what the broker itself has to write (commits of groups,
// checkpoints, compaction, what frees room in the end) must still fit when they
// are refused.
//
// The file system is asked once a second, and in between as often as half of the
// room above the limit was appended; an append itself only adds to a count.

import { MIB } from "../base/units.ts";
import { type Host, HostError } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";

/** The limit where none is set: enough for the broker's own work, and for small file systems a share of them. */
const DEFAULT_MIN_FREE_BYTES = 256 * MIB;
const DEFAULT_SHARE = 1 / 20;
/** Records come in again with this much more than the limit, so that it does not change its mind with each. */
const MARGIN = 1 / 8;
/** Less than this between two looks would be looking all the time. */
const LOOK_MIN_BYTES = MIB;

export interface DiskRoomOptions {
  readonly host: Host;
  readonly path: string;
  /** `log.dirs.min.free.bytes`: `null` where it is not set, 0 for no limit. */
  readonly minFreeBytes: number | null;
  /** Told when records are refused, and when they are taken again, in one line. */
  readonly report: (text: string) => void;
}

/** The room of one directory. */
export class DiskRoom {
  readonly #options: DiskRoomOptions;
  /** Why records are refused; `null` where they are not. */
  #refusal: string | null = null;
  #appendedBytes = 0;
  /** Appended bytes after which to look again. */
  #lookAfterBytes = LOOK_MIN_BYTES;

  constructor(options: DiskRoomOptions) {
    this.#options = options;
  }

  /** Whether clients' records are refused. */
  get isLow(): boolean {
    return this.#refusal !== null;
  }

  /** Counts what was appended. */
  appended(sizeBytes: number): void {
    this.#appendedBytes += sizeBytes;
    if (this.#appendedBytes >= this.#lookAfterBytes) this.look();
  }

  /** @throws {KafkaError} KAFKA_STORAGE_ERROR where clients' records are refused. */
  assertEnough(): void {
    if (this.#refusal === null) return;
    throw new KafkaError("KAFKA_STORAGE_ERROR", this.#refusal);
  }

  /** Asks the file system. */
  look(): void {
    const { host, path, report, minFreeBytes } = this.#options;
    this.#appendedBytes = 0;
    if (minFreeBytes === 0) {
      this.#lookAfterBytes = Infinity;
      return;
    }
    let space: { readonly totalBytes: number; readonly freeBytes: number };
    try {
      space = host.disk.space(path);
    } catch (error) {
      // One that does not say counts as large enough; a write will tell.
      if (!(error instanceof HostError)) throw error;
      return;
    }
    const { freeBytes, totalBytes } = space;
    const limitBytes = minFreeBytes ??
      Math.min(DEFAULT_MIN_FREE_BYTES, Math.floor(totalBytes * DEFAULT_SHARE));
    this.#lookAfterBytes = Math.max(
      LOOK_MIN_BYTES,
      (freeBytes - limitBytes) / 2,
    );
    const wasLow = this.isLow;
    if (freeBytes < (wasLow ? limitBytes * (1 + MARGIN) : limitBytes)) {
      this.#refusal = `Log directory "${path}" is nearly full: ${freeBytes} ` +
        `bytes are free, and log.dirs.min.free.bytes keeps ${limitBytes}; ` +
        "records are taken again when room was made.";
      if (!wasLow) report(this.#refusal);
    } else if (wasLow) {
      this.#refusal = null;
      report(
        `Log directory "${path}" takes records again: ${freeBytes} bytes are free.`,
      );
    }
  }
}
