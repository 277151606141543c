// Writes batches to the end of a log: into the active segment, or a new one where
// that is full, old, or cannot count so far. A write happens whole or not at all.

import type { TopicConfig } from "../config/topic_config.ts";
import type { Host } from "../host/host.ts";
import type { BatchSummary } from "./batch_summary.ts";
import type { FilePool, Place } from "./file_pool.ts";
import type { LogEnvironment } from "./log_parts.ts";
import { RELATIVE_OFFSET_MAX } from "./offset_index.ts";
import { Segment, type SegmentOptions } from "./segment.ts";
import type { SegmentList } from "./segment_list.ts";
import { NO_TIMESTAMP } from "./time_index.ts";

/** Whose segments are written. */
export interface WriterOptions {
  readonly place: Place;
  readonly segments: SegmentList;
  readonly config: TopicConfig;
  /** Called once a new segment is made and the old one finished; a throw undoes the roll. */
  readonly onRoll: (baseOffset: number) => void;
  /** Called when the new segment is the active one. */
  readonly afterRoll: () => void;
}

/** The end of one log. */
export class SegmentWriter {
  /** The topic's configuration; may be replaced at any time. */
  config: TopicConfig;
  readonly #environment: LogEnvironment;
  readonly #place: Place;
  readonly #segments: SegmentList;
  readonly #onRoll: (baseOffset: number) => void;
  readonly #afterRoll: () => void;

  constructor(environment: LogEnvironment, options: WriterOptions) {
    this.#environment = environment;
    this.#place = options.place;
    this.#segments = options.segments;
    this.config = options.config;
    this.#onRoll = options.onRoll;
    this.#afterRoll = options.afterRoll;
  }

  /** Rolls where needed, then writes; on failure the log is as before. */
  write(
    bytes: Uint8Array,
    batches: readonly BatchSummary[],
    at: { readonly logEndOffset: number; readonly nowMs: number },
  ): void {
    const { directory } = this.#environment;
    const config = this.config;
    try {
      if (this.#mustRoll(bytes.length, batches, at.nowMs)) {
        // Segments follow each other without a hole where offsets allow it, so
        // that recovery can tell where a crash made one.
        const last = batches[batches.length - 1].lastOffset;
        const fits = last - at.logEndOffset <= RELATIVE_OFFSET_MAX;
        this.roll(fits ? at.logEndOffset : batches[0].baseOffset);
      }
      this.#segments.active.openLog();
    } catch (error) {
      throw directory.taken(error);
    }
    const segment = this.#segments.active;
    const sizeBefore = segment.sizeBytes;
    try {
      segment.append(bytes, batches, config);
    } catch (error) {
      try {
        segment.cutBack(sizeBefore, at.logEndOffset);
      } catch (cutError) {
        // What the file ends with is not known any more.
        directory.fail(cutError as Error);
      }
      throw directory.taken(error);
    }
  }

  #mustRoll(
    sizeBytes: number,
    batches: readonly BatchSummary[],
    nowMs: number,
  ): boolean {
    const { active } = this.#segments;
    const config = this.config;
    if (active.sizeBytes > config["segment.bytes"] - sizeBytes) return true;
    if (!active.fits(batches[batches.length - 1].lastOffset)) return true;
    if (active.sizeBytes === 0) return false;
    let maxTimestampMs = NO_TIMESTAMP;
    for (const batch of batches) {
      maxTimestampMs = Math.max(maxTimestampMs, batch.maxTimestampMs);
    }
    const firstTimestampMs = active.firstTimestampMs ?? NO_TIMESTAMP;
    const ageMs = firstTimestampMs >= 0
      ? maxTimestampMs - firstTimestampMs
      : nowMs - active.createdMs;
    return ageMs > segmentMsOf(config) - active.rollJitterMs ||
      active.hasFullIndex(config);
  }

  /** Closes the active segment and starts another; the old one is synced meanwhile. */
  roll(baseOffset: number): void {
    const { active } = this.#segments;
    if (active.baseOffset === baseOffset && active.sizeBytes === 0) return;
    const next = this.create(baseOffset);
    try {
      active.finish();
      this.#onRoll(baseOffset);
    } catch (error) {
      next.remove();
      throw error;
    }
    this.#segments.push(next);
    this.#afterRoll();
  }

  /** Makes an empty segment; it is not in the list yet. */
  create(baseOffset: number): Segment {
    const { host, pool } = this.#environment;
    return Segment.create(newSegmentOptions(host, pool, {
      place: this.#place,
      config: this.config,
      baseOffset,
    }));
  }
}

/** How old a segment gets: of a compacted topic no older than the cleaner may wait for it. */
function segmentMsOf(config: TopicConfig): number {
  const segmentMs = config["segment.ms"];
  const lagMs = config["max.compaction.lag.ms"];
  const isCompacted = config["cleanup.policy"].includes("compact");
  return isCompacted && lagMs > 0 ? Math.min(segmentMs, lagMs) : segmentMs;
}

/** Options for a segment to be made or opened now, its jitter drawn. */
export function newSegmentOptions(
  host: Host,
  pool: FilePool,
  where: {
    readonly place: Place;
    readonly config: TopicConfig;
    readonly baseOffset: number;
  },
): SegmentOptions {
  const jitterMs = Math.min(
    where.config["segment.jitter.ms"],
    where.config["segment.ms"],
  );
  return {
    pool,
    place: where.place,
    baseOffset: where.baseOffset,
    nowMs: host.clock.wallMs(),
    rollJitterMs: jitterMs === 0 ? 0 : Math.floor(host.random() * jitterMs),
  };
}
