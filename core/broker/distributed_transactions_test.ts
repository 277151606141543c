// Transactions whose coordinator, partitions and groups are on different brokers.

import { deepEqual, equal, ok } from "node:assert/strict";
import { decodeUtf8 } from "../base/bytes.ts";
import { createConsumer } from "../client/consumer.ts";
import { createProducer, type Producer } from "../client/producer.ts";
import { OFFSETS_TOPIC } from "../groups/group_coordinator.ts";
import { sleep } from "../host/host.ts";
import { batchOf, PRODUCE, until } from "../testing/broker_fixture.ts";
import { type BrokerWorld, withBrokers } from "../testing/broker_world.ts";
import { TRANSACTIONS_TOPIC } from "../transactions/transaction_coordinator.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from "../wire/kafka/messages/add_partitions_to_txn.ts";
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
  offsetFetchRequest,
  offsetFetchResponse,
} from "../wire/kafka/messages/offset_fetch.ts";

const FIND = [findCoordinatorRequest, findCoordinatorResponse] as const;
const INIT = [initProducerIdRequest, initProducerIdResponse] as const;
const ADD = [addPartitionsToTxnRequest, addPartitionsToTxnResponse] as const;
const END = [endTxnRequest, endTxnResponse] as const;
const FETCH_OFFSETS = [offsetFetchRequest, offsetFetchResponse] as const;

const GROUP = 0;
const TRANSACTION = 1;

/** Makes the topic behind coordinators of a type; waits until all know its leaders. */
async function ensureCoordinators(
  world: BrokerWorld,
  keyType: number,
): Promise<void> {
  const client = await world.broker(1).connect();
  await client.call(FIND, 3, { key: "any", keyType });
  client.io.close();
  const topic = keyType === GROUP ? OFFSETS_TOPIC : TRANSACTIONS_TOPIC;
  await world.untilAll(({ broker }) =>
    broker.cluster.image.topics.get(topic)?.partitions
      .every(({ leader }) => leader > 0) === true
  );
}

/** A transactional id, or a group, that a broker looks after. */
function keyOf(world: BrokerWorld, keyType: number, brokerId: number): string {
  const { cluster, groups, transactions } = world.broker(1).broker;
  const [topic, coordinator] = keyType === GROUP
    ? [OFFSETS_TOPIC, groups]
    : [TRANSACTIONS_TOPIC, transactions];
  const { partitions } = cluster.image.topics.get(topic)!;
  for (let number = 0;; number++) {
    const key = `key-${number}`;
    if (partitions[coordinator.partitionOf(key)].leader === brokerId) {
      return key;
    }
  }
}

function producerOf(world: BrokerWorld, transactionalId: string): Producer {
  return createProducer(world.zk.host, {
    "bootstrap.servers": world.bootstrap,
    "transactional.id": transactionalId,
  });
}

/** Values that committed readers see, once there are so many. */
async function committedValues(
  world: BrokerWorld,
  topic: string,
  count: number,
): Promise<string[]> {
  const consumer = createConsumer(world.zk.host, {
    "bootstrap.servers": world.bootstrap,
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
  });
  consumer.assign(await consumer.partitionsFor(topic));
  const values: string[] = [];
  const take = async () => {
    for (const { records } of await consumer.poll(500)) {
      for (const { value } of records) values.push(decodeUtf8(value!));
    }
  };
  for (let round = 0; round < 100 && values.length < count; round++) {
    await take();
  }
  await take(); // What is too much would be there by now.
  consumer.close();
  return values.sort();
}

Deno.test("one transaction follows another over slow links, with nothing lost and nothing refused", () =>
  withBrokers(2, async (world) => {
    await ensureCoordinators(world, TRANSACTION);
    await world.createTopic("t", [1, 2]);
    // Markers are on their way while the next transaction begins.
    world.zk.net.slow("b1", "b2", 7);
    world.zk.net.slow("b2", "b1", 7);
    const expected: string[] = [];
    await Promise.all([1, 2].map(async (coordinator) => {
      const id = keyOf(world, TRANSACTION, coordinator);
      const producer = producerOf(world, id);
      await producer.initTransactions();
      for (let round = 0; round < 20; round++) {
        producer.beginTransaction();
        for (const partition of [0, 1]) {
          const value = `${id}-${round}-${partition}`;
          producer.sendNoWait({ topic: "t", partition, value });
          if (round % 4 !== 3) expected.push(value);
        }
        await producer.flush();
        if (round % 4 !== 3) await producer.commitTransaction();
        else await producer.abortTransaction();
      }
      await producer.close();
    }));
    deepEqual(
      await committedValues(world, "t", expected.length),
      expected.sort(),
    );
  }));

