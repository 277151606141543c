// Words of four letters on the clients' port: each is answered with text, and the
// connection closed. Line for line as ZooKeeper prints them, for the programs that
// read them.
//
// Source: ZooKeeper documentation, "The Four Letter Words"; observed on ZooKeeper
// 3.8.

import type { ClientConnection } from "./client_connection.ts";
import { environmentLines } from "./environment.ts";
import { monitorFacts } from "./monitor_facts.ts";
import { NOT_SERVING } from "./word_gate.ts";
import {
  connectionLine,
  connectionSummary,
  sessionDump,
} from "./session_texts.ts";
import {
  configurationFacts,
  directorySizes,
  hex,
  leaderTermOf,
  modeOf,
  outstandingCount,
  type ServerView,
  versionLine,
} from "./server_view.ts";

/** ZooKeeper's own mask of what it traces; kq has none to set. */
const TRACE_MASK = "306";

type Answer = (view: ServerView) => string;

/** Those that answer even while the server does not serve clients. */
const ALWAYS: { readonly [word: string]: Answer } = {
  ruok: () => "imok",
  envi: (view) => environmentLines(view).join(""),
  gtmk: () => TRACE_MASK,
  stmk: () => TRACE_MASK,
  isro: (view) =>
    modeOf(view) === null ? "null" : modeOf(view) === "read-only" ? "ro" : "rw",
};

const WHILE_SERVING: { readonly [word: string]: Answer } = {
  srvr: (view) => serverText(view),
  stat: (view) => serverText(view, clientLines(view, connectionSummary)),
  cons: (view) => `${clientLines(view, connectionLine)}\n`,
  crst: (view) => {
    for (const connection of view.service.connections()) {
      connection.resetCounts();
    }
    return "Connection stats reset.\n";
  },
  srst: (view) => {
    view.service.counts.reset();
    return "Server stats reset.\n";
  },
  conf: (view) => configurationText(view),
  dump: (view) => sessionDump(view),
  mntr: (view) =>
    monitorFacts(view).map(([name, value]) => `zk_${name}\t${value}\n`).join(
      "",
    ),
  wchs: (view) => watchSummary(view),
  wchc: (view) => watchesText(bySession(view)),
  wchp: (view) => watchesText(byPath(view)),
  dirs: (view) => {
    const { snapshots, logs } = directorySizes(view);
    return `datadir_size: ${snapshots}\nlogdir_size: ${logs}\n`;
  },
  hash: ({ store: { tree } }) =>
    `${tree.lastZxid.toString(16)}: ${tree.digest}\n`,
  lsnr: () => "\n",
};

/** The answer to one of the words. */
export function answerWord(view: ServerView, word: string): string {
  const always = ALWAYS[word];
  if (always !== undefined) return always(view);
  return modeOf(view) === null ? NOT_SERVING : WHILE_SERVING[word](view);
}

function serverText(view: ServerView, clients: string | null = null): string {
  const { service: { counts, connectionCount }, store: { tree } } = view;
  const proposals = leaderTermOf(view) === null
    ? ""
    : `Proposal sizes last/min/max: ${view.store.proposalSizes.join("/")}\n`;
  return `Zookeeper version: ${versionLine(view)}\n` +
    (clients === null ? "" : `Clients:\n${clients}\n`) +
    `Latency min/avg/max: ${Math.round(counts.latencyMinMs)}/${
      javaDouble(counts.latencyAvgMs)
    }/${Math.round(counts.latencyMaxMs)}\n` +
    `Received: ${counts.receivedCount}\n` +
    `Sent: ${counts.sentCount}\n` +
    `Connections: ${connectionCount}\n` +
    `Outstanding: ${outstandingCount(view)}\n` +
    `Zxid: ${hex(tree.lastZxid)}\n` +
    `Mode: ${modeOf(view)}\n` +
    `Node count: ${tree.nodeCount + 1}\n` +
    proposals;
}

/** A number with a fraction always, of four digits at most. */
export function javaDouble(value: number): string {
  const rounded = Math.round(value * 10_000) / 10_000;
  return Number.isInteger(rounded) ? `${rounded}.0` : String(rounded);
}

function clientLines(
  { service, host }: ServerView,
  line: (connection: ClientConnection, host: ServerView["host"]) => string,
): string {
  return [...service.connections()].map((connection) =>
    `${line(connection, host)}\n`
  ).join("");
}

function configurationText(view: ServerView): string {
  const facts = configurationFacts(view);
  const members = view.members();
  const lines = [
    `clientPort=${facts.clientPort}`,
    "secureClientPort=-1",
    `dataDir=${facts.directory}`,
    `dataDirSize=${facts.sizes.snapshots}`,
    `dataLogDir=${facts.logDirectory}`,
    `dataLogSize=${facts.sizes.logs}`,
    `tickTime=${view.config.tickTime}`,
    `maxClientCnxns=${view.config.maxClientCnxns}`,
    `minSessionTimeout=${facts.timeouts.minMs}`,
    `maxSessionTimeout=${facts.timeouts.maxMs}`,
    "clientPortListenBacklog=-1",
    `serverId=${view.selfId}`,
  ].map((line) => `${line}\n`).join("");
  const self = members?.members.get(view.selfId);
  if (members === null || self === undefined) return lines;
  return lines + [
    `initLimit=${view.config.initLimit}`,
    `syncLimit=${view.config.syncLimit}`,
    "electionAlg=3",
    `electionPort=${self.election.port}`,
    `quorumPort=${self.quorum.port}`,
    `peerType=${self.type === "observer" ? 1 : 0}`,
    "membership: ",
    members.toText(),
  ].join("\n");
}

function watchSummary({ service: { watches } }: ServerView): string {
  const paths = watches.entries("data");
  const watchers = new Set([...paths.values()].flatMap((each) => [...each]));
  let count = 0;
  for (const each of paths.values()) count += each.size;
  return `${watchers.size} connections watching ${paths.size} paths\n` +
    `Total watches:${count}\n`;
}

/** Watched paths by session. */
export function bySession({ service }: ServerView): Map<bigint, string[]> {
  const sessions = new Map<bigint, string[]>();
  for (const [path, watchers] of service.watches.entries("data")) {
    for (const { sessionId } of watchers) {
      const paths = sessions.get(sessionId);
      if (paths === undefined) sessions.set(sessionId, [path]);
      else paths.push(path);
    }
  }
  return sessions;
}

/** Sessions by the path that they watch. */
export function byPath({ service }: ServerView): Map<string, bigint[]> {
  const paths = new Map<string, bigint[]>();
  for (const [path, watchers] of service.watches.entries("data")) {
    paths.set(path, [...watchers].map(({ sessionId }) => sessionId));
  }
  return paths;
}

function watchesText(
  groups: ReadonlyMap<bigint | string, readonly (bigint | string)[]>,
): string {
  const show = (item: bigint | string) =>
    typeof item === "bigint" ? hex(item) : item;
  let text = "";
  for (const [group, items] of groups) {
    text += `${show(group)}\n`;
    for (const item of items) text += `\t${show(item)}\n`;
  }
  return `${text}\n`;
}
