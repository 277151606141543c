// One step of a classic group: what it is given, and what it asks to be stored.

import type { CoordinatorRecord } from "../coordinator_record.ts";
import type { Now } from "../../shards/shard_content.ts";

/** Records to store, and how the group goes on. */
export interface Write {
  readonly records: readonly CoordinatorRecord[];
  /** Called when they are applied, with 0, or refused, with the error code. */
  readonly then: (errorCode: number) => void;
}

export interface ClassicSettings {
  readonly initialDelayMs: number;
  readonly sizeMax: number;
}

/** A step: the groups change nothing that is stored but by its `writes`. */
export class Step {
  readonly now: Now;
  readonly settings: ClassicSettings;
  readonly writes: Write[] = [];

  constructor(now: Now, settings: ClassicSettings) {
    this.now = now;
    this.settings = settings;
  }

  write(
    records: readonly CoordinatorRecord[],
    then: (errorCode: number) => void,
  ): void {
    this.writes.push({ records, then });
  }
}
