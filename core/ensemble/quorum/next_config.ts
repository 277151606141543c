// From a request to change the ensemble to the configuration that it asks for.
//
//   incremental       servers that leave, then servers that join (or change)
//   non-incremental   all servers, as the configuration's own text
//
// Source: ZooKeeper documentation, "ZooKeeper Dynamic Reconfiguration"; refusals
// as ZooKeeper 3.8 has them.

import { ZkError } from "../../wire/zookeeper/errors.ts";
import type { ReconfigWrite } from "../decide.ts";
import { CONFIG_PATH } from "../znode_tree.ts";
import type { Configurations } from "./configurations.ts";
import {
  type Member,
  parseMember,
  QuorumConfig,
  QuorumConfigError,
} from "./quorum_config.ts";

export interface NextConfigOptions {
  /** What the request starts from. */
  readonly current: QuorumConfig;
  /** The zxid that the change will have. */
  readonly version: bigint;
  /** Voters that there have to be at least. */
  readonly voterCountMin: number;
}

/**
 * Gives the configuration that a request asks for, where it can come about.
 *
 * @throws {ZkError} RECONFIG_DISABLED, RECONFIG_IN_PROGRESS; NEW_CONFIG_NO_QUORUM
 * where those that are in step are none of it; as `nextConfig`.
 */
export function requestedConfig(
  request: ReconfigWrite,
  configs: Configurations,
  { version, voterCountMin, inStep }: {
    readonly version: bigint;
    readonly voterCountMin: number;
    readonly inStep: Iterable<number>;
  },
): QuorumConfig {
  if (!configs.isChangeable) {
    throw new ZkError("RECONFIG_DISABLED", CONFIG_PATH);
  }
  if (configs.isChanging) {
    throw new ZkError("RECONFIG_IN_PROGRESS", CONFIG_PATH);
  }
  const current = configs.lastSeen;
  const next = nextConfig(request, { current, version, voterCountMin });
  if (!next.isQuorum(inStep)) {
    throw new ZkError("NEW_CONFIG_NO_QUORUM", CONFIG_PATH);
  }
  return next;
}

/**
 * Who leads under a configuration that comes into force: the leader that puts it
 * there, or else who has most of what is proposed.
 */
export function designatedLeader(
  config: QuorumConfig,
  { self, supporters, outstanding }: {
    readonly self: Pick<Member, "id" | "quorum">;
    /** Who has acknowledged the configuration: a quorum of it. */
    readonly supporters: ReadonlySet<number>;
    /** Who has acknowledged each of the proposals behind it. */
    readonly outstanding: readonly ReadonlySet<number>[];
  },
): number {
  const own = config.members.get(self.id);
  const stays = own?.type === "participant" &&
    own.quorum.host === self.quorum.host &&
    own.quorum.port === self.quorum.port;
  if (stays) return self.id;
  let candidates = [...supporters].filter((id) =>
    id !== self.id && config.isVoter(id)
  );
  for (const acks of outstanding) {
    const better = candidates.filter((id) => acks.has(id));
    if (better.length === 0) break;
    candidates = better;
  }
  return candidates[0];
}

/**
 * Gives the configuration that a request asks for.
 *
 * @throws {ZkError} BAD_VERSION where another one than the current is to be changed;
 * BAD_ARGUMENTS where the servers make no sense.
 */
export function nextConfig(
  request: ReconfigWrite,
  { current, version, voterCountMin }: NextConfigOptions,
): QuorumConfig {
  const { curConfigId, newMembers } = request;
  if (curConfigId !== -1n && curConfigId !== current.version) {
    throw new ZkError(
      "BAD_VERSION",
      `${CONFIG_PATH} has version ${current.version.toString(16)}, not ${
        BigInt.asUintN(64, curConfigId).toString(16)
      }`,
    );
  }
  let next: QuorumConfig;
  try {
    next = newMembers === null
      ? new QuorumConfig(changed(request, current), version)
      : parseAll(newMembers).withVersion(version);
  } catch (error) {
    if (!(error instanceof QuorumConfigError)) throw error;
    throw new ZkError("BAD_ARGUMENTS", error.message);
  }
  if (next.voterCount < voterCountMin) {
    throw new ZkError(
      "BAD_ARGUMENTS",
      `${next.voterCount} voting servers would be left, ${voterCountMin} at least are needed`,
    );
  }
  return next;
}

/** @throws {QuorumConfigError} */
function changed(
  { joining, leaving }: ReconfigWrite,
  current: QuorumConfig,
): Iterable<Member> {
  const members = new Map(current.members);
  for (const text of listOf(leaving)) {
    if (!/^\d+$/.test(text)) {
      throw new QuorumConfigError(`leaving "${text}": expected a server's id`);
    }
    members.delete(Number(text));
  }
  for (const text of listOf(joining)) {
    const [name, value, ...rest] = text.split("=");
    const id = /^server\.(\d+)$/.exec(name.trim())?.[1];
    if (value === undefined || rest.length > 0 || id === undefined) {
      throw new QuorumConfigError(
        `joining "${text}": expected server.N=host:port:port[:type];[host:]port`,
      );
    }
    const member = parseMember(id, value.trim());
    if (member.client === null) {
      throw new QuorumConfigError(
        `joining "${text}": its port for clients is missing (;[host:]port)`,
      );
    }
    refuseSharedPorts(member, members.values());
    members.set(member.id, member);
  }
  return members.values();
}

function listOf(text: string | null): string[] {
  return (text ?? "").split(",").map((each) => each.trim()).filter((each) =>
    each !== ""
  );
}

/** @throws {QuorumConfigError} Where it is not a configuration and nothing else. */
function parseAll(text: string): QuorumConfig {
  const lines = text.replaceAll(",", "\n").split("\n")
    .map((line) => line.trim()).filter((line) => line !== "");
  for (const line of lines) {
    if (!/^(server\.\d+|version)\s*=/.test(line)) {
      throw new QuorumConfigError(
        `new members "${line}": expected server.N=…`,
      );
    }
  }
  return QuorumConfig.parse(lines.join("\n"));
}

/** Of one machine or of every machine, an address says nothing. */
const NOT_OF_ONE_HOST = /^(localhost|127\..*|0\.0\.0\.0|::1?|)$/;

/** @throws {QuorumConfigError} */
function refuseSharedPorts(member: Member, others: Iterable<Member>): void {
  const taken = new Set<string>();
  for (const other of others) {
    if (other.id === member.id) continue;
    for (const address of addressesOf(other)) taken.add(address);
  }
  for (const address of addressesOf(member)) {
    if (taken.has(address)) {
      throw new QuorumConfigError(
        `server.${member.id}: ${address} is another server's already`,
      );
    }
  }
}

function* addressesOf(
  { quorum, election, client }: Member,
): Iterable<string> {
  for (const address of [quorum, election, client]) {
    if (address === null || NOT_OF_ONE_HOST.test(address.host)) continue;
    yield `${address.host}:${address.port}`;
  }
}
