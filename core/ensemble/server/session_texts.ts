// Sessions and connections as lines of text.
//
// Source: observed on ZooKeeper 3.8 (`cons`, `stat`, `dump`).

import type { Host } from "../../host/host.ts";
import { OpCode } from "../../wire/zookeeper/records.ts";
import type { ClientConnection } from "./client_connection.ts";
import { hex, roleOf, type ServerView } from "./server_view.ts";

const OPERATION_WORDS: { readonly [opCode: number]: string } = {
  [OpCode.create]: "CREA",
  [OpCode.create2]: "CREA",
  [OpCode.createContainer]: "CREA",
  [OpCode.createTtl]: "CREA",
  [OpCode.delete]: "DELE",
  [OpCode.deleteContainer]: "DELE",
  [OpCode.exists]: "EXIS",
  [OpCode.getData]: "GETD",
  [OpCode.setData]: "SETD",
  [OpCode.getAcl]: "GETA",
  [OpCode.setAcl]: "SETA",
  [OpCode.getChildren]: "GETC",
  [OpCode.getChildren2]: "GETC",
  [OpCode.getAllChildrenNumber]: "GETACN",
  [OpCode.sync]: "SYNC",
  [OpCode.ping]: "PING",
  [OpCode.check]: "CHEC",
  [OpCode.multi]: "MULT",
  [OpCode.multiRead]: "MLTR",
  [OpCode.reconfig]: "RECO",
  [OpCode.checkWatches]: "CHKW",
  [OpCode.removeWatches]: "REMW",
  [OpCode.setWatches]: "SETW",
  [OpCode.setWatches2]: "STW2",
  [OpCode.addWatch]: "ADDW",
  [OpCode.getEphemerals]: "GETE",
  [OpCode.whoAmI]: "HOMI",
  [OpCode.createSession]: "SESS",
  [OpCode.closeSession]: "CLOS",
};

/** The short word of the last operation; `NA` before the first. */
export function operationWord(opCode: number): string {
  return OPERATION_WORDS[opCode] ?? "NA";
}

/** One client in a few words: ` /127.0.0.1:5[1](queued=0,recved=6,sent=6)`. */
export function connectionSummary(connection: ClientConnection): string {
  return ` /${connection.peer}${countsOf(connection)})`;
}

/** One client with its session and how fast it was served. */
export function connectionLine(
  connection: ClientConnection,
  host: Host,
): string {
  const start = ` /${connection.peer}${countsOf(connection)}`;
  if (connection.sessionId === 0n) return `${start})`;
  const { latency } = connection;
  return `${start},sid=${hex(connection.sessionId)},` +
    `lop=${operationWord(connection.lastOpCode)},` +
    `est=${establishedMs(connection, host)},to=${connection.timeoutMs},` +
    `lcxid=${hex32(connection.lastXid)},lzxid=${hex(connection.lastZxid)},` +
    `lresp=${Math.round(latency.lastAtMs)},llat=${
      Math.round(latency.lastMs)
    },` +
    `minlat=${Math.round(latency.minMs)},avglat=${Math.round(latency.avgMs)},` +
    `maxlat=${Math.round(latency.maxMs)})`;
}

/** When a connection was opened, in milliseconds since 1970 UTC. */
export function establishedMs(
  connection: ClientConnection,
  { clock }: Host,
): number {
  const ageMs = clock.monotonicMs() - connection.openedMs;
  return Math.round(clock.wallMs() - ageMs);
}

/** 1 where something may come from the client, as Java's selectors have it. */
export function interestOf({ sessionId }: ClientConnection): number {
  return sessionId === 0n ? 0 : 1;
}

function countsOf(connection: ClientConnection): string {
  const { outstandingCount, receivedCount, sentCount } = connection;
  return `[${
    interestOf(connection)
  }](queued=${outstandingCount},recved=${receivedCount},sent=${sentCount}`;
}

