// Transactions through a whole broker: what producers of each version ask, and
// what they are told.

import {
  deepStrictEqual,
  notStrictEqual,
  ok,
  strictEqual,
} from "node:assert/strict";
import { OFFSETS_TOPIC } from "../../groups/group_coordinator.ts";
import {
  batchOf,
  PRODUCE,
  TestBroker,
  type TestClient,
  until,
} from "../../testing/broker_fixture.ts";
import { type SimHost, simHost } from "../../testing/sim_host.ts";
import { TRANSACTIONS_TOPIC } from "../../transactions/transaction_coordinator.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  addOffsetsToTxnRequest,
  addOffsetsToTxnResponse,
} from "../../wire/kafka/messages/add_offsets_to_txn.ts";
import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from "../../wire/kafka/messages/add_partitions_to_txn.ts";
import {
  describeTransactionsRequest,
  describeTransactionsResponse,
} from "../../wire/kafka/messages/describe_transactions.ts";
import {
  endTxnRequest,
  endTxnResponse,
} from "../../wire/kafka/messages/end_txn.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../../wire/kafka/messages/find_coordinator.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../../wire/kafka/messages/init_producer_id.ts";
import {
  listTransactionsRequest,
  listTransactionsResponse,
} from "../../wire/kafka/messages/list_transactions.ts";

const FIND = [findCoordinatorRequest, findCoordinatorResponse] as const;
const INIT = [initProducerIdRequest, initProducerIdResponse] as const;
const ADD = [addPartitionsToTxnRequest, addPartitionsToTxnResponse] as const;
const ADD_OFFSETS = [addOffsetsToTxnRequest, addOffsetsToTxnResponse] as const;
const END = [endTxnRequest, endTxnResponse] as const;
const LIST = [listTransactionsRequest, listTransactionsResponse] as const;
const DESCRIBE = [
  describeTransactionsRequest,
  describeTransactionsResponse,
] as const;

interface Context {
  readonly sim: SimHost;
  readonly broker: TestBroker;
  readonly client: TestClient;
}

interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

const NOBODY: Identity = { producerId: -1, producerEpoch: -1 };

/** A broker with a topic `t` of three partitions, and a coordinator. */
async function withTransactions(
  run: (context: Context) => Promise<void>,
  config: { readonly [key: string]: string | number } = {},
): Promise<void> {
  const sim = simHost(720);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      "transaction.state.log.num.partitions": 4,
      "offsets.topic.num.partitions": 4,
      ...config,
    });
    await broker.createTopic("t", { partitionCount: 3 });
    const client = await broker.connect();
    await client.call(FIND, 2, { key: "tx", keyType: 1 });
    await client.call(FIND, 2, { key: "g", keyType: 0 });
    await run({ sim, broker, client });
    ok(!broker.lines.some((line) => /^Failed/.test(line)), `${broker.lines}`);
    strictEqual(await broker.stop(), true);
  });
}

/** Gets an id; gives the whole answer. */
function init(
  client: TestClient,
  transactionalId = "tx",
  identity = NOBODY,
  version = 4,
) {
  return client.call(INIT, version, {
    transactionalId,
    transactionTimeoutMs: 60_000,
    ...version >= 3 ? identity : {},
  });
}

/** Adds partitions of `t` as a client of an older protocol; gives their codes. */
async function add(
  client: TestClient,
  { producerId, producerEpoch }: Identity,
  partitions: readonly number[],
  options: { readonly version?: number; readonly transactionalId?: string } =
    {},
): Promise<number[]> {
  const { resultsByTopicV3AndBelow } = await client.call(
    ADD,
    options.version ?? 3,
    {
      v3AndBelowTransactionalId: options.transactionalId ?? "tx",
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: "t", partitions: [...partitions] }],
    },
  );
  return resultsByTopicV3AndBelow[0].resultsByPartition
    .map(({ partitionErrorCode }) => partitionErrorCode);
}

