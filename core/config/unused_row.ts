// The short form of a row for a key that kq accepts and does not read.

import type { ConfigRow, ConfigType } from "./table.ts";

type Limits = Pick<
  ConfigRow,
  | "min"
  | "max"
  | "orElse"
  | "oneOf"
  | "ignoreCase"
  | "nonEmpty"
  | "dynamic"
  | "synonyms"
>;

/** A row that is checked like any other, and then has no effect. */
export function unused<const T extends ConfigType, const D>(
  type: T,
  defaultValue: D,
  importance: "high" | "medium" | "low",
  limits: Limits = {},
) {
  return {
    type,
    default: defaultValue,
    importance,
    ...limits,
    doc: "Accepted without effect in kq.",
    effect: "none",
  } as const;
}
