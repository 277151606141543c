import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  batchOf,
  produceOne,
  TestBroker,
  type TestClient,
} from "../../testing/broker_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  deleteRecordsRequest,
  deleteRecordsResponse,
} from "../../wire/kafka/messages/delete_records.ts";
import {
  describeProducersRequest,
  describeProducersResponse,
} from "../../wire/kafka/messages/describe_producers.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../../wire/kafka/messages/find_coordinator.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../../wire/kafka/messages/init_producer_id.ts";

const INIT_PRODUCER_ID = [
  initProducerIdRequest,
  initProducerIdResponse,
] as const;
const FIND_COORDINATOR = [
  findCoordinatorRequest,
  findCoordinatorResponse,
] as const;
const DELETE_RECORDS = [deleteRecordsRequest, deleteRecordsResponse] as const;
const DESCRIBE_PRODUCERS = [
  describeProducersRequest,
  describeProducersResponse,
] as const;

async function withBroker(
  test: (broker: TestBroker, client: TestClient) => Promise<void>,
): Promise<void> {
  const sim = simHost(51);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    await broker.createTopic("t");
    await test(broker, await broker.connect());
    await broker.stop();
  });
}

Deno.test("InitProducerId never gives an id twice, not even after a crash", async () => {
  const sim = simHost(52);
  const seen = new Set<number>();
  for (let life = 0; life < 3; life++) {
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host);
      const clients = [await broker.connect(), await broker.connect()];
      for (let version = 0; version <= 5; version++) {
        const answers = await Promise.all(
          clients.map((client) =>
            client.call(INIT_PRODUCER_ID, version, {
              transactionalId: null,
              transactionTimeoutMs: 1000,
            })
          ),
        );
        for (const { errorCode, producerId, producerEpoch } of answers) {
          strictEqual(errorCode, ErrorCode.NONE);
          strictEqual(producerEpoch, 0);
          ok(producerId >= 0 && !seen.has(producerId), `${producerId}`);
          seen.add(producerId);
        }
      }
    });
    sim.restart();
  }
});

Deno.test("InitProducerId refuses what it cannot do", async () => {
  await withBroker(async (_, client) => {
    const cases: [
      id: string | null,
      producerId: number,
      epoch: number,
      code: number,
    ][] = [
      ["", -1, -1, ErrorCode.INVALID_REQUEST],
      ["tx", 5, -1, ErrorCode.INVALID_REQUEST],
      [null, 5, -1, ErrorCode.INVALID_REQUEST],
      [null, -1, 5, ErrorCode.INVALID_REQUEST],
      [null, 5, 3, ErrorCode.NONE],
    ];
    for (const [transactionalId, producerId, producerEpoch, code] of cases) {
      const answer = await client.call(INIT_PRODUCER_ID, 4, {
        transactionalId,
        transactionTimeoutMs: 1000,
        producerId,
        producerEpoch,
      });
      strictEqual(answer.errorCode, code, `${transactionalId} ${producerId}`);
    }
  });
});

Deno.test("FindCoordinator names the broker that leads a group, in every version", async () => {
  await withBroker(async (_, client) => {
    for (let version = 0; version <= 6; version++) {
      const body = version < 4 ? { key: "g" } : { coordinatorKeys: ["g", "h"] };
      const answer = await client.call(FIND_COORDINATOR, version, body);
      const found = version < 4
        ? [[answer.nodeId, answer.errorCode]]
        : answer.coordinators.map((
          { nodeId, errorCode },
        ) => [nodeId, errorCode]);
      deepStrictEqual(
        found,
        Array(version < 4 ? 1 : 2)
          .fill([1, ErrorCode.NONE]),
      );
    }
    const { errorCode } = await client.call(FIND_COORDINATOR, 2, {
      key: "g",
      keyType: 9,
    });
    strictEqual(errorCode, ErrorCode.INVALID_REQUEST);
  });
});

Deno.test("DeleteRecords moves the start of the log", async () => {
  await withBroker(async (broker, client) => {
    await produceOne(client, "t", batchOf(["a", "b", "c", "d"]));
    await broker.createTopic("compacted", {
      config: { "cleanup.policy": "compact" },
    });
    await broker.createTopic("__transaction_state");
    const cases: [topic: string, offset: number, low: number, code: number][] =
      [
        ["t", 2, 2, ErrorCode.NONE],
        ["t", 1, 2, ErrorCode.NONE],
        ["t", 5, -1, ErrorCode.OFFSET_OUT_OF_RANGE],
        ["t", -2, -1, ErrorCode.OFFSET_OUT_OF_RANGE],
        ["t", -1, 4, ErrorCode.NONE],
        ["missing", 0, -1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        ["compacted", 0, -1, ErrorCode.POLICY_VIOLATION],
        ["__transaction_state", 0, -1, ErrorCode.INVALID_TOPIC_EXCEPTION],
      ];
    for (const [name, offset, low, code] of cases) {
      for (const version of [0, 1, 2]) {
        const { topics } = await client.call(DELETE_RECORDS, version, {
          topics: [{ name, partitions: [{ partitionIndex: 0, offset }] }],
          timeoutMs: 1000,
        });
        const [{ errorCode, lowWatermark }] = topics[0].partitions;
        strictEqual(errorCode, code, `${name} ${offset}`);
        strictEqual(lowWatermark, low, `${name} ${offset}`);
      }
    }
    strictEqual(broker.broker.partitions.get("t", 0).log!.logStartOffset, 4);
  });
});

Deno.test("DescribeProducers shows who has written", async () => {
  await withBroker(async (_, client) => {
    await produceOne(
      client,
      "t",
      batchOf(["a", "b"], { producerId: 9, producerEpoch: 2, baseSequence: 0 }),
    );
    const { topics } = await client.call(DESCRIBE_PRODUCERS, 0, {
      topics: [{ name: "t", partitionIndexes: [0, 1] }],
    });
    const [known, unknown] = topics[0].partitions;
    strictEqual(known.errorCode, ErrorCode.NONE);
    strictEqual(known.activeProducers.length, 1);
    const [producer] = known.activeProducers;
    strictEqual(producer.producerId, 9);
    strictEqual(producer.producerEpoch, 2);
    strictEqual(producer.lastSequence, 1);
    strictEqual(producer.currentTxnStartOffset, -1);
    strictEqual(unknown.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    ok(unknown.errorMessage);
    const invalid = await client.call(DESCRIBE_PRODUCERS, 0, {
      topics: [{ name: "a b", partitionIndexes: [0] }],
    });
    strictEqual(
      invalid.topics[0].partitions[0].errorCode,
      ErrorCode.INVALID_TOPIC_EXCEPTION,
    );
  });
});
