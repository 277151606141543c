// Transactions, as whole command lines against a broker in this process.

import { deepEqual, equal, match } from "node:assert/strict";
import { encodeUtf8 } from "../core/base/bytes.ts";
import { run } from "../core/cli/run.ts";
import { createAdmin } from "../core/client/admin.ts";
import { createProducer, type Producer } from "../core/client/producer.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { encodeBatch } from "../core/record/record_batch.ts";
import { exchange } from "../core/rpc/exchange.ts";
import {
  startTestBroker,
  type TestBroker,
} from "../core/testing/command_world.ts";
import { FakeProcess } from "../core/testing/fake_process.ts";
import {
  produceRequest,
  produceResponse,
} from "../core/wire/kafka/messages/produce.ts";
import { commands } from "./mod.ts";

interface Scene {
  readonly broker: TestBroker;
  /** Standard output of a command that has to succeed. */
  kq(argv: string, stdin?: string): Promise<string>;
  /** Rows of a command that has to succeed. */
  // deno-lint-ignore no-explicit-any -- tests know what is printed
  rows(argv: string): Promise<any[]>;
  /** A command that has to end with this code; @returns standard error. */
  fails(argv: string, exitCode: number, stdin?: string): Promise<string>;
}

async function withBroker(
  use: (scene: Scene) => Promise<void>,
  overrides: readonly string[] = [],
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "kq-transactions-" });
  const all = [
    "transaction.state.log.num.partitions=3",
    "group.initial.rebalance.delay.ms=0",
    ...overrides,
  ];
  const broker = await startTestBroker(
    `${directory}/data`,
    all.flatMap((override) => ["--override", override]),
  );
  const kq = async (argv: string, stdin?: string) => {
    const { exitCode, stdout, stderr } = await broker.kq(argv.split(" "), {
      stdin,
    });
    equal(exitCode, 0, `${argv}: ${stderr}`);
    return stdout;
  };
  try {
    await use({
      broker,
      kq,
      rows: async (argv) => JSON.parse(await kq(`${argv} -o json`)),
      fails: async (argv, wanted, stdin) => {
        const { exitCode, stderr } = await broker.kq(argv.split(" "), {
          stdin,
        });
        equal(exitCode, wanted, `${argv}: ${stderr}`);
        return stderr;
      },
    });
  } finally {
    await broker.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

/** A producer of this process, until `use` ends. */
async function withProducer(
  { broker }: Scene,
  transactionalId: string,
  use: (producer: Producer) => Promise<void>,
): Promise<void> {
  const producer = createProducer(denoHost(), {
    "bootstrap.servers": broker.address,
    "transactional.id": transactionalId,
  });
  try {
    await producer.initTransactions();
    await use(producer);
  } finally {
    await producer.close();
  }
}

async function sendAll(producer: Producer, values: string): Promise<void> {
  for (const value of values) producer.sendNoWait({ topic: "t", value });
  await producer.flush();
}

const COMMITTED = "consume t --until-end --isolation-level read_committed";

Deno.test("produce --transactional-id commits all at once, or each N records", () =>
  withBroker(async ({ broker, kq, rows, fails }) => {
    const produced = async (argv: string, stdin: string) => {
      const result = await broker.kq(`produce t ${argv}`.split(" "), { stdin });
      return [result.exitCode, result.stderr];
    };
    deepEqual(await produced("--transactional-id a", "1\n2\n3\n"), [
      0,
      "3 records sent in 1 transaction: t:0 3 (offsets 0 to 2)\n",
    ]);
    deepEqual(
      await produced(
        "--transactional-id a --commit-every 2",
        "4\n5\n6\n7\n8\n",
      ),
      [0, "5 records sent in 3 transactions: t:0 5 (offsets 4 to 10)\n"],
    );
    equal(await kq(COMMITTED), "1\n2\n3\n4\n5\n6\n7\n8\n");
    deepEqual(
      (await rows("txn list")).map(({ transactionalId, state }) => [
        transactionalId,
        state,
      ]),
      [["a", "CompleteCommit"]],
    );
    deepEqual(await produced("--transactional-id a", ""), [
      0,
      "0 records sent\n",
    ]);
    match(
      await fails("produce t --commit-every 2", 2),
      /--commit-every needs --transactional-id/,
    );
    match(
      await fails("produce t --transactional-id a --acks 1", 2),
      /acks=all/,
    );
  }));

Deno.test("produce aborts the open transaction where a record fails, and says what stays", () =>
  withBroker(async ({ broker, kq }) => {
    const cases: [argv: string, stdin: string, stderr: RegExp][] = [
      [
        "-i ndjson --commit-every 2",
        '{"value":"a"}\n{"value":"b"}\n{"value":"c"}\n{nope\n{"value":"e"}\n',
        /^kq produce: line 4: is no JSON.*\n2 records sent in 1 transaction: t:0 2 \(offsets 0 to 1\), 1 aborted\n$/,
      ],
      [
        "-p 5",
        "x\ny\n",
        /^kq produce: line 1: .*no partition 5.*\n0 records sent, 1 aborted\n$/,
      ],
      [
        "-X max.request.size=10000000",
        `x\n${"y".repeat(1_500_000)}\nz\n`,
        /^kq produce: line 2: .*\n0 records sent, 3 aborted\n$/,
      ],
    ];
    for (const [argv, stdin, expected] of cases) {
      const words = `produce t --transactional-id a ${argv}`.split(" ");
      const { exitCode, stderr } = await broker.kq(words, { stdin });
      equal(exitCode, 1, argv);
      match(stderr, expected);
    }
    equal(await kq(COMMITTED), "a\nb\n");
    await kq("produce t --transactional-id a", "f\n");
    equal(await kq(COMMITTED), "a\nb\nf\n", "the id goes on");
  }));

Deno.test("Ctrl-C aborts the transaction that produce has open", () =>
  withBroker(async ({ broker, kq }) => {
    await kq("topic create t");
    const process = new FakeProcess({
      stdin: "a\nb\nc\n",
      stdinStaysOpen: true,
      env: { KQ_BOOTSTRAP_SERVER: broker.address },
    });
    const words = "produce t --transactional-id a --commit-every 2".split(" ");
    const running = run(words, { host: denoHost(), process, table: commands });
    while (!(await kq(COMMITTED)).includes("b")) {
      await new Promise((done) => setTimeout(done, 20));
    }
    process.signal("SIGINT");
    equal(await running, 130);
    equal(
      process.stderr,
      "2 records sent in 1 transaction: t:0 2 (offsets 0 to 1), 1 aborted\n",
    );
    equal(await kq(COMMITTED), "a\nb\n");
  }));

Deno.test("produce ends with 1 where another producer takes its transactional id", () =>
  withBroker(async (scene) => {
    const { broker, kq } = scene;
    await kq("topic create t");
    const running = broker.kq(
      "produce t --transactional-id a --rate 20".split(" "),
      { stdin: "x\n".repeat(100) },
    );
    while ((await kq("consume t --until-end")) === "") {
      await new Promise((done) => setTimeout(done, 20));
    }
    await withProducer(scene, "a", async () => {
      const { exitCode, stderr } = await running;
      equal(exitCode, 1, stderr);
      match(stderr, /\n0 records sent, \d+ aborted\n$/);
    });
    equal(await kq(COMMITTED), "");
  }));

Deno.test("produce says so where the broker goes before the commit is answered", () =>
  withBroker(async ({ broker, kq }) => {
    await kq("topic create t");
    const running = broker.kq(
      "produce t --transactional-id a --rate 20 --timeout 200ms".split(" "),
      { stdin: "x\n".repeat(10) },
    );
    while ((await kq("consume t --until-end")) === "") {
      await new Promise((done) => setTimeout(done, 20));
    }
    await broker.stop();
    const { exitCode, stderr } = await running;
    equal(exitCode, 1, stderr);
    match(
      stderr,
      /not answered in time .*\n0 records sent, 10 in a transaction whose end is not known\n$/,
    );
  }));

Deno.test("consume read_committed --until-end ends before what is still open", () =>
  withBroker(async (scene) => {
    const { kq, broker } = scene;
    await kq("produce t", "a\nb\n");
    await withProducer(scene, "open", async (producer) => {
      producer.beginTransaction();
      await sendAll(producer, "cd");
      await kq("produce t", "e\n");
      const committed = await broker.kq(COMMITTED.split(" "));
      equal(committed.stdout, "a\nb\n");
      equal(
        committed.stderr,
        "t:0 is read up to 2: an open transaction holds back 3 offsets " +
          "(kq txn list --state Ongoing)\n",
      );
      equal(await kq(`${COMMITTED} -s -1`), "b\n", "one before that end");
      equal(await kq(`${COMMITTED} -s 3`), "");
      equal(
        await kq(`${COMMITTED} --group g -s earliest`),
        "a\nb\n",
        "in a group, too",
      );
      equal(await kq("consume t --until-end"), "a\nb\nc\nd\ne\n");
      await producer.abortTransaction();
      equal((await broker.kq(COMMITTED.split(" "))).stderr, "");
      equal(await kq(COMMITTED), "a\nb\ne\n");
      equal(
        await kq(`${COMMITTED} -X isolation.level=read_committed`),
        "a\nb\ne\n",
      );
      producer.beginTransaction();
      await sendAll(producer, "f");
      await producer.commitTransaction();
    });
    const lines = (await kq(`${COMMITTED} -o ndjson`)).trim().split("\n");
    deepEqual(
      lines.map((line) => JSON.parse(line)).map((record) => [
        record.offset,
        record.value,
      ]),
      [[0, "a"], [1, "b"], [4, "e"], [6, "f"]],
    );
    equal(await kq(`${COMMITTED} -n 3`), "a\nb\ne\n");
    equal(await kq(`${COMMITTED} --group g`), "e\nf\n");
  }));

Deno.test("txn list filters by state, producer and age; txn describe tells of each id", () =>
  withBroker(async (scene) => {
    const { kq, rows, fails, broker } = scene;
    equal(await kq("txn list"), "");
    deepEqual(await rows("txn list"), []);
    await kq("produce t --transactional-id done-1", "a\n");
    await withProducer(scene, "open-1", async (producer) => {
      producer.beginTransaction();
      await sendAll(producer, "b");
      const listed = await rows("txn list");
      deepEqual(
        listed.map(({ transactionalId, state }) => [
          transactionalId,
          state,
        ]),
        [["done-1", "CompleteCommit"], ["open-1", "Ongoing"]],
      );
      const ids = async (argv: string) =>
        (await kq(`txn list ${argv} -o name`)).split("\n").slice(0, -1);
      deepEqual(await ids("--state ongoing"), ["open-1"]);
      deepEqual(await ids("--state Ongoing,CompleteCommit"), [
        "done-1",
        "open-1",
      ]);
      deepEqual(await ids(`--producer-id ${listed[0].producerId}`), ["done-1"]);
      deepEqual(await ids("--min-duration 1h"), []);
      deepEqual(await ids("--min-duration 0s"), ["open-1"]);
      deepEqual(await ids("done-1"), ["done-1"]);
      deepEqual(await ids("-r .*-1"), ["done-1", "open-1"]);

      const [open] = await rows("txn describe open-1");
      deepEqual(
        [open.state, open.partitions, open.coordinator, open.timeoutMs],
        ["Ongoing", ["t:0"], listed[1].coordinator, 60_000],
      );
      equal(open.durationMs >= 0 && open.startTimeMs > 0, true);
      const both = await rows("txn describe -r .*-1");
      deepEqual(both.map(({ durationMs }) => durationMs === null), [
        true,
        false,
      ]);
      match(
        await kq("txn describe --transactional-id open-1 -o wide"),
        /^TRANSACTIONAL ID +STATE .*TIMEOUT MS.*\nopen-1 +Ongoing .* 60000 .* t:0\n$/,
      );
      await producer.abortTransaction();
    });
    match(
      await fails("txn describe none", 4),
      /none: No such transactional id: none \(TRANSACTIONAL_ID_NOT_FOUND\)/,
    );
    const mixed = await broker.kq(
      "txn describe none done-1 -o json".split(" "),
    );
    equal(mixed.exitCode, 1);
    deepEqual(
      JSON.parse(mixed.stdout).map((row: { error?: string }) =>
        row.error !== undefined
      ),
      [true, false],
    );
    const named = await broker.kq(
      "txn describe none done-1 -o name".split(" "),
    );
    equal(named.stdout, "done-1\n");
    match(await fails("txn list --state Ongoin", 2), /expected one of Empty/);
    match(await fails("txn list -r", 2), /--regex needs a pattern/);
    match(await fails("txn describe", 2), /TRANSACTIONAL-ID is missing/);
  }));

/** Writes a transactional batch that no coordinator knows of, as a lost request may. */
async function leaveHanging(
  { broker }: Scene,
  { producerId, producerEpoch = 0, ageMs }: {
    readonly producerId: number;
    readonly producerEpoch?: number;
    readonly ageMs: number;
  },
): Promise<void> {
  const admin = createAdmin(denoHost(), {
    "bootstrap.servers": broker.address,
  });
  const { cluster } = admin;
  const deadlineMs = cluster.deadline();
  await cluster.fetchMetadata(["t"], { deadlineMs });
  const { leader } = cluster.metadata.topics.get("t")!.partitions[0];
  const records = encodeBatch({
    records: [{
      offset: 0,
      timestampMs: Date.now() - ageMs,
      key: null,
      value: encodeUtf8("hanging"),
      headers: [],
    }],
    producerId,
    producerEpoch,
    baseSequence: 0,
    isTransactional: true,
  });
  const { responses } = await cluster.callNode(
    leader,
    exchange(produceRequest, produceResponse),
    {
      transactionalId: "lost",
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: "t", partitionData: [{ index: 0, records }] }],
    },
    // From 12 on the leader itself asks the coordinator.
    { deadlineMs, versionMax: 11 },
  );
  equal(responses[0].partitionResponses[0].errorCode, 0);
  admin.close();
}

