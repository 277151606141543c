// Flags as rows: from one table come the parser, the help, the completion and
// the type that a command is given.

/** One flag, by its long name. */
export interface FlagRow {
  /**
   * `switch` stands alone; `text`, `whole` (a whole number), `number`, `choice`
   * (one of `of`) and `duration` (as `10s`, in milliseconds) take a value.
   */
  readonly kind:
    | "switch"
    | "text"
    | "whole"
    | "number"
    | "choice"
    | "duration";
  /** One letter. */
  readonly short?: string;
  /** Other long names, such as those of Kafka's own tools. */
  readonly also?: readonly string[];
  readonly of?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** May be given more than once. */
  readonly many?: true;
  readonly default?: string | number;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly doc: string;
}

/** Rows by long name, without the dashes. */
export type FlagRows = { readonly [name: string]: FlagRow };

interface KindValues {
  switch: boolean;
  text: string;
  whole: number;
  number: number;
  duration: number;
}

type OneValue<F extends FlagRow> = F extends
  { readonly kind: "choice"; readonly of: readonly (infer T)[] } ? T
  : F["kind"] extends keyof KindValues ? KindValues[F["kind"]]
  : never;

/** What a command gets: a switch is false, a list empty, another flag undefined where it is not given. */
export type FlagValues<T extends FlagRows> = {
  readonly [K in keyof T]: T[K] extends { readonly many: true }
    ? readonly OneValue<T[K]>[]
    : T[K] extends { readonly kind: "switch" } ? boolean
    : T[K] extends { readonly default: string | number } ? OneValue<T[K]>
    : OneValue<T[K]> | undefined;
};

/** One argument without a flag. */
export interface ArgumentRow {
  /** In capitals, as in the help. */
  readonly name: string;
  readonly doc: string;
  readonly optional?: true;
  /** Takes all that are left; only the last one may. */
  readonly many?: true;
}

/** Flags that every command has. */
export const generalFlags = {
  help: { kind: "switch", short: "h", doc: "Show this help" },
  verbose: { kind: "switch", doc: "Show where in the program an error arose" },
} as const satisfies FlagRows;

/** How to reach a cluster: the flags of every client command. */
export const connectionFlags = {
  "bootstrap-server": {
    kind: "text",
    short: "b",
    also: ["brokers"],
    value: "HOST:PORT,…",
    doc: "Brokers to ask first (KQ_BOOTSTRAP_SERVER; default 127.0.0.1:9092)",
  },
  "command-config": {
    kind: "text",
    value: "FILE",
    doc: "Client configuration as Java .properties",
  },
  profile: {
    kind: "text",
    value: "NAME",
    doc: "A profile of ~/.config/kq/config.toml",
  },
  X: {
    kind: "text",
    short: "X",
    many: true,
    value: "KEY=VALUE",
    doc: "Any client configuration key",
  },
  timeout: {
    kind: "duration",
    value: "TIME",
    doc: "Longest wait for the cluster, as 500ms, 10s or 2m (default 10s)",
  },
} as const satisfies FlagRows;

export const OUTPUT_FORMATS = [
  "table",
  "wide",
  "json",
  "ndjson",
  "yaml",
  "csv",
  "name",
] as const;

export type OutputFormat = typeof OUTPUT_FORMATS[number];

/** How rows are printed: the flag of every command that prints rows. */
export const outputFlags = {
  output: {
    kind: "choice",
    short: "o",
    of: OUTPUT_FORMATS,
    default: "table",
    value: "FORMAT",
    doc: "How to print",
  },
} as const satisfies FlagRows;
