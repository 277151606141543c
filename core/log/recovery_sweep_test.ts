// Ends or fails a start at every disk call of its recovery, after a first end of
// the process in the middle of its work: the start after that still finds what was
// flushed.

import { ok } from "node:assert/strict";
import { PointCount, sweepStarts } from "../testing/disk_sweep.ts";
import { DISK_WORKLOADS } from "../testing/disk_workloads.ts";

/** Calls of the first life at which it ends: early, late, and in the middle of most steps. */
const ENDS = [60, 150, 230, 260, 330];

const counts = new PointCount();

for (const workload of DISK_WORKLOADS) {
  for (const ending of ["kill", "lost", "torn", "fail"] as const) {
    Deno.test(`logs (${workload.name}) survive a start that ends at any disk call (${ending})`, async () => {
      for (const end of ENDS) {
        const count = await sweepStarts(workload, { end, ending }, counts);
        ok(count > 5, `only ${count} calls were tried after ${end}`);
      }
    });
  }
}

Deno.test("every call of a start after a crash was tried as the last one", () => {
  console.log(`ends and failures of a start:\n${counts}`);
  ok(counts.total > 5000, `only ${counts.total} were tried`);
});
