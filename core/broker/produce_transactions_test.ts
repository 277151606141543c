// Transactions as partitions see them: what is let in, what readers of committed
// records get, and what ends a transaction.

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { sleep } from "../host/host.ts";
import {
  batchOf,
  PRODUCE,
  produceOne,
  TestBroker,
  type TestClient,
} from "../testing/broker_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import {
  NEWER_PRODUCE,
  OLDER_PRODUCE,
  TestProducer,
} from "../testing/test_transactions.ts";
import { valuesOf } from "../testing/log_fixture.ts";
import { batchIsControl, decodeBatch } from "../record/record_batch.ts";
import { batchesIn } from "../record/record_stream.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  describeProducersRequest,
  describeProducersResponse,
} from "../wire/kafka/messages/describe_producers.ts";
import { fetchRequest, fetchResponse } from "../wire/kafka/messages/fetch.ts";
import {
  listOffsetsRequest,
  listOffsetsResponse,
} from "../wire/kafka/messages/list_offsets.ts";
import {
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
} from "../wire/kafka/messages/write_txn_markers.ts";

const FETCH = [fetchRequest, fetchResponse] as const;
const LIST_OFFSETS = [listOffsetsRequest, listOffsetsResponse] as const;
const DESCRIBE = [describeProducersRequest, describeProducersResponse] as const;
const WRITE_MARKERS = [
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
] as const;

interface World {
  readonly sim: SimHost;
  readonly broker: TestBroker;
  readonly client: TestClient;
}

/** Runs a test against a broker with one topic, `t`, of two partitions. */
function onBroker(
  name: string,
  test: (world: World) => Promise<void>,
  overrides: { readonly [key: string]: string | number } = {},
): void {
  Deno.test(name, async () => {
    const sim = simHost(23);
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, {
        "transaction.state.log.num.partitions": 2,
        "offsets.topic.num.partitions": 2,
        // Records say a time long before that of their markers.
        "log.roll.ms": 10 ** 15,
        ...overrides,
      });
      await broker.createTopic("t", { partitionCount: 2 });
      await test({ sim, broker, client: await broker.connect() });
      strictEqual(await broker.stop(), true);
    });
  });
}

function logOf({ broker }: Pick<World, "broker">, partition = 0, topic = "t") {
  return broker.broker.partitions.get(topic, partition).log!;
}

/** What a fetch of `t-0` gives. */
async function fetchFrom(
  client: TestClient,
  offset: number,
  options: {
    readonly isolationLevel: 0 | 1;
    readonly maxWaitMs?: number;
    readonly partition?: number;
  },
) {
  const { isolationLevel, maxWaitMs = 0, partition = 0 } = options;
  const { responses } = await client.call(FETCH, 11, {
    replicaId: -1,
    maxWaitMs,
    minBytes: 1,
    maxBytes: 1 << 20,
    isolationLevel,
    topics: [{
      topic: "t",
      partitions: [{
        partition,
        fetchOffset: offset,
        partitionMaxBytes: 1 << 20,
      }],
    }],
  });
  const [answer] = responses[0].partitions;
  strictEqual(answer.errorCode, ErrorCode.NONE);
  const records = answer.records as Uint8Array;
  return {
    ...answer,
    values: [...batchesIn(records)]
      .filter(({ position }) => !batchIsControl(records, position))
      .flatMap(({ position }) => valuesOf([...decodeBatch(records, position)])),
  };
}

