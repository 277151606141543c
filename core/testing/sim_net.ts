// A simulated network of named nodes: TCP-like connections that are cut
// anywhere, arrive late, break, hang half-open, and links that let nothing
// through, one way or both. Within a connection nothing is ever reordered.
//
// A node is reached by its name; `localhost`, `127.0.0.1`, `::1` and `""` are the
// node itself.

import {
  type Address,
  type Connection,
  HostError,
  type Listener,
  type Net,
} from "../host/host.ts";
import { SimConnection } from "./sim_connection.ts";
import { never, SimCrash, type SimLife } from "./sim_life.ts";
import type { SimLoop } from "./sim_loop.ts";
import type { SimRandom } from "./sim_random.ts";
import type { SimLink } from "./sim_stream.ts";

export interface SimNetOptions {
  /** Drawn for each segment, in milliseconds. */
  readonly latencyMs?: readonly [low: number, high: number];
  /** What a sender may be ahead of its reader. */
  readonly windowBytes?: number;
  readonly segmentMaxBytes?: number;
  /** How many of the writes arrive in pieces; all that can where left out. */
  readonly splitProbability?: number;
}

/** Linux gives up a connect after as long. */
const CONNECT_TIMEOUT_MS = 127_000;
const CONNECT_RETRY_MS = 1000;
const LOOPBACK = new Set(["", "localhost", "127.0.0.1", "::1"]);
const ANY = new Set(["", "0.0.0.0", "::"]);

interface Listening {
  readonly node: string;
  readonly host: string;
  readonly life: SimLife;
  readonly accept: (connection: Connection) => void;
}

export class SimNet {
  readonly loop: SimLoop;
  latencyMs: readonly [low: number, high: number];
  windowBytes: number;
  segmentMaxBytes: number;
  splitProbability: number;
  readonly #random: SimRandom;
  readonly #nodes = new Map<string, { isUp: boolean }>();
  readonly #listening = new Map<string, Listening>();
  #connections: SimConnection[] = [];
  /** Directions that let nothing through, as `from>to`. */
  readonly #blocked = new Set<string>();
  /** Added to what passes a direction, in milliseconds, as `from>to`. */
  readonly #slowMs = new Map<string, number>();
  #nextPort = 40_000;

  constructor(loop: SimLoop, random: SimRandom, options: SimNetOptions = {}) {
    this.loop = loop;
    this.#random = random;
    this.latencyMs = options.latencyMs ?? [0.05, 0.5];
    this.windowBytes = options.windowBytes ?? 256 * 1024;
    this.segmentMaxBytes = options.segmentMaxBytes ?? 64 * 1024;
    this.splitProbability = options.splitProbability ?? 1;
  }

  /** Ends of connections that neither side has given up. */
  get liveCount(): number {
    return this.#connections.filter((end) => end.isLive).length;
  }

  /** Adds a machine, or switches it on again: it answers, if only by refusing. */
  startNode(name: string): void {
    this.#nodes.set(name, { isUp: true });
  }

  /** The network as one life of a node sees it. */
  node(name: string, life: SimLife): Net {
    return {
      listen: (address, accept) =>
        this.#listen({ node: name, host: address.host, life, accept }, address),
      connect: (address, options) =>
        this.#connect({ node: name, life, address, ...options }),
    };
  }

  /** Lets nothing through from one node to another, and back unless `isOneWay`. */
  partition(from: string, to: string, { isOneWay = false } = {}): void {
    this.#blocked.add(`${from}>${to}`);
    if (!isOneWay) this.#blocked.add(`${to}>${from}`);
  }

  /** Makes all that goes from one node to another take longer; 0 ends that. */
  slow(from: string, to: string, byMs: number): void {
    this.#slowMs.set(`${from}>${to}`, byMs);
  }

