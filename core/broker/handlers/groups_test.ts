// Groups through a whole broker: members on connections, tools beside them, stops
// and kills in between.

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { OFFSETS_TOPIC } from "../../groups/group_coordinator.ts";
import { sleep } from "../../host/host.ts";
import {
  TestBroker,
  type TestClient,
  until,
} from "../../testing/broker_fixture.ts";
import { type SimHost, simHost } from "../../testing/sim_host.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  deleteGroupsRequest,
  deleteGroupsResponse,
} from "../../wire/kafka/messages/delete_groups.ts";
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from "../../wire/kafka/messages/describe_groups.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../../wire/kafka/messages/find_coordinator.ts";
import {
  heartbeatRequest,
  heartbeatResponse,
} from "../../wire/kafka/messages/heartbeat.ts";
import {
  joinGroupRequest,
  joinGroupResponse,
} from "../../wire/kafka/messages/join_group.ts";
import {
  leaveGroupRequest,
  leaveGroupResponse,
} from "../../wire/kafka/messages/leave_group.ts";
import {
  listGroupsRequest,
  listGroupsResponse,
} from "../../wire/kafka/messages/list_groups.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "../../wire/kafka/messages/offset_commit.ts";
import {
  offsetDeleteRequest,
  offsetDeleteResponse,
} from "../../wire/kafka/messages/offset_delete.ts";
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from "../../wire/kafka/messages/offset_fetch.ts";
import {
  syncGroupRequest,
  syncGroupResponse,
} from "../../wire/kafka/messages/sync_group.ts";

const FIND = [findCoordinatorRequest, findCoordinatorResponse] as const;
const JOIN = [joinGroupRequest, joinGroupResponse] as const;
const SYNC = [syncGroupRequest, syncGroupResponse] as const;
const HEARTBEAT = [heartbeatRequest, heartbeatResponse] as const;
const LEAVE = [leaveGroupRequest, leaveGroupResponse] as const;
const COMMIT = [offsetCommitRequest, offsetCommitResponse] as const;
const FETCH = [offsetFetchRequest, offsetFetchResponse] as const;
const LIST = [listGroupsRequest, listGroupsResponse] as const;
const DESCRIBE = [describeGroupsRequest, describeGroupsResponse] as const;
const DELETE = [deleteGroupsRequest, deleteGroupsResponse] as const;
const DELETE_OFFSETS = [offsetDeleteRequest, offsetDeleteResponse] as const;

const CONFIG = {
  "group.initial.rebalance.delay.ms": 0,
  "offsets.topic.num.partitions": 4,
};

/** A broker that has group topics, a topic `t` of three partitions, and a client. */
async function withGroups(
  run: (
    context: { sim: SimHost; broker: TestBroker; client: TestClient },
  ) => Promise<void>,
  config: { readonly [key: string]: string | number } = {},
): Promise<void> {
  const sim = simHost(710);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, { ...CONFIG, ...config });
    await broker.createTopic("t", { partitionCount: 3 });
    const client = await broker.connect();
    await client.call(FIND, 2, { key: "g" });
    await run({ sim, broker, client });
    await broker.stop();
  });
}

function join(groupId: string, memberId = "") {
  return {
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId,
    protocolType: "consumer",
    // Topics: `t`.
    protocols: [{
      name: "range",
      metadata: Uint8Array.of(0, 1, 0, 0, 0, 1, 0, 1, 116, 255, 255, 255, 255),
    }],
  };
}

/** Joins alone and takes everything; gives who it is. */
async function joinAlone(client: TestClient, groupId: string) {
  const { memberId, generationId } = await client.call(JOIN, 3, join(groupId));
  await client.call(SYNC, 3, {
    groupId,
    memberId,
    generationId,
    assignments: [{ memberId, assignment: Uint8Array.of(1, 2) }],
  });
  return { memberId, generationId };
}

async function commit(
  client: TestClient,
  groupId: string,
  offsets: readonly number[],
  by: { memberId?: string; generationId?: number; version?: number } = {},
): Promise<number[]> {
  const { topics } = await client.call(COMMIT, by.version ?? 7, {
    groupId,
    memberId: by.memberId ?? "",
    generationIdOrMemberEpoch: by.generationId ?? -1,
    topics: [{
      name: "t",
      partitions: offsets.map((committedOffset, partitionIndex) => ({
        partitionIndex,
        committedOffset,
        committedMetadata: `m${partitionIndex}`,
      })),
    }],
  });
  return topics[0].partitions.map(({ errorCode }) => errorCode);
}

