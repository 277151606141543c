// What a client sees when configuration changes while it produces: each key takes
// effect within a second of the answer that says it was changed.

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { sleep } from "../host/host.ts";
import {
  batchOf,
  METADATA,
  produceOne,
  TestBroker,
  type TestClient,
} from "../testing/broker_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { errorByCode, ErrorCode } from "../wire/kafka/errors.ts";
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from "../wire/kafka/messages/incremental_alter_configs.ts";
import {
  listOffsetsRequest,
  listOffsetsResponse,
} from "../wire/kafka/messages/list_offsets.ts";
import { readBatchHeader } from "../record/record_batch.ts";

const ALTER = [
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
] as const;
const LIST_OFFSETS = [listOffsetsRequest, listOffsetsResponse] as const;

const TOPIC = 2;
const BROKER = 4;
/** How soon a change takes effect. */
const SOON_MS = 1000;

type Texts = { readonly [key: string]: string | null };
type Answer = Awaited<ReturnType<typeof produceOne>>;

/** A broker with the topic "t", and a producer that writes to it all the time. */
class World {
  readonly sim: SimHost;
  readonly broker: TestBroker;
  readonly #client: TestClient;
  readonly #producer: TestClient;
  /** What the producer sends. */
  batch: () => Uint8Array = () =>
    batchOf(["x".repeat(200)], { timestampMs: this.nowMs });
  acks = -1;
  #isStopped = false;
  #last: Answer | null = null;
  #running: Promise<void> | null = null;

  constructor(
    sim: SimHost,
    broker: TestBroker,
    clients: readonly [TestClient, TestClient],
  ) {
    this.sim = sim;
    this.broker = broker;
    [this.#client, this.#producer] = clients;
  }

  get nowMs(): number {
    return this.sim.host.clock.wallMs();
  }

  get log() {
    return this.broker.broker.logDirs.log("t", 0)!;
  }

  /** The producer's last answer. */
  get seen(): string {
    return errorByCode(this.#last!.errorCode)?.name ?? "NONE";
  }

  get seenAnswer(): Answer {
    return this.#last!;
  }

  startProducing(): void {
    this.#running = (async () => {
      while (!this.#isStopped) {
        const { acks } = this;
        this.#last = await produceOne(this.#producer, "t", this.batch(), {
          acks,
        });
        await sleep(this.sim.host.clock, 20);
      }
    })();
  }

  async stopProducing(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Sets keys of the topic. */
  topic(texts: Texts): Promise<void> {
    return this.#alter([TOPIC, "t"], texts);
  }

  /** Sets keys of all brokers. */
  brokers(texts: Texts): Promise<void> {
    return this.#alter([BROKER, ""], texts);
  }

  /** Sets keys of this broker. */
  thisBroker(texts: Texts): Promise<void> {
    return this.#alter([BROKER, "1"], texts);
  }

  async #alter(
    [resourceType, resourceName]: [number, string],
    texts: Texts,
  ): Promise<void> {
    const configs = Object.entries(texts).map(([name, value]) => ({
      name,
      value,
      configOperation: value === null ? 1 : 0,
    }));
    const { responses } = await this.#client.call(ALTER, 1, {
      resources: [{ resourceType, resourceName, configs }],
      validateOnly: false,
    });
    strictEqual(responses[0].errorCode, 0, responses[0].errorMessage ?? "");
  }

  /** Where the log starts, as a client is told. */
  async earliestOffset(): Promise<number> {
    const { topics } = await this.#client.call(LIST_OFFSETS, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{
        name: "t",
        partitions: [{ partitionIndex: 0, timestamp: -2 }],
      }],
    });
    return topics[0].partitions[0].offset;
  }

  /** Waits for something that has to be so within a second. */
  async soon(
    what: string,
    condition: () => boolean | Promise<boolean>,
  ): Promise<void> {
    const { clock } = this.sim.host;
    const startMs = clock.monotonicMs();
    while (!await condition()) {
      const elapsedMs = clock.monotonicMs() - startMs;
      ok(elapsedMs <= SOON_MS, `${what}: not so within ${SOON_MS} ms`);
      await sleep(clock, 10);
    }
  }
}

function test(
  name: string,
  run: (world: World) => Promise<void>,
  overrides: { readonly [key: string]: string | number } = {},
): void {
  Deno.test(name, async () => {
    const sim = simHost(29);
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, overrides);
      await broker.createTopic("t");
      const world = new World(sim, broker, [
        await broker.connect(),
        await broker.connect(),
      ]);
      world.startProducing();
      await world.soon("the first answer", () => world.log.logEndOffset > 0);
      await run(world);
      await world.stopProducing();
      deepStrictEqual(broker.lines.filter((line) => /Failed/.test(line)), []);
      await broker.stop();
    });
  });
}

