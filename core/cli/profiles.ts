// The file of profiles: clusters by name, each with its client configuration.
//
//   current = "staging"
//   [profiles.staging]
//   "bootstrap.servers" = "staging-1:9092,staging-2:9092"
//   "client.id" = "me"

import { parse } from "smol-toml";
import { ConfigError } from "../config/config_error.ts";

export interface ProfileFile {
  /** The profile that is used when none is named. */
  readonly current: string | null;
  readonly profiles: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** @throws {ConfigError} Where the file is not of this form. */
export function parseProfiles(bytes: Uint8Array, path: string): ProfileFile {
  const position = { source: path };
  let document: { [key: string]: unknown };
  try {
    document = parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const [reason] = String((error as Error).message).split("\n");
    throw new ConfigError(`is no TOML: ${reason}`, { position });
  }
  const { current = null, profiles = {} } = document;
  if (current !== null && typeof current !== "string") {
    throw new ConfigError("current: expected a profile's name", { position });
  }
  if (!isTable(profiles)) {
    throw new ConfigError("profiles: expected tables by name", { position });
  }
  const byName = new Map<string, Map<string, string>>();
  for (const [name, profile] of Object.entries(profiles)) {
    if (!isTable(profile)) {
      throw new ConfigError(`profiles.${name}: expected keys and values`, {
        position,
      });
    }
    byName.set(name, new Map(flatten(profile, "")));
  }
  return { current, profiles: byName };
}

function isTable(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// An unquoted `bootstrap.servers` is a table in a table: the dots come back.
function* flatten(
  table: { [key: string]: unknown },
  prefix: string,
): Iterable<[string, string]> {
  for (const [key, value] of Object.entries(table)) {
    if (isTable(value)) yield* flatten(value, `${prefix}${key}.`);
    else yield [prefix + key, String(value)];
  }
}
