// Groups that change their protocol with members in them, on whole brokers.

import { deepEqual, equal } from "node:assert/strict";
import { type Host, sleep } from "../../host/host.ts";
import {
  TestBroker,
  type TestClient,
  until,
} from "../../testing/broker_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import { codecFor } from "../../wire/kafka/codec.ts";
import {
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
} from "../../wire/kafka/messages/consumer_group_describe.ts";
import {
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
} from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
import { consumerProtocolSubscription } from "../../wire/kafka/messages/consumer_protocol.ts";
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
  syncGroupRequest,
  syncGroupResponse,
} from "../../wire/kafka/messages/sync_group.ts";
import { Writer } from "../../wire/writer.ts";
import { type Assignment, assignmentOf } from "./assignment.ts";
import {
  byTopicId,
  formatAssignment,
  parseAssignment,
} from "./embedded_protocol.ts";
import type { TopicsView } from "./topics_view.ts";

const FIND = [findCoordinatorRequest, findCoordinatorResponse] as const;
const JOIN = [joinGroupRequest, joinGroupResponse] as const;
const SYNC = [syncGroupRequest, syncGroupResponse] as const;
const BEAT = [heartbeatRequest, heartbeatResponse] as const;
const LEAVE = [leaveGroupRequest, leaveGroupResponse] as const;
const LIST = [listGroupsRequest, listGroupsResponse] as const;
const NEW_BEAT = [
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
] as const;
const DESCRIBE = [
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
] as const;

const GROUP = "g";
const SETTINGS = {
  "offsets.topic.num.partitions": 2,
  "group.initial.rebalance.delay.ms": 0,
};
const REBALANCE_TIMEOUT_MS = 20_000;

/** A member as a client plays it, step by step. */
interface Player {
  client: TestClient;
  readonly owned: Assignment;
  /** Says that it lives, and does what it is told. */
  step(): Promise<void>;
  leave(): Promise<void>;
}

/** A member of the classic protocol that lets go of what it must, and keeps the rest. */
class ClassicPlayer implements Player {
  client: TestClient;
  readonly #view: () => TopicsView;
  memberId = "";
  generationId = -1;
  owned: Assignment = new Map();
  /** Set while it waits for the answer to a JoinGroup. */
  #joining: Promise<void> | null = null;

  constructor(client: TestClient, view: () => TopicsView) {
    this.client = client;
    this.#view = view;
  }

  async step(): Promise<void> {
    if (this.#joining !== null) return;
    if (this.generationId < 0) return this.#rejoin();
    const { memberId, generationId } = this;
    const { errorCode } = await this.client.call(BEAT, 4, {
      groupId: GROUP,
      memberId,
      generationId,
    });
    if (errorCode === ErrorCode.NONE) return;
    if (errorCode !== ErrorCode.REBALANCE_IN_PROGRESS) {
      if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.memberId = "";
      this.owned = new Map();
    }
    this.#rejoin();
  }

  async leave(): Promise<void> {
    await this.client.call(LEAVE, 5, {
      groupId: GROUP,
      members: [{ memberId: this.memberId }],
    });
  }

  #rejoin(): void {
    this.#joining = this.#join().finally(() => this.#joining = null);
  }

  async #join(): Promise<void> {
    const joined = await this.client.call(JOIN, 9, {
      groupId: GROUP,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      memberId: this.memberId,
      protocolType: "consumer",
      protocols: [{ name: "cooperative-sticky", metadata: this.#metadata() }],
    });
    this.memberId = joined.memberId;
    if (joined.errorCode !== ErrorCode.NONE) return;
    this.generationId = joined.generationId;
    const isLeader = joined.leader === this.memberId;
    const synced = await this.client.call(SYNC, 5, {
      groupId: GROUP,
      generationId: joined.generationId,
      memberId: this.memberId,
      protocolType: "consumer",
      protocolName: "cooperative-sticky",
      assignments: isLeader ? this.#assign(joined.members) : [],
    });
    if (synced.errorCode !== ErrorCode.NONE) return;
    const given = parseAssignment(synced.assignment, this.#view())!;
    const hasLost = [...this.owned].some(([topicId, partitions]) =>
      partitions.some((each) => !given.get(topicId)?.includes(each))
    );
    this.owned = given;
    // What it lost is let go of by now, and it says so.
    if (hasLost) await this.#join();
  }

  /** Gives everything in turn; a real assignor would let members keep more. */
  #assign(members: readonly { readonly memberId: string }[]) {
    const [topic] = this.#view().topics.values().filter(({ name }) =>
      name === "t"
    );
    return members.map(({ memberId }, index) => ({
      memberId,
      assignment: formatAssignment(
        assignmentOf([{
          topicId: topic.topicId,
          partitions: [...topic.partitions.keys()].filter((each) =>
            each % members.length === index
          ),
        }]),
        { subscription: this.#metadata(), view: this.#view() },
      ),
    }));
  }

  #metadata(): Uint8Array {
    const writer = new Writer();
    writer.int16(1);
    codecFor(consumerProtocolSubscription, 1).encode(writer, {
      topics: ["t"],
      ownedPartitions: [...this.owned].map(([topicId, partitions]) => ({
        topic: this.#view().topicsById.get(topicId)!.name,
        partitions: [...partitions],
      })),
    });
    return writer.written();
  }
}

