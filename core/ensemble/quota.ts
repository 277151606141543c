// Quotas: how many znodes and bytes there may be at a znode and below it.
//
//   /zookeeper/quota/PATH/zookeeper_limits   what may be, as an administrator wrote it
//   /zookeeper/quota/PATH/zookeeper_stats    what is, kept by the tree itself
//
// Both read `count=3,bytes=70`, with `=;byteHardLimit=100;countHardLimit=5` behind
// it for limits that refuse; the others only are there to be looked at. -1 is no
// limit. What the tree writes changes no version and fires no watch.
//
// Source: ZooKeeper documentation, "Quotas"; observed on ZooKeeper 3.8.

import { encodeUtf8 } from "../base/bytes.ts";
import { SYSTEM_PATH } from "./znode.ts";
import { parentOf, ROOT } from "./znode_path.ts";

export const QUOTA_PATH = `${SYSTEM_PATH}/quota`;
const LIMITS_NAME = "zookeeper_limits";
const STATS_NAME = "zookeeper_stats";

/** Numbers by name, as both znodes hold them. */
export type QuotaNumbers = ReadonlyMap<string, number>;

/** Where the limits of a path are. */
export function limitsPath(path: string): string {
  return `${QUOTA_PATH}${path}/${LIMITS_NAME}`;
}

/** Where the counts of a path are. */
export function statsPath(path: string): string {
  return `${QUOTA_PATH}${path}/${STATS_NAME}`;
}

/** Whose limits these are; `null` where the path holds none. */
export function limitedBy(path: string): string | null {
  return ownerOf(path, LIMITS_NAME);
}

/** Whose counts these are; `null` where the path holds none. */
export function countedBy(path: string): string | null {
  return ownerOf(path, STATS_NAME);
}

function ownerOf(path: string, name: string): string | null {
  if (!path.startsWith(`${QUOTA_PATH}/`) || !path.endsWith(`/${name}`)) {
    return null;
  }
  const owner = path.slice(QUOTA_PATH.length, -name.length - 1);
  return owner === "" ? null : owner;
}

/** Reads what a znode holds; what makes no sense in it is left out. */
export function parseQuota(data: Uint8Array | null): QuotaNumbers {
  const numbers = new Map<string, number>();
  if (data === null) return numbers;
  for (const pair of new TextDecoder().decode(data).split(/[,;]+/)) {
    const [name, value] = pair.split("=");
    if (/^-?\d+$/.test(value ?? "")) numbers.set(name, Number(value));
  }
  return numbers;
}

/** One of the numbers; -1 where there is none. */
export function quotaNumber(numbers: QuotaNumbers, name: string): number {
  return numbers.get(name) ?? -1;
}

/** Writes numbers: count and bytes first, for readers who know no more. */
export function formatQuota(numbers: QuotaNumbers): Uint8Array {
  const more = [...numbers.keys()]
    .filter((name) => name !== "count" && name !== "bytes").sort()
    .map((name) => `;${name}=${numbers.get(name)}`).join("");
  const count = quotaNumber(numbers, "count");
  const bytes = quotaNumber(numbers, "bytes");
  return encodeUtf8(
    `count=${count},bytes=${bytes}${more === "" ? "" : `=${more}`}`,
  );
}

/** Counts with more, or less, of both. */
export function addedTo(
  data: Uint8Array | null,
  countDiff: number,
  bytesDiff: number,
): Uint8Array {
  const numbers = new Map(parseQuota(data));
  numbers.set("count", quotaNumber(numbers, "count") + countDiff);
  numbers.set("bytes", quotaNumber(numbers, "bytes") + bytesDiff);
  return formatQuota(numbers);
}

/** Which hard limit that much more would break; `null` for none. */
export function brokenLimit(
  limits: Uint8Array | null,
  stats: Uint8Array | null,
  diff: { readonly count: number; readonly bytes: number },
): string | null {
  const allowed = parseQuota(limits);
  const counted = parseQuota(stats);
  for (
    const [name, limitName] of [
      ["count", "countHardLimit"],
      ["bytes", "byteHardLimit"],
    ] as const
  ) {
    const limit = quotaNumber(allowed, limitName);
    if (limit < 0 || diff[name] === 0) continue;
    const wanted = quotaNumber(counted, name) + diff[name];
    if (wanted > limit) return `${name} ${wanted}, ${limitName} ${limit}`;
  }
  return null;
}

/** Paths that have a quota. */
export class QuotaPaths {
  readonly #paths = new Set<string>();

  get size(): number {
    return this.#paths.size;
  }

  add(path: string): void {
    this.#paths.add(path);
  }

  delete(path: string): void {
    this.#paths.delete(path);
  }

  /** The nearest one at a path or above it; `null` for none. */
  above(path: string): string | null {
    if (this.#paths.size === 0) return null;
    for (let at = path; at !== ROOT; at = parentOf(at)) {
      if (this.#paths.has(at)) return at;
    }
    return null;
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#paths[Symbol.iterator]();
  }
}
