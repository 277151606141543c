// All clients of one server: their connections, sessions and watches.
//
// A replica comes and goes, as the server joins its ensemble and leaves it;
// without one, clients are sent away to look for another server.
//
// Source: ZooKeeper documentation, "ZooKeeper Sessions".

import { bytesEqual } from "../../base/bytes.ts";
import type { Address, Connection, Host } from "../../host/host.ts";
import { BufferPool } from "../../rpc/buffer_pool.ts";
import { OpCode } from "../../wire/zookeeper/records.ts";
import { authenticate, type Identity, isPermitted } from "../access.ts";
import { Permission } from "../acl_cache.ts";
import type { Txn, TxnContext } from "../txn.ts";
import type { Applied } from "../znode_tree.ts";
import { ClientConnection, type ConnectionOwner } from "./client_connection.ts";
import { EventType } from "./event_type.ts";
import type { ConnectRequest } from "./handshake.ts";
import type { Replica, ReplicaEvents } from "./replica.ts";
import { ServiceCounts } from "./service_counts.ts";
import { sessionPassword } from "./session_password.ts";
import { WatchTable } from "../watch_table.ts";
import { WriterPool } from "./writer_pool.ts";

/** Bounds of what clients may ask for; those that may change are read each time. */
export interface ServiceLimits {
  readonly sessionTimeoutMinMs: number;
  readonly sessionTimeoutMaxMs: number;
  /** `jute.maxbuffer`. */
  readonly frameMaxBytes: number;
  /** Connections of one address; 0 for any number. */
  readonly connectionsPerHostMax: number;
  /** Connections in all; 0 for any number. */
  readonly connectionsMax: number;
  readonly inFlightMax: number;
}

export interface ServiceOptions {
  readonly host: Host;
  readonly limits: ServiceLimits;
  /** `user:base64` of who may do everything; `null` for nobody. */
  readonly superDigest: string | null;
  /** Everybody may do everything. */
  readonly skipsAcl?: boolean;
  /** Answers words of four letters. */
  readonly answerWord: ConnectionOwner["answerWord"];
  /** One line for each connection that is refused or ended by this side. */
  readonly trace: (line: string) => void;
  /** Told of what must not happen. */
  readonly onFatal: (error: unknown) => void;
}

const POOL_BYTES = 4 * 1024 * 1024;

