// Configuration as a table: one row per key says its type, default, limits and
// meaning. The typed object, the parser of texts, the errors, the answers to
// DescribeConfigs and the tables of the documentation all come from the rows.
//
// Source: Kafka documentation, "Configuration"; types and defaults compared
// with testdata/config/.

import { ConfigError, type ConfigPosition } from "./config_error.ts";
import { Secret } from "./secret.ts";
import { parseValue } from "./value.ts";

/** Kafka's own types of configuration values. */
export type ConfigType =
  | "boolean"
  | "string"
  | "int"
  | "short"
  | "long"
  | "double"
  | "list"
  | "class"
  | "password";

/** A value after parsing; `null` where a key is not set and has no default. */
export type ConfigValue =
  | boolean
  | number
  | string
  | readonly string[]
  | Secret
  | null;

/** The largest `long`, as the double next to it; printed back as 9223372036854775807. */
export const LONG_MAX = 2 ** 63;
/** The largest `int`. */
export const INT_MAX = 2 ** 31 - 1;

/**
 * Whether a running broker takes a new value of a key: not at all, one broker
 * at a time, or for the whole cluster (which includes one broker at a time).
 */
export type Dynamic = "no" | "per-broker" | "cluster-wide";

/** One key. Limits are inclusive. */
export interface ConfigRow {
  readonly type: ConfigType;
  /** `null`: not set. Absent: the key has to be given. */
  readonly default?: boolean | number | string | readonly string[] | null;
  readonly min?: number;
  readonly max?: number;
  /** A number that is allowed although it lies outside `min` and `max`. */
  readonly orElse?: number;
  /** The only texts allowed; for a list, the only items. */
  readonly oneOf?: readonly string[];
  /** `oneOf` compares without regard to case. */
  readonly ignoreCase?: boolean;
  /** Refuses an empty text. */
  readonly nonEmpty?: boolean;
  readonly importance?: "high" | "medium" | "low";
  readonly dynamic?: Dynamic;
  /** Other keys that say the same, first the one that wins. */
  readonly synonyms?: readonly string[];
  /** One line on what it does. */
  readonly doc: string;
  /** `none`: accepted, so that Kafka's files load, but nothing reads it. */
  readonly effect?: "used" | "none";
}

/** Rows by key. */
export type ConfigRows = { readonly [key: string]: ConfigRow };

interface TypeValues {
  boolean: boolean;
  string: string;
  int: number;
  short: number;
  long: number;
  double: number;
  list: readonly string[];
  class: string;
  password: Secret;
}

/** The values of a table's rows by Kafka's own key names. */
export type RowValues<T extends ConfigRows> = {
  readonly [K in keyof T]:
    | TypeValues[T[K]["type"]]
    | (T[K] extends { readonly default: null } ? null : never);
};

/** A table of configuration keys. */
export interface ConfigTable<T extends ConfigRows> {
  readonly rows: T;
  /** Keys in the order of the alphabet. */
  readonly keys: readonly string[];
  row(key: string): ConfigRow | undefined;
}

/** The typed configuration object of a table: `Values<typeof topicConfig>`. */
export type Values<C> = C extends ConfigTable<infer T> ? RowValues<T> : never;

/** Makes a table of its rows; the rows keep their exact types. */
export function configTable<const T extends ConfigRows>(
  rows: T,
): ConfigTable<T> {
  const byKey = new Map<string, ConfigRow>(Object.entries(rows));
  return {
    rows,
    keys: [...byKey.keys()].sort(),
    row: (key) => byKey.get(key),
  };
}

/** What a row gives where nobody says otherwise. */
export function defaultValue(row: ConfigRow): ConfigValue {
  const value = row.default;
  if (value === undefined) return null;
  if (row.type === "password" && typeof value === "string") {
    return new Secret(value);
  }
  return value;
}

/** The configuration with every key at its default. */
export function defaults<T extends ConfigRows>(
  table: ConfigTable<T>,
): RowValues<T> {
  return readConfig(table, new Map());
}

export interface ReadOptions {
  /** Where each key was written, for errors. */
  readonly positions?: ReadonlyMap<string, ConfigPosition>;
}

/**
 * Reads texts into the typed object; keys that no row knows are left to
 * `unknownKeys` and ignored here.
 *
 * @throws {ConfigError} Where a value does not fit its row, or a key without a
 * default is missing.
 */
export function readConfig<T extends ConfigRows>(
  table: ConfigTable<T>,
  texts: ReadonlyMap<string, string>,
  options: ReadOptions = {},
): RowValues<T> {
  const values: Record<string, ConfigValue> = {};
  for (const [key, row] of Object.entries(table.rows)) {
    const text = texts.get(key);
    if (text === undefined) {
      if (row.default === undefined) {
        throw new ConfigError(
          `${key}: expected a value, got none: this key has no default`,
          { key },
        );
      }
      values[key] = defaultValue(row);
      continue;
    }
    values[key] = parseAt(row, key, text, options.positions?.get(key));
  }
  return values as RowValues<T>;
}

function parseAt(
  row: ConfigRow,
  key: string,
  text: string,
  position: ConfigPosition | undefined,
): ConfigValue {
  try {
    return parseValue(row, key, text);
  } catch (error) {
    if (position === undefined || !(error instanceof ConfigError)) throw error;
    throw error.at(position);
  }
}
