import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  batchOf,
  produceOne,
  TestBroker,
  type TestClient,
  until,
} from "../../testing/broker_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode, type ErrorName } from "../../wire/kafka/errors.ts";
import {
  createPartitionsRequest,
  createPartitionsResponse,
} from "../../wire/kafka/messages/create_partitions.ts";
import {
  createTopicsRequest,
  createTopicsResponse,
} from "../../wire/kafka/messages/create_topics.ts";
import {
  deleteTopicsRequest,
  deleteTopicsResponse,
} from "../../wire/kafka/messages/delete_topics.ts";
import {
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from "../../wire/kafka/messages/describe_topic_partitions.ts";
import { type InferInput, ZERO_UUID } from "../../wire/kafka/schema.ts";

const CREATE = [createTopicsRequest, createTopicsResponse] as const;
const DELETE = [deleteTopicsRequest, deleteTopicsResponse] as const;
const ADD = [createPartitionsRequest, createPartitionsResponse] as const;
const DESCRIBE = [
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
] as const;

type NewTopic = InferInput<typeof createTopicsRequest>["topics"][number];

/** Runs a test with a broker and one connection to it. */
async function withBroker(
  run: (client: TestClient, broker: TestBroker) => Promise<void>,
  overrides: { readonly [key: string]: string | number } = {},
): Promise<void> {
  const sim = simHost(7);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, overrides);
    await run(await broker.connect(), broker);
    deepStrictEqual(broker.lines.filter((line) => /Failed/.test(line)), []);
    ok(await broker.stop());
  });
}

function topic(name: string, rest: Partial<NewTopic> = {}): NewTopic {
  return {
    name,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
    ...rest,
  };
}

function assigned(name: string, rows: [index: number, ...ids: number[]][]) {
  return topic(name, {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: rows.map(([partitionIndex, ...brokerIds]) => ({
      partitionIndex,
      brokerIds,
    })),
  });
}

async function create(
  client: TestClient,
  topics: readonly NewTopic[],
  options: { version?: number; validateOnly?: boolean } = {},
) {
  const { version = 7, validateOnly = false } = options;
  const body = { topics, timeoutMs: 5000, validateOnly };
  return (await client.call(CREATE, version, body)).topics;
}

Deno.test("CreateTopics says what it made", async () => {
  await withBroker(async (client, { broker }) => {
    const configs = [{ name: "retention.ms", value: "12345" }];
    const [made] = await create(client, [
      topic("orders", { numPartitions: 3, configs }),
    ]);
    strictEqual(made.errorCode, ErrorCode.NONE);
    strictEqual(made.errorMessage, null);
    strictEqual(made.numPartitions, 3);
    strictEqual(made.replicationFactor, 1);
    const image = broker.cluster.image.topics.get("orders")!;
    strictEqual(made.topicId, image.topicId);
    strictEqual(image.partitions.length, 3);
    strictEqual(image.config.get("retention.ms"), "12345");
    const shown = new Map(made.configs!.map((each) => [each.name, each]));
    strictEqual(shown.get("retention.ms")?.value, "12345");
    strictEqual(shown.get("retention.ms")?.configSource, 1);
    strictEqual(shown.get("segment.bytes")?.value, "1073741824");
    strictEqual(shown.get("segment.bytes")?.configSource, 5);
    strictEqual(shown.get("flush.ms")?.value, "9223372036854775807");
  });
});

Deno.test("CreateTopics takes -1 for the broker's defaults in every version", async () => {
  await withBroker(async (client, { broker }) => {
    for (let version = 0; version <= 7; version++) {
      const name = `defaults-${version}`;
      const numbers = { numPartitions: -1, replicationFactor: -1 };
      const [made] = await create(client, [topic(name, numbers)], { version });
      strictEqual(made.errorCode, ErrorCode.NONE, `v${version}`);
      const { partitions } = broker.cluster.image.topics.get(name)!;
      strictEqual(partitions.length, 2, `v${version}`);
    }
  }, { "num.partitions": 2 });
});

