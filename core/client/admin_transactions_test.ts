import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { FakeCluster } from "../testing/fake_broker.ts";
import { simHost } from "../testing/sim_host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  describeProducersRequest,
  describeProducersResponse,
} from "../wire/kafka/messages/describe_producers.ts";
import {
  describeTransactionsRequest,
  describeTransactionsResponse,
} from "../wire/kafka/messages/describe_transactions.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../wire/kafka/messages/find_coordinator.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../wire/kafka/messages/init_producer_id.ts";
import {
  listTransactionsRequest,
  listTransactionsResponse,
} from "../wire/kafka/messages/list_transactions.ts";
import {
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
} from "../wire/kafka/messages/write_txn_markers.ts";
import { type Admin, createAdmin } from "./admin.ts";
// Loaded beforehand, since simulated time does not wait for it.
import "./admin_transactions.ts";

/** Two brokers; the first letter of an id says which one coordinates it. */
async function withAdmin(
  use: (admin: Admin, fake: FakeCluster) => Promise<void>,
): Promise<void> {
  const sim = simHost(5);
  const fake = new FakeCluster(sim, 2);
  const brokerOf = (id: string) => id.startsWith("a") ? 1 : 2;
  for (const broker of fake.brokers) {
    broker.serve(
      findCoordinatorRequest,
      findCoordinatorResponse,
      ({ keyType, coordinatorKeys }) => ({
        coordinators: coordinatorKeys.map((key) => ({
          key,
          nodeId: keyType === 1 ? brokerOf(key) : -1,
          host: "",
          port: 0,
          errorCode: keyType === 1 ? 0 : ErrorCode.INVALID_REQUEST,
          errorMessage: null,
        })),
      }),
    );
    broker.serve(
      listTransactionsRequest,
      listTransactionsResponse,
      (request) => ({
        throttleTimeMs: 0,
        errorCode: 0,
        unknownStateFilters: request.stateFilters.filter((state) =>
          state === "Odd"
        ),
        transactionStates: [{
          transactionalId: `${broker.id === 1 ? "a" : "b"}${broker.id}`,
          producerId: broker.id * 10,
          transactionState: "Ongoing",
        }],
      }),
    );
  }
  await sim.run(async () => {
    await fake.start();
    const admin = createAdmin(sim.host, {
      "bootstrap.servers": fake.bootstrap,
      "default.api.timeout.ms": "5000",
    });
    await use(admin, fake);
    admin.close();
  });
  fake.stop();
}

Deno.test("Admin.listTransactions() asks every broker, and gives the filters to each", () =>
  withAdmin(async (admin, fake) => {
    fake.broker(2).script(
      apiKeys.ListTransactions,
      {
        answer: () => ({
          throttleTimeMs: 0,
          errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
          unknownStateFilters: [],
          transactionStates: [],
        }),
      },
    );
    const listed = await admin.listTransactions({
      states: ["Ongoing"],
      producerIds: [10, 20],
      minDurationMs: 500,
    });
    deepStrictEqual(listed, [
      {
        transactionalId: "a1",
        producerId: 10,
        state: "Ongoing",
        coordinator: 1,
      },
      {
        transactionalId: "b2",
        producerId: 20,
        state: "Ongoing",
        coordinator: 2,
      },
    ]);
    const seen = fake.broker(2).seen(apiKeys.ListTransactions);
    strictEqual(seen.length, 2, "one that loads is asked again");
    deepStrictEqual(seen[0].body.stateFilters, ["Ongoing"]);
    deepStrictEqual(seen[0].body.producerIdFilters, [10, 20]);
    strictEqual(seen[0].body.durationFilter, 500);
    await rejects(admin.listTransactions({ states: ["Odd"] }), {
      errorName: "INVALID_REQUEST",
      message: /no such state of transactions: Odd/,
    });
  }));

Deno.test("Admin.listTransactions() refuses a filter that a broker would pass over", () =>
  withAdmin(async (admin, fake) => {
    fake.broker(2).ranges.set(apiKeys.ListTransactions, [0, 0]);
    strictEqual((await admin.listTransactions()).length, 2);
    await rejects(admin.listTransactions({ minDurationMs: 1 }), {
      errorName: "UNSUPPORTED_VERSION",
    });
  }));

