// A client of the coordinator that notes what it was told: a session which goes on
// at another server when its own has gone, and which knows of each request whether
// it was carried out, refused, or lost on the way.
//
// Beside that it looks for what must never happen: an answer that is older than
// one before, and a session that ends although its client was heard of in time.

import { Reader } from "../../core/wire/reader.ts";
import { Writer } from "../../core/wire/writer.ts";
import { utf8Size } from "../../core/wire/writer.ts";
import { zkErrors } from "../../core/wire/zookeeper/errors.ts";
import { juteCodec, type JuteValue } from "../../core/wire/zookeeper/jute.ts";
import { OpCode, stat } from "../../core/wire/zookeeper/records.ts";

export type Stat = JuteValue<typeof stat>;

/** Why a request has no answer, or which error was answered. */
export type Failure = "lost" | "expired" | keyof typeof zkErrors;

/** A request that was not carried out, or of which nobody knows. */
export class RequestFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, what: string) {
    super(`${what}: ${failure}`);
    this.failure = failure;
  }
}

export const CreateMode = {
  persistent: 0,
  ephemeral: 1,
  sequential: 2,
  ephemeralSequential: 3,
} as const;

interface Waiting {
  readonly what: string;
  readonly resolve: (reader: Reader) => void;
  readonly reject: (failure: RequestFailure) => void;
}

export interface SessionOptions {
  /** Ports on 127.0.0.1, tried in turn. */
  readonly ports: readonly number[];
  readonly timeoutMs: number;
  /** How often to say something; the sixth part of the timeout where left out. */
  readonly pingMs?: number;
  /** Told of what must never happen. */
  readonly problem: (text: string) => void;
}

const PING_XID = -2;
const EVENT_XID = -1;
const CONNECT_PAUSE_MS = 50;
const HANDSHAKE_MS = 1500;
const UNREAD_MS = 200;
/** Sessions end in strides of a tick; what is this close to the end may end. */
const EXPIRY_SLACK_MS = 100;

const errorNames = new Map(
  Object.entries(zkErrors).map(([name, { code }]) => [code, name]),
) as ReadonlyMap<number, keyof typeof zkErrors>;

