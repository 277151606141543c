// Brokers on a coordinator outside of them, each on a machine of its own: what
// each owns, and what becomes of it when brokers, connections or sessions end.

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { decodeUtf8 } from "../base/bytes.ts";
import { createConsumer } from "../client/consumer.ts";
import { createProducer } from "../client/producer.ts";
import { type Host, sleep } from "../host/host.ts";
import {
  batchOf,
  produceOne,
  TestBroker,
  until,
} from "../testing/broker_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { startZnodeServer, type ZnodeServer } from "../testing/znode_server.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  createTopicsRequest,
  createTopicsResponse,
} from "../wire/kafka/messages/create_topics.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../wire/kafka/messages/find_coordinator.ts";

const SESSION_MS = 6000;

class World {
  readonly zk: SimHost;
  readonly machines: readonly SimHost[];
  server: ZnodeServer;

  constructor(zk: SimHost, machines: readonly SimHost[], server: ZnodeServer) {
    this.zk = zk;
    this.machines = machines;
    this.server = server;
  }

  /** A broker on its own machine; ids run from 1. */
  start(
    id: number,
    overrides: { readonly [key: string]: string | number } = {},
  ): Promise<TestBroker> {
    return TestBroker.start(this.host(id), {
      "broker.id": id,
      "listeners": `PLAINTEXT://b${id}:9092`,
      "zookeeper.connect": "zk:2181/kafka/main",
      "zookeeper.session.timeout.ms": SESSION_MS,
      "offsets.topic.num.partitions": 4,
      ...overrides,
    });
  }

  host(id: number): Host {
    return this.machines[id - 1].host;
  }
}

function startServer(zk: SimHost): Promise<ZnodeServer> {
  return startZnodeServer(zk.host, {
    name: "zk",
    port: 2181,
    directory: "/zk",
    tickMs: 500,
  });
}

async function withMachines(
  count: number,
  test: (world: World) => Promise<void>,
  seed = 5,
): Promise<void> {
  const zk = simHost(seed, { name: "zk" });
  const machines = Array.from(
    { length: count },
    (_, index) =>
      simHost(seed + index + 1, {
        name: `b${index + 1}`,
        loop: zk.loop,
        net: zk.net,
      }),
  );
  await zk.run(async () => {
    const world = new World(zk, machines, await startServer(zk));
    await test(world);
    await world.server.stop();
  });
}

function leadersOf({ broker }: TestBroker, topic: string): number[] {
  return broker.cluster.image.topics.get(topic)?.partitions.map((each) =>
    each.leader
  ) ?? [];
}

Deno.test("each broker leads the partitions whose only replica it holds", () =>
  withMachines(3, async (world) => {
    const brokers = await Promise.all([1, 2, 3].map((id) => world.start(id)));
    const [first, second, third] = brokers;
    await until(
      world.host(1),
      () =>
        brokers.every(({ broker }) => broker.cluster.image.brokers.size === 3),
    );
    equal(
      brokers.filter(({ broker }) => broker.cluster.isController).length,
      1,
    );
    await second.createTopic("t", { partitionCount: 6 });
    await until(
      world.host(1),
      () =>
        brokers.every((each) =>
          !leadersOf(each, "t").includes(-1) &&
          leadersOf(each, "t").length === 6
        ),
    );
    const leaders = leadersOf(first, "t");
    for (const id of [1, 2, 3]) {
      equal(leaders.filter((leader) => leader === id).length, 2);
    }
    // A producer id that one broker has given is good on all of them.
    const producerId = await first.broker.producerIds.next();
    for (const [index, each] of brokers.entries()) {
      const client = await each.connect();
      for (const [partition, leader] of leaders.entries()) {
        const batch = batchOf(["v"], {
          producerId,
          producerEpoch: 0,
          baseSequence: 0,
        });
        const { errorCode } = await produceOne(client, "t", batch, {
          partition,
        });
        equal(
          errorCode,
          leader === index + 1
            ? ErrorCode.NONE
            : ErrorCode.NOT_LEADER_OR_FOLLOWER,
        );
      }
      client.io.close();
    }
    // All brokers name the same coordinator.
    const named = await Promise.all(brokers.map(async (each) => {
      const client = await each.connect();
      const find = [findCoordinatorRequest, findCoordinatorResponse] as const;
      let nodeId = -1;
      await until(world.host(1), async () => {
        const answer = await client.call(find, 3, { key: "g", keyType: 0 });
        nodeId = answer.nodeId;
        return answer.errorCode === ErrorCode.NONE;
      });
      client.io.close();
      return nodeId;
    }));
    equal(new Set(named).size, 1);
    for (const each of [third, second, first]) equal(await each.stop(), true);
  }));

