import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { decodeUtf8 } from "../base/bytes.ts";
import type { ZnodeClient } from "../coordination/znode_client.ts";
import {
  type EmbeddedCoordinator,
  openEmbeddedCoordinator,
} from "../ensemble/embedded.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { type Cluster, type ClusterOptions, openCluster } from "./cluster.ts";
import { partitionOf, topicsDelta } from "./cluster_image.ts";

const ENDPOINTS = [{
  listener: "PLAINTEXT",
  securityProtocol: "PLAINTEXT",
  host: "127.0.0.1",
  port: 9092,
}];

/** Runs a test with a coordinator on a simulated machine. */
async function withCoordinator(
  test: (
    sim: SimHost,
    coordinator: EmbeddedCoordinator,
    join: (
      brokerId: number,
      options?: Partial<ClusterOptions>,
    ) => Promise<{ cluster: Cluster; znodes: ZnodeClient }>,
  ) => Promise<void>,
): Promise<void> {
  const sim = simHost(1);
  await sim.run(async () => {
    const { host } = sim;
    const coordinator = await openEmbeddedCoordinator(host, "/data/znodes");
    const join = async (
      brokerId: number,
      options: Partial<ClusterOptions> = {},
    ) => {
      const znodes = await coordinator.connect();
      const cluster = await openCluster({
        host,
        znodes,
        brokerId,
        endpoints: ENDPOINTS,
        ...options,
      });
      return { cluster, znodes };
    };
    await test(sim, coordinator, join);
    await coordinator.close();
  });
}

async function text(znodes: ZnodeClient, path: string): Promise<string> {
  return decodeUtf8((await znodes.get(path)).data);
}

Deno.test("openCluster() makes the cluster, registers and becomes controller", async () => {
  await withCoordinator(async (_sim, _coordinator, join) => {
    const { cluster, znodes } = await join(1, { rack: "r1" });
    const { image } = cluster;
    equal(cluster.isController, true);
    equal(image.controllerId, 1);
    equal(image.controllerEpoch, 1);
    equal(image.brokers.get(1)?.epoch, cluster.brokerEpoch);
    deepEqual(image.brokers.get(1)?.endpoints, ENDPOINTS);
    equal(image.brokers.get(1)?.rack, "r1");
    equal(cluster.clusterId.length, 22);
    const stat = await znodes.exists("/brokers/ids/1");
    equal(Number(stat?.czxid), cluster.brokerEpoch);
    equal(stat?.ephemeralOwner, znodes.sessionId);
    equal(
      await text(znodes, "/cluster/id"),
      `{"version":"1","id":"${cluster.clusterId}"}`,
    );
    equal(await text(znodes, "/controller_epoch"), "1");
    equal((await znodes.exists("/controller_epoch"))?.version, 1);
    equal(
      await text(znodes, "/feature"),
      '{"features":{},"version":2,"status":1}',
    );
  });
});

Deno.test("createTopic() writes Kafka's znodes and resolves when there are leaders", async () => {
  await withCoordinator(async (_sim, _coordinator, join) => {
    const { cluster, znodes } = await join(1);
    const seen: string[] = [];
    cluster.onChange((image, before) => {
      const delta = topicsDelta(before, image);
      for (const topic of delta.created) seen.push(`created ${topic.name}`);
      for (const { after } of delta.changed) {
        seen.push(
          `changed ${after.name} ${after.partitions.map((p) => p.leader)}`,
        );
      }
    });
    const created = await cluster.createTopic({
      name: "t1",
      partitionCount: 2,
      replicationFactor: 1,
      config: new Map([["cleanup.policy", "compact"]]),
    });
    deepEqual(created.assignments, [[1], [1]]);
    const topic = cluster.image.topics.get("t1");
    equal(topic?.topicId, created.topicId);
    equal(topic, cluster.image.topicsById.get(created.topicId));
    deepEqual(topic?.partitions[1], {
      index: 1,
      replicas: [1],
      addingReplicas: [],
      removingReplicas: [],
      leader: 1,
      leaderEpoch: 0,
      isr: [1],
      controllerEpoch: 1,
      partitionEpoch: 0,
    });
    equal(topic?.config.get("cleanup.policy"), "compact");
    deepEqual(seen, ["created t1", "changed t1 1,1"]);
    equal(
      await text(znodes, "/brokers/topics/t1"),
      `{"partitions":{"0":[1],"1":[1]},"topic_id":"${created.topicId}",` +
        '"adding_replicas":{},"removing_replicas":{},"version":3}',
    );
    equal(
      await text(znodes, "/brokers/topics/t1/partitions/0/state"),
      '{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1]}',
    );
    equal(
      await text(znodes, "/config/topics/t1"),
      '{"version":1,"config":{"cleanup.policy":"compact"}}',
    );
  });
});

