// Any interleaving of producers, markers, ends of the process, cuts and cleanings
// leaves both views of a log as a simple model has them.

import { ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { cleanNow } from "../testing/compaction_model.ts";
import {
  openTestLogs,
  testTopicConfig,
  TOPIC_ID,
} from "../testing/log_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import {
  COORDINATOR_EPOCH,
  TransactionModel,
  type Writer,
} from "../testing/transaction_model.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { LogDirs } from "./log_dirs.ts";
import type { PartitionLog } from "./partition_log.ts";
import { verifyPartition } from "./verify.ts";

const CONFIG = testTopicConfig({
  "cleanup.policy": "compact,delete",
  "segment.bytes": 700,
  "index.interval.bytes": 100,
  "segment.index.bytes": 1200,
  "file.delete.delay.ms": 20,
});

/** Two of each kind, and one that is in no transaction ever. */
const WRITERS: readonly Writer[] = [
  { producerId: 1, hasOwnEpochs: true },
  { producerId: 2, hasOwnEpochs: true },
  { producerId: 3, hasOwnEpochs: false },
  { producerId: 4, hasOwnEpochs: false },
];
const IDEMPOTENT: Writer = { producerId: 9, hasOwnEpochs: false };

const writer = fc.constantFrom(...WRITERS);
const count = fc.integer({ min: 1, max: 4 });

function step<K extends string, R>(
  weight: number,
  kind: K,
  rest: { [N in keyof R]: fc.Arbitrary<R[N]> },
) {
  const arbitrary = fc.record(rest).map((given) => ({ kind, ...given }));
  return { weight, arbitrary };
}

