// Members by the newer protocol, on a whole broker.

import {
  deepStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import { batchOf, produceOne, TestBroker } from "../testing/broker_fixture.ts";
import {
  RunningConsumer,
  shownPartitions,
} from "../testing/running_consumer.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { createGroupConsumer } from "./group_consumer.ts";
import { readConsumerSettings } from "./consumer_settings.ts";
import { type Admin, createAdmin } from "./admin.ts";

interface Scene {
  readonly sim: SimHost;
  readonly broker: TestBroker;
  readonly admin: Admin;
  readonly config: Record<string, string>;
  running(config?: Record<string, string>): RunningConsumer;
  fill(topic: string, partition: number, count: number): Promise<void>;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
  committed(): Promise<string[]>;
  /** Has the group give up all of its members. */
  expel(): Promise<void>;
}

function onBroker(
  name: string,
  job: (scene: Scene) => Promise<void>,
  overrides: Record<string, string | number> = {},
): void {
  Deno.test(name, () => scene(job, overrides));
}

async function scene(
  job: (scene: Scene) => Promise<void>,
  overrides: Record<string, string | number> = {},
  seed = 848,
): Promise<void> {
  const sim = simHost(seed);
  const all: RunningConsumer[] = [];
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      "offsets.topic.num.partitions": 1,
      ...overrides,
    });
    const client = await broker.connect();
    const config = {
      "bootstrap.servers": "127.0.0.1:9092",
      "group.id": "g",
      "group.protocol": "consumer",
      "auto.offset.reset": "earliest",
      "metadata.max.age.ms": "3000",
    };
    const admin = createAdmin(sim.host, {
      "bootstrap.servers": "127.0.0.1:9092",
    });
    await job({
      sim,
      broker,
      admin,
      config,
      running(more = {}) {
        const running = new RunningConsumer(sim, { ...config, ...more });
        all.push(running);
        return running;
      },
      async fill(topic, partition, count) {
        const values = Array.from({ length: count }, () => "v");
        await produceOne(client, topic, batchOf(values), { partition });
      },
      pass: (ms) =>
        new Promise<void>((done) => void sim.host.clock.after(ms, done)),
      async expel() {
        const [{ value }] = await admin.describeGroups(["g"]);
        await admin.removeMembers("g", value!.members);
      },
      async committed() {
        const [{ value }] = await admin.listGroupOffsets([
          { group: "g", partitions: null },
        ]);
        return value!.map(({ topic, partition, offset }) =>
          `${topic}${partition}@${offset}`
        ).sort();
      },
    });
    for (const running of all) {
      if (!running.isStopped) await running.stop();
    }
    admin.close();
    await broker.stop();
  });
}

onBroker("a member reads, commits and leaves", async (s) => {
  await s.broker.createTopic("t", { partitionCount: 2 });
  await s.fill("t", 0, 3);
  await s.fill("t", 1, 2);
  const a = s.running().start();
  await s.pass(9000);
  strictEqual(a.error, null);
  deepStrictEqual(a.events, ["+ t0 t1"]);
  strictEqual(a.records.length, 5);
  deepStrictEqual(await s.committed(), ["t0@3", "t1@2"]);
  const [{ value: group }] = await s.admin.describeGroups(["g"]);
  strictEqual(group!.state, "Stable");
  strictEqual(group!.members[0].memberId, a.consumer.memberId);
  await s.fill("t", 0, 1);
  await s.pass(1000);
  await a.stop();
  deepStrictEqual(a.events, ["+ t0 t1", "- t0 t1"]);
  deepStrictEqual(await s.committed(), ["t0@4", "t1@2"]);
  const [{ value: left }] = await s.admin.describeGroups(["g"]);
  strictEqual(left!.state, "Empty");
});

onBroker("what moves is committed, let go, and then another's", async (s) => {
  await s.broker.createTopic("t", { partitionCount: 3 });
  const config = { "auto.commit.interval.ms": "3600000" };
  const a = s.running(config).start();
  await s.pass(2000);
  for (const partition of [0, 1, 2]) await s.fill("t", partition, 4);
  await s.pass(1000);
  const b = s.running(config).start();
  await s.pass(20_000);
  deepStrictEqual([a.error, b.error], [null, null]);
  // One is taken away from the first; the others stay with it all along.
  deepStrictEqual(a.events.slice(0, 2), ["+ t0 t1 t2", "- t2"]);
  deepStrictEqual(b.events.at(-1), "+ t2");
  deepStrictEqual(await s.committed(), ["t2@4"]);
  deepStrictEqual([a.records.length, b.records.length], [12, 0]);
  await a.stop();
  await s.pass(20_000);
  strictEqual(shownPartitions(b.consumer.assignment), "t0 t1 t2");
  deepStrictEqual(b.records, []);
});