  /** Ends all partitions and slowness; what was held up goes on its way. */
  heal(): void {
    this.#blocked.clear();
    this.#slowMs.clear();
    for (const end of this.#connections) end.outgoing.pump();
  }

  /** Breaks connections that have an end on `node`; all where it is left out. */
  resetConnections(node?: string): void {
    for (const end of this.#connections) {
      if (node !== undefined && end.node !== node) continue;
      if (!end.isLive) continue;
      end.fail("reset", "the connection was reset");
      end.outgoing.send("reset");
    }
    this.#sweep();
  }

  /**
   * Ends the process on a node, whose life is over by now. After a kill its
   * peers are told; after a power cut their connections hang, half-open, until
   * the machine is up again and refuses what they send.
   */
  crashNode(name: string, cause: "kill" | "power"): void {
    for (const [key, { node }] of this.#listening) {
      if (node === name) this.#listening.delete(key);
    }
    for (const end of this.#connections) {
      if (end.node === name) end.die(cause);
    }
    if (cause === "power") this.#nodes.set(name, { isUp: false });
  }

  #listen(listening: Listening, address: Address): Promise<Listener> {
    if (listening.life.isOver) return never();
    const { node } = listening;
    const port = address.port === 0 ? this.#nextPort++ : address.port;
    const key = `${node}:${port}`;
    if (this.#listening.has(key)) {
      const host = address.host === "" ? "all interfaces" : address.host;
      return Promise.reject(
        new HostError(
          "inUse",
          `Cannot listen on ${host}, port ${port}: address already in use`,
        ),
      );
    }
    if (this.#resolve(node, address.host) !== node) {
      return Promise.reject(
        new HostError(
          "other",
          `Cannot listen on ${address.host}, port ${port}: not an address of this machine`,
        ),
      );
    }
    this.#listening.set(key, listening);
    return Promise.resolve({
      address: { host: address.host, port },
      close: () => {
        if (this.#listening.get(key) === listening) this.#listening.delete(key);
      },
    });
  }

  #connect(
    { node, life, address, timeoutMs }: {
      node: string;
      life: SimLife;
      address: Address;
      timeoutMs?: number;
    },
  ): Promise<Connection> {
    if (life.isOver) return never();
    return new Promise((resolve, reject) => {
      let isSettled = false;
      const place = `${address.host}:${address.port}`;
      const settle = (run: () => void) => {
        if (isSettled) return;
        isSettled = true;
        callOff();
        if (!life.isOver) run();
      };
      const refuse = (
        kind: "unresolved" | "refused" | "timedOut",
        reason: string,
      ) =>
        settle(() =>
          reject(new HostError(kind, `Cannot connect to ${place}: ${reason}`))
        );
      const limitMs = timeoutMs ?? CONNECT_TIMEOUT_MS;
      const callOff = this.loop.schedule(
        limitMs,
        () => refuse("timedOut", `no answer within ${limitMs} ms`),
      );
      const target = this.#resolve(node, address.host);
      if (target === null) {
        return refuse("unresolved", "name or service not known");
      }
      const knock = () => {
        if (isSettled || life.isOver) return;
        if (
          !this.#isUp(target) || this.#isBlocked(node, target) ||
          this.#isBlocked(target, node)
        ) {
          this.loop.schedule(CONNECT_RETRY_MS, knock);
          return;
        }
        const listening = this.#listening.get(`${target}:${address.port}`);
        if (listening === undefined || !isReachable(listening, node)) {
          return refuse("refused", "connection refused");
        }
        const end = this.#join({ node, life, target, address, listening });
        this.loop.schedule(
          this.#latency(),
          () =>
            life.whenAwake(this.loop, () => {
              if (isSettled) end.close();
              else settle(() => resolve(end));
            }),
        );
      };
      this.loop.schedule(this.#latency(), knock);
    });
  }

  /** Makes both ends, and hands the listener its own. */
  #join(
    { node, life, target, address, listening }: {
      node: string;
      life: SimLife;
      target: string;
      address: Address;
      listening: Listening;
    },
  ): SimConnection {
    const isLocal = node === target;
    const clientAddress = `${isLocal ? "127.0.0.1" : node}:${this.#nextPort++}`;
    const serverAddress = `${isLocal ? "127.0.0.1" : target}:${address.port}`;
    const client = new SimConnection({
      node,
      peer: serverAddress,
      local: clientAddress,
      life,
      link: this.#link(node, target),
      isNodeUp: () => this.#isUp(node),
    });
    const server = new SimConnection({
      node: target,
      peer: clientAddress,
      local: serverAddress,
      life: listening.life,
      link: this.#link(target, node),
      isNodeUp: () => this.#isUp(target),
    });
    SimConnection.join(client, server);
    this.#sweep();
    this.#connections.push(client, server);
    listening.life.whenAwake(this.loop, () => {
      if (listening.life.isOver) return;
      try {
        listening.accept(server);
      } catch (error) {
        if (!(error instanceof SimCrash)) throw error;
      }
    });
    return client;
  }

  #link(from: string, to: string): SimLink {
    return {
      loop: this.loop,
      random: this.#random,
      windowBytes: this.windowBytes,
      segmentMaxBytes: this.segmentMaxBytes,
      latencyMs: () =>
        this.#latency() + (this.#slowMs.get(`${from}>${to}`) ?? 0),
      isBlocked: () => this.#isBlocked(from, to),
      splitProbability: this.splitProbability,
    };
  }

  #latency(): number {
    return this.#random.between(...this.latencyMs);
  }

  #isBlocked(from: string, to: string): boolean {
    return this.#blocked.has(`${from}>${to}`);
  }

  #isUp(name: string): boolean {
    return this.#nodes.get(name)?.isUp ?? false;
  }

  /** The node that a host means to one of the nodes; `null` where nobody knows it. */
  #resolve(self: string, host: string): string | null {
    if (LOOPBACK.has(host) || ANY.has(host)) return self;
    return this.#nodes.has(host) ? host : null;
  }

  /** Forgets connections that nobody holds any more. */
  #sweep(): void {
    if (this.#connections.length < 64) return;
    this.#connections = this.#connections.filter((end) => !end.isForgotten);
  }
}

/** A listener on a loopback address is for its own node only. */
function isReachable({ node, host }: Listening, from: string): boolean {
  return node === from || ANY.has(host) || !LOOPBACK.has(host);
}
