// Whatever is appended, whatever the configuration says and however time goes:
// the segments that remain are those that a plain model keeps.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { sleep } from "../host/host.ts";
import {
  openTestLogs,
  readAll,
  testBatch,
  testTopicConfig,
  TOPIC_ID,
} from "../testing/log_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import type { PartitionLog } from "./partition_log.ts";

/** One segment as the model knows it. */
interface ModelSegment {
  readonly base: number;
  end: number;
  sizeBytes: number;
  firstMs: number;
  newestMs: number;
  writtenMs: number;
  readonly madeMs: number;
}

type Config = { [key: string]: string | number };

/** What Kafka's documentation says of retention, over a plain list. */
class Model {
  segments: ModelSegment[];
  start = 0;
  highWatermark = 0;

  constructor(readonly config: Config, nowMs: number) {
    this.segments = [this.#segment(0, nowMs)];
  }

  get end(): number {
    return this.segments.at(-1)!.end;
  }

  append(sizeBytes: number, timestampMs: number, nowMs: number): void {
    let last = this.segments.at(-1)!;
    const ageMs = last.firstMs >= 0
      ? timestampMs - last.firstMs
      : nowMs - last.madeMs;
    const isFull =
      last.sizeBytes + sizeBytes > Number(this.config["segment.bytes"]);
    const isOld = last.sizeBytes > 0 &&
      ageMs > Number(this.config["segment.ms"]);
    if (isFull || isOld) {
      last = this.#segment(this.end, nowMs);
      this.segments.push(last);
    }
    if (last.sizeBytes === 0) last.firstMs = timestampMs;
    last.sizeBytes += sizeBytes;
    last.end++;
    last.newestMs = Math.max(last.newestMs, timestampMs);
    last.writtenMs = nowMs;
  }

  deleteRecordsBefore(offset: number): void {
    this.start = Math.max(this.start, offset);
    while (this.segments.length > 1 && this.segments[1].base <= this.start) {
      this.segments.shift();
    }
  }

  retain(nowMs: number): void {
    const { config } = this;
    if (!String(config["cleanup.policy"]).includes("delete")) return;
    const maxBytes = Number(config["retention.bytes"]);
    const total = this.segments.reduce((sum, each) => sum + each.sizeBytes, 0);
    let spare = maxBytes < 0 ? -1 : total - maxBytes;
    this.#deleteWhile(nowMs, (segment) => (spare -= segment.sizeBytes) >= 0);
    const retentionMs = Number(config["retention.ms"]);
    this.#deleteWhile(nowMs, (segment) => {
      const newest = segment.newestMs >= 0
        ? segment.newestMs
        : segment.writtenMs;
      return retentionMs >= 0 && newest < nowMs - retentionMs;
    });
  }

  #deleteWhile(nowMs: number, isUnwanted: (segment: ModelSegment) => boolean) {
    for (;;) {
      const [first] = this.segments;
      const isEmptyLast = this.segments.length === 1 && first.sizeBytes === 0;
      if (isEmptyLast || first.end > this.highWatermark) return;
      if (!isUnwanted(first)) return;
      if (this.segments.length === 1) {
        this.segments.push(this.#segment(first.end, nowMs));
      }
      this.segments.shift();
      this.start = Math.max(this.start, this.segments[0].base);
    }
  }

  #segment(base: number, madeMs: number): ModelSegment {
    return {
      base,
      end: base,
      sizeBytes: 0,
      firstMs: -1,
      newestMs: -1,
      writtenMs: madeMs,
      madeMs,
    };
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      length: fc.integer({ min: 0, max: 120 }),
      /** From now; `null` for no timestamp, 0 for the time 0. */
      agoMs: fc.oneof(
        fc.integer({ min: -5000, max: 10_000 }),
        fc.constantFrom(null, "zero" as const, -1e9),
      ),
      isReplicated: fc.constantFrom(true, true, true, false),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("retain" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.integer({ min: 1, max: 4000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("delete" as const),
      /** Of what is below the high watermark. */
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("configure" as const),
      key: fc.constantFrom("retention.ms", "retention.bytes"),
      value: fc.constantFrom(-1, 0, 1, 300, 1000, 5000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("restart" as const) }),
  },
);

