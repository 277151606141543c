// Ends the process at every single disk call of a log's life, in three ways, and
// then starts again: what was flushed is there, and all files agree.

import { ok } from "node:assert/strict";
import type { TopicConfig } from "../config/topic_config.ts";
import {
  checkNextLife,
  liveLife,
  LogModel,
  SWEEP_CONFIGS,
} from "../testing/log_sweep.ts";
import { simHost } from "../testing/sim_host.ts";
import { SimCrash } from "../testing/sim_life.ts";

/** How the process ends: killed, or by a power cut that takes some or all of what was not synced. */
const ENDINGS = ["kill", "torn", "lost"] as const;

for (const [name, config] of Object.entries(SWEEP_CONFIGS)) {
  for (const ending of ENDINGS) {
    Deno.test(`a ${name} log survives its end at any disk call (${ending})`, async () => {
      let callNumber = 0;
      for (let wasReached = true; wasReached;) {
        callNumber++;
        wasReached = await crashAt(callNumber, ending, config);
      }
      ok(callNumber > 150, `only ${callNumber} calls were tried`);
    });
  }
}

/** @returns False where the life ended before that call. */
async function crashAt(
  callNumber: number,
  ending: typeof ENDINGS[number],
  config: TopicConfig,
): Promise<boolean> {
  const sim = simHost(callNumber, { disk: { syncDelayMs: [0, 5] } });
  const model = new LogModel(config);
  let count = 0;
  sim.disk.crashAtCall(1, () => {
    if (++count !== callNumber) return false;
    if (ending === "kill") sim.crash("kill");
    if (ending === "lost") sim.crash("power", "lost");
    return true;
  });
  try {
    await sim.run(() => Promise.race([liveLife(sim.host, model), sim.crashed]));
  } catch (error) {
    if (!(error instanceof SimCrash)) throw inContext(error, callNumber);
  }
  const wasReached = sim.isCrashed;
  sim.disk.clearFaults();
  sim.restart();
  try {
    await sim.run(() => checkNextLife(sim.host, model));
  } catch (error) {
    throw inContext(error, callNumber);
  }
  return wasReached;
}

function inContext(error: unknown, callNumber: number): Error {
  return new Error(`At call ${callNumber}: ${(error as Error).message}`, {
    cause: error,
  });
}
