// Checkpoint files: small tables of numbers, as text.
//
//   checkpoint = "0" LF entryCount LF { entry LF }
//   entry of a log directory's files = topic SP partition SP offset
//     recovery-point-offset-checkpoint, replication-offset-checkpoint (high
//     watermarks), log-start-offset-checkpoint
//   entry of a partition's leader-epoch-checkpoint = epoch SP startOffset
//
// Source: observed in testdata/log/kafka-data.tar.gz.

import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import type { Disk } from "../host/host.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import { readWhole } from "./replace_file.ts";

const VERSION = "0";

/** `topic-partition` → offset. */
export type OffsetCheckpoint = Map<string, number>;

/** Text of a checkpoint out of the words of its lines. */
export function formatCheckpoint(
  entries: readonly (readonly (string | number)[])[],
): Uint8Array {
  const lines = [VERSION, String(entries.length)];
  for (const entry of entries) lines.push(entry.join(" "));
  return encodeUtf8(lines.join("\n") + "\n");
}

/**
 * The words of each line of a checkpoint.
 *
 * @param wordCount How many words each line has.
 * @throws {CorruptFileError} Where the version is another, a line has other
 * words, or the count does not match.
 */
export function parseCheckpoint(
  path: string,
  bytes: Uint8Array,
  wordCount: number,
): string[][] {
  let text: string;
  try {
    text = decodeUtf8(bytes);
  } catch {
    throw new CorruptFileError(path, "not UTF-8");
  }
  // A file that a crash cut off may end inside of a number.
  if (!text.endsWith("\n")) {
    throw new CorruptFileError(path, "its last line has no end");
  }
  const lines = text.split("\n").map((line) => line.trim())
    .filter((line) => line !== "");
  if (lines[0] !== VERSION) {
    throw new CorruptFileError(
      path,
      `version is ${JSON.stringify(lines[0] ?? "")}, need ${VERSION}`,
    );
  }
  const count = parseNumber(path, lines[1] ?? "");
  const entries = lines.slice(2).map((line) => line.split(" "));
  if (entries.length !== count) {
    throw new CorruptFileError(
      path,
      `has ${entries.length} entries, says ${count}`,
    );
  }
  for (const entry of entries) {
    if (entry.length !== wordCount) {
      throw new CorruptFileError(path, `bad line "${entry.join(" ")}"`);
    }
  }
  return entries;
}

/** A whole number of a checkpoint. @throws {CorruptFileError} */
export function parseNumber(path: string, word: string): number {
  const value = /^-?\d{1,19}$/.test(word.trim()) ? Number(word) : NaN;
  if (!Number.isSafeInteger(value)) {
    throw new CorruptFileError(path, `bad number ${JSON.stringify(word)}`);
  }
  return value;
}

/**
 * Reads a log directory's checkpoint; empty where the file is missing.
 *
 * @throws {CorruptFileError} Where it makes no sense.
 */
export function readOffsetCheckpoint(
  disk: Disk,
  path: string,
): OffsetCheckpoint {
  const offsets: OffsetCheckpoint = new Map();
  const bytes = readWhole(disk, path);
  if (bytes === null) return offsets;
  for (const [topic, partition, offset] of parseCheckpoint(path, bytes, 3)) {
    offsets.set(
      `${topic}-${parseNumber(path, partition)}`,
      parseNumber(path, offset),
    );
  }
  return offsets;
}

/** Text of a log directory's checkpoint. */
export function formatOffsetCheckpoint(offsets: OffsetCheckpoint): Uint8Array {
  const entries = [...offsets].map(([name, offset]) => {
    const dash = name.lastIndexOf("-");
    return [name.slice(0, dash), name.slice(dash + 1), offset];
  });
  return formatCheckpoint(entries);
}