function end(
  client: TestClient,
  { producerId, producerEpoch }: Identity,
  committed: boolean,
  version = 3,
) {
  return client.call(END, version, {
    transactionalId: "tx",
    producerId,
    producerEpoch,
    committed,
  });
}

async function produce(
  client: TestClient,
  identity: Identity,
  baseSequence: number,
  options: { readonly version?: number; readonly partition?: number } = {},
): Promise<number> {
  const { responses } = await client.call(PRODUCE, options.version ?? 11, {
    transactionalId: "tx",
    acks: -1,
    timeoutMs: 5000,
    topicData: [{
      name: "t",
      partitionData: [{
        index: options.partition ?? 0,
        records: batchOf(["v"], {
          producerId: identity.producerId,
          producerEpoch: identity.producerEpoch,
          baseSequence,
          isTransactional: true,
        }),
      }],
    }],
  });
  return responses[0].partitionResponses[0].errorCode;
}

async function describe(client: TestClient, transactionalId = "tx") {
  const { transactionStates: [state] } = await client.call(DESCRIBE, 0, {
    transactionalIds: [transactionalId],
  });
  return state;
}

Deno.test("the first to ask for a transaction's coordinator gets one, in every version", async () => {
  const sim = simHost(721);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    const client = await broker.connect();
    const early = await init(client);
    strictEqual(early.errorCode, ErrorCode.NOT_COORDINATOR);
    for (let version = 1; version <= 6; version++) {
      const keys = version < 4 ? { key: "a" } : { coordinatorKeys: ["a", "b"] };
      const found = await client.call(FIND, version, { keyType: 1, ...keys });
      const nodes = version < 4 ? [found] : found.coordinators;
      deepStrictEqual(
        nodes.map(({ nodeId, errorCode }) => [nodeId, errorCode]),
        Array(nodes.length).fill([1, 0]),
      );
    }
    const topic = broker.broker.cluster.image.topics.get(TRANSACTIONS_TOPIC)!;
    strictEqual(topic.partitions.length, 50);
    strictEqual(topic.config.get("cleanup.policy"), "compact");
    strictEqual(topic.config.get("segment.bytes"), "104857600");
    strictEqual((await init(client)).errorCode, 0);
    await broker.stop();
  });
});

Deno.test("InitProducerId raises the epoch, in every version", async () => {
  await withTransactions(async ({ client }) => {
    const first = await init(client, "tx", NOBODY, 0);
    strictEqual(first.producerEpoch, 0);
    for (let version = 1; version <= 5; version++) {
      const next = await init(client, "tx", NOBODY, version);
      deepStrictEqual(
        [next.errorCode, next.producerId, next.producerEpoch],
        [0, first.producerId, version],
      );
    }
    const other = await init(client, "other");
    notStrictEqual(other.producerId, first.producerId);
    // Who goes on with an epoch that is not the last one has been replaced.
    for (let version = 3; version <= 5; version++) {
      const { errorCode } = await init(client, "tx", first, version);
      strictEqual(
        errorCode,
        version < 4
          ? ErrorCode.INVALID_PRODUCER_EPOCH
          : ErrorCode.PRODUCER_FENCED,
      );
    }
  });
});

Deno.test("InitProducerId refuses time-outs that the broker does not allow", async () => {
  await withTransactions(async ({ client }) => {
    for (const transactionTimeoutMs of [0, -1, 1001]) {
      const { errorCode, producerId } = await client.call(INIT, 4, {
        transactionalId: "tx",
        transactionTimeoutMs,
      });
      strictEqual(errorCode, ErrorCode.INVALID_TRANSACTION_TIMEOUT);
      strictEqual(producerId, -1);
    }
  }, { "transaction.max.timeout.ms": 1000 });
});

