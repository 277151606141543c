// Durations and points in time as people type them.

const UNIT_MS: { readonly [unit: string]: number } = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Reads `1h30m`, `500ms`, `7d` or ISO 8601's `PT1H30M`, `P7D`.
 *
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * import { parseDuration } from "./time_expression.ts";
 *
 * strictEqual(parseDuration("1h30m"), 5_400_000);
 * strictEqual(parseDuration("PT1H"), 3_600_000);
 * strictEqual(parseDuration("soon"), null);
 * ```
 *
 * @returns Milliseconds; `null` for anything else.
 */
export function parseDuration(text: string): number | null {
  const iso =
    /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i
      .exec(text);
  if (iso !== null) {
    const units = ["w", "d", "h", "m", "s"];
    if (iso.slice(1).every((part) => part === undefined)) return null;
    return Math.round(units.reduce(
      (sum, unit, index) => sum + Number(iso[index + 1] ?? 0) * UNIT_MS[unit],
      0,
    ));
  }
  if (!/^(\d+(\.\d+)?(ms|[smhdw]))+$/.test(text)) return null;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)) {
    sum += Number(count) * UNIT_MS[unit];
  }
  return Math.round(sum);
}

/** Below this many, digits are seconds since 1970: it lies in 5138 as seconds, in 1973 as milliseconds. */
const SECONDS_LIMIT = 1e11;

/**
 * Reads a point in time: milliseconds or seconds since 1970, an ISO 8601 date
 * or date and time (UTC unless it says otherwise), or a duration before now,
 * with or without a minus.
 *
 * @returns Milliseconds since 1970; `null` for anything else.
 */
export function parseTime(text: string, nowMs: number): number | null {
  if (/^\d+$/.test(text)) {
    const count = Number(text);
    return count < SECONDS_LIMIT ? count * 1000 : count;
  }
  const durationMs = parseDuration(text.replace(/^-/, ""));
  if (durationMs !== null) return nowMs - durationMs;
  const iso =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i
      .exec(text);
  if (iso === null) return null;
  const [, date, time = "00:00", zone = "Z"] = iso;
  const colon = zone.replace(/^([+-]\d{2})(\d{2})$/, "$1:$2");
  const ms = Date.parse(`${date}T${time.replace(",", ".")}${colon}`);
  return Number.isNaN(ms) ? null : ms;
}