Deno.test("CreateTopics refuses what no topic can be", async () => {
  const config = (name: string, value: string | null) => ({
    configs: [{ name, value }],
  });
  const cases: [topic: NewTopic, error: ErrorName, text: RegExp][] = [
    [topic(""), "INVALID_TOPIC_EXCEPTION", /empty/],
    [topic("."), "INVALID_TOPIC_EXCEPTION", /'\.'/],
    [topic(".."), "INVALID_TOPIC_EXCEPTION", /'\.\.'/],
    [topic("a/b"), "INVALID_TOPIC_EXCEPTION", /alphanumerics/],
    [topic("a\0b"), "INVALID_TOPIC_EXCEPTION", /alphanumerics/],
    [topic("tópic"), "INVALID_TOPIC_EXCEPTION", /alphanumerics/],
    [topic("x".repeat(250)), "INVALID_TOPIC_EXCEPTION", /249/],
    [topic("there"), "TOPIC_ALREADY_EXISTS", /'there'/],
    // The name comes first: what else is wrong does not matter.
    [topic("there", { numPartitions: 0 }), "TOPIC_ALREADY_EXISTS", /'there'/],
    [topic("a_b"), "INVALID_TOPIC_EXCEPTION", /collides.*a\.b/],
    [topic("n", { numPartitions: 0 }), "INVALID_PARTITIONS", /1 to 10000/],
    [topic("n", { numPartitions: -7 }), "INVALID_PARTITIONS", /1 to 10000/],
    [topic("n", { numPartitions: 1e6 }), "INVALID_PARTITIONS", /1 to 10000/],
    [
      topic("n", { replicationFactor: 0 }),
      "INVALID_REPLICATION_FACTOR",
      /from 1 to 1/,
    ],
    [
      topic("n", { replicationFactor: -2 }),
      "INVALID_REPLICATION_FACTOR",
      /from 1 to 1/,
    ],
    [
      topic("n", { replicationFactor: 9 }),
      "INVALID_REPLICATION_FACTOR",
      /9 larger than available brokers: 1/,
    ],
    [assigned("n", [[0, 1, 1]]), "INVALID_REPLICA_ASSIGNMENT", /Duplicate/],
    [assigned("n", [[0, 7]]), "INVALID_REPLICA_ASSIGNMENT", /Unknown.*7/],
    [assigned("n", [[0, -1]]), "INVALID_REPLICA_ASSIGNMENT", /Unknown.*-1/],
    [assigned("n", [[0]]), "INVALID_REPLICA_ASSIGNMENT", /no replicas/],
    [assigned("n", [[1, 1]]), "INVALID_REPLICA_ASSIGNMENT", /consecutive/],
    [
      assigned("n", [[0, 1], [0, 1]]),
      "INVALID_REPLICA_ASSIGNMENT",
      /Partition 0.*more than once/,
    ],
    [assigned("n", [[0, 1], [1]]), "INVALID_REPLICA_ASSIGNMENT", /same number/],
    [
      { ...assigned("n", [[0, 1]]), numPartitions: 1 },
      "INVALID_REQUEST",
      /assignment/,
    ],
    [topic("n", config("no.such", "1")), "INVALID_CONFIG", /no\.such/],
    [topic("n", config("", "1")), "INVALID_CONFIG", /Unknown/],
    [topic("n", config("retention.ms", "x")), "INVALID_CONFIG", /Invalid.*x/],
    [topic("n", config("retention.ms", null)), "INVALID_CONFIG", /Null/],
    [topic("n", config("segment.bytes", "1")), "INVALID_CONFIG", /14/],
    [topic("n", config("cleanup.policy", "foo")), "INVALID_CONFIG", /compact/],
  ];
  await withBroker(async (client, { broker }) => {
    await create(client, [topic("there"), topic("a.b")]);
    for (const validateOnly of [false, true]) {
      for (const [wrong, error, text] of cases) {
        const [answer] = await create(client, [wrong], { validateOnly });
        const label = `${JSON.stringify(wrong)}: ${answer.errorMessage}`;
        strictEqual(answer.errorCode, ErrorCode[error], label);
        ok(text.test(answer.errorMessage ?? ""), label);
        strictEqual(answer.topicId, ZERO_UUID);
      }
    }
    deepStrictEqual([...broker.cluster.image.topics.keys()].sort(), [
      "a.b",
      "there",
    ]);
  });
});

