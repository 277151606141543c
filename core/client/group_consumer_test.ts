import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { encodeBatch } from "../record/record_batch.ts";
import { FakeCluster } from "../testing/fake_broker.ts";
import type { FakePartition } from "../testing/fake_cluster.ts";
import { type FakeGroup, serveGroups } from "../testing/fake_group.ts";
import {
  RunningConsumer,
  shownPartitions,
} from "../testing/running_consumer.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";

interface OffsetsOfTopic {
  readonly name: string;
  readonly partitions: readonly { readonly partitionIndex: number }[];
}

interface Scene {
  readonly sim: SimHost;
  readonly fake: FakeCluster;
  readonly group: () => FakeGroup;
  running(config?: Record<string, string>): RunningConsumer;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
}

async function scene(job: (scene: Scene) => Promise<void>): Promise<void> {
  const sim = simHost(7);
  const fake = new FakeCluster(sim, 2);
  const groups = serveGroups(fake, fake.broker(2));
  const all: RunningConsumer[] = [];
  await sim.run(async () => {
    await fake.start();
    await job({
      sim,
      fake,
      group: () => groups.get("g")!,
      running(config = {}) {
        const running = new RunningConsumer(sim, {
          "bootstrap.servers": fake.bootstrap,
          "group.id": "g",
          "auto.offset.reset": "earliest",
          ...config,
        });
        all.push(running);
        return running;
      },
      pass: (ms) =>
        new Promise<void>((done) => void sim.host.clock.after(ms, done)),
    });
    for (const running of all) {
      if (!running.isStopped) await running.stop();
    }
  });
  fake.stop();
}

function fill(partition: FakePartition, count: number): void {
  partition.append(encodeBatch({
    records: Array.from({ length: count }, () => ({
      timestampMs: 0,
      key: null,
      value: new Uint8Array(4),
    })),
  }));
}

Deno.test("a member reads from what was committed, and commits by itself", () =>
  scene(async ({ fake, running, pass, group }) => {
    const { partitions } = fake.state.createTopic("t", 2);
    partitions.forEach((partition) => fill(partition, 3));
    const first = running().start();
    await pass(2000);
    deepStrictEqual(first.events, ["+ t0 t1"]);
    strictEqual(first.records.length, 6);
    strictEqual(group().offsets.size, 0);
    await pass(5000);
    deepStrictEqual([...group().offsets.values()], [3, 3]);
    fill(partitions[1], 2);
    await pass(1000);
    await first.stop();
    strictEqual(group().offsets.get("t-1"), 5);
    strictEqual(group().state, "empty");
    deepStrictEqual(first.events, ["+ t0 t1", "- t0 t1"]);
    fill(partitions[0], 1);
    const second = running().start();
    await pass(2000);
    deepStrictEqual(second.records, ["t0@3"]);
  }));

Deno.test("an eager rebalance takes all away and shares it out anew", () =>
  scene(async ({ fake, running, pass }) => {
    fake.state.createTopic("t", 3);
    const a = running().start();
    await pass(1000);
    const b = running().start();
    await pass(5000);
    deepStrictEqual(a.events, ["+ t0 t1 t2", "- t0 t1 t2", "+ t0 t1"]);
    deepStrictEqual(b.events, ["+ t2"]);
    await a.stop();
    await pass(5000);
    deepStrictEqual(b.events, ["+ t2", "- t2", "+ t0 t1 t2"]);
  }));

Deno.test("a cooperative rebalance takes away what moves alone, and reads on meanwhile", () =>
  scene(async ({ fake, running, pass, group }) => {
    const { partitions } = fake.state.createTopic("t", 3);
    const config = { "partition.assignment.strategy": "cooperative-sticky" };
    const a = running(config).start();
    await pass(1000);
    const b = running(config).start();
    fill(partitions[0], 2);
    await pass(10_000);
    deepStrictEqual(a.events, ["+ t0 t1 t2", "- t2", "+", "+"]);
    deepStrictEqual(b.events, ["+", "+ t2"]);
    deepStrictEqual(a.records, ["t0@0", "t0@1"]);
    strictEqual(group().generationId, 3);
  }));