/** See the file's header. */
export class ZnodeSession {
  sessionId = 0n;
  /** As the server has granted it. */
  timeoutMs: number;
  /** The newest transaction that any answer showed. */
  lastZxid = 0n;
  /** When something last came from a server. */
  heardMs = performance.now();
  isExpired = false;
  connectCount = 0;
  /** Of the server that it was connected to last. */
  port = 0;
  readonly #options: SessionOptions;
  #password: Uint8Array = new Uint8Array(16);
  #io: Deno.TcpConn | null = null;
  #isOpen = true;
  #xid = 0;
  #next: number;
  readonly #waiting: Waiting[] = [];
  #ready = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;
  #ping: ReturnType<typeof setInterval> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.timeoutMs = options.timeoutMs;
    this.#next = Math.floor(Math.random() * options.ports.length);
    this.#ready.promise.catch(() => {});
    this.#ended = this.#run();
  }

  /** Once connected; rejects where the session has ended. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Leaves without a word, as a client does that is killed. */
  async abandon(): Promise<void> {
    this.#isOpen = false;
    this.#drop();
    await this.#ended;
  }

  /** Ends the session. @throws {RequestFailure} Where nobody knows whether it did. */
  async close(): Promise<void> {
    try {
      await this.request("close", OpCode.closeSession);
    } finally {
      await this.abandon();
    }
  }

  async create(
    path: string,
    data: string,
    mode: number = CreateMode.persistent,
  ): Promise<string> {
    const reader = await this.request(
      `create ${path}`,
      OpCode.create,
      (out) => writeCreate(out, path, data, mode),
    );
    return reader.utf8(reader.int32());
  }

  /** Creates all of these, or none. */
  async createAll(paths: readonly string[], data: string): Promise<void> {
    await this.request(`multi ${paths[0]}`, OpCode.multi, (out) => {
      for (const path of paths) {
        writeMultiHeader(out, OpCode.create, false);
        writeCreate(out, path, data, CreateMode.persistent);
      }
      writeMultiHeader(out, -1, true);
    });
  }

  async delete(path: string, version = -1): Promise<void> {
    await this.request(`delete ${path}`, OpCode.delete, (out) => {
      writeText(out, path);
      out.int32(version);
    });
  }

  async set(path: string, data: string, version: number): Promise<Stat> {
    const reader = await this.request(`set ${path}`, OpCode.setData, (out) => {
      writeText(out, path);
      writeText(out, data);
      out.int32(version);
    });
    return juteCodec(stat).decode(reader);
  }

  async get(
    path: string,
  ): Promise<{ readonly data: string; readonly stat: Stat }> {
    const reader = await this.request(`get ${path}`, OpCode.getData, (out) => {
      writeText(out, path);
      out.bool(false);
    });
    const size = reader.int32();
    const data = size < 0 ? "" : reader.utf8(size);
    return { data, stat: juteCodec(stat).decode(reader) };
  }

  /** @returns `null` where there is no such znode. */
  async exists(path: string): Promise<Stat | null> {
    try {
      const reader = await this.request(
        `exists ${path}`,
        OpCode.exists,
        (out) => {
          writeText(out, path);
          out.bool(false);
        },
      );
      return juteCodec(stat).decode(reader);
    } catch (error) {
      if (error instanceof RequestFailure && error.failure === "NO_NODE") {
        return null;
      }
      throw error;
    }
  }

  async children(path: string): Promise<string[]> {
    const reader = await this.request(
      `children ${path}`,
      OpCode.getChildren,
      (out) => {
        writeText(out, path);
        out.bool(false);
      },
    );
    const names: string[] = [];
    for (let count = reader.int32(); count > 0; count--) {
      names.push(reader.utf8(reader.int32()));
    }
    return names;
  }

  /** The list as text. */
  async acl(path: string): Promise<string> {
    const reader = await this.request(
      `acl ${path}`,
      OpCode.getAcl,
      (out) => writeText(out, path),
    );
    const entries: string[] = [];
    for (let count = reader.int32(); count > 0; count--) {
      const permissions = reader.int32();
      const scheme = reader.utf8(reader.int32());
      entries.push(`${scheme}:${reader.utf8(reader.int32())}:${permissions}`);
    }
    return entries.join(",");
  }

  /** Waits until this server has what the leader has. */
  async sync(): Promise<void> {
    await this.request("sync", OpCode.sync, (out) => writeText(out, "/"));
  }

  /** Sends a request; gives what follows the header of its answer. */
  async request(
    what: string,
    opCode: number,
    body: (out: Writer) => void = () => {},
  ): Promise<Reader> {
    await this.#ready.promise;
    const out = new Writer();
    out.int32(0);
    out.int32(opCode === OpCode.ping ? PING_XID : ++this.#xid);
    out.int32(opCode);
    body(out);
    return await new Promise((resolve, reject) => {
      this.#waiting.push({ what, resolve, reject });
      this.#send(out);
    });
  }

  #send(out: Writer): void {
    out.patchInt32(0, out.position - 4);
    const io = this.#io;
    if (io === null) return this.#drop();
    writeAll(io, out.written()).catch(() => {
      if (this.#io === io) this.#drop();
    });
  }

  async #run(): Promise<void> {
    while (this.#isOpen) {
      try {
        const io = await this.#connect();
        if (io === null) break;
        await this.#readAll(io);
      } catch {
        // The server has gone, or did not want this client: the next one may.
      }
      this.#drop();
      if (this.#isOpen) await pause(CONNECT_PAUSE_MS);
    }
    this.#drop();
    this.#ready.reject(new RequestFailure("expired", "session"));
  }

  /** @returns `null` where the session has ended. */
  async #connect(): Promise<Deno.TcpConn | null> {
    const { ports } = this.#options;
    const port = ports[this.#next++ % ports.length];
    const io = await Deno.connect({ hostname: "127.0.0.1", port });
    const timer = setTimeout(() => closeQuietly(io), HANDSHAKE_MS);
    try {
      io.setNoDelay(true);
      await writeAll(io, this.#hello());
      const reader = await readFrame(io);
      reader.int32();
      const timeoutMs = reader.int32();
      const sessionId = reader.bigInt64();
      if (timeoutMs <= 0) {
        this.#expired();
        closeQuietly(io);
        return null;
      }
      this.timeoutMs = timeoutMs;
      this.sessionId = sessionId;
      this.#password = reader.view(reader.int32()).slice();
    } catch (error) {
      closeQuietly(io);
      throw error;
    } finally {
      clearTimeout(timer);
    }
    if (!this.#isOpen) {
      closeQuietly(io);
      return null;
    }
    this.#io = io;
    this.connectCount++;
    this.port = port;
    this.heardMs = performance.now();
    this.#ping = setInterval(
      () => this.#keepAlive(),
      this.#options.pingMs ?? this.timeoutMs / 6,
    );
    this.#ready.resolve();
    return io;
  }

  #hello(): Uint8Array {
    const out = new Writer();
    out.int32(0);
    out.int32(0);
    out.bigInt64(this.lastZxid);
    out.int32(this.#options.timeoutMs);
    out.bigInt64(this.sessionId);
    out.int32(this.#password.length);
    out.raw(this.#password);
    out.bool(false);
    out.patchInt32(0, out.position - 4);
    return out.written();
  }

  #keepAlive(): void {
    const silentMaxMs = 2 * (this.#options.pingMs ?? this.timeoutMs / 6);
    const isSilent = () => performance.now() - this.heardMs > silentMaxMs;
    if (isSilent()) {
      // What lies here unread counts: this process may have been held up itself.
      const io = this.#io;
      setTimeout(() => {
        if (this.#io === io && isSilent()) this.#drop();
      }, UNREAD_MS);
      return;
    }
    const out = new Writer();
    out.int32(0);
    out.int32(PING_XID);
    out.int32(OpCode.ping);
    this.#send(out);
  }

  async #readAll(io: Deno.TcpConn): Promise<void> {
    for (;;) {
      const reader = await readFrame(io);
      if (this.#io !== io) return;
      this.heardMs = performance.now();
      const xid = reader.int32();
      const zxid = reader.bigInt64();
      const code = reader.int32();
      if (xid === EVENT_XID) continue;
      this.#noteZxid(zxid);
      if (xid === PING_XID) continue;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) {
        this.#options.problem(`an answer (${xid}) that nobody asked for`);
      } else if (code === 0) waiting.resolve(reader);
      else {
        const failure = errorNames.get(code) ?? "SYSTEM_ERROR";
        waiting.reject(new RequestFailure(failure, waiting.what));
      }
    }
  }

  #noteZxid(zxid: bigint): void {
    if (zxid < this.lastZxid) {
      this.#options.problem(
        `session 0x${hex(this.sessionId)} saw 0x${hex(zxid)} after 0x${
          hex(this.lastZxid)
        }`,
      );
    } else this.lastZxid = zxid;
  }

  #expired(): void {
    const silentMs = performance.now() - this.heardMs;
    if (silentMs < this.timeoutMs - EXPIRY_SLACK_MS) {
      this.#options.problem(
        `session 0x${hex(this.sessionId)} of ${this.timeoutMs} ms ended after ${
          Math.round(silentMs)
        } ms`,
      );
    }
    this.isExpired = true;
    this.#isOpen = false;
  }

  /** Lets go of the connection; nobody knows what became of its requests. */
  #drop(): void {
    clearInterval(this.#ping);
    const io = this.#io;
    this.#io = null;
    if (io !== null) closeQuietly(io);
    if (io !== null) {
      this.#ready = Promise.withResolvers();
      this.#ready.promise.catch(() => {});
    }
    for (const { what, reject } of this.#waiting.splice(0)) {
      reject(new RequestFailure("lost", what));
    }
  }
}

