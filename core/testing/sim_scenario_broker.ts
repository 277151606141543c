// A whole broker that crashes again and again, under an idempotent producer that
// never gives up: power cuts in the middle of disk calls, kills, failing calls,
// connections that break and links that let nothing through. Then all faults
// end, and a consumer reads everything.
//
//   acknowledged → read, at the offset that was told, once
//   read         → was sent, in the order in which it was sent
//   made         → a topic whose creation was acknowledged is there

import { type Consumer, createConsumer } from "../client/consumer.ts";
import { createProducer, type Producer } from "../client/producer.ts";
import { HostError, sleep } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { TestBroker } from "./broker_fixture.ts";
import { type SimHost, simHost } from "./sim_host.ts";
import { SimCrash } from "./sim_life.ts";
import { SimLoop } from "./sim_loop.ts";
import { SimNet } from "./sim_net.ts";
import { SimRandom } from "./sim_random.ts";
import { check, type Scenario, type ScenarioRun } from "./sim_scenario.ts";

const TOPIC = "t";
const PARTITION_COUNT = 2;
const RECORD_COUNT = 400;
const CRASH_COUNT = 12;
/** Virtual time within which all must have ended. */
const LIMIT_MS = 3_600_000;
/** After the faults, everything must have been delivered within this. */
const HEALING_MS = 120_000;

/** What a producer may say without having done wrong: it has given up. */
const ALLOWED_ERRORS = new Set([
  "REQUEST_TIMED_OUT",
  "NETWORK_EXCEPTION",
  "KAFKA_STORAGE_ERROR",
  "NOT_LEADER_OR_FOLLOWER",
]);

export const brokerScenario: Scenario = {
  name: "broker",
  shows: "what a flushing broker acknowledged is read once, in order, in place",
  async run(run) {
    const { seed, random } = run;
    const loop = new SimLoop();
    const net = new SimNet(loop, new SimRandom(seed + 1));
    const server = simHost(seed, {
      name: "broker",
      loop,
      net,
      disk: {
        syncDelayMs: random.pick([[0.1, 3], [0.1, 40]]),
      },
    });
    const client = simHost(seed + 2, { name: "client", loop, net });
    await client.run(() => story({ ...run, server, client, net }), {
      limitMs: LIMIT_MS,
    });
  },
};

interface Stage extends ScenarioRun {
  readonly server: SimHost;
  readonly client: SimHost;
  readonly net: SimNet;
}

/** What was sent to one partition, and what was heard of it. */
class History {
  /** Values, in the order in which they were sent. */
  readonly sent: string[] = [];
  readonly offsetByValue = new Map<string, number>();
}

async function story(stage: Stage): Promise<void> {
  const supervisor = new Supervisor(stage);
  await supervisor.begin();
  const histories = Array.from(
    { length: PARTITION_COUNT },
    () => new History(),
  );
  const producer = createProducer(stage.client.host, {
    "bootstrap.servers": "broker:9092",
    "acks": "all",
    "enable.idempotence": "true",
    "linger.ms": String(stage.random.pick([0, 5, 50])),
    "batch.size": String(stage.random.pick([100, 1000, 16384])),
    "request.timeout.ms": "3000",
    "delivery.timeout.ms": "1200000",
    "max.block.ms": "1200000",
    "compression.type": stage.random.pick(["none", "gzip", "lz4", "zstd"]),
    "reconnect.backoff.max.ms": "500",
  });
  await Promise.all([
    produce(stage, producer, histories),
    supervisor.makeTrouble(),
  ]);
  if (supervisor.failure !== null) throw supervisor.failure;
  stage.trace(`healed at ${Math.round(stage.client.loop.nowMs)} ms`);
  await within(stage, producer.flush(), "the producer has records left");
  await producer.close();
  await within(stage, checkAll(stage, histories), "not all could be read");
  await supervisor.end();
}

