// One direction of a simulated TCP connection: bytes that arrive in order, late,
// and cut at places that have nothing to do with how they were written.
//
// A write is copied, as a kernel does, as far as the window has room: what was
// accepted and not yet read. Beyond that it waits, so a peer that never reads
// holds its sender up.

import type { SimLoop } from "./sim_loop.ts";
import type { SimRandom } from "./sim_random.ts";

/** What a stream needs to know of the link that it runs over. */
export interface SimLink {
  readonly loop: SimLoop;
  readonly random: SimRandom;
  readonly windowBytes: number;
  /** The most that one segment carries, in bytes. */
  readonly segmentMaxBytes: number;
  /** How many of the writes arrive in pieces. */
  readonly splitProbability: number;
  latencyMs(): number;
  /** Whether nothing gets through now; `pump` goes on when that ends. */
  isBlocked(): boolean;
}

/** What arrives: bytes, an orderly end, or a reset. */
export type Segment = Uint8Array | "end" | "reset";

/** How many of the segments are a few bytes only: where framing breaks. */
const TINY_PROBABILITY = 0.25;
const TINY_MAX_BYTES = 16;

interface Writer {
  readonly source: Uint8Array;
  position: number;
  readonly done: () => void;
}

export class SimStream {
  readonly #link: SimLink;
  readonly #deliver: (segment: Segment) => void;
  readonly #segments: { segment: Segment; readyMs: number }[] = [];
  #lastReadyMs = 0;
  #isPumping = false;
  /** Accepted from the writer and not yet taken by the reader. */
  #unreadBytes = 0;
  #writer: Writer | null = null;

  /** @param deliver Gets the segments, one event each, in order. */
  constructor(link: SimLink, deliver: (segment: Segment) => void) {
    this.#link = link;
    this.#deliver = deliver;
  }

  /** Whether nothing is on its way. */
  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  /** Resolves once all is accepted; never, if the stream is cut before. */
  write(source: Uint8Array): Promise<void> {
    return new Promise((done) => {
      this.#writer = { source, position: 0, done };
      this.#accept();
    });
  }

  /** Sends what follows the bytes accepted so far; what waits is dropped. */
  send(segment: "end" | "reset"): void {
    this.#writer = null;
    this.#enqueue(segment);
  }

  /** The reader took so many bytes: there is room for as many more. */
  taken(count: number): void {
    this.#unreadBytes -= count;
    this.#accept();
  }

  /** Forgets all that is on its way. */
  cut(): void {
    this.#writer = null;
    this.#segments.length = 0;
  }

  /** Goes on delivering, after the link was blocked. */
  pump(): void {
    const next = this.#segments[0];
    if (this.#isPumping || next === undefined || this.#link.isBlocked()) return;
    this.#isPumping = true;
    const { loop } = this.#link;
    loop.schedule(Math.max(0, next.readyMs - loop.nowMs), () => {
      this.#isPumping = false;
      if (this.#link.isBlocked()) return;
      const arrived = this.#segments.shift();
      if (arrived !== undefined) this.#deliver(arrived.segment);
      this.pump();
    });
  }

  #accept(): void {
    const writer = this.#writer;
    if (writer === null) return;
    const { random, windowBytes, segmentMaxBytes, splitProbability } =
      this.#link;
    const isSplit = splitProbability === 1 || random.chance(splitProbability);
    while (
      writer.position < writer.source.length && this.#unreadBytes < windowBytes
    ) {
      const restBytes = writer.source.length - writer.position;
      const limit = Math.min(
        isSplit && random.chance(TINY_PROBABILITY)
          ? TINY_MAX_BYTES
          : segmentMaxBytes,
        restBytes,
      );
      const end = writer.position + 1 +
        (isSplit ? random.below(limit) : limit - 1);
      this.#enqueue(writer.source.slice(writer.position, end));
      this.#unreadBytes += end - writer.position;
      writer.position = end;
    }
    if (writer.position < writer.source.length) return;
    this.#writer = null;
    writer.done();
  }

  #enqueue(segment: Segment): void {
    const readyMs = Math.max(
      this.#lastReadyMs,
      this.#link.loop.nowMs + this.#link.latencyMs(),
    );
    this.#lastReadyMs = readyMs;
    this.#segments.push({ segment, readyMs });
    this.pump();
  }
}
