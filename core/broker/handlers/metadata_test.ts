import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  METADATA,
  TestBroker,
  type TestClient,
  until,
} from "../../testing/broker_fixture.ts";
import type { RequestContext } from "../context.ts";
import { metadata } from "./metadata.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import type { MetadataResponse } from "../../wire/kafka/messages/metadata.ts";
import { ZERO_UUID } from "../../wire/kafka/schema.ts";

async function withBroker(
  test: (broker: TestBroker, client: TestClient) => Promise<void>,
  overrides: { readonly [key: string]: string | number } = {},
): Promise<void> {
  const sim = simHost(41);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, overrides);
    await test(broker, await broker.connect());
    await broker.stop();
  });
}

function codes({ topics }: MetadataResponse): [string | null, number][] {
  return topics.map(({ name, errorCode }) => [name, errorCode]);
}

Deno.test("Metadata describes brokers and topics, in every version", async () => {
  await withBroker(async (broker, client) => {
    const topicId = await broker.createTopic("t", { partitionCount: 2 });
    await broker.createTopic("u");
    const { leaderEpoch } = broker.broker.partitions.get("t", 0).leadership;
    for (let version = 0; version <= 12; version++) {
      const response = await client.call(METADATA, version, {
        topics: [{ name: "t" }],
      });
      deepStrictEqual(response.brokers, [
        { nodeId: 1, host: "127.0.0.1", port: 9092, rack: null },
      ]);
      strictEqual(response.controllerId, version >= 1 ? 1 : -1);
      strictEqual(
        response.clusterId,
        version >= 2 ? broker.broker.clusterId : null,
      );
      const [topic, ...more] = response.topics;
      deepStrictEqual(more, []);
      strictEqual(topic.topicId, version >= 10 ? topicId : ZERO_UUID);
      deepStrictEqual(
        topic.partitions,
        [0, 1].map((partitionIndex) => ({
          errorCode: 0,
          partitionIndex,
          leaderId: 1,
          leaderEpoch: version >= 7 ? leaderEpoch : -1,
          replicaNodes: [1],
          isrNodes: [1],
          offlineReplicas: [],
        })),
      );
      const all = await client.call(METADATA, version, {
        topics: version === 0 ? [] : null,
      });
      deepStrictEqual(codes(all).sort(), [["t", 0], ["u", 0]]);
      if (version === 0) continue;
      const none = await client.call(METADATA, version, { topics: [] });
      deepStrictEqual(none.topics, []);
      strictEqual(none.brokers.length, 1);
    }
  });
});

Deno.test("Metadata finds topics by id", async () => {
  await withBroker(async (broker, client) => {
    const topicId = await broker.createTopic("t");
    const unknownId = "AAAAAAAAAAAAAAAAAAAAAQ";
    const response = await client.call(METADATA, 12, {
      topics: [{ topicId, name: null }, { topicId: unknownId, name: null }],
    });
    deepStrictEqual(codes(response), [
      ["t", ErrorCode.NONE],
      [null, ErrorCode.UNKNOWN_TOPIC_ID],
    ]);
    const early = await client.call(METADATA, 10, {
      topics: [{ topicId, name: "t" }],
    });
    strictEqual(early.topics[0].errorCode, ErrorCode.INVALID_REQUEST);
  });
});

Deno.test("Metadata creates what is missing, and says first that it has no leader", async () => {
  await withBroker(async (broker, client) => {
    const ask = (name: string, version = 9) =>
      client.call(METADATA, version, { topics: [{ name }] });
    for (const [name, version] of [["old", 1], ["new", 9]] as const) {
      const first = await ask(name, version);
      deepStrictEqual(codes(first), [[name, ErrorCode.LEADER_NOT_AVAILABLE]]);
      await until(
        broker.broker.host,
        async () => codes(await ask(name, version))[0][1] === ErrorCode.NONE,
      );
      const { topics } = await ask(name, version);
      strictEqual(topics[0].partitions.length, 3);
    }
  }, { "num.partitions": 3 });
});

