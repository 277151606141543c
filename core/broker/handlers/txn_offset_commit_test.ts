// Offsets of groups in transactions, through a whole broker: both ways of making
// them part of a transaction, readers that wait for stable ones, fences, restarts.

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { sleep } from "../../host/host.ts";
import {
  TestBroker,
  type TestClient,
  until,
} from "../../testing/broker_fixture.ts";
import { type SimHost, simHost } from "../../testing/sim_host.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  addOffsetsToTxnRequest,
  addOffsetsToTxnResponse,
} from "../../wire/kafka/messages/add_offsets_to_txn.ts";
import {
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
} from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
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
  offsetFetchRequest,
  offsetFetchResponse,
} from "../../wire/kafka/messages/offset_fetch.ts";
import {
  type TxnOffsetCommitRequest,
  txnOffsetCommitRequest,
  txnOffsetCommitResponse,
} from "../../wire/kafka/messages/txn_offset_commit.ts";

const FIND = [findCoordinatorRequest, findCoordinatorResponse] as const;
const INIT = [initProducerIdRequest, initProducerIdResponse] as const;
const ADD = [addOffsetsToTxnRequest, addOffsetsToTxnResponse] as const;
const COMMIT = [txnOffsetCommitRequest, txnOffsetCommitResponse] as const;
const END = [endTxnRequest, endTxnResponse] as const;
const FETCH = [offsetFetchRequest, offsetFetchResponse] as const;
const HEARTBEAT = [
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
] as const;

const CONFIG = {
  "offsets.topic.num.partitions": 4,
  "transaction.state.log.num.partitions": 4,
};

interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Waits until both coordinators are there. */
async function findCoordinators(sim: SimHost, client: TestClient) {
  for (const keyType of [0, 1]) {
    await until(sim.host, async () => {
      const { coordinators } = await client.call(FIND, 4, {
        keyType,
        coordinatorKeys: ["g", "x"],
      });
      return coordinators.every(({ errorCode }) => errorCode === 0);
    });
  }
}

async function initProducer(
  sim: SimHost,
  client: TestClient,
): Promise<Producer> {
  let producer: Producer | null = null;
  await until(sim.host, async () => {
    const found = await client.call(INIT, 4, {
      transactionalId: "x",
      transactionTimeoutMs: 60_000,
      producerId: -1,
      producerEpoch: -1,
    });
    producer = found;
    return found.errorCode === 0;
  });
  return producer!;
}

async function commit(
  client: TestClient,
  version: number,
  producer: Producer,
  offsets: readonly number[],
  body: Partial<TxnOffsetCommitRequest> = {},
): Promise<number[]> {
  const { topics } = await client.call(COMMIT, version, {
    transactionalId: "x",
    groupId: "g",
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch,
    topics: [{
      name: "t",
      partitions: offsets.map((committedOffset, partitionIndex) => ({
        partitionIndex,
        committedOffset,
        committedMetadata: null,
      })),
    }],
    ...body,
  });
  return topics.flatMap(({ partitions }) =>
    partitions.map(({ errorCode }) => errorCode)
  );
}

async function end(
  sim: SimHost,
  client: TestClient,
  version: number,
  producer: Producer,
  committed: boolean,
): Promise<Producer> {
  let ended: Producer = producer;
  await until(sim.host, async () => {
    const answer = await client.call(END, version, {
      transactionalId: "x",
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      committed,
    });
    if (answer.errorCode === ErrorCode.CONCURRENT_TRANSACTIONS) return false;
    strictEqual(answer.errorCode, 0);
    if (version >= 5) ended = answer;
    return true;
  });
  return ended;
}

/** Offsets of `t` as group `g` has them; the error's code where it is no offset. */
async function read(client: TestClient, requireStable: boolean) {
  const { groups } = await client.call(FETCH, 8, {
    groups: [{
      groupId: "g",
      topics: [{ name: "t", partitionIndexes: [0, 1] }],
    }],
    requireStable,
  });
  if (groups[0].errorCode !== 0) return groups[0].errorCode;
  return groups[0].topics[0].partitions.map((each) =>
    each.errorCode === 0 ? each.committedOffset : `error ${each.errorCode}`
  );
}

async function withBroker(
  run: (
    context: { sim: SimHost; broker: TestBroker; client: TestClient },
  ) => Promise<void>,
): Promise<void> {
  const sim = simHost(870);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, CONFIG);
    await broker.createTopic("t", { partitionCount: 2 });
    const client = await broker.connect();
    await findCoordinators(sim, client);
    await run({ sim, broker, client });
    await broker.stop();
  });
}

const UNSTABLE = `error ${ErrorCode.UNSTABLE_OFFSET_COMMIT}`;

Deno.test("offsets are committed and aborted with a transaction, in every version", async () => {
  await withBroker(async ({ sim, client }) => {
    let producer = await initProducer(sim, client);
    let before = [-1, -1];
    for (let version = 0; version <= 5; version++) {
      for (const isCommit of [false, true]) {
        const offsets = [10 + version, 20 + version];
        if (version < 5) {
          await until(sim.host, async () => {
            const { errorCode } = await client.call(ADD, 3, {
              transactionalId: "x",
              ...producer,
              groupId: "g",
            });
            return errorCode === 0;
          });
        }
        deepStrictEqual(
          await commit(client, version, producer, offsets),
          [0, 0],
        );
        deepStrictEqual(await read(client, false), before);
        deepStrictEqual(await read(client, true), [UNSTABLE, UNSTABLE]);
        const endVersion = version < 5 ? 3 : 5;
        producer = await end(sim, client, endVersion, producer, isCommit);
        if (isCommit) before = offsets;
        await until(sim.host, async () => {
          const now = await read(client, true);
          return JSON.stringify(now) === JSON.stringify(before);
        });
      }
    }
  });
});

