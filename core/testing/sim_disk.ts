// A simulated disk: what was written but not synced is volatile, names as well
// as bytes, and any call can be made to fail or to be the last one before a
// crash. Every fault comes from the seed or from the test.

import type { Disk, HostErrorKind } from "../host/host.ts";
import type { Unsynced } from "./sim_content.ts";
import {
  type CallFilter,
  type DiskCall,
  diskError,
  SimDiskFaults,
} from "./sim_disk_faults.ts";
import { SimCrash, SimLife } from "./sim_life.ts";
import type { SimLoop } from "./sim_loop.ts";
import { SimMount } from "./sim_mount.ts";
import type { SimRandom } from "./sim_random.ts";
import { refusal, SimDirectory, SimFileNode, SimTree } from "./sim_tree.ts";

export interface SimDiskOptions {
  /** What the disk holds; may be changed later. Unlimited where left out. */
  readonly capacityBytes?: number;
  /** Virtual time that a sync takes: a number, or drawn between two. */
  readonly syncDelayMs?: number | readonly [low: number, high: number];
  /** Directories that are there, durably, from the start. */
  readonly directories?: readonly string[];
  /** The number of the process, for the error of a lock that is held. */
  readonly processId?: number;
}

interface Surroundings {
  readonly loop: SimLoop;
  readonly random: SimRandom;
  readonly wallMs: () => number;
  /** Runs what a sync brings about once the event loop of its process goes on. */
  readonly whenAwake?: (run: () => void) => void;
  /** Called when a crash ends the life of whoever uses the disk. */
  readonly onCrash?: () => void;
}

export class SimDisk {
  readonly tree = new SimTree();
  readonly processId: number;
  capacityBytes: number;
  syncDelayMs: number | readonly [low: number, high: number];
  /** Changes with each power cut; `null` stands for a system that does not tell. */
  bootId: string | null = "boot 1";
  #bootCount = 1;
  readonly #surroundings: Surroundings;
  readonly #faults: SimDiskFaults;
  readonly #locks = new Set<string>();
  #life = new SimLife();
  #callCount = 0;
  #usedBytes = 0;

