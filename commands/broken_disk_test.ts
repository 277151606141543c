// A broker of its own process on disks that fail or fill up: what its clients
// see, and what is there when the disk is well again.

import { equal, match, ok } from "node:assert/strict";
import { MIB } from "../core/base/units.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { createAdmin } from "../core/client/admin.ts";
import {
  batchOf,
  METADATA,
  produceOne,
  TestClient,
} from "../core/testing/broker_fixture.ts";
import {
  type BrokerProcess,
  canRun,
  compileSyncShim,
  startBrokerProcess,
} from "../core/testing/disk_shim.ts";
import { ErrorCode } from "../core/wire/kafka/errors.ts";
import {
  listOffsetsRequest,
  listOffsetsResponse,
} from "../core/wire/kafka/messages/list_offsets.ts";

const host = denoHost();
const { KAFKA_STORAGE_ERROR, NONE } = ErrorCode;

async function withFolder(use: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "kq-disk-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function connect({ address }: BrokerProcess): Promise<TestClient> {
  return new TestClient(await host.net.connect(address));
}

async function createTopic(
  { address }: BrokerProcess,
  name: string,
  partitionCount: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  const admin = createAdmin(host, {
    "bootstrap.servers": `${address.host}:${address.port}`,
  });
  await admin.createTopics([{
    name,
    partitionCount,
    replicationFactor: 1,
    configs,
  }]);
  admin.close();
}

const WITH_SHIM = {
  ignore: Deno.build.os !== "linux" || !canRun("gcc", "--version"),
};

Deno.test({
  name:
    "EIO of an fsync takes one directory of a real broker offline; the last one ends it with code 1",
  ...WITH_SHIM,
  fn: () =>
    withFolder(async (folder) => {
      const control = `${folder}/failing`;
      const properties = {
        "log.dirs": `${folder}/zero,${folder}/one,${folder}/two`,
        "node.id": 1,
      };
      const env = {
        LD_PRELOAD: await compileSyncShim(folder),
        KQ_TEST_FAILING_SYNCS: control,
      };
      let broker = await startBrokerProcess(properties, env);
      await createTopic(broker, "t", 3, { "flush.messages": "1" });
      let client = await connect(broker);
      const produce = (partition: number) =>
        produceOne(client, "t", batchOf(["a"]), { partition });
      for (const index of [0, 1, 2]) {
        equal((await produce(index)).errorCode, NONE);
      }
      await Deno.writeTextFile(control, `${folder}/one/t-1/`);
      const refused = await produce(1);
      equal(refused.errorCode, KAFKA_STORAGE_ERROR);
      match(refused.errorMessage!, /one\/t-1\/0+\.log/);
      // It does not come back while the process lives, whatever fsync says.
      await Deno.remove(control);
      equal((await produce(1)).errorCode, KAFKA_STORAGE_ERROR);
      equal((await produce(0)).errorCode, NONE);
      equal((await produce(2)).errorCode, NONE);
      const { topics } = await client.call(METADATA, 8, {
        topics: [{ name: "t" }],
        allowAutoTopicCreation: false,
      });
      const lost = topics[0].partitions.find(({ partitionIndex }) =>
        partitionIndex === 1
      )!;
      equal(lost.leaderId, -1);
      equal(lost.offlineReplicas.join(), "1");
      match(broker.stderr(), /The log directory ".*\/one" has failed: .*t-1/);
      await broker.stop();

      // After a repair, all that was acknowledged is there.
      broker = await startBrokerProcess(properties, env);
      client = await connect(broker);
      for (const index of [0, 1, 2]) {
        const { errorCode, baseOffset } = await produce(index);
        equal(errorCode, NONE);
        ok(baseOffset >= (index === 1 ? 1 : 2));
      }
      await Deno.writeTextFile(control, "/t-");
      for (const index of [0, 1, 2]) {
        equal((await produce(index)).errorCode, KAFKA_STORAGE_ERROR);
      }
      equal((await broker.process.status).code, 1);
      match(broker.stderr().trimEnd().split("\n").at(-1)!, /t-2\/0+\.log/);
    }),
});

/** A file system of its own in memory, as root only may make one. */
async function withSmallDisk(
  sizeMib: number,
  use: (path: string) => Promise<void>,
) {
  await withFolder(async (folder) => {
    const path = `${folder}/small`;
    await Deno.mkdir(path);
    const options = ["-t", "tmpfs", "-o", `size=${sizeMib}m`, "tmpfs", path];
    ok(canRun("mount", ...options), "the file system can be mounted");
    try {
      await use(path);
    } finally {
      canRun("umount", "-l", path);
    }
  });
}

const WITH_MOUNTS = {
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0 ||
    !canRun("unshare", "-m", "true"),
};

async function endOffset(client: TestClient): Promise<number> {
  const { topics } = await client.call(
    [listOffsetsRequest, listOffsetsResponse],
    5,
    {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{
        name: "t",
        partitions: [{ partitionIndex: 0, timestamp: -1 }],
      }],
    },
  );
  return topics[0].partitions[0].offset;
}

for (const minFreeMib of [8, 0]) {
  Deno.test({
    name:
      `a disk that fills up refuses records and takes them again by itself, with ${minFreeMib} MiB kept free`,
    ...WITH_MOUNTS,
    fn: () =>
      withSmallDisk(48, async (path) => {
        const properties = {
          "log.dirs": `${path}/data`,
          "log.segment.bytes": 4 * MIB,
          "log.dirs.min.free.bytes": minFreeMib * MIB,
        };
        let broker = await startBrokerProcess(properties);
        await createTopic(broker, "t", 1);
        await createTopic(broker, "old", 1, { "file.delete.delay.ms": "0" });
        let client = await connect(broker);
        const records = batchOf(["x".repeat(200_000)]);
        for (let i = 0; i < 50; i++) {
          equal((await produceOne(client, "old", records)).errorCode, NONE);
        }
        let acknowledgedCount = 0;
        let answer = await produceOne(client, "t", records);
        while (answer.errorCode === NONE) {
          acknowledgedCount++;
          ok(acknowledgedCount < 300, "the disk is full some time");
          answer = await produceOne(client, "t", records);
        }
        equal(answer.errorCode, KAFKA_STORAGE_ERROR);
        match(
          answer.errorMessage!,
          minFreeMib > 0 ? /is nearly full/ : /[Nn]o space/,
        );
        equal(await endOffset(client), acknowledgedCount);
        // Somebody makes room: the broker goes on as it is.
        const admin = createAdmin(host, {
          "bootstrap.servers": `${broker.address.host}:${broker.address.port}`,
        });
        await admin.deleteTopics(["old"]);
        admin.close();
        const deadlineMs = performance.now() + 20_000;
        do {
          ok(performance.now() < deadlineMs, broker.stderr());
          await new Promise((done) => setTimeout(done, 100));
          answer = await produceOne(client, "t", records);
        } while (answer.errorCode !== NONE);
        equal(answer.baseOffset, acknowledgedCount, "no hole, nothing twice");
        equal(await broker.stop(), 0);
        broker = await startBrokerProcess(properties);
        client = await connect(broker);
        equal(await endOffset(client), acknowledgedCount + 1);
        equal(await broker.stop(), 0);
      }),
  });
}