/** Starts the broker whenever it is down, and brings it down. */
class Supervisor {
  readonly #stage: Stage;
  readonly #topicsMade: string[] = [];
  /** Why no broker is started any more. */
  failure: unknown = null;
  #running: TestBroker | null = null;
  #isEnding = false;
  readonly #ending = Promise.withResolvers<void>();
  #loop: Promise<void> | null = null;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** The first life, without faults: makes the topic. */
  async begin(): Promise<void> {
    this.#running = await this.#start();
    await this.#running.createTopic(TOPIC, { partitionCount: PARTITION_COUNT });
    this.#loop = this.#supervise().catch((error) => {
      this.#stage.trace(`the supervisor failed: ${message(error)}`);
      this.failure = error;
    });
  }

  /** Crashes and cuts, with rests between; ends with all faults gone. */
  async makeTrouble(): Promise<void> {
    const { random, server, client, net, trace } = this.#stage;
    for (let i = 0; i < CRASH_COUNT; i++) {
      await sleep(client.host.clock, random.between(50, 5000));
      const what = random.next();
      trace(`trouble ${i} at ${Math.round(client.loop.nowMs)} ms`);
      if (what < 0.5) server.disk.crashAtCall(1 + random.below(120));
      else if (what < 0.6) server.crash("kill");
      else if (what < 0.7) server.crash("power");
      else if (what < 0.8) net.resetConnections();
      else if (what < 0.9) await this.#cut();
      else server.disk.failNthCall(1 + random.below(60));
      if (random.chance(0.3)) await this.#makeTopic(`extra-${i}`);
    }
    server.disk.clearFaults();
    net.heal();
  }

  /** Stops the broker cleanly; what it made must be there still. */
  async end(): Promise<void> {
    const { image } = this.#running!.broker.cluster;
    for (const topic of this.#topicsMade) {
      check(image.topics.has(topic), `Topic ${topic} was made, and is lost`);
    }
    this.#isEnding = true;
    this.#ending.resolve();
    check(await this.#running!.stop(), "The last stop was not clean");
    await this.#loop;
  }

  async #supervise(): Promise<void> {
    const { server, client, random, trace } = this.#stage;
    while (!this.#isEnding) {
      const broker = this.#running;
      if (broker !== null) {
        await Promise.race([
          server.crashed,
          broker.running.failed,
          this.#ending.promise,
        ]);
        if (this.#isEnding) return;
        for (const line of broker.lines) trace(`broker: ${line}`);
      }
      // A broker that gave up after a failed sync takes the machine with it: no
      // process can tell what of the page cache is on the disk.
      server.crash("power");
      this.#running = null;
      await sleep(client.host.clock, random.between(10, 2000));
      server.disk.clearFaults();
      server.restart();
      if (random.chance(0.2)) server.disk.crashAtCall(1 + random.below(60));
      try {
        this.#running = await this.#start();
        trace(`started at ${Math.round(client.loop.nowMs)} ms`);
      } catch (error) {
        const isFault = server.isCrashed || error instanceof HostError;
        if (!isFault) throw error;
        trace(`did not start: ${message(error)}`);
      }
    }
  }

  #start(): Promise<TestBroker> {
    const { server } = this.#stage;
    const starting = TestBroker.start(server.host, {
      "listeners": "PLAINTEXT://broker:9092",
      "log.flush.interval.messages": 1,
      "log.segment.bytes": 3000,
      "auto.create.topics.enable": "false",
    });
    const crashed = server.crashed.then(() => {
      throw new SimCrash("The broker crashed while it started");
    });
    starting.catch(() => {}); // Of a dead one nobody hears.
    return Promise.race([starting, crashed]);
  }

  async #cut(): Promise<void> {
    const { net, client, random } = this.#stage;
    net.partition("client", "broker", { isOneWay: random.chance(0.5) });
    await sleep(client.host.clock, random.between(10, 8000));
    net.heal();
  }

  async #makeTopic(name: string): Promise<void> {
    const { server, client } = this.#stage;
    const broker = this.#running;
    if (broker === null || server.isCrashed) return;
    const isAlive = server.lifeTeller;
    const making = broker.createTopic(name).then(() => {
      if (isAlive()) this.#topicsMade.push(name);
    }).catch(() => {});
    await Promise.race([making, sleep(client.host.clock, 3000)]);
  }
}

async function produce(
  { client, random, trace }: Stage,
  producer: Producer,
  histories: readonly History[],
): Promise<void> {
  for (let i = 0; i < RECORD_COUNT; i++) {
    const partition = random.below(PARTITION_COUNT);
    const history = histories[partition];
    const value = `v${i}`;
    history.sent.push(value);
    producer.send({ topic: TOPIC, partition, value }).then(
      ({ offset }) => history.offsetByValue.set(value, offset),
      (error) => {
        trace(`${value} of ${partition} failed: ${message(error)}`);
        const name = error instanceof KafkaError ? error.errorName : "";
        if (!ALLOWED_ERRORS.has(name)) throw error;
      },
    );
    await sleep(client.host.clock, random.between(0, 150));
  }
}

async function checkAll(
  { client, trace }: Stage,
  histories: readonly History[],
): Promise<void> {
  const consumer = createConsumer(client.host, {
    "bootstrap.servers": "broker:9092",
    "auto.offset.reset": "earliest",
    "check.crcs": "true",
  });
  for (const [partition, history] of histories.entries()) {
    consumer.assign([{ topic: TOPIC, partition }]);
    consumer.seekToBeginning();
    const end = await endOf(consumer, partition);
    const values: string[] = [];
    while (values.length < end) {
      for (const { records } of await consumer.poll(1000)) {
        for (const { offset, value } of records) {
          check(offset === values.length, `Offset ${offset} after a gap`);
          values.push(new TextDecoder().decode(value!));
        }
      }
    }
    trace(
      `partition ${partition}: ${history.sent.length} sent, ${history.offsetByValue.size} acknowledged, ${values.length} read`,
    );
    checkPartition(partition, values, history);
  }
  await consumer.close();
}

async function endOf(consumer: Consumer, partition: number): Promise<number> {
  const [{ value, error }] = await consumer.endOffsets([
    { topic: TOPIC, partition },
  ]);
  check(value !== null, `Partition ${partition} has no end: ${error}`);
  return value.offset;
}

function checkPartition(
  partition: number,
  values: readonly string[],
  { sent, offsetByValue }: History,
): void {
  for (const [value, offset] of offsetByValue) {
    check(
      values[offset] === value,
      `${value} was acknowledged at ${offset} of partition ${partition}, where ${
        values[offset]
      } is`,
    );
  }
  // In the order sent, so also none twice and none from nowhere.
  let next = 0;
  for (const [offset, value] of values.entries()) {
    const index = sent.indexOf(value, next);
    check(
      index !== -1,
      `${value} at ${offset} of partition ${partition} is a duplicate, out of order, or was never sent`,
    );
    next = index + 1;
  }
}

/** @throws {SimFailure} Where a promise waits for longer than healing may take. */
async function within<T>(
  { client }: Stage,
  promise: Promise<T>,
  otherwise: string,
): Promise<T> {
  const late = Promise.withResolvers<"late">();
  const callOff = client.host.clock.after(
    HEALING_MS,
    () => late.resolve("late"),
  );
  const outcome = await Promise.race([promise, late.promise]);
  callOff();
  check(
    outcome !== "late",
    `After ${HEALING_MS} ms without faults ${otherwise}`,
  );
  return outcome as T;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