export function hex(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16);
}

function writeText(out: Writer, text: string): void {
  const size = utf8Size(text);
  out.int32(size);
  out.text(text, size);
}

function writeMultiHeader(out: Writer, type: number, isDone: boolean): void {
  out.int32(type);
  out.bool(isDone);
  out.int32(-1);
}

/** For everybody, with all permissions. */
function writeCreate(
  out: Writer,
  path: string,
  data: string,
  mode: number,
): void {
  writeText(out, path);
  writeText(out, data);
  out.int32(1);
  out.int32(31);
  writeText(out, "world");
  writeText(out, "anyone");
  out.int32(mode);
}

async function writeAll(io: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await io.write(bytes.subarray(at));
  }
}

async function readFrame(io: Deno.TcpConn): Promise<Reader> {
  const size = new DataView((await readExactly(io, 4)).buffer).getInt32(0);
  return new Reader(await readExactly(io, size));
}

async function readExactly(
  io: Deno.TcpConn,
  size: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const count = await io.read(bytes.subarray(at));
    if (count === null) throw new Error("the connection has ended");
    at += count;
  }
  return bytes;
}

function closeQuietly(io: Deno.TcpConn): void {
  try {
    io.close();
  } catch {
    // It has been closed by its other side.
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((done) => setTimeout(done, delayMs));
}