Deno.test("createTopic() refuses with Kafka's errors and changes nothing", async () => {
  await withCoordinator(async (_sim, coordinator, join) => {
    const { cluster } = await join(1);
    const one = { partitionCount: 1, replicationFactor: 1 };
    await cluster.createTopic({ name: "a.b", ...one });
    const zxid = coordinator.lastZxid;
    const assigned = (...rows: [number, number[]][]) => ({
      name: "x",
      assignments: new Map(rows),
    });
    const cases: [string, RegExp, Parameters<Cluster["createTopic"]>[0]][] = [
      ["TOPIC_ALREADY_EXISTS", /^Topic 'a.b' already exists.$/, {
        name: "a.b",
        ...one,
      }],
      ["INVALID_TOPIC_EXCEPTION", /collides with existing topics: a.b$/, {
        name: "a_b",
        ...one,
      }],
      ["INVALID_TOPIC_EXCEPTION", /the empty string/, { name: "", ...one }],
      ["INVALID_TOPIC_EXCEPTION", /'..' is not allowed/, {
        name: "..",
        ...one,
      }],
      ["INVALID_TOPIC_EXCEPTION", /longer than the max allowed length 249/, {
        name: "x".repeat(250),
        ...one,
      }],
      ["INVALID_TOPIC_EXCEPTION", /other than ASCII alphanumerics/, {
        name: "a/b",
        ...one,
      }],
      ["INVALID_PARTITIONS", /larger than 0/, {
        name: "x",
        partitionCount: 0,
        replicationFactor: 1,
      }],
      ["INVALID_REPLICATION_FACTOR", /larger than 0/, {
        name: "x",
        partitionCount: 1,
        replicationFactor: 0,
      }],
      [
        "INVALID_REPLICATION_FACTOR",
        /^Replication factor: 2 larger than available brokers: 1.$/,
        { name: "x", partitionCount: 1, replicationFactor: 2 },
      ],
      [
        "INVALID_REPLICA_ASSIGNMENT",
        /consecutive/,
        assigned([0, [1]], [2, [1]]),
      ],
      [
        "INVALID_REPLICA_ASSIGNMENT",
        /same number of replicas/,
        assigned([0, [1]], [1, []]),
      ],
      ["INVALID_REPLICA_ASSIGNMENT", /Duplicate/, assigned([0, [1, 1]])],
      [
        "INVALID_REPLICA_ASSIGNMENT",
        /Unknown broker\(s\).*: 7/,
        assigned([0, [7]]),
      ],
      ["INVALID_REPLICA_ASSIGNMENT", /no replicas/, assigned([0, []])],
    ];
    for (const [errorName, message, options] of cases) {
      await rejects(cluster.createTopic(options), { errorName, message });
      await rejects(cluster.createTopic({ ...options, validateOnly: true }), {
        errorName,
      });
    }
    const would = await cluster.createTopic({
      name: "y",
      ...one,
      validateOnly: true,
    });
    equal(would.topicId, "AAAAAAAAAAAAAAAAAAAAAA");
    equal(coordinator.lastZxid, zxid, "nothing was written");
    const racing = await Promise.allSettled([
      cluster.createTopic({ name: "race", ...one }),
      cluster.createTopic({ name: "race", ...one }),
    ]);
    deepEqual(racing.map((each) => each.status).sort(), [
      "fulfilled",
      "rejected",
    ]);
  });
});

