// A coordinator on a log: what producers see of it, what partitions are asked, and
// what it does by itself.

import {
  deepStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import { sleep } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import {
  openTestTransactions,
  replayTransactions,
  type TestTransactions,
  type TestTransactionsOptions,
} from "../testing/transaction_fixture.ts";
import { ErrorCode, type ErrorName, KafkaError } from "../wire/kafka/errors.ts";
import type { Host } from "../host/host.ts";
import type { ClientVersion, ProducerIdAndEpoch } from "./requests.ts";
import type { TransactionCoordinator } from "./transaction_coordinator.ts";

const NEW = { producerId: -1, producerEpoch: -1 };
const A0 = { topic: "a", partition: 0 };
const B1 = { topic: "b", partition: 1 };

const named = (name: ErrorName) => (error: unknown) =>
  error instanceof KafkaError && error.errorName === name;

function init(
  { coordinator }: TestTransactions,
  transactionalId = "x",
  producer: ProducerIdAndEpoch = NEW,
  transactionTimeoutMs = 60_000,
) {
  return coordinator.initProducerId({
    transactionalId,
    transactionTimeoutMs,
    ...producer,
  });
}

function add(
  { coordinator }: TestTransactions,
  producer: ProducerIdAndEpoch,
  partitions = [A0, B1],
  clientVersion: ClientVersion = 2,
) {
  const transactionalId = "x";
  return coordinator.addPartitions({
    transactionalId,
    ...producer,
    partitions,
    clientVersion,
  });
}

function end(
  { coordinator }: TestTransactions,
  producer: ProducerIdAndEpoch,
  isCommit: boolean,
  clientVersion: ClientVersion = 2,
) {
  const transactionalId = "x";
  return coordinator.endTransaction({
    transactionalId,
    ...producer,
    isCommit,
    clientVersion,
  });
}

const status = (test: TestTransactions, transactionalId = "x") =>
  test.coordinator.describe(transactionalId).state;

/** Runs a test on a coordinator, and then holds the log against the memory. */
async function withTransactions(
  seed: number,
  options: TestTransactionsOptions,
  run: (test: TestTransactions, host: Host) => Promise<void>,
): Promise<void> {
  const sim = simHost(seed);
  await sim.run(async () => {
    const test = await openTestTransactions(sim.host, options);
    await run(test, sim.host);
    await assertReplay(test, sim.host);
    await test.close();
  });
}

async function assertReplay(test: TestTransactions, host: Host) {
  const states = await replayTransactions(host, test.shardLog);
  const { coordinator } = test;
  deepStrictEqual(
    [...states.values()].map(({ transactionalId, producerId, status }) => ({
      transactionalId,
      producerId,
      state: status,
    })),
    coordinator.list(),
  );
}

Deno.test("a newer producer commits in one synchronous step, and goes on with the next epoch", () =>
  withTransactions(900, {}, async (test) => {
    const first = await init(test);
    deepStrictEqual(first, { producerId: 1000, producerEpoch: 0 });
    strictEqual(add(test, first), undefined);
    strictEqual(status(test), "Ongoing");
    deepStrictEqual(
      test.coordinator.verifyPartitions({
        transactionalId: "x",
        ...first,
        partitions: [B1, { topic: "b", partition: 2 }],
      }),
      [ErrorCode.NONE, ErrorCode.TRANSACTION_ABORTABLE],
    );
    const next = end(test, first, true);
    deepStrictEqual(next, { producerId: 1000, producerEpoch: 1 });
    strictEqual(status(test), "CompleteCommit");
    const marker = {
      producerId: 1000,
      producerEpoch: 1,
      isCommit: true,
      coordinatorEpoch: 0,
      isEpochRaised: true,
    };
    deepStrictEqual(test.markers, [{ ...marker, ...A0 }, { ...marker, ...B1 }]);
    deepStrictEqual(end(test, first, true), next, "asked again");
    strictEqual(test.markers.length, 2);
    throws(() => add(test, first), named("PRODUCER_FENCED"));
    add(test, next as ProducerIdAndEpoch, [A0]);
    throws(() => end(test, first, true), named("PRODUCER_FENCED"));
    end(test, next as ProducerIdAndEpoch, false);
    strictEqual(test.markers.at(-1)!.isCommit, false);
    strictEqual(test.markers.at(-1)!.producerEpoch, 2);
  }));

Deno.test("an older producer keeps its epoch", () =>
  withTransactions(901, {}, async (test) => {
    const producer = await init(test);
    for (const isCommit of [true, false]) {
      add(test, producer, [A0], 0);
      deepStrictEqual(end(test, producer, isCommit, 0), producer);
      deepStrictEqual(end(test, producer, isCommit, 0), producer);
      throws(
        () => end(test, producer, !isCommit, 0),
        named("INVALID_TXN_STATE"),
      );
      const { isEpochRaised, ...marker } = test.markers.at(-1)!;
      deepStrictEqual(marker, {
        ...producer,
        isCommit,
        coordinatorEpoch: 0,
        ...A0,
      });
      strictEqual(isEpochRaised, false);
    }
  }));

Deno.test("a producer that begins aborts what its predecessor left open, and fences it", () =>
  withTransactions(902, {}, async (test) => {
    const before = await init(test);
    add(test, before, [A0]);
    const after = await init(test);
    deepStrictEqual(after, { producerId: 1000, producerEpoch: 2 });
    deepStrictEqual(
      test.markers.map(({ isCommit, producerEpoch }) => [
        isCommit,
        producerEpoch,
      ]),
      [[false, 1]],
    );
    throws(() => add(test, before), named("PRODUCER_FENCED"));
    throws(() => end(test, before, true), named("PRODUCER_FENCED"));
    await rejects(init(test, "x", before), named("PRODUCER_FENCED"));
    deepStrictEqual(await init(test, "x", after), {
      producerId: 1000,
      producerEpoch: 3,
    });
  }));

Deno.test("a predecessor's markers that take their time mean: come again", () =>
  withTransactions(903, {
    answerMarkers: () => new Promise(() => {}),
  }, async (test) => {
    const before = await init(test);
    add(test, before, [A0]);
    await rejects(init(test), named("CONCURRENT_TRANSACTIONS"));
    strictEqual(status(test), "PrepareAbort");
    await rejects(init(test), named("CONCURRENT_TRANSACTIONS"));
    throws(() => add(test, before), named("CONCURRENT_TRANSACTIONS"));
    strictEqual(test.markers.length, 1, "they are written once");
  }));

Deno.test("a producer that runs out of epochs gets another id, and may ask for it again", () =>
  withTransactions(904, {}, async (test) => {
    let producer = await init(test);
    for (let i = 0; i < 32766; i++) {
      producer = end(test, producer, false) as ProducerIdAndEpoch;
    }
    deepStrictEqual(producer, { producerId: 1000, producerEpoch: 32766 });
    add(test, producer, [A0]);
    const next = await end(test, producer, true);
    deepStrictEqual(next, { producerId: 1001, producerEpoch: 0 });
    deepStrictEqual(
      [test.markers.at(-1)!.producerId, test.markers.at(-1)!.producerEpoch],
      [1000, 32767],
    );
    deepStrictEqual(await end(test, producer, true), next, "asked again");
    throws(() => end(test, producer, false), named("INVALID_TXN_STATE"));
    add(test, next, [A0]);
    throws(
      () => end(test, producer, true),
      named("INVALID_PRODUCER_ID_MAPPING"),
    );
    deepStrictEqual(end(test, next, true), {
      producerId: 1001,
      producerEpoch: 1,
    });
  }));

Deno.test("markers are written again until each partition has its own", () => {
  const answers = [
    [ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NONE],
    [ErrorCode.NOT_ENOUGH_REPLICAS],
    [ErrorCode.NONE],
  ];
  return withTransactions(905, {
    answerMarkers: () => Promise.resolve(answers.shift()!),
  }, async (test, host) => {
    const producer = await init(test);
    add(test, producer);
    deepStrictEqual(end(test, producer, true), {
      producerId: 1000,
      producerEpoch: 1,
    });
    strictEqual(status(test), "PrepareCommit", "decided, not complete");
    await sleep(host.clock, 10);
    strictEqual(status(test), "PrepareCommit");
    await sleep(host.clock, 200);
    strictEqual(status(test), "CompleteCommit");
    deepStrictEqual(test.markers.map(({ topic }) => topic), [
      "a",
      "b",
      "a",
      "a",
    ]);
    strictEqual(test.lines.filter((line) => line.includes("again")).length, 1);
  });
});

Deno.test("a marker writer that throws, or rejects, is asked again", () => {
  let calls = 0;
  return withTransactions(906, {
    answerMarkers: () => {
      calls++;
      if (calls === 1) throw new Error("no socket");
      return calls === 2 ? Promise.reject(new Error("reset")) : [0];
    },
  }, async (test, host) => {
    const producer = await init(test);
    add(test, producer, [A0]);
    end(test, producer, true);
    await sleep(host.clock, 200);
    strictEqual(status(test), "CompleteCommit");
    strictEqual(calls, 3);
  });
});

Deno.test("a partition that is gone needs no marker; one that is unknown for now does", () => {
  const gone = new Set<string>();
  return withTransactions(907, {
    answerMarkers: (_marker, partitions) =>
      partitions.map(() => ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
    isDeleted: ({ topic }) => gone.has(topic),
  }, async (test, host) => {
    const producer = await init(test);
    add(test, producer);
    end(test, producer, true);
    gone.add("a");
    await sleep(host.clock, 5_000);
    strictEqual(status(test), "PrepareCommit");
    gone.add("b");
    await sleep(host.clock, 2_000);
    strictEqual(status(test), "CompleteCommit");
  });
});

for (
  const name of [
    "TRANSACTION_COORDINATOR_FENCED",
    "INVALID_PRODUCER_EPOCH",
  ] as const
) {
  Deno.test(`a coordinator that got ${name} writes no more markers`, () =>
    withTransactions(908, {
      answerMarkers: (_marker, partitions) =>
        partitions.map(({ topic }) =>
          topic === "a" ? ErrorCode[name] : ErrorCode.NONE
        ),
    }, async (test, host) => {
      const producer = await init(test);
      add(test, producer);
      end(test, producer, true);
      await sleep(host.clock, 10_000);
      strictEqual(status(test), "PrepareCommit");
      strictEqual(test.markers.length, 2);
      ok(test.lines.some((line) => line.includes(name)));
    }));
}

Deno.test("what was prepared is ended by whoever loads the log", async () => {
  const sim = simHost(909);
  await sim.run(async () => {
    const test = await openTestTransactions(sim.host, {
      answerMarkers: () => new Promise(() => {}),
    });
    const producer = await init(test);
    add(test, producer);
    end(test, producer, true);
    strictEqual(status(test), "PrepareCommit");
    await test.close();
    const next = await openTestTransactions(sim.host);
    strictEqual(status(next), "CompleteCommit");
    strictEqual(next.markers.length, 2);
    ok(next.markers.every(({ isCommit }) => isCommit));
    deepStrictEqual(
      end(next, producer, true),
      { producerId: 1000, producerEpoch: 1 },
      "asked again, after the change",
    );
    await assertReplay(next, sim.host);
    await next.close();
  });
});

Deno.test("until the log is loaded, who asks is told to come again", async () => {
  const sim = simHost(918);
  await sim.run(async () => {
    let isHanging = true;
    const test = await openTestTransactions(sim.host, {
      answerMarkers: (_marker, partitions) =>
        isHanging ? new Promise(() => {}) : partitions.map(() => 0),
    });
    const producer = await init(test);
    add(test, producer);
    end(test, producer, true);
    isHanging = false;
    const loaded = test.coordinator.lead(test.shardLog);
    const early = init(test);
    for (
      const request of [
        () => add(test, producer),
        () => end(test, producer, true),
        () => test.coordinator.list(),
        () => test.coordinator.describe("x"),
      ]
    ) {
      throws(request, named("COORDINATOR_LOAD_IN_PROGRESS"));
    }
    await rejects(early, named("COORDINATOR_LOAD_IN_PROGRESS"));
    await loaded;
    strictEqual(status(test), "CompleteCommit");
    strictEqual(test.markers.length, 4, "the earlier ones were never answered");
    await assertReplay(test, sim.host);
    await test.close();
  });
});

Deno.test("a transaction that is open too long is aborted", () =>
  withTransactions(910, {}, async (test, host) => {
    const producer = await init(test, "x", NEW, 3_000);
    add(test, producer);
    await sleep(host.clock, 2_000);
    strictEqual(status(test), "Ongoing");
    await sleep(host.clock, 10_000);
    strictEqual(status(test), "CompleteAbort");
    deepStrictEqual(
      test.markers.map((
        { isCommit, producerEpoch },
      ) => [isCommit, producerEpoch]),
      [[false, 1], [false, 1]],
    );
    throws(() => end(test, producer, true), named("INVALID_TXN_STATE"));
    throws(() => add(test, producer), named("PRODUCER_FENCED"));
    const next = end(test, producer, false) as ProducerIdAndEpoch;
    deepStrictEqual(next, { producerId: 1000, producerEpoch: 1 });
    add(test, next);
    end(test, next, true);
    strictEqual(status(test), "CompleteCommit");
    // An older producer is fenced.
    add(test, { producerId: 1000, producerEpoch: 2 }, [A0], 0);
    await sleep(host.clock, 14_000);
    throws(
      () => end(test, { producerId: 1000, producerEpoch: 2 }, false, 0),
      named("PRODUCER_FENCED"),
    );
  }));

Deno.test("the last epoch of an id that times out is given to nobody", async () => {
  const sim = simHost(911);
  await sim.run(async () => {
    const test = await openTestTransactions(sim.host, {
      config: {
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
      },
    });
    let producer = await init(test, "x", NEW, 500);
    for (let i = 0; i < 32766; i++) {
      producer = end(test, producer, false) as ProducerIdAndEpoch;
    }
    add(test, producer);
    await sleep(sim.host.clock, 3_000);
    strictEqual(status(test), "CompleteAbort");
    deepStrictEqual(await end(test, producer, false), {
      producerId: 1001,
      producerEpoch: 0,
    });
    await test.close();
  });
});

Deno.test("silent ids are forgotten, open transactions are not", async () => {
  const config = {
    "transactional.id.expiration.ms": 60_000,
    "transaction.remove.expired.transaction.cleanup.interval.ms": 10_000,
  };
  await withTransactions(912, { config }, async (test, host) => {
    for (let i = 0; i < 600; i++) await init(test, `silent-${i}`);
    const open = await init(test, "x", NEW, 900_000);
    add(test, open);
    await sleep(host.clock, 45_000);
    const late = await init(test, "late");
    await sleep(host.clock, 30_000);
    deepStrictEqual(
      test.coordinator.list().map(({ transactionalId }) => transactionalId),
      ["x", "late"],
    );
    throws(
      () => test.coordinator.describe("silent-1"),
      named("TRANSACTIONAL_ID_NOT_FOUND"),
    );
    ok(
      (await init(test, "silent-1", { producerId: 1001, producerEpoch: 0 }))
        .producerId > late.producerId,
      "it begins anew",
    );
  });
});

Deno.test("requests that cannot be meant are refused", () =>
  withTransactions(913, {}, async (test) => {
    await rejects(init(test, ""), named("INVALID_REQUEST"));
    await rejects(
      init(test, "x", { producerId: 4, producerEpoch: -1 }),
      named("INVALID_REQUEST"),
    );
    for (const timeoutMs of [0, -5, 900_001]) {
      await rejects(
        init(test, "x", NEW, timeoutMs),
        named("INVALID_TRANSACTION_TIMEOUT"),
      );
    }
    throws(() => add(test, NEW), named("INVALID_PRODUCER_ID_MAPPING"));
    throws(() => end(test, NEW, true), named("INVALID_PRODUCER_ID_MAPPING"));
    throws(() => test.coordinator.describe(""), named("INVALID_REQUEST"));
    test.coordinator.resign(0);
    throws(() => test.coordinator.describe("x"), named("NOT_COORDINATOR"));
    await rejects(init(test), named("NOT_COORDINATOR"));
  }));

Deno.test("nothing is answered, and no marker written, before it is durable", () => {
  let release: (() => void)[] = [];
  let isSlow = false;
  const durable = () =>
    isSlow ? new Promise<void>((done) => release.push(done)) : null;
  const letGo = async () => {
    const all = release;
    release = [];
    for (const done of all) done();
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return withTransactions(914, { durable }, async (test) => {
    const producer = await init(test);
    isSlow = true;
    let answers = 0;
    const count = () => answers++;
    void Promise.resolve(add(test, producer)).then(count);
    throws(
      () =>
        test.coordinator.verifyPartitions({
          transactionalId: "x",
          ...producer,
          partitions: [A0],
        }),
      named("CONCURRENT_TRANSACTIONS"),
    );
    await letGo();
    strictEqual(answers, 1);
    deepStrictEqual(
      test.coordinator.verifyPartitions({
        transactionalId: "x",
        ...producer,
        partitions: [A0],
      }),
      [0],
    );
    void Promise.resolve(end(test, producer, true)).then(count);
    for (let i = 0; i < 10; i++) await Promise.resolve();
    strictEqual(answers, 1);
    strictEqual(test.markers.length, 0);
    strictEqual(status(test), "PrepareCommit");
    await letGo();
    strictEqual(answers, 2);
    strictEqual(test.markers.length, 2);
    strictEqual(status(test), "CompleteCommit");
    void Promise.resolve(end(test, producer, true)).then(count);
    for (let i = 0; i < 10; i++) await Promise.resolve();
    strictEqual(
      answers,
      2,
      "the end that it asks for again is not durable yet",
    );
    await letGo();
    strictEqual(answers, 3);
    isSlow = false;
  });
});

Deno.test("an append that fails leaves the transaction as it was", () => {
  let failures = 0;
  const beforeAppend = () => {
    if (failures === 0) return;
    failures--;
    throw new KafkaError("NOT_ENOUGH_REPLICAS");
  };
  return withTransactions(915, { beforeAppend }, async (test) => {
    failures = 1;
    await rejects(init(test), named("COORDINATOR_NOT_AVAILABLE"));
    const producer = await init(test);
    failures = 1;
    throws(() => add(test, producer), named("COORDINATOR_NOT_AVAILABLE"));
    strictEqual(status(test), "Empty");
    add(test, producer);
    failures = 1;
    throws(() => end(test, producer, true), named("COORDINATOR_NOT_AVAILABLE"));
    strictEqual(status(test), "Ongoing");
    strictEqual(test.markers.length, 0);
    failures = 1;
    await rejects(init(test), named("COORDINATOR_NOT_AVAILABLE"));
    strictEqual(status(test), "Ongoing", "the predecessor is not fenced");
    deepStrictEqual(end(test, producer, true), {
      ...producer,
      producerEpoch: 1,
    });
  });
});

Deno.test("that a transaction is complete is stored when the log takes it", () => {
  let isFull = false;
  const beforeAppend = () => {
    if (isFull) throw new KafkaError("KAFKA_STORAGE_ERROR");
  };
  return withTransactions(917, {
    beforeAppend,
    answerMarkers: (_marker, partitions) => {
      isFull = true;
      return partitions.map(() => 0);
    },
  }, async (test, host) => {
    const producer = await init(test);
    add(test, producer);
    const next = end(test, producer, true) as ProducerIdAndEpoch;
    deepStrictEqual(next, { producerId: 1000, producerEpoch: 1 }, "decided");
    await sleep(host.clock, 3_000);
    strictEqual(status(test), "PrepareCommit");
    throws(() => add(test, next), named("CONCURRENT_TRANSACTIONS"));
    strictEqual(test.markers.length, 2, "markers are not written again for it");
    isFull = false;
    await sleep(host.clock, 3_000);
    strictEqual(status(test), "CompleteCommit");
  });
});

Deno.test("list() shows what its filter asks for", () =>
  withTransactions(916, {}, async (test, host) => {
    const { coordinator } = test;
    const x = await init(test);
    await init(test, "y");
    add(test, x);
    await sleep(host.clock, 5_000);
    const ids = (filter: Parameters<TransactionCoordinator["list"]>[0]) =>
      coordinator.list(filter).map(({ transactionalId }) => transactionalId);
    deepStrictEqual(ids({}), ["x", "y"]);
    deepStrictEqual(ids({ states: ["Ongoing"] }), ["x"]);
    deepStrictEqual(ids({ states: ["Empty", "Ongoing"] }), ["x", "y"]);
    deepStrictEqual(ids({ states: ["Nonsense"] }), []);
    deepStrictEqual(ids({ producerIds: [1001] }), ["y"]);
    deepStrictEqual(ids({ states: ["Ongoing"], minDurationMs: 5_000 }), []);
    deepStrictEqual(ids({ states: ["Ongoing"], minDurationMs: 4_999 }), ["x"]);
    deepStrictEqual(ids({ matches: (id) => id > "x" }), ["y"]);
    const found = coordinator.describe("x");
    deepStrictEqual(found, {
      transactionalId: "x",
      ...x,
      state: "Ongoing",
      timeoutMs: 60_000,
      startTimeMs: found.startTimeMs,
      partitions: [A0, B1],
    });
    ok(found.startTimeMs <= host.clock.wallMs() - 5_000);
  }));