Deno.test("more than one replica is refused by name", () =>
  withMachines(2, async (world) => {
    const brokers = [await world.start(1), await world.start(2)];
    const client = await brokers[0].connect();
    await until(
      world.host(1),
      () => brokers[0].broker.cluster.image.brokers.size === 2,
    );
    const { topics } = await client.call(
      [createTopicsRequest, createTopicsResponse],
      5,
      {
        timeoutMs: 5000,
        validateOnly: false,
        topics: [{
          name: "t",
          numPartitions: 1,
          replicationFactor: 2,
          assignments: [],
          configs: [],
        }],
      },
    );
    equal(topics[0].errorCode, ErrorCode.INVALID_REPLICATION_FACTOR);
    ok(topics[0].errorMessage?.includes("do not replicate"));
    client.io.close();
    for (const each of brokers) await each.stop();
  }));

Deno.test("a killed broker leaves its partitions without a leader until it is back", () =>
  withMachines(2, async (world) => {
    const first = await world.start(1), second = await world.start(2);
    await until(
      world.host(1),
      () => first.broker.cluster.image.brokers.size === 2,
    );
    await first.createTopic("t", { partitionCount: 2 });
    const mine = leadersOf(first, "t").indexOf(2);
    await until(world.host(2), () => leadersOf(second, "t").includes(2));
    const client = await second.connect();
    const sent = await produceOne(client, "t", batchOf(["a", "b"]), {
      partition: mine,
    });
    equal(sent.errorCode, ErrorCode.NONE);
    world.machines[1].crash("kill");
    await until(world.host(1), () => leadersOf(first, "t")[mine] === -1);
    equal(first.broker.cluster.isController, true);
    deepEqual(
      [...first.broker.cluster.image.brokers.keys()],
      [1],
    );
    world.machines[1].restart();
    const again = await world.start(2);
    await until(world.host(1), () => leadersOf(first, "t")[mine] === 2);
    await until(world.host(2), () => leadersOf(again, "t")[mine] === 2);
    equal(again.broker.partitions.get("t", mine).log?.logEndOffset, 2);
    for (const each of [again, first]) await each.stop();
  }));

Deno.test("a broker that was killed starts again before its session has expired", () =>
  withMachines(1, async (world) => {
    await world.start(1);
    world.machines[0].crash("kill");
    world.machines[0].restart();
    const startMs = world.zk.loop.nowMs;
    const again = await world.start(1);
    const tookMs = world.zk.loop.nowMs - startMs;
    ok(tookMs > SESSION_MS / 2 && tookMs < SESSION_MS + 2000, `${tookMs} ms`);
    ok(again.lines.some((line) => line.includes("registered already")));
    await again.stop();
  }));

Deno.test("two brokers of one id: the second does not start", () =>
  withMachines(2, async (world) => {
    const first = await world.start(1);
    await rejects(
      world.start(2, { "broker.id": 1 }),
      { errorName: "DUPLICATE_BROKER_REGISTRATION" },
    );
    equal(first.broker.cluster.isFenced, false);
    await first.stop();
  }));

Deno.test("a broker cut off from the coordinator serves nothing before its session can have ended, and is back with a new one", () =>
  withMachines(2, async (world) => {
    const first = await world.start(1), second = await world.start(2);
    await until(
      world.host(1),
      () => first.broker.cluster.image.brokers.size === 2,
    );
    await second.createTopic("t", { partitionCount: 2 });
    const mine = leadersOf(second, "t").indexOf(1);
    await until(world.host(1), () => leadersOf(first, "t")[mine] === 1);
    const client = await first.connect();
    const produce = async () =>
      (await produceOne(client, "t", batchOf(["x"]), { partition: mine }))
        .errorCode;
    equal(await produce(), ErrorCode.NONE);
    const epoch = first.broker.cluster.brokerEpoch;
    world.zk.net.partition("b1", "zk");
    const cutMs = world.zk.loop.nowMs;
    let fencedMs = 0, goneMs = 0;
    await until(world.host(2), async () => {
      const nowMs = world.zk.loop.nowMs;
      if (fencedMs === 0 && await produce() !== ErrorCode.NONE) {
        equal(await produce(), ErrorCode.NOT_LEADER_OR_FOLLOWER);
        fencedMs = nowMs;
      }
      if (!second.broker.cluster.image.brokers.has(1)) goneMs = nowMs;
      return goneMs > 0;
    });
    ok(fencedMs > cutMs && fencedMs < goneMs, `${cutMs} ${fencedMs} ${goneMs}`);
    await until(world.host(2), () => second.broker.cluster.isController);
    equal(leadersOf(second, "t")[mine], -1);
    world.zk.net.heal();
    await until(world.host(1), async () => await produce() === ErrorCode.NONE);
    const { cluster } = first.broker;
    ok(cluster.brokerEpoch > epoch);
    equal(cluster.isController, false);
    equal(cluster.image.controllerId, 2);
    equal(cluster.isFenced, false);
    // Watches are set anew: changes by others are seen.
    await second.createTopic("later");
    await until(world.host(1), () => leadersOf(first, "later").length === 1);
    client.io.close();
    for (const each of [first, second]) equal(await each.stop(), true);
  }));

