// Groups of the newer kind by their heartbeats alone, without a log: what a
// decision says is applied at once.

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { KafkaError } from "../../wire/kafka/errors.ts";
import type { ConsumerGroupHeartbeatRequest } from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
import { serverAssignors } from "../assignors/server_assignors.ts";
import { decodeRecord, encodeRecord } from "../coordinator_record.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import type { Group } from "../group.ts";
import { applyConsumerRecord } from "./apply_consumer_record.ts";
import { type Assignment, assignmentOf, isWithin } from "./assignment.ts";
import { ConsumerGroup } from "./consumer_group.ts";
import { decideHeartbeat, type Sender } from "./decide_heartbeat.ts";
import { decideLeave, decideRemoval } from "./decide_removal.ts";
import { describeGroup } from "./describe_group.ts";
import { checkHeartbeat } from "./heartbeat_checks.ts";
import type { TopicFacts, TopicsView } from "./topics_view.ts";

const SENDER: Sender = { clientId: "c", clientHost: "/127.0.0.1" };
const BLANK: ConsumerGroupHeartbeatRequest = {
  groupId: "g",
  memberId: "",
  memberEpoch: 0,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  subscribedTopicNames: null,
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: null,
};

function viewOf(topics: Record<string, number>, salt = ""): TopicsView {
  const all: TopicFacts[] = Object.entries(topics).map(([name, count]) => ({
    name,
    topicId: `${salt}${name}`.padEnd(22, "A"),
    partitions: Array(count).fill(0),
  }));
  return {
    topics: new Map(all.map((topic) => [topic.name, topic])),
    topicsById: new Map(all.map((topic) => [topic.topicId, topic])),
  };
}

class World {
  readonly groups = new Map<string, Group>();
  view: TopicsView;
  sizeMax = 100;
  /** All records so far, as bytes would give them back. */
  readonly log: CoordinatorRecord[] = [];

  constructor(topics: Record<string, number>) {
    this.view = viewOf(topics);
  }

  get group(): ConsumerGroup {
    const group = this.groups.get("g");
    ok(group instanceof ConsumerGroup);
    return group;
  }

  get rules() {
    return {
      view: this.view,
      assignors: serverAssignors([]),
      heartbeatIntervalMs: 5000,
      sizeMax: this.sizeMax,
    };
  }

  apply(records: readonly CoordinatorRecord[]): void {
    for (const record of records) {
      const { key, value } = encodeRecord(record);
      const read = decodeRecord(key, value);
      ok(read !== null);
      deepStrictEqual(read, record);
      this.log.push(read);
      applyConsumerRecord(this.groups, read);
    }
  }

  beat(fields: Partial<ConsumerGroupHeartbeatRequest>) {
    const request = { ...BLANK, ...fields };
    checkHeartbeat(request, { apiVersion: 1, assignors: this.rules.assignors });
    const group = this.groups.get("g") as ConsumerGroup | undefined ??
      new ConsumerGroup("g");
    if (request.memberEpoch < 0) {
      const leaving = decideLeave(group, request);
      this.apply(
        leaving.kind === "away"
          ? leaving.records
          : decideRemoval(group, new Set([leaving.memberId]), this.view),
      );
      return null;
    }
    const decision = decideHeartbeat(group, request, {
      rules: this.rules,
      sender: SENDER,
    });
    this.apply(decision.records);
    this.group.checkedTopics = this.view.topics;
    return decision.response;
  }

  join(memberId: string, fields: Partial<ConsumerGroupHeartbeatRequest> = {}) {
    const response = this.beat({
      memberId,
      rebalanceTimeoutMs: 60_000,
      topicPartitions: [],
      ...(fields.subscribedTopicRegex === undefined
        ? { subscribedTopicNames: ["t"] }
        : {}),
      ...fields,
    });
    ok(response !== null);
    return response;
  }

  expire(...memberIds: string[]): void {
    this.apply(decideRemoval(this.group, new Set(memberIds), this.view));
  }
}

/** A member as a client plays it: lets go of what is taken from it, takes what it gets. */
class Client {
  readonly world: World;
  readonly memberId: string;
  epoch = 0;
  owned: Assignment = new Map();

  constructor(world: World, memberId: string) {
    this.world = world;
    this.memberId = memberId;
  }

  beat(fields: Partial<ConsumerGroupHeartbeatRequest> = {}): void {
    const { memberId, world } = this;
    const response = this.epoch === 0
      ? world.join(memberId, fields)
      : world.beat({
        memberId,
        memberEpoch: this.epoch,
        topicPartitions: asTopics(this.owned),
        ...fields,
      })!;
    this.epoch = response.memberEpoch;
    if (response.assignment !== null) {
      this.owned = assignmentOf(response.assignment.topicPartitions);
    }
  }
}