Deno.test("a coordinator killed between its decision and the markers writes them when it is back", () =>
  withBrokers(3, async (world) => {
    await ensureCoordinators(world, TRANSACTION);
    await world.createTopic("t", [1, 2, 3]);
    for (const isCommit of [true, false]) {
      const id = keyOf(world, TRANSACTION, 2);
      const producer = producerOf(world, id);
      await producer.initTransactions();
      producer.beginTransaction();
      for (const partition of [0, 1, 2]) {
        producer.sendNoWait({ topic: "t", partition, value: `${isCommit}` });
      }
      await producer.flush();
      for (const other of ["b1", "b3"]) world.zk.net.partition("b2", other);
      const ended = isCommit
        ? producer.commitTransaction()
        : producer.abortTransaction();
      await ended;
      const stateOf = () =>
        world.broker(2).broker.transactions.describe(id).state;
      equal(stateOf(), isCommit ? "PrepareCommit" : "PrepareAbort");
      const openIn = (brokerId: number) =>
        world.broker(brokerId).broker.partitions.get("t", brokerId - 1).log!
          .producers.firstUnstableOffset !== null;
      ok(openIn(1) && openIn(3));
      world.kill(2);
      world.zk.net.heal();
      await world.start(2);
      await until(world.zk.host, () => !openIn(1) && !openIn(2) && !openIn(3));
      await until(
        world.zk.host,
        () => stateOf() === (isCommit ? "CompleteCommit" : "CompleteAbort"),
      );
      await producer.close();
    }
    deepEqual(await committedValues(world, "t", 3), ["true", "true", "true"]);
  }));

Deno.test("offsets of a group on one broker are committed by a transaction on another, or not at all", () =>
  withBrokers(3, async (world) => {
    await ensureCoordinators(world, TRANSACTION);
    await ensureCoordinators(world, GROUP);
    await world.createTopic("t", [3]);
    const groupId = keyOf(world, GROUP, 1);
    const producer = producerOf(world, keyOf(world, TRANSACTION, 2));
    await producer.initTransactions();
    const client = await world.broker(1).connect();
    const committed = async () => {
      const { groups } = await client.call(FETCH_OFFSETS, 8, {
        groups: [{
          groupId,
          topics: [{ name: "t", partitionIndexes: [0] }],
        }],
        requireStable: true,
      });
      const [{ committedOffset, errorCode }] = groups[0].topics[0].partitions;
      return errorCode === ErrorCode.UNSTABLE_OFFSET_COMMIT
        ? "unstable"
        : committedOffset;
    };
    for (const [offset, isCommit] of [[5, true], [9, false]] as const) {
      producer.beginTransaction();
      await producer.send({ topic: "t", partition: 0, value: "v" });
      await producer.sendOffsets([{ topic: "t", partition: 0, offset }], {
        groupId,
      });
      if (isCommit) await producer.commitTransaction();
      else await producer.abortTransaction();
      await until(world.zk.host, async () => await committed() !== "unstable");
      equal(await committed(), 5);
    }
    client.io.close();
    await producer.close();
  }));

