import { deepEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { simHost } from "../testing/sim_host.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import { FilePool, PooledFile } from "./file_pool.ts";
import { OffsetIndex } from "./offset_index.ts";
import { TimeIndex } from "./time_index.ts";
import {
  type AbortedTransaction,
  TransactionIndex,
} from "./transaction_index.ts";

const BASE = 1000;

function newFile(name = "index"): PooledFile {
  const sim = simHost(1);
  return new PooledFile(
    new FilePool(sim.host.disk, 10),
    { path: "/data" },
    name,
  );
}

/** Steps between entries: offsets and positions that rise. */
const steps = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5000 })),
  { maxLength: 700 },
);

Deno.test("an offset index finds what a search through all entries finds", () => {
  fc.assert(
    fc.property(steps, fc.boolean(), (steps, isReopened) => {
      const file = newFile();
      let index = OffsetIndex.create(file, BASE);
      index.preallocate(8000);
      const entries: { offset: number; position: number }[] = [];
      let [offset, position] = [BASE, 0];
      for (const [offsetStep, positionStep] of steps) {
        offset += offsetStep;
        position += positionStep;
        index.append(offset, position);
        entries.push({ offset, position });
      }
      if (isReopened) {
        index.trim();
        strictEqual(file.size(), entries.length * 8);
        index = OffsetIndex.open(file, BASE, position + 1);
      }
      for (let target = BASE; target < offset + 3; target += 7) {
        const floor = entries.findLast((entry) => entry.offset <= target);
        strictEqual(index.floorPosition(target), floor?.position ?? 0);
      }
      for (
        let target = 1;
        target < position + 2;
        target += 1 + Math.floor(position / 50)
      ) {
        const next = entries.find((entry) => entry.position >= target);
        strictEqual(index.offsetAfterPosition(target), next?.offset ?? null);
      }
      const cut = Math.floor((BASE + offset) / 2);
      index.truncate(cut);
      const kept = entries.filter((entry) => entry.offset < cut);
      strictEqual(index.count, kept.length);
      deepEqual(index.last, kept.at(-1) ?? null);
      index.append(offset + 1, position + 1);
      strictEqual(index.floorPosition(offset + 1), position + 1);
    }),
    { numRuns: 60 },
  );
});

Deno.test("a time index finds what a search through all entries finds", () => {
  fc.assert(
    fc.property(steps, fc.boolean(), (steps, isReopened) => {
      const file = newFile();
      let index = TimeIndex.create(file, BASE);
      const entries: { timestampMs: number; offset: number }[] = [];
      let [offset, timestampMs] = [BASE, 1_700_000_000_000];
      for (const [offsetStep, timeStep] of steps) {
        offset += offsetStep;
        timestampMs += timeStep;
        index.maybeAppend(timestampMs, offset);
        index.maybeAppend(timestampMs, offset + 1);
        index.maybeAppend(timestampMs - 5, offset + 1);
        entries.push({ timestampMs, offset });
      }
      strictEqual(index.count, entries.length);
      if (isReopened) {
        index.trim();
        index = TimeIndex.open(file, BASE);
      }
      for (const { timestampMs } of entries) {
        for (const target of [timestampMs - 1, timestampMs, timestampMs + 1]) {
          deepEqual(
            index.floor(target),
            entries.findLast((entry) => entry.timestampMs <= target) ?? null,
          );
        }
      }
      index.truncate(offset);
      strictEqual(index.count, Math.max(0, entries.length - 1));
    }),
    { numRuns: 30 },
  );
});

Deno.test("an index that a crash or a fault left is refused", () => {
  const zeroes = newFile();
  const index = OffsetIndex.create(zeroes, BASE);
  index.preallocate(80);
  index.append(BASE + 4, 100);
  index.flush();
  throws(() => OffsetIndex.open(zeroes, BASE, 1000), CorruptFileError);

  const torn = newFile();
  OffsetIndex.create(torn, BASE);
  torn.writeAt(new Uint8Array(9), 0);
  throws(() => OffsetIndex.open(torn, BASE, 1000), /need a multiple of 8/);

  const beyond = newFile();
  const far = OffsetIndex.create(beyond, BASE);
  far.append(BASE + 4, 100);
  far.trim();
  throws(() => OffsetIndex.open(beyond, BASE, 100), CorruptFileError);

  const time = newFile();
  const times = TimeIndex.create(time, BASE);
  times.preallocate(120);
  times.maybeAppend(5000, BASE + 3);
  times.flush();
  throws(() => TimeIndex.open(time, BASE), CorruptFileError);
});

Deno.test("an active segment's index is as large as configured, a closed one's as its entries", () => {
  const file = newFile();
  const index = OffsetIndex.create(file, BASE);
  index.preallocate(1005);
  strictEqual(file.size(), 0);
  strictEqual(index.isFull(1005), false);
  for (let i = 1; i <= 125; i++) index.append(BASE + i, i * 10);
  strictEqual(index.isFull(1005), true);
  strictEqual(file.size(), 1000);
  index.truncate(BASE + 10);
  strictEqual(file.size(), 1000);
  index.trim();
  strictEqual(file.size(), 72);
});

Deno.test("a transaction index lists what concerns a range", () => {
  const file = newFile("0.txnindex");
  const index = new TransactionIndex(file);
  const entries: AbortedTransaction[] = [
    { producerId: 1, firstOffset: 0, lastOffset: 10, lastStableOffset: 5 },
    { producerId: 2, firstOffset: 5, lastOffset: 20, lastStableOffset: 15 },
    { producerId: 3, firstOffset: 15, lastOffset: 30, lastStableOffset: 31 },
  ];
  for (const entry of entries) index.append(entry);
  strictEqual(file.exists(), false);
  index.flush();
  strictEqual(file.size(), 102);
  const reopened = new TransactionIndex(file);
  deepEqual(reopened.entries, entries);
  const collect = (start: number, end: number) => {
    const found: AbortedTransaction[] = [];
    const isDone = reopened.collect({ start, end }, found);
    return [found.map((entry) => entry.producerId), isDone];
  };
  deepEqual(collect(0, 4), [[1], true]);
  deepEqual(collect(0, 12), [[1, 2], true]);
  deepEqual(collect(11, 40), [[2, 3], false]);
  deepEqual(collect(25, 28), [[3], true]);
  deepEqual(collect(31, 40), [[], false]);
  reopened.truncate(20);
  strictEqual(file.size(), 34);
  file.writeAt(new Uint8Array(5), 34);
  throws(() => new TransactionIndex(file).entries, CorruptFileError);
});
