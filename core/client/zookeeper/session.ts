// A session with an ensemble, whichever server it is connected to.
//
//   connecting → connected ⇄ disconnected → expired
//                    └──────────┴─────────→ closed
//
// Requests go out one behind the other and are answered in that order. What was
// on its way when a connection broke fails with CONNECTION_LOSS, since nobody
// knows whether it was carried out; what is asked meanwhile waits for the next
// connection, though no longer than a session may be silent.
//
// A server that was silent for two thirds of the session timeout is left for
// another, so that a third remains to find one. Only a server can say that the
// session has expired.
//
// Source: ZooKeeper documentation, "ZooKeeper Sessions".

import type { SessionState } from "../../coordination/znode_client.ts";
import { type Address, type Host, HostError } from "../../host/host.ts";
import { DecodeError, Reader } from "../../wire/reader.ts";
import type { ZkErrorName } from "../../wire/zookeeper/errors.ts";
import { juteCodec } from "../../wire/zookeeper/jute.ts";
import { OpCode, watcherEvent } from "../../wire/zookeeper/records.ts";
import { Call, type CallPlan } from "./call.ts";
import { ServerChoice } from "./server_choice.ts";
import { ServerLink, type SessionTicket } from "./server_link.ts";
import {
  authFrame,
  type Credentials,
  OwnXid,
  pingFrame,
  watchesFrame,
} from "./session_frames.ts";
import { type WatchEvent, WatchRegistry } from "./watch_registry.ts";
import { FrameError } from "../../rpc/frame_reader.ts";

export interface SessionOptions {
  readonly host: Host;
  readonly servers: readonly Address[];
  /** What is asked for; the server may grant another. */
  readonly timeoutMs: number;
  /** Requests on their way at once; others wait. */
  readonly inFlightMax?: number;
  /** The largest answer that is taken. */
  readonly answerMaxBytes?: number;
}

const XID_MAX = 2 ** 31 - 1;
const PING_MAX_MS = 10_000;
const CONNECT_MIN_MS = 200;
/** How long the end of a session is waited for. */
const CLOSE_MS = 1500;
const ANSWER_MAX_BYTES = 64 * 1024 * 1024;

const EVENT_TYPES = new Map<number, WatchEvent["type"]>([
  [1, "created"],
  [2, "deleted"],
  [3, "dataChanged"],
  [4, "childrenChanged"],
]);

/** What remains of a session's timeout is for finding another server. */
const SILENCE_SHARE = 2 / 3;
const PING_SHARE = 1 / 3;

const NO_TICKET: SessionTicket = {
  sessionId: 0n,
  password: new Uint8Array(16),
};

