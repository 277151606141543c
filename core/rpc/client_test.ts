import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { FakeCluster } from "../testing/fake_broker.ts";
import { simHost } from "../testing/sim_host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import {
  describeClusterRequest,
  describeClusterResponse,
} from "../wire/kafka/messages/describe_cluster.ts";
import {
  metadataRequest,
  metadataResponse,
} from "../wire/kafka/messages/metadata.ts";
import { KafkaConnection } from "./client.ts";
import { exchange } from "./exchange.ts";

const METADATA = exchange(metadataRequest, metadataResponse);
const DESCRIBE_CLUSTER = exchange(
  describeClusterRequest,
  describeClusterResponse,
);
const NOTHING = { topics: [] };

async function withBroker(
  job: (
    fake: FakeCluster,
    open: (
      options?: Partial<Parameters<typeof KafkaConnection.open>[2]>,
    ) => Promise<KafkaConnection>,
    sim: ReturnType<typeof simHost>,
  ) => Promise<void>,
) {
  const sim = simHost(1);
  const fake = new FakeCluster(sim, 1);
  const opened: KafkaConnection[] = [];
  await sim.run(async () => {
    await fake.start();
    await job(fake, async (options) => {
      const connection = await KafkaConnection.open(
        sim.host,
        { host: "broker1", port: 9092 },
        { clientId: "test", ...options },
      );
      opened.push(connection);
      return connection;
    }, sim);
  });
  for (const connection of opened) connection.close();
  fake.stop();
}

Deno.test("KafkaConnection.send() uses the highest version that both sides know", async () => {
  await withBroker(async (fake, open) => {
    fake.broker(1).ranges.set(apiKeys.Metadata, [0, 7]);
    const connection = await open();
    const answer = await connection.send(METADATA, NOTHING);
    strictEqual(answer.clusterId, fake.state.clusterId);
    strictEqual(fake.broker(1).seen(apiKeys.Metadata)[0].apiVersion, 7);
    strictEqual(fake.broker(1).seen(apiKeys.Metadata)[0].clientId, "test");
    strictEqual(connection.versionOf(metadataRequest), 7);
    strictEqual(connection.versionOf(metadataRequest, 4), 4);
  });
});

Deno.test("KafkaConnection.open() falls back where the broker does not know its ApiVersions", async () => {
  await withBroker(async (fake, open) => {
    fake.broker(1).ranges.set(apiKeys.ApiVersions, [0, 0]);
    const connection = await open();
    deepStrictEqual(connection.apis.get(apiKeys.Metadata), {
      minVersion: 0,
      maxVersion: 12,
    });
  });
});

Deno.test("KafkaConnection.send() names the broker and the versions where there is none in common", async () => {
  await withBroker(async (fake, open) => {
    fake.broker(1).ranges.set(apiKeys.Metadata, [90, 99]);
    const connection = await open();
    await rejects(connection.send(METADATA, NOTHING), {
      errorName: "UNSUPPORTED_VERSION",
      message:
        "broker1:9092 serves Metadata v90 to v99, this client speaks v0 to v13",
    });
    await rejects(
      connection.send(DESCRIBE_CLUSTER, {
        includeClusterAuthorizedOperations: false,
      }),
      { message: "broker1:9092 does not serve DescribeCluster" },
    );
  });
});

Deno.test("KafkaConnection.send() pipelines, and gives each caller its own answer", async () => {
  await withBroker(async (fake, open) => {
    for (const name of ["a", "b", "c"]) fake.state.createTopic(name);
    fake.broker(1).script(apiKeys.Metadata, { delayMs: 50 });
    const connection = await open({ inFlightMax: 2 });
    const ask = async (name: string) => {
      const topicId = "AAAAAAAAAAAAAAAAAAAAAA";
      const answer = await connection.send(METADATA, {
        topics: [{ topicId, name }],
      });
      return answer.topics[0].name;
    };
    const names = [ask("a"), ask("b"), ask("c")];
    strictEqual(connection.inFlightCount, 3);
    deepStrictEqual(await Promise.all(names), ["a", "b", "c"]);
    strictEqual(connection.inFlightCount, 0);
  });
});

Deno.test("KafkaConnection ends when an answer does not come in time", async () => {
  await withBroker(async (fake, open, sim) => {
    fake.broker(1).script(apiKeys.Metadata, "silence");
    const connection = await open({ requestTimeoutMs: 500 });
    let closedAtMs = -1;
    connection.onClose(() => closedAtMs = sim.host.clock.monotonicMs());
    const first = connection.send(METADATA, NOTHING);
    const startMs = sim.host.clock.monotonicMs();
    await rejects(first, {
      errorName: "REQUEST_TIMED_OUT",
      message: "broker1:9092 did not answer Metadata within 500 ms",
    });
    ok(closedAtMs - startMs >= 499 && closedAtMs - startMs < 510);
    strictEqual(connection.isOpen, false);
    await rejects(connection.send(METADATA, NOTHING), /did not answer/);
  });
});

Deno.test("KafkaConnection fails what waits when the broker closes it", async () => {
  await withBroker(async (fake, open) => {
    fake.broker(1).script(apiKeys.Metadata, "close");
    const connection = await open();
    const results = await Promise.allSettled([
      connection.send(METADATA, NOTHING),
      connection.send(METADATA, NOTHING),
    ]);
    for (const result of results) {
      strictEqual(result.status, "rejected");
      strictEqual(result.reason.errorName, "NETWORK_EXCEPTION");
      ok(
        /^Lost broker1:9092 before it answered Metadata: /.test(
          result.reason.message,
        ),
        result.reason.message,
      );
    }
  });
});

Deno.test("KafkaConnection closes itself after connections.max.idle.ms", async () => {
  await withBroker(async (_fake, open, sim) => {
    const connection = await open({ idleMs: 1000 });
    const wait = (ms: number) =>
      new Promise<void>((resolve) => sim.host.clock.after(ms, resolve));
    await wait(900);
    await connection.send(METADATA, NOTHING);
    await wait(900);
    strictEqual(connection.isOpen, true);
    await wait(200);
    strictEqual(connection.isOpen, false);
  });
});

Deno.test("KafkaConnection.open() tells of a port where nobody listens", async () => {
  const sim = simHost(3);
  await sim.run(() =>
    rejects(
      KafkaConnection.open(sim.host, { host: "localhost", port: 1 }, {
        clientId: null,
      }),
      { name: "HostError", kind: "refused" },
    )
  );
});

Deno.test("KafkaConnection survives any cutting of the stream", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const sim = simHost(seed, { network: { segmentMaxBytes: seed } });
    const fake = new FakeCluster(sim, 1);
    await sim.run(async () => {
      await fake.start();
      for (let i = 0; i < 30; i++) fake.state.createTopic(`topic-${i}`, 3);
      const connection = await KafkaConnection.open(
        sim.host,
        { host: "broker1", port: 9092 },
        { clientId: null },
      );
      const answers = await Promise.all(
        Array.from(
          { length: 3 },
          () => connection.send(METADATA, { topics: null }),
        ),
      );
      for (const { topics } of answers) strictEqual(topics.length, 30);
      connection.close();
    });
    fake.stop();
  }
});