Deno.test("CreateTopics lets every topic stand for itself", async () => {
  await withBroker(async (client, { broker }) => {
    const answers = await create(client, [
      topic("good"),
      topic("twice"),
      topic("twice"),
      topic("x.y"),
      topic("x_y"),
    ]);
    deepStrictEqual(answers.map(({ name, errorCode }) => [name, errorCode]), [
      ["good", ErrorCode.NONE],
      ["twice", ErrorCode.INVALID_REQUEST],
      ["twice", ErrorCode.INVALID_REQUEST],
      ["x.y", ErrorCode.NONE],
      ["x_y", ErrorCode.INVALID_TOPIC_EXCEPTION],
    ]);
    strictEqual(broker.cluster.image.topics.size, 2);
  });
});

Deno.test("CreateTopics changes nothing where it only validates", async () => {
  await withBroker(async (client, { broker }) => {
    const [answer] = await create(client, [
      topic("v", { numPartitions: 4 }),
    ], { validateOnly: true });
    strictEqual(answer.errorCode, ErrorCode.NONE);
    strictEqual(answer.numPartitions, 4);
    strictEqual(answer.topicId, ZERO_UUID);
    strictEqual(broker.cluster.image.topics.size, 0);
  });
});

Deno.test("CreateTopics follows an assignment", async () => {
  await withBroker(async (client, { broker }) => {
    const [answer] = await create(client, [assigned("a", [[1, 1], [0, 1]])]);
    strictEqual(answer.numPartitions, 2);
    const { partitions } = broker.cluster.image.topics.get("a")!;
    deepStrictEqual(partitions.map(({ replicas }) => replicas), [[1], [1]]);
  });
});

async function remove(
  client: TestClient,
  topics: readonly { name?: string | null; topicId?: string }[],
) {
  const body = {
    topics: topics.map(({ name = null, topicId = ZERO_UUID }) => {
      return { name, topicId };
    }),
    timeoutMs: 5000,
  };
  const { responses } = await client.call(DELETE, 6, body);
  return responses;
}

