// The logs of a broker under power cuts, kills and failing calls: what was
// flushed is there after any crash, with the same offsets, without gaps and
// without duplicates, and the producer goes on where the log says.

import type { TopicConfig } from "../config/topic_config.ts";
import { HostError, sleep } from "../host/host.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  openTestLogs,
  readAll,
  testBatch,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "./log_fixture.ts";
import { type SimHost, simHost } from "./sim_host.ts";
import {
  check,
  liveOn,
  type Scenario,
  type ScenarioRun,
} from "./sim_scenario.ts";

const TOPIC = "t";
const PARTITION_COUNT = 2;
const LIFE_COUNT = 20;
const START_MS = 1_735_689_600_000;

/** What must be there: record `n` of a partition has offset `n`, sequence `n` and value `v<n>`. */
class Expected {
  /** Records below survive a crash. */
  #durableEnd = 0;
  /** No record at or above was ever asked for. */
  attemptedEnd = 0;
  /** The log may start anywhere up to here. */
  startMax = 0;
  /** The batch that was appended last. */
  last: { first: number; count: number } | null = null;

  get durableEnd(): number {
    return this.#durableEnd;
  }

  /** What a process says after its crash, it has not said. */
  flushed(end: number, isAlive: () => boolean): void {
    if (isAlive()) this.#durableEnd = Math.max(this.#durableEnd, end);
  }
}

export const logScenario: Scenario = {
  name: "log",
  shows: "flushed records survive crashes in place; sequences go on",
  async run(run) {
    const { seed, random, trace } = run;
    const sim = simHost(seed, {
      disk: {
        syncDelayMs: random.pick([0.1, [0.1, 30]]),
      },
    });
    const topicConfig = testTopicConfig({
      "segment.bytes": 500 + random.below(3000),
      "flush.messages": random.pick([1, 1, 7, 1_000_000]),
      "flush.ms": random.pick([50, 5000, 1_000_000]),
      "index.interval.bytes": random.pick([0, 200, 4096]),
      "file.delete.delay.ms": random.pick([0, 1000]),
    });
    const partitions = Array.from(
      { length: PARTITION_COUNT },
      () => new Expected(),
    );
    for (let life = 0; life < LIFE_COUNT; life++) {
      const mayFail = random.chance(0.1);
      const opened: { dirs: LogDirs | null } = { dirs: null };
      if (random.chance(0.3)) sim.disk.crashAtCall(1 + random.below(60));
      const isAlive = await liveOn(sim, async () => {
        const dirs = await openTestLogs(sim.host, {
          topicConfig,
          report: trace,
          broker: {
            "log.flush.offset.checkpoint.interval.ms": "3000",
            "log.flush.start.offset.checkpoint.interval.ms": "3000",
          },
        });
        opened.dirs = dirs;
        for (let partition = 0; partition < PARTITION_COUNT; partition++) {
          const log = openOrCreate(dirs, partition, topicConfig);
          checkLog(log, partitions[partition], { run, life });
        }
        await dirs.checkpoint("recoveryPoint");
        if (mayFail) sim.disk.failNthCall(1 + random.below(100));
        else if (random.chance(0.8)) {
          sim.disk.crashAtCall(1 + random.below(300));
        }
        await write(run, {
          sim,
          dirs,
          partitions,
        });
      });
      sim.disk.clearFaults();
      if (isAlive && random.chance(0.4)) {
        const isClean = await sim.run(() => opened.dirs?.close());
        trace(`closed ${isClean ? "cleanly" : "and must recover"}`);
      }
      // After a failed sync the page cache shows what the disk does not have, and
      // no process can tell; so the machine goes down with it.
      const cause = mayFail || random.chance(0.7) ? "power" : "kill";
      trace(`${sim.isCrashed ? "crashed" : cause} after ${sim.loop.nowMs} ms`);
      sim.crash(cause);
      sim.restart();
    }
  },
};

function openOrCreate(
  dirs: LogDirs,
  partition: number,
  config: TopicConfig,
): PartitionLog {
  return dirs.log(TOPIC, partition) ?? dirs.createLog({
    topic: TOPIC,
    partition,
    topicId: TOPIC_ID,
    config,
  });
}

