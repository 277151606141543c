// Which cluster a command talks to, and how: flags, environment, a file of
// client configuration and profiles, brought to one map of Kafka's own keys.
//
// What wins, first to last: `-b`, `-X`, `--command-config`, `--profile`,
// `KQ_BOOTSTRAP_SERVER`, the current profile, the default.

import {
  adminConfig,
  consumerConfig,
  producerConfig,
} from "../config/client_config.ts";
import { ConfigError } from "../config/config_error.ts";
import { didYouMean } from "../config/did_you_mean.ts";
import { parseProperties } from "../config/properties.ts";
import { parseValue } from "../config/value.ts";
import { HostError } from "../host/host.ts";
import type { CommandContext } from "./command.ts";
import { readWholeFile } from "./read_whole_file.ts";
import { UsageError } from "./usage_error.ts";

/** The flags of `connectionFlags`. */
export interface ConnectionFlags {
  readonly "bootstrap-server": string | undefined;
  readonly "command-config": string | undefined;
  readonly profile: string | undefined;
  readonly X: readonly string[];
  readonly timeout: number | undefined;
}

const DEFAULT_SERVER = "127.0.0.1:9092";

/** How long a command waits for a cluster that does not answer, unless told. */
const DEFAULT_TIMEOUT_MS = 10_000;

const CLIENT_TABLES = [adminConfig, producerConfig, consumerConfig];

/**
 * The configuration of a command's clients, by Kafka's own key names.
 *
 * @throws {UsageError} For an unknown key or profile.
 * @throws {ConfigError} For a value that does not fit, with its place.
 */
export async function clientConfig(
  context: CommandContext,
  flags: ConnectionFlags,
): Promise<Map<string, string>> {
  const profiles = await readProfiles(context, flags.profile);
  const config = new Map([["bootstrap.servers", DEFAULT_SERVER]]);
  config.set("client.id", "kq");
  const timeoutMs = String(flags.timeout ?? DEFAULT_TIMEOUT_MS);
  config.set("default.api.timeout.ms", timeoutMs);
  config.set("max.block.ms", timeoutMs);
  const server = context.process.env("KQ_BOOTSTRAP_SERVER");
  const layers = [
    flags.profile === undefined ? profiles.chosen : new Map(),
    new Map(server ? [["bootstrap.servers", server]] : []),
    flags.profile === undefined ? new Map() : profiles.chosen,
    readCommandConfig(context, flags["command-config"]),
    readKeyValues(flags.X),
    new Map(
      flags["bootstrap-server"] === undefined
        ? []
        : [["bootstrap.servers", flags["bootstrap-server"]]],
    ),
  ];
  for (const layer of layers) {
    for (const [key, text] of layer) config.set(key, text);
  }
  return config;
}

function readKeyValues(items: readonly string[]): Map<string, string> {
  const config = new Map<string, string>();
  for (const item of items) {
    const end = item.indexOf("=");
    if (end < 1) {
      throw new UsageError(
        `-X: expected KEY=VALUE, got ${JSON.stringify(item)}`,
      );
    }
    const key = item.slice(0, end).trim();
    const text = item.slice(end + 1);
    if (!isClientKey(key)) {
      throw new UsageError(
        `-X: unknown client configuration key ${JSON.stringify(key)}` +
          didYouMean(key, CLIENT_TABLES.flatMap((table) => table.keys)),
      );
    }
    checkValue(key, text);
    config.set(key, text);
  }
  return config;
}

function isClientKey(key: string): boolean {
  return CLIENT_TABLES.some((table) => table.row(key) !== undefined);
}

function checkValue(key: string, text: string): void {
  const table = CLIENT_TABLES.find((other) => other.row(key) !== undefined);
  const row = table?.row(key);
  if (row !== undefined) parseValue(row, key, text);
}

// A file is often shared with programs of other makers, so that keys which no
// client of kq knows are only remarked on.
function readCommandConfig(
  context: CommandContext,
  path: string | undefined,
): Map<string, string> {
  if (path === undefined) return new Map();
  const { texts, positions } = parseProperties(
    readConfigFile(context, path),
    path,
  );
  for (const [key, text] of texts) {
    const position = positions.get(key)!;
    if (!isClientKey(key)) {
      context.note(
        `${path}:${position.line} ${key}: no client configuration key, ignored` +
          didYouMean(key, CLIENT_TABLES.flatMap((table) => table.keys)),
      );
      continue;
    }
    try {
      checkValue(key, text);
    } catch (error) {
      throw error instanceof ConfigError ? error.at(position) : error;
    }
  }
  return texts;
}

/** Reads a file that a flag names; one that cannot be read is wrong usage. */
export function readConfigFile(
  context: CommandContext,
  path: string,
): Uint8Array {
  try {
    return readWholeFile(context.host, path);
  } catch (error) {
    if (error instanceof HostError) throw new UsageError(error.message);
    throw error;
  }
}

interface Profiles {
  /** The profile asked for, or the current one; empty where there is none. */
  readonly chosen: ReadonlyMap<string, string>;
}

async function readProfiles(
  context: CommandContext,
  name: string | undefined,
): Promise<Profiles> {
  const folder = context.process.env("XDG_CONFIG_HOME") ||
    `${context.process.env("HOME") ?? ""}/.config`;
  const path = `${folder}/kq/config.toml`;
  if (context.host.disk.stat(path) === null) {
    if (name === undefined) return { chosen: new Map() };
    throw new UsageError(
      `--profile ${name}: there are no profiles, as ${path} does not exist`,
    );
  }
  const { parseProfiles } = await import("./profiles.ts");
  const bytes = readConfigFile(context, path);
  const { current, profiles } = parseProfiles(bytes, path);
  const wanted = name ?? current;
  if (wanted === null) return { chosen: new Map() };
  const chosen = profiles.get(wanted);
  if (chosen === undefined) {
    throw new UsageError(
      `no profile ${JSON.stringify(wanted)} in ${path}` +
        didYouMean(wanted, profiles.keys()),
    );
  }
  return { chosen };
}
