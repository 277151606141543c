// A proxy in front of a broker that holds requests back: for as long as a draw
// says, and delivers them even where their client has given up meanwhile. What a
// client sends anew, on another connection, overtakes what is held.
//
// Within a connection nothing overtakes anything: what is behind a held request
// waits with it, as behind a lost segment.

import { readInt16, writeInt32 } from "../base/big_endian.ts";
import { MIB } from "../base/units.ts";
import {
  type Address,
  type Connection,
  type Host,
  type Listener,
  sleep,
} from "../host/host.ts";
import { FRAME_PREFIX_BYTES, FrameStream } from "../rpc/frame_stream.ts";

const FRAME_MAX_BYTES = 100 * MIB;
const READ_BYTES = 64 * 1024;
/** How long a broker is left with what was delivered last before its connection ends. */
const LAST_WORDS_MS = 3000;

export interface HoldingProxyOptions {
  readonly listen: Address;
  readonly target: Address;
  /** How long a request is held, in milliseconds; 0 lets it pass. */
  readonly holdMs: (apiKey: number) => number;
  /** Told of each request when it goes on. */
  readonly onDelivered?: (request: DeliveredRequest) => void;
}

/** A request that goes on to the broker. */
export interface DeliveredRequest {
  /** Header and body. */
  readonly frame: Uint8Array;
  /** 0 where it was not held. */
  readonly heldMs: number;
  /** Whether its client has gone meanwhile. */
  readonly isLate: boolean;
}

/** What a proxy has done so far. */
export interface HoldingCounts {
  /** Requests that were held. */
  heldCount: number;
  /** Of those, delivered after their client had gone. */
  lateCount: number;
  /** The longest that one was held. */
  longestMs: number;
}

export class HoldingProxy {
  readonly counts: HoldingCounts = { heldCount: 0, lateCount: 0, longestMs: 0 };
  /** By API key, how many were held. */
  readonly heldByApi = new Map<number, number>();
  readonly #host: Host;
  readonly #options: HoldingProxyOptions;
  readonly #open = new Set<Connection>();
  #listener: Listener | null = null;
  #pendingCount = 0;
  #isClosed = false;

  private constructor(host: Host, options: HoldingProxyOptions) {
    this.#host = host;
    this.#options = options;
  }

  static async start(
    host: Host,
    options: HoldingProxyOptions,
  ): Promise<HoldingProxy> {
    const proxy = new HoldingProxy(host, options);
    proxy.#listener = await host.net.listen(
      options.listen,
      (near) => void proxy.#serve(near),
    );
    return proxy;
  }

  /** Requests that are being held. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  get address(): Address {
    return this.#listener!.address;
  }

  /** Ends all connections; what is held is never delivered. */
  close(): void {
    this.#isClosed = true;
    this.#listener?.close();
    for (const connection of this.#open) connection.close();
  }

  async #serve(near: Connection): Promise<void> {
    this.#open.add(near);
    try {
      const far = await this.#host.net.connect(this.#options.target);
      this.#open.add(far);
      try {
        await this.#join(near, far);
      } finally {
        far.close();
        this.#open.delete(far);
      }
    } catch {
      // The broker is down, or has closed: so does the proxy.
    } finally {
      near.close();
      this.#open.delete(near);
    }
  }

  async #join(near: Connection, far: Connection): Promise<void> {
    const queue: Uint8Array[] = [];
    let hasLeft = false;
    let hasEnded = false;
    let wake = () => {};
    const answering = pipe(far, near).then(() => {
      hasEnded = true;
      wake();
    });
    void collect(near, (frame) => {
      if (frame === null) hasLeft = true;
      else queue.push(frame);
      wake();
    });
    while (!hasEnded) {
      const frame = queue.shift();
      if (frame !== undefined) {
        await this.#deliver(frame, far, () => hasLeft);
        continue;
      }
      if (hasLeft) break;
      await new Promise<void>((resolve) => wake = resolve);
    }
    await Promise.race([answering, sleep(this.#host.clock, LAST_WORDS_MS)]);
  }

  async #deliver(
    frame: Uint8Array,
    far: Connection,
    hasLeft: () => boolean,
  ): Promise<void> {
    const apiKey = readInt16(frame, 0);
    const holdMs = this.#options.holdMs(apiKey);
    if (holdMs > 0) {
      this.#pendingCount++;
      await sleep(this.#host.clock, holdMs);
      this.#pendingCount--;
      if (this.#isClosed) return;
      this.#note(apiKey, holdMs, hasLeft());
    }
    const isLate = hasLeft();
    this.#options.onDelivered?.({ frame, heldMs: holdMs, isLate });
    const bytes = new Uint8Array(FRAME_PREFIX_BYTES + frame.length);
    writeInt32(bytes, 0, frame.length);
    bytes.set(frame, FRAME_PREFIX_BYTES);
    await far.write(bytes);
  }

  #note(apiKey: number, heldMs: number, isLate: boolean): void {
    const { counts, heldByApi } = this;
    counts.heldCount++;
    if (isLate) counts.lateCount++;
    counts.longestMs = Math.max(counts.longestMs, heldMs);
    heldByApi.set(apiKey, (heldByApi.get(apiKey) ?? 0) + 1);
  }
}

/** Takes frames for as long as they come, whoever waits for them; `null` is the end. */
async function collect(
  near: Connection,
  take: (frame: Uint8Array | null) => void,
): Promise<void> {
  const frames = new FrameStream(near, { frameMaxBytes: FRAME_MAX_BYTES });
  try {
    for (let frame; (frame = await frames.next()) !== null;) take(frame);
  } catch {
    // It has left in the middle of a frame, which nobody can deliver.
  }
  take(null);
}

/** Hands on what one says to another, who may have stopped listening; resolves at its end. */
async function pipe(from: Connection, to: Connection): Promise<void> {
  const bytes = new Uint8Array(READ_BYTES);
  let isHeard = true;
  try {
    for (;;) {
      const count = await from.read(bytes);
      if (count === null) return;
      if (!isHeard) continue;
      await to.write(bytes.subarray(0, count)).catch(() => isHeard = false);
    }
  } catch {
    // A broken connection has ended, too.
  }
}
