import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  batchOf,
  produceOne,
  TestBroker,
  type TestClient,
} from "../../testing/broker_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode, type ErrorName } from "../../wire/kafka/errors.ts";
import {
  alterConfigsRequest,
  alterConfigsResponse,
} from "../../wire/kafka/messages/alter_configs.ts";
import {
  describeClusterRequest,
  describeClusterResponse,
} from "../../wire/kafka/messages/describe_cluster.ts";
import {
  describeConfigsRequest,
  describeConfigsResponse,
} from "../../wire/kafka/messages/describe_configs.ts";
import {
  describeLogDirsRequest,
  describeLogDirsResponse,
} from "../../wire/kafka/messages/describe_log_dirs.ts";
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from "../../wire/kafka/messages/incremental_alter_configs.ts";

const DESCRIBE = [describeConfigsRequest, describeConfigsResponse] as const;
const ALTER = [alterConfigsRequest, alterConfigsResponse] as const;
const INCREMENTAL = [
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
] as const;
const CLUSTER = [describeClusterRequest, describeClusterResponse] as const;
const LOG_DIRS = [describeLogDirsRequest, describeLogDirsResponse] as const;

const TOPIC = 2;
const BROKER = 4;
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

/** Runs a test with a broker that has the topic "t", and one connection to it. */
async function withBroker(
  run: (client: TestClient, broker: TestBroker) => Promise<void>,
  overrides: { readonly [key: string]: string | number } = {},
): Promise<void> {
  const sim = simHost(11);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, overrides);
    await broker.createTopic("t", { config: { "retention.ms": "77" } });
    await run(await broker.connect(), broker);
    deepStrictEqual(broker.lines.filter((line) => /Failed/.test(line)), []);
    ok(await broker.stop());
  });
}

async function describe(
  client: TestClient,
  [resourceType, resourceName]: [type: number, name: string],
  keys: string[] | null = null,
) {
  const { results } = await client.call(DESCRIBE, 4, {
    resources: [{ resourceType, resourceName, configurationKeys: keys }],
    includeSynonyms: true,
    includeDocumentation: true,
  });
  const { configs, ...rest } = results[0];
  return {
    ...rest,
    configs: new Map(configs.map((each) => [each.name, each])),
  };
}

async function alter(
  client: TestClient,
  [resourceType, resourceName]: [type: number, name: string],
  options: {
    readonly configs: readonly [key: string, value: string | null][];
    readonly validateOnly?: boolean;
  },
) {
  const { responses } = await client.call(ALTER, 2, {
    resources: [{
      resourceType,
      resourceName,
      configs: options.configs.map(([name, value]) => ({ name, value })),
    }],
    validateOnly: options.validateOnly ?? false,
  });
  return responses[0];
}

async function change(
  client: TestClient,
  [resourceType, resourceName]: [type: number, name: string],
  options: {
    readonly configs: readonly [
      operation: number,
      key: string,
      value: string | null,
    ][];
    readonly validateOnly?: boolean;
  },
) {
  const { responses } = await client.call(INCREMENTAL, 1, {
    resources: [{
      resourceType,
      resourceName,
      configs: options.configs.map(([configOperation, name, value]) => {
        return { configOperation, name, value };
      }),
    }],
    validateOnly: options.validateOnly ?? false,
  });
  return responses[0];
}

Deno.test("DescribeConfigs shows a topic's values, and what is behind them", async () => {
  await withBroker(async (client) => {
    const { configs, errorCode } = await describe(client, [TOPIC, "t"]);
    strictEqual(errorCode, ErrorCode.NONE);
    strictEqual(configs.size, 36);
    const own = configs.get("retention.ms")!;
    strictEqual(own.value, "77");
    strictEqual(own.configSource, 1);
    strictEqual(own.configType, 5);
    deepStrictEqual(own.synonyms[0], {
      name: "retention.ms",
      value: "77",
      source: 1,
    });
    const fromFile = configs.get("segment.bytes")!;
    deepStrictEqual(
      [fromFile.value, fromFile.configSource],
      ["1000000", 4],
    );
    deepStrictEqual(fromFile.synonyms, [
      { name: "log.segment.bytes", value: "1000000", source: 4 },
      { name: "log.segment.bytes", value: "1073741824", source: 5 },
    ]);
    for (const { documentation, readOnly } of configs.values()) {
      ok(documentation !== null && documentation !== "");
      strictEqual(readOnly, false);
    }
  }, { "log.segment.bytes": 1_000_000 });
});