Deno.test("Metadata creates nothing that it may not", async () => {
  await withBroker(async (broker, client) => {
    const cases: [name: string, may: boolean, code: number][] = [
      ["no", false, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ["a/b", true, ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["", true, ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["..", true, ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["x".repeat(250), true, ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["__consumer_offsets", true, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ];
    for (const [name, allowAutoTopicCreation, code] of cases) {
      const response = await client.call(METADATA, 9, {
        topics: [{ name }],
        allowAutoTopicCreation,
      });
      deepStrictEqual(codes(response), [[name, code]]);
    }
    strictEqual(broker.broker.cluster.image.topics.size, 0);
  });
});

Deno.test("Metadata creates nothing whose name collides with another", async () => {
  await withBroker(async (broker, client) => {
    await broker.createTopic("a.b");
    const response = await client.call(METADATA, 9, {
      topics: [{ name: "a_b" }],
    });
    deepStrictEqual(codes(response), [["a_b", 17]]);
    strictEqual(broker.broker.cluster.image.topics.size, 1);
  });
});

Deno.test("Metadata answers for each topic once, and for ids alone where there are any", async () => {
  await withBroker(async (broker, client) => {
    const topicId = await broker.createTopic("t");
    await broker.createTopic("u");
    const [t, u] = ["t", "u"].map((name) => ({ name }));
    const twice = await client.call(METADATA, 9, { topics: [t, u, t] });
    deepStrictEqual(codes(twice), [["t", 0], ["u", 0]]);
    const mixed = await client.call(METADATA, 12, {
      topics: [u, { name: null, topicId }],
    });
    deepStrictEqual(codes(mixed), [["t", 0]]);
  });
});

Deno.test("Metadata obeys auto.create.topics.enable and the replication factor", async () => {
  await withBroker(async (_, client) => {
    const response = await client.call(METADATA, 9, {
      topics: [{ name: "t" }],
    });
    deepStrictEqual(codes(response), [[
      "t",
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]]);
  }, { "auto.create.topics.enable": "false" });
  await withBroker(async (_, client) => {
    const response = await client.call(METADATA, 9, {
      topics: [{ name: "t" }],
    });
    deepStrictEqual(codes(response), [[
      "t",
      ErrorCode.INVALID_REPLICATION_FACTOR,
    ]]);
  }, { "default.replication.factor": 3 });
});

Deno.test("Metadata tells what a client may do, where it asks", async () => {
  await withBroker(async (broker, client) => {
    await broker.createTopic("t");
    const asked = await client.call(METADATA, 8, {
      topics: [{ name: "t" }],
      includeClusterAuthorizedOperations: true,
      includeTopicAuthorizedOperations: true,
    });
    strictEqual(asked.clusterAuthorizedOperations, 8096);
    strictEqual(asked.topics[0].topicAuthorizedOperations, 3576);
    const missing = await client.call(METADATA, 8, {
      topics: [{ name: "missing" }],
      includeTopicAuthorizedOperations: true,
    });
    strictEqual(missing.topics[0].topicAuthorizedOperations, 3576);
    const notAsked = await client.call(METADATA, 8, {
      topics: [{ name: "t" }],
    });
    strictEqual(notAsked.clusterAuthorizedOperations, -2147483648);
    strictEqual(notAsked.topics[0].topicAuthorizedOperations, -2147483648);
  });
});

Deno.test("Metadata names brokers by the listener that the client came by", async () => {
  await withBroker(async (broker) => {
    const { addresses } = broker.running;
    for (const [index, host] of ["127.0.0.1", "kq.example"].entries()) {
      const client = await broker.connect(index);
      const { brokers } = await client.call(METADATA, 9, { topics: [] });
      strictEqual(brokers[0].host, host);
      strictEqual(addresses[index].host, host);
      ok(brokers[0].port > 0);
    }
  }, {
    "listeners": "PLAINTEXT://127.0.0.1:9092,OUTSIDE://127.0.0.1:9093",
    "advertised.listeners": "OUTSIDE://kq.example:19093",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,OUTSIDE:PLAINTEXT",
  });
});

Deno.test("Metadata shows a new topic with its leaders, not before", async () => {
  await withBroker(async ({ broker }) => {
    const context = {
      broker,
      connection: { listenerName: "PLAINTEXT" },
      apiKey: metadata.key,
      apiVersion: 9,
    } as unknown as RequestContext;
    const seen = new Set<string>();
    // Asked at once when the broker knows of the topic: it has no leader then.
    broker.cluster.onChange(() => {
      for (const name of [null, "t"]) {
        const topics = name === null ? null : [{ name, topicId: ZERO_UUID }];
        const answer = metadata.handle(
          { topics, allowAutoTopicCreation: true },
          context,
        ) as MetadataResponse;
        for (const { errorCode, partitions } of answer.topics) {
          const leaders = partitions.map(({ leaderId }) => leaderId);
          seen.add(`${name} ${errorCode} ${leaders}`);
        }
      }
    });
    await broker.cluster.createTopic({
      name: "t",
      partitionCount: 2,
      replicationFactor: 1,
    });
    deepStrictEqual([...seen], [
      `t ${ErrorCode.LEADER_NOT_AVAILABLE} `,
      "null 0 1,1",
      "t 0 1,1",
    ]);
  });
});
