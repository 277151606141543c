// Tries what a start after a crash would make of a partition's folder, reading
// the whole log and writing nothing: which files it would have beside the log,
// and where the log would end.

import type { TopicConfig } from "../config/topic_config.ts";
import type { Disk } from "../host/host.ts";
import { FilePool } from "./file_pool.ts";
import { LeaderEpochs } from "./leader_epochs.ts";
import { OverlayDisk } from "./overlay_disk.ts";
import { parseFileOffset } from "./partition_files.ts";
import { LEADER_EPOCH_CHECKPOINT } from "./partition_state_files.ts";
import {
  decodeProducerSnapshot,
  encodeProducerSnapshot,
} from "./producer_snapshot.ts";
import { ProducerState } from "./producer_state.ts";
import { recoverSegment } from "./recover_segment.ts";
import { readWhole } from "./replace_file.ts";
import { offsetName, Segment, SNAPSHOT_SUFFIX } from "./segment.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";

/** What is known of a partition, beside its folder. */
export interface RebuildOptions {
  /** Offsets below were synced: there nothing is cut. */
  readonly recoveryPoint: number;
  /** From the checkpoint; 0 where it has none. */
  readonly logStartOffset: number;
  /** Whether offsets may be missing: it is, or may be, compacted. */
  readonly mayHaveHoles: boolean;
  readonly config: Pick<
    TopicConfig,
    "index.interval.bytes" | "segment.index.bytes"
  >;
}

/** A `.log` that would end sooner, or be gone. */
export interface Cut {
  readonly path: string;
  /** What would be left of it; `null` where nothing. */
  readonly sizeBytes: number | null;
  readonly lostBytes: number;
}

/** What a start would make. */
export interface Rebuilt {
  /** A file's content by its name in the folder; `null` where there would be none. */
  readonly contentOf: (name: string) => Uint8Array | null;
  readonly cuts: readonly Cut[];
  /** The offset after the last record. */
  readonly endOffset: number;
  /** Lets go of all files. */
  readonly close: () => void;
}

/** At most as many files are open at once. */
const OPEN_FILES_MAX = 16;

/**
 * Makes everything beside a log again, in memory.
 *
 * @throws {HostError} Where a file cannot be read.
 */
export function rebuildPartition(
  disk: Disk,
  folder: string,
  options: RebuildOptions,
): Rebuilt {
  const overlay = new OverlayDisk(disk);
  const pool = new FilePool(overlay, OPEN_FILES_MAX);
  const segments = disk.list(folder).map((name) => parseFileOffset(name))
    .filter((base) => base !== null)
    .map((baseOffset) =>
      Segment.open({
        pool,
        place: { path: folder },
        baseOffset,
        nowMs: 0,
        rollJitterMs: 0,
      })
    );
  const epochs = new LeaderEpochs();
  const producers = new ProducerState(folder);
  const first = segments.at(0)?.baseOffset ?? options.logStartOffset;
  loadSnapshot(disk, folder, producers, first);
  const save = (name: string, bytes: Uint8Array) => {
    const file = overlay.open(`${folder}/${name}`, "create");
    file.truncate(0);
    file.writeAt(bytes, 0);
  };
  const saveSnapshot = (offset: number) =>
    save(
      offsetName(offset) + SNAPSHOT_SUFFIX,
      encodeProducerSnapshot(producers.snapshot()),
    );
  const cuts: Cut[] = [];
  let endOffset = first;
  let isEnded = false;
  segments.forEach((segment, i) => {
    const { sizeBytes, log, baseOffset } = segment;
    const doesNotFollow = baseOffset < endOffset &&
      endOffset >= options.recoveryPoint;
    isEnded ||= i > 0 && doesNotFollow;
    if (isEnded) {
      cuts.push({ path: log.path, sizeBytes: null, lostBytes: sizeBytes });
      segment.remove();
      return;
    }
    if (i > 0) saveSnapshot(baseOffset);
    const next = segments.at(i + 1)?.baseOffset ?? null;
    const recovered = recoverSegment(
      segment,
      { startOffset: Math.max(baseOffset, endOffset), nextBaseOffset: next },
      { ...options, epochs, producers, report: () => {} },
    );
    endOffset = recovered.endOffset;
    if (recovered.wasCut) {
      const lostBytes = sizeBytes - segment.sizeBytes;
      cuts.push({ path: log.path, sizeBytes: segment.sizeBytes, lostBytes });
    }
    const hasHole = next !== null && next > endOffset &&
      endOffset >= options.recoveryPoint && segment.fits(next) &&
      !options.mayHaveHoles;
    isEnded = recovered.wasCut || hasHole;
    segment.finish();
    segment.close();
  });
  saveSnapshot(endOffset);
  epochs.truncateEnd(endOffset);
  epochs.truncateStart(Math.max(options.logStartOffset, first));
  save(LEADER_EPOCH_CHECKPOINT, epochs.format());
  return {
    contentOf: (name) => overlay.contentOf(`${folder}/${name}`),
    cuts,
    endOffset,
    close: () => overlay.close(),
  };
}

/** What is known of producers before the first record that is left. */
function loadSnapshot(
  disk: Disk,
  folder: string,
  producers: ProducerState,
  offset: number,
): void {
  const path = `${folder}/${offsetName(offset)}${SNAPSHOT_SUFFIX}`;
  const bytes = readWhole(disk, path);
  if (bytes === null) return;
  try {
    producers.load(decodeProducerSnapshot(path, bytes));
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
  }
}
