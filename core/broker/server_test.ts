import {
  deepStrictEqual,
  match,
  ok,
  rejects,
  strictEqual,
} from "node:assert/strict";
import { MIB } from "../base/units.ts";
import { type Connection, HostError, sleep } from "../host/host.ts";
import {
  batchOf,
  METADATA,
  PRODUCE,
  produceOne,
  TestBroker,
} from "../testing/broker_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import { fetchRequest } from "../wire/kafka/messages/fetch.ts";

Deno.test("A broker that stops cleanly comes back as it was, without recovery", async () => {
  const sim = simHost(61);
  let topicId = "";
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    topicId = await broker.createTopic("t", {
      config: { "retention.ms": "5000" },
    });
    await produceOne(await broker.connect(), "t", batchOf(["a", "b"]));
    strictEqual(await broker.stop(), true);
  });
  sim.restart();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    const { logDirs, partitions } = broker.broker;
    strictEqual(logDirs.wasClean, true);
    const { log } = partitions.getById(topicId, 0);
    strictEqual(log!.logEndOffset, 2);
    strictEqual(log!.highWatermark, 2);
    strictEqual(log!.config["retention.ms"], 5000);
    await broker.stop();
  });
});

Deno.test("A broker that is killed loses nothing that was written", async () => {
  const sim = simHost(62);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    await broker.createTopic("t");
    const client = await broker.connect();
    for (let i = 0; i < 10; i++) await produceOne(client, "t", batchOf(["a"]));
  });
  sim.crash("kill");
  sim.restart();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    strictEqual(broker.broker.logDirs.wasClean, false);
    const { log } = broker.broker.partitions.get("t", 0);
    strictEqual(log!.logEndOffset, 10);
    strictEqual(log!.highWatermark, 10);
    await broker.stop();
  });
});

Deno.test("A broker that stops answers what waits, and is gone within a second", async () => {
  const sim = simHost(63);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    await broker.createTopic("t");
    const client = await broker.connect();
    await client.send(fetchRequest, 12, {
      maxWaitMs: 60_000,
      minBytes: 1,
      topics: [{
        topic: "t",
        partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }],
      }],
    });
    await sleep(sim.host.clock, 50);
    const startMs = sim.host.clock.monotonicMs();
    const stopping = broker.stop();
    ok(await client.isClosed() === false, "the waiting fetch is answered");
    ok(await client.isClosed());
    strictEqual(await stopping, true);
    ok(sim.host.clock.monotonicMs() - startMs < 1000);
    await rejects(broker.connect(), HostError);
  });
});

Deno.test("A start that fails leaves nothing behind", async () => {
  const sim = simHost(64);
  await sim.run(async () => {
    const first = await TestBroker.start(sim.host);
    await rejects(
      TestBroker.start(sim.host, { "log.dirs": "/other/logs", "broker.id": 2 }),
      /9092/,
      "the port is taken",
    );
    strictEqual(sim.host.disk.stat("/other"), null);
    await first.stop();
  });
});

Deno.test("A data directory of another broker is refused, and the listener is free again", async () => {
  const sim = simHost(65);
  await sim.run(async () => {
    const first = await TestBroker.start(sim.host);
    await first.stop();
    await rejects(
      TestBroker.start(sim.host, { "broker.id": 7 }),
      /belongs to broker 1, not to 7/,
    );
    const again = await TestBroker.start(sim.host);
    await again.stop();
  });
});

Deno.test("A broker without an id keeps the one it was given", async () => {
  const sim = simHost(66);
  const ids: number[] = [];
  for (let life = 0; life < 2; life++) {
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, { "broker.id": -1 });
      ids.push(broker.broker.brokerId);
      await broker.stop();
    });
  }
  ok(ids[0] > 1000, "above reserved.broker.max.id");
  strictEqual(ids[1], ids[0]);
});

Deno.test("A deleted topic takes its logs along; one of the same name is another", async () => {
  const sim = simHost(67);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    const firstId = await broker.createTopic("t");
    const client = await broker.connect();
    await produceOne(client, "t", batchOf(["a"]));
    await broker.broker.cluster.deleteTopic({ name: "t" });
    strictEqual(broker.broker.logDirs.log("t", 0), undefined);
    const secondId = await broker.createTopic("t");
    ok(secondId !== firstId);
    const answer = await produceOne(client, "t", batchOf(["b"]));
    strictEqual(answer.baseOffset, 0);
    await broker.stop();
  });
});

Deno.test("A topic's partitions and configuration change while it is served", async () => {
  const sim = simHost(68);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    const { cluster, partitions } = broker.broker;
    await broker.createTopic("t");
    await cluster.createPartitions({ name: "t", totalCount: 3 });
    strictEqual(partitions.get("t", 2).isLeader, true);
    await cluster.setTopicConfig("t", new Map([["max.message.bytes", "100"]]));
    const client = await broker.connect();
    const answer = await produceOne(client, "t", batchOf(["x".repeat(200)]));
    match(answer.errorMessage ?? "", /100/);
    await cluster.setBrokerConfig(
      null,
      new Map([["message.max.bytes", "150"]]),
    );
    await broker.createTopic("u");
    strictEqual(partitions.get("u", 0).log!.config["max.message.bytes"], 150);
    await cluster.setBrokerConfig(1, new Map([["message.max.bytes", "170"]]));
    strictEqual(partitions.get("u", 0).log!.config["max.message.bytes"], 170);
    strictEqual(partitions.get("t", 0).log!.config["max.message.bytes"], 100);
    await broker.stop();
  });
});

