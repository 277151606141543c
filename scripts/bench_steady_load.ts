// Producers that send at a bounded rate, whatever the broker does meanwhile, and
// how long each record takes from when it was due to its answer.

import { ask, checkAnswer, encodeProduce } from "./bench_fsync_load.ts";

/** Each producer has one request under way. */
const PRODUCERS = 4;
const PERIOD_MS = 10;
const RECORD_BYTES = 10_000;
const BUFFER_BYTES = 1024;

export interface SteadyFigures {
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly count: number;
}

/**
 * Sends 400 records of 10 kB a second to partition 0 of a topic.
 *
 * @param until Ends the load.
 */
export async function produceSteadily(
  port: number,
  topic: string,
  until: Promise<unknown>,
): Promise<SteadyFigures> {
  const latenciesMs: number[] = [];
  let isOver = false;
  until.then(() => isOver = true, () => isOver = true);
  const run = async (number: number) => {
    const frame = encodeProduce(topic, 0, RECORD_BYTES);
    const buffer = new Uint8Array(BUFFER_BYTES);
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    try {
      let dueMs = performance.now() + number * PERIOD_MS / PRODUCERS;
      while (!isOver) {
        const waitMs = dueMs - performance.now();
        if (waitMs > 0) await new Promise((done) => setTimeout(done, waitMs));
        // A timer that comes late is not the broker's fault.
        const sentMs = Math.max(dueMs, waitMs > 0 ? performance.now() : dueMs);
        checkAnswer(await ask(connection, frame, buffer));
        latenciesMs.push(performance.now() - sentMs);
        dueMs += PERIOD_MS;
      }
    } finally {
      connection.close();
    }
  };
  await Promise.all(Array.from({ length: PRODUCERS }, (_, i) => run(i)));
  latenciesMs.sort((a, b) => a - b);
  return {
    p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)],
    maxMs: latenciesMs[latenciesMs.length - 1],
    count: latenciesMs.length,
  };
}
