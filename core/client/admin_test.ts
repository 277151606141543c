import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { encodeBatch } from "../record/record_batch.ts";
import { FakeCluster } from "../testing/fake_broker.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  createTopicsRequest,
  createTopicsResponse,
} from "../wire/kafka/messages/create_topics.ts";
import {
  deleteRecordsRequest,
  deleteRecordsResponse,
} from "../wire/kafka/messages/delete_records.ts";
import {
  deleteTopicsRequest,
  deleteTopicsResponse,
} from "../wire/kafka/messages/delete_topics.ts";
import {
  describeConfigsRequest,
  describeConfigsResponse,
} from "../wire/kafka/messages/describe_configs.ts";
import {
  describeLogDirsRequest,
  describeLogDirsResponse,
} from "../wire/kafka/messages/describe_log_dirs.ts";
import {
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from "../wire/kafka/messages/describe_topic_partitions.ts";
import { type Admin, createAdmin } from "./admin.ts";
import { ConfigResourceType, ConfigSource } from "./admin_types.ts";
import { OffsetAt } from "./list_offsets.ts";

async function scene(
  brokerCount: number,
  job: (
    fake: FakeCluster,
    admin: Admin,
    sim: SimHost,
  ) => Promise<void>,
): Promise<void> {
  const sim = simHost(1);
  const fake = new FakeCluster(sim, brokerCount);
  await sim.run(async () => {
    await fake.start();
    const admin = createAdmin(sim.host, {
      "bootstrap.servers": fake.bootstrap,
    });
    await job(fake, admin, sim);
    admin.close();
  });
  fake.stop();
}

Deno.test("Admin.listTopics() takes one connection and two requests", async () => {
  await scene(1, async (fake, admin) => {
    fake.state.createTopic("b", 3);
    fake.state.createTopic("a");
    const topics = await admin.listTopics();
    deepStrictEqual(topics.map((t) => [t.name, t.partitionCount]), [
      ["a", 1],
      ["b", 3],
    ]);
    deepStrictEqual(fake.broker(1).requests.map((r) => r.apiKey), [
      apiKeys.ApiVersions,
      apiKeys.Metadata,
    ]);
  });
});

Deno.test("Admin.createTopics() follows the controller, and gives one result per topic", async () => {
  await scene(3, async (fake, admin) => {
    for (const broker of fake.brokers) {
      broker.serve(
        createTopicsRequest,
        createTopicsResponse,
        (request, { state }) => ({
          topics: request.topics.map(({ name, numPartitions }) => {
            if (state.controllerId !== broker.id) {
              return {
                name,
                errorCode: ErrorCode.NOT_CONTROLLER,
                errorMessage: null,
              };
            }
            if (state.topics.has(name)) {
              const errorCode = ErrorCode.TOPIC_ALREADY_EXISTS;
              return { name, errorCode, errorMessage: `${name} is there.` };
            }
            state.createTopic(name, numPartitions);
            return { name, errorCode: 0, errorMessage: null, numPartitions };
          }),
        }),
      );
    }
    await admin.createTopics([{ name: "old", partitionCount: 1 }]);
    fake.state.controllerId = 3;
    const results = await admin.createTopics([
      { name: "old" },
      {
        name: "new",
        partitionCount: 4,
        replicationFactor: 2,
        configs: { "retention.ms": "5" },
      },
      { name: "placed", assignments: [[1, 2], [2, 3]] },
    ]);
    deepStrictEqual(results.map(({ name, error }) => [name, error?.message]), [
      ["old", "old is there."],
      ["new", undefined],
      ["placed", undefined],
    ]);
    strictEqual(results[1].partitionCount, 4);
    const [request] = fake.broker(3).seen(apiKeys.CreateTopics);
    deepStrictEqual(request.body.topics[1], {
      name: "new",
      numPartitions: 4,
      replicationFactor: 2,
      assignments: [],
      configs: [{ name: "retention.ms", value: "5" }],
    });
    deepStrictEqual(request.body.topics[2].assignments, [
      { partitionIndex: 0, brokerIds: [1, 2] },
      { partitionIndex: 1, brokerIds: [2, 3] },
    ]);
    strictEqual(request.body.topics[2].numPartitions, -1);
  });
});

Deno.test("Admin.deleteTopics() speaks to old and new brokers", async () => {
  for (const version of [1, 5, 6]) {
    await scene(1, async (fake, admin) => {
      const broker = fake.broker(1);
      broker.serve(deleteTopicsRequest, deleteTopicsResponse, (request) => ({
        responses: [
          ...request.topicNames,
          ...request.topics.map(({ name }) => name),
        ].map((name) => ({
          name,
          errorCode: name === "b" ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : 0,
        })),
      }));
      broker.ranges.set(apiKeys.DeleteTopics, [0, version]);
      const results = await admin.deleteTopics(["a", "b"]);
      deepStrictEqual(
        results.map(({ name, error }) => [name, error?.errorName]),
        [["a", undefined], ["b", "UNKNOWN_TOPIC_OR_PARTITION"]],
      );
    });
  }
});

Deno.test("Admin.describeTopics() falls back to Metadata", async () => {
  await scene(2, async (fake, admin) => {
    fake.state.createTopic("t", 2);
    const [t, missing] = await admin.describeTopics(["t", "missing"]);
    deepStrictEqual(
      t.partitions.map(({ partition, leader }) => [partition, leader]),
      [
        [0, 1],
        [1, 2],
      ],
    );
    strictEqual(t.partitions[0].eligibleLeaderReplicas, null);
    strictEqual(missing.error?.message, "Topic missing does not exist");
  });
});

Deno.test("Admin.describeTopics() puts pages together", async () => {
  await scene(1, async (fake, admin) => {
    const partition = (partitionIndex: number) => ({
      errorCode: 0,
      partitionIndex,
      leaderId: 1,
      replicaNodes: [1],
      isrNodes: [1],
      offlineReplicas: [],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    });
    const topic = (name: string, ...partitions: number[]) => ({
      errorCode: 0,
      name,
      topicId: "AAAAAAAAAAAAAAAAAAAAAA",
      partitions: partitions.map(partition),
    });
    fake.broker(1).serve(
      describeTopicPartitionsRequest,
      describeTopicPartitionsResponse,
      ({ cursor }) => ({
        throttleTimeMs: 0,
        topics: cursor === null
          ? [topic("a", 0, 1)]
          : [topic("a", 2), topic("b", 0)],
        nextCursor: cursor === null
          ? { topicName: "a", partitionIndex: 2 }
          : null,
      }),
    );
    const topics = await admin.describeTopics(["b", "a"]);
    deepStrictEqual(
      topics.map((
        { name, partitions },
      ) => [name, partitions.map((p) => p.partition)]),
      [["b", [0]], ["a", [0, 1, 2]]],
    );
  });
});

Deno.test("Admin.describeConfigs() asks each broker for its own, and any for topics", async () => {
  await scene(2, async (fake, admin) => {
    for (const broker of fake.brokers) {
      broker.serve(
        describeConfigsRequest,
        describeConfigsResponse,
        (request) => ({
          throttleTimeMs: 0,
          results: request.resources.map((resource) => ({
            errorCode: resource.resourceName === "bad" ? 3 : 0,
            errorMessage: null,
            resourceType: resource.resourceType,
            resourceName: resource.resourceName,
            configs: [{
              name: "who",
              value: `${broker.id}`,
              readOnly: true,
              isSensitive: false,
              configSource: ConfigSource.staticBroker,
            }],
          })),
        }),
      );
    }
    const { broker, topic } = ConfigResourceType;
    const results = await admin.describeConfigs([
      { type: broker, name: "2" },
      { type: topic, name: "bad" },
      { type: broker, name: "1" },
      { type: broker, name: "9" },
    ]);
    deepStrictEqual(
      results.map(({ error, entries }) => error?.errorName ?? entries[0].value),
      ["2", "UNKNOWN_TOPIC_OR_PARTITION", "1", "BROKER_NOT_AVAILABLE"],
    );
  });
});

Deno.test("Admin.deleteRecords() and listOffsets() go to the leaders, and follow them", async () => {
  await scene(2, async (fake, admin) => {
    const { partitions } = fake.state.createTopic("t", 2);
    for (const partition of partitions) {
      partition.append(encodeBatch({
        records: [{ timestampMs: 5, key: null, value: null }],
      }));
    }
    for (const broker of fake.brokers) {
      broker.serve(deleteRecordsRequest, deleteRecordsResponse, (request) => ({
        throttleTimeMs: 0,
        topics: request.topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex, offset }) => {
            const found = fake.state.partition(name, partitionIndex)!;
            return found.leader === broker.id
              ? { partitionIndex, errorCode: 0, lowWatermark: offset }
              : {
                partitionIndex,
                errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
                lowWatermark: -1,
              };
          }),
        })),
      }));
    }
    const both = [0, 1].map((partition) => ({ topic: "t", partition }));
    const first = await admin.deleteRecords(
      both.map((p) => ({ ...p, beforeOffset: 1 })),
    );
    deepStrictEqual(first.map(({ value }) => value), [1, 1]);
    fake.state.moveLeader("t", 0, 2);
    const second = await admin.deleteRecords([{ ...both[0], beforeOffset: 0 }]);
    deepStrictEqual(second.map(({ value }) => value), [0]);
    const offsets = await admin.listOffsets([
      { ...both[0], timestampMs: OffsetAt.latest },
      { ...both[1], timestampMs: 6 },
    ]);
    deepStrictEqual(offsets.map(({ value }) => value?.offset), [1, -1]);
  });
});