class NewPlayer implements Player {
  client: TestClient;
  readonly memberId: string;
  epoch = 0;
  owned: Assignment = new Map();

  constructor(client: TestClient, memberId: string) {
    this.client = client;
    this.memberId = memberId;
  }

  async step(): Promise<void> {
    const answer = await this.#beat(this.epoch);
    if (answer.errorCode !== ErrorCode.NONE) {
      this.epoch = 0;
      this.owned = new Map();
      return;
    }
    this.epoch = answer.memberEpoch;
    if (answer.assignment !== null) {
      this.owned = assignmentOf(answer.assignment.topicPartitions);
    }
  }

  async leave(): Promise<void> {
    await this.#beat(-1);
  }

  #beat(memberEpoch: number) {
    return this.client.call(NEW_BEAT, 1, {
      groupId: GROUP,
      memberId: this.memberId,
      memberEpoch,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      subscribedTopicNames: ["t"],
      topicPartitions: memberEpoch === 0
        ? []
        : [...this.owned].map(([topicId, partitions]) => ({
          topicId,
          partitions: [...partitions],
        })),
    });
  }
}

class World {
  readonly host: Host;
  broker: TestBroker;
  admin: TestClient;

  constructor(host: Host, broker: TestBroker, admin: TestClient) {
    this.host = host;
    this.broker = broker;
    this.admin = admin;
  }

  async classic(): Promise<ClassicPlayer> {
    return new ClassicPlayer(
      await this.broker.connect(),
      () => this.broker.broker.cluster.image,
    );
  }

  async newer(memberId: string): Promise<NewPlayer> {
    return new NewPlayer(await this.broker.connect(), memberId);
  }

  /** Lets members live until each has as many partitions as said; at no time do two have one. */
  async settle(...wanted: readonly [Player, number][]): Promise<void> {
    const players = wanted.map(([player]) => player);
    for (let round = 0; round < 60; round++) {
      for (const player of players) await player.step();
      await sleep(this.host.clock, 500);
      const all = players.flatMap(({ owned }) => [...owned.values()].flat());
      equal(new Set(all).size, all.length, "A partition has two owners");
      const isDone = wanted.every(([{ owned }, count]) =>
        [...owned.values()].flat().length === count
      );
      if (isDone && round > 3) return;
    }
    deepEqual(
      wanted.map(([{ owned }]) => [...owned.values()].flat().length),
      wanted.map(([, count]) => count),
    );
  }

  async restart(...players: readonly Player[]): Promise<void> {
    await this.broker.stop();
    this.broker = await TestBroker.start(this.host, SETTINGS);
    this.admin = await this.broker.connect();
    for (const player of players) player.client = await this.broker.connect();
    await sleep(this.host.clock, 1000);
  }

  async kind(): Promise<string> {
    const { groups } = await this.admin.call(LIST, 5, {
      statesFilter: [],
      typesFilter: [],
    });
    return groups.map(({ groupType, groupState }) =>
      `${groupType} ${groupState}`
    ).join();
  }

  async memberTypes(): Promise<number[]> {
    const { groups } = await this.admin.call(DESCRIBE, 1, {
      groupIds: [GROUP],
      includeAuthorizedOperations: false,
    });
    return groups[0].members.map(({ memberType }) => memberType).sort();
  }
}

