// Groups of the newer protocol on whole brokers, over the wire.

import { deepEqual, equal, notEqual } from "node:assert/strict";
import { type Host, sleep } from "../../host/host.ts";
import {
  TestBroker,
  type TestClient,
  until,
} from "../../testing/broker_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
} from "../../wire/kafka/messages/consumer_group_describe.ts";
import {
  type ConsumerGroupHeartbeatRequest,
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
} from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
import {
  deleteGroupsRequest,
  deleteGroupsResponse,
} from "../../wire/kafka/messages/delete_groups.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../../wire/kafka/messages/find_coordinator.ts";
import {
  listGroupsRequest,
  listGroupsResponse,
} from "../../wire/kafka/messages/list_groups.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "../../wire/kafka/messages/offset_commit.ts";
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from "../../wire/kafka/messages/offset_fetch.ts";

const HEARTBEAT = [
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
] as const;
const DESCRIBE = [
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
] as const;
const FIND = [findCoordinatorRequest, findCoordinatorResponse] as const;
const COMMIT = [offsetCommitRequest, offsetCommitResponse] as const;
const FETCH = [offsetFetchRequest, offsetFetchResponse] as const;
const LIST = [listGroupsRequest, listGroupsResponse] as const;
const DELETE = [deleteGroupsRequest, deleteGroupsResponse] as const;

const GROUP = "g";
const SETTINGS = { "offsets.topic.num.partitions": 3 };

function onBroker(
  name: string,
  test: (broker: TestBroker, client: TestClient, host: Host) => Promise<void>,
) {
  Deno.test(name, async () => {
    const sim = simHost(848);
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, SETTINGS);
      await test(broker, await broker.connect(), sim.host);
      await broker.stop();
    });
  });
}

/** Waits until the group's coordinator is ready. */
async function findCoordinator(client: TestClient, host: Host) {
  await until(host, async () => {
    const { coordinators } = await client.call(FIND, 4, {
      keyType: 0,
      coordinatorKeys: [GROUP],
    });
    return coordinators[0].errorCode === ErrorCode.NONE;
  });
  await until(host, async () => {
    const { groups } = await client.call(DESCRIBE, 1, {
      groupIds: [GROUP],
      includeAuthorizedOperations: false,
    });
    return groups[0].errorCode === ErrorCode.GROUP_ID_NOT_FOUND ||
      groups[0].errorCode === ErrorCode.NONE;
  });
}

function beat(
  client: TestClient,
  memberId: string,
  fields: Partial<ConsumerGroupHeartbeatRequest>,
) {
  return client.call(HEARTBEAT, 1, {
    groupId: GROUP,
    memberId,
    memberEpoch: 0,
    ...fields,
  });
}

function join(client: TestClient, memberId: string) {
  return beat(client, memberId, {
    rebalanceTimeoutMs: 60_000,
    subscribedTopicRegex: "t.*",
    topicPartitions: [],
  });
}

async function describe(client: TestClient) {
  const { groups } = await client.call(DESCRIBE, 1, {
    groupIds: [GROUP],
    includeAuthorizedOperations: true,
  });
  return groups[0];
}

function commit(client: TestClient, memberId: string, memberEpoch: number) {
  return client.call(COMMIT, 9, {
    groupId: GROUP,
    memberId,
    generationIdOrMemberEpoch: memberEpoch,
    topics: [{
      name: "t",
      partitions: [{
        partitionIndex: 0,
        committedOffset: 7,
        committedMetadata: "",
      }],
    }],
  }).then(({ topics }) => topics[0].partitions[0].errorCode);
}

onBroker(
  "a member joins, commits and is shown",
  async (broker, client, host) => {
    const topicId = await broker.createTopic("t", { partitionCount: 2 });
    await findCoordinator(client, host);
    const joined = await join(client, "m1");
    equal(joined.errorCode, ErrorCode.NONE);
    deepEqual(joined.assignment, {
      topicPartitions: [{ topicId, partitions: [0, 1] }],
    });

    equal(await commit(client, "m1", joined.memberEpoch), ErrorCode.NONE);
    equal(await commit(client, "m1", 0), ErrorCode.STALE_MEMBER_EPOCH);
    equal(await commit(client, "m2", 1), ErrorCode.UNKNOWN_MEMBER_ID);
    const { groups } = await client.call(FETCH, 9, {
      groups: [{
        groupId: GROUP,
        memberId: "m1",
        memberEpoch: joined.memberEpoch,
        topics: [{ name: "t", partitionIndexes: [0] }],
      }],
    });
    equal(groups[0].topics[0].partitions[0].committedOffset, 7);

    const group = await describe(client);
    deepEqual(
      [group.groupState, group.groupEpoch, group.assignorName],
      ["Stable", 1, "uniform"],
    );
    deepEqual(group.members[0].assignment, group.members[0].targetAssignment);
    deepEqual(group.members[0].subscribedTopicRegex, "t.*");
    notEqual(group.authorizedOperations, -2147483648);
    const listed = await client.call(LIST, 5, {
      statesFilter: [],
      typesFilter: ["consumer"],
    });
    deepEqual(listed.groups, [{
      groupId: GROUP,
      protocolType: "consumer",
      groupState: "Stable",
      groupType: "consumer",
    }]);
  },
);

