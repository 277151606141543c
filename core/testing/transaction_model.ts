// A log with transactions and a simple model beside it: what every reader must get,
// and what must be known of the producers, told from a list of all batches.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { encodeBatch, type Record } from "../record/record_batch.ts";
import { allRecords, readCommitted } from "./compaction_model.ts";

/** A batch in the log. */
export interface ModelEntry {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** None in a marker. */
  readonly values: readonly string[];
  /** -1 for none. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  readonly marker: "commit" | "abort" | null;
}

/** What a log must know of a producer. */
export interface ModelProducer {
  readonly producerEpoch: number;
  /** -1 where no batch of the epoch is known. */
  readonly lastSequence: number;
  /** -1 where no transaction is open. */
  readonly firstOffset: number;
}

/** Who writes, and how. */
export interface Writer {
  readonly producerId: number;
  /** Each of its transactions has an epoch of its own. */
  readonly hasOwnEpochs: boolean;
}

export const COORDINATOR_EPOCH = 3;
const LEADER_EPOCH = 0;
const FRESH: ModelProducer = {
  producerEpoch: -1,
  lastSequence: -1,
  firstOffset: -1,
};

export class TransactionModel {
  entries: ModelEntry[] = [];
  /** Offsets below were deleted; a crash may bring some back. */
  start = 0;
  highWatermark = 0;
  /** Offsets below survive a crash. */
  durableEnd = 0;
  /** Offsets below survive the end of the process that comes. */
  writtenEnd = 0;
  /** Aborted records below may be gone. */
  cleanedEnd = 0;
  #count = 0;

  /** Where the log ends at least, after the end of the process. */
  get leastEnd(): number {
    return Math.max(this.durableEnd, this.writtenEnd);
  }

  get end(): number {
    return (this.entries.at(-1)?.lastOffset ?? -1) + 1;
  }

  /** How many records were written in all. */
  get writtenCount(): number {
    return this.#count;
  }