Deno.test("createPartitions() adds partitions with leaders and keeps the old", async () => {
  await withCoordinator(async (_sim, _coordinator, join) => {
    const { cluster, znodes } = await join(1);
    await cluster.createTopic({
      name: "t",
      partitionCount: 2,
      replicationFactor: 1,
    });
    const before = partitionOf(cluster.image, "t", 0);
    const { assignments } = await cluster.createPartitions({
      name: "t",
      totalCount: 4,
    });
    deepEqual(assignments, [[1], [1]]);
    equal(cluster.image.topics.get("t")?.partitions.length, 4);
    equal(partitionOf(cluster.image, "t", 3)?.leader, 1);
    deepEqual(partitionOf(cluster.image, "t", 0), before);
    equal((await znodes.exists("/brokers/topics/t"))?.version, 1);
    const cases: [
      string,
      RegExp,
      Parameters<Cluster["createPartitions"]>[0],
    ][] = [
      ["UNKNOWN_TOPIC_OR_PARTITION", /'x' does not exist/, {
        name: "x",
        totalCount: 4,
      }],
      ["INVALID_PARTITIONS", /already has 4 partitions/, {
        name: "t",
        totalCount: 4,
      }],
      ["INVALID_PARTITIONS", /higher than the requested 3/, {
        name: "t",
        totalCount: 3,
      }],
      ["INVALID_REPLICA_ASSIGNMENT", /by 1 but 2 assignments/, {
        name: "t",
        totalCount: 5,
        assignments: [[1], [1]],
      }],
      ["INVALID_REPLICA_ASSIGNMENT", /Unknown broker/, {
        name: "t",
        totalCount: 5,
        assignments: [[3]],
      }],
    ];
    for (const [errorName, message, options] of cases) {
      await rejects(cluster.createPartitions(options), { errorName, message });
    }
  });
});

Deno.test("deleteTopic() removes every znode of a topic, by name or by id", async () => {
  await withCoordinator(async (_sim, _coordinator, join) => {
    const { cluster, znodes } = await join(1);
    const make = (name: string) =>
      cluster.createTopic({ name, partitionCount: 3, replicationFactor: 1 });
    await make("kept");
    const { topicId } = await make("gone");
    await cluster.deleteTopic({ topicId });
    equal(cluster.image.topics.has("gone"), false);
    deepEqual((await znodes.children("/brokers/topics")).names, ["kept"]);
    deepEqual((await znodes.children("/config/topics")).names, ["kept"]);
    deepEqual((await znodes.children("/admin/delete_topics")).names, []);
    await rejects(cluster.deleteTopic({ topicId }), {
      errorName: "UNKNOWN_TOPIC_ID",
    });
    await rejects(cluster.deleteTopic({ name: "gone" }), {
      errorName: "UNKNOWN_TOPIC_OR_PARTITION",
    });
    const again = await make("gone");
    ok(again.topicId !== topicId);
    await cluster.deleteTopic({ name: "gone" });
    await cluster.deleteTopic({ name: "kept" });
    equal(cluster.image.topicsById.size, 0);
  });
});

