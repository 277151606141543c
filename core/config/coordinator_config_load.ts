// From a `zoo.cfg`, its dynamic file and the options of a command line to a
// server's configuration, with every mistake named by its place.
//
// Source: ZooKeeper 3.8 documentation, "Configuration Parameters" and "ZooKeeper
// Dynamic Reconfiguration".

import { ConfigError, type ConfigPosition } from "./config_error.ts";
import {
  type CoordinatorConfig,
  coordinatorConfig,
} from "./coordinator_config.ts";
import { didYouMean } from "./did_you_mean.ts";
import { parseProperties, type Properties } from "./properties.ts";
import { readConfig } from "./table.ts";

/** A file of Java's `.properties` form; `name` is how errors call it. */
export interface ConfigFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface CoordinatorConfigSources {
  /** The `zoo.cfg`. */
  readonly file?: ConfigFile;
  /** What the command line says, by key; it wins over the file. */
  readonly overrides?: readonly Setting[];
  /** What the command sets where neither does. */
  readonly fallbacks?: ReadonlyMap<string, string>;
  /** Reads the file that `dynamicConfigFile` names. @throws {ConfigError} */
  readonly readDynamic?: (path: string) => ConfigFile;
}

/** One key, and where it was given. */
export interface Setting {
  readonly key: string;
  readonly text: string;
  /** Such as `--tickTime`. */
  readonly source: string;
}

/** A `server.N` line. */
export interface ServerLine {
  /** What stands between `server.` and `=`. */
  readonly id: string;
  readonly text: string;
  readonly position: ConfigPosition;
}

export interface LoadedCoordinatorConfig {
  readonly config: CoordinatorConfig;
  /** The texts as given, without the `server.N` lines. */
  readonly texts: ReadonlyMap<string, string>;
  readonly positions: ReadonlyMap<string, ConfigPosition>;
  readonly servers: readonly ServerLine[];
  /** Keys that were given and mean nothing in kq. */
  readonly withoutEffect: readonly string[];
  /** What looks like a mistake, one line each. */
  readonly doubts: readonly string[];
}

const SYSTEM_PREFIX = "zookeeper.";
const SERVER_PREFIX = "server.";

/** Families of keys, by how they begin, that kq takes no notice of. */
const UNUSED_FAMILIES = [
  "ssl.",
  "ssl.quorum.",
  "client.",
  "netty.",
  "authProvider.",
  "metricsProvider.",
  "kerberos.",
];

/** Keys that ask for something that is not there: to go on without would be wrong. */
const REFUSED: { readonly [key: string]: string } = {
  secureClientPort: "this coordinator does not speak TLS; leave it out, and " +
    "let a TLS proxy listen there",
  secureClientPortAddress: "this coordinator does not speak TLS; leave it out",
  "group.": "servers vote alike, in one group; leave it out",
  "weight.": "servers vote alike; leave it out",
};

/** Switches that are fine as long as they are off. */
const REFUSED_IF_TRUE: { readonly [key: string]: string } = {
  sslQuorum: "servers speak to each other without TLS",
  portUnification: "servers speak to each other without TLS",
  "client.portUnification": "clients speak without TLS",
  "quorum.auth.enableSasl": "servers do not authenticate each other by SASL",
  localSessionsEnabled: "every session is the ensemble's",
};

/**
 * Reads a server's configuration.
 *
 * @throws {ConfigError} For the first mistake, with its place.
 */
export function loadCoordinatorConfig(
  sources: CoordinatorConfigSources,
): LoadedCoordinatorConfig {
  const given = collect(sources);
  const { texts, positions, servers } = given;
  addDynamic(given, sources.readDynamic);
  refuse(texts, positions);
  const withoutEffect: string[] = [];
  const doubts: string[] = [];
  for (const key of [...texts.keys()].sort()) {
    const row = coordinatorConfig.row(key);
    if (row?.effect === "none" || isUnusedFamily(key)) withoutEffect.push(key);
    else if (row === undefined) doubts.push(unknownKey(key, positions));
  }
  const config = readConfig(coordinatorConfig, texts, { positions });
  check(config, positions);
  doubts.push(...doubtful(servers));
  return { config, texts, positions, servers, withoutEffect, doubts };
}

interface Given extends Properties {
  readonly servers: ServerLine[];
}

function collect(sources: CoordinatorConfigSources): Given {
  const { file, overrides = [], fallbacks = new Map() } = sources;
  const given: Given = { texts: new Map(), positions: new Map(), servers: [] };
  if (file !== undefined) addFile(given, file);
  const isServerGiven = overrides.some(({ key }) => isServer(key));
  // Whoever names servers on the command line names all of them.
  if (isServerGiven) given.servers.length = 0;
  for (const { key, text, source } of overrides) {
    add(given, key, text, { source });
  }
  for (const [key, text] of fallbacks) {
    if (!given.texts.has(key)) given.texts.set(key, text);
  }
  return given;
}