async function committed(
  client: TestClient,
  groupId: string,
  version = 7,
): Promise<number[]> {
  const body = version < 8 ? { groupId, topics: null } : {
    groups: [{ groupId, topics: null }],
  };
  const answer = await client.call(FETCH, version, body);
  const { errorCode, topics } = version < 8 ? answer : answer.groups[0];
  strictEqual(errorCode, ErrorCode.NONE);
  const offsets: number[] = [];
  for (
    const { partitionIndex, committedOffset } of topics[0]?.partitions ?? []
  ) {
    offsets[partitionIndex] = committedOffset;
  }
  return offsets;
}

Deno.test("the first to ask for a coordinator gets one, and the topic is made", async () => {
  const sim = simHost(711);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, CONFIG);
    const client = await broker.connect();
    const early = await client.call(HEARTBEAT, 3, {
      groupId: "g",
      generationId: 1,
      memberId: "m",
    });
    strictEqual(early.errorCode, ErrorCode.NOT_COORDINATOR);
    const found = await client.call(FIND, 4, { coordinatorKeys: ["g", "h"] });
    deepStrictEqual(
      found.coordinators.map((
        { key, nodeId, errorCode },
      ) => [key, nodeId, errorCode]),
      [["g", 1, 0], ["h", 1, 0]],
    );
    const topic = broker.broker.cluster.image.topics.get(OFFSETS_TOPIC)!;
    strictEqual(topic.partitions.length, 4);
    deepStrictEqual(topic.partitions[0].replicas, [1]);
    deepStrictEqual(Object.fromEntries(topic.config), {
      "cleanup.policy": "compact",
      "compression.type": "producer",
      "segment.bytes": "104857600",
    });
    await broker.stop();
  });
});

Deno.test("offsets are committed and fetched in every version", async () => {
  await withGroups(async ({ client }) => {
    for (let version = 0; version <= 9; version++) {
      const groupId = `g${version}`;
      deepStrictEqual(
        await commit(client, groupId, [version, 7], { version }),
        [0, 0],
      );
      for (let fetch = 2; fetch <= 9; fetch++) {
        deepStrictEqual(await committed(client, groupId, fetch), [version, 7]);
      }
      const { topics } = await client.call(FETCH, 1, {
        groupId,
        topics: [{ name: "t", partitionIndexes: [1, 2] }],
      });
      deepStrictEqual(
        topics[0].partitions.map((
          each,
        ) => [each.committedOffset, each.metadata]),
        [[7, "m1"], [-1, ""]],
      );
    }
  });
});

Deno.test("several groups are asked for at once, each with its own answer", async () => {
  await withGroups(async ({ client }) => {
    await commit(client, "a", [1]);
    await commit(client, "b", [2, 3]);
    const topics = [{ name: "t", partitionIndexes: [0, 1] }];
    const { groups } = await client.call(FETCH, 8, {
      groups: [
        { groupId: "a", topics },
        { groupId: "b", topics },
        { groupId: "none", topics: null },
      ],
      requireStable: true,
    });
    deepStrictEqual(
      groups.map((group) => [
        group.groupId,
        group.topics.flatMap(({ partitions }) =>
          partitions.map(({ committedOffset }) => committedOffset)
        ),
      ]),
      [["a", [1, -1]], ["b", [2, 3]], ["none", []]],
    );
  });
});