function inWorld(
  name: string,
  test: (world: World) => Promise<void>,
  settings: Record<string, string> = {},
) {
  Deno.test(name, async () => {
    const sim = simHost(4848);
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, {
        ...SETTINGS,
        ...settings,
      });
      await broker.createTopic("t", { partitionCount: 6 });
      const admin = await broker.connect();
      await until(sim.host, async () => {
        const { coordinators } = await admin.call(FIND, 4, {
          keyType: 0,
          coordinatorKeys: [GROUP],
        });
        return coordinators[0].errorCode === ErrorCode.NONE;
      });
      await sleep(sim.host.clock, 100);
      const world = new World(sim.host, broker, admin);
      await test(world);
      await world.broker.stop();
    });
  });
}

inWorld(
  "a classic group moves to the newer protocol and back, member by member",
  async (world) => {
    const a = await world.classic();
    const b = await world.classic();
    await world.settle([a, 3], [b, 3]);
    equal(await world.kind(), "classic Stable");

    const c = await world.newer("c");
    await world.settle([a, 2], [b, 2], [c, 2]);
    equal(await world.kind(), "consumer Stable");
    deepEqual(await world.memberTypes(), [0, 0, 1]);

    await a.leave();
    await world.settle([b, 3], [c, 3]);
    const d = await world.classic();
    await world.settle([b, 2], [c, 2], [d, 2]);
    equal(await world.kind(), "consumer Stable");

    await c.leave();
    await world.settle([b, 3], [d, 3]);
    equal(await world.kind(), "classic Stable");
  },
);

inWorld(
  "a group whose last newer member falls silent is a classic one",
  async (world) => {
    const a = await world.classic();
    await world.settle([a, 6]);
    const b = await world.newer("b");
    await world.settle([a, 3], [b, 3]);
    for (let second = 0; second < 50; second += 5) {
      await a.step();
      await sleep(world.host.clock, 5000);
    }
    await world.settle([a, 6]);
    equal(await world.kind(), "classic Stable");
  },
);

inWorld(
  "a classic member of a mixed group that falls silent is gone",
  async (world) => {
    const a = await world.classic();
    await world.settle([a, 6]);
    const b = await world.newer("b");
    await world.settle([a, 3], [b, 3]);
    for (let second = 0; second < 12; second += 2) {
      await b.step();
      await sleep(world.host.clock, 2000);
    }
    await world.settle([b, 6]);
    deepEqual(await world.memberTypes(), [1]);
  },
);

inWorld("a mixed group is the same after a restart", async (world) => {
  const a = await world.classic();
  await world.settle([a, 6]);
  const b = await world.newer("b");
  await world.settle([a, 3], [b, 3]);
  const before = await world.memberTypes();
  await world.restart(a, b);
  deepEqual(await world.memberTypes(), before);
  await world.settle([a, 3], [b, 3]);
});

inWorld(
  "an empty group of either kind is taken over by the other",
  async (world) => {
    const a = await world.classic();
    await world.settle([a, 6]);
    await a.leave();
    equal(await world.kind(), "classic Empty");
    const b = await world.newer("b");
    await world.settle([b, 6]);
    await b.leave();
    equal(await world.kind(), "consumer Empty");
    const c = await world.classic();
    await world.settle([c, 6]);
    equal(await world.kind(), "classic Stable");
  },
);

inWorld(
  "a group keeps its protocol where migration is off",
  async (world) => {
    const a = await world.classic();
    await world.settle([a, 6]);
    const b = await world.newer("b");
    await world.settle([a, 6], [b, 0]);
    equal(await world.kind(), "classic Stable");
  },
  { "group.consumer.migration.policy": "disabled" },
);

Deno.test("parseAssignment() reads what formatAssignment() writes", () => {
  const topic = { name: "t", topicId: "t".padEnd(22, "A"), partitions: [0, 0] };
  const view = {
    topics: new Map([["t", topic]]),
    topicsById: new Map([[topic.topicId, topic]]),
  };
  const assignment = byTopicId([{ topic: "t", partitions: [1, 0] }], view);
  for (const version of [0, 1, 2, 3, 9]) {
    const bytes = formatAssignment(assignment, {
      subscription: new Uint8Array([0, version]),
      view,
    });
    deepEqual(parseAssignment(bytes, view), assignment);
  }
  equal(parseAssignment(new Uint8Array([0]), view), null);
  equal(parseAssignment(new Uint8Array([255, 255, 0]), view), null);
});
