// Connections between the election ports of the servers: one for each pair.
//
// A connection stands only towards the smaller id. A server that wants to talk to
// a larger one connects, says who it is, and is connected back to.
//
// Hello of who connects: version: long = -65536; id: long; size: int and
// `host:port` of its own election port. With version -65535 several of these,
// joined by |.
//
// Only the last message counts: one that could not be sent gives way to the next.
//
// Source: observed between ZooKeeper 3.8 servers; testdata/quorum/.

import type { Address, Connection, Host, Listener } from "../../host/host.ts";
import { decodeUtf8Lossy } from "../../base/bytes.ts";
import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import { utf8Size } from "../../wire/writer.ts";
import { readExactly } from "./read_exactly.ts";
import type { Configurations } from "./configurations.ts";
import { parseMember } from "./quorum_config.ts";
import { NOTIFICATION_BYTES_MAX } from "./vote.ts";

export interface ElectionLinksOptions {
  readonly host: Host;
  readonly selfId: number;
  readonly configs: Configurations;
  /** Given each message, without its size. */
  readonly received: (id: number, message: Uint8Array) => void;
  /** One line for each connection that is dropped for what came over it. */
  readonly trace: (line: string) => void;
}

const HELLO_VERSION = -65536n;
const HELLO_VERSION_MANY = -65535n;
const HELLO_BYTES_MAX = 2048;
const CONNECT_TIMEOUT_MS = 5000;
/** Servers that no configuration has, but that may be about to join. */
const STRANGERS_MAX = 64;

/** See the file's header. */
export class ElectionLinks {
  readonly #options: ElectionLinksOptions;
  readonly #links = new Map<number, Link>();
  /** The newest message for each server, sent again over a new connection. */
  readonly #last = new Map<number, Uint8Array>();
  readonly #connecting = new Set<number>();
  /** Where those want to be called that no configuration has. */
  readonly #strangers = new Map<number, Address>();
  #listener: Listener | null = null;
  #isClosed = false;

  constructor(options: ElectionLinksOptions) {
    this.#options = options;
  }

