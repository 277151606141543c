import { deepEqual, equal, ok } from "node:assert/strict";
import { assignReplicas, randomStart } from "./assignment.ts";

/** Brokers 0, 1, …; broker i is in rack i modulo `rackCount`, or in none for 0. */
function brokers(count: number, rackCount: number) {
  return Array.from({ length: count }, (_, id) => ({
    id,
    rack: rackCount === 0 ? null : `r${id % rackCount}`,
  }));
}

Deno.test("assignReplicas() chooses as Kafka's AdminUtils does", () => {
  // What Kafka 3.9.1 answered for: brokers, racks, partitions, replicas, start, first partition.
  // deno-fmt-ignore
  const cases: [number[], number[][]][] = [
    [[3, 0, 10, 3, 0, 0], [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0], [0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1]]],
    [[3, 0, 10, 2, 1, 0], [[1, 0], [2, 1], [0, 2], [1, 2], [2, 0], [0, 1], [1, 0], [2, 1], [0, 2], [1, 2]]],
    [[5, 0, 12, 3, 4, 0], [[4, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 0], [4, 1, 2], [0, 2, 3], [1, 3, 4], [2, 4, 0], [3, 0, 1], [4, 2, 3], [0, 3, 4]]],
    [[4, 0, 5, 4, 2, 3], [[1, 0, 2, 3], [2, 3, 0, 1], [3, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 0]]],
    [[1, 0, 3, 1, 0, 0], [[0], [0], [0]]],
    [[6, 3, 12, 3, 0, 0], [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 0], [5, 0, 1], [0, 4, 5], [1, 5, 0], [2, 0, 1], [3, 1, 2], [4, 2, 3], [5, 3, 4]]],
    [[6, 3, 7, 2, 5, 4], [[3, 4], [4, 5], [5, 3], [0, 4], [1, 5], [2, 0], [3, 1]]],
    [[5, 2, 10, 3, 1, 0], [[1, 4, 0], [2, 1, 3], [3, 2, 4], [4, 3, 0], [0, 3, 4], [1, 2, 3], [2, 3, 4], [3, 4, 0], [4, 1, 2], [0, 1, 2]]],
    [[6, 3, 12, 5, 3, 0], [[3, 2, 4, 5, 0], [4, 3, 5, 0, 1], [5, 4, 0, 1, 2], [0, 5, 1, 2, 3], [1, 0, 2, 3, 4], [2, 1, 3, 4, 5], [3, 1, 2, 4, 5], [4, 2, 3, 5, 0], [5, 3, 4, 0, 1], [0, 4, 5, 1, 2], [1, 5, 0, 2, 3], [2, 0, 1, 3, 4]]],
    [[2, 2, 4, 2, 1, 7], [[0, 1], [1, 0], [0, 1], [1, 0]]],
  ];
  for (
    const [[count, racks, partitionCount, replicationFactor, at, first], wanted]
      of cases
  ) {
    const start = { brokerIndex: at, shift: at, partitionIndex: first };
    deepEqual(
      assignReplicas(brokers(count, racks), {
        partitionCount,
        replicationFactor,
      }, start),
      wanted,
      `${count} brokers, ${racks} racks`,
    );
  }
});

Deno.test("assignReplicas() leaves racks aside where not every broker has one", () => {
  const some = [{ id: 5, rack: "a" }, { id: 1, rack: null }, {
    id: 3,
    rack: "a",
  }];
  const wanted = { partitionCount: 2, replicationFactor: 2 };
  const start = { brokerIndex: 0, shift: 0, partitionIndex: 0 };
  deepEqual(assignReplicas(some, wanted, start), [[1, 3], [3, 5]]);
});

Deno.test("assignReplicas() spreads leaders evenly and repeats no broker in a partition", () => {
  for (const racks of [0, 2, 3]) {
    const start = randomStart(6, () => 0.7);
    const wanted = { partitionCount: 60, replicationFactor: 4 };
    const rows = assignReplicas(brokers(6, racks), wanted, start);
    const led = new Map<number, number>();
    for (const row of rows) {
      equal(new Set(row).size, 4);
      led.set(row[0], (led.get(row[0]) ?? 0) + 1);
    }
    deepEqual([...led.values()], Array(6).fill(10));
  }
  const { brokerIndex, shift } = randomStart(6, () => 0.999999);
  ok(brokerIndex === 5 && shift === 5);
});
