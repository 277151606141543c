// One connection to one server: the handshake, then frames both ways.
//
//   → ConnectRequest (lastZxidSeen, timeout, session id, password, readOnly)
//   ← ConnectResponse (timeout, session id, password); a timeout of 0: there is no
//     such session
//
// Source: ZooKeeper's published jute files (3.8).

import {
  type Address,
  type Connection,
  type Host,
  HostError,
} from "../../host/host.ts";
import { FrameSink } from "../../rpc/frame_sink.ts";
import { FrameStream } from "../../rpc/frame_stream.ts";
import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import { juteCodec } from "../../wire/zookeeper/jute.ts";
import {
  connectRequest,
  connectResponse,
} from "../../wire/zookeeper/records.ts";
import { serverText } from "./connect_string.ts";

/** Of frames: everything that has a size in front of it. */
export const SIZE_BYTES = 4;

/** What a session is resumed with; zeroes for a new one. */
export interface SessionTicket {
  readonly sessionId: bigint;
  readonly password: Uint8Array;
}

export interface HandshakeRequest extends SessionTicket {
  readonly lastZxid: bigint;
  readonly timeoutMs: number;
}

export interface Handshake extends SessionTicket {
  /** What the server grants; 0 or less where the session is no more. */
  readonly timeoutMs: number;
}

/** See the file's header. */
export class ServerLink {
  /** `host:port` as it was asked for. */
  readonly server: string;
  readonly #connection: Connection;
  readonly #frames: FrameStream;
  readonly #sink: FrameSink;
  #isOpen = true;

  private constructor(
    connection: Connection,
    server: string,
    frameMaxBytes: number,
  ) {
    this.server = server;
    this.#connection = connection;
    this.#frames = new FrameStream(connection, { frameMaxBytes });
    this.#sink = new FrameSink(connection, () => this.close());
  }

  /** @throws {HostError} Where nobody answers. */
  static async open(
    host: Host,
    address: Address,
    { timeoutMs, frameMaxBytes }: { timeoutMs: number; frameMaxBytes: number },
  ): Promise<ServerLink> {
    const connection = await host.net.connect(address, { timeoutMs });
    return new ServerLink(connection, serverText(address), frameMaxBytes);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Asks for a session.
   *
   * @throws {HostError} Where the server ends the connection instead.
   * @throws {DecodeError} Where what answers is no ZooKeeper server.
   */
  async shakeHands(request: HandshakeRequest): Promise<Handshake> {
    const writer = new Writer();
    writer.int32(0);
    juteCodec(connectRequest).encode(writer, {
      protocolVersion: 0,
      lastZxidSeen: request.lastZxid,
      timeOut: request.timeoutMs,
      sessionId: request.sessionId,
      passwd: request.password,
    });
    writer.bool(false); // A server that only reads is not good enough.
    writer.patchInt32(0, writer.position - SIZE_BYTES);
    this.send(writer.written());
    const frame = await this.next();
    if (frame === null) {
      throw new HostError(
        "reset",
        `${this.server} takes no clients at the moment`,
      );
    }
    const answer = juteCodec(connectResponse).decode(new Reader(frame));
    return {
      sessionId: answer.sessionId,
      password: answer.passwd?.slice() ?? new Uint8Array(0),
      timeoutMs: answer.timeOut,
    };
  }

  /** Takes a whole frame, its size included, which nobody changes from here on. */
  send(frame: Uint8Array): void {
    if (this.#isOpen) this.#sink.write(frame);
  }

  /** The next frame that is here already; `null` where there is none. */
  take(): Uint8Array | null {
    return this.#isOpen ? this.#frames.take() : null;
  }

  /** Waits for the next frame; `null` at the end. */
  async next(): Promise<Uint8Array | null> {
    return this.#isOpen ? await this.#frames.next() : null;
  }

  /** Resolves when all that was sent has left, or never will. */
  flushed(): Promise<void> {
    return this.#sink.flushed();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#connection.close();
  }
}