for (
  const [version, flushMessages] of [
    [OLDER_PRODUCE, 1e9],
    [NEWER_PRODUCE, 1e9],
    [NEWER_PRODUCE, 1],
  ]
) {
  onBroker(
    `readers of committed records see a transaction at its end, or never (Produce ${version}, flush.messages=${flushMessages})`,
    async (world) => {
      const { broker, client } = world;
      const producer = await TestProducer.begin(broker, "p", version);
      strictEqual(await producer.write(["a", "b"]), ErrorCode.NONE);
      strictEqual(await producer.write(["c"], "t", 1), ErrorCode.NONE);
      await produceOne(client, "t", batchOf(["plain"]));
      const committed = { isolationLevel: 1 } as const;
      const before = await fetchFrom(client, 0, committed);
      deepStrictEqual([before.values, before.lastStableOffset], [[], 0]);
      strictEqual(before.highWatermark, 3);
      deepStrictEqual(
        (await fetchFrom(client, 0, { isolationLevel: 0 })).values,
        ["a", "b", "plain"],
      );
      // Readers that wait are told of the end.
      const readers = [0, 1].map(async (partition) => {
        const reader = await broker.connect();
        const options = { ...committed, maxWaitMs: 60_000, partition };
        return (await fetchFrom(reader, 0, options)).values;
      });
      await sleep(broker.broker.host.clock, 100);
      strictEqual(await producer.end(true), ErrorCode.NONE);
      deepStrictEqual(await Promise.all(readers), [["a", "b", "plain"], ["c"]]);

      strictEqual(await producer.write(["never"]), ErrorCode.NONE);
      strictEqual(await producer.end(false), ErrorCode.NONE);
      const after = await fetchFrom(client, 0, committed);
      strictEqual(after.lastStableOffset, logOf(world).logEndOffset);
      deepStrictEqual(after.abortedTransactions, [
        { producerId: producer.producerId, firstOffset: 4 },
      ]);
      deepStrictEqual(after.values, ["a", "b", "plain", "never"]);
      strictEqual(
        (await fetchFrom(client, 0, { isolationLevel: 0 }))
          .abortedTransactions,
        null,
      );
    },
    { "log.flush.interval.messages": flushMessages },
  );
}

onBroker(
  "each transaction of a newer client has an epoch of its own, in every partition",
  async (world) => {
    const producer = await TestProducer.begin(world.broker, "p");
    for (let i = 0; i < 3; i++) {
      strictEqual(producer.producerEpoch, i);
      strictEqual(await producer.write(["x"]), ErrorCode.NONE);
      const late = producer.batch(["late"]);
      strictEqual(await producer.end(i % 2 === 0), ErrorCode.NONE);
      // What was held up on its way must not get into the next transaction.
      const refused = (await producer.send(late)).errorCode;
      strictEqual(refused, ErrorCode.INVALID_PRODUCER_EPOCH);
      strictEqual(logOf(world).activeProducers()[0].producerEpoch, i + 1);
    }
    strictEqual(logOf(world).lastStableOffset, 6);
  },
);

onBroker(
  "a batch is refused where its partition is not in the transaction",
  async (world) => {
    const { broker } = world;
    const cases = [
      [3, ErrorCode.INVALID_TXN_STATE],
      [10, ErrorCode.INVALID_TXN_STATE],
      [11, ErrorCode.TRANSACTION_ABORTABLE],
    ] as const;
    const producer = await TestProducer.begin(broker, "p", OLDER_PRODUCE);
    for (const [version, code] of cases) {
      const records = producer.batch(["a"], { baseSequence: 0 });
      const answer = await producer.send(records, { version });
      strictEqual(answer.errorCode, code, `version ${version}`);
    }
    strictEqual(logOf(world).logEndOffset, 0);
    // Another partition being in it is not enough, nor the transaction before.
    strictEqual(await producer.write(["b"], "t", 1), ErrorCode.NONE);
    const records = producer.batch(["a"], { baseSequence: 0 });
    strictEqual(
      (await producer.send(records)).errorCode,
      ErrorCode.TRANSACTION_ABORTABLE,
    );
    strictEqual(await producer.end(true), ErrorCode.NONE);
    const late = producer.batch(["late"], { partition: 1 });
    strictEqual(
      (await producer.send(late, { partition: 1 })).errorCode,
      ErrorCode.TRANSACTION_ABORTABLE,
    );
    strictEqual(logOf(world, 1).lastStableOffset, logOf(world, 1).logEndOffset);
  },
);