  /** @throws {HostError} As `Net.listen`. */
  async listen(address: Address): Promise<void> {
    this.#listener = await this.#options.host.net.listen(
      address,
      (io) => void this.#accept(io),
    );
  }

  /** Where it listens; 0 where it does not. */
  get port(): number {
    return this.#listener?.address.port ?? 0;
  }

  /** Takes no more connections; those that stand stay. */
  stopListening(): void {
    this.#listener?.close();
    this.#listener = null;
  }

  /** Sends a message to a server, now or when a connection stands. */
  send(id: number, message: Uint8Array): void {
    this.#last.set(id, message);
    const link = this.#links.get(id);
    if (link === undefined) void this.#connect(id);
    else link.send(message);
  }

  /** Tries those anew to whom no connection stands. */
  connectAll(): void {
    for (const id of this.#last.keys()) {
      if (!this.#links.has(id)) void this.#connect(id);
    }
  }

  /** Lets go of servers that are not in the configuration any more. */
  reconfigured(): void {
    const { configs } = this.#options;
    for (const id of [...this.#last.keys()]) {
      if (configs.member(id) !== null || this.#strangers.has(id)) continue;
      this.#last.delete(id);
      this.#links.get(id)?.close();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#listener?.close();
    for (const link of [...this.#links.values()]) link.close();
    this.#links.clear();
  }

  async #connect(id: number): Promise<void> {
    const { host, selfId, configs } = this.#options;
    const address = configs.member(id)?.election ?? this.#strangers.get(id);
    if (address === undefined || this.#connecting.has(id)) return;
    this.#connecting.add(id);
    try {
      const io = await host.net.connect(address, {
        timeoutMs: CONNECT_TIMEOUT_MS,
      });
      if (this.#isClosed || this.#links.has(id)) return io.close();
      await io.write(this.#hello());
      // The larger one closes this connection, and connects back.
      if (id > selfId) await this.#waitForEnd(io);
      else this.#take(id, io);
    } catch {
      // It is not there now; the next message tries again.
    } finally {
      this.#connecting.delete(id);
    }
  }

  async #waitForEnd(io: Connection): Promise<void> {
    const byte = new Uint8Array(1);
    const cancel = this.#options.host.clock.after(
      CONNECT_TIMEOUT_MS,
      () => io.close(),
    );
    try {
      while (await io.read(byte) !== null);
    } catch {
      // It has ended, which is what this waited for.
    }
    cancel();
    io.close();
  }

  async #accept(io: Connection): Promise<void> {
    const { host, selfId, trace } = this.#options;
    const cancel = host.clock.after(CONNECT_TIMEOUT_MS, () => io.close());
    try {
      const { id, address } = await readHello(io);
      if (!this.#isWelcome(id, address)) {
        trace(
          `Refused ${io.peer} on the election port: it calls itself server ${id}, which is not in the configuration`,
        );
        io.close();
      } else if (id < selfId) {
        io.close();
        // It would not ask had it a connection: what stands here is half of one.
        this.#links.get(id)?.close();
        await this.#connect(id);
      } else this.#take(id, io);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      trace(`Dropped ${io.peer} on the election port: ${reason}`);
      io.close();
    } finally {
      cancel();
    }
  }

  /** Uses a connection from now on; an older one of the pair is dead. */
  #take(id: number, io: Connection): void {
    this.#links.get(id)?.close();
    const link = new Link(io, {
      received: (message) => this.#options.received(id, message),
      ended: (reason) => {
        if (this.#links.get(id) === link) this.#links.delete(id);
        if (reason !== null) {
          this.#options.trace(
            `Dropped server ${id} on the election port: ${reason}`,
          );
        }
      },
    });
    this.#links.set(id, link);
    const last = this.#last.get(id);
    if (last !== undefined) link.send(last);
  }

  /** Members are; where members may change, so is who may become one. */
  #isWelcome(id: number, address: Address | null): boolean {
    const { selfId, configs } = this.#options;
    if (id === selfId) return false;
    if (configs.member(id) !== null) return true;
    if (!configs.isChangeable || address === null) return false;
    const isKnown = this.#strangers.has(id);
    if (!isKnown && this.#strangers.size >= STRANGERS_MAX) return false;
    this.#strangers.set(id, address);
    return true;
  }

  #hello(): Uint8Array {
    const { selfId, configs } = this.#options;
    const own = configs.self.election;
    const host = own.host.includes(":") ? `[${own.host}]` : own.host;
    const text = `${host}:${own.port}`;
    const writer = new Writer();
    writer.bigInt64(HELLO_VERSION);
    writer.bigInt64(BigInt(selfId));
    writer.int32(utf8Size(text));
    writer.text(text, utf8Size(text));
    return writer.written();
  }
}

/** @throws {Error} Where it is no hello. */
async function readHello(
  io: Connection,
): Promise<{ readonly id: number; readonly address: Address | null }> {
  const head = new Reader(await readExactly(io, 8));
  const first = head.bigInt64();
  // The oldest servers say nothing but their id.
  if (first >= 0n) return { id: Number(first), address: null };
  if (first !== HELLO_VERSION && first !== HELLO_VERSION_MANY) {
    throw new Error(`unknown version ${first} of the election protocol`);
  }
  const rest = new Reader(await readExactly(io, 12));
  const id = rest.bigInt64();
  const size = rest.int32();
  if (size <= 0 || size > HELLO_BYTES_MAX) {
    throw new Error(`an address of ${size} bytes`);
  }
  const text = decodeUtf8Lossy(await readExactly(io, size));
  return { id: Number(id), address: addressOf(text) };
}

/** @returns The first of the addresses; `null` where there is none. */
function addressOf(text: string): Address | null {
  try {
    return parseMember("0", `${text.split("|")[0]}:1`).quorum;
  } catch {
    return null;
  }
}

interface LinkOwner {
  readonly received: (message: Uint8Array) => void;
  /** @param reason Why this side ended it; `null` where the other did. */
  readonly ended: (reason: string | null) => void;
}

/** One connection, both ways. */
class Link {
  readonly #io: Connection;
  readonly #owner: LinkOwner;
  #waiting: Uint8Array | null = null;
  #isWriting = false;
  #isOpen = true;

  constructor(io: Connection, owner: LinkOwner) {
    this.#io = io;
    this.#owner = owner;
    void this.#readAll();
  }

  /** Sends a message; one that still waits is out of date. */
  send(message: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#waiting = message;
    if (!this.#isWriting) void this.#writeAll();
  }

  close(reason: string | null = null): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#io.close();
    this.#owner.ended(reason);
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#waiting !== null) {
        const message = this.#waiting;
        this.#waiting = null;
        await this.#io.write(message);
      }
    } catch {
      this.close();
    } finally {
      this.#isWriting = false;
    }
  }

  async #readAll(): Promise<void> {
    let reason: string | null = null;
    try {
      for (;;) {
        const head = new Reader(await readExactly(this.#io, 4));
        const size = head.int32();
        if (size < 28 || size > NOTIFICATION_BYTES_MAX) {
          reason = `a message of ${size} bytes`;
          break;
        }
        this.#owner.received(await readExactly(this.#io, size));
      }
    } catch (error) {
      if (error instanceof Error && error.name === "DecodeError") {
        reason = error.message;
      }
    }
    this.close(reason);
  }
}
