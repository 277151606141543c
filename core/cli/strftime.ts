// Points in time by the C library's `strftime` directives, in UTC.

import { UsageError } from "./usage_error.ts";

/** A text as it is, or one directive. */
export type StrftimePart = string | ((time: Date) => string);

const DAYS = [
  "Sunday",
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const two = (value: number) => String(value).padStart(2, "0");
const date = (time: Date) => time.toISOString().split("T")[0];
const clock = (time: Date) => time.toISOString().split("T")[1].slice(0, 8);
const yearStartMs = (time: Date) => Date.UTC(time.getUTCFullYear(), 0, 1);
const twelveHours = (time: Date) => (time.getUTCHours() + 11) % 12 + 1;

const DIRECTIVES: { readonly [letter: string]: (time: Date) => string } = {
  Y: (time) => String(time.getUTCFullYear()),
  y: (time) => two(time.getUTCFullYear() % 100),
  m: (time) => two(time.getUTCMonth() + 1),
  d: (time) => two(time.getUTCDate()),
  e: (time) => String(time.getUTCDate()).padStart(2),
  H: (time) => two(time.getUTCHours()),
  I: (time) => two(twelveHours(time)),
  M: (time) => two(time.getUTCMinutes()),
  S: (time) => two(time.getUTCSeconds()),
  L: (time) => String(time.getUTCMilliseconds()).padStart(3, "0"),
  f: (time) => `${String(time.getUTCMilliseconds()).padStart(3, "0")}000`,
  p: (time) => time.getUTCHours() < 12 ? "AM" : "PM",
  a: (time) => DAYS[time.getUTCDay()].slice(0, 3),
  A: (time) => DAYS[time.getUTCDay()],
  b: (time) => MONTHS[time.getUTCMonth()].slice(0, 3),
  B: (time) => MONTHS[time.getUTCMonth()],
  j: (time) =>
    String(Math.floor((time.getTime() - yearStartMs(time)) / 86_400_000) + 1)
      .padStart(3, "0"),
  u: (time) => String(time.getUTCDay() || 7),
  w: (time) => String(time.getUTCDay()),
  s: (time) => String(Math.floor(time.getTime() / 1000)),
  z: () => "+0000",
  Z: () => "UTC",
  F: date,
  T: clock,
  R: (time) => clock(time).slice(0, 5),
  D: (time) =>
    `${two(time.getUTCMonth() + 1)}/${two(time.getUTCDate())}/${
      two(time.getUTCFullYear() % 100)
    }`,
  n: () => "\n",
  t: () => "\t",
  "%": () => "%",
};

/** @throws {UsageError} For a directive that is not known. */
export function parseStrftime(format: string): StrftimePart[] {
  return [...format.matchAll(/%(.?)|[^%]+/gs)].map((match) => {
    if (match[1] === undefined) return match[0];
    const directive = Object.hasOwn(DIRECTIVES, match[1])
      ? DIRECTIVES[match[1]]
      : undefined;
    if (directive !== undefined) return directive;
    throw new UsageError(`strftime: %${match[1]} means nothing here`);
  });
}

/**
 * Prints a time.
 *
 * @param timestampMs Milliseconds since 1970 UTC.
 */
export function formatStrftime(
  parts: readonly StrftimePart[],
  timestampMs: number,
): string {
  const time = new Date(timestampMs);
  if (Number.isNaN(time.getTime())) return String(timestampMs);
  return parts.map((part) => typeof part === "string" ? part : part(time))
    .join("");
}