Deno.test("Admin.describeTransactions() asks the coordinator of each id", () =>
  withAdmin(async (admin, fake) => {
    for (const broker of fake.brokers) {
      broker.serve(
        describeTransactionsRequest,
        describeTransactionsResponse,
        ({ transactionalIds }) => ({
          throttleTimeMs: 0,
          transactionStates: transactionalIds.map((transactionalId) => ({
            errorCode: transactionalId === "b-none"
              ? ErrorCode.TRANSACTIONAL_ID_NOT_FOUND
              : 0,
            transactionalId,
            transactionState: "Ongoing",
            transactionTimeoutMs: 60_000,
            transactionStartTimeMs: transactionalId === "a" ? 77 : -1,
            producerId: 5,
            producerEpoch: 3,
            topics: [{ topic: "t", partitions: [1, 2] }],
          })),
        }),
      );
    }
    const [b, none, a] = await admin.describeTransactions(["b", "b-none", "a"]);
    deepStrictEqual(a.value, {
      transactionalId: "a",
      producerId: 5,
      producerEpoch: 3,
      state: "Ongoing",
      coordinator: 1,
      timeoutMs: 60_000,
      startTimeMs: 77,
      partitions: [{ topic: "t", partition: 1 }, { topic: "t", partition: 2 }],
    });
    deepStrictEqual([b.value?.coordinator, b.value?.startTimeMs], [2, null]);
    strictEqual(none.value, null);
    strictEqual(none.error?.message, "No such transactional id: b-none");
    strictEqual(
      fake.broker(2).seen(apiKeys.DescribeTransactions).length,
      1,
      "one request for both of its ids",
    );
  }));

Deno.test("Admin.fenceProducers() waits for the end of a transaction, and tells of each id", () =>
  withAdmin(async (admin, fake) => {
    let asked = 0;
    for (const broker of fake.brokers) {
      broker.serve(
        initProducerIdRequest,
        initProducerIdResponse,
        ({ transactionalId, producerId }) => {
          strictEqual(producerId, -1);
          const errorCode = transactionalId === "b"
            ? ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            : asked++ === 0
            ? ErrorCode.CONCURRENT_TRANSACTIONS
            : 0;
          return {
            throttleTimeMs: 0,
            errorCode,
            producerId: 9,
            producerEpoch: 4,
          };
        },
      );
    }
    const [a, b] = await admin.fenceProducers(["a", "b"]);
    deepStrictEqual(a.value, { producerId: 9, producerEpoch: 4 });
    strictEqual(asked, 2);
    strictEqual(b.value, null);
    strictEqual(
      (b.error as { errorName?: string }).errorName,
      "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    );
  }));

Deno.test("Admin.describeProducers() asks leaders, or the replica that is named", () =>
  withAdmin(async (admin, fake) => {
    fake.state.createTopic("t", 1);
    for (const broker of fake.brokers) {
      broker.serve(
        describeProducersRequest,
        describeProducersResponse,
        ({ topics }) => ({
          throttleTimeMs: 0,
          topics: topics.map(({ name, partitionIndexes }) => ({
            name,
            partitions: partitionIndexes.map((partitionIndex) => ({
              partitionIndex,
              errorCode: 0,
              errorMessage: null,
              activeProducers: [{
                producerId: broker.id,
                producerEpoch: 1,
                lastSequence: 2,
                lastTimestamp: 3,
                coordinatorEpoch: -1,
                currentTxnStartOffset: 7,
              }],
            })),
          })),
        }),
      );
    }
    const place = { topic: "t", partition: 0 };
    const leader = fake.state.topics.get("t")!.partitions[0].leader;
    for (const brokerId of [undefined, 3 - leader]) {
      const [{ value }] = await admin.describeProducers([place], { brokerId });
      deepStrictEqual(value, [{
        producerId: brokerId ?? leader,
        producerEpoch: 1,
        lastSequence: 2,
        lastTimestampMs: 3,
        coordinatorEpoch: -1,
        currentTransactionStartOffset: 7,
      }]);
    }
  }));

Deno.test("Admin.abortTransaction() has the partition's leader write the marker", () =>
  withAdmin(async (admin, fake) => {
    fake.state.createTopic("t", 2);
    let errorCode: number = ErrorCode.NOT_LEADER_OR_FOLLOWER;
    for (const broker of fake.brokers) {
      broker.serve(
        writeTxnMarkersRequest,
        writeTxnMarkersResponse,
        ({ markers }) => {
          const answered = errorCode;
          errorCode = 0;
          return {
            markers: markers.map(({ producerId, topics }) => ({
              producerId,
              topics: topics.map(({ name, partitionIndexes }) => ({
                name,
                partitions: partitionIndexes.map((partitionIndex) => ({
                  partitionIndex,
                  errorCode: answered,
                })),
              })),
            })),
          };
        },
      );
    }
    const transaction = {
      topic: "t",
      partition: 1,
      producerId: 1000,
      producerEpoch: 2,
      coordinatorEpoch: -1,
    };
    await admin.abortTransaction(transaction);
    const { leader } = fake.state.topics.get("t")!.partitions[1];
    const seen = fake.broker(leader).seen(apiKeys.WriteTxnMarkers);
    strictEqual(seen.length, 2, "a leader that has moved is looked for");
    deepStrictEqual(seen[0].body.markers, [{
      producerId: 1000,
      producerEpoch: 2,
      transactionResult: false,
      transactionVersion: 0,
      topics: [{ name: "t", partitionIndexes: [1] }],
      coordinatorEpoch: 0,
    }]);
    errorCode = ErrorCode.INVALID_PRODUCER_EPOCH;
    await rejects(admin.abortTransaction(transaction), {
      errorName: "INVALID_PRODUCER_EPOCH",
    });
  }));
