// Ends or fails a start at every disk call of its recovery, after a first end of
// the process in the middle of its work: the start after that still finds what was
// flushed.

import { ok } from "node:assert/strict";
import { PointCount, sweepStarts } from "../testing/disk_sweep.ts";
import { DISK_WORKLOADS } from "../testing/disk_workloads.ts";

/** Calls of the first life at which it ends: early, late, and in the middle of most steps. */
const ENDS = [60, 150, 230, 260, 330];

/** How the first life ends, where not as the start does; and how the start does. */
const WAYS = [
  { ending: "kill" },
  { ending: "lost" },
  { ending: "torn" },
  { ending: "fail" },
  // What the page cache was trusted for, and when it must not be yet.
  { first: "kill", ending: "torn" },
  { first: "torn", ending: "kill" },
  { first: "kill", ending: "fail" },
] as const;

const counts = new PointCount();

for (const workload of DISK_WORKLOADS) {
  for (const way of WAYS) {
    const name = Object.values(way).join(", then ");
    Deno.test(`logs (${workload.name}) survive a start that ends at any disk call (${name})`, async () => {
      for (const end of ENDS) {
        const count = await sweepStarts(workload, { end, ...way }, counts);
        ok(count > 5, `only ${count} calls were tried after ${end}`);
      }
    });
  }
}

Deno.test("every call of a start after a crash was tried as the last one", () => {
  console.log(`ends and failures of a start:\n${counts}`);
  ok(counts.total > 5000, `only ${counts.total} were tried`);
});
