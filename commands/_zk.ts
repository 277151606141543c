// What the commands share that look into ZooKeeper: a session of their own, what
// they print of a znode.

import { concatBytes, encodeBase64 } from "../core/base/bytes.ts";
import { isZkError } from "../core/wire/zookeeper/errors.ts";
import type { CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import type { FlagRows } from "../core/cli/flags.ts";
import type { Cell } from "../core/cli/rows.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import {
  connectZooKeeper,
  type ZooKeeperClient,
} from "../core/client/zookeeper/zookeeper_client.ts";
import type { ZnodeStat } from "../core/coordination/znode_client.ts";

const DEFAULT_SERVER = "127.0.0.1:2181";
const DEFAULT_TIMEOUT_MS = 10_000;
const SESSION_TIMEOUT_MS = 10_000;
/** Requests on their way at once, of those that ask for many znodes. */
const IN_FLIGHT_MAX = 200;

/** How to reach an ensemble: the flags of every command on znodes. */
export const zkFlags = {
  zookeeper: {
    kind: "text",
    short: "z",
    value: "HOST:PORT,…[/PATH]",
    doc:
      "Servers, and the znode that is the root here (KQ_ZOOKEEPER; default 127.0.0.1:2181)",
  },
  auth: {
    kind: "text",
    value: "USER:PASSWORD",
    doc: "Who to be, for znodes with access control",
  },
  timeout: {
    kind: "duration",
    value: "TIME",
    doc: "Longest wait for a server, as 500ms, 10s or 2m (default 10s)",
  },
} as const satisfies FlagRows;

export interface ZkFlags {
  readonly zookeeper: string | undefined;
  readonly auth: string | undefined;
  readonly timeout: number | undefined;
}

/** Runs `use` with a session, and ends that. */
export async function withZooKeeper<T>(
  context: CommandContext,
  flags: ZkFlags,
  use: (client: ZooKeeperClient) => Promise<T>,
): Promise<T> {
  const client = await connectZooKeeper({
    host: context.host,
    connect: flags.zookeeper || context.process.env("KQ_ZOOKEEPER") ||
      DEFAULT_SERVER,
    timeoutMs: SESSION_TIMEOUT_MS,
    connectTimeoutMs: flags.timeout ?? DEFAULT_TIMEOUT_MS,
    inFlightMax: IN_FLIGHT_MAX,
    credentials: flags.auth === undefined ? [] : [{
      scheme: "digest",
      auth: new TextEncoder().encode(credentials(flags.auth)),
    }],
  });
  try {
    return await use(client);
  } catch (error) {
    if (isZkError(error, "CONNECTION_LOSS", "SESSION_EXPIRED")) {
      throw new ExitError(ExitCode.UNREACHABLE, error.message);
    }
    throw error;
  } finally {
    await client.close();
  }
}

function credentials(text: string): string {
  if (text.indexOf(":") < 1) {
    throw new UsageError("--auth: expected USER:PASSWORD");
  }
  return text;
}

/** @throws {UsageError} Where an argument is no path of a znode. */
export function checkPath(path: string): string {
  const isPath = path === "/" ||
    (path.startsWith("/") && !/\/$|\/\/|\/\.\.?(\/|$)|\0/.test(path));
  if (isPath) return path;
  throw new UsageError(
    `${
      JSON.stringify(path)
    } is no path of a znode: it starts with / and has no empty part`,
  );
}

/** The path of a child. */
export function childOf(path: string, name: string): string {
  return path === "/" ? `/${name}` : `${path}/${name}`;
}

/** The last part of a path; the root's is itself. */
export function nameOf(path: string): string {
  return path === "/" ? path : path.slice(path.lastIndexOf("/") + 1);
}