onBroker(
  "a fenced producer is told so, an unknown one as well, and neither is let in",
  async (world) => {
    const { broker } = world;
    for (const version of [OLDER_PRODUCE, NEWER_PRODUCE]) {
      const zombie = await TestProducer.begin(broker, "p", version);
      strictEqual(await zombie.write(["a"]), ErrorCode.NONE);
      const end = logOf(world).logEndOffset;
      const heir = await TestProducer.begin(broker, "p", version);
      ok(heir.producerEpoch > zombie.producerEpoch);
      strictEqual(logOf(world).logEndOffset, end + 1, "it was aborted");
      const refused = await zombie.send(zombie.batch(["b"]));
      strictEqual(refused.errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
      const stray = heir.batch(["c"]);
      const unknown = await heir.send(stray, { transactionalId: "nobody" });
      strictEqual(unknown.errorCode, ErrorCode.INVALID_PRODUCER_ID_MAPPING);
      strictEqual(logOf(world).logEndOffset, end + 1);
    }
  },
);

onBroker(
  "one request has the transaction of one producer, and names its transactional id",
  async (world) => {
    const { broker, client } = world;
    const first = await TestProducer.begin(broker, "p");
    const second = await TestProducer.begin(broker, "q");
    const send = async (
      batches: readonly Uint8Array[],
      transactionalId: string | null,
      version = NEWER_PRODUCE,
    ) => {
      const { responses } = await client.call(PRODUCE, version, {
        transactionalId,
        acks: -1,
        timeoutMs: 1000,
        topicData: [{
          name: "t",
          partitionData: batches.map((records, index) => ({ index, records })),
        }],
      });
      return responses[0].partitionResponses.map((each) => each.errorCode);
    };
    deepStrictEqual(
      await send([first.batch(["a"]), second.batch(["b"])], "p"),
      Array(2).fill(ErrorCode.INVALID_PRODUCER_ID_MAPPING),
    );
    deepStrictEqual(
      await send([batchOf(["fine"]), first.batch(["a"])], null),
      [ErrorCode.NONE, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
    );
    // The flag does not hide behind another batch.
    const hidden = new Uint8Array([
      ...batchOf(["a"]),
      ...first.batch(["b"], { baseSequence: 0 }),
    ]);
    deepStrictEqual(
      await send([hidden], null),
      [ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
    );
    deepStrictEqual(await send([hidden], "p"), [ErrorCode.INVALID_RECORD]);
    // Records in a transaction and others may share a request.
    deepStrictEqual(
      await send([
        first.batch(["a"], { baseSequence: 0 }),
        batchOf(["plain"]),
      ], "p"),
      [ErrorCode.NONE, ErrorCode.NONE],
    );
    strictEqual(await first.end(true), ErrorCode.NONE);
    deepStrictEqual(
      [logOf(world).logEndOffset, logOf(world, 1).logEndOffset],
      [3, 1],
    );
  },
);

onBroker(
  "acks are the producer's choice, and control batches are not its to send",
  async (world) => {
    const { broker } = world;
    const producer = await TestProducer.begin(broker, "p");
    const once = await producer.send(producer.batch(["a"]), { acks: 1 });
    strictEqual(once.errorCode, ErrorCode.NONE);
    const two = await producer.send(producer.batch(["b"]), {
      acks: 2,
      partition: 1,
    });
    strictEqual(two.errorCode, ErrorCode.INVALID_REQUIRED_ACKS);
    const control = batchOf(["x"], {
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      baseSequence: 1,
      isTransactional: true,
      isControl: true,
    });
    const refused = await producer.send(control);
    strictEqual(refused.errorCode, ErrorCode.INVALID_RECORD);
    strictEqual(await producer.end(true), ErrorCode.NONE);
    strictEqual(logOf(world).logEndOffset, 2);
    strictEqual(logOf(world, 1).logEndOffset, 0, "it was never added");
  },
);

onBroker(
  "23: ids, epochs and numbers that no producer was given leave its own way open",
  async (world) => {
    const { broker } = world;
    const producer = await TestProducer.begin(broker, "p");
    const cases = [
      [{ baseSequence: -2 }, ErrorCode.INVALID_RECORD],
      [
        { baseSequence: 0, producerEpoch: -1 },
        ErrorCode.INVALID_PRODUCER_EPOCH,
      ],
      [
        { baseSequence: 0, producerEpoch: 32_767 },
        ErrorCode.INVALID_PRODUCER_EPOCH,
      ],
      [
        { baseSequence: 0, producerId: 999 },
        ErrorCode.INVALID_PRODUCER_ID_MAPPING,
      ],
      [
        { baseSequence: 0, producerId: 2 ** 53 },
        ErrorCode.INVALID_PRODUCER_ID_MAPPING,
      ],
      [{ baseSequence: 3 }, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER],
    ] as const;
    for (const [wrong, code] of cases) {
      const records = batchOf(["x"], {
        producerId: producer.producerId,
        producerEpoch: producer.producerEpoch,
        isTransactional: true,
        ...wrong,
      });
      const { errorCode } = await producer.send(records);
      strictEqual(errorCode, code, JSON.stringify(wrong));
    }
    strictEqual(await producer.write(["a"]), ErrorCode.NONE);
    strictEqual(await producer.write(["b"]), ErrorCode.NONE);
    strictEqual(await producer.end(true), ErrorCode.NONE);
    deepStrictEqual(
      (await fetchFrom(world.client, 0, { isolationLevel: 1 })).values,
      ["a", "b"],
    );
  },
);

onBroker(
  "a batch outside of its producer's open transaction is refused",
  async (world) => {
    const producer = await TestProducer.begin(world.broker, "p");
    strictEqual(await producer.write(["a"]), ErrorCode.NONE);
    const outside = batchOf(["b"], {
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      baseSequence: 1,
    });
    const answer = await produceOne(world.client, "t", outside);
    strictEqual(answer.errorCode, ErrorCode.INVALID_TXN_STATE);
    strictEqual(logOf(world).logEndOffset, 1);
  },
);

onBroker(
  "without verification a partition believes older clients, not newer ones",
  async (world) => {
    const { broker } = world;
    const older = await TestProducer.begin(broker, "p", OLDER_PRODUCE);
    const believed = await older.send(older.batch(["a"]));
    strictEqual(believed.errorCode, ErrorCode.NONE);
    const newer = await TestProducer.begin(broker, "q");
    const records = newer.batch(["b"], { producerEpoch: 77 });
    strictEqual(
      (await newer.send(records)).errorCode,
      ErrorCode.INVALID_PRODUCER_EPOCH,
    );
    strictEqual(await newer.write(["b"], "t", 1), ErrorCode.NONE);
    strictEqual(await newer.end(true), ErrorCode.NONE);
  },
  { "transaction.partition.verification.enable": "false" },
);

onBroker(
  "the batches of a connection stay in order while the first of them waits",
  async (world) => {
    const { broker } = world;
    const producer = await TestProducer.begin(broker, "p");
    const client = await broker.connect();
    // The coordinator's own records are on the disk before it answers.
    const ids: number[] = [];
    for (let i = 0; i < 6; i++) {
      ids.push(
        await client.send(PRODUCE[0], NEWER_PRODUCE, {
          transactionalId: i === 5 ? null : "p",
          acks: -1,
          timeoutMs: 1000,
          topicData: [{
            name: "t",
            partitionData: [{
              index: 0,
              records: i === 5 ? batchOf(["plain"]) : producer.batch([`${i}`]),
            }],
          }],
        }),
      );
    }
    const offsets: number[] = [];
    for (const id of ids) {
      const { responses } = await client.answer(PRODUCE[1], NEWER_PRODUCE, id);
      const [{ errorCode, baseOffset }] = responses[0].partitionResponses;
      strictEqual(errorCode, ErrorCode.NONE);
      offsets.push(baseOffset);
    }
    deepStrictEqual(offsets, [0, 1, 2, 3, 4, 5]);
    strictEqual(await producer.end(true), ErrorCode.NONE);
  },
  { "log.flush.interval.messages": 1 },
);

onBroker(
  "ListOffsets and DescribeProducers know of open transactions",
  async (world) => {
    const { broker, client } = world;
    await produceOne(client, "t", batchOf(["plain"]));
    const producer = await TestProducer.begin(broker, "p");
    const later = { timestampMs: 1_700_000_005_000 };
    strictEqual(
      (await producer.send(producer.batch(["a"], later))).errorCode,
      ErrorCode.NONE,
    );
    const offsetAt = async (isolationLevel: number, timestamp: number) => {
      const { topics } = await client.call(LIST_OFFSETS, 7, {
        replicaId: -1,
        isolationLevel,
        topics: [{
          name: "t",
          partitions: [{ partitionIndex: 0, timestamp }],
        }],
      });
      return topics[0].partitions[0].offset;
    };
    const LATEST = -1, EARLIEST = -2, LATEST_TIME = -3;
    const seen = async () => [
      await offsetAt(0, LATEST),
      await offsetAt(1, LATEST),
      await offsetAt(1, EARLIEST),
      await offsetAt(0, LATEST_TIME),
      await offsetAt(1, LATEST_TIME),
      await offsetAt(1, 0),
      await offsetAt(0, later.timestampMs),
      await offsetAt(1, later.timestampMs),
    ];
    deepStrictEqual(await seen(), [2, 1, 0, 1, -1, 0, 1, -1]);
    const producers = async () => {
      const { topics } = await client.call(DESCRIBE, 0, {
        topics: [{ name: "t", partitionIndexes: [0] }],
      });
      return topics[0].partitions[0].activeProducers;
    };
    const [{ lastTimestamp, ...open }] = await producers();
    ok(lastTimestamp > 0);
    deepStrictEqual(open, {
      producerId: producer.producerId,
      producerEpoch: 0,
      lastSequence: 0,
      coordinatorEpoch: -1,
      currentTxnStartOffset: 1,
    });
    strictEqual(await producer.end(true), ErrorCode.NONE);
    const [ended] = await producers();
    deepStrictEqual(
      [ended.producerEpoch, ended.currentTxnStartOffset],
      [1, -1],
    );
    ok(ended.coordinatorEpoch >= 0);
    strictEqual((await seen())[1], 3);
  },
);

onBroker(
  "WriteTxnMarkers ends what no coordinator knows of, and refuses the rest by name",
  async (world) => {
    const { broker, client } = world;
    const producer = await TestProducer.begin(broker, "p");
    strictEqual(await producer.write(["a"]), ErrorCode.NONE);
    const { producerId } = producer;
    const write = async (
      rest: { producerId?: number; producerEpoch?: number } = {},
      version = 1,
    ) => {
      const { markers } = await client.call(WRITE_MARKERS, version, {
        markers: [{
          producerId,
          producerEpoch: 0,
          transactionResult: false,
          coordinatorEpoch: 0,
          topics: [
            { name: "t", partitionIndexes: [0, 7] },
            { name: "missing", partitionIndexes: [0] },
          ],
          ...rest,
        }],
      });
      strictEqual(markers.length, 1);
      return markers[0].topics.flatMap(({ partitions }) =>
        partitions.map(({ errorCode }) => errorCode)
      );
    };
    const unknown = [
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ];
    strictEqual(logOf(world).lastStableOffset, 0);
    deepStrictEqual(await write(), [ErrorCode.NONE, ...unknown]);
    strictEqual(logOf(world).lastStableOffset, 2);
    deepStrictEqual(await write({}, 0), [ErrorCode.NONE, ...unknown]);
    deepStrictEqual(
      await write({ producerId: -1 }),
      Array(3).fill(ErrorCode.INVALID_PRODUCER_ID_MAPPING),
    );
    deepStrictEqual(
      await write({ producerEpoch: -1 }),
      Array(3).fill(ErrorCode.INVALID_PRODUCER_EPOCH),
    );
    deepStrictEqual(
      (await client.call(WRITE_MARKERS, 1, { markers: [] })).markers,
      [],
    );
  },
);

Deno.test("an open transaction goes on after a restart", async () => {
  const sim = simHost(29);
  await sim.run(async () => {
    const first = await TestBroker.start(sim.host);
    await first.createTopic("t", { partitionCount: 2 });
    const producer = await TestProducer.begin(first, "p");
    strictEqual(await producer.write(["a"]), ErrorCode.NONE);
    strictEqual(await first.stop(), true);
    const broker = await TestBroker.start(sim.host);
    const client = await broker.connect();
    await producer.reconnect(broker);
    strictEqual(logOf({ broker }).lastStableOffset, 0);
    strictEqual(await producer.write(["b"]), ErrorCode.NONE);
    strictEqual(await producer.write(["c"], "t", 1), ErrorCode.NONE);
    strictEqual(await producer.end(true), ErrorCode.NONE);
    const read = await fetchFrom(client, 0, { isolationLevel: 1 });
    deepStrictEqual(read.values, ["a", "b"]);
    strictEqual(logOf({ broker }).lastStableOffset, 3);
    strictEqual(logOf({ broker }, 1).lastStableOffset, 2);
    strictEqual(await broker.stop(), true);
  });
});
