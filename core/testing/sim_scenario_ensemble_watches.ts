// The watches of one client's session: each hears of the first change after it was
// set, before the client is shown anything as new as that change.

import { EventType } from "../ensemble/server/event_type.ts";
import { check } from "./sim_scenario.ts";
import {
  type EnsembleHistory,
  hex,
  type WatchedPart,
} from "./sim_scenario_ensemble_history.ts";

const { created, deleted, dataChanged, childrenChanged } = EventType;
const HEARD: Readonly<Record<WatchedPart, readonly number[]>> = {
  data: [created, deleted, dataChanged],
  child: [deleted, childrenChanged],
};
const PARTS = ["data", "child"] as const;

/** See the file's header. */
export class JudgedWatches {
  readonly #name: string;
  readonly #history: EnsembleHistory;
  /** Paths, and the zxid that the client was shown when it set the watch. */
  readonly #armed = {
    data: new Map<string, bigint>(),
    child: new Map<string, bigint>(),
  };
  #eventZxid = 0n;
  #isResuming = false;

  constructor(name: string, history: EnsembleHistory) {
    this.#name = name;
    this.#history = history;
  }

  /** Whether it brings its watches along: what was missed comes in any order. */
  set isResuming(isResuming: boolean) {
    this.#isResuming = isResuming;
    this.#eventZxid = 0n;
  }

  get dataPaths(): string[] {
    return [...this.#armed.data.keys()];
  }

  get childPaths(): string[] {
    return [...this.#armed.child.keys()];
  }

  /** A watch was set. */
  arm(part: WatchedPart, path: string, zxid: bigint): void {
    const armed = this.#armed[part];
    if (!armed.has(path)) armed.set(path, zxid);
  }

  /** The client is shown the tree as of a zxid. */
  saw(zxid: bigint): void {
    for (const part of PARTS) {
      for (const [path, armedZxid] of this.#armed[part]) {
        const changed = this.#history.changeAfter(part, path, armedZxid);
        check(
          changed === null || changed > zxid,
          `${this.#name} is shown ${hex(zxid)} before the event of ${path} at ${
            hex(changed ?? 0n)
          }`,
        );
      }
    }
  }

  /** The client hears of a change. */
  event(type: number, path: string): void {
    const heard = PARTS.filter((part) =>
      this.#armed[part].has(path) && HEARD[part].includes(type)
    );
    check(
      heard.length > 0,
      `${this.#name} hears of ${path}, which it does not watch`,
    );
    for (const part of heard) this.#hear(part, path);
  }

  #hear(part: WatchedPart, path: string): void {
    const armedZxid = this.#armed[part].get(path)!;
    this.#armed[part].delete(path);
    const changed = this.#history.changeAfter(part, path, armedZxid);
    check(
      changed !== null,
      `${this.#name} hears of a change of ${path} that was not`,
    );
    if (this.#isResuming) return;
    check(
      changed >= this.#eventZxid,
      `${this.#name} hears of ${path} at ${hex(changed)} after ${
        hex(this.#eventZxid)
      }`,
    );
    this.#eventZxid = changed;
  }
}
