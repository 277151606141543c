// Names of partitions' folders, and of what is in them.
//
//   folder    = topic "-" partition
//   deleted   = topic "-" partition "." 32 hex digits "-delete"
//   reassigned = topic "-" partition "." 32 hex digits "-future"

import { LOG_SUFFIX } from "./segment.ts";

const FOLDER = /^([A-Za-z0-9._-]{1,249})-(0|[1-9]\d{0,9})$/;
const NAME_MAX = 255;

export const DELETE_SUFFIX = "-delete";
export const FUTURE_SUFFIX = "-future";

/** A partition, by its topic's name. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export function partitionName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** The partition of a folder's name; `null` where it is none's, or a deleted one's. */
export function parsePartitionName(name: string): TopicPartition | null {
  if (name.endsWith(DELETE_SUFFIX) || name.endsWith(FUTURE_SUFFIX)) {
    if (/\.[0-9a-f]{32}-(delete|future)$/.test(name)) return null;
  }
  const match = FOLDER.exec(name);
  if (match === null) return null;
  const partition = Number(match[2]);
  if (partition >= 2 ** 31) return null;
  return { topic: match[1], partition };
}

/** The name of a folder that waits to be removed. @param unique 32 hex digits. */
export function deletedName(partition: TopicPartition, unique: string): string {
  const suffix = `.${unique}${DELETE_SUFFIX}`;
  const name = partitionName(partition.topic, partition.partition);
  return name.slice(0, NAME_MAX - suffix.length) + suffix;
}

/** The name of a folder that a log is moved into. @param unique 32 hex digits. */
export function futureName(partition: TopicPartition, unique: string): string {
  const suffix = `.${unique}${FUTURE_SUFFIX}`;
  const name = partitionName(partition.topic, partition.partition);
  return name.slice(0, NAME_MAX - suffix.length) + suffix;
}

/** The partition that a folder is to become; `null` where it is none such. */
export function parseFutureName(name: string): TopicPartition | null {
  const match = /^(.+)\.[0-9a-f]{32}-future$/.exec(name);
  return match === null ? null : parsePartitionName(match[1]);
}

/** The base offset in a segment file's name; `null` where the name is no such. */
export function parseFileOffset(
  name: string,
  suffix: string = LOG_SUFFIX,
): number | null {
  if (!name.endsWith(suffix)) return null;
  const digits = name.slice(0, -suffix.length);
  if (!/^\d{20}$/.test(digits)) return null;
  const offset = Number(digits);
  return Number.isSafeInteger(offset) ? offset : null;
}