Deno.test("partitions are added in every version of clients, all or none", async () => {
  await withTransactions(async ({ client }) => {
    for (let version = 0; version <= 3; version++) {
      const identity = await init(client);
      deepStrictEqual(
        await add(client, identity, [0, 9, 1], { version }),
        [
          ErrorCode.OPERATION_NOT_ATTEMPTED,
          ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          ErrorCode.OPERATION_NOT_ATTEMPTED,
        ],
      );
      strictEqual((await describe(client)).transactionState, "Empty");
      deepStrictEqual(await add(client, identity, [0, 1], { version }), [0, 0]);
      deepStrictEqual((await describe(client)).topics, [
        { topic: "t", partitions: [0, 1] },
      ]);
      const fenced = version < 2
        ? ErrorCode.INVALID_PRODUCER_EPOCH
        : ErrorCode.PRODUCER_FENCED;
      const old = { ...identity, producerEpoch: identity.producerEpoch + 1 };
      deepStrictEqual(await add(client, old, [2], { version }), [fenced]);
      const someone = { ...identity, producerId: 999 };
      deepStrictEqual(
        await add(client, someone, [2], { version }),
        [ErrorCode.INVALID_PRODUCER_ID_MAPPING],
      );
      deepStrictEqual(
        await add(client, identity, [2], { version, transactionalId: "" }),
        [ErrorCode.INVALID_REQUEST],
      );
      strictEqual((await end(client, identity, false)).errorCode, 0);
      const internal = await client.call(ADD, version, {
        v3AndBelowTransactionalId: "tx",
        v3AndBelowProducerId: identity.producerId,
        v3AndBelowProducerEpoch: identity.producerEpoch,
        v3AndBelowTopics: [{ name: TRANSACTIONS_TOPIC, partitions: [0] }],
      });
      strictEqual(
        internal.resultsByTopicV3AndBelow[0].resultsByPartition[0]
          .partitionErrorCode,
        ErrorCode.TOPIC_AUTHORIZATION_FAILED,
      );
    }
  });
});

Deno.test("brokers add and verify partitions of many transactions at once", async () => {
  await withTransactions(async ({ client }) => {
    const a = await init(client, "a");
    const b = await init(client, "b");
    for (const version of [4, 5]) {
      const transaction = (
        transactionalId: string,
        { producerId, producerEpoch }: Identity,
        partitions: number[],
        verifyOnly: boolean,
      ) => ({
        transactionalId,
        producerId,
        producerEpoch,
        verifyOnly,
        topics: [{ name: "t", partitions }],
      });
      const { errorCode, resultsByTransaction } = await client.call(
        ADD,
        version,
        {
          transactions: [
            transaction("a", a, [0], false),
            transaction("b", b, [0, 7], false),
            transaction("a", a, [0, 1], true),
            transaction("c", b, [0], true),
          ],
        },
      );
      strictEqual(errorCode, 0);
      deepStrictEqual(
        resultsByTransaction.map(({ transactionalId, topicResults }) => [
          transactionalId,
          topicResults[0].resultsByPartition.map((each) =>
            each.partitionErrorCode
          ),
        ]),
        [
          ["a", [0]],
          ["b", [
            ErrorCode.OPERATION_NOT_ATTEMPTED,
            ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          ]],
          ["a", [0, ErrorCode.TRANSACTION_ABORTABLE]],
          ["c", [ErrorCode.INVALID_PRODUCER_ID_MAPPING]],
        ],
      );
    }
    const none = await client.call(ADD, 4, { transactions: [] });
    deepStrictEqual(none.resultsByTransaction, []);
  });
});

Deno.test("offsets of a group become part of a transaction, in every version", async () => {
  await withTransactions(async ({ client, broker }) => {
    const partition = broker.broker.groups.partitionOf("g");
    for (let version = 0; version <= 4; version++) {
      const { producerId, producerEpoch } = await init(client);
      const request = {
        transactionalId: "tx",
        producerId,
        producerEpoch,
        groupId: "g",
      };
      strictEqual(
        (await client.call(ADD_OFFSETS, version, request)).errorCode,
        0,
      );
      deepStrictEqual((await describe(client)).topics, [
        { topic: OFFSETS_TOPIC, partitions: [partition] },
      ]);
      const old = { ...request, producerEpoch: producerEpoch + 1 };
      strictEqual(
        (await client.call(ADD_OFFSETS, version, old)).errorCode,
        version < 2
          ? ErrorCode.INVALID_PRODUCER_EPOCH
          : ErrorCode.PRODUCER_FENCED,
      );
    }
  });
});

