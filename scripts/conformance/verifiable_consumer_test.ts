import assert from "node:assert/strict";
import { accountProblem, chunksOf, heldAfter } from "./verifiable_consumer.ts";

const read = (minOffset: number, maxOffset: number) => [
  ...Array.from({ length: maxOffset - minOffset + 1 }, (_, i) => ({
    name: "record_data",
    partition: 0,
    offset: minOffset + i,
    value: `v${minOffset + i}`,
  })),
  {
    name: "records_consumed",
    partitions: [{
      topic: "t",
      partition: 0,
      count: maxOffset - minOffset + 1,
      minOffset,
      maxOffset,
    }],
  },
];
const committed = (offset: number, success = true) => ({
  name: "offsets_committed",
  offsets: [{ topic: "t", partition: 0, offset }],
  success,
});
const sent = (count: number) =>
  Array.from({ length: count }, (_, offset) => ({
    name: "producer_send_success",
    partition: 0,
    offset,
    value: `v${offset}`,
  }));

Deno.test("a member holds what it was given and not what was taken back", () => {
  const change = (name: string, ...numbers: number[]) => ({
    name,
    partitions: numbers.map((partition) => ({
      topic: "t",
      partition,
      count: 0,
      minOffset: 0,
      maxOffset: 0,
    })),
  });
  const events = [
    change("partitions_assigned", 0, 1, 2),
    change("partitions_revoked", 1),
    change("partitions_assigned", 3),
  ];
  assert.deepEqual(heldAfter(events), [0, 2, 3]);
});

Deno.test("what was read is settled by its commit only", () => {
  const events = [
    ...read(0, 4),
    committed(5),
    ...read(5, 9),
    committed(10, false),
    ...read(10, 11),
  ];
  assert.deepEqual(
    chunksOf(events).map((
      { chunk, isSettled },
    ) => [chunk.minOffset, isSettled]),
    [[0, true], [5, false], [10, false]],
  );
});

Deno.test("an account that is right has no problem", () => {
  const killed = [...read(0, 4), committed(5), ...read(5, 7)];
  const other = [...read(5, 9), committed(10)];
  assert.equal(accountProblem([killed, other], sent(10)), null);
});

Deno.test("what was skipped, read again, or changed is told", () => {
  const first = [...read(0, 4), committed(5)];
  const after = [...read(6, 9), committed(10)];
  assert.match(accountProblem([first, after], sent(10))!, /0:5 was skipped/);
  const again = [...read(4, 9), committed(10)];
  assert.match(
    accountProblem([first, again], sent(10))!,
    /0:4 was committed twice: 0: 0 to 4 true, 1: 4 to 9 true/,
  );
  const other = sent(5).map((record) => ({ ...record, value: "w" }));
  assert.match(accountProblem([first], other)!, /0:0 is v0, sent was w/);
  assert.match(accountProblem([first], sent(3))!, /5 records consumed, 3 sent/);
});
