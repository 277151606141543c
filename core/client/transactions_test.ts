import {
  deepStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import { decodeUtf8 } from "../base/bytes.ts";
import { FakeCluster, type ScriptedAction } from "../testing/fake_broker.ts";
import type { FakePartition } from "../testing/fake_cluster.ts";
import {
  type FakeTransactions,
  serveTransactions,
  type TransactionVersion,
} from "../testing/fake_transactions.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import { FetchedData } from "./fetched_data.ts";
import { createGroupConsumer } from "./group_consumer.ts";
import { createProducer, type Producer } from "./producer.ts";
import {
  AbortableTransactionError,
  FatalTransactionError,
} from "./transaction_errors.ts";

interface Scene {
  readonly sim: SimHost;
  readonly fake: FakeCluster;
  readonly transactions: FakeTransactions;
  readonly partition: FakePartition;
  producer(config?: Record<string, string>): Producer;
}

const VERSIONS: readonly TransactionVersion[] = [0, 2];

async function scene(
  options: {
    readonly version?: TransactionVersion;
    readonly brokers?: number;
    readonly seed?: number;
  },
  job: (scene: Scene) => Promise<void>,
): Promise<void> {
  const sim = simHost(options.seed ?? 1);
  const fake = new FakeCluster(sim, options.brokers ?? 1);
  const coordinator = fake.broker(1);
  const transactions = serveTransactions(fake, coordinator, options.version);
  const producers: Producer[] = [];
  await sim.run(async () => {
    await fake.start();
    await job({
      sim,
      fake,
      transactions,
      partition: fake.state.createTopic("t").partitions[0],
      producer(config = {}) {
        const producer = createProducer(sim.host, {
          "bootstrap.servers": fake.bootstrap,
          "transactional.id": "x",
          ...config,
        });
        producers.push(producer);
        return producer;
      },
    });
    for (const producer of producers) await producer.close({ timeoutMs: 0 });
  });
  fake.stop();
}

/** What readers of committed records see. */
function committed(partition: FakePartition): string[] {
  const endOffset = partition.lastStableOffset ?? partition.endOffset;
  const data = new FetchedData(
    { topic: "t", partition: 0 },
    partition.read(0, Infinity, endOffset),
    { fetchOffset: 0, aborted: partition.aborted, checksCrcs: true },
  );
  const seen: string[] = [];
  for (;;) {
    const chunk = data.take(1000);
    if (chunk === null) return seen;
    seen.push(...chunk.records.map(({ value }) => decodeUtf8(value!)));
  }
}

/** One transaction of some records, which may fail as it likes. */
async function transact(producer: Producer, values: readonly string[]) {
  producer.beginTransaction();
  for (const value of values) producer.sendNoWait({ topic: "t", value });
  await producer.commitTransaction();
}

/** An answer in which everything has failed with a code. */
function refuse(errorCode: number): ScriptedAction {
  return {
    answer: ({ apiKey, body }) => {
      const topics = body.topicData ?? body.topics ?? body.v3AndBelowTopics;
      const rows = (field: string, list: string, of: string) =>
        // deno-lint-ignore no-explicit-any -- a decoded request
        topics.map((topic: any) => ({
          name: topic.name,
          [list]: (topic.partitionData ?? topic.partitions).map((
            // deno-lint-ignore no-explicit-any -- a decoded request
            partition: any,
          ) => ({
            [of]: partition.index ?? partition.partitionIndex ?? partition,
            [field]: errorCode,
            baseOffset: -1,
          })),
        }));
      switch (apiKey) {
        case apiKeys.Produce: {
          const list = "partitionResponses";
          return { responses: rows("errorCode", list, "index") };
        }
        case apiKeys.TxnOffsetCommit: {
          const list = "partitions";
          const topics = rows("errorCode", list, "partitionIndex");
          return { throttleTimeMs: 0, topics };
        }
        case apiKeys.AddPartitionsToTxn: {
          const results = rows(
            "partitionErrorCode",
            "resultsByPartition",
            "partitionIndex",
          );
          return {
            throttleTimeMs: 0,
            resultsByTransaction: [],
            resultsByTopicV3AndBelow: results,
          };
        }
        case apiKeys.FindCoordinator:
          return {
            coordinators: body.coordinatorKeys.map((key: string) => ({
              key,
              nodeId: -1,
              host: "",
              port: -1,
              errorCode,
              errorMessage: null,
            })),
          };
        default:
          return {
            throttleTimeMs: 0,
            errorCode,
            producerId: -1,
            producerEpoch: -1,
          };
      }
    },
  };
}

for (const version of VERSIONS) {
  Deno.test(`Producer.commitTransaction() shows all records of a transaction, by version ${version}`, async () => {
    await scene(
      { version },
      async ({ fake, transactions, partition, producer }) => {
        const p = producer({ "linger.ms": "10000" });
        await p.initTransactions();
        p.beginTransaction();
        p.sendNoWait({ topic: "t", value: "a" });
        p.sendNoWait({ topic: "t", value: "b" });
        deepStrictEqual(committed(partition), []);
        await p.commitTransaction();
        deepStrictEqual(committed(partition), ["a", "b"]);
        await transact(p, ["c"]);
        deepStrictEqual(committed(partition), ["a", "b", "c"]);
        // By the newer protocol, each transaction has an epoch, and no partition is added.
        const isNewer = version === 2;
        const { producerEpoch } = transactions.byId.get("x")!;
        strictEqual(producerEpoch, isNewer ? 2 : 0);
        const broker = fake.broker(1);
        strictEqual(
          broker.seen(apiKeys.AddPartitionsToTxn).length,
          isNewer ? 0 : 2,
        );
        for (const { apiVersion, body } of broker.seen(apiKeys.Produce)) {
          strictEqual(apiVersion, isNewer ? 12 : 11);
          strictEqual(body.transactionalId, "x");
        }
        for (const { apiVersion } of broker.seen(apiKeys.EndTxn)) {
          strictEqual(apiVersion, isNewer ? 5 : 4);
        }
      },
    );
  });

  Deno.test(`Producer.abortTransaction() drops what has not left, and hides what has, by version ${version}`, async () => {
    await scene({ version }, async ({ partition, producer }) => {
      const p = producer({ "linger.ms": "10000" });
      await p.initTransactions();
      p.beginTransaction();
      p.sendNoWait({ topic: "t", value: "sent" });
      await p.flush();
      const unsent = p.send({ topic: "t", value: "unsent" });
      await Promise.all([
        rejects(unsent, AbortableTransactionError),
        p.abortTransaction(),
      ]);
      await transact(p, ["next"]);
      deepStrictEqual(committed(partition), ["next"]);
      strictEqual(partition.records.length, 4);
    });
  });

  Deno.test(`a transaction of nothing asks nobody, by version ${version}`, async () => {
    await scene({ version }, async ({ fake, producer }) => {
      const p = producer();
      await p.initTransactions();
      p.beginTransaction();
      await p.commitTransaction();
      p.beginTransaction();
      await p.abortTransaction();
      strictEqual(fake.broker(1).seen(apiKeys.EndTxn).length, 0);
      await transact(p, ["a"]);
    });
  });

  Deno.test(`Producer.sendOffsets() commits a group's offsets with the transaction, by version ${version}`, async () => {
    await scene(
      { version },
      async ({ sim, fake, transactions, partition, producer }) => {
        const p = producer();
        await p.initTransactions();
        await transact(p, ["a", "b"]);
        const consumer = createGroupConsumer(sim.host, {
          "bootstrap.servers": fake.bootstrap,
          "group.id": "g",
          "auto.offset.reset": "earliest",
          "isolation.level": "read_committed",
          "enable.auto.commit": "false",
        });
        deepStrictEqual(consumer.groupMetadata(), { groupId: "g" });
        consumer.subscribe(["t"]);
        const [{ records }] = await consumer.poll(5000);
        strictEqual(records.length, 2);
        const metadata = consumer.groupMetadata();
        strictEqual(metadata.generationId, 1);
        strictEqual(metadata.memberId, consumer.memberId);

        p.beginTransaction();
        await p.sendOffsets(consumer.positions(), metadata);
        const { offsets } = transactions.groups.get("g")!;
        strictEqual(offsets.get("t-0"), undefined);
        await p.abortTransaction();
        strictEqual(offsets.get("t-0"), undefined);

        p.beginTransaction();
        p.sendNoWait({ topic: "t", value: "c" });
        await p.sendOffsets(consumer.positions(), metadata);
        await p.commitTransaction();
        // Two records and the marker behind them.
        strictEqual(offsets.get("t-0"), 3);

        // Out of the group, the member stays known as the one it was.
        transactions.groups.get("g")!.expel(consumer.memberId);
        const waits = sim.host.clock;
        await new Promise<void>((resolve) => waits.after(10_000, resolve));
        strictEqual(consumer.generationId, -1);
        deepStrictEqual(consumer.groupMetadata(), metadata);
        p.beginTransaction();
        await rejects(
          p.sendOffsets(consumer.positions(), consumer.groupMetadata()),
          AbortableTransactionError,
        );
        await rejects(p.commitTransaction(), AbortableTransactionError);
        await p.abortTransaction();
        await transact(p, ["d"]);
        deepStrictEqual(committed(partition), ["a", "b", "c", "d"]);
        await consumer.close({ timeoutMs: 0 });
      },
    );
  });

  Deno.test(`a second producer of the same id fences the first, by version ${version}`, async () => {
    await scene({ version }, async ({ partition, producer }) => {
      const [first, second] = [producer(), producer()];
      await first.initTransactions();
      first.beginTransaction();
      await first.send({ topic: "t", value: "torn" });
      await second.initTransactions();
      await transact(second, ["a"]);
      await rejects(first.commitTransaction(), (error) => {
        ok(error instanceof FatalTransactionError);
        const { cause } = error as { cause?: { errorName?: string } };
        strictEqual(cause?.errorName, "PRODUCER_FENCED");
        return true;
      });
      await rejects(first.abortTransaction(), FatalTransactionError);
      await rejects(
        first.send({ topic: "t", value: "b" }),
        FatalTransactionError,
      );
      throws(() => first.beginTransaction(), FatalTransactionError);
      await transact(second, ["c"]);
      deepStrictEqual(committed(partition), ["a", "c"]);
    });
  });

  Deno.test(`a record that is late makes the transaction abortable, by version ${version}`, async () => {
    await scene({ version }, async ({ fake, partition, producer }) => {
      const p = producer({
        "request.timeout.ms": "1000",
        "delivery.timeout.ms": "2000",
      });
      await p.initTransactions();
      await transact(p, ["a"]);
      p.beginTransaction();
      fake.broker(1).script(apiKeys.Produce, "silence", "silence", "silence");
      await rejects(p.send({ topic: "t", value: "late" }), (error) => {
        ok(error instanceof AbortableTransactionError);
        const { cause } = error as { cause?: { errorName?: string } };
        strictEqual(cause?.errorName, "REQUEST_TIMED_OUT");
        return true;
      });
      await rejects(
        p.send({ topic: "t", value: "no" }),
        AbortableTransactionError,
      );
      await rejects(p.commitTransaction(), AbortableTransactionError);
      await p.abortTransaction();
      await transact(p, ["b"]);
      await transact(p, ["c"]);
      deepStrictEqual(committed(partition), ["a", "b", "c"]);
    });
  });

  Deno.test(`a transaction that the coordinator has timed out cannot be committed, by version ${version}`, async () => {
    await scene({ version }, async ({ transactions, partition, producer }) => {
      const p = producer();
      await p.initTransactions();
      p.beginTransaction();
      await p.send({ topic: "t", value: "a" });
      transactions.expire("x");
      await rejects(
        p.send({ topic: "t", value: "b" }),
        AbortableTransactionError,
      );
      await rejects(p.commitTransaction(), AbortableTransactionError);
      if (version === 0) {
        await rejects(p.abortTransaction(), FatalTransactionError);
        return deepStrictEqual(committed(partition), []);
      }
      // The coordinator tells its own abort from another producer's.
      await p.abortTransaction();
      await transact(p, ["c"]);
      deepStrictEqual(committed(partition), ["c"]);
    });
  });

  Deno.test(`a record that is too large makes the transaction abortable, by version ${version}`, async () => {
    await scene({ version }, async ({ partition, producer }) => {
      const p = producer({ "max.request.size": "1000" });
      await p.initTransactions();
      p.beginTransaction();
      p.sendNoWait({ topic: "t", value: "a" });
      p.sendNoWait({ topic: "t", value: "x".repeat(2000) });
      await rejects(p.commitTransaction(), /larger than max.request.size/);
      await p.abortTransaction();
      await transact(p, ["b"]);
      deepStrictEqual(committed(partition), ["b"]);
    });
  });
}

function wait(sim: SimHost, ms: number): Promise<void> {
  return new Promise((resolve) => sim.host.clock.after(ms, resolve));
}

for (const version of VERSIONS) {
  Deno.test(`a record that is refused during the commit keeps it from happening, by version ${version}`, async () => {
    await scene({ version }, async ({ fake, partition, producer }) => {
      const p = producer({ "linger.ms": "10000" });
      await p.initTransactions();
      const broker = fake.broker(1);
      broker.script(apiKeys.Produce, refuse(ErrorCode.INVALID_RECORD));
      p.beginTransaction();
      p.sendNoWait({ topic: "t", value: "a" });
      await rejects(p.commitTransaction(), AbortableTransactionError);
      strictEqual(broker.seen(apiKeys.EndTxn).length, 0);
      await p.abortTransaction();
      await transact(p, ["b"]);
      deepStrictEqual(committed(partition), ["b"]);
    });
  });

  Deno.test(`commitTransaction() waits for offsets on their way, by version ${version}`, async () => {
    await scene({ version }, async ({ fake, transactions, producer }) => {
      const p = producer();
      await p.initTransactions();
      p.beginTransaction();
      fake.broker(1).script(
        apiKeys.TxnOffsetCommit,
        refuse(
          ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ),
      );
      const offsets = [{ topic: "t", partition: 0, offset: 3 }];
      const sending = p.sendOffsets(offsets, { groupId: "g" });
      await p.commitTransaction();
      strictEqual(transactions.groups.get("g")!.offsets.get("t-0"), 3);
      await sending;
    });
  });

  Deno.test(`an abort sends nothing again, and leaves no gap behind, by version ${version}`, async () => {
    await scene({ version }, async ({ sim, fake, partition, producer }) => {
      const p = producer();
      await p.initTransactions();
      await transact(p, ["a"]);
      const broker = fake.broker(1);
      for (const pauseMs of [0, 40]) {
        const code = ErrorCode.NOT_ENOUGH_REPLICAS;
        broker.script(apiKeys.Produce, refuse(code));
        const sentCount = broker.seen(apiKeys.Produce).length;
        p.beginTransaction();
        const sending = rejects(p.send({ topic: "t", value: "x" }));
        while (broker.seen(apiKeys.Produce).length === sentCount) {
          await wait(sim, 1);
        }
        await wait(sim, pauseMs);
        const startMs = sim.host.clock.monotonicMs();
        await p.abortTransaction();
        await sending;
        ok(sim.host.clock.monotonicMs() - startMs < 100);
        strictEqual(broker.seen(apiKeys.Produce).length, sentCount + 1);
        await transact(p, ["b"]);
      }
      deepStrictEqual(committed(partition), ["a", "b", "b"]);
    });
  });

  Deno.test(`an abort does not wait for what is refused meanwhile, by version ${version}`, async () => {
    await scene({ version }, async ({ sim, fake, producer }) => {
      const p = producer();
      await p.initTransactions();
      p.beginTransaction();
      const refusal = refuse(ErrorCode.NOT_ENOUGH_REPLICAS);
      const aborting = Promise.withResolvers<void>();
      fake.broker(1).script(apiKeys.Produce, {
        answer: (request) => {
          p.abortTransaction().then(aborting.resolve, aborting.reject);
          return (refusal as { answer: (r: unknown) => unknown }).answer(
            request,
          );
        },
      });
      const sending = rejects(p.send({ topic: "t", value: "x" }));
      await aborting.promise;
      await sending;
      ok(sim.host.clock.monotonicMs() < 1000);
    });
  });
}

Deno.test("an abort ends what the coordinator may have opened", async () => {
  await scene({ version: 0 }, async ({ fake, transactions, producer }) => {
    const p = producer();
    await p.initTransactions();
    p.beginTransaction();
    const code = ErrorCode.TOPIC_AUTHORIZATION_FAILED;
    fake.broker(1).script(
      apiKeys.AddPartitionsToTxn,
      "closeAfter",
      refuse(code),
    );
    await rejects(
      p.send({ topic: "t", value: "a" }),
      AbortableTransactionError,
    );
    ok(transactions.byId.get("x")!.isOpen);
    await p.abortTransaction();
    ok(!transactions.byId.get("x")!.isOpen);
  });
});

type Expected = "commits" | "aborts" | "ends";

/** Codes at each request, and what becomes of the transaction. */
const FAULTS: readonly [api: keyof typeof apiKeys, codes: string, Expected][] =
  [
    ["FindCoordinator", "COORDINATOR_NOT_AVAILABLE", "commits"],
    ["FindCoordinator", "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "ends"],
    [
      "InitProducerId",
      "NOT_COORDINATOR COORDINATOR_NOT_AVAILABLE COORDINATOR_LOAD_IN_PROGRESS CONCURRENT_TRANSACTIONS",
      "commits",
    ],
    [
      "InitProducerId",
      "INVALID_TRANSACTION_TIMEOUT PRODUCER_FENCED INVALID_PRODUCER_EPOCH TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
      "ends",
    ],
    [
      "AddPartitionsToTxn",
      "NOT_COORDINATOR COORDINATOR_LOAD_IN_PROGRESS CONCURRENT_TRANSACTIONS UNKNOWN_TOPIC_OR_PARTITION",
      "commits",
    ],
    [
      "AddPartitionsToTxn",
      "TOPIC_AUTHORIZATION_FAILED OPERATION_NOT_ATTEMPTED INVALID_PRODUCER_ID_MAPPING TRANSACTION_ABORTABLE",
      "aborts",
    ],
    [
      "AddPartitionsToTxn",
      "PRODUCER_FENCED INVALID_PRODUCER_EPOCH INVALID_TXN_STATE TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
      "ends",
    ],
    [
      "Produce",
      "NOT_LEADER_OR_FOLLOWER NOT_ENOUGH_REPLICAS CONCURRENT_TRANSACTIONS COORDINATOR_LOAD_IN_PROGRESS",
      "commits",
    ],
    [
      "Produce",
      "TOPIC_AUTHORIZATION_FAILED INVALID_PRODUCER_EPOCH TRANSACTION_ABORTABLE OUT_OF_ORDER_SEQUENCE_NUMBER INVALID_TXN_STATE UNKNOWN_PRODUCER_ID INVALID_RECORD INVALID_PRODUCER_ID_MAPPING",
      "aborts",
    ],
    [
      "Produce",
      "PRODUCER_FENCED TRANSACTIONAL_ID_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED",
      "ends",
    ],
    [
      "AddOffsetsToTxn",
      "NOT_COORDINATOR COORDINATOR_LOAD_IN_PROGRESS CONCURRENT_TRANSACTIONS",
      "commits",
    ],
    [
      "AddOffsetsToTxn",
      "GROUP_AUTHORIZATION_FAILED INVALID_PRODUCER_ID_MAPPING TRANSACTION_ABORTABLE",
      "aborts",
    ],
    ["AddOffsetsToTxn", "PRODUCER_FENCED INVALID_TXN_STATE", "ends"],
    [
      "TxnOffsetCommit",
      "NOT_COORDINATOR COORDINATOR_NOT_AVAILABLE COORDINATOR_LOAD_IN_PROGRESS UNKNOWN_TOPIC_OR_PARTITION CONCURRENT_TRANSACTIONS",
      "commits",
    ],
    [
      "TxnOffsetCommit",
      "UNKNOWN_MEMBER_ID ILLEGAL_GENERATION FENCED_INSTANCE_ID GROUP_AUTHORIZATION_FAILED TRANSACTION_ABORTABLE STALE_MEMBER_EPOCH",
      "aborts",
    ],
    ["TxnOffsetCommit", "PRODUCER_FENCED INVALID_PRODUCER_EPOCH", "ends"],
    [
      "EndTxn",
      "NOT_COORDINATOR COORDINATOR_NOT_AVAILABLE COORDINATOR_LOAD_IN_PROGRESS CONCURRENT_TRANSACTIONS",
      "commits",
    ],
    ["EndTxn", "TRANSACTION_ABORTABLE INVALID_PRODUCER_ID_MAPPING", "aborts"],
    [
      "EndTxn",
      "PRODUCER_FENCED INVALID_PRODUCER_EPOCH INVALID_TXN_STATE",
      "ends",
    ],
  ];

const OF_OLDER_PROTOCOL = new Set(["AddPartitionsToTxn", "AddOffsetsToTxn"]);

/** A transaction with offsets, tried again after an abort. */
async function transactAll(p: Producer): Promise<number> {
  for (let abortCount = 0;; abortCount++) {
    try {
      p.beginTransaction();
      p.sendNoWait({ topic: "t", value: "a" });
      p.sendNoWait({ topic: "t", value: "b" });
      await p.sendOffsets([{ topic: "t", partition: 0, offset: 7 }], {
        groupId: "g",
      });
      await p.commitTransaction();
      return abortCount;
    } catch (error) {
      if (!(error instanceof AbortableTransactionError)) throw error;
      await p.abortTransaction();
    }
  }
}

for (const version of VERSIONS) {
  for (const [api, codes, expected] of FAULTS) {
    if (version === 2 && OF_OLDER_PROTOCOL.has(api)) continue;
    for (const name of codes.split(" ")) {
      Deno.test(`a transaction that meets ${name} from ${api} ${expected}, by version ${version}`, async () => {
        await scene(
          { version },
          async ({ fake, transactions, partition, producer }) => {
            const broker = fake.broker(1);
            const code = ErrorCode[name as keyof typeof ErrorCode];
            broker.script(apiKeys[api], refuse(code));
            const p = producer();
            const job = p.initTransactions().then(() => transactAll(p));
            if (expected === "ends") {
              await rejects(job, FatalTransactionError);
              throws(() => p.beginTransaction(), FatalTransactionError);
              deepStrictEqual(committed(partition), []);
              return;
            }
            strictEqual(await job, expected === "aborts" ? 1 : 0);
            await transact(p, ["c"]);
            deepStrictEqual(committed(partition), ["a", "b", "c"]);
            strictEqual(transactions.groups.get("g")!.offsets.get("t-0"), 7);
          },
        );
      });
    }
  }

  const LOSSES: readonly ScriptedAction[] = ["close", "closeAfter", "silence"];
  const STEPS: readonly (keyof typeof apiKeys)[] = [
    "FindCoordinator",
    "InitProducerId",
    "AddPartitionsToTxn",
    "Produce",
    "AddOffsetsToTxn",
    "TxnOffsetCommit",
    "EndTxn",
  ];
  for (const api of STEPS) {
    if (version === 2 && OF_OLDER_PROTOCOL.has(api)) continue;
    for (const loss of LOSSES) {
      Deno.test(`a transaction outlives a lost ${api} (${loss}), by version ${version}`, async () => {
        await scene({ version }, async ({ fake, partition, producer }) => {
          fake.broker(1).script(apiKeys[api], loss);
          const p = producer({ "request.timeout.ms": "1000" });
          await p.initTransactions();
          strictEqual(await transactAll(p), 0);
          await transact(p, ["c"]);
          deepStrictEqual(committed(partition), ["a", "b", "c"]);
        });
      });
    }
  }
}

Deno.test("the calls of transactions are refused out of their turn", async () => {
  await scene({}, async ({ partition, producer }) => {
    const p = producer();
    const wrong = { name: "KafkaError", errorName: "INVALID_TXN_STATE" };
    const offsets = [{ topic: "t", partition: 0, offset: 1 }];
    throws(() => p.beginTransaction(), {
      ...wrong,
      message: /initTransactions was not called/,
    });
    await rejects(p.send({ topic: "t", value: "a" }), wrong);
    await rejects(p.commitTransaction(), wrong);
    await p.initTransactions();
    await rejects(p.initTransactions(), wrong);
    await rejects(p.send({ topic: "t", value: "a" }), {
      ...wrong,
      message: "Cannot send for transactional id x: no transaction was begun",
    });
    await rejects(p.sendOffsets(offsets, { groupId: "g" }), wrong);
    await rejects(p.abortTransaction(), wrong);
    p.beginTransaction();
    throws(() => p.beginTransaction(), {
      ...wrong,
      message: /a transaction is open/,
    });
    await rejects(
      p.sendOffsets(offsets, { groupId: "g", generationId: 3 }),
      /generation 3 needs the id of its member/,
    );
    p.sendNoWait({ topic: "t", value: "b" });
    const committing = p.commitTransaction();
    await rejects(p.send({ topic: "t", value: "c" }), wrong);
    await rejects(p.abortTransaction(), wrong);
    throws(() => p.beginTransaction(), wrong);
    await committing;
    deepStrictEqual(committed(partition), ["b"]);
  });
});

Deno.test("a producer without transactional.id has no transactions", async () => {
  await scene({}, async ({ sim, fake }) => {
    const p = createProducer(sim.host, { "bootstrap.servers": fake.bootstrap });
    await rejects(p.initTransactions(), /transactional.id/);
    throws(() => p.beginTransaction(), /transactional.id/);
    await p.close();
  });
});

Deno.test("a call that takes longer than max.block.ms is waited for by calling again", async () => {
  await scene({}, async ({ fake, partition, producer }) => {
    const p = producer({ "max.block.ms": "500" });
    await p.initTransactions();
    p.beginTransaction();
    await p.send({ topic: "t", value: "a" });
    fake.broker(1).script(apiKeys.EndTxn, { delayMs: 1200 });
    const late = { errorName: "REQUEST_TIMED_OUT" };
    await rejects(p.commitTransaction(), late);
    throws(() => p.beginTransaction(), { errorName: "INVALID_TXN_STATE" });
    await rejects(p.abortTransaction(), { errorName: "INVALID_TXN_STATE" });
    await rejects(p.commitTransaction(), late);
    await p.commitTransaction();
    await transact(p, ["b"]);
    deepStrictEqual(committed(partition), ["a", "b"]);
  });
});

Deno.test("Producer.close() aborts what is open", async () => {
  await scene({}, async ({ transactions, partition, producer }) => {
    const p = producer();
    await p.initTransactions();
    p.beginTransaction();
    await p.send({ topic: "t", value: "a" });
    await p.close();
    strictEqual(transactions.byId.get("x")!.isOpen, false);
    deepStrictEqual(committed(partition), []);
  });
});

Deno.test("several sends in flight stay one transaction, in their order", async () => {
  for (const version of VERSIONS) {
    await scene({ version }, async ({ fake, partition, producer }) => {
      const p = producer({ "batch.size": "200" });
      await p.initTransactions();
      const values = Array.from({ length: 200 }, (_, i) => `${i}`.padStart(9));
      fake.broker(1).script(
        apiKeys.Produce,
        "pass",
        "closeAfter",
        "pass",
        "close",
      );
      await transact(p, values.slice(0, 100));
      await transact(p, values.slice(100));
      deepStrictEqual(committed(partition), values);
    });
  }
});

Deno.test("a consumer waits for offsets that a transaction has not decided yet", async () => {
  await scene({}, async ({ sim, fake, partition, producer }) => {
    const p = producer();
    await p.initTransactions();
    await transact(p, ["a", "b", "c"]);
    p.beginTransaction();
    await p.sendOffsets([{ topic: "t", partition: 0, offset: 2 }], {
      groupId: "g",
    });
    await p.commitTransaction();
    const unstable: ScriptedAction = {
      answer: ({ body }) => ({
        groups: [{
          groupId: body.groups[0].groupId,
          topics: [{
            name: "t",
            partitions: [{
              partitionIndex: 0,
              committedOffset: -1,
              metadata: "",
              errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT,
            }],
          }],
        }],
      }),
    };
    const broker = fake.broker(1);
    broker.script(apiKeys.OffsetFetch, unstable, unstable);
    const consumer = createGroupConsumer(sim.host, {
      "bootstrap.servers": fake.bootstrap,
      "group.id": "g",
      "isolation.level": "read_committed",
      "auto.offset.reset": "none",
      "enable.auto.commit": "false",
    });
    consumer.assign([{ topic: "t", partition: 0 }]);
    const [{ records: [record] }] = await consumer.poll(5000);
    strictEqual(decodeUtf8(record.value!), "c");
    broker.script(apiKeys.OffsetFetch, unstable);
    const [{ offset }] = await consumer.committed([{
      topic: "t",
      partition: 0,
    }]);
    strictEqual(offset, 2);
    const asked = broker.seen(apiKeys.OffsetFetch);
    strictEqual(asked.length, 5);
    ok(asked.every(({ body }) => body.requireStable));
    // Past the records and the marker: what has no records moves the position too.
    deepStrictEqual(await consumer.poll(100), []);
    strictEqual(consumer.positions()[0].offset, partition.endOffset);
    await consumer.close({ timeoutMs: 0 });
  });
});
