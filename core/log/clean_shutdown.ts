// `.kafka_cleanshutdown`: written last at a clean stop, removed first at a start.
// While it is missing, files may be torn, and a start must recover them.
//
//   {"version":0,"brokerEpoch":N}
//
// Source: KIP-966; observed in testdata/log/kafka-data.tar.gz.

import { decodeUtf8Lossy, encodeUtf8 } from "../base/bytes.ts";
import type { Disk } from "../host/host.ts";
import { readWhole, replaceFile } from "./replace_file.ts";

/** The file's name. */
export const CLEAN_SHUTDOWN = ".kafka_cleanshutdown";

/** What the marker says. */
export interface CleanShutdown {
  /** Epoch of the broker that stopped; -1 where it had none. */
  readonly brokerEpoch: number;
}

/** The marker of a directory; `null` where it is missing or torn. */
export function readCleanShutdown(
  disk: Disk,
  directory: string,
): CleanShutdown | null {
  const bytes = readWhole(disk, `${directory}/${CLEAN_SHUTDOWN}`);
  if (bytes === null) return null;
  const text = decodeUtf8Lossy(bytes).trim();
  // Kafka before 3.8 wrote an empty file.
  if (text === "") return bytes.length === 0 ? { brokerEpoch: -1 } : null;
  try {
    const { version, brokerEpoch } = JSON.parse(text);
    if (version !== 0) return null;
    return {
      brokerEpoch: Number.isSafeInteger(brokerEpoch) ? brokerEpoch : -1,
    };
  } catch {
    return null;
  }
}

/** Removes the marker, durably: from here on a crash means recovery. */
export async function removeCleanShutdown(
  disk: Disk,
  directory: string,
): Promise<void> {
  const path = `${directory}/${CLEAN_SHUTDOWN}`;
  if (disk.stat(path) === null) return;
  disk.remove(path);
  await disk.syncDirectory(directory);
}

/** Writes the marker, durably: the very last act. */
export function writeCleanShutdown(
  disk: Disk,
  directory: string,
  marker: CleanShutdown,
): Promise<void> {
  return replaceFile(
    disk,
    `${directory}/${CLEAN_SHUTDOWN}`,
    encodeUtf8(JSON.stringify({ version: 0, brokerEpoch: marker.brokerEpoch })),
  );
}
