// Which server is tried next, and how soon.
//
// Servers are taken in a random order that stays. Each is tried once without
// delay; after a whole round in vain the client waits, longer from round to
// round, so that servers that are busy starting are left to it.

import type { Address } from "../../host/host.ts";

const DELAY_MIN_MS = 50;
const DELAY_MAX_MS = 1000;
/** A session that was held for shorter counts as a try in vain. */
const HELD_MS = 1000;

/** See the file's header. */
export class ServerChoice {
  readonly #servers: readonly Address[];
  readonly #random: () => number;
  #next = 0;
  #triedCount = 0;

  constructor(servers: readonly Address[], random: () => number) {
    this.#servers = shuffled(servers, random);
    this.#random = random;
  }

  /** How many tries there were since a session was held. */
  get triedCount(): number {
    return this.#triedCount;
  }

  next(): { readonly address: Address; readonly delayMs: number } {
    const address = this.#servers[this.#next];
    this.#next = (this.#next + 1) % this.#servers.length;
    const round = Math.floor(this.#triedCount++ / this.#servers.length);
    if (round === 0) return { address, delayMs: 0 };
    const longest = Math.min(DELAY_MIN_MS * 2 ** round, DELAY_MAX_MS);
    return { address, delayMs: longest * (0.5 + this.#random() / 2) };
  }

  /** Takes note that a server held the session for so long. */
  held(durationMs: number): void {
    if (durationMs >= HELD_MS) this.#triedCount = 0;
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let left = result.length; left > 1; left--) {
    const pick = Math.floor(random() * left);
    [result[left - 1], result[pick]] = [result[pick], result[left - 1]];
  }
  return result;
}
