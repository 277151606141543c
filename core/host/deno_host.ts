// The real host: the operating system, by way of Deno. The files deno_*.ts of
// this folder are the only ones in core/ that say `Deno.`.

import { DenoDisk } from "./deno_disk.ts";
import { DenoNet } from "./deno_net.ts";
import type { Clock, Host } from "./host.ts";

/** The longest delay of a timer of JavaScript's; a longer one would run at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Rounds of the event loop that let everybody else have a turn. While something
 * is due in every round, the runtime asks the system for what has arrived in each
 * 61st only: so these are two times that, since an answer takes more than one.
 */
const ROUNDS_OF_OTHERS = 128;

/** What one call of `crypto.getRandomValues` may fill. */
const RANDOM_MAX_BYTES = 65536;

const clock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs: number, run: () => void): () => void {
    if (delayMs <= TIMER_MAX_MS) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    }
    let stop = () => {};
    const timer = setTimeout(() => {
      stop = clock.after(delayMs - TIMER_MAX_MS, run);
    }, TIMER_MAX_MS);
    stop = () => clearTimeout(timer);
    return () => stop();
  },
  // A timer takes 2 ms even where nobody else has anything to do, this 0.2.
  afterOthers(run: () => void): void {
    let count = 0;
    const round = () => {
      if (++count === ROUNDS_OF_OTHERS) run();
      else setImmediate(round);
    };
    setImmediate(round);
  },
};

/** This machine. */
export function denoHost(): Host {
  return {
    clock,
    disk: new DenoDisk(),
    net: new DenoNet(),
    random: Math.random,
    randomBytes(count: number): Uint8Array {
      const bytes = new Uint8Array(count);
      for (let start = 0; start < count; start += RANDOM_MAX_BYTES) {
        crypto.getRandomValues(
          bytes.subarray(start, start + RANDOM_MAX_BYTES),
        );
      }
      return bytes;
    },
  };
}
