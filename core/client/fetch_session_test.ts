import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { type FetchPartition, FetchSession } from "./fetch_session.ts";
import { partitionKey } from "./metadata.ts";

function partition(
  partition: number,
  fetchOffset: number,
  topicId = "id",
): FetchPartition {
  return {
    topic: "t",
    partition,
    topicId,
    fetchOffset,
    leaderEpoch: 0,
    maxBytes: 100,
  };
}

Deno.test("FetchSession tells the broker enough to know what is wanted, whatever is lost", () => {
  const round = fc.record({
    wanted: fc.uniqueArray(fc.record({ id: fc.nat(5), offset: fc.nat(3) }), {
      selector: (p) => p.id,
    }),
    fate: fc.constantFrom("answered", "lost", "forgotten", "none"),
  });
  fc.assert(
    fc.property(fc.array(round, { maxLength: 30 }), (rounds) => {
      const session = new FetchSession();
      // The broker's side.
      let id = 0, epoch = 0, nextId = 1;
      let known = new Map<string, number>();
      for (const { wanted, fate } of rounds) {
        const partitions = wanted.map((p) => partition(p.id, p.offset));
        const request = session.next(partitions, true);
        if (request.epoch === 0) {
          known = new Map();
          id = nextId++;
          epoch = 1;
        } else if (request.sessionId !== id) {
          session.answered(0, "FETCH_SESSION_ID_NOT_FOUND");
          continue;
        } else if (request.epoch !== epoch) {
          session.answered(0, "INVALID_FETCH_SESSION_EPOCH");
          continue;
        } else {
          epoch++;
        }
        for (const p of request.forgotten) known.delete(partitionKey(p));
        for (const p of request.partitions) {
          known.set(partitionKey(p), p.fetchOffset);
        }
        deepStrictEqual(
          [...known].sort(),
          partitions.map((p) => [partitionKey(p), p.fetchOffset]).sort(),
        );
        if (fate === "lost") session.failed();
        else if (fate === "none") session.answered(0, null);
        else session.answered(id, null);
        if (fate === "forgotten") id = -1;
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("FetchSession sends only what has changed", () => {
  const session = new FetchSession();
  const first = session.next([partition(0, 0), partition(1, 0)], true);
  deepStrictEqual([first.sessionId, first.epoch], [0, 0]);
  session.answered(9, null);
  const second = session.next([partition(0, 5), partition(1, 0)], true);
  deepStrictEqual([second.sessionId, second.epoch], [9, 1]);
  deepStrictEqual(second.partitions, [partition(0, 5)]);
  session.answered(9, null);
  const third = session.next([partition(0, 5)], true);
  deepStrictEqual(third.partitions, []);
  deepStrictEqual(third.forgotten, [partition(1, 0)]);
  session.answered(9, null);
  // The topic was made anew.
  const fourth = session.next([partition(0, 0, "other")], true);
  deepStrictEqual(fourth.forgotten, [partition(0, 5)]);
  deepStrictEqual(fourth.partitions, [partition(0, 0, "other")]);
  session.answered(9, null);
  // Names in place of ids.
  strictEqual(session.next([partition(0, 0)], false).epoch, 0);
});