onBroker("the assignor asked for shares out", async (s) => {
  await s.broker.createTopic("t", { partitionCount: 4 });
  const config = { "group.remote.assignor": "range" };
  const all = [s.running(config).start(), s.running(config).start()];
  await s.pass(20_000);
  const [{ value: group }] = await s.admin.describeGroups(["g"]);
  strictEqual(group!.assignor, "range");
  deepStrictEqual(
    all.map(({ consumer }) => shownPartitions(consumer.assignment)).sort(),
    ["t0 t1", "t2 t3"],
  );
  const wrong = s.running({ "group.remote.assignor": "nothing" }).start();
  await s.pass(2000);
  ok(/There is no assignor "nothing"/.test(wrong.error!.message));
});

onBroker("a pattern is matched by the broker", async (s) => {
  await s.broker.createTopic("t1");
  await s.broker.createTopic("u1");
  const a = s.running().start(/t\d/);
  await s.pass(2000);
  await s.broker.createTopic("t2");
  await s.pass(20_000);
  deepStrictEqual(a.events, ["+ t10", "+ t20"]);
  const [{ value: group }] = await s.admin.describeGroups(["g"]);
  strictEqual(group!.members.length, 1);
});

onBroker(
  "a pattern that brokers cannot read is matched by the member",
  async (s) => {
    await s.broker.createTopic("t1");
    await s.broker.createTopic("t2");
    const a = s.running().start(/t(?!1)\d/);
    await s.pass(5000);
    deepStrictEqual([a.error, a.events], [null, ["+ t20"]]);
    await s.broker.createTopic("t3");
    await s.pass(20_000);
    deepStrictEqual(a.events, ["+ t20", "+ t30"]);
  },
);

onBroker("a pattern for everything leaves internal topics out", async (s) => {
  await s.broker.createTopic("t1");
  const a = s.running().start(/.*/);
  await s.pass(12_000);
  strictEqual(shownPartitions(a.consumer.assignment), "t10");
});

onBroker(
  "a member that the group has given up says so, and joins again",
  async (s) => {
    await s.broker.createTopic("t", { partitionCount: 2 });
    const a = s.running().start();
    await s.pass(2000);
    const first = a.consumer.generationId;
    await s.expel();
    await s.pass(20_000);
    deepStrictEqual(a.events, ["+ t0 t1", "! t0 t1", "+ t0 t1"]);
    strictEqual(a.error, null);
    ok(a.consumer.generationId > first);
  },
);

onBroker("a member over a restart of its broker goes on", async (s) => {
  await s.broker.createTopic("t", { partitionCount: 2 });
  const a = s.running().start();
  await s.pass(2000);
  await s.broker.stop();
  await s.pass(3000);
  const again = await TestBroker.start(s.sim.host, {
    "offsets.topic.num.partitions": 1,
  });
  await s.pass(20_000);
  deepStrictEqual([a.error, a.events], [null, ["+ t0 t1"]]);
  await a.stop();
  await again.stop();
});

onBroker(
  "a member with a fixed name comes back to its partitions",
  async (s) => {
    await s.broker.createTopic("t", { partitionCount: 4 });
    const named = (name: string) =>
      s.running({ "group.instance.id": name }).start();
    const a = named("a");
    await s.pass(2000);
    const b = named("b");
    await s.pass(15_000);
    const owned = shownPartitions(b.consumer.assignment);
    strictEqual(b.consumer.assignment.length, 2);
    const eventCount = a.events.length;
    await b.stop();
    await s.pass(10_000);
    const c = named("b");
    await s.pass(5000);
    strictEqual(shownPartitions(c.consumer.assignment), owned);
    strictEqual(a.events.length, eventCount);
    const twin = named("b");
    await s.pass(5000);
    strictEqual(
      (twin.error as { errorName?: string } | null)?.errorName,
      "UNRELEASED_INSTANCE_ID",
    );
    strictEqual(c.error, null);
  },
);

