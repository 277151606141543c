// The bytes of one simulated file, and which of them a crash may take back.
//
// Bytes live in pages of 4 KiB that exist once something was written there, so a
// file may have holes. What was written since the last sync can be undone by
// sectors of 512 bytes, the unit that a disk writes whole: a layer holds the old
// bytes of each sector that was touched, one layer from each sync to the next.
// When a sync ends well its layers are dropped; when it fails they are doomed:
// the kernel has forgotten that these pages are dirty, so no later sync brings
// them to the disk (fsyncgate).

import { assert } from "../base/assert.ts";
import type { SimRandom } from "./sim_random.ts";

export const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;

interface Layer {
  /** Size of the file when the layer began. */
  sizeBefore: number;
  /** What each touched sector held when the layer began. */
  readonly oldSectors: Map<number, Uint8Array>;
  isDoomed: boolean;
}

/** A sync under way: what it will make durable. */
export interface SyncMark {
  readonly layers: readonly Layer[];
  readonly sizeBytes: number;
}

/** What a crash leaves of writes that no sync has confirmed. */
export type Unsynced = "kept" | "lost" | "random";

export class SimContent {
  #pages = new Map<number, Uint8Array>();
  #sizeBytes = 0;
  #layers: Layer[] = [newLayer(0)];

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What the file takes of the disk: holes take nothing. */
  get allocatedBytes(): number {
    return this.#pages.size * PAGE_BYTES;
  }

  /** How many bytes more the file will take once `count` are written at `position`. */
  growthOf(position: number, count: number): number {
    let pageCount = 0;
    const end = position + count;
    for (let page = pageOf(position); page * PAGE_BYTES < end; page++) {
      if (!this.#pages.has(page)) pageCount += 1;
    }
    return pageCount * PAGE_BYTES;
  }

  /** Reads what is there, as the page cache shows it; returns the bytes read. */
  read(target: Uint8Array, position: number): number {
    const count = Math.max(
      0,
      Math.min(target.length, this.#sizeBytes - position),
    );
    this.#copyOut(target.subarray(0, count), position);
    return count;
  }

  write(source: Uint8Array, position: number): void {
    if (source.length === 0) return;
    this.#remember(position, position + source.length);
    this.#copyIn(source, position);
    this.#sizeBytes = Math.max(this.#sizeBytes, position + source.length);
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#sizeBytes) {
      this.#remember(sizeBytes, this.#sizeBytes);
      this.#cut(sizeBytes);
    }
    this.#sizeBytes = sizeBytes;
  }

  /** A sync begins: it covers what was written until now. */
  beginSync(): SyncMark {
    const layers = this.#layers.filter((layer) => !layer.isDoomed);
    this.#layers.push(newLayer(this.#sizeBytes));
    return { layers, sizeBytes: this.#sizeBytes };
  }

  /** The sync has reached the disk, or failed. */
  endSync(mark: SyncMark, isDone: boolean): void {
    if (!isDone) {
      for (const layer of mark.layers) layer.isDoomed = true;
      return;
    }
    const confirmed = new Set(mark.layers);
    this.#layers = this.#layers.filter((layer) => !confirmed.has(layer));
    // A sector goes to the disk whole, with what doomed layers left in it.
    for (const layer of this.#layers) {
      if (!layer.isDoomed) continue;
      layer.sizeBefore = mark.sizeBytes;
      for (const { oldSectors } of mark.layers) {
        for (const sector of oldSectors.keys()) layer.oldSectors.delete(sector);
      }
    }
  }

  /** Takes back what the crash takes; after a power cut, what is left is on the disk. */
  crash(unsynced: Unsynced, random: SimRandom): void {
    if (unsynced === "kept") return; // And a later crash may still take it.
    const keepProbability = unsynced === "lost"
      ? 0
      : random.pick([0, 1, random.next()]);
    const sizeBytes = this.#sizeAfterCrash(keepProbability, random);
    this.#restoreSectors(keepProbability, random);
    this.#cut(sizeBytes);
    this.#sizeBytes = sizeBytes;
    this.#layers = [newLayer(this.#sizeBytes)];
  }

  flipBit(position: number, bit: number): void {
    assert(position < this.#sizeBytes, `No byte at ${position} to flip`);
    const byte = new Uint8Array(1);
    this.#copyOut(byte, position);
    byte[0] ^= 1 << bit;
    this.#copyIn(byte, position);
  }

  #sizeAfterCrash(keepProbability: number, random: SimRandom): number {
    const before = this.#layers[0].sizeBefore;
    if (keepProbability === 0) return before;
    if (keepProbability === 1 && this.#layers.every((l) => !l.isDoomed)) {
      return this.#sizeBytes;
    }
    const low = Math.min(before, this.#sizeBytes);
    const high = Math.max(before, this.#sizeBytes);
    return random.pick([low, high, low + random.below(high - low + 1)]);
  }

  #restoreSectors(keepProbability: number, random: SimRandom): void {
    const sectors = new Set<number>();
    for (const { oldSectors } of this.#layers) {
      for (const sector of oldSectors.keys()) sectors.add(sector);
    }
    for (const sector of [...sectors].sort((a, b) => a - b)) {
      for (const layer of this.#layers.toReversed()) {
        const old = layer.oldSectors.get(sector);
        if (old === undefined) continue;
        if (!layer.isDoomed && random.chance(keepProbability)) break;
        this.#copyIn(old, sector * SECTOR_BYTES);
      }
    }
  }

  /** Keeps the old bytes of the sectors of [start, end), once for each layer. */
  #remember(start: number, end: number): void {
    const { oldSectors } = this.#layers[this.#layers.length - 1];
    const first = Math.floor(start / SECTOR_BYTES);
    for (let sector = first; sector * SECTOR_BYTES < end; sector++) {
      if (oldSectors.has(sector)) continue;
      const old = new Uint8Array(SECTOR_BYTES);
      this.#copyOut(old, sector * SECTOR_BYTES);
      oldSectors.set(sector, old);
    }
  }

  /** Makes all from `sizeBytes` on read as zero. */
  #cut(sizeBytes: number): void {
    const edge = pageOf(sizeBytes);
    for (const page of [...this.#pages.keys()]) {
      if (page > edge) this.#pages.delete(page);
    }
    this.#pages.get(edge)?.fill(0, sizeBytes - edge * PAGE_BYTES);
  }

  #copyOut(target: Uint8Array, position: number): void {
    for (let done = 0; done < target.length;) {
      const page = pageOf(position + done);
      const start = position + done - page * PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - start, target.length - done);
      const bytes = this.#pages.get(page);
      if (bytes === undefined) target.fill(0, done, done + count);
      else target.set(bytes.subarray(start, start + count), done);
      done += count;
    }
  }

  #copyIn(source: Uint8Array, position: number): void {
    for (let done = 0; done < source.length;) {
      const page = pageOf(position + done);
      const start = position + done - page * PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - start, source.length - done);
      let bytes = this.#pages.get(page);
      if (bytes === undefined) {
        this.#pages.set(page, bytes = new Uint8Array(PAGE_BYTES));
      }
      bytes.set(source.subarray(done, done + count), start);
      done += count;
    }
  }
}

function newLayer(sizeBefore: number): Layer {
  return { sizeBefore, oldSectors: new Map(), isDoomed: false };
}

function pageOf(position: number): number {
  return Math.floor(position / PAGE_BYTES);
}
