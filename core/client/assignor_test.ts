import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { decodeHex, encodeHex } from "../base/bytes.ts";
import {
  type AssignedMember,
  type Assignments,
  type Assignor,
  roundRobinAssignor,
} from "./assignor.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "./consumer_protocol.ts";
import { partitionKey, type TopicPartition } from "./metadata.ts";
import { rangeAssignor } from "./range_assignor.ts";
import {
  cooperativeStickyAssignor,
  stickyAssignor,
} from "./sticky_assignor.ts";

const ALL = [
  rangeAssignor,
  roundRobinAssignor,
  stickyAssignor,
  cooperativeStickyAssignor,
];
const STICKY = [stickyAssignor, cooperativeStickyAssignor];

function member(
  memberId: string,
  topics: readonly string[],
  own: Partial<AssignedMember> = {},
): AssignedMember {
  return {
    memberId,
    instanceId: null,
    topics,
    userData: null,
    ownedPartitions: [],
    generationId: -1,
    rackId: null,
    ...own,
  };
}

/** `a0 a1 b2` of a member, in order. */
function shown(partitions: readonly TopicPartition[]): string {
  return partitions.map(({ topic, partition }) => `${topic}${partition}`)
    .sort().join(" ");
}

function all(assignments: Assignments): Record<string, string> {
  return Object.fromEntries(
    [...assignments].map(([id, partitions]) => [id, shown(partitions)]),
  );
}

/** The members as they come to the next rebalance, with what they have. */
function next(
  assignor: Assignor,
  members: readonly AssignedMember[],
  assignments: Assignments,
  generationId: number,
): AssignedMember[] {
  return members.map((one) => {
    const partitions = assignments.get(one.memberId) ?? [];
    return {
      ...one,
      generationId,
      ownedPartitions: assignor.isCooperative ? partitions : [],
      userData: assignor.userData({ partitions, generationId }),
    };
  });
}

// What Java's ConsumerProtocol and assignors of 3.9.1 write for the same values.
Deno.test("subscriptions, assignments and user data are Java's to the byte", () => {
  const owned = [
    { topic: "b", partition: 1 },
    { topic: "a", partition: 2 },
    { topic: "a", partition: 0 },
  ];
  const full = {
    topics: ["b", "a"],
    userData: new Uint8Array([1, 2]),
    ownedPartitions: owned,
    generationId: 7,
    rackId: "r1",
  };
  const fullHex = "000300000002000161000162000000020102" +
    "000000020001610000000200000000000000020001620000000100000001" +
    "0000000700027231";
  strictEqual(encodeHex(encodeSubscription(full)), fullHex);
  const back = decodeSubscription(decodeHex(fullHex));
  deepStrictEqual(back.topics, ["a", "b"]);
  deepStrictEqual(shown(back.ownedPartitions), "a0 a2 b1");
  deepStrictEqual([back.generationId, back.rackId], [7, "r1"]);
  strictEqual(
    encodeHex(encodeSubscription({
      topics: ["t"],
      userData: null,
      ownedPartitions: [],
      generationId: -1,
      rackId: null,
    })),
    "000300000001000174ffffffff00000000ffffffffffff",
  );
  const assignmentHex =
    "0003000000020001620000000100000001000161000000020000000200000000ffffffff";
  strictEqual(encodeHex(encodeAssignment(owned)), assignmentHex);
  deepStrictEqual(decodeAssignment(decodeHex(assignmentHex)), owned);
  deepStrictEqual(decodeAssignment(new Uint8Array()), []);
  const sticky = stickyAssignor.userData({
    partitions: owned,
    generationId: 7,
  });
  // Java groups by a hash map; the order of topics means nothing.
  strictEqual(
    encodeHex(sticky!),
    "00000002000161000000020000000000000002000162000000010000000100000007",
  );
  const none = { partitions: [], generationId: -1 };
  strictEqual(stickyAssignor.userData(none), null);
  strictEqual(encodeHex(cooperativeStickyAssignor.userData(none)!), "ffffffff");
});

Deno.test("decodeSubscription() reads a version 1 without owned partitions", () => {
  const bytes = decodeHex("000100000001000174ffffffff");
  deepStrictEqual(decodeSubscription(bytes).topics, ["t"]);
  deepStrictEqual(decodeSubscription(bytes).ownedPartitions, []);
});

Deno.test("range gives neighbours, topic by topic", () => {
  const partitionCounts = new Map([["a", 5], ["b", 3]]);
  const members = ["y", "x"].map((id) => member(id, ["a", "b", "missing"]));
  deepStrictEqual(all(rangeAssignor.assign({ partitionCounts, members })), {
    x: "a0 a1 a2 b0 b1",
    y: "a3 a4 b2",
  });
  const fixed = [member("x", ["a"]), member("y", ["a"], { instanceId: "i" })];
  deepStrictEqual(
    all(rangeAssignor.assign({ partitionCounts, members: fixed })),
    { x: "a3 a4", y: "a0 a1 a2" },
  );
});

Deno.test("roundrobin gives partitions in turn, past those who do not want them", () => {
  const partitionCounts = new Map([["a", 1], ["b", 2], ["c", 3]]);
  const members = [
    member("x", ["a"]),
    member("y", ["a", "b"]),
    member("z", ["a", "b", "c"]),
  ];
  deepStrictEqual(
    all(roundRobinAssignor.assign({ partitionCounts, members })),
    { x: "a0", y: "b0", z: "b1 c0 c1 c2" },
  );
});