Deno.test("DescribeConfigs shows a broker's values", async () => {
  await withBroker(async (client) => {
    const { configs } = await describe(client, [BROKER, "1"]);
    strictEqual(configs.get("inter.broker.protocol.version")?.value, "3.9-IV0");
    deepStrictEqual(
      [configs.get("log.dirs")?.value, configs.get("log.dirs")?.configSource],
      ["/data/logs", 4],
    );
    strictEqual(configs.get("log.dirs")?.readOnly, true);
    strictEqual(configs.get("background.threads")?.value, "10");
    const secret = configs.get("ssl.key.password")!;
    deepStrictEqual([secret.value, secret.isSensitive], [null, true]);
    // Nothing is set for all brokers yet.
    strictEqual((await describe(client, [BROKER, ""])).configs.size, 0);
  });
});

Deno.test("DescribeConfigs gives the keys asked for, and passes over unknown ones", async () => {
  await withBroker(async (client) => {
    const keys = ["retention.ms", "no.such"];
    const some = await describe(client, [TOPIC, "t"], keys);
    deepStrictEqual([...some.configs.keys()], ["retention.ms"]);
    const all = await describe(client, [TOPIC, "t"], []);
    strictEqual(all.configs.size, 36);
  });
});

Deno.test("DescribeConfigs tells defaults from others in version 0, and the source later", async () => {
  await withBroker(async (client) => {
    for (let version = 0; version <= 4; version++) {
      const { results } = await client.call(DESCRIBE, version, {
        resources: [{
          resourceType: TOPIC,
          resourceName: "t",
          configurationKeys: ["retention.ms", "segment.ms"],
        }],
      });
      const [own, byDefault] = results[0].configs;
      const told = version === 0
        ? [own.isDefault, byDefault.isDefault]
        : [own.configSource, byDefault.configSource];
      deepStrictEqual(told, version === 0 ? [false, true] : [1, 5]);
      deepStrictEqual(own.synonyms, []);
    }
  });
});

Deno.test("DescribeConfigs refuses what has no configuration", async () => {
  const cases: [type: number, name: string, error: ErrorName, RegExp][] = [
    [TOPIC, "nope", "UNKNOWN_TOPIC_OR_PARTITION", /'nope'/],
    [TOPIC, "a/b", "INVALID_TOPIC_EXCEPTION", /alphanumerics/],
    [TOPIC, "", "INVALID_TOPIC_EXCEPTION", /empty/],
    [BROKER, "9", "INVALID_REQUEST", /broker 1, asked for 9/],
    [BROKER, "x", "INVALID_REQUEST", /integer.*x/],
    [8, "1", "INVALID_REQUEST", /loggers/],
    [3, "1", "INVALID_REQUEST", /resource type 3/],
    [16, "m", "INVALID_REQUEST", /resource type 16/],
  ];
  await withBroker(async (client) => {
    for (const [type, name, error, text] of cases) {
      const answer = await describe(client, [type, name]);
      strictEqual(answer.errorCode, ErrorCode[error]);
      ok(text.test(answer.errorMessage!), answer.errorMessage!);
      deepStrictEqual([answer.resourceType, answer.resourceName], [type, name]);
    }
  });
});

Deno.test("AlterConfigs replaces all that a topic says", async () => {
  await withBroker(async (client, { broker }) => {
    const overrides = () =>
      Object.fromEntries(broker.cluster.image.topics.get("t")!.config);
    const configs: [string, string][] = [["segment.ms", "5000"]];
    const validated = await alter(client, [TOPIC, "t"], {
      configs,
      validateOnly: true,
    });
    strictEqual(validated.errorCode, ErrorCode.NONE);
    deepStrictEqual(overrides(), { "retention.ms": "77" });
    const altered = await alter(client, [TOPIC, "t"], { configs });
    strictEqual(altered.errorCode, ErrorCode.NONE);
    deepStrictEqual(overrides(), { "segment.ms": "5000" });
  });
});

Deno.test("IncrementalAlterConfigs sets, unsets, appends and subtracts", async () => {
  await withBroker(async (client, { broker }) => {
    const overrides = () =>
      Object.fromEntries(broker.cluster.image.topics.get("t")!.config);
    const steps: [number, string, string | null, Record<string, string>][] = [
      [SET, "segment.ms", "5000", {
        "retention.ms": "77",
        "segment.ms": "5000",
      }],
      [DELETE, "retention.ms", null, { "segment.ms": "5000" }],
      [DELETE, "retention.ms", null, { "segment.ms": "5000" }],
      [DELETE, "no.such", null, { "segment.ms": "5000" }],
      [APPEND, "cleanup.policy", "compact", {
        "segment.ms": "5000",
        "cleanup.policy": "delete,compact",
      }],
      [APPEND, "cleanup.policy", "compact", {
        "segment.ms": "5000",
        "cleanup.policy": "delete,compact",
      }],
      [SUBTRACT, "cleanup.policy", "delete", {
        "segment.ms": "5000",
        "cleanup.policy": "compact",
      }],
    ];
    for (const [operation, key, value, expected] of steps) {
      const answer = await change(client, [TOPIC, "t"], {
        configs: [[operation, key, value]],
      });
      strictEqual(answer.errorCode, ErrorCode.NONE, answer.errorMessage ?? "");
      deepStrictEqual(overrides(), expected);
    }
  });
});

