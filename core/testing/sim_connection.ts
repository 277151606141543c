// One end of a simulated TCP connection.
//
//   open ──close()──▶ closed           bytes that still arrive are met by a reset
//   open ──reset arrives──▶ failed     what was not read is lost
//   open ──its process ends──▶ dead    nothing asked of it is ever answered

import { type Connection, HostError } from "../host/host.ts";
import { never, type SimLife } from "./sim_life.ts";
import { type Segment, type SimLink, SimStream } from "./sim_stream.ts";

interface Reader {
  readonly target: Uint8Array;
  readonly resolve: (count: number | null) => void;
  readonly reject: (error: HostError) => void;
}

export interface EndOptions {
  readonly node: string;
  readonly peer: string;
  readonly local: string;
  readonly life: SimLife;
  /** Of the direction that this end writes. */
  readonly link: SimLink;
  /** Whether the machine is there to answer for a process that is not. */
  readonly isNodeUp: () => boolean;
}

export class SimConnection implements Connection {
  readonly peer: string;
  readonly local: string;
  readonly node: string;
  readonly life: SimLife;
  readonly outgoing: SimStream;
  readonly #options: EndOptions;
  /** The other end; set once both are made. */
  #other: SimConnection | null = null;
  readonly #arrived: Uint8Array[] = [];
  #hasEnded = false;
  #isOpen = true;
  #failure: HostError | null = null;
  #reader: Reader | null = null;
  #rejectWrite: ((error: HostError) => void) | null = null;

  constructor(options: EndOptions) {
    this.#options = options;
    this.node = options.node;
    this.peer = options.peer;
    this.local = options.local;
    this.life = options.life;
    this.outgoing = new SimStream(
      options.link,
      (segment) => this.#other?.receive(segment),
    );
  }

  static join(a: SimConnection, b: SimConnection): void {
    a.#other = b;
    b.#other = a;
  }

  /** Whether neither close nor failure nor crash has ended it. */
  get isLive(): boolean {
    return this.#isOpen && this.#failure === null && !this.life.isOver;
  }

  /** Whether both ends are done with it, so that nothing can arrive any more. */
  get isForgotten(): boolean {
    return !this.isLive && !(this.#other?.isLive ?? false) &&
      this.outgoing.isEmpty && (this.#other?.outgoing.isEmpty ?? true);
  }

  read(target: Uint8Array): Promise<number | null> {
    if (this.life.isOver) return never();
    if (!this.#isOpen) return Promise.reject(this.#closed("read from"));
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#reader !== null) {
      return Promise.reject(
        new Error(`Two reads at once from ${this.peer}: one at a time`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#reader = { target, resolve, reject };
      this.#feedReader();
    });
  }

  write(source: Uint8Array): Promise<void> {
    if (this.life.isOver) return never();
    if (!this.#isOpen) return Promise.reject(this.#closed("write to"));
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#rejectWrite !== null) {
      return Promise.reject(
        new Error(`Two writes at once to ${this.peer}: one at a time`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#rejectWrite = reject;
      this.outgoing.write(source).then(() => {
        if (this.#rejectWrite === reject) this.#rejectWrite = null;
        resolve();
      });
    });
  }

  close(): void {
    if (!this.#isOpen || this.life.isOver) return;
    this.#isOpen = false;
    this.#rejectWrite?.(this.#closed("write to"));
    this.#rejectWrite = null;
    this.#reader?.resolve(null);
    this.#reader = null;
    if (this.#failure !== null) return;
    // As Linux does: who closes with bytes unread tells the peer by a reset.
    this.outgoing.send(this.#arrived.length > 0 ? "reset" : "end");
  }

  /** A segment arrives from the other end. */
  receive(segment: Segment): void {
    if (!this.#options.isNodeUp()) return;
    if (segment === "reset") {
      this.fail("reset", "the peer has reset the connection");
    } else if (!this.isLive) {
      if (segment !== "end" && this.#failure === null) {
        this.outgoing.send("reset");
      }
    } else {
      if (segment === "end") this.#hasEnded = true;
      else this.#arrived.push(segment);
      this.life.whenAwake(this.#options.link.loop, () => this.#feedReader());
    }
  }

  /** Ends it from outside: reads and writes under way and to come throw. */
  fail(kind: "reset" | "timedOut", reason: string): void {
    if (!this.isLive) return;
    this.outgoing.cut();
    this.#arrived.length = 0;
    this.#failure = new HostError(
      kind,
      `Cannot go on with ${this.peer}: ${reason}`,
    );
    this.#reader?.reject(this.#failure);
    this.#rejectWrite?.(this.#failure);
    this.#reader = null;
    this.#rejectWrite = null;
  }

  /** Its process has ended: by a kill the kernel tells the peer, by a power cut nobody does. */
  die(cause: "kill" | "power"): void {
    if (!this.#isOpen || this.#failure !== null) return;
    if (cause === "kill") this.outgoing.send("reset");
    else this.outgoing.cut();
  }

  #feedReader(): void {
    const reader = this.#reader;
    if (reader === null) return;
    let count = 0;
    while (this.#arrived.length > 0 && count < reader.target.length) {
      const [first] = this.#arrived;
      const part = first.subarray(0, reader.target.length - count);
      reader.target.set(part, count);
      count += part.length;
      if (part.length < first.length) {
        this.#arrived[0] = first.subarray(part.length);
      } else {
        this.#arrived.shift();
      }
    }
    if (count === 0 && !this.#hasEnded) return;
    this.#reader = null;
    reader.resolve(count === 0 ? null : count);
    if (count > 0) this.#other?.outgoing.taken(count);
  }

  #closed(action: string): HostError {
    return new HostError(
      "closed",
      `Cannot ${action} ${this.peer}: this side has closed the connection`,
    );
  }
}
