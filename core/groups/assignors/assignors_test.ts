import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  type Assignment,
  common,
  partitionCount,
} from "../consumer/assignment.ts";
import { rangeAssignor } from "./range.ts";
import type { AssignorInput, AssignorMember } from "./server_assignor.ts";
import { serverAssignors } from "./server_assignors.ts";
import { uniformAssignor } from "./uniform.ts";

function member(
  memberId: string,
  topicIds: readonly string[],
  options: { instanceId?: string; current?: Record<string, number[]> } = {},
): AssignorMember {
  return {
    memberId,
    instanceId: options.instanceId ?? null,
    topicIds: new Set(topicIds),
    current: new Map(Object.entries(options.current ?? {})),
  };
}

function input(
  topics: Record<string, number>,
  ...members: AssignorMember[]
): AssignorInput {
  return { members, partitionCounts: new Map(Object.entries(topics)) };
}

function plain(shares: ReadonlyMap<string, Assignment>) {
  return Object.fromEntries(
    Array.from(shares, ([id, share]) => [id, Object.fromEntries(share)]),
  );
}

/** Each partition that somebody wants has one owner, who wants it. */
function assertValid(
  { members, partitionCounts }: AssignorInput,
  shares: ReadonlyMap<string, Assignment>,
): void {
  deepStrictEqual(
    [...shares.keys()].sort(),
    members.map(({ memberId }) => memberId).sort(),
  );
  const owners = new Map<string, number>();
  for (const { memberId, topicIds } of members) {
    for (const [topicId, partitions] of shares.get(memberId)!) {
      ok(topicIds.has(topicId), `${memberId} does not want ${topicId}`);
      ok(partitions.length > 0);
      deepStrictEqual(partitions, [...partitions].sort((a, b) => a - b));
      for (const partition of partitions) {
        const key = `${topicId}-${partition}`;
        owners.set(key, (owners.get(key) ?? 0) + 1);
      }
    }
  }
  const wanted: [string, number][] = [];
  for (const [topicId, count] of partitionCounts) {
    if (!members.some(({ topicIds }) => topicIds.has(topicId))) continue;
    for (let p = 0; p < count; p++) wanted.push([`${topicId}-${p}`, 1]);
  }
  deepStrictEqual([...owners].sort(), wanted.sort());
}

const topicCounts = fc.dictionary(
  fc.constantFrom("a", "b", "c", "d"),
  fc.integer({ min: 1, max: 12 }),
  { minKeys: 1 },
);

const anyInput: fc.Arbitrary<AssignorInput> = topicCounts.chain((topics) =>
  fc.uniqueArray(
    fc.record({
      memberId: fc.integer({ min: 0, max: 40 }).map((n) => `m${n}`),
      topicIds: fc.subarray([...Object.keys(topics), "gone"]),
      current: fc.dictionary(
        fc.constantFrom("a", "b", "c", "d", "gone"),
        fc.uniqueArray(fc.integer({ min: 0, max: 14 }), { minLength: 1 }),
      ),
    }),
    { selector: ({ memberId }) => memberId, minLength: 1, maxLength: 12 },
  ).map((members) =>
    input(
      topics,
      ...members.map(({ memberId, topicIds, current }) =>
        member(memberId, topicIds, { current })
      ),
    )
  )
);

for (const assignor of [uniformAssignor, rangeAssignor]) {
  Deno.test(`${assignor.name} gives each wanted partition to one who wants it`, () => {
    fc.assert(fc.property(anyInput, (given) => {
      assertValid(given, assignor.assign(given));
    }));
  });
}

Deno.test("uniform evens out as far as single moves can", () => {
  fc.assert(fc.property(anyInput, (given) => {
    const shares = uniformAssignor.assign(given);
    const load = (memberId: string) => partitionCount(shares.get(memberId)!);
    for (const giver of given.members) {
      for (const topicId of shares.get(giver.memberId)!.keys()) {
        for (const taker of given.members) {
          if (!taker.topicIds.has(topicId)) continue;
          ok(load(giver.memberId) - load(taker.memberId) < 2);
        }
      }
    }
  }));
});