Deno.test("changes that come at the same time do not undo each other", async () => {
  await withBroker(async (client, testBroker) => {
    const other = await testBroker.connect();
    await Promise.all([
      change(client, [TOPIC, "t"], { configs: [[SET, "segment.ms", "1000"]] }),
      change(other, [TOPIC, "t"], { configs: [[SET, "flush.ms", "2000"]] }),
    ]);
    const { config } = testBroker.broker.cluster.image.topics.get("t")!;
    deepStrictEqual(Object.fromEntries(config), {
      "retention.ms": "77",
      "segment.ms": "1000",
      "flush.ms": "2000",
    });
  });
});

Deno.test("what cannot be set is refused, by both ways of altering", async () => {
  type Case = [
    resource: [type: number, name: string],
    key: string,
    value: string | null,
    error: ErrorName,
    text: RegExp,
  ];
  const cases: Case[] = [
    [[TOPIC, "t"], "no.such", "1", "INVALID_CONFIG", /no\.such/],
    [[TOPIC, "t"], "retention.ms", "x", "INVALID_CONFIG", /Invalid value x/],
    [[TOPIC, "t"], "retention.ms", "-5", "INVALID_CONFIG", /-1/],
    [[TOPIC, "t"], "retention.ms", null, "INVALID_REQUEST", /Null/],
    [
      [TOPIC, "nope"],
      "retention.ms",
      "1",
      "UNKNOWN_TOPIC_OR_PARTITION",
      /nope/,
    ],
    [
      [TOPIC, "a/b"],
      "retention.ms",
      "1",
      "UNKNOWN_TOPIC_OR_PARTITION",
      /a\/b/,
    ],
    [[TOPIC, ""], "retention.ms", "1", "INVALID_REQUEST", /Default topic/],
    [[TOPIC, "t"], "remote.storage.enable", "true", "INVALID_CONFIG", /Tiered/],
    [[BROKER, "1"], "broker.id", "1", "INVALID_REQUEST", /broker\.id/],
    [[BROKER, "1"], "log.dirs", "/x", "INVALID_REQUEST", /log\.dirs/],
    [[BROKER, "1"], "message.max.bytes", "x", "INVALID_REQUEST", /x/],
    [[BROKER, "1"], "no.such", "1", "INVALID_REQUEST", /no\.such/],
    [[BROKER, "9"], "message.max.bytes", "1", "INVALID_REQUEST", /asked for 9/],
    [[BROKER, "x"], "message.max.bytes", "1", "INVALID_REQUEST", /integer/],
    [
      [BROKER, ""],
      "listeners",
      "PLAINTEXT://:1",
      "INVALID_REQUEST",
      /listeners/,
    ],
    [[8, "1"], "root", "INFO", "INVALID_REQUEST", /loggers/],
    [[3, "1"], "root", "INFO", "INVALID_REQUEST", /type 3/],
  ];
  await withBroker(async (client, { broker }) => {
    for (const [resource, key, value, error, text] of cases) {
      const answers = [
        await alter(client, resource, { configs: [[key, value]] }),
        await change(client, resource, { configs: [[SET, key, value]] }),
      ];
      for (const { errorCode, errorMessage } of answers) {
        const label = `${resource} ${key}: ${errorMessage}`;
        strictEqual(errorCode, ErrorCode[error], label);
        ok(text.test(errorMessage!), label);
      }
    }
    const { topics, brokerConfigs, brokerDefaultConfig } = broker.cluster.image;
    strictEqual(topics.get("t")!.config.get("retention.ms"), "77");
    strictEqual(brokerConfigs.get(1)?.size ?? 0, 0);
    strictEqual(brokerDefaultConfig.size, 0);
  });
});

Deno.test("lists alone are appended to, and a key or resource is named once", async () => {
  await withBroker(async (client) => {
    const target: [number, string] = [TOPIC, "t"];
    const refusals: [
      configs: [number, string, string | null][],
      error: ErrorName,
    ][] = [
      [[[APPEND, "retention.ms", "1"]], "INVALID_CONFIG"],
      [[[SUBTRACT, "no.such", "1"]], "INVALID_CONFIG"],
      [[[APPEND, "cleanup.policy", "foo"]], "INVALID_CONFIG"],
      [[[APPEND, "cleanup.policy", null]], "INVALID_REQUEST"],
      [[[7, "retention.ms", "1"]], "INVALID_REQUEST"],
      [[[SET, "flush.ms", "1"], [SET, "flush.ms", "2"]], "INVALID_REQUEST"],
    ];
    for (const [configs, error] of refusals) {
      const answer = await change(client, target, { configs });
      strictEqual(answer.errorCode, ErrorCode[error], String(configs));
    }
    const resource = { resourceType: TOPIC, resourceName: "t", configs: [] };
    const { responses } = await client.call(INCREMENTAL, 0, {
      resources: [resource, resource],
      validateOnly: false,
    });
    deepStrictEqual(responses.map((each) => each.errorCode), [
      ErrorCode.INVALID_REQUEST,
      ErrorCode.INVALID_REQUEST,
    ]);
  });
});

