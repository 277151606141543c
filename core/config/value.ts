// One configuration value between its text and its typed form.
//
// Texts are Java's: numbers in decimal with an optional sign, doubles as
// `Double.toString` prints them, booleans in any case, lists by comma.

import { ConfigValueError } from "./config_error.ts";
import { Secret } from "./secret.ts";
import type { ConfigRow, ConfigValue } from "./table.ts";

const INTEGER_LIMITS = {
  short: [-(2n ** 15n), 2n ** 15n - 1n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

/**
 * Parses a text by its row.
 *
 * @throws {ConfigValueError} Where the text is not of the type, or outside the
 * row's limits.
 */
export function parseValue(
  row: ConfigRow,
  key: string,
  text: string,
): ConfigValue {
  const trimmed = text.trim();
  switch (row.type) {
    case "boolean":
      return parseBoolean(row, key, trimmed);
    case "int":
    case "short":
    case "long":
      return parseInteger(row, key, trimmed);
    case "double":
      return parseDouble(row, key, trimmed);
    case "list":
      return parseList(row, key, trimmed);
    case "password":
      return new Secret(trimmed);
    case "string":
    case "class":
      return parseText(row, key, trimmed);
  }
}

function refuse(row: ConfigRow, key: string, text: string): never {
  const hint = unitHint(row, text);
  throw new ConfigValueError(key, describeRow(row), quote(text) + hint);
}

function quote(text: string): string {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(shown);
}

function parseBoolean(row: ConfigRow, key: string, text: string): boolean {
  const lower = text.toLowerCase();
  if (lower === "true") return true;
  if (lower === "false") return false;
  return refuse(row, key, text);
}

function parseInteger(row: ConfigRow, key: string, text: string): number {
  if (!/^[+-]?\d{1,20}$/.test(text)) return refuse(row, key, text);
  const exact = BigInt(text.replace(/^\+/, ""));
  const [low, high] = INTEGER_LIMITS[row.type as "int" | "short" | "long"];
  if (exact < low || exact > high) return refuse(row, key, text);
  return inLimits(row, key, text, Number(exact));
}

function parseDouble(row: ConfigRow, key: string, text: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) {
    return refuse(row, key, text);
  }
  const value = Number(text);
  if (!Number.isFinite(value)) return refuse(row, key, text);
  return inLimits(row, key, text, value);
}

function inLimits(
  row: ConfigRow,
  key: string,
  text: string,
  value: number,
): number {
  if (value === row.orElse) return value;
  if (row.min !== undefined && value < row.min) return refuse(row, key, text);
  if (row.max !== undefined && value > row.max) return refuse(row, key, text);
  return value;
}

function parseList(row: ConfigRow, key: string, text: string) {
  const items = text === "" ? [] : text.split(",").map((item) => item.trim());
  if (row.nonEmpty && items.length === 0) return refuse(row, key, text);
  for (const item of items) {
    if (item === "" || !isAllowed(row, item)) return refuse(row, key, text);
  }
  return items;
}

function parseText(row: ConfigRow, key: string, text: string): string {
  if (row.nonEmpty && text === "") return refuse(row, key, text);
  if (!isAllowed(row, text)) return refuse(row, key, text);
  return text;
}

function isAllowed(row: ConfigRow, text: string): boolean {
  if (row.oneOf === undefined) return true;
  if (!row.ignoreCase) return row.oneOf.includes(text);
  const lower = text.toLowerCase();
  return row.oneOf.some((allowed) => allowed.toLowerCase() === lower);
}

const TYPE_WORDS: Record<ConfigRow["type"], string> = {
  boolean: "true or false",
  string: "a text",
  int: "a whole number",
  short: "a whole number",
  long: "a whole number",
  double: "a number",
  list: "a list by comma",
  class: "a class name",
  password: "a password",
};

const TYPE_LIMITS: { readonly [type: string]: readonly [string, string] } = {
  short: ["-32768", "32767"],
  int: ["-2147483648", "2147483647"],
  long: ["-9223372036854775808", "9223372036854775807"],
};

/** What a row accepts, in words: `a whole number from 14 to 2147483647`. */
export function describeRow(row: ConfigRow): string {
  if (row.oneOf !== undefined) {
    // Forty versions of a protocol say nothing that their ends do not.
    const names = row.oneOf.length <= 12
      ? row.oneOf.join(", ")
      : `${row.oneOf[0]} … ${row.oneOf[row.oneOf.length - 1]}`;
    return row.type === "list"
      ? `a list by comma of ${names}`
      : `one of ${names}`;
  }
  const words = TYPE_WORDS[row.type];
  const limits = TYPE_LIMITS[row.type];
  const low = row.min === undefined ? limits?.[0] : String(row.min);
  const high = row.max === undefined ? limits?.[1] : String(row.max);
  const range = low !== undefined && high !== undefined
    ? ` from ${low} to ${high}`
    : low !== undefined
    ? ` of at least ${low}`
    : "";
  const otherwise = row.orElse === undefined ? "" : `, or ${row.orElse}`;
  const filled = row.nonEmpty ? " that is not empty" : "";
  return words + range + otherwise + filled;
}

const UNIT_SIZES: { readonly [unit: string]: number } = {
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

// People write sizes with a unit, and numbers with a comma: say what to write.
function unitHint(row: ConfigRow, text: string): string {
  if (!(row.type in INTEGER_LIMITS)) return "";
  const size = /^(\d+)\s*([kmgt])(i?b)?$/i.exec(text);
  if (size !== null) {
    const bytes = Number(size[1]) * UNIT_SIZES[size[2].toLowerCase()];
    return ` (units are not read; write ${bytes})`;
  }
  if (/^\d{1,3}([,. ]\d{3})+$/.test(text)) {
    return ` (write ${text.replaceAll(/[,. ]/g, "")})`;
  }
  return "";
}

/** Prints a value as Kafka does; `null` for a key that is not set. Secrets stay hidden. */
export function formatValue(row: ConfigRow, value: ConfigValue): string | null {
  if (value === null) return null;
  if (value instanceof Secret) return value.toString();
  if (typeof value === "number") {
    return row.type === "double" ? formatDouble(value) : formatInteger(value);
  }
  if (typeof value === "object") return value.join(",");
  return String(value);
}

// The nearest doubles of the two ends of a long lie just outside it.
function formatInteger(value: number): string {
  if (value >= 2 ** 63) return "9223372036854775807";
  if (value <= -(2 ** 63)) return "-9223372036854775808";
  return BigInt(value).toString();
}

// Java prints a fraction always, and an exponent from 10^7 on and below 10^-3.
function formatDouble(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [digits, exponent] = value.toExponential().split("e");
    const fraction = digits.includes(".") ? digits : `${digits}.0`;
    return `${fraction}E${Number(exponent)}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
