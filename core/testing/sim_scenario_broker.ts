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
import { sleep } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  type BrokerStage,
  BrokerSupervisor,
  within,
} from "./sim_broker_lives.ts";
import { simHost } from "./sim_host.ts";
import { SimLoop } from "./sim_loop.ts";
import { SimNet } from "./sim_net.ts";
import { SimRandom } from "./sim_random.ts";
import { check, type Scenario } from "./sim_scenario.ts";

const TOPIC = "t";
const PARTITION_COUNT = 2;
const RECORD_COUNT = 400;
const TROUBLE_COUNT = 12;
/** Virtual time within which all must have ended. */
const LIMIT_MS = 3_600_000;
const BROKER = {
  "log.flush.interval.messages": 1,
  "log.segment.bytes": 3000,
  "auto.create.topics.enable": "false",
};

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

/** What was sent to one partition, and what was heard of it. */
class History {
  /** Values, in the order in which they were sent. */
  readonly sent: string[] = [];
  readonly offsetByValue = new Map<string, number>();
}

async function story(stage: BrokerStage): Promise<void> {
  const supervisor = new BrokerSupervisor(stage, BROKER);
  await supervisor.begin((broker) =>
    broker.createTopic(TOPIC, { partitionCount: PARTITION_COUNT })
  );
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
    supervisor.makeTrouble(TROUBLE_COUNT),
  ]);
  if (supervisor.failure !== null) throw supervisor.failure;
  stage.trace(`healed at ${Math.round(stage.client.loop.nowMs)} ms`);
  await within(stage, producer.flush(), "the producer has records left");
  await producer.close();
  await within(stage, checkAll(stage, histories), "not all could be read");
  await supervisor.end();
}

async function produce(
  { client, random, trace }: BrokerStage,
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
  { client, trace }: BrokerStage,
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

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