const configs = fc.record({
  "segment.bytes": fc.constantFrom(200, 400, 1000),
  "segment.ms": fc.constantFrom(500, 3000, 1e9),
  "retention.ms": fc.constantFrom(-1, 0, 1000, 5000),
  "retention.bytes": fc.constantFrom(-1, 0, 300, 1000),
  "cleanup.policy": fc.constantFrom("delete", "compact,delete", "compact"),
});

Deno.test("retention leaves what the model keeps", async () => {
  let deletedCount = 0;
  await fc.assert(
    fc.asyncProperty(
      configs,
      fc.array(step, { minLength: 5, maxLength: 60 }),
      async (config, steps) => {
        deletedCount += await live({ ...config }, steps);
      },
    ),
    { numRuns: 300 },
  );
  ok(deletedCount > 50, `only ${deletedCount} segments were deleted`);
});

/** @returns How many segments were deleted. */
function live(
  config: Config,
  steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
): Promise<number> {
  const sim = simHost(3);
  const open = () =>
    openTestLogs(sim.host, {
      topicConfig: configOf(config),
      broker: { "log.initial.task.delay.ms": "1000000000000" },
    });
  return sim.run(async () => {
    let dirs = await open();
    const identity = { topic: "t", partition: 0, topicId: TOPIC_ID };
    let log = dirs.createLog({ ...identity, config: configOf(config) });
    const now = () => sim.host.clock.wallMs();
    const model = new Model(config, now());
    let deletedCount = 0;
    for (const each of steps) {
      if (each.kind === "append") {
        const timestampMs = each.agoMs === null
          ? -1
          : each.agoMs === "zero"
          ? 0
          : now() - each.agoMs;
        const bytes = testBatch(["x".repeat(each.length)], { timestampMs });
        model.append(bytes.length, timestampMs, now());
        log.append(bytes, {
          leaderEpoch: 0,
          nowMs: now(),
          origin: "coordinator",
          isOwnWork: true,
        });
        if (each.isReplicated) model.highWatermark = model.end;
        log.highWatermark = model.highWatermark;
      } else if (each.kind === "retain") {
        model.retain(now());
        const deleted = log.deleteOldSegments(now());
        deletedCount += deleted.reduce((sum, { count }) => sum + count, 0);
      } else if (each.kind === "wait") {
        await sleep(sim.host.clock, each.ms);
      } else if (each.kind === "delete") {
        const offset = Math.floor(model.highWatermark * each.share);
        model.deleteRecordsBefore(offset);
        log.deleteRecordsBefore(offset);
      } else if (each.kind === "configure") {
        config[each.key] = each.value;
        log.updateConfig(configOf(config));
      } else {
        await dirs.close();
        dirs = await open();
        log = dirs.log("t", 0)!;
        log.highWatermark = model.highWatermark;
        for (const segment of model.segments) {
          Object.assign(segment, { madeMs: now() });
        }
      }
      check(log, model);
    }
    dirs.abandon();
    return deletedCount;
  });
}

function configOf(config: Config) {
  return testTopicConfig({ ...config, "segment.index.bytes": 12_000 });
}

function check(log: PartitionLog, model: Model): void {
  deepEqual(
    log.segments.all().map(({ baseOffset, sizeBytes }) => [
      baseOffset,
      sizeBytes,
    ]),
    model.segments.map(({ base, sizeBytes }) => [base, sizeBytes]),
  );
  strictEqual(log.logStartOffset, model.start);
  deepEqual(
    readAll(log).map(({ offset }) => offset),
    Array.from(
      { length: model.end - model.start },
      (_, i) => model.start + i,
    ),
  );
}
