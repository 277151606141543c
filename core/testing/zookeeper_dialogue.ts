// A conversation with a ZooKeeper server, frame by frame, kept as lines of text
// that come out the same on every server that behaves the same.
//
//   a: create {"path":"/x"} -> +2 ok {"path":"/x"}
//   b! NodeCreated /x
//
// What differs from run to run is left out of the lines: zxids count from the
// first one seen (`+2`), times are `t`, sessions have the names of those who
// began them. Names of children and ephemerals are sorted: their order means
// nothing.
//
// Source: ZooKeeper's published jute files (3.8).

import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import type { Address, Connection, Net } from "../host/host.ts";
import { CONTAINER_OWNER, ttlOf } from "../ensemble/znode.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { zkErrorName } from "../wire/zookeeper/errors.ts";
import { juteCodec } from "../wire/zookeeper/jute.ts";
import {
  connectRequest,
  connectResponse,
  OpCode,
  replyHeader,
  requestHeader,
  type Stat,
  stat as statRecord,
  watcherEvent,
} from "../wire/zookeeper/records.ts";
import {
  type Asked,
  encodeAsked,
  opCodeOf,
  type Operation,
  readAnswer,
} from "./zookeeper_asked.ts";

/** How a client begins, or resumes, its session. */
export interface ConnectOptions {
  readonly timeoutMs?: number;
  /** The name of the client whose session it takes over. */
  readonly resumes?: string;
  readonly sessionId?: bigint;
  readonly password?: Uint8Array;
  /** Zxids after the first one that the client claims to have seen; nothing by default. */
  readonly seenZxids?: bigint;
  readonly readOnly?: boolean | null;
  readonly protocolVersion?: number;
}

const NO_PASSWORD = new Uint8Array(16);
const EVENT_NAMES = new Map([
  [1, "NodeCreated"],
  [2, "NodeDeleted"],
  [3, "NodeDataChanged"],
  [4, "NodeChildrenChanged"],
  [5, "DataWatchRemoved"],
  [6, "ChildWatchRemoved"],
  [7, "PersistentWatchRemoved"],
]);
const PING_XID = -2;
const EVENT_XID = -1;
const SYNC_CONNECTED = 3;

interface Reply {
  readonly xid: number;
  readonly zxid: bigint;
  readonly err: number;
  readonly body: Reader;
}

/** One connection, and the session on it. */
class Speaker {
  sessionId = 0n;
  password: Uint8Array = NO_PASSWORD;
  lastXid = 0;
  isOpen = true;
  readonly #io: Connection;
  #bytes = new Uint8Array(0);

  constructor(readonly name: string, io: Connection) {
    this.#io = io;
  }

  async sendFrame(payload: Uint8Array): Promise<void> {
    const frame = new Uint8Array(4 + payload.length);
    new DataView(frame.buffer).setInt32(0, payload.length);
    frame.set(payload, 4);
    await this.send(frame);
  }

  /** Bytes as they are; a peer that has gone shows when it is read from. */
  async send(bytes: Uint8Array): Promise<void> {
    await this.#io.write(bytes).catch(() => {});
  }

