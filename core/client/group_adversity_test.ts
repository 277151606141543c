// Members that commit by themselves, each on a machine of its own, come, leave and
// crash at random before a whole broker.
//
//   read      every record of the topic, by somebody
//   repeated  only what a member that crashed had not committed, or one that left
//             while a leader that had crashed kept the group from taking commits

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { ClassicGroup } from "../groups/classic/classic_group.ts";
import { sleep } from "../host/host.ts";
import {
  batchOf,
  produceOne,
  TestBroker,
  TestClient,
} from "../testing/broker_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { SimLoop } from "../testing/sim_loop.ts";
import { SimNet } from "../testing/sim_net.ts";
import { SimRandom } from "../testing/sim_random.ts";
import { createGroupConsumer, type GroupConsumer } from "./group_consumer.ts";

const TOPIC = "t";
const PARTITIONS = 6;
const STEPS = 25;
const MEMBERS_MAX = 4;
/** Longer than a session, and what members take to share anew. */
const SETTLE_MS = 30_000;

/** What members have read, held against what the group has committed. */
class Readings {
  /** Who read a record last, by partition and offset. */
  readonly #readers = new Map<string, Member>();
  repeats = 0;
  /** The first thing that was wrong. */
  wrong: string | null = null;

  constructor(readonly broker: TestBroker) {}

  get count(): number {
    return this.#readers.size;
  }

  /** True where the group waits for a leader that has crashed. */
  waitsForOneOf(members: readonly Member[]): boolean {
    const group = this.broker.broker.groups.shardOf("g").state.groups.get("g");
    if (!(group instanceof ClassicGroup)) return false;
    return group.state === "CompletingRebalance" &&
      members.some(({ consumer, machine }) =>
        machine.isCrashed && consumer.memberId === group.leaderId
      );
  }

  note(reader: Member, partition: number, offset: number): void {
    const place = `${partition}/${offset}`;
    const { state } = this.broker.broker.groups.shardOf("g");
    const committed = state.offsets.get("g", TOPIC, partition)?.offset ?? 0;
    if (offset < committed) {
      this.wrong ??= `${reader.name} reads ${place}, where ${committed} is ` +
        "committed";
    }
    const before = this.#readers.get(place);
    if (before !== undefined) {
      this.repeats++;
      if (!before.machine.isCrashed && !before.wasKept) {
        this.wrong ??= `${reader.name} reads ${place} after ${before.name}, ` +
          "which lives or left in good order";
      }
    }
    this.#readers.set(place, reader);
  }
}

/** A process with one consumer, which polls until it ends one way or another. */
class Member {
  readonly consumer: GroupConsumer;
  #isLeaving = false;
  readonly #polling: Promise<void>;
  /** What its application met. */
  error: unknown = null;
  /** Left without a chance to commit. */
  wasKept = false;

  constructor(
    readonly name: string,
    readonly machine: SimHost,
    config: Record<string, string>,
    readings: Readings,
  ) {
    this.consumer = createGroupConsumer(machine.host, config);
    this.consumer.subscribe([TOPIC]);
    this.#polling = this.#poll(readings);
  }

  get isAlive(): boolean {
    return !this.#isLeaving && !this.machine.isCrashed;
  }

  /** @param isKept Tells whether the group takes no commits for now. */
  async leave(isKept: () => boolean): Promise<void> {
    this.#isLeaving = true;
    this.consumer.wakeup();
    await this.#polling;
    this.wasKept = isKept();
    await this.consumer.close();
  }

  async #poll(readings: Readings): Promise<void> {
    try {
      while (!this.#isLeaving) {
        const chunks = await this.consumer.poll(1000);
        if (this.machine.isCrashed) return;
        for (const { partition, records } of chunks) {
          for (const { offset } of records) {
            readings.note(this, partition, offset);
          }
        }
      }
    } catch (error) {
      if (!this.machine.isCrashed) this.error = error;
    }
  }
}

interface Stage {
  readonly random: SimRandom;
  readonly driver: SimHost;
  readonly feeder: TestClient;
  readonly readings: Readings;
  join(): Member;
}

