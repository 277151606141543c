// One client's connection on the server's side: requests in, answers out.
//
// Requests start in the order in which they came and are answered in that order.
// A request starts when the one before it is done, or has said that the next may
// start meanwhile. With `inFlightMax` requests or `unsentMaxBytes` of answers
// under way, nothing more is read: a client that does not read its answers fills
// its own socket, not our memory.
//
// Source: Kafka protocol guide, "Network": "the server guarantees that on a
// single TCP connection, requests will be processed in the order they are sent".

import { type Connection, HostError } from "../host/host.ts";
import type { BufferPool } from "./buffer_pool.ts";
import { type Frame, FrameError, FrameReader } from "./frame_reader.ts";
import type { MemoryBudget } from "./memory_budget.ts";

/** Bytes to send; `release` is called once, when the last of them has gone. */
export interface Answer {
  readonly bytes: Uint8Array;
  release(): void;
}

/** An answer that takes time. */
export class PendingAnswer {
  constructor(
    readonly answer: Promise<Answer | null>,
    /** True where the connection's next request may start before this answer is there. */
    readonly letsNextStart: boolean,
  ) {}
}

/** `null` where the request gets no answer. */
export type Outcome = Answer | PendingAnswer | null;

/**
 * Serves one frame; its bytes hold until the outcome is there.
 *
 * @throws {FrameError} Where the frame makes no sense and the connection must go.
 */
export type FrameHandler = (
  frame: Uint8Array,
  connection: ServerConnection,
) => Outcome;

export interface ConnectionLimits {
  readonly frameMaxBytes: number;
  /** Requests of one connection that have been read and not been answered. */
  readonly inFlightMax: number;
  /** Bytes of answers of one connection that its socket has not taken. */
  readonly unsentMaxBytes: number;
  /** A connection on which nothing moves for so long is closed. */
  readonly idleMs: number;
  /** A first request that has begun must have come whole within this. */
  readonly handshakeMs: number;
}

/** What connections share with the server. */
export interface ServerShared {
  readonly pool: BufferPool;
  readonly budget: MemoryBudget;
  readonly limits: ConnectionLimits;
  readonly nowMs: () => number;
  readonly counts: { bytesReceived: number; bytesSent: number };
  /** Told of what must not happen, where nobody waits for it. */
  readonly onFatal: (error: unknown) => void;
}

/** A place in the order of answers. */
interface Slot {
  isReady: boolean;
  answer: Answer | null;
}

/** How long a connection that is ending waits for its last answers. */
const LINGER_MS = 2000;

/** Answers up to this size are sent together with those beside them. */
const JOINED_MAX_BYTES = 16 * 1024;

export class ServerConnection {
  readonly id: number;
  readonly peer: string;
  readonly peerHost: string;
  readonly listenerName: string;
  /** Resolves when the connection has ended and nothing of it is under way. */
  readonly closed: Promise<void>;
  /** What the layer above keeps with the connection. */
  attachment: unknown = null;
  readonly #io: Connection;
  readonly #shared: ServerShared;
  readonly #handler: FrameHandler;
  readonly #reader: FrameReader;
  readonly #slots: Slot[] = [];
  #unsentBytes = 0;
  #isWriting = false;
  #isOpen = true;
  #isReading = true;
  #hasServed = false;
  #closeReason: string | null = null;
  #wakeReader: (() => void) | null = null;
  #tellClosed: () => void = () => {};
  /** When the last frame or answer went through whole, and when the frame under way began. */
  #movedMs: number;
  #frameBeganMs: number | null = null;

