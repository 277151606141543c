// Fails every single disk call of all that a log does, once: an error is answered
// by KAFKA_STORAGE_ERROR or stops the start, nothing half-done is built upon, and
// the next start finds what was flushed.

import { ok } from "node:assert/strict";
import { FAULTS, PointCount, sweepFaults } from "../testing/disk_sweep.ts";
import { DISK_WORKLOADS } from "../testing/disk_workloads.ts";

const counts = new PointCount();

for (const workload of DISK_WORKLOADS) {
  for (const fault of FAULTS) {
    const { kind, ending } = fault;
    Deno.test(`logs (${workload.name}) survive any disk call failing (${kind}, then ${ending})`, async () => {
      const count = await sweepFaults(workload, fault, counts);
      ok(count > 150, `only ${count} calls were tried`);
    });
  }
}

Deno.test("every step of a log's life was tried with a disk that fails", () => {
  console.log(`disk calls that failed:\n${counts}`);
  ok(counts.total > 5000, `only ${counts.total} were tried`);
});