Deno.test("a member that was expelled says that its partitions are lost, and joins again", () =>
  scene(async ({ fake, running, pass, group }) => {
    fake.state.createTopic("t", 1);
    const a = running().start();
    await pass(1000);
    const { memberId } = a.consumer;
    group().expel(memberId);
    await pass(5000);
    deepStrictEqual(a.events, ["+ t0", "! t0", "+ t0"]);
    ok(a.consumer.memberId !== memberId);
  }));

Deno.test("a member whose application does not poll leaves, and comes back with the next poll", () =>
  scene(async ({ fake, running, pass, group }) => {
    fake.state.createTopic("t", 1);
    const { consumer } = running({ "max.poll.interval.ms": "4000" });
    const lost: string[] = [];
    consumer.subscribe(["t"], {
      onLost: (all) => void lost.push(shownPartitions(all)),
    });
    while (consumer.assignment.length === 0) await consumer.poll(100);
    await pass(10_000);
    strictEqual(group().members.size, 0);
    await rejects(
      consumer.commitSync([
        { topic: "t", partition: 0, offset: 1 },
      ]),
      /is no member at the moment/,
    );
    await consumer.poll(1000);
    deepStrictEqual(lost, ["t0"]);
    strictEqual(group().members.size, 1);
    await consumer.close();
  }));

Deno.test("a join goes on over lost connections and coordinators that load or move", () =>
  scene(async ({ fake, running, pass }) => {
    fake.state.createTopic("t", 1);
    const coordinator = fake.broker(2);
    coordinator.script(
      apiKeys.JoinGroup,
      "close",
      {
        answer: () => ({
          errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
          memberId: "",
          protocolName: "",
          leader: "",
          members: [],
        }),
      },
      "pass",
      "closeAfter",
    );
    coordinator.script(apiKeys.SyncGroup, {
      answer: () => ({
        errorCode: ErrorCode.NOT_COORDINATOR,
        assignment: new Uint8Array(),
      }),
    });
    const a = running().start();
    await pass(20_000);
    deepStrictEqual(a.events, ["+ t0"]);
    strictEqual(a.error, null);
  }));

Deno.test("poll() throws what keeps a member out", () =>
  scene(async ({ fake, running, pass }) => {
    fake.state.createTopic("t", 1);
    fake.broker(2).script(apiKeys.JoinGroup, {
      answer: () => ({
        errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED,
        memberId: "",
        protocolName: "",
        leader: "",
        members: [],
      }),
    });
    const a = running().start();
    await pass(2000);
    strictEqual(
      (a.error as Error & { errorName?: string })?.errorName,
      "GROUP_AUTHORIZATION_FAILED",
    );
  }));

Deno.test("a member with a fixed name does not say goodbye", () =>
  scene(async ({ fake, running, pass, group }) => {
    fake.state.createTopic("t", 1);
    const a = running({ "group.instance.id": "one" }).start();
    await pass(1000);
    await a.stop();
    strictEqual(group().members.size, 1);
    strictEqual(fake.broker(2).seen(apiKeys.LeaveGroup).length, 0);
    const [{ body }] = fake.broker(2).seen(apiKeys.JoinGroup);
    strictEqual(body.groupInstanceId, "one");
  }));

Deno.test("a pattern takes in topics that come later, and partitions that are added", () =>
  scene(async ({ fake, running, pass }) => {
    fake.state.createTopic("t1", 1);
    fake.state.createTopic("u", 1);
    const a = running({ "metadata.max.age.ms": "3000" }).start(/t\d/);
    await pass(1000);
    fake.state.createTopic("t2", 1);
    await pass(5000);
    deepStrictEqual(a.events, ["+ t10", "- t10", "+ t10 t20"]);
  }));