Deno.test("txn find-hanging finds what no coordinator will end, and txn abort ends it", () =>
  withBroker(async (scene) => {
    const { kq, rows, fails, broker } = scene;
    await kq("produce t", "a\n");
    await kq("produce t --transactional-id first", "b\n");
    const [{ producerId }] = await rows("txn list");
    // The next two ids, which nobody else then gets.
    for (const value of "xy") await kq("produce other", value);
    await leaveHanging(scene, { producerId: producerId + 1, ageMs: 3_600_000 });
    await kq("produce t", "c\n");
    equal(await kq(COMMITTED), "a\nb\n");

    const [hanging, ...none] = await rows("txn find-hanging");
    deepEqual(none, []);
    const { durationMs, lastTimestampMs, ...rest } = hanging;
    deepEqual(rest, {
      name: "t:0",
      topic: "t",
      partition: 0,
      producerId: producerId + 1,
      producerEpoch: 0,
      coordinatorEpoch: -1,
      startOffset: 3,
    });
    equal(durationMs >= 3_600_000 && lastTimestampMs > 0, true);
    const found = async (argv: string) =>
      (await kq(`txn find-hanging ${argv} -o name`)).trim();
    const [{ coordinator }] = await rows("txn list first");
    equal(await found("--topic t -p 0 --max-transaction-timeout 59"), "t:0");
    equal(await found("--topic t --max-transaction-timeout 61"), "");
    equal(await found("--max-transaction-timeout 59m30s"), "t:0");
    equal(await found(`--broker-id ${coordinator} --topic t:0`), "t:0");
    const listing = await broker.kq(["txn", "find-hanging"]);
    match(listing.stderr, /kq txn abort t:0 --start-offset 3 ends it/);

    match(
      await fails("txn abort t:0 --start-offset 3", 2),
      /Say so with --yes/,
    );
    match(
      await fails("txn abort t:0 --start-offset 1 --yes", 4),
      /no open transaction from offset 1, but from 3 \(producer \d+\)/,
    );
    const [planned] = await rows("txn abort t:0 --start-offset 3 --dry-run");
    deepEqual([planned.aborted, planned.startOffset], [false, 3]);
    const [done] = await rows("txn abort t:0 --start-offset 3 --yes");
    deepEqual([done.aborted, done.producerId], [true, producerId + 1]);
    equal(await found("--topic t"), "");
    equal(await kq(COMMITTED), "a\nb\nc\n");

    await leaveHanging(scene, { producerId: producerId + 2, ageMs: 0 });
    equal(await found("--topic t"), "", "it is young yet");
    const identity = `--producer-id ${producerId + 2}`;
    await kq(
      `txn abort --topic t --partition 0 ${identity} --producer-epoch 0 ` +
        "--coordinator-epoch -1 --yes",
    );
    match(await fails(`txn abort t:0 ${identity} --yes`, 4), /of producer/);
    // Its coordinator knows the producer, but not that it writes there.
    const [{ producerEpoch }] = await rows("txn describe first");
    await leaveHanging(scene, { producerId, producerEpoch, ageMs: 3_600_000 });
    const [known] = await rows("txn find-hanging");
    deepEqual([known.producerId, known.producerEpoch], [
      producerId,
      producerEpoch,
    ]);
    await kq(`txn abort t:0 --producer-id ${producerId} --yes`);
    equal(await found("--topic t"), "");
    equal(await kq(COMMITTED), "a\nb\nc\n");
    for (
      const [argv, why] of [
        ["txn abort --start-offset 3", /TOPIC:PARTITION is missing/],
        ["txn abort t --start-offset 3", /expected one partition/],
        ["txn abort t:0", /say which transaction/],
        ["txn abort t:0 --start-offset 3 --producer-id 1", /say which/],
        ["txn abort t:0 --producer-id 1 --producer-epoch 0", /go together/],
        ["txn find-hanging -p 0", /--partition needs --topic/],
        ["txn find-hanging --max-transaction-timeout x", /such as 15m/],
      ] as const
    ) match(await fails(argv, 2), why);
    await fails("txn find-hanging --topic none", 4);
    match(await fails("txn find-hanging --broker 77", 4), /no broker 77/);
  }, ["transaction.partition.verification.enable=false"]));

Deno.test("txn abort leaves to a coordinator what it will end, unless it is forced", () =>
  withBroker(async (scene) => {
    const { kq, fails, rows } = scene;
    await kq("produce t", "a\n");
    await withProducer(scene, "mine", async (producer) => {
      producer.beginTransaction();
      await sendAll(producer, "b");
      await kq("produce t", "c\n");
      match(
        await fails("txn abort t:0 --start-offset 1 --yes", 3),
        /the transaction is mine's, which is Ongoing; .*--force aborts it here/,
      );
      equal(await kq(COMMITTED), "a\n");
      const [row] = await rows("txn abort t:0 --start-offset 1 --yes --force");
      deepEqual([row.aborted, row.transactionalId], [true, "mine"]);
      equal(await kq(COMMITTED), "a\nc\n");
      await producer.abortTransaction();
    });
  }));
