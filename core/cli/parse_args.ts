// The arguments of one command, checked against its rows.
//
//   --name value   --name=value   -n value   -nvalue   -abc (switches)   --
//
// A value may begin with a dash, since offsets do (`--from-offset -5`).

import { didYouMean } from "../config/did_you_mean.ts";
import type { ArgumentRow, FlagRow, FlagRows, FlagValues } from "./flags.ts";
import { parseDuration } from "./time_expression.ts";
import { UsageError } from "./usage_error.ts";

export interface ParsedArgs<T extends FlagRows> {
  readonly flags: FlagValues<T>;
  readonly args: readonly string[];
}

type FlagValue = boolean | string | number;

/**
 * Parses the arguments that follow a command's name.
 *
 * @throws {UsageError} For an unknown flag, a missing or wrong value, or an
 * argument too many or too few.
 */
export function parseArgs<T extends FlagRows>(
  argv: readonly string[],
  flagRows: T,
  argumentRows: readonly ArgumentRow[],
): ParsedArgs<T> {
  const { given, args } = collect(argv, flagRows);
  checkArguments(args, argumentRows);
  const flags: { [name: string]: unknown } = {};
  for (const [name, row] of Object.entries(flagRows)) {
    const values = given.get(name);
    if (row.many) flags[name] = values ?? [];
    else flags[name] = values?.[0] ?? row.default ?? absent(row);
  }
  return { flags: flags as FlagValues<T>, args };
}

function absent(row: FlagRow): false | undefined {
  return row.kind === "switch" ? false : undefined;
}

function collect(
  argv: readonly string[],
  rows: FlagRows,
): { given: Map<string, FlagValue[]>; args: string[] } {
  const given = new Map<string, FlagValue[]>();
  const args: string[] = [];
  const queue = [...argv];
  for (let arg = queue.shift(); arg !== undefined; arg = queue.shift()) {
    if (arg === "--") {
      args.push(...queue);
      break;
    }
    if (!/^-[^-\d]|^--./.test(arg)) {
      args.push(arg);
      continue;
    }
    const { shown, inline } = splitFlag(arg);
    const { name, row } = findRow(shown, rows);
    if (row.kind === "switch" && !arg.startsWith("--") && inline !== null) {
      // `-abc` is `-a -bc`.
      queue.unshift(`-${inline}`);
    }
    const value = row.kind === "switch"
      ? switchValue(shown, arg.startsWith("--") ? inline : null)
      : valueOf(shown, row, inline ?? queue.shift());
    addValue(given, { name, row, shown, value });
  }
  return { given, args };
}

/** `--name=value` and `-nvalue` in two. */
function splitFlag(arg: string): { shown: string; inline: string | null } {
  if (arg.startsWith("--")) {
    const end = arg.indexOf("=");
    return end === -1
      ? { shown: arg, inline: null }
      : { shown: arg.slice(0, end), inline: arg.slice(end + 1) };
  }
  const letter = String.fromCodePoint(arg.codePointAt(1)!);
  const rest = arg.slice(1 + letter.length);
  return { shown: `-${letter}`, inline: rest === "" ? null : rest };
}

function findRow(
  shown: string,
  rows: FlagRows,
): { name: string; row: FlagRow } {
  for (const [name, row] of Object.entries(rows)) {
    if (flagNames(name, row).includes(shown)) return { name, row };
  }
  const names = Object.entries(rows).flatMap(([name, row]) =>
    flagNames(name, row).filter((other) => other.startsWith("--"))
  );
  const hint = shown.startsWith("--") ? didYouMean(shown, names) : "";
  throw new UsageError(`unknown flag ${shown}${hint}`);
}

/** All that a flag may be called, as typed; the long name first. */
export function flagNames(name: string, row: FlagRow): string[] {
  const long = [name, ...(row.also ?? [])].filter((other) => other.length > 1);
  return [
    ...long.map((other) => `--${other}`),
    ...(row.short === undefined ? [] : [`-${row.short}`]),
  ];
}

function switchValue(shown: string, inline: string | null): boolean {
  if (inline === null || inline === "true") return true;
  if (inline === "false") return false;
  throw new UsageError(`${shown} takes no value, got ${quote(inline)}`);
}

function valueOf(
  shown: string,
  row: FlagRow,
  text: string | undefined,
): FlagValue {
  if (text === undefined) {
    throw new UsageError(`${shown} needs a value: ${expectation(row)}`);
  }
  const value = convert(row, text);
  if (value === null) {
    throw new UsageError(
      `${shown}: expected ${expectation(row)}, got ${quote(text)}${
        row.of === undefined ? "" : didYouMean(text, row.of)
      }`,
    );
  }
  return value;
}

function convert(row: FlagRow, text: string): FlagValue | null {
  switch (row.kind) {
    case "text":
      return text;
    case "choice":
      return row.of!.includes(text) ? text : null;
    case "duration":
      return parseDuration(text);
    case "whole":
      return /^[+-]?\d{1,16}$/.test(text) ? inRange(row, Number(text)) : null;
    case "number":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)
        ? inRange(row, Number(text))
        : null;
    case "switch":
      return true;
  }
}

function inRange(row: FlagRow, value: number): number | null {
  const { min = -Infinity, max = Infinity } = row;
  return value >= min && value <= max && Math.abs(value) <= 2 ** 53
    ? value
    : null;
}

function expectation(row: FlagRow): string {
  switch (row.kind) {
    case "choice":
      return `one of ${row.of!.join(", ")}`;
    case "duration":
      return "a time such as 500ms, 10s or 2m";
    case "whole":
    case "number": {
      const word = row.kind === "whole" ? "a whole number" : "a number";
      if (row.min === undefined) return word;
      return row.max === undefined
        ? `${word} of at least ${row.min}`
        : `${word} from ${row.min} to ${row.max}`;
    }
    default:
      return row.value ?? "a text";
  }
}

function addValue(
  given: Map<string, FlagValue[]>,
  flag: { name: string; row: FlagRow; shown: string; value: FlagValue },
): void {
  const { name, row, shown, value } = flag;
  const earlier = given.get(name);
  if (earlier === undefined) given.set(name, [value]);
  else if (row.many) earlier.push(value);
  else if (row.kind !== "switch") {
    throw new UsageError(
      `${shown} is given twice: ${quote(String(earlier[0]))} and ${
        quote(String(value))
      }`,
    );
  }
}

function checkArguments(
  args: readonly string[],
  rows: readonly ArgumentRow[],
): void {
  const missing = rows.find((row, index) =>
    !row.optional && index >= args.length
  );
  if (missing !== undefined) {
    throw new UsageError(`${missing.name} is missing: ${missing.doc}`);
  }
  const takesAll = rows.at(-1)?.many === true;
  if (!takesAll && args.length > rows.length) {
    throw new UsageError(`unexpected argument ${quote(args[rows.length])}`);
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}