/** See the file's header. */
export class ClientService implements ConnectionOwner, ReplicaEvents {
  readonly pool = new BufferPool(POOL_BYTES);
  readonly writers = new WriterPool();
  readonly watches = new WatchTable<ClientConnection>();
  readonly counts = new ServiceCounts();
  readonly #options: ServiceOptions;
  readonly #connections = new Set<ClientConnection>();
  readonly #bySession = new Map<bigint, ClientConnection>();
  readonly #countByHost = new Map<string, number>();
  readonly #listeners: { close(): void }[] = [];
  #replica: Replica | null = null;
  #lastSessionId = 0n;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  get skipsAcl(): boolean {
    return this.#options.skipsAcl ?? false;
  }

  get frameMaxBytes(): number {
    return this.#options.limits.frameMaxBytes;
  }

  get inFlightMax(): number {
    return this.#options.limits.inFlightMax;
  }

  /** All that are open, with a session or before it. */
  connections(): Iterable<ClientConnection> {
    return this.#connections;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Sessions whose clients are connected here, and their timeouts. */
  *localSessions(): Iterable<[bigint, number]> {
    for (const [sessionId, { timeoutMs }] of this.#bySession) {
      yield [sessionId, timeoutMs];
    }
  }

  /** @throws {HostError} `inUse`, `permission`, `unresolved`, … */
  async listen(address: Address): Promise<Address> {
    const { host } = this.#options;
    const listener = await host.net.listen(address, (io) => this.#accept(io));
    this.#listeners.push(listener);
    return listener.address;
  }

  /** Serves with a replica from now on, or, with `null`, sends all clients away. */
  serve(replica: Replica | null): void {
    this.#replica = replica;
    if (replica !== null) return;
    for (const connection of [...this.#connections]) {
      connection.close("this server has left its ensemble");
    }
  }

  close(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
    this.#replica = null;
    for (const connection of [...this.#connections]) {
      connection.close("the server is shutting down");
    }
  }

  replica(): Replica | null {
    return this.#replica;
  }

  nowMs(): number {
    return this.#options.host.clock.monotonicMs();
  }

  answered(latencyMs: number): void {
    this.counts.answered(latencyMs);
  }

  received(): void {
    this.counts.receivedCount++;
  }

  answerWord(word: string, peerHost: string): Promise<string> | null {
    return this.#options.answerWord(word, peerHost);
  }

  authenticate(scheme: string, auth: Uint8Array): readonly Identity[] | null {
    return authenticate(scheme, auth, this.#options.superDigest);
  }

  connect(connection: ClientConnection, request: ConnectRequest): void {
    const replica = this.#replica;
    if (replica === null) {
      return connection.close("this server is not part of an ensemble now");
    }
    if (replica.role === "readOnly" && request.readOnly !== true) {
      return connection.close("this server only reads, and the client writes");
    }
    if (request.lastZxidSeen > replica.tree.lastZxid) {
      return connection.close(
        `the client has seen zxid 0x${request.lastZxidSeen.toString(16)}, ` +
          `this server 0x${
            replica.tree.lastZxid.toString(16)
          }: it must try another`,
      );
    }
    const { sessionTimeoutMinMs, sessionTimeoutMaxMs } = this.#options.limits;
    const timeoutMs = Math.min(
      Math.max(request.timeoutMs, sessionTimeoutMinMs),
      sessionTimeoutMaxMs,
    );
    if (request.sessionId === 0n) {
      this.#begin(connection, request, timeoutMs, replica);
    } else this.#resume(connection, request, timeoutMs, replica);
  }

  gone(connection: ClientConnection): void {
    if (!this.#connections.delete(connection)) return;
    const { peerHost, sessionId } = connection;
    const count = this.#countByHost.get(peerHost)! - 1;
    if (count === 0) this.#countByHost.delete(peerHost);
    else this.#countByHost.set(peerHost, count);
    this.watches.forget(connection);
    if (this.#bySession.get(sessionId) === connection) {
      this.#bySession.delete(sessionId);
    }
    const { closeReason } = connection;
    if (closeReason !== null && closeReason !== "") {
      this.#options.trace(`Closed ${connection.peer}: ${closeReason}`);
    }
  }

  /** Fires watches, and lets go of a session that has ended. */
  applied(context: TxnContext, txn: Txn, applied: Applied): void {
    const tree = this.#replica?.tree;
    for (const event of applied.events) {
      const watchers = this.watches.take(event);
      if (watchers.size === 0) continue;
      const acl = tree?.acls.listOf(event.aclNumber) ?? null;
      for (const watcher of watchers) {
        // Who may not read a znode does not hear of it either.
        const mayRead = this.skipsAcl ||
          isPermitted(acl, Permission.read, watcher.identities);
        if (!mayRead) continue;
        watcher.event(EventType[event.type], event.path);
      }
    }
    if (txn.kind === "closeSession") this.#ended(context.sessionId);
  }

  /** Lets go of a session whose time is up. */
  end(sessionId: bigint): void {
    this.#ended(sessionId);
  }

  #ended(sessionId: bigint): void {
    const connection = this.#bySession.get(sessionId);
    // One that asked for it gets its answer first.
    if (connection === undefined || connection.outstandingCount > 0) return;
    connection.close("its session has expired");
  }

  #begin(
    connection: ClientConnection,
    request: ConnectRequest,
    timeoutMs: number,
    replica: Replica,
  ): void {
    const sessionId = this.#nextSessionId(replica);
    const body = new Uint8Array(4);
    new DataView(body.buffer).setInt32(0, timeoutMs);
    replica.submit({
      sessionId,
      cxid: 0,
      opCode: OpCode.createSession,
      body,
      identities: [],
    }, ({ errorCode }) => {
      if (errorCode !== 0) connection.close("its session could not begin");
      else this.#connected(connection, request, sessionId, timeoutMs);
    });
  }

  #resume(
    connection: ClientConnection,
    request: ConnectRequest,
    timeoutMs: number,
    replica: Replica,
  ): void {
    const { sessionId, password } = request;
    if (!bytesEqual(password, sessionPassword(sessionId))) {
      return connection.connected(0n, 0, request);
    }
    replica.revalidate(sessionId, timeoutMs).then(
      (isAlive) => {
        if (!isAlive) connection.connected(0n, 0, request);
        else this.#connected(connection, request, sessionId, timeoutMs);
      },
      () => connection.close("its session could not be looked up"),
    );
  }

  #connected(
    connection: ClientConnection,
    request: ConnectRequest,
    sessionId: bigint,
    timeoutMs: number,
  ): void {
    if (!connection.isOpen) return;
    // The client has given up its other connection, whether that knows or not.
    this.#bySession.get(sessionId)?.close("its client has connected anew");
    this.#bySession.set(sessionId, connection);
    connection.connected(sessionId, timeoutMs, request);
  }

  #accept(io: Connection): void {
    const { limits, trace } = this.#options;
    const connection = new ClientConnection(io, this);
    const { peerHost } = connection;
    const count = this.#countByHost.get(peerHost) ?? 0;
    const { connectionsPerHostMax: hostMax, connectionsMax } = limits;
    const isTooMany = hostMax > 0 && count >= hostMax;
    if (isTooMany || isFull(this.#connections.size, connectionsMax)) {
      const key = isTooMany ? "maxClientCnxns" : "maxCnxns";
      trace(`Refused ${io.peer}: ${key} is reached`);
      this.counts.rejectedCount++;
      return io.close();
    }
    this.#countByHost.set(peerHost, count + 1);
    this.#connections.add(connection);
    connection.run().catch((error) => this.#options.onFatal(error));
  }

  /** The server's number in the high byte, then the time of the first, then a count. */
  #nextSessionId({ serverId, tree }: Replica): bigint {
    if (this.#lastSessionId === 0n) {
      const wallMs = BigInt(this.#options.host.clock.wallMs());
      this.#lastSessionId = BigInt.asIntN(
        64,
        BigInt(serverId) << 56n | BigInt.asUintN(64, wallMs << 24n) >> 8n,
      );
    }
    do this.#lastSessionId++; while (tree.sessions.has(this.#lastSessionId));
    return this.#lastSessionId;
  }
}

function isFull(count: number, countMax: number): boolean {
  return countMax > 0 && count >= countMax;
}