Deno.test("offsets are refused of a group that was not made part of the transaction", async () => {
  await withBroker(async ({ sim, client }) => {
    const producer = await initProducer(sim, client);
    const { INVALID_TXN_STATE, TRANSACTION_ABORTABLE } = ErrorCode;
    for (const version of [0, 3]) {
      deepStrictEqual(await commit(client, version, producer, [1]), [
        INVALID_TXN_STATE,
      ]);
    }
    deepStrictEqual(await commit(client, 4, producer, [1]), [
      TRANSACTION_ABORTABLE,
    ]);
    deepStrictEqual(await read(client, true), [-1, -1]);
  });
});

Deno.test("offsets are refused one by one, or all of them", async () => {
  await withBroker(async ({ sim, client }) => {
    const producer = await initProducer(sim, client);
    const {
      ILLEGAL_GENERATION,
      INVALID_GROUP_ID,
      INVALID_PRODUCER_EPOCH,
      INVALID_PRODUCER_ID_MAPPING,
      OFFSET_METADATA_TOO_LARGE,
      UNKNOWN_MEMBER_ID,
      UNKNOWN_TOPIC_OR_PARTITION,
    } = ErrorCode;
    const at = { committedOffset: 1, committedLeaderEpoch: -1 };
    deepStrictEqual(
      await commit(client, 5, producer, [], {
        topics: [
          {
            name: "t",
            partitions: [
              { ...at, partitionIndex: 0, committedMetadata: "" },
              { ...at, partitionIndex: 2, committedMetadata: "" },
              {
                ...at,
                partitionIndex: 1,
                committedMetadata: "m".repeat(4097),
              },
            ],
          },
          {
            name: "none",
            partitions: [{ ...at, partitionIndex: 0, committedMetadata: "" }],
          },
        ],
      }),
      [
        0,
        UNKNOWN_TOPIC_OR_PARTITION,
        OFFSET_METADATA_TOO_LARGE,
        UNKNOWN_TOPIC_OR_PARTITION,
      ],
    );
    const asMember = { generationId: 1, memberId: "m" };
    // Nothing of the transaction is in the partitions of other groups yet.
    const refused: [Partial<TxnOffsetCommitRequest>, number][] = [
      [{ groupId: "" }, INVALID_GROUP_ID],
      [{ groupId: "g", ...asMember }, UNKNOWN_MEMBER_ID],
      [{ groupId: "none", ...asMember }, ILLEGAL_GENERATION],
      [{ groupId: "h", transactionalId: "y" }, INVALID_PRODUCER_ID_MAPPING],
      [{ groupId: "h", producerEpoch: 17 }, INVALID_PRODUCER_EPOCH],
    ];
    for (const [body, expected] of refused) {
      deepStrictEqual(
        await commit(client, 5, producer, [1], body),
        [expected],
        JSON.stringify(body),
      );
    }
  });
});

Deno.test("a member of a newer group commits in a transaction by its epoch", async () => {
  await withBroker(async ({ sim, client }) => {
    const producer = await initProducer(sim, client);
    const { memberEpoch } = await client.call(HEARTBEAT, 0, {
      groupId: "g",
      memberId: "m",
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
    ok(memberEpoch > 0);
    const by = (memberId: string, generationId: number) =>
      commit(client, 5, producer, [1], { memberId, generationId });
    deepStrictEqual(await by("m", memberEpoch), [0]);
    const { ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID } = ErrorCode;
    deepStrictEqual(await by("m", memberEpoch - 1), [ILLEGAL_GENERATION]);
    deepStrictEqual(await by("m", memberEpoch + 1), [ILLEGAL_GENERATION]);
    deepStrictEqual(await by("m", -1), [ILLEGAL_GENERATION]);
    deepStrictEqual(await by("n", memberEpoch), [UNKNOWN_MEMBER_ID]);
    deepStrictEqual(await by("", -1), [0], "who does not say is let in");
  });
});

for (const how of ["stop", "kill"] as const) {
  Deno.test(`a transaction with offsets that is open over a ${how} can be committed then`, async () => {
    const sim = simHost(871);
    let producer: Producer = { producerId: -1, producerEpoch: -1 };
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, CONFIG);
      await broker.createTopic("t", { partitionCount: 2 });
      const client = await broker.connect();
      await findCoordinators(sim, client);
      producer = await initProducer(sim, client);
      deepStrictEqual(await commit(client, 5, producer, [7, 8]), [0, 0]);
      if (how === "stop") await broker.stop();
    });
    if (how === "kill") sim.crash("kill");
    sim.restart();
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, CONFIG);
      const client = await broker.connect();
      await sleep(sim.host.clock, 200);
      deepStrictEqual(await read(client, false), [-1, -1]);
      deepStrictEqual(await read(client, true), [UNSTABLE, UNSTABLE]);
      deepStrictEqual(await commit(client, 5, producer, [9]), [0]);
      await end(sim, client, 5, producer, true);
      await until(
        sim.host,
        async () => JSON.stringify(await read(client, true)) === "[9,8]",
      );
      await broker.stop();
    });
  });
}
