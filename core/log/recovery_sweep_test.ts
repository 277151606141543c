// Ends or fails a start at every disk call of its recovery: the start after that
// still finds what was flushed.

import { ok } from "node:assert/strict";
import { HostError } from "../host/host.ts";
import {
  checkNextLife,
  liveLife,
  LogModel,
  openSweepLogs,
} from "../testing/log_sweep.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { SimCrash } from "../testing/sim_life.ts";
import { KafkaError } from "../wire/kafka/errors.ts";

/** Calls of the first life at which it ends: with a roll, a cut, a delete behind it. */
const ENDS = [60, 150, 260, 330];

/** A machine whose process ended in the middle, with recovery to be done. */
async function crashedMachine(seed: number, end: number) {
  const sim = simHost(seed, { disk: { syncDelayMs: [0, 5] } });
  const model = new LogModel();
  sim.disk.crashAtCall(end);
  try {
    await sim.run(() => Promise.race([liveLife(sim.host, model), sim.crashed]));
  } catch (error) {
    if (!(error instanceof SimCrash)) throw error;
  }
  ok(sim.isCrashed);
  sim.restart();
  return { sim, model };
}

async function openAndClose(sim: SimHost, model: LogModel): Promise<void> {
  const dirs = await openSweepLogs(sim.host, model);
  await dirs.close();
}

for (const end of ENDS) {
  Deno.test(`a start survives its own end at any disk call (after ${end})`, async () => {
    for (let callNumber = 1, wasReached = true; wasReached; callNumber++) {
      const { sim, model } = await crashedMachine(callNumber, end);
      sim.disk.crashAtCall(callNumber);
      try {
        await sim.run(() =>
          Promise.race([openAndClose(sim, model), sim.crashed])
        );
      } catch (error) {
        if (!(error instanceof SimCrash)) throw inContext(error, callNumber);
      }
      wasReached = sim.isCrashed;
      sim.disk.clearFaults();
      sim.restart();
      await sim.run(() => checkNextLife(sim.host, model)).catch((error) => {
        throw inContext(error, callNumber);
      });
    }
  });

  Deno.test(`a start survives any disk call failing (after ${end})`, async () => {
    for (let callNumber = 1, wasReached = true; wasReached; callNumber++) {
      const { sim, model } = await crashedMachine(callNumber, end);
      sim.disk.failNthCall(callNumber);
      try {
        await sim.run(() => openAndClose(sim, model));
      } catch (error) {
        const isExpected = error instanceof HostError ||
          error instanceof KafkaError;
        if (!isExpected) throw inContext(error, callNumber);
      }
      wasReached = sim.disk.isFaultSpent;
      sim.disk.clearFaults();
      sim.restart();
      await sim.run(() => checkNextLife(sim.host, model)).catch((error) => {
        throw inContext(error, callNumber);
      });
    }
  });
}

function inContext(error: unknown, callNumber: number): Error {
  return new Error(`At call ${callNumber}: ${(error as Error).message}`, {
    cause: error,
  });
}
