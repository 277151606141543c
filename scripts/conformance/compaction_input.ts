// Logs to be compacted, drawn from a seed: all formats, codecs and kinds of
// producer that a topic may have met in its life, in segments.

import { encodeUtf8 } from "../../core/base/bytes.ts";
import { encodeEndTransactionMarker } from "../../core/record/control_record.ts";
import {
  encodeMessageSet,
  type OldMagic,
} from "../../core/record/message_set.ts";
import {
  encodeBatch,
  type RecordInput,
  setBaseOffset,
  setPartitionLeaderEpoch,
} from "../../core/record/record_batch.ts";
import { SimRandom } from "../../core/testing/sim_random.ts";

/** A segment as it lies on disk. */
export interface InputSegment {
  readonly baseOffset: number;
  readonly bytes: Uint8Array;
  /** When its file was last modified, milliseconds since 1970 UTC. */
  readonly modifiedMs: number;
}

/** A log, and the topic that it belongs to. */
export interface CompactionInput {
  readonly topic: string;
  readonly config: Readonly<Record<string, string>>;
  readonly segments: readonly InputSegment[];
  /** Numbers of segments that are there in each stage; the last of them is active. */
  readonly stages: readonly number[];
}

/** What decides how a log looks. */
export interface InputShape {
  readonly seed: number;
  readonly startMs: number;
  readonly deleteRetentionMs: number;
  /** Formats before magic 2 come first. */
  readonly hasOldFormats: boolean;
  readonly keyCount: number;
}

const CODECS = ["none", "none", "gzip", "snappy", "lz4", "zstd"] as const;
const OLD_CODECS = ["none", "gzip", "snappy", "lz4"] as const;
const SEGMENT_COUNT = 22;
const SEGMENT_BYTES = 4096;
const STAGE_COUNT = 3;
const OLD_SEGMENTS = 4;

interface Producer {
  readonly id: number;
  readonly isTransactional: boolean;
  epoch: number;
  sequence: number;
  isOpen: boolean;
}

/** Appends batch after batch to a log that is in no broker. */
class Writer {
  readonly #random: SimRandom;
  readonly #shape: InputShape;
  readonly #producers: readonly Producer[];
  #offset = 0;
  #nowMs: number;
  #leaderEpoch = 0;

  constructor(shape: InputShape) {
    this.#shape = shape;
    this.#random = new SimRandom(shape.seed);
    this.#nowMs = shape.startMs;
    this.#producers = Array.from({ length: 6 }, (_, i) => ({
      id: 1000 + i,
      isTransactional: i >= 3,
      epoch: 0,
      sequence: 0,
      isOpen: false,
    }));
  }

  segment(isOld: boolean): InputSegment {
    const baseOffset = this.#offset;
    const batches: Uint8Array[] = [];
    for (let sizeBytes = 0; sizeBytes < SEGMENT_BYTES - 1200;) {
      const batch = isOld ? this.#oldSet() : this.#batch();
      batches.push(batch);
      sizeBytes += batch.length;
    }
    if (this.#random.chance(0.1)) this.#leaderEpoch++;
    return {
      baseOffset,
      bytes: new Uint8Array(batches.flatMap((bytes) => [...bytes])),
      modifiedMs: this.#nowMs,
    };
  }

  #records(count: number, isOld: boolean): RecordInput[] {
    const random = this.#random;
    return Array.from({ length: count }, () => {
      const key = `key-${random.below(this.#shape.keyCount)}`;
      const value = random.chance(0.2)
        ? null
        : random.chance(0.1)
        ? ""
        : `${random.below(1000)} `.repeat(random.below(12));
      const headers = isOld || random.chance(0.7) ? [] : [
        { key: "h", value: encodeUtf8(`${random.below(9)}`) },
        { key: "h", value: random.chance(0.5) ? null : encodeUtf8("é") },
      ];
      return {
        offset: this.#offset++,
        // Clocks of producers are not in step.
        timestampMs: this.#nowMs++ + random.below(40) - 20,
        key: random.chance(0.03) ? null : encodeUtf8(key),
        value: value === null ? null : encodeUtf8(value),
        headers,
      };
    });
  }

  #oldSet(): Uint8Array {
    const random = this.#random;
    const magic: OldMagic = random.chance(0.3) ? 0 : 1;
    return encodeMessageSet({
      magic,
      records: this.#records(1 + random.below(6), true),
      compression: random.pick(OLD_CODECS),
      logAppendTimeMs: magic === 1 && random.chance(0.2)
        ? this.#nowMs
        : undefined,
    });
  }

  #batch(): Uint8Array {
    const random = this.#random;
    const producer = random.chance(0.3) ? null : random.pick(this.#producers);
    if (producer !== null && producer.isOpen && random.chance(0.35)) {
      return this.#marker(producer);
    }
    const baseOffset = this.#offset;
    const records = this.#records(1 + random.below(7), false);
    const common = {
      records,
      baseOffset,
      compression: random.pick(CODECS),
      partitionLeaderEpoch: this.#leaderEpoch,
      logAppendTimeMs: random.chance(0.15) ? this.#nowMs : undefined,
    };
    if (producer === null) return encodeBatch(common);
    if (!producer.isOpen && random.chance(0.05)) {
      producer.epoch++;
      producer.sequence = 0;
    }
    const baseSequence = producer.sequence;
    producer.sequence += records.length;
    producer.isOpen = producer.isTransactional;
    return encodeBatch({
      ...common,
      producerId: producer.id,
      producerEpoch: producer.epoch,
      baseSequence,
      isTransactional: producer.isTransactional,
    });
  }

  #marker(producer: Producer): Uint8Array {
    producer.isOpen = false;
    const bytes = encodeEndTransactionMarker({
      type: this.#random.chance(0.4) ? "abort" : "commit",
      coordinatorEpoch: 0,
    }, {
      timestampMs: this.#nowMs++,
      producerId: producer.id,
      producerEpoch: producer.epoch,
    });
    setBaseOffset(bytes, 0, this.#offset++);
    setPartitionLeaderEpoch(bytes, 0, this.#leaderEpoch);
    return bytes;
  }
}

/** Where the stages of a log with so many segments end. */
export function stagesOf(segmentCount: number): number[] {
  return Array.from(
    { length: STAGE_COUNT },
    (_, i) => Math.round(segmentCount * (i + 1) / STAGE_COUNT),
  );
}

/** A log that its shape decides. */
export function compactionInput(shape: InputShape): CompactionInput {
  const writer = new Writer(shape);
  const segments = Array.from(
    { length: SEGMENT_COUNT },
    (_, i) => writer.segment(shape.hasOldFormats && i < OLD_SEGMENTS),
  );
  return {
    topic: `compacted-${shape.seed}`,
    config: {
      "cleanup.policy": "compact",
      "min.cleanable.dirty.ratio": "0",
      "segment.bytes": String(SEGMENT_BYTES),
      "index.interval.bytes": "512",
      "delete.retention.ms": String(shape.deleteRetentionMs),
      "file.delete.delay.ms": "100",
    },
    segments,
    stages: stagesOf(SEGMENT_COUNT),
  };
}

/** The logs of one run. */
export function compactionInputs(
  seed: number,
  startMs: number,
): CompactionInput[] {
  return Array.from({ length: 6 }, (_, i) =>
    compactionInput({
      seed: seed + i,
      startMs,
      deleteRetentionMs: i % 2 === 0 ? 0 : 86_400_000,
      hasOldFormats: i < 3,
      keyCount: i === 4 ? 200 : 25,
    }));
}