Deno.test("a transaction is ended in every version; only newer clients get an epoch for it", async () => {
  await withTransactions(async ({ client }) => {
    for (let version = 0; version <= 4; version++) {
      const identity = await init(client);
      const wrong = { ...identity, producerEpoch: identity.producerEpoch + 1 };
      await add(client, identity, [0]);
      strictEqual(await produce(client, identity, 0), 0);
      strictEqual(
        (await end(client, wrong, true, version)).errorCode,
        version < 2
          ? ErrorCode.INVALID_PRODUCER_EPOCH
          : ErrorCode.PRODUCER_FENCED,
      );
      strictEqual((await end(client, identity, true, version)).errorCode, 0);
      // It is safe to ask again, and only for the same.
      strictEqual((await end(client, identity, true, version)).errorCode, 0);
      strictEqual(
        (await end(client, identity, false, version)).errorCode,
        ErrorCode.INVALID_TXN_STATE,
      );
    }
    let identity: Identity = await init(client);
    for (const isCommit of [true, false]) {
      strictEqual(await produce(client, identity, 0, { version: 12 }), 0);
      const ended = await end(client, identity, isCommit, 5);
      deepStrictEqual(
        [ended.errorCode, ended.producerId, ended.producerEpoch],
        [0, identity.producerId, identity.producerEpoch + 1],
      );
      const again = await end(client, identity, isCommit, 5);
      deepStrictEqual(
        [again.errorCode, again.producerEpoch],
        [0, identity.producerEpoch + 1],
      );
      identity = ended;
    }
  });
});

Deno.test("records of a partition that is not in the transaction are refused", async () => {
  await withTransactions(async ({ client }) => {
    const identity = await init(client);
    for (const version of [3, 10, 11]) {
      strictEqual(
        await produce(client, identity, 0, { version }),
        version < 11
          ? ErrorCode.INVALID_TXN_STATE
          : ErrorCode.TRANSACTION_ABORTABLE,
      );
    }
    await add(client, identity, [1]);
    strictEqual(
      await produce(client, identity, 0, { version: 10 }),
      ErrorCode.INVALID_TXN_STATE,
    );
    strictEqual(await produce(client, identity, 0, { partition: 1 }), 0);
  });
});

Deno.test("a new producer aborts what the one before it left open, and fences it", async () => {
  await withTransactions(async ({ client, broker }) => {
    const before = await init(client);
    await add(client, before, [0]);
    strictEqual(await produce(client, before, 0), 0);
    let now = await init(client);
    if (now.errorCode === ErrorCode.CONCURRENT_TRANSACTIONS) {
      now = await init(client);
    }
    strictEqual(now.errorCode, 0);
    ok(now.producerEpoch > before.producerEpoch);
    const log = broker.broker.partitions.get("t", 0).log!;
    strictEqual(log.lastStableOffset, log.highWatermark);
    strictEqual(
      await produce(client, before, 1),
      ErrorCode.INVALID_PRODUCER_EPOCH,
    );
    strictEqual(
      (await end(client, before, true)).errorCode,
      ErrorCode.PRODUCER_FENCED,
    );
  });
});

