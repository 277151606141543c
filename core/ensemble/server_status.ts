// What the servers of an ensemble say of themselves, by their four-letter words:
// kq's and ZooKeeper's alike.
//
// `srvr` is answered by every server; what only `mntr` and `conf` tell is null where
// a server does not answer those.
//
// Source: ZooKeeper documentation, "The Four Letter Words", "ZooKeeper Monitor
// Guide".

import { type Address, type Host, HostError } from "../host/host.ts";
import { answerFields, askWord } from "./ask_word.ts";
import { QuorumConfig, QuorumConfigError } from "./quorum/quorum_config.ts";

/** One server, as it was found. */
export interface ServerStatus {
  readonly address: Address;
  /** Its number; `null` where it does not say, or is alone. */
  readonly id: number | null;
  /** `leader`, `follower`, `observer`, `standalone`, `read-only`; `null` while it does not serve. */
  readonly mode: string | null;
  readonly zxid: bigint | null;
  readonly latencyMinMs: number | null;
  readonly latencyAvgMs: number | null;
  readonly latencyMaxMs: number | null;
  readonly outstandingCount: number | null;
  readonly connectionCount: number | null;
  readonly sessionCount: number | null;
  readonly znodeCount: number | null;
  readonly fsyncAvgMs: number | null;
  readonly fsyncMaxMs: number | null;
  readonly uptimeMs: number | null;
  readonly version: string | null;
  /** Who is in its ensemble; `null` where it does not say, or is alone. */
  readonly members: QuorumConfig | null;
  /** Why it could not be asked. */
  readonly error: string | null;
}

/** Asks one server. */
export async function serverStatus(
  host: Host,
  address: Address,
  timeoutMs: number,
): Promise<ServerStatus> {
  const ask = async (word: string) =>
    answerFields(await askWord(host, address, word, timeoutMs));
  try {
    const srvr = await ask("srvr");
    const [mntr, conf] = await Promise.all([
      ask("mntr"),
      askWord(host, address, "conf", timeoutMs),
    ]);
    return statusOf(address, { srvr, mntr, conf });
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return {
      ...statusOf(address, { srvr: new Map(), mntr: new Map(), conf: "" }),
      error: error.message,
    };
  }
}

interface Answers {
  readonly srvr: ReadonlyMap<string, string>;
  readonly mntr: ReadonlyMap<string, string>;
  readonly conf: string;
}

function statusOf(
  address: Address,
  { srvr, mntr, conf }: Answers,
): ServerStatus {
  const latency = srvr.get("Latency min/avg/max")?.split("/") ?? [];
  const mode = srvr.get("Mode") ?? null;
  const zxid = srvr.get("Zxid");
  const id = numberOf(answerFields(conf).get("serverId"));
  const version = srvr.get("Zookeeper version")?.split(",")[0];
  return {
    address,
    id: mode === "standalone" ? null : id,
    mode,
    zxid: zxid !== undefined && /^0x[0-9a-f]+$/.test(zxid)
      ? BigInt(zxid)
      : null,
    latencyMinMs: numberOf(latency[0]),
    latencyAvgMs: numberOf(latency[1]),
    latencyMaxMs: numberOf(latency[2]),
    outstandingCount: numberOf(srvr.get("Outstanding")),
    connectionCount: numberOf(srvr.get("Connections")),
    sessionCount: numberOf(mntr.get("zk_global_sessions")),
    znodeCount: numberOf(srvr.get("Node count")),
    fsyncAvgMs: numberOf(mntr.get("zk_avg_fsynctime")),
    fsyncMaxMs: numberOf(mntr.get("zk_max_fsynctime")),
    uptimeMs: numberOf(mntr.get("zk_uptime")),
    version: version ?? null,
    members: membersOf(conf),
    error: mode === null ? "does not serve now" : null,
  };
}

function membersOf(conf: string): QuorumConfig | null {
  const text = conf.slice(conf.indexOf("membership:"));
  if (!text.startsWith("membership:")) return null;
  try {
    return QuorumConfig.parse(text);
  } catch (error) {
    if (error instanceof QuorumConfigError) return null;
    throw error;
  }
}

function numberOf(text: string | undefined): number | null {
  const value = Number(text);
  return text === undefined || text === "" || Number.isNaN(value)
    ? null
    : value;
}

/** An ensemble, as its servers say. */
export interface EnsembleStatus {
  readonly servers: readonly ServerStatus[];
  /** Whether there is a leader with a quorum, or a server that is alone. */
  readonly hasQuorum: boolean;
  readonly leader: ServerStatus | null;
  readonly voterCount: number | null;
  /** Voting servers that serve. */
  readonly servingVoterCount: number;
}

/**
 * What several servers make together. A leader leads with a quorum only, and a
 * follower serves under a leader only, so that any of them shows there is one.
 */
export function ensembleStatus(
  servers: readonly ServerStatus[],
): EnsembleStatus {
  const serves = new Set(["leader", "follower", "observer", "standalone"]);
  const serving = servers.filter(({ mode }) =>
    mode !== null && serves.has(mode)
  );
  const members = newestMembers(serving);
  const voters = serving.filter(({ id, mode }) =>
    mode !== "observer" && (id === null || members?.isVoter(id) !== false)
  );
  return {
    servers,
    hasQuorum: serving.length > 0,
    leader:
      serving.find(({ mode }) => mode === "leader" || mode === "standalone") ??
        null,
    voterCount: members?.voterCount ?? null,
    servingVoterCount: voters.length,
  };
}

function newestMembers(
  servers: readonly ServerStatus[],
): QuorumConfig | null {
  let newest: QuorumConfig | null = null;
  for (const { members } of servers) {
    if (members === null) continue;
    if (newest === null || members.version > newest.version) newest = members;
  }
  return newest;
}

/** Servers of the ensemble whose clients' addresses are known, but that were not asked. */
export function otherMembers(
  servers: readonly ServerStatus[],
): Address[] {
  const asked = new Set(servers.flatMap(({ id }) => id === null ? [] : [id]));
  const members = newestMembers(servers);
  return [...members?.members.values() ?? []].flatMap((member) => {
    const { id, client, quorum } = member;
    if (asked.has(id) || client === null) return [];
    const isAny = client.host === "0.0.0.0" || client.host === "";
    return [{ host: isAny ? quorum.host : client.host, port: client.port }];
  });
}