Deno.test("Admin.listOffsets() tells what the broker is too old for", async () => {
  await scene(1, async (fake, admin) => {
    fake.state.createTopic("t");
    fake.broker(1).ranges.set(apiKeys.ListOffsets, [0, 5]);
    const [end, max] = await admin.listOffsets([
      { topic: "t", partition: 0, timestampMs: OffsetAt.latest },
      { topic: "t", partition: 0, timestampMs: OffsetAt.maxTimestamp },
    ]);
    strictEqual(end.value?.offset, 0);
    strictEqual(
      (max.error as { errorName?: string }).errorName,
      "UNSUPPORTED_VERSION",
    );
  });
});

Deno.test("Admin.describeLogDirs() has an answer or an error for each broker", async () => {
  await scene(2, async (fake, admin) => {
    for (const broker of fake.brokers) {
      broker.serve(describeLogDirsRequest, describeLogDirsResponse, () => ({
        throttleTimeMs: 0,
        results: [{
          errorCode: 0,
          logDir: `/data/${broker.id}`,
          topics: [{
            name: "t",
            partitions: [{
              partitionIndex: 0,
              partitionSize: 9,
              offsetLag: 0,
              isFutureKey: false,
            }],
          }],
        }],
      }));
    }
    await admin.describeCluster();
    fake.broker(2).script(apiKeys.DescribeLogDirs, "close");
    const [one, two] = await admin.describeLogDirs();
    strictEqual(one.directories[0].path, "/data/1");
    strictEqual(one.directories[0].replicas[0].sizeBytes, 9);
    ok(/Lost broker2:9092/.test(two.error?.message ?? ""));
  });
});

Deno.test("Admin.describeCluster() falls back to Metadata", async () => {
  await scene(2, async (fake, admin) => {
    const { clusterId, controllerId, nodes } = await admin.describeCluster();
    strictEqual(clusterId, fake.state.clusterId);
    strictEqual(controllerId, 1);
    deepStrictEqual(nodes.map(({ id, host }) => [id, host]), [
      [1, "broker1"],
      [2, "broker2"],
    ]);
    const apis = await admin.apiVersions();
    strictEqual(apis.length, 2);
    strictEqual(apis[1].apis[0].key, apiKeys.Produce);
  });
});