function hex32(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

/** Sessions, their ephemerals, and connections by when they end. */
export function sessionDump(view: ServerView): string {
  const { store: { tree } } = view;
  let text = `SessionTracker dump:\n${sessionLines(view)}`;
  text += "ephemeral nodes dump:\n";
  const ephemerals = tree.allEphemerals();
  text += `Sessions with Ephemerals (${ephemerals.size}):\n`;
  for (const [sessionId, paths] of ephemerals) {
    text += `${hex(sessionId)}:\n`;
    for (const path of paths) text += `\t${path}\n`;
  }
  const connections = [...view.service.connections()];
  const groups = connectionsByEnd(view, connections);
  text += "Connections dump:\n" +
    `Connections Sets (${groups.size})/(${connections.length}):\n`;
  for (const [endMs, items] of groups) {
    text += `${items.length} expire at ${javaDate(endMs)}:\n`;
    for (const { peer, sessionId } of items) {
      text += `\tip: /${peer} sessionId: ${hex(sessionId)}\n`;
    }
  }
  return text;
}

/** Who does not decide which sessions live knows their timeouts only. */
function sessionLines(view: ServerView): string {
  const ends = sessionEnds(view);
  const { sessions } = view.store.tree;
  if (ends === null) {
    let text = `Global Sessions(${sessions.size}):\n`;
    for (const [sessionId, timeoutMs] of sessions) {
      text += `${hex(sessionId)}\t${timeoutMs}ms\n`;
    }
    return text;
  }
  let count = 0;
  for (const group of ends.values()) count += group.length;
  let text = `Session Sets (${ends.size})/(${count}):\n`;
  for (const [endMs, group] of ends) {
    text += `${group.length} expire at ${javaDate(endMs)}:\n`;
    for (const sessionId of group) text += `\t${hex(sessionId)}\n`;
  }
  return text;
}

/**
 * Sessions by the tick at which they end unless they are heard of, in milliseconds
 * since 1970 UTC.
 *
 * @returns `null` on a server that does not decide that.
 */
export function sessionEnds(view: ServerView): Map<number, bigint[]> | null {
  const replica = view.service.replica();
  const role = roleOf(view);
  if (replica === null || role === "follower" || role === "observer") {
    return null;
  }
  const { clock } = view.host;
  const offsetMs = clock.wallMs() - clock.monotonicMs();
  const ends = new Map<number, bigint[]>();
  for (const [sessionId, deadlineMs] of replica.sessionDeadlines?.() ?? []) {
    const endMs = nextTick(deadlineMs + offsetMs, view.config.tickTime);
    const group = ends.get(endMs);
    if (group === undefined) ends.set(endMs, [sessionId]);
    else group.push(sessionId);
  }
  return ends;
}

/** A connection ends with its session's timeout after it was last heard of. */
function connectionsByEnd(
  { host: { clock }, config }: ServerView,
  connections: readonly ClientConnection[],
): Map<number, ClientConnection[]> {
  const groups = new Map<number, ClientConnection[]>();
  for (const connection of connections) {
    const { timeoutMs, latency, openedMs } = connection;
    const heardMs = Math.max(latency.lastAtMs, openedMs);
    const idleMs = clock.monotonicMs() - heardMs;
    const limitMs = timeoutMs === 0 ? CONNECT_LIMIT_MS : timeoutMs;
    const endMs = nextTick(clock.wallMs() - idleMs + limitMs, config.tickTime);
    const group = groups.get(endMs);
    if (group === undefined) groups.set(endMs, [connection]);
    else group.push(connection);
  }
  return groups;
}

/** How long a connection may be without a session. */
const CONNECT_LIMIT_MS = 10_000;

function nextTick(timeMs: number, tickMs: number): number {
  return (Math.floor(timeMs / tickMs) + 1) * tickMs;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = [
  ...["Jan", "Feb", "Mar", "Apr", "May", "Jun"],
  ...["Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
];

/** A time as Java prints dates: `Mon Nov 23 00:51:27 UTC 2026`. */
export function javaDate(timeMs: number): string {
  const date = new Date(timeMs);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${
    two(date.getUTCDate())
  } ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${
    two(date.getUTCSeconds())
  } UTC ${date.getUTCFullYear()}`;
}
