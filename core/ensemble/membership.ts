// Which server of which ensemble this is: by `myid`, by the command line, and by
// the `server.N` lines.
//
// They have to agree. A data directory that says another number than the command
// line belongs to another server: to go on would give two servers one history.
//
// Source: ZooKeeper documentation, "Clustered (Multi-Server) Setup".

import { ConfigError } from "../config/config_error.ts";
import type { CoordinatorConfig } from "../config/coordinator_config.ts";
import type { ServerLine } from "../config/coordinator_config_load.ts";
import { decodeUtf8Lossy, encodeUtf8 } from "../base/bytes.ts";
import type { Disk } from "../host/host.ts";
import { versionOfName } from "./quorum/config_files.ts";
import {
  type Member,
  parseMember,
  QuorumConfig,
  QuorumConfigError,
} from "./quorum/quorum_config.ts";

/** One server's place in its ensemble. */
export interface Membership {
  readonly selfId: number;
  /** As configured; a reconfiguration may have changed it since. */
  readonly members: QuorumConfig;
  /** The `zoo.cfg` that this comes from; `null` for a command line. */
  readonly path?: string | null;
}

export interface MembershipSources {
  readonly disk: Disk;
  readonly config: CoordinatorConfig;
  readonly servers: readonly ServerLine[];
  /** What the command line says; it wins where there is no `myid`. */
  readonly id?: number;
  /** The `zoo.cfg` as an absolute path, where there is one. */
  readonly path?: string | null;
}

const FILE_BYTES_MAX = 1024;
export const ID_MAX = 255;

/**
 * Reads who this server is.
 *
 * @returns `null` for a server that is alone.
 * @throws {ConfigError} Where that is not said, or said in two ways.
 */
export function membershipOf(sources: MembershipSources): Membership | null {
  const { disk, config, servers, id, path = null } = sources;
  const members = parseServers(servers);
  const isAlone = members.length === 0 ||
    (members.length === 1 && config.standaloneEnabled);
  const directory = config.dataDir;
  if (directory === null) {
    throw new ConfigError("dataDir: expected a folder, got none", {
      key: "dataDir",
    });
  }
  const noted = readMyid(disk, directory);
  if (id !== undefined && noted !== null && id !== noted) {
    throw new ConfigError(
      `"${directory}/myid" says ${noted}, the command line says ${id}: this directory ` +
        "is another server's; name its own directory, or its number",
    );
  }
  if (isAlone) return null;
  const selfId = id ?? noted;
  if (selfId === null) {
    throw new ConfigError(
      `there is no "${directory}/myid": write this server's number into it, or give --id`,
    );
  }
  const self = members.find((member) => member.id === selfId);
  if (self === undefined) {
    const known = members.map((member) => member.id).join(", ");
    const where = noted === null ? "--id" : `"${directory}/myid"`;
    throw new ConfigError(
      `${where} says ${selfId}, but the servers are ${known}: correct it, or add server.${selfId}`,
    );
  }
  refusePeerType(config, self);
  if (members.every(({ type }) => type === "observer")) {
    throw new ConfigError(
      "all servers are observers: at least one has to vote",
      { position: servers[0].position },
    );
  }
  const version = versionOfName(config.dynamicConfigFile ?? "") ?? 0n;
  return { selfId, members: new QuorumConfig(members, version), path };
}

/** Writes a number that came from the command line down, so that the directory says whose it is. */
export async function noteMyid(
  disk: Disk,
  directory: string,
  id: number,
): Promise<void> {
  const path = `${directory}/myid`;
  if (disk.stat(path) !== null) return;
  disk.makeDirectory(directory);
  const file = disk.open(path, "create");
  try {
    file.writeAt(encodeUtf8(`${id}\n`), 0);
    await file.sync();
  } finally {
    file.close();
  }
  await disk.syncDirectory(directory);
}

/** @returns `null` where there is no such file. @throws {ConfigError} */
function readMyid(disk: Disk, directory: string): number | null {
  const path = `${directory}/myid`;
  if (disk.stat(path) === null) return null;
  const file = disk.open(path, "read");
  try {
    const bytes = new Uint8Array(FILE_BYTES_MAX);
    const size = file.readAt(bytes, 0);
    const text = decodeUtf8Lossy(bytes.subarray(0, size)).trim();
    if (!/^\d{1,3}$/.test(text) || Number(text) > ID_MAX) {
      const shown = JSON.stringify(text.slice(0, 40));
      throw new ConfigError(
        `"${path}": expected one number from 0 to ${ID_MAX}, got ${shown}`,
      );
    }
    return Number(text);
  } finally {
    file.close();
  }
}

function parseServers(servers: readonly ServerLine[]): Member[] {
  const members = new Map<number, Member>();
  const ports = new Map<string, number>();
  for (const { id, text, position } of servers) {
    const member = parseAt({ id, text, position });
    if (members.has(member.id)) {
      throw new ConfigError(`server.${id}: expected once, got it again`, {
        position,
      });
    }
    for (const { host, port } of [member.quorum, member.election]) {
      const other = ports.get(`${host}:${port}`);
      if (other !== undefined) {
        throw new ConfigError(
          `server.${id}: ${host}:${port} is taken by server.${other} already`,
          { position },
        );
      }
      ports.set(`${host}:${port}`, member.id);
    }
    members.set(member.id, member);
  }
  return [...members.values()];
}

function parseAt({ id, text, position }: ServerLine): Member {
  try {
    return parseMember(id, text);
  } catch (error) {
    if (!(error instanceof QuorumConfigError)) throw error;
    throw new ConfigError(error.message, { position });
  }
}

function refusePeerType({ peerType }: CoordinatorConfig, self: Member): void {
  if (peerType === "observer" && self.type !== "observer") {
    throw new ConfigError(
      `peerType=observer, but server.${self.id} is a participant: add :observer to its line`,
    );
  }
}