/** The log holds what it must, and nothing that nobody wrote; what it holds is now expected. */
function checkLog(
  log: PartitionLog,
  expected: Expected,
  { run, life }: { run: ScenarioRun; life: number },
): void {
  const { logStartOffset, logEndOffset } = log;
  const name = `life ${life}, ${log.name}`;
  run.trace(
    `${name}: ${logStartOffset}..${logEndOffset}, flushed ${expected.durableEnd}, attempted ${expected.attemptedEnd}`,
  );
  check(!log.isCorrupt, `${name} calls itself corrupt`);
  check(
    logEndOffset >= expected.durableEnd,
    `${name} ends at ${logEndOffset}, ${expected.durableEnd} were flushed`,
  );
  check(
    logEndOffset <= expected.attemptedEnd,
    `${name} ends at ${logEndOffset}, only ${expected.attemptedEnd} were sent`,
  );
  check(
    logStartOffset <= expected.startMax,
    `${name} starts at ${logStartOffset}, above ${expected.startMax}`,
  );
  const records = readAll(log);
  const values = valuesOf(records);
  check(
    records.length === logEndOffset - logStartOffset,
    `${name} has ${records.length} records in ${logStartOffset}..${logEndOffset}: ${
      records.map(({ offset }) => offset).join(" ")
    }`,
  );
  records.forEach(({ offset }, i) => {
    const isRight = offset === logStartOffset + i && values[i] === `v${offset}`;
    check(isRight, `${name} has ${values[i]} at ${offset}`);
  });
  log.highWatermark = logEndOffset;
  expected.attemptedEnd = logEndOffset;
  // What was found may still be in the page cache only: it is not yet durable.
  repeat(log, expected);
}

async function write(
  { random }: ScenarioRun,
  { sim, dirs, partitions }: {
    sim: SimHost;
    dirs: LogDirs;
    partitions: readonly Expected[];
  },
): Promise<void> {
  const isAlive = sim.lifeTeller;
  const flushing: Promise<void>[] = [];
  const start = (promise: Promise<void>) => {
    promise.catch(() => {}); // It is waited for later.
    flushing.push(promise);
  };
  try {
    for (let step = 0; step < 60; step++) {
      const partition = random.below(PARTITION_COUNT);
      const expected = partitions[partition];
      const log = dirs.log(TOPIC, partition);
      if (log === undefined) return; // Its directory has failed.
      if (random.chance(0.6)) {
        start(append(log, expected, { count: 1 + random.below(5), isAlive }));
        if (random.chance(0.2)) repeat(log, expected);
      } else if (random.chance(0.3)) {
        const end = log.logEndOffset;
        start(log.flush().then(() => expected.flushed(end, isAlive)));
      } else if (random.chance(0.15)) {
        const span = log.logEndOffset - log.logStartOffset;
        expected.startMax = log.logStartOffset + random.below(span + 1);
        log.deleteRecordsBefore(expected.startMax);
      } else {
        await sleep(sim.host.clock, random.below(4000));
      }
      if (random.chance(0.3)) await Promise.all(flushing);
    }
    await Promise.all(flushing);
  } catch (error) {
    await Promise.allSettled(flushing);
    if (!isStorageFailure(error)) throw error;
  }
}

async function append(
  log: PartitionLog,
  expected: Expected,
  { count, isAlive }: { count: number; isAlive: () => boolean },
): Promise<void> {
  const first = log.logEndOffset;
  expected.attemptedEnd = Math.max(expected.attemptedEnd, first + count);
  const { baseOffset, durable, isDuplicate } = log.append(
    batchAt(first, count),
    { leaderEpoch: 0, nowMs: START_MS, origin: "client" },
  );
  durable?.catch(() => {}); // A check may come first.
  check(!isDuplicate, `${log.name} calls records ${first}.. a duplicate`);
  check(baseOffset === first, `${log.name} put ${first} at ${baseOffset}`);
  log.highWatermark = log.logEndOffset;
  expected.last = { first, count };
  if (durable === null) return;
  await durable;
  expected.flushed(first + count, isAlive);
}

/** A producer that did not hear of its last batch sends it again. */
function repeat(log: PartitionLog, { last }: Expected): void {
  if (last === null || last.first < log.logStartOffset) return;
  if (last.first + last.count !== log.logEndOffset) return; // It was lost.
  const { isDuplicate, baseOffset, durable } = log.append(
    batchAt(last.first, last.count),
    { leaderEpoch: 0, nowMs: START_MS, origin: "client" },
  );
  durable?.catch(() => {}); // Nobody waits for this answer.
  check(
    isDuplicate && baseOffset === last.first,
    `${log.name} took records ${last.first}.. again, at ${baseOffset}`,
  );
}

function batchAt(first: number, count: number): Uint8Array {
  return testBatch(
    Array.from({ length: count }, (_, i) => `v${first + i}`),
    {
      timestampMs: START_MS + first * 10,
      producerId: 7,
      producerEpoch: 0,
      baseSequence: first,
      compression: first % 3 === 0 ? "gzip" : "none",
    },
  );
}

function isStorageFailure(error: unknown): boolean {
  return error instanceof HostError ||
    (error instanceof KafkaError && error.errorName === "KAFKA_STORAGE_ERROR");
}
