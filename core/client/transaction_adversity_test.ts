// Transactions on brokers that lose requests and answers, are slow, refuse for a
// moment, or go away: whatever happens, committed readers see each transaction
// whole or not at all, and those that were committed exactly once.

import { deepStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { decodeUtf8 } from "../base/bytes.ts";
import { FakeCluster, type ScriptedAction } from "../testing/fake_broker.ts";
import type { FakePartition } from "../testing/fake_cluster.ts";
import {
  serveTransactions,
  type TransactionVersion,
} from "../testing/fake_transactions.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { FetchedData } from "./fetched_data.ts";
import { createProducer, type Producer } from "./producer.ts";
import { AbortableTransactionError } from "./transaction_errors.ts";

const PARTITION_COUNT = 3;

interface Plan {
  readonly seed: number;
  readonly version: TransactionVersion;
  readonly transactions: readonly {
    readonly recordCount: number;
    readonly isAborted: boolean;
    readonly hasOffsets: boolean;
  }[];
  readonly faults: readonly {
    readonly broker: number;
    readonly api: number;
    readonly action: ScriptedAction;
  }[];
  /** Times at which a broker goes away for a moment, in milliseconds. */
  readonly outages: readonly {
    readonly broker: number;
    readonly atMs: number;
  }[];
}

/** Longer than a request may take: it is sent again, and then comes all the same. */
const HELD_BACK: ScriptedAction = { delayMs: 1500 };

const actions: readonly ScriptedAction[] = [
  "close",
  "closeAfter",
  "silence",
  "pass",
  { delayMs: 40 },
  HELD_BACK,
];

const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(1_000_000),
  version: fc.constantFrom<TransactionVersion>(0, 2),
  transactions: fc.array(
    fc.record({
      recordCount: fc.integer({ min: 0, max: 30 }),
      isAborted: fc.boolean(),
      hasOffsets: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  faults: fc.array(
    fc.record({
      broker: fc.integer({ min: 1, max: 2 }),
      api: fc.constantFrom(
        apiKeys.FindCoordinator,
        apiKeys.InitProducerId,
        apiKeys.AddPartitionsToTxn,
        apiKeys.AddOffsetsToTxn,
        apiKeys.TxnOffsetCommit,
        apiKeys.Produce,
        apiKeys.EndTxn,
        apiKeys.Metadata,
      ),
      action: fc.constantFrom(...actions),
    }),
    { maxLength: 30 },
  ),
  outages: fc.array(
    fc.record({
      broker: fc.integer({ min: 1, max: 2 }),
      atMs: fc.integer({ min: 0, max: 4000 }),
    }),
    { maxLength: 3 },
  ),
});

function committed(partition: FakePartition): string[] {
  const data = new FetchedData(
    { topic: "t", partition: 0 },
    partition.read(0, Infinity),
    { fetchOffset: 0, aborted: partition.aborted, checksCrcs: true },
  );
  const seen: string[] = [];
  for (;;) {
    const chunk = data.take(1000);
    if (chunk === null) return seen;
    seen.push(...chunk.records.map(({ value }) => decodeUtf8(value!)));
  }
}

function wait(sim: SimHost, ms: number): Promise<void> {
  return new Promise((resolve) => sim.host.clock.after(ms, resolve));
}

/** Makes a call again that took too long. */
async function patiently(call: () => Promise<void>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      return await call();
    } catch (error) {
      const { errorName } = error as { errorName?: string };
      if (errorName !== "REQUEST_TIMED_OUT") throw error;
    }
  }
  throw new Error("A call never ended");
}

/**
 * By the older protocol, a request that was held back may be taken for one of the
 * next transaction; by the newer one, only the first question for an id may.
 */
function isDecidable(plan: Plan, api: number, action: ScriptedAction): boolean {
  return action !== HELD_BACK ||
    (plan.version === 2 && api !== apiKeys.InitProducerId);
}

/** Runs transactions, each until it is over as was meant. */
async function runAll(sim: SimHost, p: Producer, plan: Plan): Promise<number> {
  let offset = 0;
  await patiently(() => p.initTransactions());
  for (const [number, transaction] of plan.transactions.entries()) {
    for (let attempt = 0;; attempt++) {
      ok(attempt < 50, "A transaction never ended");
      try {
        p.beginTransaction();
        for (let i = 0; i < transaction.recordCount; i++) {
          p.sendNoWait({
            topic: "t",
            partition: i % PARTITION_COUNT,
            value: `${number}/${i}`,
          });
          if (i % 7 === 0) await wait(sim, 10);
        }
        if (transaction.hasOffsets) {
          await p.sendOffsets(
            [{ topic: "in", partition: 0, offset: number + 1 }],
            { groupId: "g" },
          );
        }
        if (transaction.isAborted) await patiently(() => p.abortTransaction());
        else await patiently(() => p.commitTransaction());
        break;
      } catch (error) {
        if (!(error instanceof AbortableTransactionError)) throw error;
        await patiently(() => p.abortTransaction());
      }
    }
    if (transaction.hasOffsets && !transaction.isAborted) offset = number + 1;
  }
  return offset;
}

async function runPlan(plan: Plan): Promise<void> {
  const sim = simHost(plan.seed);
  const fake = new FakeCluster(sim, 2);
  const transactions = serveTransactions(fake, fake.broker(1), plan.version);
  const { partitions } = fake.state.createTopic("t", PARTITION_COUNT);
  await sim.run(async () => {
    await fake.start();
    const p = createProducer(sim.host, {
      "bootstrap.servers": fake.bootstrap,
      "transactional.id": "x",
      "request.timeout.ms": "1000",
      "delivery.timeout.ms": "3000",
      "max.block.ms": "2000",
      "batch.size": "200",
    });
    for (const { broker, api, action } of plan.faults) {
      if (isDecidable(plan, api, action)) {
        fake.broker(broker).script(api, action);
      }
    }
    for (const { broker, atMs } of plan.outages) {
      sim.host.clock.after(atMs, () => fake.broker(broker).stop());
      sim.host.clock.after(atMs + 700, () => {
        // Two outages of one broker may overlap.
        fake.broker(broker).start().catch(() => {});
      });
    }
    const offset = await runAll(sim, p, plan);
    partitions.forEach((partition, index) => {
      const expected = plan.transactions.flatMap((transaction, number) =>
        transaction.isAborted ? [] : Array.from(
          { length: transaction.recordCount },
          (_, i) => i,
        ).filter((i) => i % PARTITION_COUNT === index)
          .map((i) => `${number}/${i}`)
      );
      deepStrictEqual(committed(partition), expected);
      ok(partition.lastStableOffset === null, "A transaction was left open");
    });
    deepStrictEqual(
      transactions.groups.get("g")?.offsets.get("in-0") ?? 0,
      offset,
    );
    await p.close({ timeoutMs: 0 });
  });
  fake.stop();
}

Deno.test("transactions are whole whatever brokers do", async () => {
  await fc.assert(fc.asyncProperty(plans, runPlan), { numRuns: 150 });
});
