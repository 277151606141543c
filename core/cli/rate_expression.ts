// Rates of bytes as people type them: `200MB/s`, `1.5GiB`, `64000`.

const UNIT_BYTES: { readonly [unit: string]: number } = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * Reads a rate: a number, a unit of bytes, and perhaps `/s`. MB are 10^6 bytes,
 * MiB are 2^20.
 *
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * import { parseRate } from "./rate_expression.ts";
 *
 * strictEqual(parseRate("200MB/s"), 200_000_000);
 * strictEqual(parseRate("fast"), null);
 * ```
 *
 * @returns Bytes a second; `null` for anything else, and for nothing at all.
 */
export function parseRate(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)?(?:\/s|ps)?$/i.exec(
    text.trim(),
  );
  if (match === null) return null;
  const unit = UNIT_BYTES[(match[2] ?? "b").toLowerCase()];
  if (unit === undefined) return null;
  const rate = Number(match[1]) * unit;
  return rate > 0 ? rate : null;
}

const SHOWN = [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]] as const;

/** Bytes in the largest unit that leaves one or more, with three digits at most: `82.4 MB`. */
export function formatBytes(count: number): string {
  const [unit, size] = SHOWN.find(([, size]) => count >= size) ?? ["B", 1];
  const amount = count / size;
  return `${amount >= 100 ? Math.round(amount) : amount.toPrecision(3)} ${unit}`
    .replace(/(\.\d*?)0+ /, "$1 ").replace(". ", " ");
}
