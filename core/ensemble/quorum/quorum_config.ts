// Who is in the ensemble: its servers, their ports, and which of them vote.
//
//   server.1=10.0.0.1:2888:3888:participant;0.0.0.0:2181
//   server.2=10.0.0.2:2888:3888:observer
//   version=100000000
//
// The version is the zxid of the change that made this configuration, in hex.
//
// Source: ZooKeeper documentation, "ZooKeeper Dynamic Reconfiguration".

import { decodeUtf8Lossy } from "../../base/bytes.ts";
import type { Address } from "../../host/host.ts";

export type MemberType = "participant" | "observer";

/** One server of the ensemble. */
export interface Member {
  /** Its `myid`: 1 to 255, though ZooKeeper takes larger ones in a configuration. */
  readonly id: number;
  /** Where learners connect to it while it leads. */
  readonly quorum: Address;
  /** Where votes come to it. */
  readonly election: Address;
  readonly type: MemberType;
  /** Where clients connect; `null` where each server has that in its own configuration. */
  readonly client: Address | null;
}

/** Text that describes no ensemble. */
export class QuorumConfigError extends Error {
  override readonly name = "QuorumConfigError";
}

/** See the file's header. */
export class QuorumConfig {
  readonly members: ReadonlyMap<number, Member>;
  readonly version: bigint;
  readonly #voterCount: number;

  constructor(members: Iterable<Member>, version: bigint) {
    const byId = [...members].sort((a, b) => a.id - b.id);
    this.members = new Map(byId.map((member) => [member.id, member]));
    this.version = version;
    this.#voterCount = byId.filter(isVoter).length;
  }

  /**
   * Reads the text of a configuration; lines that are about something else are left out.
   *
   * @throws {QuorumConfigError}
   */
  static parse(text: string): QuorumConfig {
    const members: Member[] = [];
    let version = 0n;
    for (const line of text.split("\n")) {
      const equals = line.indexOf("=");
      if (equals < 0) continue;
      const key = line.slice(0, equals).trim();
      const value = line.slice(equals + 1).trim();
      if (key === "version") version = parseVersion(value);
      else if (key.startsWith("server.")) {
        members.push(parseMember(key.slice("server.".length), value));
      }
    }
    return new QuorumConfig(members, version);
  }

  /** Reads what a packet or a transaction carries; `null` where that is no configuration. */
  static read(data: Uint8Array | null): QuorumConfig | null {
    // Leaders before 3.5 send none.
    if (data === null || data.length <= 1) return null;
    try {
      return QuorumConfig.parse(decodeUtf8Lossy(data));
    } catch (error) {
      if (error instanceof QuorumConfigError) return null;
      throw error;
    }
  }

  /** How many servers vote. */
  get voterCount(): number {
    return this.#voterCount;
  }

  isVoter(id: number): boolean {
    const member = this.members.get(id);
    return member !== undefined && isVoter(member);
  }

  /** Whether these servers are more than half of those that vote. */
  isQuorum(ids: Iterable<number>): boolean {
    let count = 0;
    const distinct = ids instanceof Set ? ids : new Set(ids);
    for (const id of distinct) if (this.isVoter(id)) count++;
    return count * 2 > this.#voterCount;
  }

  withVersion(version: bigint): QuorumConfig {
    return new QuorumConfig(this.members.values(), version);
  }

  /** Whether another one differs in nothing but its version. */
  hasSameMembers(other: QuorumConfig): boolean {
    return this.withVersion(0n).toText() === other.withVersion(0n).toText();
  }

  /** The text that servers exchange and keep in `/zookeeper/config`. */
  toText(): string {
    const lines = [...this.members.values()].map((member) =>
      `server.${member.id}=${memberText(member)}`
    );
    return [...lines, `version=${this.version.toString(16)}`].join("\n");
  }
}

function isVoter({ type }: Member): boolean {
  return type === "participant";
}

function parseVersion(text: string): bigint {
  if (!/^[0-9a-fA-F]+$/.test(text)) {
    throw new QuorumConfigError(`version=${text}: expected a number in hex`);
  }
  return BigInt(`0x${text}`);
}

/**
 * Reads what stands behind `server.N=`.
 *
 * @throws {QuorumConfigError} Where it is not `host:port:port[:type][;[host:]port]`.
 */
export function parseMember(idText: string, value: string): Member {
  const name = `server.${idText}=${value}`;
  const id = Number(idText);
  if (!/^\d+$/.test(idText) || !Number.isSafeInteger(id)) {
    throw new QuorumConfigError(`${name}: the id must be a whole number`);
  }
  // Several addresses of one server are separated by |; the first is used.
  const [servers, client] = value.split("|")[0].split(";");
  const parts = splitHost(servers);
  if (parts === null || parts.rest.length < 2 || parts.rest.length > 3) {
    throw new QuorumConfigError(
      `${name}: expected host:port:port[:participant|observer][;[host:]port]`,
    );
  }
  const { host, rest: [quorumPort, electionPort, type = "participant"] } =
    parts;
  if (type !== "participant" && type !== "observer") {
    throw new QuorumConfigError(
      `${name}: "${type}" is neither participant nor observer`,
    );
  }
  return {
    id,
    quorum: { host, port: parsePort(quorumPort, name) },
    election: { host, port: parsePort(electionPort, name) },
    type,
    client: client === undefined ? null : parseClient(client, name),
  };
}

function parseClient(text: string, name: string): Address {
  const colon = text.lastIndexOf(":");
  const host = colon < 0 ? "0.0.0.0" : text.slice(0, colon);
  return {
    host: host.replace(/^\[|\]$/g, ""),
    port: parsePort(text.slice(colon + 1), name),
  };
}

function splitHost(text: string): { host: string; rest: string[] } | null {
  const bracketed = /^\[([^\]]+)\]:(.*)$/.exec(text);
  if (bracketed !== null) {
    return { host: bracketed[1], rest: bracketed[2].split(":") };
  }
  const [host, ...rest] = text.split(":");
  return host === "" ? null : { host, rest };
}

function parsePort(text: string, name: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65535) {
    throw new QuorumConfigError(`${name}: "${text}" is no port`);
  }
  return port;
}

function memberText({ quorum, election, type, client }: Member): string {
  const servers = `${
    hostText(quorum.host)
  }:${quorum.port}:${election.port}:${type}`;
  if (client === null) return servers;
  return `${servers};${hostText(client.host)}:${client.port}`;
}

function hostText(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
