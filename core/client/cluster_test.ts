import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { FakeCluster } from "../testing/fake_broker.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { createAdmin } from "./admin.ts";
import { ClusterUnreachableError } from "./client_error.ts";
import { backoffMs, parseBootstrap } from "./client_settings.ts";
import type { Cluster } from "./cluster.ts";
import {
  type ClusterMetadata,
  EMPTY_METADATA,
  mergeMetadata,
  type TopicMetadata,
} from "./metadata.ts";

function clusterOf(
  sim: SimHost,
  bootstrap: string,
  config: Record<string, string> = {},
): Cluster {
  return createAdmin(sim.host, {
    "bootstrap.servers": bootstrap,
    ...config,
  }).cluster;
}

Deno.test("Cluster.callAny() goes on to the next bootstrap server where one is down", async () => {
  for (let seed = 1; seed < 6; seed++) {
    const sim = simHost(seed);
    const fake = new FakeCluster(sim, 3);
    await sim.run(async () => {
      await fake.broker(2).start();
      const cluster = clusterOf(sim, fake.bootstrap);
      await cluster.refreshNodes(cluster.deadline());
      strictEqual(cluster.metadata.nodes.size, 3);
      cluster.close();
    });
    fake.stop();
  }
});

Deno.test("Cluster.callAny() names everything it tried, within the time", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const cluster = clusterOf(sim, "localhost:1,localhost:2", {
      "default.api.timeout.ms": "3000",
    });
    const startMs = sim.host.clock.monotonicMs();
    await rejects(
      cluster.refreshNodes(cluster.deadline()),
      (error: unknown) => {
        ok(error instanceof ClusterUnreachableError);
        deepStrictEqual([...error.addresses].sort(), [
          "localhost:1",
          "localhost:2",
        ]);
        strictEqual(error.kind, "refused");
        ok(/within 3000 ms: .*connection refused/.test(error.message));
        return true;
      },
    );
    const tookMs = sim.host.clock.monotonicMs() - startMs;
    ok(tookMs > 1500 && tookMs <= 3000, `${tookMs}`);
    cluster.close();
  });
});

Deno.test("Cluster.callAny() gives up in time where packets get lost", async () => {
  const sim = simHost(1);
  const fake = new FakeCluster(sim, 1);
  await sim.run(async () => {
    await fake.start();
    sim.net.partition("node", "broker1");
    const cluster = clusterOf(sim, fake.bootstrap);
    const startMs = sim.host.clock.monotonicMs();
    await rejects(cluster.refreshNodes(cluster.deadline(2000)), {
      kind: "timedOut",
    });
    ok(sim.host.clock.monotonicMs() - startMs <= 2100);
    cluster.close();
  });
  fake.stop();
});

Deno.test("Cluster uses the bootstrap connection again for the broker it belongs to", async () => {
  const sim = simHost(1);
  const fake = new FakeCluster(sim, 1);
  await sim.run(async () => {
    await fake.start();
    const cluster = clusterOf(sim, fake.bootstrap);
    await cluster.refreshNodes(cluster.deadline());
    await cluster.connectionTo(1, { deadlineMs: cluster.deadline() });
    strictEqual(fake.broker(1).seen(apiKeys.ApiVersions).length, 1);
    cluster.close();
  });
  fake.stop();
});

function topic(topicId: string, leaderEpoch: number): TopicMetadata {
  return {
    name: "t",
    topicId,
    isInternal: false,
    error: null,
    partitions: [{
      topic: "t",
      partition: 0,
      leader: leaderEpoch,
      leaderEpoch,
      replicas: [],
      isr: [],
      offlineReplicas: [],
      error: null,
    }],
  };
}

function metadata(...topics: TopicMetadata[]): ClusterMetadata {
  return { ...EMPTY_METADATA, topics: new Map(topics.map((t) => [t.name, t])) };
}

Deno.test("mergeMetadata() does not go back to an older leader epoch, save for a new topic", () => {
  const cases: [known: TopicMetadata, answer: TopicMetadata, leader: number][] =
    [
      [topic("a", 5), topic("a", 4), 5],
      [topic("a", 5), topic("a", 5), 5],
      [topic("a", 5), topic("a", 6), 6],
      [topic("a", 5), topic("b", 0), 0],
      [topic("a", 5), topic("a", -1), -1],
    ];
  for (const [known, answer, leader] of cases) {
    const merged = mergeMetadata(
      metadata(known),
      metadata(answer),
      () => true,
    );
    strictEqual(merged.topics.get("t")!.partitions[0].leader, leader);
  }
});

Deno.test("mergeMetadata() forgets what is not to be kept", () => {
  const known = metadata(topic("a", 1));
  strictEqual(mergeMetadata(known, metadata(), () => false).topics.size, 0);
  strictEqual(mergeMetadata(known, metadata(), () => true).topics.size, 1);
});

Deno.test("backoffMs() doubles up to its limit, give or take a fifth", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failureCount, random) => {
        const ms = backoffMs(
          { firstMs: 100, maxMs: 1000 },
          failureCount,
          () => random,
        );
        const mean = Math.min(100 * 2 ** (failureCount - 1), 1000);
        ok(ms >= mean * 0.8 && ms <= mean * 1.2);
      },
    ),
  );
});

Deno.test("parseBootstrap() refuses what is not HOST:PORT", () => {
  for (
    const item of [
      "",
      "kafka",
      "kafka:",
      ":9092",
      "kafka:0",
      "kafka:65536",
      "a b:1",
      "::1:9092",
    ]
  ) {
    try {
      parseBootstrap([item]);
    } catch (error) {
      strictEqual((error as Error).name, "ConfigError");
      continue;
    }
    throw new Error(`"${item}" was accepted`);
  }
  deepStrictEqual(parseBootstrap(["SASL_SSL://[fe80::1]:9092"]), [
    { host: "fe80::1", port: 9092 },
  ]);
});