Deno.test("a commit is refused partition by partition, or as a whole", async () => {
  await withGroups(async ({ client }) => {
    const { topics } = await client.call(COMMIT, 7, {
      groupId: "g",
      memberId: "",
      topics: [{
        name: "t",
        partitions: [
          { partitionIndex: 0, committedOffset: 1, committedMetadata: null },
          { partitionIndex: 9, committedOffset: 1, committedMetadata: "" },
          {
            partitionIndex: 1,
            committedOffset: 1,
            committedMetadata: "x".repeat(11),
          },
        ],
      }, {
        name: "missing",
        partitions: [
          { partitionIndex: 0, committedOffset: 1, committedMetadata: "" },
        ],
      }],
    });
    deepStrictEqual(
      topics.map(({ partitions }) => partitions.map((each) => each.errorCode)),
      [
        [
          ErrorCode.NONE,
          ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          ErrorCode.OFFSET_METADATA_TOO_LARGE,
        ],
        [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ],
    );
    const member = await joinAlone(client, "g");
    const { memberId, generationId } = member;
    const cases: [by: Parameters<typeof commit>[3], code: number][] = [
      [member, ErrorCode.NONE],
      [
        { memberId, generationId: generationId + 1 },
        ErrorCode.ILLEGAL_GENERATION,
      ],
      [{ memberId: "x", generationId }, ErrorCode.UNKNOWN_MEMBER_ID],
      [{}, ErrorCode.UNKNOWN_MEMBER_ID],
    ];
    for (const [by, code] of cases) {
      deepStrictEqual(await commit(client, "g", [5], by), [code]);
    }
    deepStrictEqual(
      await commit(client, "new", [5], { memberId: "x", generationId: 1 }),
      [ErrorCode.ILLEGAL_GENERATION],
    );
  }, { "offset.metadata.max.bytes": 10 });
});

Deno.test("two members share a group, and one that goes leaves it to the other", async () => {
  await withGroups(async ({ sim, broker, client }) => {
    const other = await broker.connect();
    const first = await joinAlone(client, "g");
    const joining = other.call(JOIN, 3, join("g"));
    await sleep(sim.host.clock, 50);
    const beat = await client.call(HEARTBEAT, 3, { groupId: "g", ...first });
    strictEqual(beat.errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
    const again = await client.call(JOIN, 3, join("g", first.memberId));
    const second = await joining;
    strictEqual(again.generationId, 2);
    strictEqual(again.members.length, 2);
    strictEqual(second.members.length, 0);
    strictEqual(second.leader, again.memberId);
    const waiting = other.call(SYNC, 3, {
      groupId: "g",
      generationId: 2,
      memberId: second.memberId,
      assignments: [],
    });
    await client.call(SYNC, 3, {
      groupId: "g",
      generationId: 2,
      memberId: again.memberId,
      assignments: [{
        memberId: second.memberId,
        assignment: Uint8Array.of(9),
      }],
    });
    deepStrictEqual([...(await waiting).assignment], [9]);
    // The first says no more that it lives.
    const startMs = sim.host.clock.monotonicMs();
    const says = { groupId: "g", generationId: 2, memberId: second.memberId };
    await until(sim.host, async () => {
      await sleep(sim.host.clock, 500);
      const { errorCode } = await other.call(HEARTBEAT, 3, says);
      return errorCode === ErrorCode.REBALANCE_IN_PROGRESS;
    });
    ok(sim.host.clock.monotonicMs() - startMs <= 11_000, "within its session");
    const alone = await other.call(JOIN, 3, join("g", second.memberId));
    strictEqual(alone.leader, second.memberId);
    strictEqual(alone.members.length, 1);
  });
});

Deno.test("groups are listed, described and deleted", async () => {
  await withGroups(async ({ client }) => {
    const { memberId } = await joinAlone(client, "live");
    await commit(client, "lone", [1, 2]);
    const list = async (
      body: { statesFilter?: string[]; typesFilter?: string[] },
    ) =>
      (await client.call(LIST, 5, body)).groups
        .map((
          each,
        ) => [each.groupId, each.protocolType, each.groupState, each.groupType])
        .sort();
    const live = ["live", "consumer", "Stable", "classic"];
    const lone = ["lone", "", "Empty", "classic"];
    deepStrictEqual(await list({}), [live, lone]);
    deepStrictEqual(await list({ statesFilter: ["stable"] }), [live]);
    deepStrictEqual(await list({ typesFilter: ["consumer"] }), []);
    const { groups } = await client.call(DESCRIBE, 5, {
      groups: ["live", "lone", "none"],
    });
    deepStrictEqual(
      groups.map((
        each,
      ) => [each.groupState, each.protocolData, each.members.length]),
      [["Stable", "range", 1], ["Empty", "", 0], ["Dead", "", 0]],
    );
    strictEqual(groups[0].members[0].memberId, memberId);
    strictEqual(groups[0].members[0].clientHost, "/127.0.0.1");
    const remove = async () =>
      (await client.call(DELETE, 2, { groupsNames: ["live", "lone", "none"] }))
        .results.map(({ errorCode }) => errorCode);
    const { NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, NONE } = ErrorCode;
    deepStrictEqual(await remove(), [
      NON_EMPTY_GROUP,
      NONE,
      GROUP_ID_NOT_FOUND,
    ]);
    deepStrictEqual(await committed(client, "lone"), []);
    await client.call(LEAVE, 1, { groupId: "live", memberId });
    deepStrictEqual(await remove(), [
      NONE,
      GROUP_ID_NOT_FOUND,
      GROUP_ID_NOT_FOUND,
    ]);
    deepStrictEqual(await list({}), []);
  });
});

Deno.test("offsets that members use are not deleted, others are", async () => {
  await withGroups(async ({ broker, client }) => {
    await broker.createTopic("u");
    const member = await joinAlone(client, "g");
    await commit(client, "g", [1, 2], member);
    const remove = async (groupId: string) => {
      const answer = await client.call(DELETE_OFFSETS, 0, {
        groupId,
        topics: [
          { name: "t", partitions: [{ partitionIndex: 0 }] },
          {
            name: "u",
            partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }],
          },
        ],
      });
      return [
        answer.errorCode,
        ...answer.topics.flatMap(({ partitions }) =>
          partitions.map(({ errorCode }) => errorCode)
        ),
      ];
    };
    const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    deepStrictEqual(await remove("g"), [
      0,
      ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
      0,
      unknown,
    ]);
    deepStrictEqual(await remove("none"), [ErrorCode.GROUP_ID_NOT_FOUND]);
    await client.call(LEAVE, 1, { groupId: "g", memberId: member.memberId });
    deepStrictEqual(await remove("g"), [0, 0, 0, unknown]);
    deepStrictEqual((await committed(client, "g"))[1], 2);
  });
});