/** A znode's bookkeeping under kq's own names: transactions in hex, times in ISO 8601. */
export function statFields(stat: ZnodeStat) {
  return {
    version: stat.version,
    childVersion: stat.cversion,
    aclVersion: stat.aversion,
    dataBytes: stat.dataLength,
    childCount: stat.numChildren,
    ephemeralOwner: stat.ephemeralOwner === 0n
      ? null
      : hex(stat.ephemeralOwner),
    createdZxid: hex(stat.czxid),
    modifiedZxid: hex(stat.mzxid),
    childrenZxid: hex(stat.pzxid),
    created: timeText(stat.ctimeMs),
    modified: timeText(stat.mtimeMs),
  };
}

function hex(number: bigint): string {
  return `0x${BigInt.asUintN(64, number).toString(16)}`;
}

function timeText(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? String(ms) : time.toISOString();
}

/** Data as a field of JSON: text where it is UTF-8, else Base64. */
export function dataFields(
  data: Uint8Array,
): { readonly [name: string]: Cell } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(data);
    return { data: text };
  } catch {
    return { dataBase64: encodeBase64(data) };
  }
}

/** A znode on the way through a tree. */
export interface VisitedZnode {
  readonly path: string;
  readonly depth: number;
  readonly stat: ZnodeStat;
  readonly childNames: readonly string[];
}

/**
 * A znode and all below it: parents before children, children by name. What goes
 * meanwhile is left out.
 *
 * @throws {ZkError} NO_NODE where there is nothing at `path`; NO_AUTH.
 */
export async function walk(
  client: ZooKeeperClient,
  path: string,
  depthMax = Infinity,
): Promise<VisitedZnode[]> {
  const { names, stat } = await client.children(path);
  return await walkBelow(client, { path, depth: 0, stat, names }, depthMax);
}

async function walkBelow(
  client: ZooKeeperClient,
  { path, depth, stat, names }: {
    readonly path: string;
    readonly depth: number;
    readonly stat: ZnodeStat;
    readonly names: string[];
  },
  depthMax: number,
): Promise<VisitedZnode[]> {
  const own = { path, depth, stat, childNames: names.sort() };
  if (depth >= depthMax) return [own];
  const below = await Promise.all(names.map(async (name) => {
    const child = childOf(path, name);
    try {
      const found = await client.children(child);
      return await walkBelow(
        client,
        { path: child, depth: depth + 1, ...found },
        depthMax,
      );
    } catch (error) {
      if (isZkError(error, "NO_NODE")) return [];
      throw error;
    }
  }));
  return [own, ...below.flat()];
}

const PERMISSIONS = [["c", 4], ["d", 8], ["r", 1], ["w", 2], [
  "a",
  16,
]] as const;

/** An entry of an access control list as `scheme:id:cdrwa`. */
export function aclText(
  { perms, id }: {
    readonly perms: number;
    readonly id: { readonly scheme: string; readonly id: string };
  },
): string {
  const letters = PERMISSIONS.filter(([, bit]) => (perms & bit) !== 0)
    .map(([letter]) => letter).join("");
  return `${id.scheme}:${id.id}:${letters}`;
}

/** @throws {UsageError} Where a text is no `scheme:id:cdrwa`. */
export function parseAcl(flag: string, texts: readonly string[]) {
  return texts.map((text) => {
    const match = /^([a-z0-9]+):(.*):([cdrwa]+)$/.exec(text);
    if (match === null) {
      throw new UsageError(
        `${flag}: expected SCHEME:ID:PERMISSIONS such as world:anyone:r, got ${
          JSON.stringify(text)
        }`,
      );
    }
    const [, scheme, id, letters] = match;
    const perms = PERMISSIONS.filter(([letter]) => letters.includes(letter))
      .reduce((sum, [, bit]) => sum + bit, 0);
    return { perms, id: { scheme, id } };
  });
}

/** What a znode is to hold: an argument, or all of standard input. */
export async function dataOf(
  context: CommandContext,
  text: string | undefined,
): Promise<Uint8Array> {
  if (text !== undefined) return new TextEncoder().encode(text);
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(64 * 1024);
    const count = await context.process.readStdin(chunk);
    if (count === null) break;
    chunks.push(chunk.subarray(0, count));
  }
  return concatBytes(chunks);
}
