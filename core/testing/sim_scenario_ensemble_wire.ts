// A client's connection to one server of a simulated ensemble: requests out,
// answers in, in order. What it hears is given to its owner at once.

import type { Connection, Host } from "../host/host.ts";
import { readExactly } from "../ensemble/quorum/read_exactly.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { juteCodec } from "../wire/zookeeper/jute.ts";
import {
  connectRequest,
  connectResponse,
  OpCode,
  replyHeader,
} from "../wire/zookeeper/records.ts";
import { check } from "./sim_scenario.ts";
import { CLIENT_PORT } from "./sim_scenario_ensemble_server.ts";

const CONNECT_TIMEOUT_MS = 500;
const PING_XID = -2;
const EVENT_XID = -1;

/** What a client brings along to a server. */
export interface SessionTicket {
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  readonly timeoutMs: number;
  readonly lastZxid: bigint;
}

/** Of a session that is still to begin. */
export function newTicket(timeoutMs: number): SessionTicket {
  const password = new Uint8Array(16);
  return { sessionId: 0n, password, timeoutMs, lastZxid: 0n };
}

export interface Answer {
  readonly zxid: bigint;
  readonly errorCode: number;
  readonly reader: Reader;
}

export interface WireOwner {
  /** An answer or a ping has come, and with it news of a zxid. */
  saw(zxid: bigint): void;
  event(type: number, path: string): void;
  /** Runs what judges: a failure of it ends the run. */
  judge(run: () => void): void;
}

/** The connection has ended: what was asked may have happened or not. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

interface Waiting {
  readonly xid: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: ConnectionLost) => void;
  readonly atOnce: (answer: Answer) => void;
}

/** See the file's header. */
export class EnsembleWire {
  readonly server: string;
  readonly #host: Host;
  readonly #io: Connection;
  readonly #owner: WireOwner;
  #waiting: Waiting[] = [];
  #sending: Promise<void> = Promise.resolve();
  #heardMs: number;
  #isOpen = true;
  #cancelPing: () => void = () => {};

  private constructor(
    host: Host,
    io: Connection,
    server: string,
    owner: WireOwner,
  ) {
    this.#host = host;
    this.#io = io;
    this.server = server;
    this.#owner = owner;
    this.#heardMs = host.clock.monotonicMs();
  }

  /**
   * Connects, and begins or resumes a session.
   *
   * @returns `null` instead of a ticket where the session is over.
   */
  static async open(
    host: Host,
    server: string,
    ticket: SessionTicket,
    owner: WireOwner,
  ): Promise<{ wire: EnsembleWire; ticket: SessionTicket | null }> {
    const io = await host.net.connect({ host: server, port: CLIENT_PORT }, {
      timeoutMs: CONNECT_TIMEOUT_MS,
    });
    const wire = new EnsembleWire(host, io, server, owner);
    const cancel = host.clock.after(ticket.timeoutMs, () => wire.close());
    try {
      const request = new Writer();
      request.int32(0);
      juteCodec(connectRequest).encode(request, {
        protocolVersion: 0,
        lastZxidSeen: ticket.lastZxid,
        timeOut: ticket.timeoutMs,
        sessionId: ticket.sessionId,
        passwd: ticket.password,
      });
      request.bool(false);
      request.patchInt32(0, request.position - 4);
      await io.write(request.written());
      const reader = await wire.#frame();
      const { timeOut, sessionId, passwd } = juteCodec(connectResponse).decode(
        reader,
      );
      if (timeOut === 0) {
        wire.close();
        return { wire, ticket: null };
      }
      wire.#run(timeOut);
      const password = passwd!.slice();
      return {
        wire,
        ticket: { ...ticket, sessionId, password, timeoutMs: timeOut },
      };
    } catch (error) {
      wire.close();
      throw error;
    } finally {
      cancel();
    }
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Asks, and waits for the answer.
   *
   * @param atOnce Runs with the answer, before what comes behind it is looked at.
   * @throws {ConnectionLost}
   */
  ask(
    xid: number,
    opCode: number,
    body: (writer: Writer) => void,
    atOnce: (answer: Answer) => void = () => {},
  ): Promise<Answer> {
    if (!this.#isOpen) return Promise.reject(new ConnectionLost());
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.push({ xid, resolve, reject, atOnce });
    this.#send(xid, opCode, body);
    return promise;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#cancelPing();
    this.#io.close();
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new ConnectionLost());
    }
  }

  #send(xid: number, opCode: number, body: (writer: Writer) => void): void {
    const writer = new Writer();
    writer.int32(0);
    writer.int32(xid);
    writer.int32(opCode);
    body(writer);
    writer.patchInt32(0, writer.position - 4);
    this.#sending = this.#sending.then(() => this.#io.write(writer.written()))
      .catch(() => this.close());
  }

  #run(timeoutMs: number): void {
    const { clock } = this.#host;
    this.#heardMs = clock.monotonicMs();
    const look = () => {
      if (clock.monotonicMs() - this.#heardMs > timeoutMs * 2 / 3) {
        return this.close();
      }
      this.#send(PING_XID, OpCode.ping, () => {});
      this.#cancelPing = clock.after(timeoutMs / 3, look);
    };
    this.#cancelPing = clock.after(timeoutMs / 3, look);
    this.#readAll().catch(() => this.close());
  }

  async #readAll(): Promise<void> {
    for (;;) {
      const reader = await this.#frame();
      if (!this.#isOpen) return;
      this.#heardMs = this.#host.clock.monotonicMs();
      const { xid, zxid, err } = juteCodec(replyHeader).decode(reader);
      this.#owner.judge(() =>
        this.#take(xid, { zxid, errorCode: err, reader })
      );
    }
  }

  #take(xid: number, answer: Answer): void {
    const { reader, zxid } = answer;
    if (xid === EVENT_XID) {
      const type = reader.int32();
      reader.int32();
      return this.#owner.event(type, reader.utf8(reader.int32()));
    }
    this.#owner.saw(zxid);
    if (xid === PING_XID) return;
    const first = this.#waiting.shift();
    check(
      first?.xid === xid,
      `Request ${xid} is answered, and ${first?.xid} should be next`,
    );
    first.atOnce(answer);
    first.resolve(answer);
  }

  async #frame(): Promise<Reader> {
    const head = new Reader(await readExactly(this.#io, 4));
    return new Reader(await readExactly(this.#io, head.int32()));
  }
}