for (const end of ["stop", "kill"] as const) {
  Deno.test(`groups and offsets are there after a ${end}`, async () => {
    const sim = simHost(712);
    let member = { memberId: "", generationId: -1 };
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, CONFIG);
      await broker.createTopic("t", { partitionCount: 3 });
      const client = await broker.connect();
      await client.call(FIND, 2, { key: "g" });
      member = await joinAlone(client, "g");
      await commit(client, "g", [10, 20], member);
      await commit(client, "g", [11], member);
      await commit(client, "gone", [1]);
      await client.call(DELETE, 2, { groupsNames: ["gone"] });
      if (end === "stop") await broker.stop();
    });
    if (end === "kill") sim.crash("kill");
    sim.restart();
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, CONFIG);
      const client = await broker.connect();
      // Loading takes a moment, in which nobody is told that there is nothing.
      await until(sim.host, async () => {
        const { errorCode } = await client.call(FETCH, 7, {
          groupId: "g",
          topics: null,
        });
        if (errorCode === ErrorCode.NONE) return true;
        strictEqual(errorCode, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
        return false;
      });
      deepStrictEqual(await committed(client, "g"), [11, 20]);
      deepStrictEqual(await committed(client, "gone"), []);
      const beat = await client.call(HEARTBEAT, 3, { groupId: "g", ...member });
      strictEqual(beat.errorCode, ErrorCode.NONE, "it is still a member");
      deepStrictEqual(await commit(client, "g", [12], member), [0]);
      const { groups } = await client.call(LIST, 4, {});
      deepStrictEqual(groups.map(({ groupId }) => groupId), ["g"]);
      await broker.stop();
    });
  });
}

Deno.test("while groups load, callers are told so and get no empty answer", async () => {
  const sim = simHost(713);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, CONFIG);
    await broker.createTopic("t", { partitionCount: 3 });
    const client = await broker.connect();
    await client.call(FIND, 2, { key: "g" });
    for (let i = 0; i < 20; i++) await commit(client, "g", [i]);
    await broker.stop();
  });
  sim.restart();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      ...CONFIG,
      // One batch at a time.
      "offsets.load.buffer.size": 1,
    });
    const { groups } = broker.broker;
    const shard = groups.findShard(groups.partitionOf("g"))!;
    strictEqual(shard.isLoading, true);
    const client = await broker.connect();
    const codes = new Set<number>();
    while (shard.isLoading) {
      const answer = await client.call(FETCH, 7, {
        groupId: "g",
        topics: null,
      });
      codes.add(answer.errorCode);
      if (answer.errorCode === ErrorCode.NONE) {
        strictEqual(answer.topics[0].partitions[0].committedOffset, 19);
      }
    }
    deepStrictEqual(await committed(client, "g"), [19]);
    await broker.stop();
  });
});

Deno.test("offsets that nobody needs expire, and the group with them", async () => {
  await withGroups(async ({ sim, client }) => {
    await commit(client, "g", [1]);
    await sleep(sim.host.clock, 50_000);
    deepStrictEqual(await committed(client, "g"), [1]);
    await sleep(sim.host.clock, 20_000);
    deepStrictEqual(await committed(client, "g"), []);
    deepStrictEqual((await client.call(LIST, 4, {})).groups, []);
  }, {
    "offsets.retention.minutes": 1,
    "offsets.retention.check.interval.ms": 5000,
  });
});

Deno.test("commits count once they are on the disk where that is asked for", async () => {
  const sim = simHost(714);
  const config = { ...CONFIG, "log.flush.interval.messages": 1 };
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, config);
    await broker.createTopic("t", { partitionCount: 3 });
    const client = await broker.connect();
    await client.call(FIND, 2, { key: "g" });
    for (let i = 0; i < 10; i++) await commit(client, "g", [i]);
  });
  sim.crash("power");
  sim.restart();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, config);
    const client = await broker.connect();
    await sleep(sim.host.clock, 100);
    deepStrictEqual(await committed(client, "g"), [9]);
    await broker.stop();
  });
});