function asTopics(assignment: Assignment) {
  return Array.from(assignment, ([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions],
  }));
}

function refusal(errorName: string) {
  return (error: unknown) =>
    error instanceof KafkaError && error.errorName === errorName;
}

function partitionsOf(client: Client, topic = "t"): readonly number[] {
  return client.owned.get(client.world.view.topics.get(topic)!.topicId) ?? [];
}

Deno.test("the first member gets everything at once", () => {
  const world = new World({ t: 3 });
  const response = world.join("a");
  deepStrictEqual(response, {
    throttleTimeMs: 0,
    errorCode: 0,
    errorMessage: null,
    memberId: "a",
    memberEpoch: 1,
    heartbeatIntervalMs: 5000,
    assignment: {
      topicPartitions: [{
        topicId: world.view.topics.get("t")!.topicId,
        partitions: [0, 1, 2],
      }],
    },
  });
  strictEqual(world.group.stateName, "Stable");
});

Deno.test("a heartbeat that changes nothing stores nothing and says nothing", () => {
  const world = new World({ t: 3 });
  world.join("a");
  const before = world.log.length;
  const response = world.beat({ memberId: "a", memberEpoch: 1 })!;
  strictEqual(world.log.length, before);
  strictEqual(response.assignment, null);
});

Deno.test("a partition moves only after its holder has let go of it", () => {
  const world = new World({ t: 4 });
  const a = new Client(world, "a");
  const b = new Client(world, "b");
  a.beat();
  b.beat();
  // Everything is a's still: b is in the new epoch and waits.
  deepStrictEqual([b.epoch, partitionsOf(b)], [2, []]);
  strictEqual(world.group.stateName, "Reconciling");

  a.beat();
  deepStrictEqual([a.epoch, partitionsOf(a)], [1, [0, 1]]);
  b.beat();
  deepStrictEqual(partitionsOf(b), [], "a has not said that it let go");

  a.beat();
  deepStrictEqual(a.epoch, 2);
  b.beat();
  deepStrictEqual(partitionsOf(b), [2, 3]);
  strictEqual(world.group.stateName, "Stable");
});

Deno.test("what a member leaves goes to the others", () => {
  const world = new World({ t: 4 });
  const a = new Client(world, "a");
  const b = new Client(world, "b");
  for (const client of [a, b, a, a, b]) client.beat();
  world.beat({ memberId: "a", memberEpoch: -1 });
  strictEqual(world.group.stateName, "Assigning");
  b.beat();
  deepStrictEqual([b.epoch, partitionsOf(b)], [3, [0, 1, 2, 3]]);

  world.expire("b");
  strictEqual(world.group.stateName, "Empty");
  strictEqual(world.group.groupEpoch, 4);
  throws(
    () => world.beat({ memberId: "b", memberEpoch: 3 }),
    refusal("UNKNOWN_MEMBER_ID"),
  );
});

Deno.test("an epoch that is not the member's fences it", () => {
  const world = new World({ t: 2 });
  const a = new Client(world, "a");
  a.beat();
  const b = new Client(world, "b");
  for (const client of [b, a, a]) client.beat();
  strictEqual(a.epoch, 2);
  const all = asTopics(
    new Map([[world.view.topics.get("t")!.topicId, [0, 1]]]),
  );
  const cases: [number, typeof all | null][] = [
    [3, null],
    [1, null], // an epoch behind without saying what it has
    [1, all], // … or having more than it is known to have
  ];
  for (const [memberEpoch, topicPartitions] of cases) {
    throws(
      () => world.beat({ memberId: "a", memberEpoch, topicPartitions }),
      refusal("FENCED_MEMBER_EPOCH"),
    );
  }
  // It has not seen the last answer, and gets it again.
  const response = world.beat({
    memberId: "a",
    memberEpoch: 1,
    topicPartitions: asTopics(a.owned),
  })!;
  strictEqual(response.memberEpoch, 2);
  // It does not come back under its id before its session has ended.
  throws(() => world.join("a"), refusal("FENCED_MEMBER_EPOCH"));
});

Deno.test("a static member that is away keeps its partitions for who comes back", () => {
  const world = new World({ t: 4 });
  const a = new Client(world, "a");
  a.beat({ instanceId: "i" });
  const b = new Client(world, "b");
  for (const client of [b, a, a, b]) {
    client.beat({ instanceId: client === a ? "i" : null });
  }
  throws(
    () => world.join("a2", { instanceId: "i" }),
    refusal("UNRELEASED_INSTANCE_ID"),
  );
  world.beat({ memberId: "a", memberEpoch: -2, instanceId: "i" });
  strictEqual(world.group.members.get("a")!.memberEpoch, -2);

  const epochBefore = world.group.groupEpoch;
  const back = world.join("a2", { instanceId: "i" });
  strictEqual(world.group.groupEpoch, epochBefore);
  deepStrictEqual(
    back.assignment!.topicPartitions.map(({ partitions }) => partitions),
    [[...partitionsOf(a)]],
  );
  deepStrictEqual([...world.group.members.keys()].sort(), ["a2", "b"]);
  throws(
    () =>
      world.beat({
        memberId: "a",
        memberEpoch: back.memberEpoch,
        instanceId: "i",
      }),
    refusal("FENCED_INSTANCE_ID"),
  );
  throws(
    () => world.beat({ memberId: "x", memberEpoch: 1, instanceId: "j" }),
    refusal("UNKNOWN_MEMBER_ID"),
  );
});