  constructor(
    identity: { readonly id: number; readonly listenerName: string },
    io: Connection,
    shared: ServerShared,
    handler: FrameHandler,
  ) {
    this.id = identity.id;
    this.listenerName = identity.listenerName;
    this.closed = new Promise((done) => this.#tellClosed = done);
    this.peer = io.peer;
    this.peerHost = hostOf(io.peer);
    this.#io = io;
    this.#shared = shared;
    this.#handler = handler;
    this.#reader = new FrameReader(shared.pool, shared.limits.frameMaxBytes);
    this.#movedMs = shared.nowMs();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Requests read and not yet answered. */
  get inFlightCount(): number {
    return this.#slots.length;
  }

  /** Why this side ended the connection; `null` where the client did. */
  get closeReason(): string | null {
    return this.#closeReason;
  }

  /** Serves the connection until it ends. */
  async run(): Promise<void> {
    try {
      await this.#readAll();
    } catch (error) {
      if (error instanceof FrameError) this.#closeReason ??= error.message;
      else if (!(error instanceof HostError)) throw error;
    } finally {
      this.#isReading = false;
      this.#reader.close();
      this.#shared.budget.cancel(this);
      this.#flush();
      if (this.#slots.length === 0 && !this.#isWriting) this.close();
    }
  }

  /** Reads no more; closes once what was asked is answered. */
  finish(reason: string): void {
    this.#closeReason ??= reason;
    this.#isReading = false;
    this.#wakeReader?.();
    if (this.#slots.length === 0 && !this.#isWriting) this.close();
  }

  /** Ends the connection now. */
  close(reason?: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#isReading = false;
    if (reason !== undefined) this.#closeReason ??= reason;
    this.#wakeReader?.();
    this.#shared.budget.cancel(this);
    this.#io.close();
    if (!this.#isWriting) this.#dropAnswers();
    this.#tellClosed();
  }

  /** Closes the connection where it has been still for too long. */
  checkIdle(nowMs: number): void {
    const { idleMs, handshakeMs } = this.#shared.limits;
    const stillMs = nowMs - this.#movedMs;
    if (!this.#isReading) {
      // The client has ended its side, or is being sent away: what is answered
      // by now may still go out.
      if (stillMs > LINGER_MS) this.close();
    } else if (this.#frameBeganMs !== null) {
      const allowedMs = this.#hasServed ? idleMs : handshakeMs;
      if (nowMs - this.#frameBeganMs > allowedMs) {
        this.close(`a request took more than ${allowedMs} ms to arrive`);
      }
    } else if (
      stillMs > idleMs && (this.#slots.length === 0 || this.#isWriting)
    ) {
      this.close(`idle for more than ${idleMs} ms`);
    }
  }

  async #readAll(): Promise<void> {
    while (this.#isReading) {
      for (
        let frame = this.#reader.next();
        frame !== null;
        frame = this.#reader.next()
      ) {
        this.#frameBeganMs = null;
        this.#movedMs = this.#shared.nowMs();
        const pending = this.#serve(frame);
        if (pending !== null) {
          this.#flush();
          await pending;
        }
        while (this.#isReading && this.#isFull()) {
          this.#flush();
          await new Promise<void>((wake) => this.#wakeReader = wake);
          this.#wakeReader = null;
        }
        if (!this.#isReading) return;
      }
      this.#flush();
      if (this.#reader.needsMemory) await this.#shared.budget.turn(this);
      if (!this.#isReading) return;
      const count = await this.#io.read(this.#reader.room());
      if (count === null) return;
      this.#shared.counts.bytesReceived += count;
      this.#reader.received(count);
      if (this.#reader.isInsideFrame) {
        this.#frameBeganMs ??= this.#shared.nowMs();
      }
    }
  }

  #isFull(): boolean {
    const { inFlightMax, unsentMaxBytes } = this.#shared.limits;
    return this.#slots.length >= inFlightMax ||
      this.#unsentBytes >= unsentMaxBytes;
  }

  /** Starts one request; a promise where the next may not start before it resolves. */
  #serve(frame: Frame): Promise<void> | null {
    let outcome: Outcome;
    try {
      outcome = this.#handler(frame.bytes, this);
    } catch (error) {
      this.#release(frame);
      throw error;
    }
    this.#hasServed = true;
    if (!(outcome instanceof PendingAnswer)) {
      this.#release(frame);
      if (outcome !== null) this.#queue({ isReady: true, answer: outcome });
      return null;
    }
    const slot: Slot = { isReady: false, answer: null };
    this.#slots.push(slot);
    const done = this.#settle(slot, outcome.answer, frame);
    if (!outcome.letsNextStart) return done;
    done.catch((error) => this.#shared.onFatal(error));
    return null;
  }

  async #settle(
    slot: Slot,
    pending: Promise<Answer | null>,
    frame: Frame,
  ): Promise<void> {
    let answer: Answer | null = null;
    try {
      answer = await pending;
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.finish(error.message);
    } finally {
      this.#release(frame);
      slot.isReady = true;
    }
    if (answer !== null && !this.#isOpen) {
      answer.release();
      answer = null;
    }
    slot.answer = answer;
    this.#unsentBytes += answer?.bytes.length ?? 0;
    if (!this.#isOpen) this.#dropAnswers();
    else this.#flush();
  }

  #release(frame: Frame): void {
    frame.release();
    this.#shared.budget.gaveBack(this);
  }

  #queue(slot: Slot): void {
    if (!this.#isOpen) {
      slot.answer?.release();
      return;
    }
    this.#slots.push(slot);
    this.#unsentBytes += slot.answer!.bytes.length;
  }

  /**
   * Sends what is ready at the head of the order, unless that is under way. Plain
   * callbacks: of what a small request costs, promises were a tenth.
   */
  #flush(): void {
    if (this.#isWriting || !this.#isOpen) return;
    if (this.#slots.length === 0 || !this.#slots[0].isReady) return;
    const answers = this.#takeReady();
    if (answers.length === 0) return this.#goOn();
    this.#isWriting = true;
    const piece = this.#join(answers);
    this.#io.write(piece.bytes).then(
      () => this.#written(piece, null),
      (error) => this.#written(piece, error),
    );
  }

  #written(piece: Answer, error: unknown): void {
    try {
      if (error === null) {
        this.#shared.counts.bytesSent += piece.bytes.length;
        this.#movedMs = this.#shared.nowMs();
      } else if (error instanceof HostError) this.close();
      else this.#shared.onFatal(error);
      this.#unsentBytes -= piece.bytes.length;
      piece.release();
      this.#shared.budget.gaveBack(this);
      this.#isWriting = false;
      if (this.#isOpen) this.#goOn();
      else this.#dropAnswers();
    } catch (fault) {
      this.#shared.onFatal(fault);
    }
  }

  /** Some answers have left their places: what waited for that may go on. */
  #goOn(): void {
    if (!this.#isFull()) this.#wakeReader?.();
    this.#flush();
    if (this.#isReading || this.#isWriting) return;
    if (this.#slots.length === 0) this.close();
  }

  /** Takes the answers that make one write: one large, or small ones together. */
  #takeReady(): Answer[] {
    const answers: Answer[] = [];
    let byteCount = 0;
    while (this.#slots.length > 0 && this.#slots[0].isReady) {
      const answer = this.#slots[0].answer;
      if (answer !== null) {
        byteCount += answer.bytes.length;
        if (answers.length > 0 && byteCount > JOINED_MAX_BYTES) break;
        answers.push(answer);
      }
      this.#slots.shift();
    }
    return answers;
  }

  /** Answers as one piece of bytes. */
  #join(answers: Answer[]): Answer {
    if (answers.length === 1) return answers[0];
    let byteCount = 0;
    for (const { bytes } of answers) byteCount += bytes.length;
    const { pool } = this.#shared;
    const joined = pool.take(byteCount);
    let position = 0;
    for (const answer of answers) {
      joined.set(answer.bytes, position);
      position += answer.bytes.length;
      answer.release();
    }
    return {
      bytes: joined.subarray(0, byteCount),
      release: () => pool.give(joined),
    };
  }

  #dropAnswers(): void {
    for (const slot of this.#slots) slot.answer?.release();
    this.#slots.length = 0;
    this.#unsentBytes = 0;
  }
}

/** `host` of `host:port`, without the brackets of IPv6. */
function hostOf(peer: string): string {
  const host = peer.slice(0, peer.lastIndexOf(":"));
  return host.startsWith("[") ? host.slice(1, -1) : host;
}
