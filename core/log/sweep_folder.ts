// Puts a partition's folder in order before it is opened: what a stop left
// half-way is finished or thrown away.
//
//   *.tmp, *.deleted        removed
//   *.cleaned               a compaction that was not done: removed, and with it
//                           the *.swap files from its offset on
//   *.swap                  a compaction that was done: takes the place of the
//                           segments that it covers
//   indexes without a .log  removed
//
// Source: Kafka documentation, "Log Compaction"; reliability: rules 26 and 27.

import type { Disk } from "../host/host.ts";
import { BatchScan, HEADER_CHUNK_BYTES } from "./batch_scan.ts";
import { parseFileOffset } from "./partition_files.ts";
import { TEMPORARY_SUFFIX } from "./replace_file.ts";
import {
  CLEANED_SUFFIX,
  DELETED_SUFFIX,
  INDEX_SUFFIXES,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  offsetName,
  SWAP_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "./segment.ts";

/** Whether a start removes a file of this name, or puts it in the place of another. */
export function isLeftOver(name: string): boolean {
  return [TEMPORARY_SUFFIX, DELETED_SUFFIX, CLEANED_SUFFIX, SWAP_SUFFIX]
    .some((suffix) => name.endsWith(suffix));
}

/**
 * Puts a folder in order.
 *
 * @returns What is in it then, sorted.
 * @throws {HostError} Where the disk failed.
 */
export function sweepFolder(disk: Disk, path: string): string[] {
  let names = disk.list(path);
  const remove = (isUnwanted: (name: string) => boolean) => {
    for (const name of names.filter(isUnwanted)) disk.remove(`${path}/${name}`);
    names = names.filter((name) => !isUnwanted(name));
  };
  remove((name) =>
    name.endsWith(TEMPORARY_SUFFIX) || name.endsWith(DELETED_SUFFIX)
  );
  if (names.some((name) => name.endsWith(CLEANED_SUFFIX))) {
    const lowest = Math.min(
      ...names.filter((name) => name.endsWith(CLEANED_SUFFIX)).map(offsetOf),
    );
    remove((name) => name.endsWith(SWAP_SUFFIX) && offsetOf(name) >= lowest);
    remove((name) => name.endsWith(CLEANED_SUFFIX));
  }
  if (names.some((name) => name.endsWith(SWAP_SUFFIX))) {
    finishSwaps(disk, path, names, remove);
    names = disk.list(path);
    remove((name) => name.endsWith(SWAP_SUFFIX));
  }
  const logs = new Set(
    names.map((name) => parseFileOffset(name)).filter((base) => base !== null),
  );
  remove((name) =>
    INDEX_SUFFIXES.some((suffix) => {
      const base = parseFileOffset(name, suffix);
      return base !== null && !logs.has(base);
    })
  );
  return names;
}

function offsetOf(name: string): number {
  return Number(name.slice(0, 20));
}

/**
 * Removes what swapped segments cover, then gives them their final names over what
 * is left there: indexes first, the log last, so that a crash on the way changes
 * nothing of what the next start does.
 */
function finishSwaps(
  disk: Disk,
  path: string,
  names: readonly string[],
  remove: (isUnwanted: (name: string) => boolean) => void,
): void {
  const finish = (final: string) => {
    if (!names.includes(final + SWAP_SUFFIX)) return;
    disk.rename(`${path}/${final}${SWAP_SUFFIX}`, `${path}/${final}`);
  };
  for (const name of names) {
    const base = parseFileOffset(name, LOG_SUFFIX + SWAP_SUFFIX);
    if (base === null) continue;
    const end = endOffsetOf(disk, `${path}/${name}`, base);
    remove((other) =>
      [LOG_SUFFIX, ...INDEX_SUFFIXES].some((suffix) => {
        const covered = parseFileOffset(other, suffix);
        return covered !== null && covered > base && covered < end;
      })
    );
    // While no index has its final name, a list of aborted transactions that has
    // no successor is the old segment's.
    const transactions = offsetName(base) + TRANSACTION_INDEX_SUFFIX;
    const isOld =
      names.includes(offsetName(base) + OFFSET_INDEX_SUFFIX + SWAP_SUFFIX) &&
      !names.includes(transactions + SWAP_SUFFIX);
    remove((other) => isOld && other === transactions);
    for (const suffix of [...INDEX_SUFFIXES, LOG_SUFFIX]) {
      finish(offsetName(base) + suffix);
    }
  }
  // Where the log got its final name before its indexes did.
  for (const name of names) {
    for (const suffix of INDEX_SUFFIXES) {
      const base = parseFileOffset(name, suffix + SWAP_SUFFIX);
      const wasFirst = base !== null &&
        !names.includes(offsetName(base) + LOG_SUFFIX + SWAP_SUFFIX);
      if (wasFirst) finish(offsetName(base) + suffix);
    }
  }
}

/** The offset after a file's last batch. */
function endOffsetOf(disk: Disk, path: string, base: number): number {
  const file = disk.open(path, "read");
  try {
    const scan = new BatchScan(file, {
      from: 0,
      to: file.size(),
      chunkBytes: HEADER_CHUNK_BYTES,
    });
    let end = base + 1;
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      end = batch.lastOffset + 1;
    }
    return end;
  } finally {
    file.close();
  }
}
