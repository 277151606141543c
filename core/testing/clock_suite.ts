// Cases of the clock and of chance, for every host.

import { deepStrictEqual, notDeepStrictEqual, ok } from "node:assert/strict";
import { giveWay, sleep } from "../host/host.ts";
import type { RegisterCase } from "./host_suite.ts";

export function clockSuite(test: RegisterCase): void {
  test("after() runs by delay, and not what was called off", async (host) => {
    const trace: string[] = [];
    host.clock.after(40, () => trace.push("late"));
    host.clock.after(5, () => trace.push("early"));
    const callOff = host.clock.after(10, () => trace.push("never"));
    callOff();
    await sleep(host.clock, 80);
    deepStrictEqual(trace, ["early", "late"]);
    callOff();
  });

  test("after() does not run before its delay is over", async (host) => {
    const startMs = host.clock.monotonicMs();
    await sleep(host.clock, 30);
    const passedMs = host.clock.monotonicMs() - startMs;
    ok(passedMs >= 29, `woke after ${passedMs} ms`);
  });

  test("afterOthers() lets a timer that is due have its turn", async (host) => {
    let hasRun = false;
    host.clock.after(0, () => {
      hasRun = true;
    });
    // No rest other than this.
    for (let i = 0; i < 5000 && !hasRun; i++) await giveWay(host.clock);
    ok(hasRun);
  });

  test("after() takes delays longer than JavaScript's timers", async (host) => {
    let hasRun = false;
    const callOff = host.clock.after(2 ** 40, () => {
      hasRun = true;
    });
    await sleep(host.clock, 20);
    ok(!hasRun);
    callOff();
  });

  test("wallMs() is whole milliseconds of this century", (host) => {
    const nowMs = host.clock.wallMs();
    ok(Number.isInteger(nowMs));
    ok(nowMs > Date.UTC(2020, 0) && nowMs < Date.UTC(2100, 0), `${nowMs}`);
  });

  test("random() stays in [0, 1) and varies", (host) => {
    const drawn = Array.from({ length: 100 }, host.random);
    ok(drawn.every((value) => value >= 0 && value < 1));
    ok(new Set(drawn).size > 90);
  });

  test("randomBytes() gives as many as asked, and others each time", (host) => {
    const first = host.randomBytes(100_000);
    const second = host.randomBytes(100_000);
    deepStrictEqual([first.length, second.length], [100_000, 100_000]);
    notDeepStrictEqual(first, second);
    ok(new Set(first.subarray(90_000)).size > 250);
  });
}