Deno.test("a restart of the coordinator's server ends no session and no service", () =>
  withMachines(2, async (world) => {
    const brokers = [await world.start(1), await world.start(2)];
    const epochs = brokers.map(({ broker }) => broker.cluster.brokerEpoch);
    await brokers[0].createTopic("t", { partitionCount: 2 });
    await world.server.stop();
    await sleep(world.zk.host.clock, 1500);
    world.server = await startServer(world.zk);
    // Asked for while nobody may be connected again.
    await brokers[1].createTopic("u", { partitionCount: 2 });
    await until(
      world.host(1),
      () => leadersOf(brokers[0], "u").filter((id) => id > 0).length === 2,
    );
    deepEqual(
      brokers.map(({ broker }) => broker.cluster.brokerEpoch),
      epochs,
    );
    for (const each of brokers) equal(await each.stop(), true);
  }));

Deno.test("requests that need a coordinator end without one, and the broker stops in time", () =>
  withMachines(1, async (world) => {
    const only = await world.start(1);
    world.zk.net.partition("b1", "zk");
    await rejects(only.createTopic("t"), { errorName: "REQUEST_TIMED_OUT" });
    const startMs = world.zk.loop.nowMs;
    equal(await only.stop(), true);
    ok(world.zk.loop.nowMs - startMs < 6000);
    world.zk.net.heal();
    // It was let go, not carried out later by somebody who is no more.
    const again = await world.start(1);
    deepEqual(leadersOf(again, "t"), []);
    await again.stop();
  }));

Deno.test("an only broker whose session expires is controller again", () =>
  withMachines(1, async (world) => {
    const only = await world.start(1);
    await only.createTopic("t", { partitionCount: 3 });
    const { cluster } = only.broker;
    const epoch = cluster.image.controllerEpoch;
    world.zk.net.partition("b1", "zk");
    await sleep(world.zk.host.clock, 3 * SESSION_MS);
    equal(cluster.isFenced, true);
    world.zk.net.heal();
    await until(world.host(1), () => !cluster.isFenced);
    equal(cluster.isController, true);
    equal(cluster.image.controllerEpoch, epoch + 1);
    await only.createTopic("u");
    deepEqual(leadersOf(only, "u"), [1]);
    equal(await only.stop(), true);
  }));

Deno.test("answers that are lost with their connections change nothing twice", async () => {
  for (let seed = 100; seed < 105; seed++) {
    await withMachines(2, async (world) => {
      const brokers = [await world.start(1), await world.start(2)];
      let isOver = false;
      // A change is made long before its answer is there.
      for (const name of ["b1", "b2"]) world.zk.net.slow("zk", name, 30);
      const breaking = (async () => {
        while (!isOver) {
          await sleep(world.zk.host.clock, 100 + 200 * world.zk.host.random());
          world.zk.net.resetConnections("zk");
        }
      })();
      const names = Array.from({ length: 40 }, (_, index) => `t${index}`);
      await Promise.all(brokers.map(async (each, index) => {
        for (const name of names.filter((_, at) => at % 2 === index)) {
          await each.createTopic(name);
          await each.broker.cluster.createPartitions({ name, totalCount: 2 });
        }
      }));
      const blocks = await Promise.all(
        brokers.flatMap(({ broker }) =>
          [1, 2, 3].map(() => broker.cluster.allocateProducerIds())
        ),
      );
      equal(new Set(blocks.map(({ firstId }) => firstId)).size, 6);
      isOver = true;
      await breaking;
      await until(
        world.host(1),
        () =>
          brokers.every((each) =>
            names.every((name) =>
              leadersOf(each, name).filter((id) => id > 0).length === 2
            )
          ),
      );
      equal(
        brokers.filter(({ broker }) => broker.cluster.isController).length,
        1,
      );
      for (const each of brokers) await each.stop();
    }, seed);
  }
});

