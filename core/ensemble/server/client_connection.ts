// One client's connection: frames in, answers and events out.
//
//   word     four letters before anything else: answered as text, then closed
//   connect  ConnectRequest, answered by ConnectResponse; begins or resumes a session
//   serve    RequestHeader and body, answered by ReplyHeader and body
//
// Answers go out in the order of the requests. A read behind the client's own
// unfinished writes waits for them; one without any is answered at once. Events
// of watches go out as changes are applied, so before any answer that shows them.
//
// With many requests unanswered, or answers that the client does not take, nothing
// more is read from it.
//
// Source: ZooKeeper documentation, "ZooKeeper Programmer's Guide"; ZooKeeper's
// published jute files (3.8).

import { type Connection, HostError } from "../../host/host.ts";
import type { BufferPool } from "../../rpc/buffer_pool.ts";
import { type Frame, FrameError, FrameReader } from "../../rpc/frame_reader.ts";
import { DecodeError, Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import { ZkError, zkErrors } from "../../wire/zookeeper/errors.ts";
import { OpCode } from "../../wire/zookeeper/records.ts";
import { addressIdentity, type Identity } from "../access.ts";
import { Durations } from "../durations.ts";
import { isClientWrite } from "../write_request.ts";
import { writeBuffer, writeOutcome, writeText } from "./answer_bytes.ts";
import { SYNC_CONNECTED } from "./event_type.ts";
import { type ConnectRequest, decodeConnect } from "./handshake.ts";
import { answerRead, isRead } from "./read_request.ts";
import type { Outcome, Replica } from "./replica.ts";
import { PASSWORD_BYTES, sessionPassword } from "./session_password.ts";
import type { WatchTable } from "../watch_table.ts";
import type { WriterPool } from "./writer_pool.ts";

/** What a connection needs of the server that has it. */
export interface ConnectionOwner {
  readonly pool: BufferPool;
  readonly writers: WriterPool;
  readonly watches: WatchTable<ClientConnection>;
  readonly frameMaxBytes: number;
  /** Requests of one connection that may be unanswered before reading pauses. */
  readonly inFlightMax: number;
  /** Everybody may do everything. */
  readonly skipsAcl: boolean;
  nowMs(): number;
  /** `null` while the server does not serve. */
  replica(): Replica | null;
  /** Begins the session that a client asks for, or takes over one. */
  connect(connection: ClientConnection, request: ConnectRequest): void;
  /** @returns Whom the bytes prove the client to be; `null` for nobody. */
  authenticate(scheme: string, auth: Uint8Array): readonly Identity[] | null;
  /** @returns The answer to a word of four letters; `null` where it is none. */
  answerWord(word: string, peerHost: string): Promise<string> | null;
  answered(latencyMs: number): void;
  received(): void;
  gone(connection: ClientConnection): void;
}

/** A read that waits for the client's writes before it. */
interface WaitingRead {
  readonly xid: number;
  readonly opCode: number;
  readonly body: Uint8Array;
  readonly sinceMs: number;
}

/** Answers up to this are kept together before the socket gets them. */
const UNSENT_MAX_BYTES = 1024 * 1024;
/** What the requests of a busy connection are read into, unless they are larger. */
const BUSY_BYTES = 64 * 1024;
/** With more than this lent, connections that wait for a request hold little. */
const SCARCE_BYTES = 8 * 1024 * 1024;
const EVENT_XID = -1;
const PING_XID = -2;

/** See the file's header. */
export class ClientConnection {
  readonly peer: string;
  readonly peerHost: string;
  readonly openedMs: number;
  /** 0n before the session has begun. */
  sessionId = 0n;
  timeoutMs = 0;
  identities: readonly Identity[];
  receivedCount = 0;
  sentCount = 0;
  lastXid = 0;
  lastOpCode = 0;
  lastZxid = 0n;
  /** From each request's arrival to its answer. */
  readonly latency = new Durations();
  readonly #io: Connection;
  readonly #owner: ConnectionOwner;
  readonly #reader: FrameReader;
  /** Writes in order (`null`), and the reads that stand behind them. */
  readonly #queue: (WaitingRead | null)[] = [];
  /** What is to be sent next; `null` while that is nothing. */
  #unsent: Writer | null = null;
  #isWriting = false;
  #isFlushing = false;
  #isOpen = true;
  #isEnding = false;
  #isServing = false;
  #closeReason: string | null = null;
  #wake: (() => void) | null = null;

  constructor(io: Connection, owner: ConnectionOwner) {
    this.#io = io;
    this.#owner = owner;
    this.peer = io.peer;
    this.peerHost = hostOf(io.peer);
    this.identities = [addressIdentity(this.peerHost)];
    this.openedMs = owner.nowMs();
    this.#reader = new FrameReader(owner.pool, owner.frameMaxBytes, {
      busyBytes: BUSY_BYTES,
      scarceBytes: SCARCE_BYTES,
      limitName: "jute.maxbuffer",
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Why this side ended it; `null` where the client did. */
  get closeReason(): string | null {
    return this.#closeReason;
  }

  /** Requests that are not answered yet. */
  get outstandingCount(): number {
    return this.#queue.length;
  }

  /** Counts from zero again. */
  resetCounts(): void {
    this.receivedCount = 0;
    this.sentCount = 0;
    this.latency.reset();
  }

  /** Serves the connection until it ends. */
  async run(): Promise<void> {
    try {
      if (await this.#isWord()) return;
      await this.#readAll();
    } catch (error) {
      if (error instanceof FrameError || error instanceof DecodeError) {
        this.#closeReason ??= error instanceof FrameError
          ? `Len error: ${error.message}`
          : error.message;
      } else if (!(error instanceof HostError)) throw error;
    } finally {
      this.#reader.close();
      this.close();
    }
  }

  /** Says that the session has begun, or (with a timeout of 0) that there is none. */
  connected(
    sessionId: bigint,
    timeoutMs: number,
    request: ConnectRequest,
  ): void {
    if (!this.#isOpen) return;
    this.sessionId = sessionId;
    this.timeoutMs = timeoutMs;
    const out = this.#out;
    const start = out.position;
    out.int32(0);
    out.int32(0);
    out.int32(timeoutMs);
    out.bigInt64(sessionId);
    writeBuffer(
      out,
      timeoutMs === 0
        ? new Uint8Array(PASSWORD_BYTES)
        : sessionPassword(sessionId),
    );
    if (request.readOnly !== null) {
      out.bool(this.#owner.replica()?.role === "readOnly");
    }
    this.#endFrame(start);
    if (timeoutMs === 0) return this.finish("its session has expired");
    this.#isServing = true;
    this.#wake?.();
  }

  /** Tells the client of a change that it watches. */
  event(type: number, path: string): void {
    if (!this.#isOpen) return;
    const out = this.#out;
    const start = this.#beginReply(EVENT_XID, -1n, 0);
    out.int32(type);
    out.int32(SYNC_CONNECTED);
    writeText(out, path);
    this.#endFrame(start);
  }

  /** Sends what is written, then ends the connection. */
  finish(reason: string): void {
    this.#closeReason ??= reason;
    this.#isEnding = true;
    this.#flush();
    if (!this.#isWriting) this.close();
  }

  /** Ends the connection now. */
  close(reason?: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (reason !== undefined) this.#closeReason ??= reason;
    this.#wake?.();
    this.#io.close();
    if (this.#unsent !== null) this.#owner.writers.give(this.#unsent);
    this.#unsent = null;
    this.#owner.gone(this);
  }

  /** Looks at the first bytes before anything is taken for a frame's size. */
  async #isWord(): Promise<boolean> {
    const room = this.#reader.room();
    let count = 0;
    while (count < 4) {
      const more = await this.#io.read(room.subarray(count));
      if (more === null) return true;
      count += more;
    }
    const word = String.fromCharCode(...room.subarray(0, 4));
    // It counts itself, as it may tell of itself.
    this.receivedCount = 1;
    const answer = this.#owner.answerWord(word, this.peerHost);
    if (answer === null) {
      this.receivedCount = 0;
      this.#reader.received(count);
      return false;
    }
    const text = await answer;
    await this.#io.write(new TextEncoder().encode(text));
    return true;
  }

  async #readAll(): Promise<void> {
    while (this.#isOpen && !this.#isEnding) {
      for (
        let frame = this.#reader.next();
        frame !== null;
        frame = this.#reader.next()
      ) {
        this.#serve(frame);
        while (this.#mustPause()) {
          await new Promise<void>((wake) => this.#wake = wake);
          this.#wake = null;
        }
        if (!this.#isOpen || this.#isEnding) return;
      }
      const count = await this.#io.read(this.#reader.room());
      if (count === null) return;
      this.#reader.received(count);
    }
  }

  #mustPause(): boolean {
    if (!this.#isOpen || this.#isEnding) return false;
    return !this.#isServing || this.#queue.length >= this.#owner.inFlightMax ||
      (this.#unsent?.position ?? 0) > UNSENT_MAX_BYTES;
  }

  #serve(frame: Frame): void {
    try {
      this.receivedCount++;
      this.#owner.received();
      if (this.#isServing) this.#request(frame.bytes);
      else this.#owner.connect(this, decodeConnect(frame.bytes));
    } finally {
      frame.release();
    }
  }

  #request(bytes: Uint8Array): void {
    const replica = this.#owner.replica();
    if (replica === null) {
      return this.close("this server has left its ensemble");
    }
    replica.touch(this.sessionId, this.timeoutMs);
    const reader = new Reader(bytes);
    const xid = reader.int32();
    const opCode = reader.int32();
    if (opCode === OpCode.auth) return this.#auth(xid, reader);
    const body = bytes.subarray(reader.position);
    const sinceMs = this.#owner.nowMs();
    if (opCode === OpCode.sync || isClientWrite(opCode)) {
      return this.#order(replica, { xid, opCode, body, sinceMs });
    }
    if (opCode !== OpCode.ping && !isRead(opCode)) {
      return this.#refuse(xid, opCode);
    }
    const read = { xid, opCode, body, sinceMs };
    if (this.#queue.length === 0) this.#answer(replica, read);
    else this.#queue.push({ ...read, body: body.slice() });
  }

  #order(replica: Replica, { xid, opCode, body, sinceMs }: WaitingRead): void {
    const request = {
      sessionId: this.sessionId,
      cxid: xid,
      opCode,
      body,
      identities: this.identities,
    };
    // Its path is the answer.
    const asked = opCode === OpCode.sync ? body.slice() : null;
    this.#queue.push(null);
    const done = (outcome: Outcome) => {
      if (!this.#isOpen) return;
      this.#queue.shift();
      const start = this.#beginReply(xid, outcome.zxid, outcome.errorCode);
      if (outcome.errorCode === 0) {
        if (asked !== null) this.#out.raw(asked);
        else writeOutcome(this.#out, outcome);
      }
      this.#endReply(start, xid, opCode, outcome.zxid, sinceMs);
      if (opCode === OpCode.closeSession) return this.finish("");
      if (outcome.errorCode === zkErrors.MARSHALLING_ERROR.code) {
        return this.finish(`malformed request of operation ${opCode}`);
      }
      this.#answerWaiting();
      this.#wake?.();
    };
    if (asked !== null) replica.sync(request, done);
    else replica.submit(request, done);
  }

  /** Those that stood behind the write that was just answered. */
  #answerWaiting(): void {
    const replica = this.#owner.replica();
    while (this.#queue.length > 0 && this.#queue[0] !== null) {
      const read = this.#queue.shift()!;
      if (replica !== null) this.#answer(replica, read);
    }
  }

  #answer(replica: Replica, { xid, opCode, body, sinceMs }: WaitingRead): void {
    const { tree } = replica;
    const out = this.#out;
    const zxid = tree.lastZxid;
    // Events that the request itself brings about come before its answer.
    const answer = answerBody;
    answer.position = 0;
    let errorCode = 0;
    let isMalformed = false;
    if (opCode !== OpCode.ping) {
      try {
        answerRead(
          opCode,
          new Reader(body),
          {
            tree,
            watches: this.#owner.watches,
            watcher: this,
            sessionId: this.sessionId,
            identities: this.identities,
            skipsAcl: this.#owner.skipsAcl,
          },
          answer,
        );
      } catch (error) {
        answer.position = 0;
        errorCode = refusalCode(error);
        isMalformed = error instanceof DecodeError;
      }
    }
    const start = this.#beginReply(
      opCode === OpCode.ping ? PING_XID : xid,
      zxid,
      errorCode,
    );
    out.raw(answer.written());
    this.#endReply(start, xid, opCode, zxid, sinceMs);
    if (isMalformed) {
      this.finish(`malformed request of operation ${opCode}`);
    }
  }

  /** What no server of this kind answers ends the connection. */
  #refuse(xid: number, opCode: number): void {
    const { code } = opCode === OpCode.sasl
      ? zkErrors.AUTH_FAILED
      : zkErrors.UNIMPLEMENTED;
    this.#endFrame(this.#beginReply(xid, -1n, code));
    this.finish(
      opCode === OpCode.sasl
        ? "SASL is not offered here"
        : `there is no operation ${opCode}`,
    );
  }

  #auth(xid: number, reader: Reader): void {
    reader.int32();
    const scheme = reader.utf8(reader.int32());
    const size = reader.int32();
    const auth = size < 0 ? new Uint8Array(0) : reader.view(size);
    const proven = this.#owner.authenticate(scheme, auth);
    const code = proven === null ? zkErrors.AUTH_FAILED.code : 0;
    this.#endFrame(this.#beginReply(xid, 0n, code));
    if (proven === null) {
      return this.finish(`authentication by ${scheme} failed`);
    }
    for (const each of proven) {
      const isKnown = this.identities.some(({ scheme, id }) =>
        scheme === each.scheme && id === each.id
      );
      if (!isKnown) this.identities = [...this.identities, each];
    }
  }

  get #out(): Writer {
    return this.#unsent ??= this.#owner.writers.take();
  }

  #beginReply(xid: number, zxid: bigint, errorCode: number): number {
    const out = this.#out;
    const start = out.position;
    out.reserve(20);
    out.int32(0);
    out.int32(xid);
    out.bigInt64(zxid);
    out.int32(errorCode);
    return start;
  }

  #endReply(
    start: number,
    xid: number,
    opCode: number,
    zxid: bigint,
    sinceMs: number,
  ): void {
    this.lastXid = xid;
    this.lastOpCode = opCode;
    this.lastZxid = zxid;
    const nowMs = this.#owner.nowMs();
    this.latency.add(nowMs - sinceMs, nowMs);
    this.#owner.answered(nowMs - sinceMs);
    this.#endFrame(start);
  }

  #endFrame(start: number): void {
    this.#out.patchInt32(start, this.#out.position - start - 4);
    this.sentCount++;
    if (this.#isFlushing || this.#isWriting) return;
    // Once for all that is answered in this turn.
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const sending = this.#unsent;
    if (this.#isWriting || !this.#isOpen || sending === null) return;
    this.#unsent = null;
    this.#isWriting = true;
    this.#io.write(sending.written()).then(
      () => this.#written(sending),
      () => this.close(),
    );
  }

  #written(sent: Writer): void {
    this.#isWriting = false;
    this.#owner.writers.give(sent);
    if (!this.#isOpen) return;
    if (this.#unsent !== null) return this.#flush();
    if (this.#isEnding) this.close();
    else this.#wake?.();
  }
}

/** Shared by all connections: an answer is copied out before the next is made. */
const answerBody = new Writer();

/** The code that a client gets for what a request has thrown. */
function refusalCode(error: unknown): number {
  if (error instanceof ZkError) return error.code;
  if (error instanceof DecodeError) return zkErrors.MARSHALLING_ERROR.code;
  throw error;
}

/** `host` of `host:port`, without the brackets of IPv6. */
function hostOf(peer: string): string {
  const host = peer.slice(0, peer.lastIndexOf(":"));
  return host.startsWith("[") ? host.slice(1, -1) : host;
}
