import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Clock } from "../host/host.ts";
import { Purgatory, TICK_MS, WaitList } from "./purgatory.ts";

/** A clock that goes only when told. */
class HandClock implements Clock {
  nowMs = 5;
  readonly timers: { atMs: number; run: () => void }[] = [];
  monotonicMs = () => this.nowMs;
  wallMs = () => this.nowMs;
  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.timers.push(timer);
    return () => {
      const index = this.timers.indexOf(timer);
      if (index >= 0) this.timers.splice(index, 1);
    };
  }
  afterOthers(run: () => void): void {
    this.after(0, run);
  }
  advanceTo(nowMs: number): void {
    for (;;) {
      this.timers.sort((a, b) => a.atMs - b.atMs);
      if (this.timers.length === 0 || this.timers[0].atMs > nowMs) break;
      const timer = this.timers.shift()!;
      this.nowMs = timer.atMs;
      timer.run();
    }
    this.nowMs = nowMs;
  }
}

function waiter(name: string, log: string[], isOver: () => boolean) {
  return {
    wake: () => {
      log.push(`${name} woken`);
      return isOver();
    },
    expire: () => {
      log.push(`${name} expired`);
    },
  };
}

Deno.test("Purgatory expires waiters within a tick of their deadline, in one timer", () => {
  const clock = new HandClock();
  const purgatory = new Purgatory(clock);
  const log: string[] = [];
  const list = new WaitList();
  purgatory.add(waiter("b", log, () => false), [list], 101);
  purgatory.add(waiter("a", log, () => false), [list], 50);
  purgatory.add(waiter("c", log, () => false), [list], 102);
  strictEqual(clock.timers.length, 1);
  clock.advanceTo(54);
  deepStrictEqual(log, []);
  clock.advanceTo(55 + TICK_MS);
  deepStrictEqual(log, ["a expired"]);
  strictEqual(clock.timers.length, 1);
  clock.advanceTo(107 + TICK_MS);
  deepStrictEqual(log, ["a expired", "b expired", "c expired"]);
  strictEqual(purgatory.waitingCount, 0);
  strictEqual(list.size, 0);
  strictEqual(clock.timers.length, 0);
});

Deno.test("Purgatory wakes a waiter by any of its lists until it is satisfied", () => {
  const clock = new HandClock();
  const purgatory = new Purgatory(clock);
  const log: string[] = [];
  const first = new WaitList();
  const second = new WaitList();
  let isSatisfied = false;
  purgatory.add(waiter("a", log, () => isSatisfied), [first, second], 100);
  first.wake();
  isSatisfied = true;
  second.wake();
  first.wake();
  clock.advanceTo(1000);
  deepStrictEqual(log, ["a woken", "a woken"]);
  strictEqual(first.size + second.size, 0);
  strictEqual(clock.timers.length, 0, "no timer outlives the waiters");
});

Deno.test("Purgatory.expireAll() ends every wait", () => {
  const clock = new HandClock();
  const purgatory = new Purgatory(clock);
  const log: string[] = [];
  for (let i = 0; i < 5; i++) {
    purgatory.add(waiter(`${i}`, log, () => false), [], i * 1000);
  }
  purgatory.expireAll();
  strictEqual(log.length, 5);
  ok(log.every((line) => line.endsWith("expired")));
  strictEqual(clock.timers.length, 0);
});

Deno.test("A waiter may wait anew when it expires", () => {
  const clock = new HandClock();
  const purgatory = new Purgatory(clock);
  let rounds = 0;
  const again = {
    wake: () => false,
    expire: () => {
      if (++rounds < 3) purgatory.add(again, [], 100);
    },
  };
  purgatory.add(again, [], 100);
  clock.advanceTo(1000);
  strictEqual(rounds, 3);
});