/** See the file's header. */
export class Session {
  readonly watches = new WatchRegistry();
  readonly #options: SessionOptions;
  readonly #host: Host;
  readonly #choice: ServerChoice;
  readonly #credentials: Credentials[] = [];
  readonly #stateListeners = new Set<(state: SessionState) => void>();
  /** Credentials that were sent and not answered yet: those who wait for it. */
  #proving: { done: () => void; fail: (name: ZkErrorName) => void }[] = [];
  #state: SessionState | "connecting" = "connecting";
  #ticket = NO_TICKET;
  #timeoutMs: number;
  #lastZxid = 0n;
  #lastXid = 0;
  #link: ServerLink | null = null;
  #inFlight: Call[] = [];
  /** For a connection, or for room among those in flight. */
  #held: Call[] = [];
  #isHolding = true;
  #lastHeardMs = 0;
  #lastSentMs = 0;
  #pingSentMs = 0;
  /** When the newest request that has an answer was sent. */
  #answeredMs = -Infinity;
  #connectedMs = 0;
  #stopTimer = () => {};
  #stopHolding = () => {};
  #endWait = () => {};
  /** Why the last try failed. */
  lastFailure: Error | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#host = options.host;
    this.#timeoutMs = options.timeoutMs;
    this.#choice = new ServerChoice(options.servers, options.host.random);
  }

  get state(): SessionState | "connecting" {
    return this.#state;
  }

  /** 0n until there was one. */
  get id(): bigint {
    return this.#ticket.sessionId;
  }

  /** As granted. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** `host:port` of the server, `null` while there is none. */
  get server(): string | null {
    return this.#state === "connected" ? this.#link?.server ?? null : null;
  }

  /** The newest change that this client may have seen. */
  get lastZxid(): bigint {
    return this.#lastZxid;
  }

  /** The session lives until then for certain (monotonic), as far as can be told here. */
  get livesUntilMs(): number {
    return this.#answeredMs + this.#timeoutMs * SILENCE_SHARE;
  }

  /** Begins to look for a server; once. */
  start(): void {
    this.#holdForAWhile();
    void this.#run();
  }

  onState(run: (state: SessionState) => void): () => void {
    this.#stateListeners.add(run);
    return () => this.#stateListeners.delete(run);
  }

  /** @throws {ZkError} What the server says; CONNECTION_LOSS, SESSION_EXPIRED. */
  call<T>(plan: CallPlan<T>): Promise<T> {
    const made = new Call(plan);
    const call = made as unknown as Call;
    if (this.#isOver) call.fail("SESSION_EXPIRED");
    else if (this.#state === "connected" || this.#isHolding) {
      this.#held.push(call);
      this.#sendHeld();
    } else call.fail("CONNECTION_LOSS");
    return made.promise;
  }

  /** Proves an identity, now and on each server to come. Fails as `call` does. */
  prove(credentials: Credentials): Promise<ZkErrorName> {
    this.#credentials.push(credentials);
    if (this.#state !== "connected") return Promise.resolve("OK");
    return new Promise((resolve) => {
      this.#proving.push({ done: () => resolve("OK"), fail: resolve });
      this.#sendCredentials(credentials);
    });
  }

  /** Ends the session; its ephemerals go, where a server can still be told. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    if (this.#state === "connected") {
      const closing = this.call({
        opCode: OpCode.closeSession,
        subject: "the end of the session",
        decode: () => {},
      }).catch(() => {});
      await new Promise<void>((done) => {
        const stop = this.#host.clock.after(CLOSE_MS, done);
        closing.then(() => {
          stop();
          done();
        });
      });
    }
    this.#end("closed");
  }

  get #isOver(): boolean {
    return this.#state === "expired" || this.#state === "closed";
  }

  get #hasRoom(): boolean {
    return this.#inFlight.length < (this.#options.inFlightMax ?? Infinity);
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const { address, delayMs } = this.#choice.next();
      if (delayMs > 0) await this.#wait(delayMs);
      if (this.#isOver) return;
      try {
        await this.#serve(address);
      } catch (error) {
        if (!isNetworkFailure(error)) throw error;
        this.lastFailure = error;
      }
      this.#linkLost();
    }
  }

  /** Connects to a server, and reads from it until that ends. */
  async #serve(address: Address): Promise<void> {
    const timeoutMs = Math.max(
      CONNECT_MIN_MS,
      this.#timeoutMs / this.#options.servers.length,
    );
    const link = await ServerLink.open(this.#host, address, {
      timeoutMs,
      frameMaxBytes: this.#options.answerMaxBytes ?? ANSWER_MAX_BYTES,
    });
    if (this.#isOver) return link.close();
    this.#link = link;
    const stopWaiting = this.#host.clock.after(timeoutMs, () => link.close());
    const sentMs = this.#host.clock.monotonicMs();
    try {
      const granted = await link.shakeHands({
        ...this.#ticket,
        lastZxid: this.#lastZxid,
        timeoutMs: this.#options.timeoutMs,
      });
      stopWaiting();
      if (this.#isOver) return;
      if (granted.timeoutMs <= 0) return this.#end("expired");
      this.#ticket = granted;
      this.#timeoutMs = granted.timeoutMs;
      this.#answeredMs = sentMs;
      this.#connected(link);
      await this.#readAll(link);
    } finally {
      stopWaiting();
      link.close();
    }
  }

  #connected(link: ServerLink): void {
    const nowMs = this.#host.clock.monotonicMs();
    this.#lastHeardMs = this.#lastSentMs = this.#connectedMs = nowMs;
    this.#stopHolding();
    this.#isHolding = true;
    for (const each of this.#credentials) {
      this.#proving.push({ done: () => {}, fail: () => {} });
      this.#sendCredentials(each);
    }
    for (const portion of this.watches.portions()) {
      this.#write(link, watchesFrame(portion, this.#lastZxid));
    }
    this.#tell("connected");
    this.#sendHeld();
    this.#lookAfter(link);
  }

  /** Pings a server that has nothing to do, and leaves one that does not answer. */
  #lookAfter(link: ServerLink): void {
    if (!link.isOpen) return;
    const nowMs = this.#host.clock.monotonicMs();
    const silentMs = this.#timeoutMs * SILENCE_SHARE;
    const restMs = Math.min(this.#timeoutMs * PING_SHARE, PING_MAX_MS);
    if (nowMs >= this.#lastHeardMs + silentMs) {
      this.lastFailure = new HostError(
        "timedOut",
        `${link.server} was silent for ${Math.round(silentMs)} ms`,
      );
      return link.close();
    }
    if (nowMs >= this.#lastSentMs + restMs) {
      this.#pingSentMs = nowMs;
      this.#write(link, pingFrame());
    }
    const nextMs = Math.min(
      this.#lastHeardMs + silentMs,
      this.#lastSentMs + restMs,
    );
    this.#stopTimer = this.#host.clock.after(
      Math.max(1, nextMs - nowMs),
      () => this.#lookAfter(link),
    );
  }

  async #readAll(link: ServerLink): Promise<void> {
    for (;;) {
      const frame = link.take() ?? await link.next();
      if (frame === null || !link.isOpen) return;
      this.#lastHeardMs = this.#host.clock.monotonicMs();
      this.#receive(frame);
      if (this.#isOver) return;
    }
  }

  #receive(frame: Uint8Array): void {
    const reader = new Reader(frame);
    const xid = reader.int32();
    const zxid = reader.bigInt64();
    const errorCode = reader.int32();
    if (zxid > this.#lastZxid) this.#lastZxid = zxid;
    switch (xid) {
      case OwnXid.event:
        return this.#event(reader);
      case OwnXid.ping:
        this.#answeredMs = Math.max(this.#answeredMs, this.#pingSentMs);
        return;
      case OwnXid.auth:
        return this.#proved(errorCode);
      case OwnXid.watches:
        return;
    }
    const call = this.#inFlight[0];
    if (call?.xid !== xid) {
      throw new DecodeError(`answer ${xid} came where ${call?.xid} is due`, 0);
    }
    call.answer(errorCode, reader);
    this.#inFlight.shift();
    this.#answeredMs = Math.max(this.#answeredMs, call.sentMs);
    this.#sendHeld();
  }

  #event(reader: Reader): void {
    const { type, path } = juteCodec(watcherEvent).decode(reader);
    const eventType = EVENT_TYPES.get(type);
    if (eventType === undefined) return;
    const event = { type: eventType, path };
    for (const run of this.watches.take(event)) {
      // Behind those who hear of answers that came before the event.
      queueMicrotask(() => run(event));
    }
  }

  #proved(errorCode: number): void {
    const waiting = this.#proving.shift();
    if (errorCode === 0) return waiting?.done();
    waiting?.fail("AUTH_FAILED");
    // Servers end the connection of whoever is not who it says.
    this.#end("closed", "AUTH_FAILED");
  }

  #send(call: Call): void {
    this.#lastXid = this.#lastXid === XID_MAX ? 1 : this.#lastXid + 1;
    call.sentMs = this.#host.clock.monotonicMs();
    this.#inFlight.push(call);
    this.#write(this.#link!, call.frameAs(this.#lastXid));
  }

  #sendHeld(): void {
    while (
      this.#held.length > 0 && this.#state === "connected" && this.#hasRoom
    ) this.#send(this.#held.shift()!);
  }

  #sendCredentials(credentials: Credentials): void {
    this.#write(this.#link!, authFrame(credentials));
  }

  #write(link: ServerLink, frame: Uint8Array): void {
    this.#lastSentMs = this.#host.clock.monotonicMs();
    link.send(frame);
  }

  /** The connection has ended, if there was one. */
  #linkLost(): void {
    this.#stopTimer();
    this.#link = null;
    if (this.#isOver) return;
    if (this.#state === "connected") {
      const nowMs = this.#host.clock.monotonicMs();
      this.#choice.held(nowMs - this.#connectedMs);
      this.#holdForAWhile();
      this.#failAll(this.#inFlight.splice(0), "CONNECTION_LOSS");
      for (const each of this.#proving.splice(0)) each.fail("CONNECTION_LOSS");
      this.#tell("disconnected");
    }
  }

  #holdForAWhile(): void {
    this.#stopHolding();
    this.#stopHolding = this.#host.clock.after(this.#timeoutMs, () => {
      this.#isHolding = false;
      this.#failAll(this.#held.splice(0), "CONNECTION_LOSS");
    });
  }

  #end(
    state: "expired" | "closed",
    errorName: ZkErrorName = "SESSION_EXPIRED",
  ): void {
    if (this.#isOver) return;
    this.#answeredMs = -Infinity;
    this.#stopTimer();
    this.#stopHolding();
    this.#tell(state);
    this.#failAll(this.#inFlight.splice(0), errorName);
    this.#failAll(this.#held.splice(0), errorName);
    for (const each of this.#proving.splice(0)) each.fail(errorName);
    this.watches.clear();
    this.#link?.close();
    this.#endWait();
  }

  #failAll(calls: readonly Call[], errorName: ZkErrorName): void {
    for (const call of calls) call.fail(errorName);
  }

  #tell(state: SessionState): void {
    this.#state = state;
    for (const run of [...this.#stateListeners]) run(state);
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((done) => {
      const stop = this.#host.clock.after(delayMs, done);
      this.#endWait = () => {
        stop();
        done();
      };
    });
  }
}

function isNetworkFailure(error: unknown): error is Error {
  return error instanceof HostError || error instanceof DecodeError ||
    error instanceof FrameError;
}
