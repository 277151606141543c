// Segments that left a log: renamed at once, so that a start ignores them, and
// unlinked when nobody can be reading them any more.

import type { Clock } from "../host/host.ts";
import type { LogDirectoryState } from "./log_directory_state.ts";
import type { Segment } from "./segment.ts";

/** The segments of one log that wait to be unlinked. */
export class SegmentRemovals {
  readonly #clock: Clock;
  readonly #directory: LogDirectoryState;
  readonly #cancels = new Set<() => void>();

  constructor(clock: Clock, directory: LogDirectoryState) {
    this.#clock = clock;
    this.#directory = directory;
  }

  /**
   * Renames the files of segments now, and unlinks them later.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  add(segments: readonly Segment[], delayMs: number): void {
    this.#directory.guardWhole(() => {
      for (const segment of segments) segment.markDeleted();
    });
    const cancel = this.#clock.after(delayMs, () => {
      this.#cancels.delete(cancel);
      this.#remove(segments);
    });
    this.#cancels.add(cancel);
  }

  /** Leaves what still waits to the next start. */
  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  #remove(segments: readonly Segment[]): void {
    if (!this.#directory.isOnline) return;
    try {
      for (const segment of segments) segment.remove();
    } catch (error) {
      this.#directory.taken(error);
    }
  }
}