test("max.message.bytes, and message.max.bytes behind it", async (world) => {
  strictEqual(world.seen, "NONE");
  await world.topic({ "max.message.bytes": "100" });
  await world.soon("refused", () => world.seen === "MESSAGE_TOO_LARGE");
  await world.topic({ "max.message.bytes": null });
  await world.soon("taken again", () => world.seen === "NONE");
  await world.brokers({ "message.max.bytes": "100" });
  await world.soon("refused", () => world.seen === "MESSAGE_TOO_LARGE");
  await world.thisBroker({ "message.max.bytes": "5000" });
  await world.soon("taken: one broker's wins", () => world.seen === "NONE");
  await world.topic({ "max.message.bytes": "150" });
  await world.soon("refused", () => world.seen === "MESSAGE_TOO_LARGE");
});

test("message.timestamp.type", async (world) => {
  strictEqual(world.seenAnswer.logAppendTimeMs, -1);
  await world.brokers({ "log.message.timestamp.type": "LogAppendTime" });
  await world.soon("stamped", () => world.seenAnswer.logAppendTimeMs > 0);
  await world.topic({ "message.timestamp.type": "CreateTime" });
  await world.soon("as sent", () => world.seenAnswer.logAppendTimeMs === -1);
});

test("message.timestamp.before.max.ms", async (world) => {
  world.batch = () => batchOf(["old"], { timestampMs: 1000 });
  await world.topic({ "message.timestamp.before.max.ms": "1000" });
  await world.soon("refused", () => world.seen === "INVALID_TIMESTAMP");
});

test("compression.type", async (world) => {
  await world.topic({ "compression.type": "gzip" });
  const compression = () => {
    const { logEndOffset } = world.log;
    const { source } = world.log.read(logEndOffset - 1, {
      maxBytes: 10_000,
      minOneBatch: true,
      upToOffset: logEndOffset,
    });
    const bytes = new Uint8Array(source.sizeBytes);
    source.readInto(bytes);
    return readBatchHeader(bytes, 0).attributes & 7;
  };
  await world.soon("gzip", () => compression() === 1);
  await world.topic({ "compression.type": "uncompressed" });
  await world.soon("none", () => compression() === 0);
});

test("segment.bytes", async (world) => {
  strictEqual(world.log.segments.all().length, 1);
  await world.topic({ "segment.bytes": "1000" });
  await world.soon("rolled", () => world.log.segments.all().length > 3);
});

test("retention.ms, without waiting for the next check", async (world) => {
  await world.brokers({ "log.segment.bytes": "1000" });
  await sleep(world.sim.host.clock, 5000);
  strictEqual(await world.earliestOffset(), 0);
  await world.topic({ "retention.ms": "2000" });
  await world.soon("deleted", async () => await world.earliestOffset() > 0);
  strictEqual(world.seen, "NONE");
});

test("retention.bytes of all brokers, and cleanup.policy", async (world) => {
  await world.topic({ "segment.bytes": "1000", "cleanup.policy": "compact" });
  await world.soon("keys are asked for", () => world.seen === "INVALID_RECORD");
  world.batch = () =>
    batchOf(["x".repeat(200)], { key: `${world.nowMs}`, timestampMs: 1e12 });
  await world.soon("taken with keys", () => world.seen === "NONE");
  await sleep(world.sim.host.clock, 2000);
  await world.brokers({ "log.retention.bytes": "3000" });
  await sleep(world.sim.host.clock, SOON_MS);
  strictEqual(await world.earliestOffset(), 0, "it is compacted only");
  await world.topic({ "cleanup.policy": "delete" });
  await world.soon("deleted", async () => await world.earliestOffset() > 0);
}, { "log.retention.ms": -1 });

test("min.cleanable.dirty.ratio wakes the cleaner", async (world) => {
  world.batch = () => batchOf(["x".repeat(200)], { key: "always the same" });
  await world.topic({
    "cleanup.policy": "compact",
    "segment.bytes": "1000",
    "min.cleanable.dirty.ratio": "1",
  });
  await sleep(world.sim.host.clock, 3000);
  const recordCount = () => {
    const first = world.log.segments.all()[0];
    return first.sizeBytes;
  };
  const before = recordCount();
  await world.topic({ "min.cleanable.dirty.ratio": "0" });
  await world.soon("compacted", () => recordCount() < before);
}, { "log.cleaner.backoff.ms": 3_600_000 });