Deno.test("A client that sends no frames is sent away with the reason in the trace", async () => {
  const sim = simHost(69);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    const { address } = broker.running.addresses[0];
    const cases: [bytes: Uint8Array, reason: RegExp][] = [
      [new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), /looks like HTTP/],
      [Uint8Array.of(0x16, 3, 1, 2, 0, 1), /looks like TLS/],
      [
        Uint8Array.of(0x7f, 0xff, 0xff, 0xff),
        /exceeds socket.request.max.bytes/,
      ],
      [
        Uint8Array.of(0, 0, 0, 8, 0x27, 0x0f, 0, 0, 0, 0, 0, 1),
        /unknown api key 9999/,
      ],
      [Uint8Array.of(0, 0, 0, 2, 0, 3), /header of 2 bytes/],
    ];
    for (const [index, [bytes, reason]] of cases.entries()) {
      const io = await sim.host.net.connect(address);
      await io.write(bytes);
      strictEqual(await readToEnd(io), 0);
      await sleep(sim.host.clock, 10);
      strictEqual(broker.lines.length, index + 1);
      match(broker.lines[index], reason);
    }
    await broker.stop();
  });
});

async function readToEnd(io: Connection): Promise<number> {
  let count = 0;
  try {
    for (;;) {
      const read = await io.read(new Uint8Array(1000));
      if (read === null) return count;
      count += read;
    }
  } catch {
    return count;
  }
}

Deno.test("Requests and answers pass a network that cuts them anywhere", async () => {
  for (let seed = 70; seed < 75; seed++) {
    const sim = simHost(seed);
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host);
      await broker.createTopic("t");
      const clients = await Promise.all([1, 2, 3].map(() => broker.connect()));
      const offsets = await Promise.all(clients.map(async (client, number) => {
        const found: number[] = [];
        for (let i = 0; i < 8; i++) {
          const value = `${number}`.repeat(1 + 9000 * i);
          found.push(
            (await produceOne(client, "t", batchOf([value]))).baseOffset,
          );
        }
        return found;
      }));
      deepStrictEqual(
        offsets.flat().sort((a, b) => a - b),
        Array.from({ length: 24 }, (_, offset) => offset),
      );
      await broker.stop();
    });
  }
});

Deno.test("A thousand pipelined requests are answered in order, in bounded memory", async () => {
  const sim = simHost(75);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    await broker.createTopic("t");
    const client = await broker.connect();
    const records = batchOf(["x".repeat(1000)]);
    const ids: number[] = [];
    const sending = (async () => {
      for (let i = 0; i < 1000; i++) {
        ids.push(
          await client.send(PRODUCE[0], 7, {
            acks: -1,
            timeoutMs: 1000,
            topicData: [{
              name: "t",
              partitionData: [{ index: 0, records: records.slice() }],
            }],
          }),
        );
      }
    })();
    for (let i = 0; i < 1000; i++) {
      while (ids.length <= i) await sleep(sim.host.clock, 1);
      const { responses } = await client.answer(PRODUCE[1], 7, ids[i]);
      strictEqual(responses[0].partitionResponses[0].baseOffset, i);
    }
    await sending;
    await broker.stop();
  }, { limitMs: 10 * 3_600_000 });
});

Deno.test("A frame of many megabytes is taken, and its memory comes back", async () => {
  const sim = simHost(76);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      "message.max.bytes": 20 * MIB,
    });
    await broker.createTopic("t");
    const client = await broker.connect();
    const batch = batchOf(["0123456789abcdef".repeat(MIB / 2)]);
    const answer = await produceOne(client, "t", batch);
    strictEqual(answer.errorCode, 0);
    const { topics } = await client.call(METADATA, 9, {
      topics: [{ name: "t" }],
    });
    strictEqual(topics.length, 1);
    await broker.stop();
  });
});

Deno.test("A failed fsync is never acknowledged, and ends a broker with one directory", async () => {
  const sim = simHost(77);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      "log.flush.interval.messages": 1,
    });
    await broker.createTopic("t");
    const client = await broker.connect();
    strictEqual((await produceOne(client, "t", batchOf(["a"]))).errorCode, 0);
    sim.disk.failNthCall(
      1,
      "io",
      ({ action, path }) => action === "sync" && path.endsWith(".log"),
    );
    const refused = await produceOne(client, "t", batchOf(["b"]));
    strictEqual(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
    match((await broker.running.failed).message, /t-0/);
    const after = await produceOne(client, "t", batchOf(["c"]));
    strictEqual(after.errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
    strictEqual(await broker.stop(), false, "no clean marker");
  });
});

Deno.test("A failed directory takes its partitions along, and leaves the others", async () => {
  const sim = simHost(78);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      "log.dirs": "/data/one,/data/two",
      "log.flush.interval.messages": 1,
    });
    await broker.createTopic("t", { partitionCount: 4 });
    const client = await broker.connect();
    sim.disk.failNthCall(
      1,
      "io",
      ({ action, path }) => action === "sync" && path.startsWith("/data/one/"),
    );
    const codes: number[] = [];
    for (let round = 0; round < 2; round++) {
      for (const partition of [0, 1, 2, 3]) {
        const answer = await produceOne(client, "t", batchOf(["a"]), {
          partition,
        });
        if (round === 1) codes.push(answer.errorCode);
      }
    }
    deepStrictEqual(
      codes.sort(),
      [0, 0, ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.KAFKA_STORAGE_ERROR],
    );
    ok(broker.lines.some((line) => line.includes('"/data/one" has failed')));
    strictEqual(await broker.stop(), false);
  });
});