Deno.test("DeleteTopics deletes by name and by id", async () => {
  await withBroker(async (client, { broker }) => {
    const [, byId] = await create(client, [topic("one"), topic("two")]);
    const unknownId = "BBBBBBBBBBBBBBBBBBBBBA";
    const answers = await remove(client, [
      { name: "one" },
      { topicId: byId.topicId },
      { name: "nope" },
      { topicId: unknownId },
      {},
      { name: "both", topicId: unknownId },
    ]);
    deepStrictEqual(answers.map(({ name, errorCode }) => [name, errorCode]), [
      ["one", ErrorCode.NONE],
      ["two", ErrorCode.NONE],
      ["nope", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [null, ErrorCode.UNKNOWN_TOPIC_ID],
      [null, ErrorCode.INVALID_REQUEST],
      ["both", ErrorCode.INVALID_REQUEST],
    ]);
    strictEqual(answers[0].topicId, ZERO_UUID, "named by its name alone");
    strictEqual(answers[1].topicId, byId.topicId);
    strictEqual(broker.cluster.image.topics.size, 0);
    // The name is free again, with another id.
    const [again] = await create(client, [topic("two")]);
    strictEqual(again.errorCode, ErrorCode.NONE);
    ok(again.topicId !== byId.topicId);
  });
});

Deno.test("DeleteTopics refuses what is named twice, also by name and id", async () => {
  await withBroker(async (client, { broker }) => {
    const [made] = await create(client, [topic("once")]);
    const twice = await remove(client, [
      { name: "once" },
      { topicId: made.topicId },
    ]);
    const invalid = ErrorCode.INVALID_REQUEST;
    deepStrictEqual(twice.map((each) => each.errorCode), [invalid, invalid]);
    const same = await remove(client, [{ name: "once" }, { name: "once" }]);
    deepStrictEqual(same.map((each) => each.errorCode), [invalid, invalid]);
    ok(broker.cluster.image.topics.has("once"));
  });
});

Deno.test("who does not wait for a topic is told that the time was up", async () => {
  await withBroker(async (client, { broker }) => {
    const { topics } = await client.call(CREATE, 5, {
      topics: [topic("t")],
      timeoutMs: 0,
    });
    strictEqual(topics[0].errorCode, ErrorCode.REQUEST_TIMED_OUT);
    await until(broker.host, () => broker.cluster.image.topics.has("t"));
    const { responses } = await client.call(DELETE, 5, {
      topicNames: ["t"],
      timeoutMs: 0,
    });
    strictEqual(responses[0].errorCode, ErrorCode.REQUEST_TIMED_OUT);
    await until(broker.host, () => !broker.cluster.image.topics.has("t"));
  });
});

Deno.test("DeleteTopics works in the versions without ids", async () => {
  await withBroker(async (client, { broker }) => {
    for (let version = 0; version <= 5; version++) {
      await create(client, [topic("old")]);
      const { responses } = await client.call(DELETE, version, {
        topicNames: ["old", "nope"],
        timeoutMs: 5000,
      });
      deepStrictEqual(responses.map((each) => each.errorCode), [
        ErrorCode.NONE,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      ]);
      strictEqual(broker.cluster.image.topics.size, 0);
    }
  });
});

Deno.test("DeleteTopics is refused where deletion is switched off", async () => {
  await withBroker(async (client, { broker }) => {
    await create(client, [topic("kept")]);
    const [answer] = await remove(client, [{ name: "kept" }]);
    strictEqual(answer.errorCode, ErrorCode.TOPIC_DELETION_DISABLED);
    const old = await client.call(DELETE, 2, {
      topicNames: ["kept"],
      timeoutMs: 5000,
    });
    strictEqual(old.responses[0].errorCode, ErrorCode.INVALID_REQUEST);
    ok(broker.cluster.image.topics.has("kept"));
  }, { "delete.topic.enable": "false" });
});

Deno.test("CreatePartitions adds partitions that take records at once", async () => {
  await withBroker(async (client, { broker }) => {
    await create(client, [topic("grow")]);
    const add = async (
      count: number,
      assignments: readonly { brokerIds: readonly number[] }[] | null = null,
      validateOnly = false,
    ) => {
      const { results } = await client.call(ADD, 3, {
        topics: [{ name: "grow", count, assignments }],
        timeoutMs: 5000,
        validateOnly,
      });
      return results[0];
    };
    const partitions = () =>
      broker.cluster.image.topics.get("grow")!.partitions.length;
    strictEqual((await add(3, null, true)).errorCode, ErrorCode.NONE);
    strictEqual(partitions(), 1);
    strictEqual((await add(3)).errorCode, ErrorCode.NONE);
    strictEqual(partitions(), 3);
    const produced = await produceOne(client, "grow", batchOf(["a"]), {
      partition: 2,
    });
    strictEqual(produced.errorCode, ErrorCode.NONE);
    strictEqual(
      (await add(4, [{ brokerIds: [1] }])).errorCode,
      ErrorCode.NONE,
    );
    const refusals: [Parameters<typeof add>, ErrorName, RegExp][] = [
      [[4], "INVALID_PARTITIONS", /already has 4/],
      [[1], "INVALID_PARTITIONS", /higher than the requested 1/],
      [[-1], "INVALID_PARTITIONS", /higher than the requested -1/],
      [[1e6], "INVALID_PARTITIONS", /at most 10000/],
      [[6, [{ brokerIds: [1] }]], "INVALID_REPLICA_ASSIGNMENT", /by 2 but 1/],
      [[5, []], "INVALID_REPLICA_ASSIGNMENT", /by 1 but 0/],
      [[5, [{ brokerIds: [9] }]], "INVALID_REPLICA_ASSIGNMENT", /Unknown.*9/],
      [[5, [{ brokerIds: [] }]], "INVALID_REPLICA_ASSIGNMENT", /no replicas/],
    ];
    for (const [call, error, text] of refusals) {
      const answer = await add(...call);
      strictEqual(answer.errorCode, ErrorCode[error], answer.errorMessage!);
      ok(text.test(answer.errorMessage!), answer.errorMessage!);
    }
    strictEqual(partitions(), 4);
  });
});

Deno.test("CreatePartitions refuses unknown topics and topics named twice", async () => {
  await withBroker(async (client) => {
    await create(client, [topic("grow")]);
    const two = { name: "grow", count: 2, assignments: null };
    const { results } = await client.call(ADD, 0, {
      topics: [two, two, { ...two, name: "nope" }],
      timeoutMs: 5000,
      validateOnly: false,
    });
    deepStrictEqual(results.map(({ name, errorCode }) => [name, errorCode]), [
      ["grow", ErrorCode.INVALID_REQUEST],
      ["nope", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
  });
});

Deno.test("DescribeTopicPartitions pages through topics in the order of names", async () => {
  await withBroker(async (client) => {
    const three = { numPartitions: 3 };
    await create(client, [topic("b", three), topic("a", three)]);
    const seen: string[] = [];
    let cursor: { topicName: string; partitionIndex: number } | null = null;
    let pages = 0;
    do {
      const page: Awaited<ReturnType<typeof describeAll>> = await describeAll(
        client,
        cursor,
      );
      for (
        const { name, partitions, topicAuthorizedOperations } of page.topics
      ) {
        strictEqual(topicAuthorizedOperations, 3576);
        for (const { partitionIndex, leaderId } of partitions) {
          strictEqual(leaderId, 1);
          seen.push(`${name}-${partitionIndex}`);
        }
      }
      cursor = page.nextCursor;
      pages++;
    } while (cursor !== null);
    deepStrictEqual(seen, ["a-0", "a-1", "a-2", "b-0", "b-1", "b-2"]);
    strictEqual(pages, 3);
  });
});

function describeAll(
  client: TestClient,
  cursor: { topicName: string; partitionIndex: number } | null,
) {
  const body = { topics: [], responsePartitionLimit: 2, cursor };
  return client.call(DESCRIBE, 0, body);
}

Deno.test("DescribeTopicPartitions says what it does not know", async () => {
  await withBroker(async (client) => {
    await create(client, [topic("a")]);
    const ask = (names: string[], partitionIndex: number | null = null) =>
      client.call(DESCRIBE, 0, {
        topics: names.map((name) => ({ name })),
        responsePartitionLimit: -5,
        cursor: partitionIndex === null
          ? null
          : { topicName: "a", partitionIndex },
      });
    const { topics, nextCursor } = await ask(["nope", "a/b", "a", "a"]);
    deepStrictEqual(topics.map(({ name, errorCode }) => [name, errorCode]), [
      ["a", ErrorCode.NONE],
      ["a/b", ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["nope", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
    for (const { topicAuthorizedOperations } of topics) {
      strictEqual(topicAuthorizedOperations, 3576);
    }
    strictEqual(nextCursor, null);
    for (const [names, index] of [[["a"], -1], [["b"], 0]] as const) {
      const refused = await ask([...names], index);
      deepStrictEqual(refused.topics.map((each) => each.errorCode), [
        ErrorCode.INVALID_REQUEST,
      ]);
    }
  });
});