const BOOTSTRAP = "b1:9092,b2:9092,b3:9092";

/** Values of a topic that are committed; waits until there are so many. */
async function committedValues(
  host: Host,
  topic: string,
  count: number,
): Promise<string[]> {
  const consumer = createConsumer(host, {
    "bootstrap.servers": BOOTSTRAP,
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
  });
  consumer.assign(await consumer.partitionsFor(topic));
  const values: string[] = [];
  for (let round = 0; round < 100 && values.length < count; round++) {
    for (const { records } of await consumer.poll(500)) {
      for (const { value } of records) values.push(decodeUtf8(value!));
    }
  }
  // What is too much would be there by now.
  for (const { records } of await consumer.poll(1000)) {
    for (const { value } of records) values.push(decodeUtf8(value!));
  }
  consumer.close();
  return values.sort();
}

Deno.test("transactions go over all brokers, whoever coordinates them", () =>
  withMachines(3, async (world) => {
    const overrides = { "transaction.state.log.num.partitions": 6 };
    const brokers = await Promise.all(
      [1, 2, 3].map((id) => world.start(id, overrides)),
    );
    await until(
      world.host(1),
      () =>
        brokers.every(({ broker }) => broker.cluster.image.brokers.size === 3),
    );
    await brokers[0].createTopic("t", { partitionCount: 6 });
    const expected: string[] = [];
    await Promise.all([1, 2, 3, 4, 5, 6].map(async (number) => {
      const producer = createProducer(world.host(1 + number % 3), {
        "bootstrap.servers": BOOTSTRAP,
        "transactional.id": `x${number}`,
      });
      await producer.initTransactions();
      for (let round = 0; round < 4; round++) {
        producer.beginTransaction();
        const isCommitted = round % 2 === 0;
        for (let partition = 0; partition < 6; partition++) {
          const value = `${number}-${round}-${partition}`;
          producer.sendNoWait({ topic: "t", partition, value });
          if (isCommitted) expected.push(value);
        }
        await producer.flush();
        if (isCommitted) await producer.commitTransaction();
        else await producer.abortTransaction();
      }
      await producer.close();
    }));
    const coordinators = new Set(leadersOf(brokers[0], "__transaction_state"));
    equal(coordinators.size, 3);
    const values = await committedValues(
      world.host(2),
      "t",
      expected.length,
    );
    deepEqual(values, expected.sort());
    for (const each of brokers) await each.stop();
  }));

Deno.test("a transaction ends in a partition whose broker was away meanwhile", () =>
  withMachines(3, async (world) => {
    const overrides = { "transaction.state.log.num.partitions": 6 };
    const brokers = await Promise.all(
      [1, 2, 3].map((id) => world.start(id, overrides)),
    );
    await until(
      world.host(1),
      () =>
        brokers.every(({ broker }) => broker.cluster.image.brokers.size === 3),
    );
    await brokers[0].createTopic("t", { partitionCount: 3 });
    // Coordinated by another than the one that will be away.
    const client = createProducer(world.host(1), {
      "bootstrap.servers": BOOTSTRAP,
      "transactional.id": "first",
    });
    await client.initTransactions();
    await client.close();
    const leaders = leadersOf(brokers[0], "__transaction_state");
    const { transactions } = brokers[0].broker;
    const id = ["a", "b", "c", "d", "e", "f", "g", "h"].find((name) =>
      leaders[transactions.partitionOf(name)] !== 3
    )!;
    const producer = createProducer(world.host(1), {
      "bootstrap.servers": BOOTSTRAP,
      "transactional.id": id,
    });
    await producer.initTransactions();
    producer.beginTransaction();
    for (let partition = 0; partition < 3; partition++) {
      producer.sendNoWait({ topic: "t", partition, value: `v${partition}` });
    }
    await producer.flush();
    world.machines[2].crash("kill");
    await until(world.host(1), () => leadersOf(brokers[0], "t").includes(-1));
    const committing = producer.commitTransaction();
    await sleep(world.host(1).clock, 3000);
    world.machines[2].restart();
    brokers[2] = await world.start(3, overrides);
    await committing;
    deepEqual(await committedValues(world.host(1), "t", 3), ["v0", "v1", "v2"]);
    await producer.close();
    for (const each of brokers) await each.stop();
  }));