  /** Appends records outside of transactions; of no producer where left out. */
  plain(log: PartitionLog, count: number, writer?: Writer): void {
    const producer = writer === undefined ? null : this.producerOf(writer);
    const entry = this.#begin(count, {
      producerId: writer?.producerId ?? -1,
      producerEpoch: producer === null
        ? -1
        : Math.max(0, producer.producerEpoch),
      baseSequence: producer === null ? -1 : producer.lastSequence + 1,
      isTransactional: false,
    });
    strictEqual(this.send(log, entry).baseOffset, entry.baseOffset);
  }

  /** Appends records in a writer's transaction, verified as a leader does it. */
  inside(log: PartitionLog, writer: Writer, count: number): void {
    const before = this.producerOf(writer);
    const entry = this.#begin(count, this.#nextOf(writer));
    const verification = log.producers.startVerification({
      ...entry,
      hasOwnEpoch: writer.hasOwnEpochs,
    }, 0);
    strictEqual(verification === null, before.firstOffset >= 0, "open already");
    strictEqual(
      this.send(log, entry, verification).baseOffset,
      entry.baseOffset,
    );
  }

  /** A batch that the writer would send next in its transaction; it is not in the log. */
  wouldSend(writer: Writer): ModelEntry {
    return this.#entry(["never"], this.#nextOf(writer));
  }

  /** Ends a writer's transaction, whether it has records here or not. */
  finish(
    log: PartitionLog,
    writer: Writer,
    isCommit: boolean,
    fences = false,
  ): void {
    const { producerEpoch } = this.producerOf(writer);
    const isEpochRaised = writer.hasOwnEpochs;
    const entry: ModelEntry = {
      baseOffset: this.end,
      lastOffset: this.end,
      values: [],
      producerId: writer.producerId,
      producerEpoch: Math.max(0, producerEpoch) +
        (isEpochRaised || fences ? 1 : 0),
      baseSequence: -1,
      isTransactional: true,
      marker: isCommit ? "commit" : "abort",
    };
    this.entries.push(entry);
    const result = log.appendMarker({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      isCommit,
      coordinatorEpoch: COORDINATOR_EPOCH,
      isEpochRaised,
    }, { leaderEpoch: LEADER_EPOCH, nowMs: 1_000_000 + entry.baseOffset });
    strictEqual(result.isDuplicate, false);
    strictEqual(result.baseOffset, entry.baseOffset);
  }

  /** Sends a batch as a client does. */
  send(
    log: PartitionLog,
    entry: ModelEntry,
    verification: Parameters<PartitionLog["append"]>[1]["verification"] = null,
  ) {
    return log.append(bytesOf(entry), {
      leaderEpoch: LEADER_EPOCH,
      nowMs: 1_000_000,
      origin: "client",
      verification,
    });
  }

  /** Moves the high watermark to the last end of a batch up to an offset, in the log too. */
  replicate(log: PartitionLog, offset: number): void {
    for (const { lastOffset } of this.entries) {
      if (lastOffset < offset && lastOffset >= this.highWatermark) {
        this.highWatermark = lastOffset + 1;
      }
    }
    log.highWatermark = this.highWatermark;
  }

  /** The log ends here now. */
  cut(endOffset: number): void {
    this.entries = this.entries.filter((each) => each.lastOffset < endOffset);
    strictEqual(this.end, endOffset, "whole batches go");
    this.highWatermark = Math.min(this.highWatermark, endOffset);
    this.durableEnd = Math.min(this.durableEnd, endOffset);
    this.cleanedEnd = Math.min(this.cleanedEnd, endOffset);
  }

  /** Holds what a start has found against what must be there, and takes it over. */
  recovered(log: PartitionLog): void {
    const { logEndOffset: end, logStartOffset: start } = log;
    ok(end >= this.leastEnd, `ends at ${end}, not ${this.leastEnd}`);
    this.writtenEnd = 0;
    ok(end <= this.end, `ends at ${end}, after ${this.end}`);
    ok(start <= this.start, `starts at ${start}, after ${this.start}`);
    this.cut(end);
    this.start = start;
    this.highWatermark = log.logStartOffset;
    this.replicate(log, end);
    this.check(log);
  }

  /** What the log must know of a producer. */
  producerOf({ producerId }: Pick<Writer, "producerId">): ModelProducer {
    return this.producers().get(producerId) ?? FRESH;
  }

  producers(): Map<number, ModelProducer> {
    const producers = new Map<number, ModelProducer>();
    for (const each of this.entries) {
      if (each.producerId < 0) continue;
      const before = producers.get(each.producerId) ?? FRESH;
      const isNewEpoch = each.producerEpoch !== before.producerEpoch;
      const lastSequence = each.marker !== null
        ? isNewEpoch ? -1 : before.lastSequence
        : each.baseSequence + each.values.length - 1;
      const opens = each.isTransactional && before.firstOffset < 0;
      producers.set(each.producerId, {
        producerEpoch: each.producerEpoch,
        lastSequence,
        firstOffset: each.marker !== null
          ? -1
          : opens
          ? each.baseOffset
          : before.firstOffset,
      });
    }
    return producers;
  }

  /** First offset of what is undecided, or decided above the high watermark. */
  get lastStableOffset(): number {
    const open = new Map<number, number>();
    const unstable: number[] = [];
    for (const each of this.entries) {
      if (!each.isTransactional) continue;
      const first = open.get(each.producerId);
      if (each.marker === null) {
        if (first === undefined) open.set(each.producerId, each.baseOffset);
      } else if (first !== undefined) {
        open.delete(each.producerId);
        if (each.lastOffset >= this.highWatermark) unstable.push(first);
      }
    }
    const first = Math.min(...unstable, ...open.values());
    return Math.min(Math.max(first, this.start), this.highWatermark);
  }

  /** Offsets of the records of transactions that were aborted. */
  abortedOffsets(): Set<number> {
    const aborted = new Set<number>();
    const open = new Map<number, number[]>();
    for (const each of this.entries) {
      if (!each.isTransactional) continue;
      const offsets = open.get(each.producerId) ?? [];
      if (each.marker === null) {
        each.values.forEach((_, i) => offsets.push(each.baseOffset + i));
        open.set(each.producerId, offsets);
      } else {
        if (each.marker === "abort") {
          for (const offset of offsets) aborted.add(offset);
        }
        open.delete(each.producerId);
      }
    }
    return aborted;
  }

  /** Both views, the last stable offset and the producers are as they must be. */
  check(log: PartitionLog): void {
    strictEqual(log.logEndOffset, this.end, "end");
    strictEqual(log.highWatermark, this.highWatermark, "high watermark");
    strictEqual(log.lastStableOffset, this.lastStableOffset, "stable");
    const aborted = this.abortedOffsets();
    const all = this.entries.flatMap(({ baseOffset, values }) =>
      values.map((value, i) => `${baseOffset + i} ${value}`)
    );
    const isThere = (line: string) => offsetOf(line) >= this.start;
    const mayBeGone = (line: string) =>
      offsetOf(line) < this.cleanedEnd && aborted.has(offsetOf(line));
    const found = allRecords(log).map(shown).filter(isThere);
    const known = new Set(all);
    for (const line of found) ok(known.has(line), `${line} was never written`);
    deepEqual(
      found.filter((line) => !mayBeGone(line)),
      all.filter((line) => isThere(line) && !mayBeGone(line)),
    );
    deepEqual(
      readCommitted(log).map(shown),
      all.filter((line) =>
        isThere(line) && !aborted.has(offsetOf(line)) &&
        offsetOf(line) < this.lastStableOffset
      ),
    );
    this.#checkProducers(log);
  }

  /** Deleted records may take what was known with them; what is known is right. */
  #checkProducers(log: PartitionLog): void {
    const known = new Map(
      log.activeProducers().map((each) => [each.producerId, {
        producerEpoch: each.producerEpoch,
        lastSequence: each.lastSequence,
        firstOffset: each.currentTxnStartOffset,
      }]),
    );
    const expected = this.producers();
    for (const [producerId, producer] of expected) {
      const mayBeForgotten = this.start > 0 && !known.has(producerId);
      if (mayBeForgotten) {
        ok(producer.firstOffset < this.start, `${producerId} is forgotten`);
        expected.delete(producerId);
      }
    }
    deepEqual(
      [...known].sort(([a], [b]) => a - b),
      [...expected].sort(([a], [b]) => a - b),
    );
  }

  #nextOf(writer: Writer) {
    const { producerEpoch, lastSequence } = this.producerOf(writer);
    return {
      producerId: writer.producerId,
      producerEpoch: Math.max(0, producerEpoch),
      baseSequence: lastSequence + 1,
      isTransactional: true,
    };
  }

  #begin(
    count: number,
    rest: Omit<ModelEntry, "baseOffset" | "lastOffset" | "values" | "marker">,
  ): ModelEntry {
    const values = Array.from({ length: count }, () => `v${this.#count++}`);
    const entry = this.#entry(values, rest);
    this.entries.push(entry);
    return entry;
  }

  #entry(
    values: readonly string[],
    rest: Omit<ModelEntry, "baseOffset" | "lastOffset" | "values" | "marker">,
  ): ModelEntry {
    const baseOffset = this.end;
    const lastOffset = baseOffset + values.length - 1;
    return { baseOffset, lastOffset, values, marker: null, ...rest };
  }
}

/** Every record has a key of its own: compaction takes only what was aborted. */
function bytesOf(entry: ModelEntry): Uint8Array {
  return encodeBatch({
    records: entry.values.map((value, i) => ({
      timestampMs: 1_000_000 + entry.baseOffset + i,
      key: encodeUtf8(value),
      value: encodeUtf8(value),
    })),
    ...(entry.producerId < 0 ? {} : {
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      baseSequence: entry.baseSequence,
      isTransactional: entry.isTransactional,
    }),
  });
}

function shown({ offset, value }: Record): string {
  return `${offset} ${value === null ? null : new TextDecoder().decode(value)}`;
}

function offsetOf(line: string): number {
  return Number(line.slice(0, line.indexOf(" ")));
}