test("flush.messages and flush.ms", async (world) => {
  const unflushed = () => world.log.logEndOffset - world.log.recoveryPoint;
  await sleep(world.sim.host.clock, 500);
  ok(unflushed() > 5);
  await world.topic({ "flush.messages": "1" });
  await world.soon("all is flushed", () => unflushed() <= 1);
  await world.topic({ "flush.messages": null });
  await sleep(world.sim.host.clock, 500);
  ok(unflushed() > 5);
  await world.stopProducing();
  await world.brokers({ "log.flush.interval.ms": "100" });
  await world.soon("flushed by time", () => unflushed() === 0);
});

test("min.insync.replicas", async (world) => {
  const partition = world.broker.broker.partitions.get("t", 0);
  partition.update({
    ...partition.leadership,
    replicas: [1, 2],
    isr: [1],
  }, partition.log);
  await world.brokers({ "min.insync.replicas": "2" });
  await world.soon("refused", () => world.seen === "NOT_ENOUGH_REPLICAS");
  world.acks = 1;
  await world.soon("acks=1 is taken", () => world.seen === "NONE");
  world.acks = -1;
  await world.soon("refused", () => world.seen === "NOT_ENOUGH_REPLICAS");
  await world.topic({ "min.insync.replicas": "1" });
  await world.soon("taken", () => world.seen === "NONE");
});

test("producer.id.expiration.ms", async (world) => {
  await world.stopProducing();
  const client = await world.broker.connect();
  const batch = batchOf(["a"], {
    producerId: 1,
    producerEpoch: 0,
    baseSequence: 0,
    timestampMs: world.nowMs,
  });
  strictEqual((await produceOne(client, "t", batch)).errorCode, ErrorCode.NONE);
  await sleep(world.sim.host.clock, 5000);
  strictEqual([...world.log.activeProducers()].length, 1);
  await world.brokers({ "producer.id.expiration.ms": "1000" });
  await world.soon(
    "forgotten",
    () => [...world.log.activeProducers()].length === 0,
  );
});

test("max.connections.per.ip, its overrides and max.connections", async (world) => {
  const isServed = async () => {
    const client = await world.broker.connect();
    try {
      await client.call(METADATA, 9, { topics: [] });
      return true;
    } catch {
      return false;
    } finally {
      client.io.close();
    }
  };
  strictEqual(await isServed(), true);
  await world.brokers({ "max.connections.per.ip": "2" });
  await world.soon("turned away", async () => !await isServed());
  const address = { "max.connections.per.ip.overrides": "127.0.0.1:10" };
  await world.thisBroker(address);
  await world.soon("let in by address", isServed);
  await world.thisBroker({ "max.connections": "2" });
  await world.soon("turned away", async () => !await isServed());
  await world.thisBroker({ "max.connections": null });
  await world.soon("let in", isServed);
  strictEqual(world.seen, "NONE", "who was connected stays");
});

test("advertised.listeners", async (world) => {
  const client = await world.broker.connect();
  const told = async () => {
    const { brokers } = await client.call(METADATA, 9, { topics: [] });
    return brokers.map(({ host, port }) => `${host}:${port}`).join();
  };
  strictEqual(await told(), "127.0.0.1:9092");
  await world.thisBroker({ "advertised.listeners": "PLAINTEXT://away:1234" });
  await world.soon("told", async () => await told() === "away:1234");
  await world.thisBroker({ "advertised.listeners": null });
  await world.soon("back", async () => await told() === "127.0.0.1:9092");
  strictEqual(world.seen, "NONE");
});

test(
  "log.cleaner.io.max.bytes.per.second, while a cleaner waits",
  async (world) => {
    world.batch = () => batchOf(["x".repeat(200)], { key: "always the same" });
    await world.brokers({ "log.cleaner.io.max.bytes.per.second": "1" });
    await world.topic({
      "cleanup.policy": "compact",
      "segment.bytes": "1000",
      "min.cleanable.dirty.ratio": "0",
    });
    await sleep(world.sim.host.clock, 6000);
    const { sizeBytes } = world.log;
    ok(sizeBytes > 20_000, `a byte a second gets nowhere: ${sizeBytes}`);
    await world.brokers({ "log.cleaner.io.max.bytes.per.second": null });
    await world.soon("compacted", () => world.log.sizeBytes < sizeBytes / 4);
  },
  { "log.cleaner.backoff.ms": 100 },
);
