// What a request does that comes after its transaction has ended, and the next one
// of its producer has begun.
//
//   newer clients   nothing: it carries an epoch that has passed
//   older clients   what it says, in the next transaction: nothing tells the two
//                   apart, and Apache Kafka 3.9 does the same
//
// Source: KIP-890; scripts/conformance/transaction-requests compares it.

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { TestBroker } from "../testing/broker_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import {
  NEWER_PRODUCE,
  OLDER_PRODUCE,
  TestProducer,
} from "../testing/test_transactions.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";

/** Runs a test with a producer of a version, on a broker with one topic, `t`. */
function withProducer(
  name: string,
  version: number,
  test: (
    producer: TestProducer,
    log: () => { lastStable: number; end: number },
  ) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const sim = simHost(31);
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, {
        "transaction.state.log.num.partitions": 2,
        "log.roll.ms": 10 ** 15,
      });
      await broker.createTopic("t", { partitionCount: 1 });
      const producer = await TestProducer.begin(broker, "p", version);
      const log = broker.broker.partitions.get("t", 0).log!;
      await test(producer, () => ({
        lastStable: log.lastStableOffset,
        end: log.logEndOffset,
      }));
      strictEqual(await broker.stop(), true);
    });
  });
}

/** Ends as a producer asked that was at another epoch then; gives the error code. */
async function endLate(
  producer: TestProducer,
  producerEpoch: number,
  isCommit: boolean,
): Promise<number> {
  const { producerEpoch: present } = producer;
  producer.producerEpoch = producerEpoch;
  const code = await producer.end(isCommit);
  producer.producerEpoch = present;
  return code;
}

for (const isCommit of [true, false]) {
  const what = isCommit ? "commit" : "abort";
  withProducer(
    `of newer clients a late ${what} leaves the next transaction open`,
    NEWER_PRODUCE,
    async (producer, log) => {
      strictEqual(await producer.write(["a"]), ErrorCode.NONE);
      strictEqual(await producer.end(isCommit), ErrorCode.NONE);
      strictEqual(await producer.write(["b"]), ErrorCode.NONE);
      deepStrictEqual(log(), { lastStable: 2, end: 3 });
      const late = await endLate(producer, 0, isCommit);
      strictEqual(late, ErrorCode.PRODUCER_FENCED);
      deepStrictEqual(log(), { lastStable: 2, end: 3 });
      strictEqual(await producer.write(["c"]), ErrorCode.NONE);
      strictEqual(await producer.end(!isCommit), ErrorCode.NONE);
      // Nor does it matter once that has ended, too, or another one is to begin.
      strictEqual(
        await endLate(producer, 0, isCommit),
        ErrorCode.PRODUCER_FENCED,
      );
      deepStrictEqual(log(), { lastStable: 5, end: 5 });
    },
  );

  withProducer(
    `of older clients a late ${what} ends the next transaction, as Apache Kafka 3.9 has it`,
    OLDER_PRODUCE,
    async (producer, log) => {
      strictEqual(await producer.write(["a"]), ErrorCode.NONE);
      strictEqual(await producer.end(isCommit), ErrorCode.NONE);
      strictEqual(await producer.write(["b"]), ErrorCode.NONE);
      deepStrictEqual(log(), { lastStable: 2, end: 3 });
      strictEqual(await producer.end(isCommit), ErrorCode.NONE);
      deepStrictEqual(log(), { lastStable: 4, end: 4 });
      // What follows finds no transaction open, and begins none that nobody ends.
      const next = await producer.send(producer.batch(["c"]));
      strictEqual(next.errorCode, ErrorCode.TRANSACTION_ABORTABLE);
      strictEqual(
        await producer.end(!isCommit),
        ErrorCode.INVALID_TXN_STATE,
        "who sends it learns that it has ended the other way",
      );
      deepStrictEqual(log(), { lastStable: 4, end: 4 });
    },
  );
}

withProducer(
  "of older clients a partition takes nothing before the first batch that it was sent",
  OLDER_PRODUCE,
  async (producer, log) => {
    const first = producer.batch(["a"]);
    const second = producer.batch(["b"]);
    const { TRANSACTION_ABORTABLE, OUT_OF_ORDER_SEQUENCE_NUMBER } = ErrorCode;
    const send = async (records: Uint8Array) =>
      (await producer.send(records)).errorCode;
    strictEqual(await send(first), TRANSACTION_ABORTABLE);
    strictEqual(await producer.add("t"), ErrorCode.NONE);
    strictEqual(await send(second), OUT_OF_ORDER_SEQUENCE_NUMBER);
    deepStrictEqual(log(), { lastStable: 0, end: 0 });
    strictEqual(await send(first), ErrorCode.NONE);
    strictEqual(await send(second), ErrorCode.NONE);
    strictEqual(await producer.end(true), ErrorCode.NONE);
    // What it has had already is no reason to refuse what comes next.
    strictEqual(await send(first), TRANSACTION_ABORTABLE);
    strictEqual(await producer.write(["c"]), ErrorCode.NONE);
    deepStrictEqual(log(), { lastStable: 3, end: 4 });
  },
);
