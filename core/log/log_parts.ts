// What a partition's log is made of, and what its append tells.

import type { TopicConfig } from "../config/topic_config.ts";
import type { Host } from "../host/host.ts";
import type { DiskRoom } from "./disk_room.ts";
import type { FilePool, Place } from "./file_pool.ts";
import type { LeaderEpoch, LeaderEpochs } from "./leader_epochs.ts";
import type { LogDirectoryState } from "./log_directory_state.ts";
import type { AppendedSequence } from "./producer_entry.ts";
import type { ProducerSnapshots } from "./producer_snapshots.ts";
import type { ProducerState } from "./producer_state.ts";
import type { SegmentList } from "./segment_list.ts";
import type { Turns } from "./turns.ts";

/** What all logs of a directory share. */
export interface LogEnvironment {
  readonly host: Host;
  readonly pool: FilePool;
  readonly directory: LogDirectoryState;
  /** For work that comes due for many logs at one time. */
  readonly turns?: Turns;
  /** What is left for clients' records; not watched where left out. */
  readonly room?: DiskRoom;
  /** Makes the names of the logs' folders survive a crash. */
  readonly syncNames: () => Promise<void>;
  /** Told when the start of a log moves, before files are unlinked. */
  readonly onStartMoved?: () => void;
  /** Writes a checkpoint of the directory's logs. */
  readonly checkpoint?: (
    kind: "recoveryPoint" | "logStart" | "cleaned",
  ) => Promise<void>;
}

/** Which partition a log is of, and where. */
export interface LogIdentity {
  readonly topic: string;
  readonly partition: number;
  readonly place: Place;
  readonly config: TopicConfig;
}

/** What a log is made of: from a fresh folder, or as recovery found it. */
export interface LogParts {
  readonly segments: SegmentList;
  readonly logStartOffset: number;
  /** Whether the checkpoint knows of a start: segments before it may come back from names that were never synced. */
  readonly isStartSaved?: boolean;
  readonly logEndOffset: number;
  readonly recoveryPoint: number;
  readonly highWatermark: number;
  readonly epochs: LeaderEpochs;
  /** What the file of the epochs holds; `null` where there is none to believe. */
  readonly savedEpochs: readonly LeaderEpoch[] | null;
  /** Whether that would survive a crash. */
  readonly areEpochsSynced: boolean;
  readonly producers: ProducerState;
  readonly snapshots: ProducerSnapshots;
  /** Base64url; `null` where it is not known. */
  readonly topicId: string | null;
  /** Whether the folder, or the topic's id, may be missing after a crash. */
  readonly isNew: boolean;
  /** Where the last run of the cleaner ended; `null` or left out before the first. */
  readonly cleanedOffset?: number | null;
}

/** What an append tells. */
export interface AppendResult {
  /** Offset of the first record. */
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** With LogAppendTime, the time that all records got; -1 otherwise. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** True where a producer repeated a batch: nothing was written, and the offsets are the old ones. */
  readonly isDuplicate: boolean;
  readonly sizeBytes: number;
  /** To wait for before the append is acknowledged, where `flush.messages` asks for it; else `null`. */
  readonly durable: Promise<void> | null;
}

/** Of an append without a whole batch. */
export function nothingAppended(
  logEndOffset: number,
  logStartOffset: number,
): AppendResult {
  return {
    baseOffset: -1,
    lastOffset: logEndOffset - 1,
    logAppendTimeMs: -1,
    logStartOffset,
    isDuplicate: false,
    sizeBytes: 0,
    durable: null,
  };
}

/** Of an append that repeats a batch. */
export function alreadyAppended(
  repeated: AppendedSequence,
  rest: Pick<AppendResult, "logStartOffset" | "durable">,
): AppendResult {
  return {
    ...rest,
    baseOffset: repeated.lastOffset - repeated.offsetDelta,
    lastOffset: repeated.lastOffset,
    logAppendTimeMs: repeated.timestampMs,
    isDuplicate: true,
    sizeBytes: 0,
  };
}