Deno.test("configuration is replaced, told of, and seen when the call resolves", async () => {
  await withCoordinator(async (_sim, _coordinator, join) => {
    const { cluster, znodes } = await join(1);
    await cluster.createTopic({
      name: "t",
      partitionCount: 1,
      replicationFactor: 1,
    });
    await cluster.setTopicConfig("t", new Map([["retention.ms", "5"]]));
    deepEqual([...cluster.image.topics.get("t")!.config], [[
      "retention.ms",
      "5",
    ]]);
    await cluster.setTopicConfig("t", new Map());
    equal(cluster.image.topics.get("t")?.config.size, 0);
    await cluster.setBrokerConfig(1, new Map([["log.cleaner.threads", "3"]]));
    await cluster.setBrokerConfig(
      null,
      new Map([["log.cleaner.threads", "2"]]),
    );
    equal(cluster.image.brokerConfigs.get(1)?.get("log.cleaner.threads"), "3");
    equal(cluster.image.brokerDefaultConfig.get("log.cleaner.threads"), "2");
    equal(
      await text(znodes, "/config/brokers/<default>"),
      '{"version":1,"config":{"log.cleaner.threads":"2"}}',
    );
    equal(
      await text(znodes, "/config/changes/config_change_0000000000"),
      '{"version":2,"entity_path":"topics/t"}',
    );
    await rejects(cluster.setTopicConfig("x", new Map()), {
      errorName: "UNKNOWN_TOPIC_OR_PARTITION",
    });
  });
});

Deno.test("metadata is there again after a restart, in a new term", async () => {
  await withCoordinator(async (_sim, _coordinator, join) => {
    const first = await join(1);
    const { clusterId } = first.cluster;
    await first.cluster.createTopic({
      name: "t",
      partitionCount: 2,
      replicationFactor: 1,
    });
    await first.cluster.setBrokerConfig(null, new Map([["a", "b"]]));
    const before = first.cluster.image.topics.get("t");
    await first.cluster.close();
    equal(await first.znodes.exists("/brokers/ids/1"), null);
    equal(await first.znodes.exists("/controller"), null);
    const { cluster } = await join(1, { expectedClusterId: clusterId });
    deepEqual(cluster.image.topics.get("t"), before);
    equal(cluster.image.controllerEpoch, 2);
    equal(cluster.image.brokerDefaultConfig.get("a"), "b");
    ok(cluster.brokerEpoch > first.cluster.brokerEpoch);
  });
});

Deno.test("openCluster() refuses another cluster's logs, and a second broker of one id", async () => {
  await withCoordinator(async (_sim, _coordinator, join) => {
    await join(1);
    await rejects(join(2, { expectedClusterId: "AbCdEfGhIjKlMnOpQrStUw" }), {
      errorName: "INCONSISTENT_CLUSTER_ID",
    });
    await rejects(join(1, { registrationTimeoutMs: 1000 }), {
      errorName: "DUPLICATE_BROKER_REGISTRATION",
    });
  });
});

Deno.test("a broker waits for its former registration to expire", async () => {
  await withCoordinator(async (sim, coordinator, join) => {
    const former = await join(1);
    let lost = 0;
    former.cluster.onLost(() => lost++);
    sim.host.clock.after(5000, () => {
      coordinator.expireSession(former.znodes.sessionId);
    });
    const { cluster } = await join(1);
    equal(lost, 1);
    equal(cluster.isController, true);
    equal(cluster.image.controllerId, 1);
    ok(sim.host.clock.monotonicMs() >= 5000);
  });
});

Deno.test("broker ids are generated above the reserved ones", async () => {
  await withCoordinator(async (_sim, _coordinator, join) => {
    equal((await join(-1)).cluster.brokerId, 1001);
    equal((await join(-1)).cluster.brokerId, 1002);
    equal((await join(-1, { reservedBrokerIdMax: 5 })).cluster.brokerId, 8);
  });
});

