// What those who look after a server may see of it: the four-letter words and the
// admin server print it in their own ways.

import type { CoordinatorConfig } from "../../config/coordinator_config.ts";
import { sessionTimeouts } from "../../config/coordinator_config_load.ts";
import type { Address, Host } from "../../host/host.ts";
import type { LeaderTerm } from "../quorum/leader_term.ts";
import type { Peer } from "../quorum/peer.ts";
import type { QuorumConfig } from "../quorum/quorum_config.ts";
import { ROOT } from "../znode_path.ts";
import type { ZnodeStore } from "../znode_store.ts";
import type { ClientConnection } from "./client_connection.ts";
import type { ClientService } from "./client_service.ts";
import type { ReplicaRole } from "./replica.ts";

/** See the file's header. */
export interface ServerView {
  readonly host: Host;
  readonly config: CoordinatorConfig;
  /** kq's own. */
  readonly release: string;
  /** On the monotonic clock. */
  readonly startedMs: number;
  readonly clientAddress: Address | null;
  readonly service: ClientService;
  readonly store: ZnodeStore;
  /** `null` for a server that is alone. */
  readonly peer: Peer | null;
  /** 0 for a server that is alone. */
  readonly selfId: number;
  readonly members: () => QuorumConfig | null;
  readonly residentBytes: () => number;
}

/** The release of ZooKeeper whose protocol this is: clients decide by it what they may ask. */
export const PROTOCOL_RELEASE = "3.8.4";
/** When that was released: programs that parse the line want a date in this form. */
const PROTOCOL_BUILT = "02/12/2024 22:16 UTC";

/** `3.8.4-kq0.1.0, built on MM/DD/YYYY HH:MM TZ`. */
export function versionLine({ release }: ServerView): string {
  return `${PROTOCOL_RELEASE}-kq${release}, built on ${PROTOCOL_BUILT}`;
}

/** What a server serves as; `null` while it does not. */
export function roleOf({ service }: ServerView): ReplicaRole | null {
  return service.replica()?.role ?? null;
}

/** ZooKeeper's word for a role: `read-only` of `readOnly`. */
export function modeOf(view: ServerView): string | null {
  const role = roleOf(view);
  return role === "readOnly" ? "read-only" : role;
}

/** The leader's term of a server that leads now. */
export function leaderTermOf({ peer }: ServerView): LeaderTerm | null {
  const term = peer?.term ?? null;
  return term?.role === "leader" ? term : null;
}

/** Who leads, as far as this server knows; `null` while nobody does. */
export function leaderIdOf({ peer }: ServerView): number | null {
  const term = peer?.term ?? null;
  if (term === null) return null;
  return term.role === "leader" ? term.serverId : term.leaderId;
}

/** Requests of all clients that are not answered yet. */
export function outstandingCount({ service }: ServerView): number {
  let count = 0;
  for (const connection of service.connections()) {
    count += connection.outstandingCount;
  }
  return count;
}

/** Counting all znodes takes a while where there are many: not more often than this. */
const SIZE_EVERY_MS = 10_000;
const measuredSizes = new WeakMap<
  ZnodeStore,
  { atMs: number; bytes: number }
>();

/** Bytes of data and paths of all znodes. */
export function approximateDataBytes({ store, host }: ServerView): number {
  const nowMs = host.clock.monotonicMs();
  const before = measuredSizes.get(store);
  const isFew = store.tree.nodeCount < 10_000;
  if (before !== undefined && !isFew && nowMs < before.atMs + SIZE_EVERY_MS) {
    return before.bytes;
  }
  // The root counts by its name, which is empty here.
  let bytes = 1;
  for (const [path, { data }] of store.tree.nodes()) {
    bytes += (path === ROOT ? 0 : path.length) + (data?.length ?? 0);
  }
  measuredSizes.set(store, { atMs: nowMs, bytes });
  return bytes;
}

/** What `conf` and the admin server's `configuration` tell. */
export function configurationFacts(view: ServerView) {
  return {
    clientPort: view.clientAddress?.port ?? -1,
    directory: view.store.files,
    logDirectory: view.store.logs,
    sizes: directorySizes(view),
    timeouts: sessionTimeouts(view.config),
  };
}

/** Bytes of the folder of the snapshots, and of that of the logs, which may be the same. */
export function directorySizes(
  { host, store }: ServerView,
): { readonly snapshots: number; readonly logs: number } {
  const sizeOf = (folder: string) =>
    host.disk.list(folder).reduce(
      (sum, name) =>
        sum + (host.disk.stat(`${folder}/${name}`)?.sizeBytes ?? 0),
      0,
    );
  return { snapshots: sizeOf(store.files), logs: sizeOf(store.logs) };
}

/** Connections with a session or before it, the oldest first. */
export function connectionsOf({ service }: ServerView): ClientConnection[] {
  return [...service.connections()];
}

/** `0x` and hex, as 64 bits without a sign. */
export function hex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}