onBroker(
  "a member whose application does not poll leaves, and comes back with the next poll",
  async (s) => {
    await s.broker.createTopic("t", { partitionCount: 1 });
    const consumer = createGroupConsumer(s.sim.host, {
      ...s.config,
      "max.poll.interval.ms": "4000",
    });
    const lost: string[] = [];
    consumer.subscribe(["t"], {
      onLost: (all) => void lost.push(shownPartitions(all)),
    });
    while (consumer.assignment.length === 0) await consumer.poll(100);
    await s.pass(4500);
    const describe = async () =>
      (await s.admin.describeGroups(["g"]))[0].value!.members.length;
    strictEqual(await describe(), 0);
    await rejects(
      consumer.commitSync([{ topic: "t", partition: 0, offset: 1 }]),
      /is no member at the moment/,
    );
    await consumer.poll(1000);
    deepStrictEqual(lost, ["t0"]);
    strictEqual(await describe(), 1);
    await consumer.close();
  },
);

onBroker(
  "a cluster without the protocol is named as the reason",
  async (s) => {
    await s.broker.createTopic("t");
    const a = s.running().start();
    await s.pass(3000);
    ok(/does not speak group.protocol=consumer/.test(a.error!.message));
  },
  { "group.coordinator.rebalance.protocols": "classic" },
);

onBroker("members of both protocols share a group", async (s) => {
  await s.broker.createTopic("t", { partitionCount: 4 });
  const old = s.running({
    "group.protocol": "classic",
    "partition.assignment.strategy": "cooperative-sticky",
  }).start();
  await s.pass(5000);
  const next = s.running().start();
  await s.pass(30_000);
  deepStrictEqual([old.error, next.error], [null, null]);
  deepStrictEqual(
    [
      ...old.consumer.assignment,
      ...next.consumer.assignment,
    ].map(({ partition }) => partition).sort(),
    [0, 1, 2, 3],
  );
  strictEqual(next.consumer.assignment.length, 2);
}, { "group.consumer.migration.policy": "bidirectional" });

Deno.test("keys that the protocol has no use for are refused", () => {
  const read = (more: Record<string, string>) => () =>
    readConsumerSettings({
      "bootstrap.servers": "a:1",
      "group.id": "g",
      ...more,
    });
  throws(
    read({ "group.protocol": "consumer", "session.timeout.ms": "9000" }),
    /session\.timeout\.ms: cannot be set with group\.protocol=consumer/,
  );
  throws(
    read({ "group.remote.assignor": "range" }),
    /group\.remote\.assignor: cannot be set with group\.protocol=classic/,
  );
  const { group } = read({
    "group.protocol": "CONSUMER",
    "group.remote.assignor": "range",
  })();
  deepStrictEqual([group!.protocol, group!.remoteAssignor], [
    "consumer",
    "range",
  ]);
});

Deno.test("members that come, go and are given up leave nothing unread", async () => {
  for (let seed = 0; seed < 4; seed++) {
    let state = seed * 7919 + 1;
    const random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    const isOrderly = seed % 2 === 0;
    await scene(
      async (s) => {
        await s.broker.createTopic("t", { partitionCount: 5 });
        const config = {
          "auto.commit.interval.ms": "300",
          "max.poll.records": "7",
        };
        const written: number[] = [0, 0, 0, 0, 0];
        const all = [s.running(config).start()];
        for (let step = 0; step < 10; step++) {
          for (const partition of written.keys()) {
            const count = 1 + Math.floor(random() * 30);
            await s.fill("t", partition, count);
            written[partition] += count;
          }
          await s.pass(random() * 4000);
          const live = all.filter(({ isStopped }) => !isStopped);
          if (!isOrderly && random() < 0.3) {
            await s.expel();
          } else if (live.length > 1 && random() < 0.5) {
            await live[Math.floor(random() * live.length)].stop();
          } else if (live.length < 4) {
            all.push(s.running(config).start());
          }
        }
        await s.pass(40_000);
        for (const { error } of all) strictEqual(error, null, `seed ${seed}`);
        const read = all.flatMap(({ records }) => records);
        const expected = written.flatMap((count, partition) =>
          Array.from(
            { length: count },
            (_, offset) => `t${partition}@${offset}`,
          )
        ).sort();
        deepStrictEqual([...new Set(read)].sort(), expected, `seed ${seed}`);
        if (isOrderly) {
          strictEqual(read.length, expected.length, `seed ${seed}`);
        }
        const live = all.filter(({ isStopped }) => !isStopped);
        strictEqual(
          shownPartitions(live.flatMap(({ consumer }) => consumer.assignment)),
          "t0 t1 t2 t3 t4",
        );
      },
      {},
      900 + seed,
    );
  }
});
