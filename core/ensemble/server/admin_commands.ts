// The commands of the admin server, with ZooKeeper's names and fields.
//
// Source: ZooKeeper documentation, "The AdminServer"; observed on ZooKeeper 3.8.

import { formatValue } from "../../config/value.ts";
import { coordinatorConfig } from "../../config/coordinator_config.ts";
import type { Address } from "../../host/host.ts";
import type { Member } from "../quorum/quorum_config.ts";
import { snapshotZxids } from "../recovery.ts";
import { nameOfZxid } from "../txn_log.ts";
import { type AdminValue, JavaDouble } from "./admin_json.ts";
import type { ClientConnection } from "./client_connection.ts";
import { environmentFacts } from "./environment.ts";
import { byPath, bySession } from "./four_letter_words.ts";
import { monitorFacts } from "./monitor_facts.ts";
import {
  configurationFacts,
  directorySizes,
  leaderIdOf,
  leaderTermOf,
  modeOf,
  outstandingCount,
  type ServerView,
  versionLine,
} from "./server_view.ts";
import {
  establishedMs,
  interestOf,
  operationWord,
  sessionEnds,
} from "./session_texts.ts";

type Fields = { readonly [name: string]: AdminValue };

/** One command. */
export interface AdminCommand {
  /** The first is the one that is listed. */
  readonly names: readonly string[];
  /** Answers while the server does not serve clients, too. */
  readonly isAlways?: boolean;
  readonly run: (view: ServerView) => Fields;
}

const NO_BUFFERS = {
  last_buffer_size: -1,
  min_buffer_size: -1,
  max_buffer_size: -1,
};

/** In the order of the alphabet. */
export const adminCommands: readonly AdminCommand[] = [
  {
    names: ["configuration", "conf", "config"],
    run: (view) => {
      const { clientPort, directory, logDirectory, timeouts } =
        configurationFacts(view);
      return {
        client_port: clientPort,
        data_dir: directory,
        data_log_dir: logDirectory,
        tick_time: view.config.tickTime,
        max_client_cnxns: view.config.maxClientCnxns,
        min_session_timeout: timeouts.minMs,
        max_session_timeout: timeouts.maxMs,
        server_id: view.selfId,
        client_port_listen_backlog: -1,
      };
    },
  },
  {
    names: ["connection_stat_reset", "crst"],
    run: ({ service }) => {
      for (const connection of service.connections()) connection.resetCounts();
      return {};
    },
  },
  {
    names: ["connections", "cons"],
    run: (view) => ({
      connections: connectionsOf(view, connectionFields),
      secure_connections: [],
    }),
  },
  {
    names: ["dirs"],
    run: (view) => {
      const { snapshots, logs } = directorySizes(view);
      return { datadir_size: snapshots, logdir_size: logs };
    },
  },
  {
    names: ["dump"],
    run: (view) => ({
      expiry_time_to_session_ids: byName(sessionEnds(view) ?? new Map()),
      session_id_to_ephemeral_paths: byName(view.store.tree.allEphemerals()),
    }),
  },
  {
    names: ["environment", "env", "envi"],
    isAlways: true,
    run: (view) => Object.fromEntries(environmentFacts(view)),
  },
  {
    names: ["get_trace_mask", "gtmk"],
    isAlways: true,
    run: () => ({ tracemask: 306 }),
  },
  {
    names: ["hash"],
    run: ({ store: { tree } }) => ({
      digests: [{
        zxid: tree.lastZxid.toString(16),
        digest: tree.digest,
      }],
    }),
  },
  {
    names: ["initial_configuration", "icfg"],
    isAlways: true,
    run: (view) => ({
      initial_configuration: configured(view).map(([key, text]) =>
        `${key}=${text}\n`
      ).join(""),
    }),
  },
  {
    names: ["is_read_only", "isro"],
    run: (view) => ({ read_only: modeOf(view) === "read-only" }),
  },
  { names: ["last_snapshot", "lsnp"], run: lastSnapshot },
  {
    names: ["leader", "lead"],
    run: (view) => {
      const leaderId = leaderIdOf(view);
      const leader = view.members()?.members.get(leaderId ?? -1);
      if (leader === undefined) {
        throw new AdminError("server is not initialized");
      }
      return {
        is_leader: leaderTermOf(view) !== null,
        leader_id: leader.id,
        leader_ip: leader.quorum.host,
      };
    },
  },
  {
    names: ["monitor", "mntr"],
    run: (view) => Object.fromEntries(monitorFacts(view).map(fractions)),
  },
  {
    names: ["observers", "obsr"],
    run: (view) => {
      const members = view.members();
      const links = [...leaderTermOf(view)?.links() ?? []];
      const observers = links.filter(({ id }) => !members?.isVoter(id));
      return {
        synced_observers: observers.length,
        observers: observers.map(({ id }) => ({ server_id: id })),
      };
    },
  },
  { names: ["ruok"], isAlways: true, run: () => ({}) },
  { names: ["server_stats", "srvr"], run: serverStats },
  {
    names: ["stat_reset", "srst"],
    run: ({ service }) => {
      service.counts.reset();
      return {};
    },
  },
  {
    names: ["stats", "stat"],
    run: (view) => ({
      ...serverStats(view),
      connections: connectionsOf(view, connectionCounts),
      secure_connections: [],
    }),
  },
  {
    names: ["system_properties", "sysp"],
    isAlways: true,
    run: (view) =>
      Object.fromEntries(
        configured(view).map(([key, text]) => [`zookeeper.${key}`, text]),
      ),
  },
  { names: ["voting_view"], run: votingView },
  {
    names: ["watch_summary", "wchs"],
    run: (view) => {
      const paths = byPath(view);
      let count = 0;
      for (const sessions of paths.values()) count += sessions.length;
      return {
        num_connections: bySession(view).size,
        num_paths: paths.size,
        num_total_watches: count,
      };
    },
  },
  {
    names: ["watches", "wchc"],
    run: (view) => ({ session_id_to_watched_paths: byName(bySession(view)) }),
  },
  {
    names: ["watches_by_path", "wchp"],
    run: (view) => ({ path_to_session_ids: byName(byPath(view)) }),
  },
  { names: ["zabstate"], run: zabState },
];

