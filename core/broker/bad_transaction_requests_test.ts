// What a broker makes of requests about transactions that no client should send.
// After each, it still commits a transaction.

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  batchOf,
  PRODUCE,
  TestBroker,
  type TestClient,
} from "../testing/broker_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from "../wire/kafka/messages/add_partitions_to_txn.ts";
import {
  describeTransactionsRequest,
  describeTransactionsResponse,
} from "../wire/kafka/messages/describe_transactions.ts";
import {
  endTxnRequest,
  endTxnResponse,
} from "../wire/kafka/messages/end_txn.ts";
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

const FIND = [findCoordinatorRequest, findCoordinatorResponse] as const;
const INIT = [initProducerIdRequest, initProducerIdResponse] as const;
const ADD = [addPartitionsToTxnRequest, addPartitionsToTxnResponse] as const;
const END = [endTxnRequest, endTxnResponse] as const;
const LIST = [listTransactionsRequest, listTransactionsResponse] as const;
const DESCRIBE = [
  describeTransactionsRequest,
  describeTransactionsResponse,
] as const;

/** Runs a test against a broker, which still has to commit a transaction after it. */
function onBroker(
  name: string,
  test: (client: TestClient) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const sim = simHost(33);
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, {
        "transaction.state.log.num.partitions": 1,
      });
      await broker.createTopic("t");
      const client = await broker.connect();
      await client.call(FIND, 2, { key: "tx", keyType: 1 });
      await test(client);
      const after = await broker.connect();
      const log = broker.broker.partitions.get("t", 0).log!;
      const before = log.logEndOffset;
      const identity = await init(after, "after");
      strictEqual(await produce(after, "after", identity), 0, "it serves on");
      const { errorCode } = await after.call(END, 5, {
        transactionalId: "after",
        producerId: identity.producerId,
        producerEpoch: identity.producerEpoch,
        committed: true,
      });
      strictEqual(errorCode, 0);
      strictEqual(log.lastStableOffset, before + 2);
      ok(
        !broker.lines.some((line) => /^Failed to|stops after/.test(line)),
        broker.lines.join("\n"),
      );
      strictEqual(await broker.stop(), true);
    });
  });
}

function init(client: TestClient, transactionalId: string) {
  return client.call(INIT, 4, {
    transactionalId,
    transactionTimeoutMs: 60_000,
  });
}

async function produce(
  client: TestClient,
  transactionalId: string | null,
  identity: { readonly producerId: number; readonly producerEpoch: number },
  version = 12,
): Promise<number> {
  const { responses } = await client.call(PRODUCE, version, {
    transactionalId,
    acks: -1,
    timeoutMs: 5000,
    topicData: [{
      name: "t",
      partitionData: [{
        index: 0,
        records: batchOf(["v"], {
          producerId: identity.producerId,
          producerEpoch: identity.producerEpoch,
          baseSequence: 0,
          isTransactional: true,
        }),
      }],
    }],
  });
  return responses[0].partitionResponses[0].errorCode;
}

const NUMBERS = [-1, -2, 0, 32_767, -32_768];

onBroker("ids and epochs that nobody has are refused", async (client) => {
  const { producerId } = await init(client, "tx");
  for (const producerEpoch of NUMBERS.filter((epoch) => epoch !== 0)) {
    const identity = { producerId, producerEpoch };
    for (const version of [3, 5]) {
      const { errorCode } = await client.call(END, version, {
        transactionalId: "tx",
        ...identity,
        committed: true,
      });
      strictEqual(errorCode, ErrorCode.PRODUCER_FENCED, `${producerEpoch}`);
    }
    const code = await produce(client, "tx", identity);
    ok(code !== 0, `epoch ${producerEpoch}`);
  }
  for (const id of [-1, -2, 2 ** 53, -(2 ** 63), 2 ** 62]) {
    const { errorCode } = await client.call(END, 5, {
      transactionalId: "tx",
      producerId: id,
      producerEpoch: 0,
      committed: false,
    });
    strictEqual(errorCode, ErrorCode.INVALID_PRODUCER_ID_MAPPING, `id ${id}`);
  }
});

onBroker("names that are odd are names", async (client) => {
  const odd = ["\u0000", "ü\u{1F600}", "a/../b", "x".repeat(30_000), " "];
  for (const transactionalId of odd) {
    const { errorCode } = await init(client, transactionalId);
    strictEqual(errorCode, 0);
  }
  const { transactionStates } = await client.call(DESCRIBE, 0, {
    transactionalIds: [...odd, odd[0], ""],
  });
  deepStrictEqual(
    transactionStates.map(({ errorCode }) => errorCode),
    [...odd.map(() => 0), 0, ErrorCode.INVALID_REQUEST],
  );
  const { transactionStates: listed } = await client.call(LIST, 0, {
    stateFilters: [],
    producerIdFilters: [],
  });
  strictEqual(listed.length, odd.length);
});

onBroker(
  "partitions that do not exist, and the same one often",
  async (client) => {
    const { producerId, producerEpoch } = await init(client, "tx");
    const codesOf = async (partitions: number[]) => {
      const { resultsByTransaction } = await client.call(ADD, 5, {
        transactions: [{
          transactionalId: "tx",
          producerId,
          producerEpoch,
          topics: [{ name: "t", partitions }],
        }],
      });
      return new Set(
        resultsByTransaction[0].topicResults[0].resultsByPartition.map((each) =>
          each.partitionErrorCode
        ),
      );
    };
    deepStrictEqual(
      await codesOf([-1, -(2 ** 31), 2 ** 31 - 1]),
      new Set([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]),
    );
    deepStrictEqual(await codesOf(Array(10_000).fill(0)), new Set([0]));
    const { transactionStates: [{ topics }] } = await client.call(DESCRIBE, 0, {
      transactionalIds: ["tx"],
    });
    deepStrictEqual(topics, [{ topic: "t", partitions: [0] }]);
    await client.call(END, 3, {
      transactionalId: "tx",
      producerId,
      producerEpoch,
      committed: false,
    });
  },
);

onBroker(
  "records in a transaction without a transactional id",
  async (client) => {
    const identity = await init(client, "tx");
    for (const version of [3, 9, 12]) {
      strictEqual(
        await produce(client, null, identity, version),
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      );
    }
    strictEqual(
      await produce(client, "other", identity),
      ErrorCode.INVALID_PRODUCER_ID_MAPPING,
    );
  },
);

onBroker("patterns that would take for ever, or are none", async (client) => {
  await init(client, "a".repeat(2000));
  const listed = async (transactionalIdPattern: string) =>
    (await client.call(LIST, 2, {
      stateFilters: [],
      producerIdFilters: [],
      transactionalIdPattern,
    })).errorCode;
  strictEqual(await listed("(a*)*b"), 0);
  strictEqual(await listed("(a+)+$"), 0);
  for (const bad of ["(", "[", "a{1001}", "(?=a)", "\\1", "*"]) {
    strictEqual(
      await listed(bad),
      ErrorCode.INVALID_REGULAR_EXPRESSION,
      bad,
    );
  }
});