function addFile(given: Given, { name, bytes }: ConfigFile): void {
  const { texts, positions } = parseProperties(bytes, name);
  for (const [key, text] of texts) add(given, key, text, positions.get(key)!);
}

function add(
  given: Given,
  name: string,
  text: string,
  position: ConfigPosition,
): void {
  const key = name.startsWith(SYSTEM_PREFIX)
    ? name.slice(SYSTEM_PREFIX.length)
    : name;
  if (isServer(key)) {
    const id = key.slice(SERVER_PREFIX.length);
    given.servers.push({ id, text: text.trim(), position });
    return;
  }
  given.texts.set(key, key === "jute.maxbuffer" ? fromHex(text) : text);
  given.positions.set(key, position);
}

function isServer(key: string): boolean {
  return /^server\.[^.]*$/.test(key);
}

/** Java reads this one key's `0xfffff` as a number too. */
function fromHex(text: string): string {
  return /^0x[0-9a-f]{1,8}$/i.test(text.trim()) ? String(Number(text)) : text;
}

/** The dynamic file says who is in the ensemble, and nothing else. */
function addDynamic(
  given: Given,
  readDynamic: ((path: string) => ConfigFile) | undefined,
): void {
  const path = given.texts.get("dynamicConfigFile")?.trim();
  if (path === undefined || readDynamic === undefined) return;
  if (given.servers.length > 0) {
    throw new ConfigError(
      "server.N: expected in the dynamicConfigFile only, got it here too",
      { position: given.servers[0].position },
    );
  }
  const file = readDynamic(path);
  const { texts, positions } = parseProperties(file.bytes, file.name);
  for (const [key, text] of texts) {
    const position = positions.get(key)!;
    if (isServer(key)) add(given, key, text, position);
    else if (key === "version") continue;
    else {
      throw new ConfigError(
        `${key}: expected server.N and version in a dynamicConfigFile, got another key`,
        { key, position },
      );
    }
  }
}

function isUnusedFamily(key: string): boolean {
  return UNUSED_FAMILIES.some((prefix) => key.startsWith(prefix)) ||
    key in REFUSED_IF_TRUE || key.startsWith("quorum.");
}

function refuse(
  texts: ReadonlyMap<string, string>,
  positions: ReadonlyMap<string, ConfigPosition>,
): void {
  for (const [key, text] of texts) {
    const why = REFUSED[key] ??
      Object.entries(REFUSED).find(([prefix]) =>
        prefix.endsWith(".") && key.startsWith(prefix)
      )?.[1];
    const isOn = text.trim().toLowerCase() === "true";
    const whyNotOn = isOn ? REFUSED_IF_TRUE[key] : undefined;
    if (why === undefined && whyNotOn === undefined) continue;
    const reason = why ?? `${whyNotOn}; set it to false`;
    throw new ConfigError(`${key}: not served by kq: ${reason}`, {
      key,
      position: positions.get(key),
    });
  }
}

function unknownKey(
  key: string,
  positions: ReadonlyMap<string, ConfigPosition>,
): string {
  const names = [...coordinatorConfig.keys, "server.1"];
  const reason = `unknown configuration key ${JSON.stringify(key)}${
    didYouMean(key, names)
  }`;
  const position = positions.get(key);
  const error = new ConfigError(reason, { position });
  return error.message;
}

/** @throws {ConfigError} Where two keys contradict each other. */
function check(
  config: CoordinatorConfig,
  positions: ReadonlyMap<string, ConfigPosition>,
): void {
  const { minMs, maxMs } = sessionTimeouts(config);
  if (minMs > maxMs) {
    throw new ConfigError(
      `minSessionTimeout: expected at most maxSessionTimeout, ${maxMs}, got ${minMs}`,
      {
        key: "minSessionTimeout",
        position: positions.get("minSessionTimeout") ??
          positions.get("maxSessionTimeout"),
      },
    );
  }
}

/** The bounds of session timeouts, in milliseconds. */
export function sessionTimeouts(
  config: CoordinatorConfig,
): { readonly minMs: number; readonly maxMs: number } {
  const { tickTime, minSessionTimeout, maxSessionTimeout } = config;
  return {
    minMs: minSessionTimeout < 0 ? 2 * tickTime : minSessionTimeout,
    maxMs: maxSessionTimeout < 0 ? 20 * tickTime : maxSessionTimeout,
  };
}

function doubtful(servers: readonly ServerLine[]): string[] {
  const voters = servers.filter(({ text }) => !/:observer\b/.test(text)).length;
  if (voters === 0 || voters % 2 === 1) return [];
  const tolerated = Math.ceil(voters / 2) - 1;
  return [
    `${voters} voting servers go on without ${tolerated}, as ${
      voters - 1
    } do: an odd number is the better choice`,
  ];
}