/** A command that has nothing to say: its text is the answer's `error`. */
export class AdminError extends Error {
  override readonly name = "AdminError";
}

const NOT_SERVING = "This ZooKeeper instance is not currently serving requests";

/** Runs a command by any of its names. */
export function runAdminCommand(view: ServerView, name: string): Fields {
  const command = adminCommands.find(({ names }) => names.includes(name));
  if (command === undefined) {
    return { command: name, error: `Unknown command: ${name}` };
  }
  const [listed] = command.names;
  if (!command.isAlways && modeOf(view) === null) {
    return { command: listed, error: NOT_SERVING };
  }
  try {
    return { ...command.run(view), command: listed, error: null };
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    return { command: listed, error: error.message };
  }
}

function serverStats(view: ServerView): Fields {
  const { service, store, host, startedMs } = view;
  const { counts } = service;
  const { snapshots, logs } = directorySizes(view);
  const [last, least, most] = store.proposalSizes;
  const sizes = {
    last_buffer_size: last,
    min_buffer_size: least,
    max_buffer_size: most,
  };
  return {
    version: versionLine(view),
    read_only: modeOf(view) === "read-only",
    server_stats: {
      packets_sent: counts.sentCount,
      packets_received: counts.receivedCount,
      fsync_threshold_exceed_count: 0,
      client_response_stats: NO_BUFFERS,
      provider_null: false,
      server_state: modeOf(view),
      outstanding_requests: outstandingCount(view),
      min_latency: Math.round(counts.latencyMinMs),
      avg_latency: new JavaDouble(counts.latencyAvgMs),
      max_latency: Math.round(counts.latencyMaxMs),
      data_dir_size: snapshots,
      log_dir_size: logs,
      last_processed_zxid: store.tree.lastZxid,
      num_alive_client_connections: service.connectionCount,
      uptime: Math.round(host.clock.monotonicMs() - startedMs),
      auth_failed_count: 0,
      non_mtlsremote_conn_count: 0,
      non_mtlslocal_conn_count: 0,
    },
    client_response: NO_BUFFERS,
    ...(leaderTermOf(view) === null ? {} : { proposal_stats: sizes }),
    node_count: store.tree.nodeCount + 1,
  };
}

function connectionsOf(
  view: ServerView,
  fields: (connection: ClientConnection, view: ServerView) => Fields,
): Fields[] {
  return [...view.service.connections()].map((each) => fields(each, view));
}

