// A partition's log as the cleaner sees it.

import type { LogEnvironment } from "../log_parts.ts";
import type { LogStorage } from "../log_storage.ts";
import type { PartitionLog } from "../partition_log.ts";
import type { CleanableLog } from "./clean_log.ts";
import type { CompactedLog } from "./dirty_range.ts";

/** What may be asked of a log, and done to it, by a run of the cleaner. */
export function cleanableLog(
  log: PartitionLog,
  storage: LogStorage,
  { host, directory, checkpoint }: LogEnvironment,
): CleanableLog & CompactedLog {
  return {
    name: log.name,
    config: log.config,
    segments: log.segments,
    logStartOffset: log.logStartOffset,
    logEndOffset: log.logEndOffset,
    lastStableOffset: log.lastStableOffset,
    cleanedOffset: log.cleanedOffset,
    directory,
    clock: host.clock,
    randomBytes: (count) => host.randomBytes(count),
    lastRecords: () => storage.producers.lastRecords(),
    modifiedMs: (segment) => storage.modifiedMs(segment),
    setModified: (segment, modifiedMs) =>
      host.disk.setModified(segment.log.path, modifiedMs),
    createCleaned: (first) => storage.createCleaned(first),
    replaceSegments: (cleaned, replaced) =>
      storage.replaceSegments(cleaned, replaced),
    discard: (cleaned) => storage.discard(cleaned),
    settle: async () => {
      await storage.flush();
      await checkpoint?.("recoveryPoint");
    },
    noteCleaned: async (endOffset) => {
      storage.cleanedOffset = endOffset;
      await checkpoint?.("cleaned");
    },
  };
}
