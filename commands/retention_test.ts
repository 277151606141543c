// Retention by a broker of its own process: what its clients see while old
// segments go, and what is there after it was killed on the way.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createAdmin } from "../core/client/admin.ts";
import { createConsumer } from "../core/client/consumer.ts";
import { OffsetAt } from "../core/client/list_offsets.ts";
import { createProducer, type Producer } from "../core/client/producer.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { sleep } from "../core/host/host.ts";
import { runCommand } from "../core/testing/command_world.ts";
import {
  type BrokerProcess,
  startBrokerProcess,
} from "../core/testing/disk_shim.ts";

const host = denoHost();
const VALUE = "x".repeat(200);
const T0 = { topic: "t", partition: 0 };

const bootstrap = ({ address }: BrokerProcess) => ({
  "bootstrap.servers": `${address.host}:${address.port}`,
});

const start = (folder: string) =>
  startBrokerProcess({
    "log.dirs": `${folder}/data`,
    "node.id": 1,
    "log.initial.task.delay.ms": 0,
    "log.retention.check.interval.ms": 100,
    "log.segment.delete.delay.ms": 200,
  });

async function withBroker(
  configs: Readonly<Record<string, string>>,
  use: (broker: BrokerProcess, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kq-retention-" });
  const broker = await start(folder);
  try {
    const admin = createAdmin(host, bootstrap(broker));
    await admin.createTopics([{
      name: "t",
      partitionCount: 1,
      replicationFactor: 1,
      configs,
    }]);
    admin.close();
    await use(broker, folder);
  } finally {
    await broker.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

/** The first offset of the log, and the one after its last. */
async function ends(broker: BrokerProcess): Promise<[number, number]> {
  const admin = createAdmin(host, bootstrap(broker));
  const [earliest, latest] = await admin.listOffsets(
    [OffsetAt.earliest, OffsetAt.latest].map((timestampMs) => ({
      ...T0,
      timestampMs,
    })),
  );
  admin.close();
  return [earliest.value!.offset, latest.value!.offset];
}

async function until(
  what: string,
  isSo: () => Promise<boolean>,
): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await isSo()) return;
    await sleep(host.clock, 50);
  }
  throw new Error(`It never came to it that ${what}`);
}

/** Sends records one by one for a time. @returns How many. */
async function sendFor(producer: Producer, ms: number): Promise<number> {
  const endMs = host.clock.monotonicMs() + ms;
  let count = 0;
  while (host.clock.monotonicMs() < endMs) {
    await producer.send({ ...T0, value: VALUE });
    count++;
    await sleep(host.clock, 2);
  }
  return count;
}

/** Reads from the first record on, more slowly than old ones go, until one asks it to stop. */
async function readSlowly(
  broker: BrokerProcess,
  isOver: () => boolean,
): Promise<number[]> {
  const consumer = createConsumer(host, {
    ...bootstrap(broker),
    "auto.offset.reset": "earliest",
    "max.poll.records": "5",
    "max.partition.fetch.bytes": "1500",
  });
  consumer.assign([T0]);
  const offsets: number[] = [];
  while (!isOver()) {
    for (const { records } of await consumer.poll(200)) {
      offsets.push(...records.map(({ offset }) => offset));
    }
    await sleep(host.clock, 150);
  }
  consumer.close();
  return offsets;
}

const kq = (broker: BrokerProcess, line: string) =>
  runCommand(line.split(" "), {
    env: {
      KQ_BOOTSTRAP_SERVER: `${broker.address.host}:${broker.address.port}`,
    },
  });

