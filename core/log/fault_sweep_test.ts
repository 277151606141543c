// Fails every single disk call of a log's life, once: an error is answered by
// KAFKA_STORAGE_ERROR or stops the start, nothing half-done is built upon, and
// the next start finds what was flushed.

import { ok } from "node:assert/strict";
import { HostError } from "../host/host.ts";
import type { TopicConfig } from "../config/topic_config.ts";
import {
  checkNextLife,
  liveLife,
  LogModel,
  SWEEP_CONFIGS,
} from "../testing/log_sweep.ts";
import { simHost } from "../testing/sim_host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";

for (const [name, config] of Object.entries(SWEEP_CONFIGS)) {
  for (const kind of ["io", "noSpace"] as const) {
    // After the failure the process is killed, or the power fails as well.
    for (const ending of ["kill", "power"] as const) {
      Deno.test(`a ${name} log survives any disk call failing (${kind}, then ${ending})`, async () => {
        let callNumber = 0;
        for (let wasReached = true; wasReached;) {
          callNumber++;
          wasReached = await failAt(callNumber, { kind, ending, config });
        }
        ok(callNumber > 150, `only ${callNumber} calls were tried`);
      });
    }
  }
}

/** @returns False where the life ended before that call. */
async function failAt(
  callNumber: number,
  { kind, ending, config }: {
    readonly kind: "io" | "noSpace";
    readonly ending: "kill" | "power";
    readonly config: TopicConfig;
  },
): Promise<boolean> {
  const sim = simHost(callNumber, { disk: { syncDelayMs: [0, 5] } });
  const model = new LogModel(config);
  sim.disk.failNthCall(callNumber, kind);
  try {
    await sim.run(() => liveLife(sim.host, model));
  } catch (error) {
    const isExpected = error instanceof HostError ||
      (error instanceof KafkaError &&
        error.errorName === "KAFKA_STORAGE_ERROR");
    if (!isExpected) throw inContext(error, callNumber);
  }
  const wasReached = sim.disk.isFaultSpent;
  sim.disk.clearFaults();
  sim.crash(ending);
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