/** Feeds and troubles the group; then checks. @returns How often a record was repeated. */
async function story(
  { random, driver, feeder, readings, join }: Stage,
): Promise<number> {
  const { clock } = driver.host;
  const members = [join()];
  const leaving: Promise<void>[] = [];
  const isKept = () => readings.waitsForOneOf(members);
  let written = 0;
  for (let step = 0; step < STEPS; step++) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const values = Array.from({ length: 1 + random.below(25) }, () => "v");
      await produceOne(feeder, TOPIC, batchOf(values), { partition });
      written += values.length;
    }
    // Often before the group has settled from the step before.
    await sleep(clock, random.chance(0.5) ? random.below(300) : 4000);
    const live = members.filter(({ isAlive }) => isAlive);
    const [what, who] = [random.next(), random.pick(live)];
    if (live.length < 2 || (what < 0.5 && live.length < MEMBERS_MAX)) {
      members.push(join());
    } else if (what < 0.75) leaving.push(who.leave(isKept));
    else who.machine.crash(random.pick(["kill", "power"]));
  }
  await sleep(clock, SETTLE_MS);
  await Promise.all(leaving);
  for (const { name, error } of members) strictEqual(error, null, name);
  strictEqual(readings.wrong, null);
  strictEqual(readings.count, written);
  const live = members.filter(({ isAlive }) => isAlive);
  const held = live.flatMap(({ consumer }) => consumer.assignment)
    .map(({ partition }) => partition);
  deepStrictEqual(held.sort(), Array.from({ length: PARTITIONS }, (_, i) => i));
  await Promise.all(live.map((member) => member.leave(isKept)));
  strictEqual(readings.wrong, null);
  return readings.repeats;
}

async function run(
  seed: number,
  config: Record<string, string>,
): Promise<number> {
  const random = new SimRandom(seed);
  const loop = new SimLoop();
  const net = new SimNet(loop, random.fork());
  const machine = (name: string) =>
    simHost(random.below(2 ** 31), { name, loop, net });
  const server = machine("broker");
  const driver = machine("driver");
  return await driver.run(async () => {
    const broker = await TestBroker.start(server.host, {
      "listeners": "PLAINTEXT://broker:9092",
      "offsets.topic.num.partitions": 1,
      "group.initial.rebalance.delay.ms": 0,
      "group.consumer.session.timeout.ms": 6000,
      "group.consumer.min.session.timeout.ms": 6000,
      "group.consumer.heartbeat.interval.ms": 500,
      "group.consumer.min.heartbeat.interval.ms": 500,
    });
    await broker.createTopic(TOPIC, {
      partitionCount: PARTITIONS,
      // Its records have old times.
      config: { "retention.ms": "-1" },
    });
    const { address } = broker.running.addresses[0];
    const feeder = new TestClient(await driver.host.net.connect(address));
    const readings = new Readings(broker);
    let memberCount = 0;
    const repeats = await story({
      random,
      driver,
      feeder,
      readings,
      join() {
        const name = `member-${memberCount++}`;
        return new Member(name, machine(name), {
          "bootstrap.servers": "broker:9092",
          "group.id": "g",
          "auto.offset.reset": "earliest",
          "auto.commit.interval.ms": "400",
          "max.poll.records": "7",
          ...config,
        }, readings);
      },
    });
    feeder.io.close();
    await broker.stop();
    return repeats;
  });
}

const CLASSIC = {
  "session.timeout.ms": "6000",
  "heartbeat.interval.ms": "200",
};

for (
  const [name, config] of Object.entries<Record<string, string>>({
    "range": CLASSIC,
    "sticky": { ...CLASSIC, "partition.assignment.strategy": "sticky" },
    "cooperative-sticky": {
      ...CLASSIC,
      "partition.assignment.strategy": "cooperative-sticky",
    },
    "the newer protocol": { "group.protocol": "consumer" },
  })
) {
  Deno.test(`members that crash repeat what they had not committed, and nothing else: ${name}`, async () => {
    let repeats = 0;
    for (let seed = 0; seed < 6; seed++) {
      try {
        repeats += await run(seed, config);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    ok(repeats > 0, "No member crashed with anything uncommitted");
  });
}