Deno.test("commitSync() commits what is given, and committed() tells", () =>
  scene(async ({ fake, running }) => {
    fake.state.createTopic("t", 2);
    const { consumer } = running({ "enable.auto.commit": "false" });
    const place = { topic: "t", partition: 1 };
    consumer.assign([place]);
    fake.broker(2).script(apiKeys.OffsetCommit, "close");
    await consumer.commitSync([{ ...place, offset: 5 }]);
    const found = await consumer.committed([
      place,
      { topic: "t", partition: 0 },
    ]);
    deepStrictEqual(found.map(({ offset }) => offset), [5, -1]);
    strictEqual(await consumer.position(place), 5);
    await consumer.close();
  }));

Deno.test("members that come and go in good order read each record exactly once", async () => {
  const strategies = ["range", "sticky", "cooperative-sticky"];
  for (let seed = 0; seed < 12; seed++) {
    const random = fractions(seed);
    await scene(async ({ fake, running, pass, group }) => {
      const { partitions } = fake.state.createTopic("t", 5);
      const config = {
        "partition.assignment.strategy": strategies[seed % strategies.length],
        "auto.commit.interval.ms": "300",
        "heartbeat.interval.ms": "200",
        "max.poll.records": "7",
      };
      const all = [running(config).start()];
      for (let step = 0; step < 12; step++) {
        for (const partition of partitions) {
          if (random() < 0.7) fill(partition, 1 + Math.floor(random() * 30));
        }
        await pass(random() * 2500);
        const live = all.filter(({ isStopped }) => !isStopped);
        if (live.length > 1 && random() < 0.5) {
          await live[Math.floor(random() * live.length)].stop();
        } else if (live.length < 4) {
          all.push(running(config).start());
        }
      }
      await pass(10_000);
      for (const one of all) {
        strictEqual(one.error, null, `seed ${seed}: ${one.error?.message}`);
      }
      const read = all.flatMap(({ records }) => records).sort();
      const written = partitions.flatMap(({ endOffset }, index) =>
        Array.from({ length: endOffset }, (_, offset) => `t${index}@${offset}`)
      ).sort();
      deepStrictEqual(read, written, `seed ${seed}`);
      const owned = all.filter(({ isStopped }) => !isStopped)
        .flatMap(({ consumer }) => consumer.assignment);
      strictEqual(shownPartitions(owned), "t0 t1 t2 t3 t4");
      strictEqual(group().state, "stable");
    });
  }
});

Deno.test("members that crash leave nothing unread", async () => {
  for (let seed = 0; seed < 8; seed++) {
    const random = fractions(seed + 100);
    await scene(async ({ fake, running, pass, group }) => {
      const { partitions } = fake.state.createTopic("t", 4);
      const config = {
        "partition.assignment.strategy": seed % 2
          ? "cooperative-sticky"
          : "roundrobin",
        "heartbeat.interval.ms": "200",
        "max.poll.records": "7",
        "request.timeout.ms": "2000",
      };
      const all = [running(config).start(), running(config).start()];
      for (let step = 0; step < 10; step++) {
        for (const partition of partitions) fill(partition, 20);
        await pass(random() * 3000);
        if (random() < 0.5) {
          // The session of one of them ends without its knowing.
          const ids = [...group()?.members.keys() ?? []];
          if (ids.length > 0) {
            group().expel(ids[Math.floor(random() * ids.length)]);
          }
        } else {
          // The coordinator goes away for a moment.
          fake.broker(2).stop();
          await pass(random() * 1000);
          await fake.broker(2).start();
        }
      }
      await pass(20_000);
      const read = new Set(all.flatMap(({ records }) => records));
      for (const [index, { endOffset }] of partitions.entries()) {
        for (let offset = 0; offset < endOffset; offset++) {
          ok(
            read.has(`t${index}@${offset}`),
            `seed ${seed} t${index}@${offset}`,
          );
        }
      }
      for (const one of all) {
        strictEqual(one.error, null, `seed ${seed}: ${one.error?.message}`);
      }
    });
  }
});

