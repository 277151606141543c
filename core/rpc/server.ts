// The listening side: accepts connections, keeps them within limits, and ends
// them when they are idle or the server closes.
//
// One timer watches all connections, since thousands of them may be idle.

import { type Address, type Connection, type Host } from "../host/host.ts";
import { KIB, MIB, SECOND_MS } from "../base/units.ts";
import { BufferPool } from "./buffer_pool.ts";
import { MemoryBudget } from "./memory_budget.ts";
import {
  type ConnectionLimits,
  type FrameHandler,
  ServerConnection,
  type ServerShared,
} from "./server_connection.ts";

/** May change while the server runs; each is read when it matters. */
export interface ServerLimits extends ConnectionLimits {
  readonly connectionsMax: number;
  /** The same for one client's address. */
  connectionsPerHostMax(host: string): number;
  /** New connections in a second; those over it wait for their turn. */
  readonly connectionsPerSecondMax: number;
  /** What requests under way may hold together before reading pauses. */
  readonly memoryMaxBytes: number;
}

/** What the server counts; the owner shows it. */
export interface ServerCounts {
  connectionsAccepted: number;
  connectionsRefused: number;
  connectionsOpen: number;
  bytesReceived: number;
  bytesSent: number;
}

export interface ServerOptions {
  readonly host: Host;
  readonly limits: ServerLimits;
  readonly counts: ServerCounts;
  readonly handler: FrameHandler;
  /** One line for each connection that this side ends or refuses. */
  readonly trace: (line: string) => void;
  /** Called when a handler fails in a way that it must not. */
  readonly onFatal: (error: unknown) => void;
}

const ANSWER_ROOM_MIN_BYTES = 64 * KIB;
const CHECK_INTERVAL_MS = SECOND_MS;

/** Accepts connections and answers frames on any number of listeners. */
export class RpcServer {
  /** Where answers are made; a handler takes its buffers here. */
  readonly pool = new BufferPool(32 * MIB);
  readonly #options: ServerOptions;
  readonly #shared: ServerShared;
  readonly #connections = new Set<ServerConnection>();
  readonly #countByHost = new Map<string, number>();
  readonly #listeners: { close(): void }[] = [];
  #lastConnectionId = 0;
  #nextTurnMs = -Infinity;
  #isClosing = false;
  #stopChecking: (() => void) | null = null;
  #wakeClose: (() => void) | null = null;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { host, limits, counts } = options;
    this.#shared = {
      pool: this.pool,
      budget: new MemoryBudget(() =>
        this.pool.lentBytes >= limits.memoryMaxBytes
      ),
      limits,
      nowMs: () => host.clock.monotonicMs(),
      counts,
      onFatal: options.onFatal,
    };
  }

  /** How many connections are open. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * How large an answer may be now: a share of the memory that is left, so that
   * many clients that do not read their answers cannot fill it. Never so little
   * that nothing gets through.
   */
  get answerRoomBytes(): number {
    const leftBytes = this.#options.limits.memoryMaxBytes - this.pool.lentBytes;
    return Math.max(ANSWER_ROOM_MIN_BYTES, Math.floor(leftBytes / 4));
  }

  /**
   * Starts to accept on an address.
   *
   * @returns The address, with the port that the system chose where it was 0.
   * @throws {HostError} `inUse`, `permission`, `unresolved`, …
   */
  async listen(listenerName: string, address: Address): Promise<Address> {
    const listener = await this.#options.host.net.listen(
      address,
      (io) => this.#accept(listenerName, io),
    );
    this.#listeners.push(listener);
    return listener.address;
  }

  /**
   * Stops accepting, lets what is under way be answered, and closes all.
   *
   * @param graceMs How long to wait for answers.
   */
  async close(graceMs: number): Promise<void> {
    this.stopAccepting();
    for (const connection of [...this.#connections]) {
      connection.finish("the broker is shutting down");
    }
    if (this.#connections.size > 0) {
      await new Promise<void>((done) => {
        const cancel = this.#options.host.clock.after(graceMs, done);
        this.#wakeClose = () => {
          cancel();
          done();
        };
      });
    }
    for (const connection of [...this.#connections]) connection.close();
    this.#stopChecking?.();
    this.#stopChecking = null;
  }

  /** Accepts no more; open connections are served on. */
  stopAccepting(): void {
    this.#isClosing = true;
    for (const listener of this.#listeners.splice(0)) listener.close();
  }

  #accept(listenerName: string, io: Connection): void {
    const { limits, counts, trace, handler } = this.#options;
    counts.connectionsAccepted++;
    const connection = new ServerConnection(
      { id: ++this.#lastConnectionId, listenerName },
      io,
      this.#shared,
      handler,
    );
    const sameHostCount = this.#countByHost.get(connection.peerHost) ?? 0;
    const sameHostMax = limits.connectionsPerHostMax(connection.peerHost);
    if (this.#isClosing) return io.close();
    if (
      this.#connections.size >= limits.connectionsMax ||
      sameHostCount >= sameHostMax
    ) {
      counts.connectionsRefused++;
      trace(
        `Refused ${io.peer}: ` +
          (sameHostCount >= sameHostMax
            ? `it has ${sameHostCount} connections already`
            : `${this.#connections.size} connections are open already`),
      );
      return io.close();
    }
    this.#countByHost.set(connection.peerHost, sameHostCount + 1);
    this.#connections.add(connection);
    counts.connectionsOpen = this.#connections.size;
    this.#scheduleCheck();
    const delayMs = this.#turnDelayMs(limits.connectionsPerSecondMax);
    if (delayMs <= 0) this.#serve(connection);
    else {
      this.#options.host.clock.after(delayMs, () => this.#serve(connection));
    }
  }

  /** How long a connection waits, so that no second has more than its share of new ones. */
  #turnDelayMs(perSecondMax: number): number {
    const nowMs = this.#shared.nowMs();
    // What was not used of the last second may be used at once.
    this.#nextTurnMs = Math.max(this.#nextTurnMs, nowMs - SECOND_MS) +
      SECOND_MS / perSecondMax;
    return this.#nextTurnMs - nowMs;
  }

  async #serve(connection: ServerConnection): Promise<void> {
    try {
      await connection.run();
    } catch (error) {
      connection.close("of a fault of ours");
      this.#options.onFatal(error);
    }
    await connection.closed;
    this.#forget(connection);
  }

  #forget(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.#options.counts.connectionsOpen = this.#connections.size;
    const { peerHost } = connection;
    const count = this.#countByHost.get(peerHost)! - 1;
    if (count === 0) this.#countByHost.delete(peerHost);
    else this.#countByHost.set(peerHost, count);
    if (connection.closeReason !== null && !this.#isClosing) {
      this.#options.trace(
        `Closed ${connection.peer}: ${connection.closeReason}`,
      );
    }
    if (this.#connections.size === 0) this.#wakeClose?.();
  }

  #scheduleCheck(): void {
    this.#stopChecking ??= this.#options.host.clock.after(
      CHECK_INTERVAL_MS,
      () => {
        this.#stopChecking = null;
        const nowMs = this.#shared.nowMs();
        for (const connection of this.#connections) connection.checkIdle(nowMs);
        if (this.#connections.size > 0) this.#scheduleCheck();
      },
    );
  }
}

/** True for an address of this machine's own. */
export function isLoopback(host: string): boolean {
  return host === "::1" || host === "localhost" || host.startsWith("127.");
}