  /** `null` where the server has ended the connection. */
  async frame(): Promise<Reader | null> {
    const chunk = new Uint8Array(64 * 1024);
    for (;;) {
      if (this.#bytes.length >= 4) {
        const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
        const end = 4 + view.getInt32(0);
        if (this.#bytes.length >= end) {
          const payload = this.#bytes.slice(4, end);
          this.#bytes = this.#bytes.slice(end);
          return new Reader(payload);
        }
      }
      const count = await this.#io.read(chunk).catch(() => null);
      if (count === null) {
        this.isOpen = false;
        return null;
      }
      const joined = new Uint8Array(this.#bytes.length + count);
      joined.set(this.#bytes);
      joined.set(chunk.subarray(0, count), this.#bytes.length);
      this.#bytes = joined;
    }
  }

  close(): void {
    this.isOpen = false;
    this.#io.close();
  }
}

/** See the file's header. */
export class Dialogue {
  readonly lines: string[] = [];
  readonly #net: Net;
  readonly #addresses: readonly Address[];
  readonly #speakers = new Map<string, Speaker>();
  readonly #sessionNames = new Map<bigint, string>();
  #firstZxid: bigint | null = null;

  /** @param addresses Servers of one ensemble: clients take turns, by the order they come in. */
  constructor(net: Net, addresses: readonly Address[]) {
    this.#net = net;
    this.#addresses = addresses;
  }

  get serverCount(): number {
    return this.#addresses.length;
  }

  /** Opens a connection without saying anything on it. */
  async open(name: string): Promise<void> {
    const turn = this.#speakers.size % this.#addresses.length;
    const io = await this.#net.connect(this.#addresses[turn]);
    this.#speakers.set(name, new Speaker(name, io));
  }

  /** Opens a connection and begins, or resumes, a session. */
  async connect(name: string, options: ConnectOptions = {}): Promise<void> {
    await this.open(name);
    await this.handshake(name, options);
  }

  /** Begins, or resumes, a session on a connection that is open. */
  async handshake(name: string, options: ConnectOptions = {}): Promise<void> {
    const speaker = this.#speaker(name);
    const from = options.resumes === undefined
      ? null
      : this.#speaker(options.resumes);
    const writer = new Writer();
    const { seenZxids, readOnly = false } = options;
    juteCodec(connectRequest).encode(writer, {
      protocolVersion: options.protocolVersion ?? 0,
      lastZxidSeen: seenZxids === undefined
        ? 0n
        : (this.#firstZxid ?? 0n) + seenZxids,
      timeOut: options.timeoutMs ?? 10_000,
      sessionId: options.sessionId ?? from?.sessionId ?? 0n,
      passwd: options.password ?? from?.password ?? NO_PASSWORD,
    });
    if (readOnly !== null) writer.bool(readOnly);
    await speaker.sendFrame(writer.written());
    const answer = await speaker.frame();
    const what = `${name}: connect ${asText(shownOptions(options))}`;
    if (answer === null) {
      this.lines.push(`${what} -> closed`);
      return;
    }
    const { timeOut, sessionId, passwd, protocolVersion } = juteCodec(
      connectResponse,
    ).decode(answer);
    const isReadOnly = answer.remaining > 0 ? answer.bool() : null;
    speaker.sessionId = sessionId;
    speaker.password = passwd?.slice() ?? NO_PASSWORD;
    if (sessionId !== 0n && !this.#sessionNames.has(sessionId)) {
      this.#sessionNames.set(sessionId, name);
    }
    const shown = {
      protocolVersion,
      timeOut,
      session: this.#session(sessionId),
      isReadOnly,
      passwordSize: passwd?.length,
    };
    this.lines.push(`${what} -> ${asText(shown)}`);
    if (sessionId !== 0n && this.#firstZxid === null) {
      const zxid = await this.#ping(speaker);
      this.#firstZxid = zxid;
    }
  }

  /** Asks, and waits for the answer; then every other client shows what it was told. */
  async ask<O extends Operation>(
    name: string,
    operation: O,
    asked: Asked[O],
    xid?: number,
  ): Promise<void> {
    await this.askAll(name, [[operation, asked, xid]]);
  }

  /** Asks what ends the connection. */
  async askLast<O extends Operation>(
    name: string,
    operation: O,
    asked: Asked[O],
  ): Promise<void> {
    await this.#askAll(name, [[operation, asked]]);
    await this.expectEnd(name);
  }

  /** Asks all at once, without waiting between. */
  async askAll(
    name: string,
    all: readonly (readonly [Operation, Asked[Operation], number?])[],
  ): Promise<void> {
    await this.#askAll(name, all);
    await this.settle();
  }

  async #askAll(
    name: string,
    all: readonly (readonly [Operation, Asked[Operation], number?])[],
  ): Promise<void> {
    const speaker = this.#speaker(name);
    const writer = new Writer();
    const sent: [Operation, Asked[Operation]][] = [];
    for (const [operation, asked, xid] of all) {
      const start = writer.position;
      writer.int32(0);
      juteCodec(requestHeader).encode(writer, {
        xid: xid ?? ++speaker.lastXid,
        type: opCodeOf(operation, asked),
      });
      encodeAsked(operation, asked, writer);
      writer.patchInt32(start, writer.position - start - 4);
      sent.push([operation, asked]);
    }
    await speaker.send(writer.written());
    for (const [operation, asked] of sent) {
      const what = `${name}: ${operation} ${asText(asked)} ->`;
      const reply = await this.#reply(speaker);
      if (reply === null) {
        this.lines.push(`${what} closed`);
        break;
      }
      this.lines.push(`${what} ${this.#replyText(operation, reply)}`);
    }
  }

  /** Every client shows what it was told up to now. */
  async settle(): Promise<void> {
    for (const speaker of this.#speakers.values()) {
      if (!speaker.isOpen || speaker.sessionId === 0n) continue;
      if (await this.#ping(speaker) === null) {
        this.lines.push(`${speaker.name} was sent away`);
      }
    }
  }

  /** Sends bytes as they are. */
  async sendBytes(name: string, bytes: Uint8Array): Promise<void> {
    this.lines.push(`${name}: ${bytes.length} bytes`);
    await this.#speaker(name).send(bytes);
  }

  /** What comes next: an answer's header, or the end. */
  async expectAny(name: string): Promise<void> {
    const reply = await this.#reply(this.#speaker(name));
    this.lines.push(
      reply === null
        ? `${name} was sent away`
        : `${name} <- ${reply.xid} ${zkErrorName(reply.err)}`,
    );
  }

  /** Waits until the server ends the connection. */
  async expectEnd(name: string): Promise<void> {
    const speaker = this.#speaker(name);
    while (speaker.isOpen && await this.#reply(speaker) !== null);
    this.lines.push(`${name} was sent away`);
  }

  /** Ends a connection, the session stays. */
  drop(name: string): void {
    this.#speaker(name).close();
    this.lines.push(`${name} goes`);
  }

  sessionIdOf(name: string): bigint {
    return this.#speaker(name).sessionId;
  }

  passwordOf(name: string): Uint8Array {
    return this.#speaker(name).password;
  }

  /** Ends all sessions: one that expired later would be in the way of another conversation. */
  async end(): Promise<void> {
    const names = [...this.#speakers].filter(([, { sessionId }]) =>
      sessionId !== 0n
    ).map(([name]) => name);
    for (const name of names) {
      let speaker = this.#speaker(name);
      if (!speaker.isOpen) {
        // Its session is still there, unless it was closed.
        await this.connect("undertaker", { resumes: name });
        this.lines.pop();
        speaker = this.#speaker("undertaker");
      }
      if (speaker.isOpen) {
        const writer = new Writer();
        juteCodec(requestHeader).encode(writer, {
          xid: 0,
          type: OpCode.closeSession,
        });
        await speaker.sendFrame(writer.written());
        while (await speaker.frame() !== null);
      }
      speaker.close();
    }
    for (const speaker of this.#speakers.values()) speaker.close();
  }

  #speaker(name: string): Speaker {
    const speaker = this.#speakers.get(name);
    if (speaker === undefined) throw new Error(`Nobody is called ${name}`);
    return speaker;
  }

  /** @returns The zxid of the answer; `null` where the connection has ended. */
  async #ping(speaker: Speaker): Promise<bigint | null> {
    const writer = new Writer();
    // With several servers it has to have come through to this one.
    const isShared = this.#addresses.length > 1;
    const type = isShared ? OpCode.sync : OpCode.ping;
    juteCodec(requestHeader).encode(writer, { xid: PING_XID, type });
    if (isShared) encodeAsked("sync", { path: "/" }, writer);
    await speaker.sendFrame(writer.written());
    const reply = await this.#reply(speaker);
    if (reply === null) return null;
    if (reply.xid !== PING_XID || (reply.err !== 0)) {
      this.lines.push(`${speaker.name}: ping -> ${reply.xid} ${reply.err}`);
    }
    return reply.zxid;
  }

  /** The next answer; events before it become lines. */
  async #reply(speaker: Speaker): Promise<Reply | null> {
    for (;;) {
      const frame = await speaker.frame();
      if (frame === null) return null;
      const { xid, zxid, err } = juteCodec(replyHeader).decode(frame);
      if (xid !== EVENT_XID || zxid !== -1n) {
        return { xid, zxid, err, body: frame };
      }
      const { type, state, path } = juteCodec(watcherEvent).decode(frame);
      const kind = EVENT_NAMES.get(type) ?? String(type);
      const end = state === SYNC_CONNECTED ? "" : ` state ${state}`;
      this.lines.push(`${speaker.name}! ${kind} ${path}${end}`);
    }
  }

  #replyText(operation: Operation, { zxid, err, body }: Reply): string {
    const position = this.#zxid(zxid);
    if (err !== 0) {
      const rest = body.remaining > 0 ? ` ${body.remaining} bytes` : "";
      return `${position} ${zkErrorName(err)}${rest}`;
    }
    const answer = readAnswer(operation, body, (reader) => this.#stat(reader));
    const rest = body.remaining > 0 ? ` and ${body.remaining} bytes` : "";
    return `${position} ok${answer === "" ? "" : ` ${answer}`}${rest}`;
  }

  #stat(reader: Reader): string {
    const stat = juteCodec(statRecord).decode(reader);
    const { version, cversion, aversion, dataLength, numChildren } = stat;
    const zxids = [stat.czxid, stat.mzxid, stat.pzxid].map((zxid) =>
      this.#zxid(zxid)
    );
    return `[${zxids.join(" ")} ${timesOf(stat)} v${version} c${cversion} ` +
      `a${aversion} ${this.#session(stat.ephemeralOwner)} ${dataLength} ` +
      `${numChildren}]`;
  }

  #zxid(zxid: bigint): string {
    if (zxid <= 0n || this.#firstZxid === null) {
      return zxid <= 0n ? `${zxid}` : "+";
    }
    const since = zxid - this.#firstZxid;
    return since < 0n ? "before" : `+${since}`;
  }

  #session(id: bigint): string {
    if (id === 0n) return "0";
    if (id === CONTAINER_OWNER) return "container";
    const name = this.#sessionNames.get(id);
    if (name !== undefined) return name;
    const ttlMs = ttlOf(id);
    return ttlMs === null ? "somebody" : `ttl ${ttlMs}`;
  }
}

function shownOptions({ password, sessionId, ...rest }: ConnectOptions) {
  const isStranger = password !== undefined || sessionId !== undefined;
  return isStranger ? { ...rest, isStranger } : rest;
}

function timesOf({ ctime, mtime }: Stat): string {
  const text = (time: bigint) => time === 0n ? "0" : "t";
  return mtime < ctime ? "backwards" : text(ctime) + text(mtime);
}

/** As JSON, with bytes as text and long texts cut. */
function asText(value: unknown): string {
  return JSON.stringify(value, (_key, each) => {
    if (typeof each === "bigint") return each.toString();
    const text = each instanceof Uint8Array ? decodeUtf8(each) : each;
    return typeof text === "string" && text.length > 100
      ? `${text.slice(0, 20)}… ${text.length}`
      : text;
  });
}

/** A session's password that is not the right one. */
export const WRONG_PASSWORD: Uint8Array = encodeUtf8("not the password");