Deno.test("uniform changes nothing when nothing has changed", () => {
  fc.assert(fc.property(anyInput, (given) => {
    const shares = uniformAssignor.assign(given);
    const again = uniformAssignor.assign({
      ...given,
      members: given.members.map((each) => ({
        ...each,
        current: shares.get(each.memberId)!,
      })),
    });
    deepStrictEqual(again, shares);
  }));
});

Deno.test("uniform moves no more than it must when members come and go", () => {
  const sizes = fc.record({
    partitions: fc.integer({ min: 1, max: 60 }),
    before: fc.integer({ min: 1, max: 12 }),
    after: fc.integer({ min: 1, max: 12 }),
  });
  fc.assert(fc.property(sizes, ({ partitions, before, after }) => {
    const old = uniformAssignor.assign(
      input(
        { a: partitions },
        ...Array.from({ length: before }, (_, i) => member(`m${i}`, ["a"])),
      ),
    );
    const next = uniformAssignor.assign(
      input(
        { a: partitions },
        ...Array.from({ length: after }, (_, i) => ({
          ...member(`m${i}`, ["a"]),
          current: old.get(`m${i}`) ?? new Map(),
        })),
      ),
    );
    let kept = 0;
    for (const [memberId, share] of next) {
      kept += partitionCount(common(old.get(memberId) ?? new Map(), share));
    }
    // The best that any balanced assignment can keep: the fullest members keep
    // the larger shares.
    const least = Math.floor(partitions / after);
    let larger = partitions % after;
    let best = 0;
    const loads = Array.from(
      { length: after },
      (_, i) => partitionCount(old.get(`m${i}`) ?? new Map()),
    );
    for (const load of loads.sort((a, b) => b - a)) {
      best += Math.min(load, least + (larger-- > 0 ? 1 : 0));
    }
    strictEqual(kept, best);
  }));
});

Deno.test("range gives runs, and the same ones of topics of a size", () => {
  const shares = rangeAssignor.assign(
    input(
      { a: 5, b: 5, c: 2 },
      member("m2", ["a", "b", "c"]),
      member("m1", ["a", "b", "c"]),
      member("m3", ["a", "b"]),
    ),
  );
  deepStrictEqual(plain(shares), {
    m2: { a: [2, 3], b: [2, 3], c: [1] },
    m1: { a: [0, 1], b: [0, 1], c: [0] },
    m3: { a: [4], b: [4] },
  });
});

Deno.test("range keeps the place of a static member under a new member id", () => {
  const by = (memberId: string) =>
    plain(rangeAssignor.assign(
      input(
        { a: 3 },
        member("m5", ["a"]),
        member(memberId, ["a"], { instanceId: "i2" }),
        member("m4", ["a"], { instanceId: "i1" }),
      ),
    ));
  deepStrictEqual(by("m0"), { m5: { a: [2] }, m0: { a: [1] }, m4: { a: [0] } });
  deepStrictEqual(by("m9"), { m5: { a: [2] }, m9: { a: [1] }, m4: { a: [0] } });
});

Deno.test("uniform shares a wide group out in a moment", () => {
  const topics = Object.fromEntries(
    Array.from({ length: 200 }, (_, i) => [`t${i}`, 10]),
  );
  const members = Array.from(
    { length: 300 },
    (_, i) => member(`m${i}`, Object.keys(topics)),
  );
  const shares = uniformAssignor.assign(input(topics, ...members));
  for (const share of shares.values()) {
    ok([6, 7].includes(partitionCount(share)));
  }
});

Deno.test("serverAssignors() knows names and Kafka's classes, and keeps their order", () => {
  const names = (configured: string[]) =>
    serverAssignors(configured).map(({ name }) => name);
  const range = "org.apache.kafka.coordinator.group.assignor.RangeAssignor";
  deepStrictEqual(names([range, "uniform"]), ["range", "uniform"]);
  deepStrictEqual(names(["range"]), ["range"]);
  deepStrictEqual(names(["com.example.Own"]), ["uniform", "range"]);
});
