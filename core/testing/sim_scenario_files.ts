// Small files that are replaced whole, under power cuts and failing calls.

import { readWhole, replaceFile } from "../log/replace_file.ts";
import { HostError } from "../host/host.ts";
import { simHost } from "./sim_host.ts";
import { check, liveOn, type Scenario } from "./sim_scenario.ts";

const PATH = "/data/checkpoint";
const LIFE_COUNT = 40;

export const fileScenario: Scenario = {
  name: "files",
  shows: "a file that is replaced is the old one or the new one, whole",
  async run({ seed, random, trace }) {
    const sim = simHost(seed, { disk: { syncDelayMs: [0, 10] } });
    let confirmed = 0;
    let attempted = 0;
    let isDurable = true;
    for (let life = 0; life < LIFE_COUNT; life++) {
      const bytes = readWhole(sim.host.disk, PATH);
      const found = bytes === null ? 0 : generationOf(bytes);
      trace(`life ${life}: found ${found} of ${confirmed}..${attempted}`);
      check(
        found >= confirmed && found <= attempted,
        `Found generation ${found}, confirmed was ${confirmed}, attempted ${attempted}`,
      );
      // After a power cut what is there is on the disk; after a kill it may be in the page cache.
      if (isDurable) confirmed = found;
      const crashAt = 1 + random.below(30);
      sim.disk.crashAtCall(crashAt);
      if (random.chance(0.3)) sim.disk.failNthCall(1 + random.below(10));
      await liveOn(sim, async () => {
        for (;;) {
          attempted += 1;
          try {
            await replaceFile(
              sim.host.disk,
              PATH,
              contentOf(attempted, 1 + random.below(5000)),
            );
          } catch (error) {
            if (!(error instanceof HostError)) throw error;
            trace(error.message);
            return; // A failed disk ends the life; nothing is retried.
          }
          confirmed = attempted;
        }
      });
      sim.disk.clearFaults();
      isDurable = random.chance(0.5);
      sim.crash(isDurable ? "power" : "kill");
      sim.restart();
    }
  },
};

/** A generation's number, over and over: a mixture of two shows. */
function contentOf(generation: number, count: number): Uint8Array {
  const numbers = new Uint32Array(count).fill(generation);
  return new Uint8Array(numbers.buffer);
}

function generationOf(bytes: Uint8Array): number {
  check(
    bytes.length > 0 && bytes.length % 4 === 0,
    `A file of ${bytes.length} bytes is torn`,
  );
  const numbers = new Uint32Array(bytes.slice().buffer);
  check(
    numbers.every((number) => number === numbers[0]),
    `A file mixes generations: ${[...new Set(numbers)]}`,
  );
  return numbers[0];
}