/** What happens in one life of the process. */
const steps = fc.array(
  fc.oneof(
    step(3, "plain", { count, isIdempotent: fc.boolean() }),
    step(9, "inside", { writer, count }),
    step(5, "finish", { writer, isCommit: fc.boolean() }),
    step(1, "fence", { writer }),
    step(2, "repeat", { writer }),
    step(2, "late marker", { writer }),
    step(2, "unverified", { writer }),
    step(4, "replicate", { share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    step(1, "roll", {}),
    step(1, "flush", {}),
    step(1, "delete", { share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    step(1, "truncate", { share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    step(1, "clean", {}),
  ),
  { minLength: 1, maxLength: 40 },
);
type Step = (typeof steps extends fc.Arbitrary<infer T> ? T : never) extends
  (infer S)[] ? S : never;

const lives = fc.array(
  fc.record({ steps, end: fc.constantFrom("stop", "kill", "power") }),
  { minLength: 1, maxLength: 4 },
);

Deno.test("both views of a log are as the model has them, whatever happens", async () => {
  await fc.assert(
    fc.asyncProperty(lives, fc.nat(), async (all, seed) => {
      const sim = simHost(seed);
      const model = new TransactionModel();
      for (const { steps, end } of all) {
        const { writtenCount } = model;
        await sim.run(() => new Life(sim, model).live(steps, end === "stop"));
        if (end !== "stop") sim.crash(end as "kill" | "power");
        else if (model.writtenCount > writtenCount) {
          // A stop leaves whole files of what it has written to.
          const faults = verifyPartition(sim.host.disk, "/data/logs/t-0");
          strictEqual(faults.length, 0, faults[0]?.text);
        }
        if (end === "stop") model.durableEnd = model.end;
        // What was written is there after a kill, if not after the next power cut.
        if (end === "kill") model.writtenEnd = model.end;
        sim.restart();
      }
      await sim.run(() => new Life(sim, model).live([], true));
    }),
    { numRuns: 200 },
  );
});

for (const [size, values] of [["small", 1], ["large", 1000]] as const) {
  Deno.test(`a power cut after a stop takes no abort from readers (a ${size} log)`, async () => {
    const sim = simHost(3);
    const writer: Writer = { producerId: 1, hasOwnEpochs: true };
    const model = new TransactionModel();
    const topicConfig = testTopicConfig({ "segment.index.bytes": 12_000 });
    for (const part of ["write", "abort", "look"] as const) {
      await sim.run(async () => {
        const dirs = await openTestLogs(sim.host, { topicConfig });
        const log = dirs.log("t", 0) ?? dirs.createLog({
          topic: "t",
          partition: 0,
          topicId: TOPIC_ID,
          config: topicConfig,
        });
        model.recovered(log);
        // The list of aborted transactions is a file that comes long after the others.
        if (part === "write") {
          for (let i = 0; i < values; i++) model.inside(log, writer, 4);
        } else if (part === "abort") model.finish(log, writer, false);
        model.replicate(log, model.end);
        model.check(log);
        strictEqual(await dirs.close(), true);
        model.durableEnd = model.end;
      });
      sim.crash("power", "lost");
      sim.restart();
    }
  });
}

function code(name: string) {
  return (error: unknown) =>
    error instanceof KafkaError && error.errorName === name;
}

/** One life of the process. */
class Life {
  readonly #sim: SimHost;
  readonly #model: TransactionModel;
  #dirs!: LogDirs;
  #log!: PartitionLog;

  constructor(sim: SimHost, model: TransactionModel) {
    this.#sim = sim;
    this.#model = model;
  }

  async live(steps: readonly Step[], stops: boolean): Promise<void> {
    const { host } = this.#sim;
    this.#dirs = await openTestLogs(host, { topicConfig: CONFIG });
    const found = this.#dirs.log("t", 0);
    if (found === undefined) strictEqual(this.#model.leastEnd, 0, "lost");
    this.#log = found ?? this.#dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config: CONFIG,
    });
    if (this.#log.topicId === null) this.#log.assignTopicId(TOPIC_ID);
    this.#model.recovered(this.#log);
    for (const each of steps) {
      await this.#take(each);
      this.#model.check(this.#log);
    }
    if (stops) strictEqual(await this.#dirs.close(), true);
    else this.#dirs.abandon();
  }

  async #take(each: Step): Promise<void> {
    const model = this.#model;
    const log = this.#log;
    switch (each.kind) {
      case "plain":
        model.plain(
          log,
          each.count,
          each.isIdempotent ? IDEMPOTENT : undefined,
        );
        break;
      case "inside":
        model.inside(log, each.writer, each.count);
        break;
      case "finish":
        model.finish(log, each.writer, each.isCommit);
        break;
      case "fence":
        this.#fence(each.writer);
        break;
      case "repeat":
        this.#repeat(each.writer);
        break;
      case "late marker":
        this.#lateMarker(each.writer);
        break;
      case "unverified":
        this.#unverified(each.writer);
        break;
      case "replicate":
        model.replicate(log, between(model.start, model.end, each.share));
        break;
      case "roll":
        log.roll();
        break;
      case "flush":
        await this.#flush();
        break;
      case "delete":
        model.start = Math.max(
          model.start,
          between(model.start, model.highWatermark, each.share),
        );
        log.deleteRecordsBefore(model.start);
        break;
      case "truncate": {
        const to = between(model.highWatermark, model.end, each.share);
        await log.truncate(to);
        model.cut(log.logEndOffset);
        ok(log.logEndOffset <= to);
        await this.#flush();
        break;
      }
      case "clean":
        await this.#flush();
        log.roll();
        strictEqual((await cleanNow(this.#sim.host, log))?.isDone, true);
        model.cleanedEnd = Math.max(model.cleanedEnd, log.cleanedOffset ?? 0);
        await this.#flush();
        break;
    }
  }

  async #flush(): Promise<void> {
    const end = this.#model.end;
    await this.#log.flush();
    this.#model.durableEnd = end;
  }

  /** Another producer takes the writer's place; what the old one sends is refused. */
  #fence(writer: Writer): void {
    const stale = this.#model.wouldSend(writer);
    const verification = this.#log.producers.startVerification({
      ...stale,
      hasOwnEpoch: writer.hasOwnEpochs,
    }, 0);
    this.#model.finish(this.#log, writer, false, true);
    throws(
      () => this.#model.send(this.#log, stale, verification),
      code("INVALID_TXN_STATE"),
    );
    throws(
      () => this.#model.send(this.#log, { ...stale, isTransactional: false }),
      code("INVALID_PRODUCER_EPOCH"),
    );
  }

  /** The writer's last batch comes once more, and gets its old offset. */
  #repeat({ producerId }: Writer): void {
    const model = this.#model;
    const last = model.entries.findLast((each) =>
      each.producerId === producerId
    );
    if (last === undefined || last.marker !== null) return;
    if (!this.#log.producers.has(producerId)) return;
    const repeated = model.send(this.#log, last);
    strictEqual(repeated.isDuplicate, true);
    strictEqual(repeated.baseOffset, last.baseOffset);
  }

  /** The writer's last marker comes once more. */
  #lateMarker(writer: Writer): void {
    const model = this.#model;
    const last = model.entries.findLast((each) =>
      each.producerId === writer.producerId && each.marker !== null
    );
    if (last === undefined) return;
    if (!this.#log.producers.has(writer.producerId)) return;
    const isOpen = model.producerOf(writer).firstOffset >= 0;
    // Nothing tells it from the end of what is open: see `needsMarker`.
    if (!writer.hasOwnEpochs) return;
    const again = () =>
      this.#log.appendMarker({
        producerId: last.producerId,
        producerEpoch: last.producerEpoch,
        isCommit: last.marker === "commit",
        coordinatorEpoch: COORDINATOR_EPOCH,
        isEpochRaised: true,
      }, { leaderEpoch: 0, nowMs: 5 });
    if (isOpen) throws(again, code("INVALID_PRODUCER_EPOCH"));
    else strictEqual(again().isDuplicate, true);
  }

  /** Nobody asked the coordinator, or its answer was of the transaction before. */
  #unverified(writer: Writer): void {
    const model = this.#model;
    if (model.producerOf(writer).firstOffset >= 0) return;
    const sent = model.wouldSend(writer);
    throws(() => model.send(this.#log, sent), code("INVALID_TXN_STATE"));
    const { producers } = this.#log;
    const asked = { ...sent, hasOwnEpoch: writer.hasOwnEpochs };
    const before = producers.startVerification(asked, 0)!;
    producers.cancelVerification(before, {
      producerEpoch: asked.producerEpoch,
      isMissing: false,
    });
    const now = producers.startVerification(asked, 0)!;
    throws(
      () => model.send(this.#log, sent, before),
      code("INVALID_TXN_STATE"),
    );
    producers.cancelVerification(now, {
      producerEpoch: asked.producerEpoch,
      isMissing: false,
    });
  }
}

function between(from: number, to: number, share: number): number {
  return from + Math.round((to - from) * share);
}