Deno.test("a change of the topics moves the group on at the next heartbeat", () => {
  const world = new World({ t: 2 });
  const a = new Client(world, "a");
  a.beat({ subscribedTopicRegex: "t.*" });
  world.view = viewOf({ t: 3, t2: 1, other: 5 });
  a.beat();
  strictEqual(a.epoch, 2);
  deepStrictEqual([partitionsOf(a), partitionsOf(a, "t2")], [[0, 1, 2], [0]]);
  // A topic that nobody wants changes nothing.
  world.view = viewOf({ t: 3, t2: 1, other: 6 });
  a.beat();
  strictEqual(a.epoch, 2);
  // One of the same name that took its place is another topic.
  world.view = viewOf({ t: 3, t2: 1 }, "B");
  a.beat();
  a.beat();
  strictEqual(a.epoch, 3);
  deepStrictEqual(partitionsOf(a), [0, 1, 2]);
});

Deno.test("members may want different topics, and change their minds", () => {
  const world = new World({ t: 2, u: 2 });
  const a = new Client(world, "a");
  const b = new Client(world, "b");
  a.beat({ subscribedTopicNames: ["t"] });
  b.beat({ subscribedTopicNames: ["u"] });
  a.beat();
  deepStrictEqual([partitionsOf(a), partitionsOf(b, "u")], [[0, 1], [0, 1]]);
  a.beat({ subscribedTopicNames: [], subscribedTopicRegex: "u" });
  a.beat();
  b.beat();
  b.beat();
  a.beat();
  deepStrictEqual(partitionsOf(a), []);
  deepStrictEqual([...partitionsOf(a, "u"), ...partitionsOf(b, "u")].sort(), [
    0,
    1,
  ]);
});

Deno.test("the assignor that most ask for is taken", () => {
  const world = new World({ t: 4, u: 4 });
  const topics = { subscribedTopicNames: ["t", "u"] };
  world.join("a", { ...topics, serverAssignor: "range" });
  world.join("b", topics);
  const { assignorName, groupState, members } = describeGroup(
    world.group,
    world.rules,
  );
  deepStrictEqual([assignorName, groupState], ["range", "Reconciling"]);
  deepStrictEqual(
    members.map(({ targetAssignment }) =>
      targetAssignment.topicPartitions.map(({ topicName, partitions }) => [
        topicName,
        partitions,
      ])
    ),
    [[["t", [0, 1]], ["u", [0, 1]]], [["t", [2, 3]], ["u", [2, 3]]]],
  );
});

Deno.test("a full group takes nobody in, and keeps those who are in it", () => {
  const world = new World({ t: 1 });
  world.sizeMax = 1;
  world.join("a");
  throws(() => world.join("b"), refusal("GROUP_MAX_SIZE_REACHED"));
  strictEqual(world.join("a").memberEpoch, 1);
});

Deno.test("requests that make no sense are refused", () => {
  const world = new World({ t: 1 });
  world.join("a");
  const join = {
    memberId: "b",
    rebalanceTimeoutMs: 1,
    topicPartitions: [],
    subscribedTopicNames: ["t"],
  };
  const cases: [Partial<ConsumerGroupHeartbeatRequest>, string][] = [
    [{ ...join, groupId: "" }, "INVALID_REQUEST"],
    [{ ...join, memberId: "" }, "INVALID_REQUEST"],
    [{ ...join, instanceId: "" }, "INVALID_REQUEST"],
    [{ ...join, rackId: "" }, "INVALID_REQUEST"],
    [{ ...join, rebalanceTimeoutMs: -1 }, "INVALID_REQUEST"],
    [{ ...join, topicPartitions: null }, "INVALID_REQUEST"],
    [{
      ...join,
      topicPartitions: [{ topicId: "x", partitions: [1] }],
    }, "INVALID_REQUEST"],
    [{ ...join, subscribedTopicNames: null }, "INVALID_REQUEST"],
    [{ ...join, serverAssignor: "best" }, "UNSUPPORTED_ASSIGNOR"],
    [{ ...join, subscribedTopicRegex: "(" }, "INVALID_REGULAR_EXPRESSION"],
    [{ memberId: "a", memberEpoch: -3 }, "INVALID_REQUEST"],
    [{ memberId: "a", memberEpoch: -2 }, "INVALID_REQUEST"],
    [{ memberId: "z", memberEpoch: -1 }, "UNKNOWN_MEMBER_ID"],
  ];
  for (const [fields, errorName] of cases) {
    throws(
      () => world.beat(fields),
      refusal(errorName),
      JSON.stringify(fields),
    );
  }
});