function connectionCounts(connection: ClientConnection): Fields {
  return {
    remote_socket_address: connection.peer,
    interest_ops: interestOf(connection),
    outstanding_requests: connection.outstandingCount,
    packets_received: connection.receivedCount,
    packets_sent: connection.sentCount,
  };
}

function connectionFields(
  connection: ClientConnection,
  { host }: ServerView,
): Fields {
  const { latency } = connection;
  return {
    ...connectionCounts(connection),
    session_id: connection.sessionId,
    last_operation: operationWord(connection.lastOpCode),
    established: establishedMs(connection, host),
    session_timeout: connection.timeoutMs,
    last_cxid: connection.lastXid,
    last_zxid: connection.lastZxid,
    last_response_time: Math.round(latency.lastAtMs),
    last_latency: Math.round(latency.lastMs),
    min_latency: Math.round(latency.minMs),
    avg_latency: Math.round(latency.avgMs),
    max_latency: Math.round(latency.maxMs),
  };
}

function byName(
  groups: ReadonlyMap<
    string | number | bigint,
    Iterable<string | number | bigint>
  >,
): Fields {
  return Object.fromEntries(
    [...groups].map(([name, items]) => [String(name), [...items]]),
  );
}

function fractions([name, value]: readonly [string, string | number]): [
  string,
  AdminValue,
] {
  const isFraction = name.startsWith("avg_") && typeof value === "string";
  return [name, isFraction ? new JavaDouble(Number(value)) : value];
}

/** Keys that have a value, as texts; secrets stay hidden. */
function configured({ config }: ServerView): [string, string][] {
  const values = config as { readonly [key: string]: unknown };
  return coordinatorConfig.keys.flatMap((key): [string, string][] => {
    const row = coordinatorConfig.row(key)!;
    const text = formatValue(row, values[key] as never);
    return text === null ? [] : [[key, text]];
  });
}

function lastSnapshot(
  { host: { disk }, store: { files } }: ServerView,
): Fields {
  const newest = snapshotZxids(disk.list(files)).at(-1);
  if (newest === undefined) {
    return { zxid: "0xffffffffffffffff", timestamp: -1 };
  }
  const info = disk.stat(`${files}/${nameOfZxid("snapshot", newest)}`);
  return {
    zxid: newest.toString(16),
    timestamp: Math.floor((info?.modifiedMs ?? 0) / 1000),
  };
}

function votingView(view: ServerView): Fields {
  const members = [...view.members()?.members.values() ?? []];
  const voters = members.filter(({ type }) => type === "participant");
  return {
    current_config: Object.fromEntries(voters.map((member) => [
      String(member.id),
      {
        server_addresses: [addressText(member.quorum)],
        election_addresses: [addressText(member.election)],
        client_address: clientText(view, member),
        learner_type: member.type,
      },
    ])),
  };
}

function zabState(view: ServerView): Fields {
  const self = view.members()?.members.get(view.selfId);
  const { lastZxid } = view.store.tree;
  return {
    myid: view.selfId,
    is_leader: leaderTermOf(view) !== null,
    quorum_address: addressFields(self?.quorum),
    election_address: addressFields(self?.election),
    client_address: view.clientAddress === null
      ? ""
      : addressText(view.clientAddress),
    voting: view.members()?.isVoter(view.selfId) ?? false,
    last_zxid: `0x${lastZxid.toString(16)}`,
    zab_epoch: lastZxid >> 32n,
    zab_counter: lastZxid & 0xffffffffn,
    zabstate: "broadcast",
  };
}

function addressFields(address: Address | undefined): Fields {
  if (address === undefined) return { empty: true, all_addresses: [] };
  const text = addressText(address);
  return {
    empty: false,
    one: text,
    all_addresses: [text],
    wildcard_addresses: [`0.0.0.0:${address.port}`],
    all_ports: [address.port],
    all_host_strings: [address.host],
  };
}

function clientText(view: ServerView, { id, client }: Member): string {
  const own = id === view.selfId ? view.clientAddress : null;
  const address = own ?? client;
  return address === null ? "" : addressText(address);
}

function addressText({ host, port }: Address): string {
  const name = host === "" ? "0.0.0.0" : host;
  return name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;
}
