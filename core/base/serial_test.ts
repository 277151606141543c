import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { Serial } from "./serial.ts";

Deno.test("Serial.run() never overlaps two jobs and keeps their order", async () => {
  const serial = new Serial();
  const trace: string[] = [];
  const job = (name: string, turnCount: number) => async () => {
    trace.push(`${name} starts`);
    for (let i = 0; i < turnCount; i++) await null;
    trace.push(`${name} ends`);
    return name;
  };
  const results = [serial.run(job("a", 9)), serial.run(job("b", 1))];
  strictEqual(serial.waitingCount, 2);
  deepStrictEqual(await Promise.all(results), ["a", "b"]);
  deepStrictEqual(trace, ["a starts", "a ends", "b starts", "b ends"]);
  await serial.idle();
  strictEqual(serial.waitingCount, 0);
});

Deno.test("Serial.run() goes on after a job that failed", async () => {
  const serial = new Serial();
  const failed = serial.run(() => Promise.reject(new Error("no")));
  const thrown = serial.run(() => {
    throw new Error("never");
  });
  const next = serial.run(() => 7);
  await rejects(failed, /no/);
  await rejects(thrown, /never/);
  strictEqual(await next, 7);
});