  constructor(surroundings: Surroundings, options: SimDiskOptions = {}) {
    this.#surroundings = surroundings;
    this.#faults = new SimDiskFaults(() => surroundings.random.next());
    this.capacityBytes = options.capacityBytes ?? Infinity;
    this.syncDelayMs = options.syncDelayMs ?? 0;
    this.processId = options.processId ?? 1;
    const mount = new SimMount(this, this.#life);
    for (const path of options.directories ?? ["/data", "/tmp"]) {
      mount.makeDirectory(path);
    }
    this.tree.syncAll();
    this.#callCount = 0;
  }

  /** Calls made so far, by all lives. */
  get callCount(): number {
    return this.#callCount;
  }

  /** Whether a crash has ended the life that was, and none has begun since. */
  get isCrashed(): boolean {
    return this.#life.isOver;
  }

  /** Whether all faults planned by number have happened. */
  get isFaultSpent(): boolean {
    return this.#faults.isSpent;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The disk as the present life sees it; of no use after the next crash. */
  mount(): Disk {
    return new SimMount(this, this.#life);
  }

  /**
   * Fails the nth call from now (the next is 1), once.
   *
   * @param matching Counts only such calls.
   */
  failNthCall(
    n: number,
    kind: HostErrorKind = "io",
    matching?: CallFilter,
  ): void {
    this.#faults.plan(kind, n, matching);
  }

  /** Crashes in the middle of the nth call from now (the next is 1). */
  crashAtCall(n: number, matching?: CallFilter): void {
    this.#faults.plan("crash", n, matching);
  }

  /** Fails each call that matches with this probability, until `clearFaults`. */
  failRandomly(
    probability: number,
    kind: HostErrorKind = "io",
    matching?: CallFilter,
  ): void {
    this.#faults.addChance(kind, probability, matching);
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  /**
   * Ends the life of whoever uses the disk: its calls throw `SimCrash` from now
   * on. A power cut takes what was not synced, in whole or in part (`random`,
   * `lost`); a killed process leaves it all to the kernel (`kept`), where a power
   * cut may still take it.
   */
  crash(unsynced: Unsynced = "random"): void {
    if (this.#life.isOver) return;
    this.#life.isOver = true;
    this.#locks.clear();
    if (unsynced !== "kept" && this.bootId !== null) {
      this.bootId = `boot ${++this.#bootCount}`;
    }
    this.tree.crash(unsynced, this.#surroundings.random);
    this.#usedBytes = this.tree.allocatedBytes();
    this.#surroundings.onCrash?.();
  }

  /** Begins the next life: take `mount()` anew. Crashes first where nobody did. */
  restart(): void {
    this.crash();
    this.#life = new SimLife();
  }

  /** Damages one bit of a file, behind everybody's back. */
  flipBit(path: string, position?: number, bit?: number): void {
    const { content } = this.#file(path);
    const { random } = this.#surroundings;
    content.flipBit(
      position ?? random.below(content.sizeBytes),
      bit ?? random.below(8),
    );
  }

  /** The whole of a file, without a call of the disk. */
  readFile(path: string): Uint8Array {
    const { content } = this.#file(path);
    const bytes = new Uint8Array(content.sizeBytes);
    content.read(bytes, 0);
    return bytes;
  }

  /** Puts a file there, durably, without a call of the disk; its directory must be there. */
  writeFile(path: string, bytes: Uint8Array): void {
    const place = this.tree.place(path);
    const file = new SimFileNode(this.#surroundings.wallMs());
    file.content.write(bytes, 0);
    file.content.endSync(file.content.beginSync(), true);
    this.tree.put(place, file);
    this.tree.endSync(this.tree.beginSync(place.directory));
    this.#usedBytes = this.tree.allocatedBytes();
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    const found: string[] = [];
    const walk = (directory: SimDirectory, prefix: string) => {
      for (const [name, node] of directory.entries) {
        if (node.kind === "file") found.push(`${prefix}/${name}`);
        else walk(node, `${prefix}/${name}`);
      }
    };
    walk(this.tree.root, "");
    return found.sort();
  }

  /**
   * Counts a call and lets it meet what was planned for it.
   *
   * @param breakOff What a call that is broken off half-way leaves behind.
   */
  enter(life: SimLife, call: DiskCall, breakOff: () => void = () => {}): void {
    life.mustGoOn();
    this.#callCount += 1;
    const fault = this.#faults.meet(call);
    if (fault === null) return;
    breakOff();
    if (fault.kind === "error") throw fault.error;
    this.crash();
    throw new SimCrash(
      `Crashed at call ${this.#callCount}: ${call.action} "${call.path}"`,
    );
  }

  /** @throws {HostError} `noSpace` where that much more does not fit. */
  allocate(call: DiskCall, bytes: number): void {
    if (bytes > 0 && this.#usedBytes + bytes > this.capacityBytes) {
      throw diskError("noSpace", call);
    }
    this.#usedBytes += bytes;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  /** Waits for the device. */
  async waitForSync(life: SimLife): Promise<void> {
    const { loop, random, whenAwake = (run) => run() } = this.#surroundings;
    const delayMs = typeof this.syncDelayMs === "number"
      ? this.syncDelayMs
      : random.between(...this.syncDelayMs);
    if (delayMs > 0) {
      await new Promise<void>((done) => {
        loop.schedule(delayMs, () => whenAwake(done));
      });
    }
    life.mustGoOn();
  }

  /** How much of a call that is broken off was done: from nothing to all of it. */
  partOf(count: number): number {
    return this.#surroundings.random.below(count + 1);
  }

  nowMs(): number {
    return this.#surroundings.wallMs();
  }

  /** Whether the lock could be taken. */
  takeLock(path: string): boolean {
    if (this.#locks.has(path)) return false;
    this.#locks.add(path);
    return true;
  }

  releaseLock(path: string): void {
    this.#locks.delete(path);
  }

  #file(path: string): SimFileNode {
    const node = this.tree.find(path);
    if (node?.kind !== "file") throw refusal("notFound", path, "no such file");
    return node;
  }
}