/** Fractions that a seed gives. */
function fractions(seed: number): () => number {
  let state = (seed + 1) * 2_654_435_761 >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

Deno.test("commitAsync() commits once, and says where that failed", () =>
  scene(async ({ fake, running, group, pass }) => {
    const { partitions } = fake.state.createTopic("t", 1);
    fill(partitions[0], 3);
    const { consumer } = running({ "enable.auto.commit": "false" });
    consumer.subscribe(["t"]);
    let count = 0;
    while (count < 3) {
      for (const { records } of await consumer.poll(1000)) {
        count += records.length;
      }
    }
    const before = fake.broker(2).seen(apiKeys.OffsetCommit).length;
    fake.broker(2).script(apiKeys.OffsetCommit, "close");
    await rejects(consumer.commitAsync());
    strictEqual(group().offsets.size, 0);
    await pass(1000);
    strictEqual(fake.broker(2).seen(apiKeys.OffsetCommit).length, before + 1);
    const place = { topic: "t", partition: 0 };
    await consumer.commitAsync([{ ...place, offset: 2 }]);
    strictEqual(group().offsets.get("t-0"), 2);
    await consumer.commitAsync();
    strictEqual(group().offsets.get("t-0"), 3);
    await consumer.close();
    // Without auto commit, closing commits nothing.
    strictEqual(group().offsets.get("t-0"), 3);
  }));

for (
  const refusal of ["ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS"] as const
) {
  Deno.test(`a commit that meets ${refusal} during a join goes through after it`, () =>
    scene(async ({ fake, running, group, pass }) => {
      const { partitions } = fake.state.createTopic("t", 2);
      const config = { "partition.assignment.strategy": "cooperative-sticky" };
      const a = running(config).start();
      await pass(2000);
      // What is shared out is late, and what is read meanwhile is not committed.
      fake.broker(2).script(apiKeys.SyncGroup, { delayMs: 1500 });
      group().startRebalance();
      while (group().generationId < 2) await pass(100);
      partitions.forEach((partition) => fill(partition, 3));
      await pass(700);
      strictEqual(a.records.length, 6);
      const errorCode = ErrorCode[refusal];
      fake.broker(2).script(apiKeys.OffsetCommit, {
        answer: ({ body }) => ({
          topics: body.topics.map((topic: OffsetsOfTopic) => ({
            name: topic.name,
            partitions: topic.partitions.map(({ partitionIndex }) => ({
              partitionIndex,
              errorCode,
            })),
          })),
        }),
      });
      await a.stop();
      deepStrictEqual([...group().offsets.values()], [3, 3]);
      // Nothing was lost, so it was not told so.
      deepStrictEqual(a.events, ["+ t0 t1", "- t0 t1"]);
    }));
}

Deno.test("a member without a reset policy has to be told where to begin", () =>
  scene(async ({ fake, running, group }) => {
    const { partitions } = fake.state.createTopic("t", 1);
    fill(partitions[0], 3);
    const { consumer } = running({ "auto.offset.reset": "none" });
    consumer.subscribe(["t"]);
    await rejects(async () => {
      for (;;) await consumer.poll(1000);
    }, /t-0/);
    consumer.seek({ topic: "t", partition: 0 }, 2);
    const [{ records }] = await consumer.poll(1000);
    deepStrictEqual(records.map(({ offset }) => offset), [2]);
    await consumer.close();
    strictEqual(group().offsets.get("t-0"), 3);
  }));

Deno.test("a member pauses, goes on, and seeks to a time, over a rebalance", () =>
  scene(async ({ fake, running, pass }) => {
    const { partitions } = fake.state.createTopic("t", 2);
    const config = { "partition.assignment.strategy": "cooperative-sticky" };
    const a = running(config).start();
    await pass(2000);
    const own = { topic: "t", partition: 0 };
    a.consumer.pause([own]);
    const b = running(config).start();
    await pass(10_000);
    deepStrictEqual(shownPartitions(a.consumer.assignment), "t0");
    fill(partitions[0], 2);
    await pass(2000);
    deepStrictEqual([a.records, b.records], [[], []]);
    a.consumer.resume([own]);
    await pass(1000);
    deepStrictEqual(a.records, ["t0@0", "t0@1"]);
    a.consumer.seekToTimestamp([{ ...own, timestampMs: 0 }]);
    await pass(1000);
    deepStrictEqual(a.records.slice(2), ["t0@0", "t0@1"]);
  }));
