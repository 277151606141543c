// Where to read from and to, as people type it.
//
//   earliest | beginning | start | oldest     the first record there is
//   latest | end | newest                     after the last one
//   stored                                    where the group stands
//   N    -N    +N                             offset N, N before the end, N after the start
//   @T                                        the first record at or after a time

import { parseTime } from "./time_expression.ts";
import { UsageError } from "./usage_error.ts";

export type OffsetExpression =
  | { readonly kind: "earliest" | "latest" | "stored" }
  | { readonly kind: "offset"; readonly offset: number }
  | { readonly kind: "beforeEnd" | "afterStart"; readonly count: number }
  | { readonly kind: "time"; readonly timestampMs: number };

const NAMES: { readonly [name: string]: OffsetExpression } = {
  earliest: { kind: "earliest" },
  beginning: { kind: "earliest" },
  start: { kind: "earliest" },
  oldest: { kind: "earliest" },
  latest: { kind: "latest" },
  end: { kind: "latest" },
  newest: { kind: "latest" },
  stored: { kind: "stored" },
};

/**
 * Reads an offset expression.
 *
 * @param nowMs What relative times count from.
 * @throws {UsageError} Where the text is none.
 */
export function parseOffset(text: string, nowMs: number): OffsetExpression {
  const named = Object.hasOwn(NAMES, text.toLowerCase())
    ? NAMES[text.toLowerCase()]
    : undefined;
  if (named !== undefined) return named;
  const number = /^([+-]?)(\d{1,16})$/.exec(text);
  if (number !== null && Number.isSafeInteger(Number(number[2]))) {
    const count = Number(number[2]);
    if (number[1] === "") return { kind: "offset", offset: count };
    return { kind: number[1] === "-" ? "beforeEnd" : "afterStart", count };
  }
  if (text.startsWith("@")) {
    const timestampMs = parseTime(text.slice(1), nowMs);
    if (timestampMs !== null) return { kind: "time", timestampMs };
  }
  throw new UsageError(
    "expected an offset: earliest, latest, stored, N, -N (before the end), " +
      "+N (after the start), or @ and a time such as @2024-05-01, " +
      `@1700000000000 or @-1h30m; got ${JSON.stringify(text)}`,
  );
}

/** What is known of a partition while its expressions become offsets. */
export interface OffsetLookup {
  /** The first offset there is. */
  earliest(): Promise<number>;
  /** The offset after the last record. */
  latest(): Promise<number>;
  /** The first offset at or after a time; `null` where there is none. */
  atTime(timestampMs: number): Promise<number | null>;
  /** Where the group stands; `null` where it has never been. */
  stored(): Promise<number | null>;
}

/**
 * The offset that an expression means for a partition. Counts stay within the
 * partition; an offset given as such is taken as it is.
 */
export async function resolveOffset(
  expression: OffsetExpression,
  lookup: OffsetLookup,
): Promise<number> {
  switch (expression.kind) {
    case "earliest":
      return await lookup.earliest();
    case "latest":
      return await lookup.latest();
    case "offset":
      return expression.offset;
    case "stored":
      return await lookup.stored() ?? await lookup.earliest();
    case "time":
      return await lookup.atTime(expression.timestampMs) ??
        await lookup.latest();
    case "beforeEnd":
      return Math.max(
        await lookup.earliest(),
        await lookup.latest() - expression.count,
      );
    case "afterStart":
      return Math.min(
        await lookup.latest(),
        await lookup.earliest() + expression.count,
      );
  }
}