Deno.test("commits are good in the member's own epoch only", () => {
  const world = new World({ t: 1 });
  world.join("a");
  const check = (memberId: string, epoch: number, apiVersion = 9) =>
    world.group.checkCommit({
      memberId,
      groupInstanceId: null,
      generationIdOrMemberEpoch: epoch,
      apiVersion,
    });
  const codes = [
    check("a", 1),
    check("a", 0),
    check("b", 1),
    check("", -1),
    check("a", 1, 8),
  ];
  deepStrictEqual(codes, [0, 113, 25, 25, 35]);
  world.expire("a");
  strictEqual(check("", -1), 0);
  strictEqual(world.group.checkFetch({ memberId: null, memberEpoch: -1 }), 0);
});

type Move =
  | { readonly kind: "beat"; readonly who: number }
  | { readonly kind: "leave" | "crash"; readonly who: number }
  | { readonly kind: "topics"; readonly t: number; readonly u: number };

const anyMove: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("beat" as const),
      who: fc.nat(5),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("leave" as const, "crash" as const),
      who: fc.nat(5),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("topics" as const),
      t: fc.integer({ min: 1, max: 8 }),
      u: fc.integer({ min: 1, max: 4 }),
    }),
  },
);

/** A member that the group does not know any more has lost its partitions. */
function assertOneOwnerEach(clients: readonly Client[]): void {
  const owners = new Map<string, string>();
  for (const { memberId, owned } of clients) {
    for (const [topicId, partitions] of owned) {
      for (const partition of partitions) {
        const key = `${topicId}-${partition}`;
        ok(
          !owners.has(key),
          `${key} is ${memberId}'s and ${owners.get(key)}'s`,
        );
        owners.set(key, memberId);
      }
    }
  }
}

Deno.test("whatever members do, a partition has one owner, and in the end the group is stable", () => {
  fc.assert(fc.property(fc.array(anyMove, { maxLength: 60 }), (moves) => {
    const world = new World({ t: 5, u: 3 });
    const clients = new Map<number, Client>();
    const sizes = { t: 5, u: 3 };
    let names = 0;
    for (const move of moves) {
      if (move.kind === "topics") {
        sizes.t = Math.max(sizes.t, move.t);
        sizes.u = Math.max(sizes.u, move.u);
        world.view = viewOf(sizes);
      } else if (move.kind === "beat") {
        let client = clients.get(move.who);
        if (client === undefined) {
          clients.set(move.who, client = new Client(world, `m${names++}`));
        }
        client.beat(
          client.epoch > 0
            ? {}
            : move.who % 2 === 0
            ? { subscribedTopicNames: ["t"] }
            : { subscribedTopicRegex: "[tu]" },
        );
      } else {
        const client = clients.get(move.who);
        if (client === undefined) continue;
        clients.delete(move.who);
        if (move.kind === "crash") world.expire(client.memberId);
        else world.beat({ memberId: client.memberId, memberEpoch: -1 });
      }
      assertOneOwnerEach([...clients.values()]);
    }
    if (clients.size === 0) return;
    for (let round = 0; round < 4; round++) {
      for (const client of clients.values()) client.beat();
      assertOneOwnerEach([...clients.values()]);
    }
    strictEqual(world.group.stateName, "Stable");
    for (const client of clients.values()) {
      const target = world.group.target(client.memberId);
      ok(isWithin(target, client.owned) && isWithin(client.owned, target));
    }
    assertReplays(world);
  }));
});

/** The records alone give the same group again. */
function assertReplays(world: World): void {
  const replayed = new Map<string, Group>();
  for (const record of world.log) applyConsumerRecord(replayed, record);
  const again = replayed.get("g") as ConsumerGroup;
  deepStrictEqual(
    [...again.members].sort(),
    [...world.group.members].sort(),
  );
  deepStrictEqual([...again.targets].sort(), [...world.group.targets].sort());
  deepStrictEqual(
    [again.groupEpoch, again.targetEpoch, again.topics, again.stateName],
    [
      world.group.groupEpoch,
      world.group.targetEpoch,
      world.group.topics,
      world.group.stateName,
    ],
  );
  for (const record of world.group.tombstones()) {
    applyConsumerRecord(replayed, record);
  }
  strictEqual(replayed.size, 0);
}
