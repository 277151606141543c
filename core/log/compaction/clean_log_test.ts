import { deepEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { sleep } from "../../host/host.ts";
import { CompactionModel } from "../../testing/compaction_model.ts";
import {
  openTestLogs,
  testTopicConfig,
  TOPIC_ID,
} from "../../testing/log_fixture.ts";
import { type SimHost, simHost } from "../../testing/sim_host.ts";
import type { LogDirs } from "../log_dirs.ts";
import type { PartitionLog } from "../partition_log.ts";
import type { ActiveProducer } from "../producer_state.ts";
import { verifyPartition } from "../verify.ts";

const FOLDER = "/data/logs/t-0";
const RETENTION_MS = 5000;

const CONFIG = testTopicConfig({
  "cleanup.policy": "compact",
  "segment.bytes": 700,
  "index.interval.bytes": 100,
  "delete.retention.ms": RETENTION_MS,
  "file.delete.delay.ms": 50,
});

const record = fc.record({
  key: fc.option(fc.constantFrom("a", "b", "c", "d", "e", "ff"), { freq: 12 }),
  value: fc.option(fc.string({ maxLength: 20 }), { freq: 6 }),
});
const records = fc.array(record, { minLength: 1, maxLength: 6 });
const compression = fc.constantFrom(
  "none" as const,
  "none" as const,
  "gzip" as const,
  "snappy" as const,
  "lz4" as const,
  "zstd" as const,
);
const stamped = fc.option(fc.constant(1_700_000_000_000), {
  nil: undefined,
  freq: 4,
});

/** What happens to a log, step by step. */
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("plain" as const),
      records,
      compression,
      stamped,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("producer" as const),
      records,
      compression,
      id: fc.nat(2),
      isTransactional: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      isCommit: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("old" as const),
      records,
      compression,
      magic: fc.constantFrom(0 as const, 1 as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("roll" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("clean" as const),
      keysMax: fc.constantFrom(1000, 1000, 2, 4),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(1000, RETENTION_MS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("restart" as const),
      isClean: fc.boolean(),
    }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

Deno.test("a log holds what the model says after any number of runs", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 60 }),
      async (steps) => {
        const sim = simHost(1);
        await sim.run(() => new Life(sim).live(steps));
      },
    ),
    { numRuns: 200 },
  );
});

/** A log and its model, through all steps. */
class Life {
  readonly #sim: SimHost;
  readonly #model: CompactionModel;
  #dirs!: LogDirs;
  #log!: PartitionLog;

  constructor(sim: SimHost) {
    this.#sim = sim;
    this.#model = new CompactionModel(sim.host);
  }

  async live(steps: readonly Step[]): Promise<void> {
    const { host } = this.#sim;
    this.#dirs = await openTestLogs(host, { topicConfig: CONFIG });
    this.#log = this.#dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config: CONFIG,
    });
    for (const each of steps) await this.#take(each);
    this.#model.check(this.#log);
    await sleep(host.clock, 1000);
    await this.#dirs.close();
    // No log ever has old formats after new ones.
    const problems = verifyPartition(host.disk, FOLDER)
      .filter(({ text }) => !text.endsWith("its batch says -1"));
    deepEqual(problems, []);
    const names = host.disk.list(FOLDER);
    deepEqual(names.filter((name) => /deleted|swap|cleaned/.test(name)), []);
  }

  async #take(each: Step): Promise<void> {
    const model = this.#model;
    const log = this.#log;
    if (each.kind === "plain") {
      model.append(log, each.records, {
        compression: each.compression,
        logAppendTimeMs: each.stamped,
      });
    } else if (each.kind === "producer") {
      // A producer with an open transaction writes inside of it only.
      const isOpen = model.openProducers.includes(each.id);
      model.append(log, each.records, {
        compression: each.compression,
        producerId: each.id,
        isTransactional: isOpen || each.isTransactional,
      });
    } else if (each.kind === "end") {
      const [id] = model.openProducers;
      if (id !== undefined) {
        model.end(log, id, each.isCommit ? "commit" : "abort");
      }
    } else if (each.kind === "old") {
      // What tombstones of old formats do is told in another test.
      const values = each.records.map((input) => ({
        ...input,
        value: input.value ?? "",
      }));
      model.append(log, values, each);
    } else if (each.kind === "roll") log.roll();
    else if (each.kind === "wait") await sleep(this.#sim.host.clock, each.ms);
    else if (each.kind === "clean") {
      const result = await model.clean(log, {
        mapBytes: 24 * each.keysMax,
        loadFactor: 1,
      });
      ok(result?.isDone);
      model.check(log);
    } else await this.#restart(each.isClean);
  }

  async #restart(isClean: boolean): Promise<void> {
    const { host } = this.#sim;
    const producers = this.#log.activeProducers();
    await this.#log.flush();
    if (isClean) await this.#dirs.close();
    else this.#dirs.abandon();
    // What the snapshots say must be in the batches as well.
    for (const path of this.#sim.disk.paths()) {
      if (path.endsWith(".snapshot")) host.disk.remove(path);
    }
    this.#dirs = await openTestLogs(host, { topicConfig: CONFIG });
    this.#log = this.#dirs.log("t", 0)!;
    this.#log.highWatermark = this.#log.logEndOffset;
    deepEqual(
      this.#log.activeProducers().map(sequenceOf).sort(),
      producers.map(sequenceOf).sort(),
    );
    this.#model.check(this.#log);
  }
}

function sequenceOf(producer: ActiveProducer): string {
  const { producerId, lastSequence, currentTxnStartOffset } = producer;
  return `${producerId}:${lastSequence}:${currentTxnStartOffset >= 0}`;
}