Deno.test("while old segments go, a slow reader skips ahead, and everything else goes on", () =>
  withBroker(
    { "retention.ms": "1000", "segment.bytes": "1500" },
    async (broker) => {
      const producer = createProducer(host, bootstrap(broker));
      let isSent = false;
      const reading = readSlowly(broker, () => isSent);
      const sentCount = await sendFor(producer, 4000);
      isSent = true;
      const seen = await reading;
      // In order, none twice, and with holes where the reader was too slow.
      ok(seen.every((offset, i) => i === 0 || offset > seen[i - 1]), `${seen}`);
      ok(seen.length > 20, `only ${seen.length} were seen`);
      ok(
        seen.some((offset, i) => i > 0 && offset > seen[i - 1] + 1),
        "no hole",
      );
      equal((await ends(broker))[1], sentCount);

      // Nothing comes any more: the active segment ages out as well.
      await until("the topic is empty", async () => {
        const [earliest, latest] = await ends(broker);
        return earliest === latest;
      });
      const dirs = JSON.parse((await kq(broker, "log dirs t -o json")).stdout);
      equal(dirs[0].sizeBytes, 0);
      const strict = createConsumer(host, {
        ...bootstrap(broker),
        "auto.offset.reset": "none",
      });
      strict.assign([T0]);
      strict.seek(T0, 0);
      let refusal = "";
      await until("a reader without a policy is told", async () => {
        await strict.poll(500).catch((error) => refusal = error.message);
        return refusal !== "";
      });
      match(refusal, /out of range|OFFSET_OUT_OF_RANGE/i);
      strict.close();

      await producer.send({ ...T0, value: "after all of it" });
      const { stdout } = await kq(
        broker,
        "consume t --from-beginning -n 1 -f %o:%v",
      );
      equal(stdout, `${sentCount}:after all of it`);
      await producer.close();
      match(
        broker.stderr(),
        /Deleted \d+ segments? of t-0 \(offsets 0 to \d+, \d+ bytes\): its newest record is \d+ ms old, above retention\.ms=1000; it starts at \d+ now/,
      );
    },
  ));

Deno.test("retention.bytes bounds what is on the disk, for a changed value soon", () =>
  withBroker(
    { "retention.bytes": "20000", "segment.bytes": "2000" },
    async (broker, folder) => {
      const producer = createProducer(host, bootstrap(broker));
      for (let i = 0; i < 300; i++) {
        await producer.send({ ...T0, value: VALUE });
      }
      await producer.close();
      const logBytes = () =>
        [...Deno.readDirSync(`${folder}/data/t-0`)]
          .map(({ name }) => name)
          .filter((name) => /\.log(\.deleted)?$/.test(name))
          // One may be gone since it was listed.
          .map((name) => host.disk.stat(`${folder}/data/t-0/${name}`))
          .reduce((sum, info) => sum + (info?.sizeBytes ?? 0), 0);
      await until(
        "at most 22,000 bytes are left",
        () => Promise.resolve(logBytes() <= 22_000),
      );
      const [earliest, latest] = await ends(broker);
      equal(latest, 300);
      ok(logBytes() >= 20_000 && earliest > 200, `${logBytes()}, ${earliest}`);
      await kq(broker, "topic alter t -c retention.bytes=5000");
      const changedMs = host.clock.monotonicMs();
      await until(
        "at most 7,000 bytes are left",
        () => Promise.resolve(logBytes() <= 7000),
      );
      ok(host.clock.monotonicMs() - changedMs < 3000);
    },
  ));

Deno.test("a broker that is killed while segments go has a start, and no hole, afterwards", () =>
  withBroker(
    { "retention.bytes": "3000", "segment.bytes": "600" },
    async (first, folder) => {
      let broker = first;
      let startBefore = 0;
      for (let round = 0; round < 3; round++) {
        const producer = createProducer(host, bootstrap(broker));
        const sending = sendFor(producer, 60_000).catch(() => 0);
        await sleep(host.clock, 500 + round * 40);
        [startBefore] = await ends(broker);
        // By then the start that a client has seen is on the disk.
        await sleep(host.clock, 1000);
        broker.process.kill("SIGKILL");
        await broker.process.status;
        broker = await start(folder);
        void sending;
        void producer.close({ timeoutMs: 0 }).catch(() => {});
        const [earliest, latest] = await ends(broker);
        ok(earliest >= startBefore, `${earliest} after ${startBefore}`);
        const { stdout } = await kq(
          broker,
          "consume t --from-beginning --until-end -f %o,",
        );
        const offsets = stdout.split(",").slice(0, -1).map(Number);
        deepEqual(
          offsets,
          Array.from({ length: latest - offsets[0] }, (_, i) => offsets[0] + i),
        );
      }
      await broker.stop();
      const verified = await runCommand([
        "log",
        "verify",
        `${folder}/data/t-0`,
      ]);
      equal(verified.exitCode, 0, verified.stdout + verified.stderr);
    },
  ));