onBroker(
  "a silent member is gone after its session",
  async (broker, client, host) => {
    await broker.createTopic("t", { partitionCount: 2 });
    await findCoordinator(client, host);
    await join(client, "m1");
    let { memberEpoch } = await join(client, "m2");
    for (let round = 0; round < 9; round++) {
      await sleep(host.clock, 6000);
      const answer = await beat(client, "m2", { memberEpoch });
      equal(answer.errorCode, ErrorCode.NONE);
      ({ memberEpoch } = answer);
    }
    const { members } = await describe(client);
    deepEqual(members.map(({ memberId }) => memberId), ["m2"]);
    deepEqual(members[0].assignment.topicPartitions[0].partitions, [0, 1]);
    const refused = await beat(client, "m1", { memberEpoch: 1 });
    equal(refused.errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  },
);

onBroker(
  "a member that does not let go in time is gone",
  async (broker, client, host) => {
    await broker.createTopic("t", { partitionCount: 2 });
    await findCoordinator(client, host);
    await beat(client, "m1", {
      rebalanceTimeoutMs: 10_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
    let m2 = await join(client, "m2");
    let refusedAfterMs = -1;
    for (let atMs = 0; atMs <= 20_000 && refusedAfterMs < 0; atMs += 2000) {
      const m1 = await beat(client, "m1", { memberEpoch: 1 });
      if (m1.errorCode !== ErrorCode.NONE) refusedAfterMs = atMs;
      m2 = await beat(client, "m2", { memberEpoch: m2.memberEpoch });
      await sleep(host.clock, 2000);
    }
    equal(refusedAfterMs, 10_000);
    deepEqual(m2.assignment?.topicPartitions[0].partitions, [0, 1]);
  },
);

onBroker("new partitions reach the members", async (broker, client, host) => {
  await broker.createTopic("t", { partitionCount: 1 });
  await findCoordinator(client, host);
  await join(client, "m1");
  await broker.createTopic("t2", { partitionCount: 1 });
  await until(host, async () => {
    const { assignment } = await beat(client, "m1", { memberEpoch: 1 });
    return assignment?.topicPartitions.length === 2;
  });
  equal((await describe(client)).groupEpoch, 2);
});

onBroker(
  "a group that all have left can be deleted",
  async (broker, client, host) => {
    await broker.createTopic("t");
    await findCoordinator(client, host);
    await join(client, "m1");
    const remove = async () => {
      const { results } = await client.call(DELETE, 2, {
        groupsNames: [GROUP],
      });
      return results[0].errorCode;
    };
    equal(await remove(), ErrorCode.NON_EMPTY_GROUP);
    const left = await beat(client, "m1", { memberEpoch: -1 });
    deepEqual([left.errorCode, left.memberEpoch], [ErrorCode.NONE, -1]);
    equal((await describe(client)).groupState, "Empty");
    equal(await remove(), ErrorCode.NONE);
    equal((await describe(client)).errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
  },
);

Deno.test("a broker that starts again knows its members and their epochs", async () => {
  const sim = simHost(849);
  await sim.run(async () => {
    let broker = await TestBroker.start(sim.host, SETTINGS);
    await broker.createTopic("t", { partitionCount: 3 });
    let client = await broker.connect();
    await findCoordinator(client, sim.host);
    await join(client, "m1");
    const { memberEpoch } = await join(client, "m2");
    const before = await describe(client);
    await broker.stop();

    broker = await TestBroker.start(sim.host, SETTINGS);
    client = await broker.connect();
    await findCoordinator(client, sim.host);
    deepEqual(await describe(client), before);
    const answer = await beat(client, "m2", { memberEpoch });
    equal(answer.errorCode, ErrorCode.NONE);
    // m1 does not come back.
    await sleep(sim.host.clock, 40_000);
    await beat(client, "m2", { memberEpoch });
    await sleep(sim.host.clock, 10_000);
    equal((await describe(client)).members.length, 1);
    await broker.stop();
  });
});

Deno.test("the newer protocol is refused where it is not configured", async () => {
  const sim = simHost(850);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      ...SETTINGS,
      "group.coordinator.rebalance.protocols": "classic",
    });
    const answer = await join(await broker.connect(), "m1");
    equal(answer.errorCode, ErrorCode.UNSUPPORTED_VERSION);
    await broker.stop();
  });
});