const groups = fc.record({
  counts: fc.array(fc.nat(7), { minLength: 1, maxLength: 4 }),
  /** For each member a bit per topic. */
  wishes: fc.array(fc.integer({ min: 1, max: 15 }), {
    minLength: 1,
    maxLength: 6,
  }),
  isUniform: fc.boolean(),
});

function task(
  { counts, wishes, isUniform }: {
    counts: number[];
    wishes: number[];
    isUniform: boolean;
  },
) {
  const topics = counts.map((_, index) => "abcd"[index]);
  return {
    partitionCounts: new Map(counts.map((count, i) => [topics[i], count])),
    members: wishes.map((bits, index) =>
      member(
        `m${index}`,
        isUniform ? topics : topics.filter((_, topic) => bits >> topic & 1),
      )
    ),
  };
}

Deno.test("every assignor gives each wanted partition to one who wants it", () => {
  fc.assert(fc.property(groups, fc.constantFrom(...ALL), (group, assignor) => {
    const { partitionCounts, members } = task(group);
    const assignments = assignor.assign({ partitionCounts, members });
    const wanted = [...partitionCounts].flatMap(([topic, count]) =>
      members.some(({ topics }) => topics.includes(topic))
        ? Array.from(
          { length: count },
          (_, partition) => `${topic}${partition}`,
        )
        : []
    );
    const given = [...assignments.values()].map(shown)
      .flatMap((text) => text === "" ? [] : text.split(" "));
    deepStrictEqual(given.sort(), wanted.sort());
    for (const { memberId, topics } of members) {
      const own = assignments.get(memberId)!;
      ok(own.every(({ topic }) => topics.includes(topic)));
    }
    if (assignor !== rangeAssignor && group.isUniform) {
      const sizes = [...assignments.values()].map(({ length }) => length);
      ok(Math.max(...sizes) - Math.min(...sizes) <= 1, String(sizes));
    }
  }));
});

Deno.test("sticky assignors move nothing where nothing has changed", () => {
  fc.assert(
    fc.property(groups, fc.constantFrom(...STICKY), (group, assignor) => {
      const first = task(group);
      const before = assignor.assign(first);
      const again = assignor.assign({
        ...first,
        members: next(assignor, first.members, before, 1),
      });
      deepStrictEqual(all(again), all(before));
    }),
  );
});

Deno.test("sticky assignors leave what the others had where a member goes or comes", () => {
  const partitionCounts = new Map([["a", 9]]);
  for (const assignor of STICKY) {
    const members = ["x", "y", "z"].map((id) => member(id, ["a"]));
    const first = assignor.assign({ partitionCounts, members });
    const left = next(assignor, members, first, 1).slice(0, 2);
    const second = assignor.assign({ partitionCounts, members: left });
    for (const { memberId } of left) {
      const kept = second.get(memberId)!.map(partitionKey);
      ok(first.get(memberId)!.every((p) => kept.includes(partitionKey(p))));
    }
    const come = [...next(assignor, left, second, 2), member("w", ["a"])];
    const third = assignor.assign({ partitionCounts, members: come });
    strictEqual(third.get("x")!.length, 3);
    strictEqual(third.get("y")!.length, 3);
    // What is to move is nobody's for one round, where it is given up late.
    strictEqual(third.get("w")!.length, assignor.isCooperative ? 0 : 3);
    const settled = next(assignor, come, third, 3);
    const fourth = assignor.assign({ partitionCounts, members: settled });
    strictEqual(fourth.get("w")!.length, 3);
  }
});

Deno.test("sticky assignors believe the claim of the latest generation", () => {
  const partitionCounts = new Map([["a", 2]]);
  const a0 = { topic: "a", partition: 0 };
  const claims = (x: number, y: number) =>
    [member("x", ["a"]), member("y", ["a"])].map((one, index) => ({
      ...one,
      userData: stickyAssignor.userData({
        partitions: [a0],
        generationId: [x, y][index],
      }),
    }));
  const assign = (x: number, y: number) =>
    all(stickyAssignor.assign({ partitionCounts, members: claims(x, y) }));
  deepStrictEqual(assign(1, 2), { x: "a1", y: "a0" });
  deepStrictEqual(assign(2, 1), { x: "a0", y: "a1" });
});

// What Java's RangeAssignor of 3.9.1 gives for clusters and members with racks.
Deno.test("range goes by racks exactly as Java's does", () => {
  const file = new URL(
    "../../testdata/client/java_range_racks.ndjson",
    import.meta.url,
  );
  let differenceCount = 0;
  for (const line of Deno.readTextFileSync(file).trim().split("\n")) {
    const { topics, members, result } = JSON.parse(line) as {
      topics: Record<string, string[][]>;
      members: [string, string | null, string[]][];
      result: Record<string, string>;
    };
    const task = {
      partitionCounts: new Map(
        Object.entries(topics).map(([topic, { length }]) => [topic, length]),
      ),
      members: members.map(([memberId, rackId, wanted]) =>
        member(memberId, wanted, { rackId })
      ),
    };
    const replicaRacks = new Map(
      Object.entries(topics).map(([topic, racks]) => [
        topic,
        racks.map((some) => new Set(some)),
      ]),
    );
    const keys = (assignments: Assignments) =>
      Object.fromEntries(
        [...assignments].map(([memberId, partitions]) => [
          memberId,
          partitions.map(partitionKey).sort().join(" "),
        ]),
      );
    const given = keys(rangeAssignor.assign({ ...task, replicaRacks }));
    deepStrictEqual(given, result, line);
    const plain = keys(rangeAssignor.assign(task));
    if (JSON.stringify(plain) !== JSON.stringify(given)) differenceCount++;
  }
  ok(differenceCount > 10, `racks matter in ${differenceCount}`);
});
