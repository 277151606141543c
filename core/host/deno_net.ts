// TCP of this machine, through Deno's own sockets (node:net would add tens of
// milliseconds to the start).

import { hostError } from "./deno_error.ts";
import {
  type Address,
  type Connection,
  HostError,
  type Listener,
  type Net,
} from "./host.ts";

/** How long accepting rests when the process has no file descriptors left. */
const ACCEPT_PAUSE_MS = 100;

/** Connections that the kernel keeps until they are accepted, as far as it allows. */
const BACKLOG = 4096;

class DenoConnection implements Connection {
  readonly peer: string;
  readonly local: string;
  readonly #socket: Deno.TcpConn;
  #isOpen = true;

  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
    this.peer = formatAddress(socket.remoteAddr);
    this.local = formatAddress(socket.localAddr);
  }

  // Without `async`: thousands of small requests a second feel each promise.
  read(target: Uint8Array): Promise<number | null> {
    if (!this.#isOpen) return Promise.reject(this.#closed("read from"));
    return this.#socket.read(target).then(null, (error) => {
      throw this.#failure("read from", error);
    });
  }

  write(source: Uint8Array): Promise<void> {
    if (!this.#isOpen) return Promise.reject(this.#closed("write to"));
    return this.#socket.write(source).then(
      (count) => {
        if (count < source.length) return this.#writeRest(source, count);
      },
      (error) => {
        throw this.#failure("write to", error);
      },
    );
  }

  async #writeRest(source: Uint8Array, from: number): Promise<void> {
    try {
      for (let count = from; count < source.length;) {
        count += await this.#socket.write(source.subarray(count));
      }
    } catch (error) {
      throw this.#failure("write to", error);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.close();
  }

  #failure(action: string, error: unknown): HostError {
    if (!this.#isOpen) return this.#closed(action);
    return hostError(`${action} ${this.peer}`, error);
  }

  #closed(action: string): HostError {
    return new HostError(
      "closed",
      `Cannot ${action} ${this.peer}: this side has closed the connection`,
    );
  }
}

class DenoListener implements Listener {
  readonly address: Address;
  /** Resolves when the port is free again, a little after `close`. */
  readonly ended: Promise<void>;
  readonly #listener: Deno.TcpListener;
  readonly #accept: (connection: Connection) => void;
  #isOpen = true;

  constructor(
    listener: Deno.TcpListener,
    accept: (connection: Connection) => void,
  ) {
    this.#listener = listener;
    this.#accept = accept;
    const { hostname, port } = listener.addr;
    this.address = { host: hostname, port };
    this.ended = this.#run();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#listener.close();
  }

  async #run(): Promise<void> {
    while (this.#isOpen) {
      let socket: Deno.TcpConn;
      try {
        socket = await this.#listener.accept();
      } catch {
        // Out of file descriptors, or a peer that left before its turn: what is
        // open lives on, and accepting goes on after a rest.
        if (this.#isOpen) {
          await new Promise((done) => setTimeout(done, ACCEPT_PAUSE_MS));
        }
        continue;
      }
      let connection: DenoConnection;
      try {
        socket.setNoDelay(true);
        connection = new DenoConnection(socket);
      } catch {
        socket.close(); // The peer reset it before its turn.
        continue;
      }
      this.#accept(connection);
    }
  }
}

/** The network of the operating system. */
export class DenoNet implements Net {
  /** Listeners that were closed and may still hold their ports. */
  readonly #ending = new Set<DenoListener>();

  async listen(
    address: Address,
    accept: (connection: Connection) => void,
  ): Promise<Listener> {
    for (const listener of this.#ending) await listener.ended;
    try {
      const listener = new DenoListener(listenAt(address), accept);
      return {
        address: listener.address,
        close: () => {
          listener.close();
          this.#ending.add(listener);
          listener.ended.then(() => this.#ending.delete(listener));
        },
      };
    } catch (error) {
      const host = address.host === "" ? "all interfaces" : address.host;
      throw hostError(`listen on ${host}, port ${address.port}`, error);
    }
  }

  async connect(
    address: Address,
    options: { timeoutMs?: number } = {},
  ): Promise<Connection> {
    const action = `connect to ${joinHostPort(address.host, address.port)}`;
    const { timeoutMs } = options;
    const abort = new AbortController();
    const timer = timeoutMs === undefined
      ? undefined
      : setTimeout(() => abort.abort(), timeoutMs);
    try {
      const socket = await Deno.connect({
        hostname: address.host === "" ? "localhost" : address.host,
        port: address.port,
        signal: abort.signal,
      });
      socket.setNoDelay(true);
      return new DenoConnection(socket);
    } catch (error) {
      if (abort.signal.aborted) {
        throw new HostError(
          "timedOut",
          `Cannot ${action}: no answer within ${timeoutMs} ms`,
          { cause: error },
        );
      }
      throw hostError(action, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** `""` is both families where the machine has IPv6, else IPv4 alone. */
function listenAt({ host, port }: Address): Deno.TcpListener {
  if (host !== "") {
    return Deno.listen({ hostname: host, port, tcpBacklog: BACKLOG });
  }
  try {
    return Deno.listen({ hostname: "::", port, tcpBacklog: BACKLOG });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return Deno.listen({ hostname: "0.0.0.0", port, tcpBacklog: BACKLOG });
  }
}

function formatAddress(address: Deno.Addr): string {
  return "hostname" in address
    ? joinHostPort(address.hostname, address.port)
    : address.transport;
}

/** IPv4 peers of a socket for both families appear as `::ffff:a.b.c.d`. */
function joinHostPort(host: string, port: number): string {
  const bare = host.replace(/^::ffff:(?=\d+\.)/i, "");
  return bare.includes(":") ? `[${bare}]:${port}` : `${bare}:${port}`;
}