Deno.test("the leader asks another broker's coordinator about what older clients say they have added", () =>
  withBrokers(2, async (world) => {
    await ensureCoordinators(world, TRANSACTION);
    await world.createTopic("t", [1, 1]);
    const transactionalId = keyOf(world, TRANSACTION, 2);
    const coordinator = await world.broker(2).connect();
    const leader = await world.broker(1).connect();
    const { producerId, producerEpoch } = await coordinator.call(INIT, 4, {
      transactionalId,
      transactionTimeoutMs: 60_000,
      producerId: -1,
      producerEpoch: -1,
    });
    const produce = async (partition: number, baseSequence = 0) => {
      const { responses } = await leader.call(PRODUCE, 11, {
        transactionalId,
        acks: -1,
        timeoutMs: 5000,
        topicData: [{
          name: "t",
          partitionData: [{
            index: partition,
            records: batchOf(["v"], {
              producerId,
              producerEpoch,
              baseSequence,
              isTransactional: true,
            }),
          }],
        }],
      });
      return responses[0].partitionResponses[0].errorCode;
    };
    const add = await coordinator.call(ADD, 3, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: "t", partitions: [0] }],
    });
    const [{ resultsByPartition }] = add.resultsByTopicV3AndBelow;
    equal(resultsByPartition[0].partitionErrorCode, ErrorCode.NONE);
    equal(await produce(0), ErrorCode.NONE);
    // Known to be open, so nobody is asked.
    world.zk.net.partition("b1", "b2");
    equal(await produce(0, 1), ErrorCode.NONE);
    world.zk.net.heal();
    equal(await produce(1), ErrorCode.TRANSACTION_ABORTABLE);
    const end = await coordinator.call(END, 3, {
      transactionalId,
      producerId,
      producerEpoch,
      committed: true,
    });
    equal(end.errorCode, ErrorCode.NONE);
    const { producers } = world.broker(1).broker.partitions.get("t", 0).log!;
    await until(world.zk.host, () => producers.firstUnstableOffset === null);
    for (const client of [coordinator, leader]) client.io.close();
  }));

Deno.test("a question that is overtaken by the marker of the transaction before is asked again", () =>
  withBrokers(2, async (world) => {
    await ensureCoordinators(world, TRANSACTION);
    await world.createTopic("t", [1]);
    const transactionalId = keyOf(world, TRANSACTION, 2);
    const coordinator = await world.broker(2).connect();
    const leader = await world.broker(1).connect();
    let producer = await coordinator.call(INIT, 4, {
      transactionalId,
      transactionTimeoutMs: 60_000,
      producerId: -1,
      producerEpoch: -1,
    });
    const produce = async (version: number, baseSequence: number) => {
      const { producerId, producerEpoch } = producer;
      const { responses } = await leader.call(PRODUCE, version, {
        transactionalId,
        acks: -1,
        timeoutMs: 5000,
        topicData: [{
          name: "t",
          partitionData: [{
            index: 0,
            records: batchOf(["v"], {
              producerId,
              producerEpoch,
              baseSequence,
              isTransactional: true,
            }),
          }],
        }],
      });
      equal(responses[0].partitionResponses[0].errorCode, ErrorCode.NONE);
    };
    const end = async () => {
      const { producerId, producerEpoch } = producer;
      const ended = await coordinator.call(END, 5, {
        transactionalId,
        producerId,
        producerEpoch,
        committed: true,
      });
      equal(ended.errorCode, ErrorCode.NONE);
      producer = { ...producer, ...ended };
    };
    const { producers } = world.broker(1).broker.partitions.get("t", 0).log!;
    const untilEnded = () =>
      until(world.zk.host, () => {
        const { transactions } = world.broker(2).broker;
        return transactions.describe(transactionalId).state ===
          "CompleteCommit";
      });
    world.zk.net.slow("b1", "b2", 7);
    world.zk.net.slow("b2", "b1", 7);
    // The leader has asked nobody yet, and so has to connect first; the coordinator has not.
    for (let round = 0; round < 2; round++) {
      await coordinator.call(ADD, 3, {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producer.producerId,
        v3AndBelowProducerEpoch: producer.producerEpoch,
        v3AndBelowTopics: [{ name: "t", partitions: [0] }],
      });
      await produce(11, 0);
      await end();
      if (round === 0) await untilEnded();
    }
    ok(producers.firstUnstableOffset !== null);
    await produce(12, 0);
    await end();
    await untilEnded();
    for (const client of [coordinator, leader]) client.io.close();
  }, {
    overridesOf: () => ({
      "transaction.partition.verification.enable": "false",
    }),
  }));

Deno.test("a coordinator that cannot be reached refuses nobody for good", () =>
  withBrokers(2, async (world) => {
    await ensureCoordinators(world, TRANSACTION);
    await world.createTopic("t", [1]);
    const producer = producerOf(world, keyOf(world, TRANSACTION, 2));
    await producer.initTransactions();
    world.kill(2);
    producer.beginTransaction();
    const sent = producer.send({ topic: "t", partition: 0, value: "v" });
    await sleep(world.zk.host.clock, 2000);
    await world.start(2);
    await sent;
    await producer.commitTransaction();
    deepEqual(await committedValues(world, "t", 1), ["v"]);
    await producer.close();
  }));
