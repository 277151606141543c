// Ends the process at every single disk call of all that a log does, in four
// ways, and then starts again: what was flushed is there, what was deleted is not,
// and all files agree.

import { ok } from "node:assert/strict";
import { ENDINGS, PointCount, sweepCrashes } from "../testing/disk_sweep.ts";
import { DISK_WORKLOADS } from "../testing/disk_workloads.ts";

const counts = new PointCount();

for (const workload of DISK_WORKLOADS) {
  for (const ending of ENDINGS) {
    Deno.test(`logs (${workload.name}) survive an end at any disk call (${ending})`, async () => {
      const count = await sweepCrashes(workload, ending, counts);
      ok(count > 150, `only ${count} calls were tried`);
    });
  }
}

Deno.test("every step of a log's life was tried as the last one", () => {
  console.log(`ends of a process at a disk call:\n${counts}`);
  ok(counts.total > 5000, `only ${counts.total} were tried`);
});