Deno.test("the controller moves leaders off a broker that goes, and the next controller goes on", async () => {
  await withCoordinator(async (_sim, coordinator, join) => {
    const one = await join(1);
    const two = await join(2);
    const three = await join(3);
    equal(two.cluster.isController, false);
    const create = (name: string, ...rows: number[][]) =>
      two.cluster.createTopic({ name, assignments: new Map(rows.entries()) });
    await create("t", [3, 2], [2, 3]);
    await create("single", [3]);
    await coordinator.expireSession(three.znodes.sessionId);
    const leaders = () =>
      ["t", "single"].flatMap((name) =>
        two.cluster.image.topics.get(name)!.partitions
      ).map((each) => [each.leader, each.leaderEpoch, each.isr]);
    await settled(
      one.cluster,
      (image) => partitionOf(image, "single", 0)?.leader === -1,
    );
    await settled(
      two.cluster,
      (image) => partitionOf(image, "single", 0)?.leader === -1,
    );
    deepEqual(leaders(), [[2, 1, [2]], [2, 1, [2]], [-1, 1, [3]]]);
    await coordinator.expireSession(one.znodes.sessionId);
    await settled(two.cluster, (image) => image.controllerId === 2);
    equal(two.cluster.image.controllerEpoch, 2);
    const again = await join(3);
    await settled(
      again.cluster,
      (image) => partitionOf(image, "single", 0)?.leader === 3,
    );
    await settled(
      two.cluster,
      (image) => partitionOf(image, "single", 0)?.leader === 3,
    );
    deepEqual(leaders(), [[2, 1, [2]], [2, 1, [2]], [3, 2, [3]]]);
  });
});

/** Waits until the image of a cluster passes a test. */
function settled(
  cluster: Cluster,
  test: (image: Cluster["image"]) => boolean,
): Promise<void> {
  if (test(cluster.image)) return Promise.resolve();
  return new Promise((done) => {
    const stop = cluster.onChange((image) => {
      if (!test(image)) return;
      stop();
      done();
    });
  });
}

Deno.test("a controller whose znode was removed is elected again", async () => {
  await withCoordinator(async (_sim, coordinator, join) => {
    const { cluster } = await join(1);
    const other = await coordinator.connect();
    await other.delete("/controller", -1);
    await settled(cluster, (image) => image.controllerEpoch === 2);
    equal(cluster.image.controllerId, 1);
    await cluster.createTopic({
      name: "t",
      partitionCount: 1,
      replicationFactor: 1,
    });
  });
});

Deno.test("allocateProducerIds() never gives an id twice", async () => {
  await withCoordinator(async (_sim, _coordinator, join) => {
    const [one, two] = [await join(1), await join(2)];
    const blocks = await Promise.all(
      [one, two, one, two].map(({ cluster }) => cluster.allocateProducerIds()),
    );
    deepEqual(
      blocks.map((block) => block.firstId).sort((a, b) => a - b),
      [0, 1000, 2000, 3000],
    );
    equal(
      (await text(one.znodes, "/latest_producer_id_block")).replace(
        /"broker":\d/,
        '"broker":1',
      ),
      '{"version":1,"broker":1,"block_start":"3000","block_end":"3999"}',
    );
  });
});

Deno.test("a coordinator that cannot write any more loses the broker", async () => {
  await withCoordinator(async (sim, _coordinator, join) => {
    const { cluster } = await join(1);
    let lost = 0;
    cluster.onLost(() => lost++);
    sim.disk.failNthCall(1, "io", (call) => call.action === "sync");
    await rejects(
      cluster.createTopic({
        name: "t",
        partitionCount: 1,
        replicationFactor: 1,
      }),
      { kind: "io" },
    );
    equal(lost, 1);
  });
});

Deno.test("znodes that hold nonsense count as absent", async () => {
  await withCoordinator(async (_sim, coordinator, join) => {
    const lines: string[] = [];
    const { cluster } = await join(1, { trace: (line) => lines.push(line) });
    const other = await coordinator.connect();
    await other.create(
      "/brokers/topics/odd",
      new Uint8Array([0xff]),
      "persistent",
    );
    await cluster.createTopic({
      name: "t",
      partitionCount: 1,
      replicationFactor: 1,
    });
    deepEqual([...cluster.image.topics.keys()], ["t"]);
    deepEqual(lines, ["Znode /brokers/topics/odd does not hold a JSON object"]);
  });
});