Deno.test("a broker's dynamic configuration takes effect and survives", async () => {
  const sim = simHost(13);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    await broker.createTopic("t");
    const client = await broker.connect();
    const limit = async (resource: [number, string], value: string) => {
      const answer = await change(client, resource, {
        configs: [[SET, "message.max.bytes", value]],
      });
      strictEqual(answer.errorCode, ErrorCode.NONE, answer.errorMessage ?? "");
    };
    await limit([BROKER, ""], "5000");
    strictEqual(broker.broker.config["message.max.bytes"], 5000);
    await limit([BROKER, "1"], "100");
    strictEqual(broker.broker.config["message.max.bytes"], 100);
    const { configs } = await describe(client, [BROKER, "1"]);
    const shown = configs.get("message.max.bytes")!;
    deepStrictEqual([shown.value, shown.configSource], ["100", 2]);
    deepStrictEqual(shown.synonyms.map((each) => [each.value, each.source]), [
      ["100", 2],
      ["5000", 3],
      ["1048588", 5],
    ]);
    const forAll = await describe(client, [BROKER, ""]);
    deepStrictEqual([...forAll.configs.keys()], ["message.max.bytes"]);
    const large = batchOf(["x".repeat(200)]);
    const refused = await produceOne(client, "t", large);
    strictEqual(refused.errorCode, ErrorCode.MESSAGE_TOO_LARGE);
    ok(await broker.stop());
  });
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    strictEqual(broker.broker.config["message.max.bytes"], 100);
    ok(await broker.stop());
  });
});

Deno.test("DescribeCluster names the cluster, its brokers and its controller", async () => {
  await withBroker(async (client, { broker }) => {
    for (const version of [0, 1]) {
      const answer = await client.call(CLUSTER, version, {
        includeClusterAuthorizedOperations: version === 1,
      });
      strictEqual(answer.errorCode, ErrorCode.NONE);
      strictEqual(answer.clusterId, broker.clusterId);
      strictEqual(answer.controllerId, 1);
      deepStrictEqual(
        answer.brokers.map(({ brokerId, host, port, rack }) => {
          return [brokerId, host, port, rack];
        }),
        [[1, "127.0.0.1", 9092, null]],
      );
      strictEqual(
        answer.clusterAuthorizedOperations,
        version === 1 ? 8096 : -2147483648,
      );
    }
    for (const [endpointType, errorCode] of [[2, 114], [3, 115]]) {
      const answer = await client.call(CLUSTER, 1, {
        includeClusterAuthorizedOperations: false,
        endpointType,
      });
      strictEqual(answer.errorCode, errorCode);
      deepStrictEqual(answer.brokers, []);
    }
  });
});

Deno.test("DescribeLogDirs shows directories, sizes and room", async () => {
  await withBroker(async (client, broker) => {
    await broker.createTopic("u", { partitionCount: 2 });
    const batch = batchOf(["some text"]);
    await produceOne(client, "u", batch, { partition: 1 });
    for (let version = 0; version <= 4; version++) {
      const all = await client.call(LOG_DIRS, version, { topics: null });
      strictEqual(all.errorCode, ErrorCode.NONE);
      strictEqual(all.results.length, 1);
      const [{ logDir, topics, totalBytes, usableBytes }] = all.results;
      strictEqual(logDir, "/data/logs");
      deepStrictEqual(topics.map(({ name }) => name).sort(), ["t", "u"]);
      const sizes = topics.find(({ name }) => name === "u")!.partitions;
      deepStrictEqual(
        sizes.map(({ partitionIndex, partitionSize, offsetLag }) => {
          return [partitionIndex, partitionSize, offsetLag];
        }),
        [[0, 0, 0], [1, batch.length, 0]],
      );
      if (version < 4) continue;
      ok(usableBytes > 0 && usableBytes <= totalBytes);
    }
    const some = await client.call(LOG_DIRS, 4, {
      topics: [{ topic: "u", partitions: [1, 7] }, {
        topic: "nope",
        partitions: [0],
      }],
    });
    deepStrictEqual(
      some.results[0].topics.map(({ name, partitions }) => [
        name,
        partitions.map((each) => each.partitionIndex),
      ]),
      [["u", [1]]],
    );
    const none = await client.call(LOG_DIRS, 4, { topics: [] });
    deepStrictEqual(none.results[0].topics, []);
  });
});