Deno.test("transactions are listed by state, producer, duration and name", async () => {
  await withTransactions(async ({ client, sim }) => {
    const open = await init(client, "tx");
    await add(client, open, [0]);
    const idle = await init(client, "idle");
    const listed = async (
      filter: Partial<{
        stateFilters: string[];
        producerIdFilters: number[];
        durationFilter: number;
        transactionalIdPattern: string;
      }>,
      version = 2,
    ) => {
      const answer = await client.call(LIST, version, {
        stateFilters: [],
        producerIdFilters: [],
        ...filter,
      });
      strictEqual(answer.errorCode, 0);
      return answer.transactionStates
        .map((each) => [each.transactionalId, each.transactionState])
        .sort();
    };
    const both = [["idle", "Empty"], ["tx", "Ongoing"]];
    for (const version of [0, 1, 2]) {
      deepStrictEqual(await listed({}, version), both);
      deepStrictEqual(
        await listed({ stateFilters: ["Ongoing", "Odd"] }, version),
        [both[1]],
      );
      deepStrictEqual(
        await listed({ producerIdFilters: [idle.producerId] }, version),
        [both[0]],
      );
    }
    deepStrictEqual(await listed({ transactionalIdPattern: "i.*" }), [both[0]]);
    deepStrictEqual(await listed({ stateFilters: ["Odd"] }), []);
    const { unknownStateFilters } = await client.call(LIST, 1, {
      stateFilters: ["Odd", "Empty"],
      producerIdFilters: [],
    });
    deepStrictEqual(unknownStateFilters, ["Odd"]);
    const bad = await client.call(LIST, 2, {
      stateFilters: [],
      producerIdFilters: [],
      transactionalIdPattern: "(",
    });
    strictEqual(bad.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION);
    const long = { stateFilters: ["Ongoing"], durationFilter: 5000 };
    deepStrictEqual(await listed(long), []);
    const startMs = sim.loop.nowMs;
    await until(sim.host, () => sim.loop.nowMs - startMs > 5001);
    deepStrictEqual(await listed(long), [both[1]]);
  });
});

Deno.test("transactions are described one by one", async () => {
  await withTransactions(async ({ client, sim }) => {
    const identity = await init(client);
    const startMs = sim.host.clock.wallMs();
    await add(client, identity, [2, 0]);
    const { transactionStates } = await client.call(DESCRIBE, 0, {
      transactionalIds: ["tx", "unknown", ""],
    });
    const [open, ...refused] = transactionStates;
    deepStrictEqual(
      refused.map(({ errorCode }) => errorCode),
      [ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, ErrorCode.INVALID_REQUEST],
    );
    ok(open.transactionStartTimeMs >= startMs);
    deepStrictEqual({ ...open, transactionStartTimeMs: 0 }, {
      errorCode: 0,
      transactionalId: "tx",
      transactionState: "Ongoing",
      transactionTimeoutMs: 60_000,
      transactionStartTimeMs: 0,
      producerId: identity.producerId,
      producerEpoch: identity.producerEpoch,
      topics: [{ topic: "t", partitions: [2, 0] }],
    });
  });
});

Deno.test("an open transaction survives a kill, and is aborted when its time is up", async () => {
  const sim = simHost(722);
  const config = {
    "transaction.state.log.num.partitions": 1,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 100,
  };
  let identity = NOBODY;
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, config);
    await broker.createTopic("t");
    const client = await broker.connect();
    await client.call(FIND, 2, { key: "tx", keyType: 1 });
    identity = await client.call(INIT, 4, {
      transactionalId: "tx",
      transactionTimeoutMs: 5000,
    });
    await add(client, identity, [0]);
    strictEqual(await produce(client, identity, 0), 0);
  });
  sim.crash("kill");
  sim.restart();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, config);
    const client = await broker.connect();
    await until(
      sim.host,
      async () => (await describe(client)).errorCode === 0,
    );
    strictEqual((await describe(client)).transactionState, "Ongoing");
    const log = broker.broker.partitions.get("t", 0).log!;
    strictEqual(log.lastStableOffset, 0);
    await until(sim.host, () => log.lastStableOffset === log.highWatermark);
    strictEqual((await describe(client)).transactionState, "CompleteAbort");
    strictEqual(
      await produce(client, identity, 1),
      ErrorCode.INVALID_PRODUCER_EPOCH,
    );
    await broker.stop();
  });
});
