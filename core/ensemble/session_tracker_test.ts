import { deepEqual, equal } from "node:assert/strict";
import { sleep } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import { SessionTracker } from "./session_tracker.ts";

async function withTracker(
  test: (world: {
    tracker: SessionTracker;
    expired: bigint[];
    after(delayMs: number): Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  const sim = simHost(1);
  await sim.run(async () => {
    const { clock } = sim.host;
    const expired: bigint[] = [];
    const tracker = new SessionTracker(
      { clock, tickMs: 100, expire: (id) => expired.push(id) },
      new Map([[1n, 1000]]),
    );
    await test({ tracker, expired, after: (ms) => sleep(clock, ms) });
    tracker.close();
  });
}

Deno.test("a session ends once nothing was heard of it for so long, and not before", () =>
  withTracker(async ({ tracker, expired, after }) => {
    await after(950);
    deepEqual(expired, []);
    await after(250);
    deepEqual(expired, [1n]);
    equal(tracker.has(1n), false);
    await after(2000);
    deepEqual(expired, [1n]);
  }));

Deno.test("whoever is heard of lives on", () =>
  withTracker(async ({ tracker, expired, after }) => {
    for (let round = 0; round < 5; round++) {
      await after(800);
      equal(tracker.renew(1n, 1000), true);
    }
    deepEqual(expired, []);
    equal(tracker.renew(2n, 1000), false);
    tracker.touch(2n, 500);
    equal(tracker.count, 2);
    await after(700);
    deepEqual(expired, [2n]);
  }));

Deno.test("a shorter timeout takes no time away that was given", () =>
  withTracker(async ({ tracker, expired, after }) => {
    tracker.touch(1n, 10);
    await after(500);
    deepEqual(expired, []);
    deepEqual([...tracker.entries()], [[1n, 1000]]);
  }));

Deno.test("one that was removed does not end a second time", () =>
  withTracker(async ({ tracker, expired, after }) => {
    tracker.remove(1n);
    await after(3000);
    deepEqual(expired, []);
  }));

Deno.test("a tracker that is closed ends nobody", () =>
  withTracker(async ({ tracker, expired, after }) => {
    tracker.close();
    await after(3000);
    deepEqual(expired, []);
  }));
