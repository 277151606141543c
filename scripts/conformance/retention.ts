// The same topics under kq's retention and Apache Kafka's: after the same waits
// both must start at the same offset, in the same segments, and be as large.

import { denoHost } from "../../core/host/deno_host.ts";
import { type Admin, createAdmin } from "../../core/client/admin.ts";
import { ConfigResourceType } from "../../core/client/admin_types.ts";
import { OffsetAt } from "../../core/client/list_offsets.ts";
import { createProducer } from "../../core/client/producer.ts";
import { freePort, startKafka, startKq } from "./brokers.ts";
import type { Start } from "./compaction_stage.ts";
import type { Cell } from "./suite.ts";

export const RETENTION = "retention";

const HOUR_MS = 3_600_000;
const FUTURE_MS = -HOUR_MS;
/** How long the brokers get to delete what they want to. */
const SETTLE_MS = 9000;
/** Until their first look the brokers get all records. */
const FIRST_CHECK_MS = 7000;
/** Of the topic whose records grow old between the first look and the second. */
const RETENTION_MS = 13_500;
const OLD = { "segment.bytes": "600", "retention.ms": "1000" } as const;
const ONLY_SIZE = { "segment.bytes": "600", "retention.ms": "-1" } as const;

/** A topic, and what is done to it. */
interface RetentionCase {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  /** How old each record is, in the order in which they are sent; `"zero"` for the time 0. */
  readonly agesMs: readonly (number | "zero")[];
  /** Then deletes records before an offset. */
  readonly deleteBefore?: number;
  /** Then changes the configuration. */
  readonly change?: Readonly<Record<string, string>>;
}

const times = (count: number, ageMs: number) =>
  new Array<number>(count).fill(ageMs);

const CASES: readonly RetentionCase[] = [
  {
    name: "by time",
    config: OLD,
    agesMs: [...times(5, HOUR_MS), ...times(4, FUTURE_MS)],
  },
  {
    name: "by time, all of it and the active segment",
    config: OLD,
    agesMs: times(5, HOUR_MS),
  },
  {
    name: "by time, behind a record of the future",
    config: OLD,
    agesMs: [HOUR_MS, FUTURE_MS, ...times(6, HOUR_MS)],
  },
  {
    name: "by time, of the time 0",
    config: OLD,
    agesMs: ["zero", "zero", "zero", FUTURE_MS, FUTURE_MS],
  },
  {
    name: "by time, as it passes",
    config: { "segment.bytes": "600", "retention.ms": String(RETENTION_MS) },
    agesMs: times(5, 0),
  },
  {
    name: "by segment.ms and time",
    config: { "segment.ms": "1000", "retention.ms": "1000" },
    agesMs: [
      ...[9, 8, 7, 6, 5].map((hours) => hours * HOUR_MS),
      FUTURE_MS,
      FUTURE_MS - 500,
    ],
  },
  {
    name: "by size",
    config: { ...ONLY_SIZE, "retention.bytes": "1500" },
    agesMs: times(11, 0),
  },
  {
    name: "by size, all of it",
    config: { ...ONLY_SIZE, "retention.bytes": "0" },
    agesMs: times(5, 0),
  },
  {
    name: "by start, then by size",
    config: ONLY_SIZE,
    agesMs: times(9, 0),
    deleteBefore: 5,
    change: { "retention.bytes": "600" },
  },
  {
    name: "by start, all of it",
    config: ONLY_SIZE,
    agesMs: times(5, 0),
    deleteBefore: 5,
  },
  {
    name: "not of a topic that is only compacted",
    config: { ...OLD, "cleanup.policy": "compact", "retention.bytes": "0" },
    agesMs: times(7, HOUR_MS),
  },
  {
    name: "of a topic that is compacted and deleted",
    // A cleaner looks from the start on: not before all records are there.
    config: { ...ONLY_SIZE, "cleanup.policy": "compact,delete" },
    agesMs: [...times(5, HOUR_MS), ...times(4, FUTURE_MS)],
    change: { "retention.ms": "1000" },
  },
  {
    name: "for ever, until the configuration changes",
    config: ONLY_SIZE,
    agesMs: times(5, HOUR_MS),
    change: { "retention.ms": "1000" },
  },
];

const SETTINGS = {
  "log.retention.check.interval.ms": "300",
  "log.initial.task.delay.ms": String(FIRST_CHECK_MS),
  "log.segment.delete.delay.ms": "300",
  "log.cleaner.backoff.ms": "300",
} as const;

/** What a client, and a look into the folder, tells of a topic. */
interface Observed {
  readonly earliest: number;
  readonly latest: number;
  readonly sizeBytes: number;
  readonly segments: readonly string[];
}

/** Runs on both brokers, one topic for each case. */
export async function runRetention(
  { work, progress }: {
    /** An empty directory. */
    readonly work: string;
    readonly progress: (text: string) => void;
  },
): Promise<Cell[]> {
  progress(`== ${RETENTION}`);
  const [kq, kafka] = await Promise.all([
    observeAll(startKq, work),
    observeAll(startKafka, work),
  ]);
  return CASES.map(({ name }, i) => {
    const [own, theirs] = [kq[i], kafka[i]].map((each) => JSON.stringify(each));
    return {
      client: RETENTION,
      feature: name,
      outcome: own === theirs ? "pass" : "fail",
      reason: own === theirs ? "" : `kq: ${own}; Apache Kafka: ${theirs}`,
    };
  });
}

/** @returns What was seen of each case, after each of its waits. */
async function observeAll(start: Start, work: string): Promise<Observed[][]> {
  const broker = await start({ work, port: freePort(), settings: SETTINGS });
  const host = denoHost();
  const config = { "bootstrap.servers": `127.0.0.1:${broker.port}` };
  const admin = createAdmin(host, config);
  const seen: Observed[][] = CASES.map(() => []);
  const look = async () => {
    await new Promise((done) => setTimeout(done, SETTLE_MS));
    for (const i of CASES.keys()) {
      seen[i].push(await observe(admin, `t${i}`, broker.dataDirectory));
    }
  };
  try {
    for (const [i, each] of CASES.entries()) {
      await admin.createTopics([{
        name: `t${i}`,
        partitionCount: 1,
        replicationFactor: 1,
        configs: { "min.cleanable.dirty.ratio": "1", ...each.config },
      }]);
    }
    // The batches have the same bytes, and one record each.
    const producer = createProducer(host, {
      ...config,
      "enable.idempotence": "false",
    });
    await Promise.all(CASES.map(async ({ agesMs }, i) => {
      const nowMs = Date.now();
      for (const [number, ageMs] of agesMs.entries()) {
        await producer.send({
          topic: `t${i}`,
          key: `k${number}`,
          value: "x".repeat(200),
          timestampMs: ageMs === "zero" ? 0 : nowMs - ageMs,
        });
      }
    }));
    await producer.close();
    await look();
    for (const [i, each] of CASES.entries()) await act(admin, `t${i}`, each);
    await look();
    await look();
  } finally {
    admin.close();
    await broker.stop();
  }
  return seen;
}

async function act(
  admin: Admin,
  topic: string,
  { deleteBefore, change }: RetentionCase,
): Promise<void> {
  if (deleteBefore !== undefined) {
    const beforeOffset = deleteBefore;
    await admin.deleteRecords([{ topic, partition: 0, beforeOffset }]);
  }
  if (change === undefined) return;
  await admin.incrementalAlterConfigs([{
    resource: { type: ConfigResourceType.topic, name: topic },
    changes: Object.entries(change).map(([name, value]) => ({
      name,
      operation: "set" as const,
      value,
    })),
  }]);
}

async function observe(
  admin: Admin,
  topic: string,
  dataDirectory: string,
): Promise<Observed> {
  const partition = 0;
  const offsets = await admin.listOffsets(
    [OffsetAt.earliest, OffsetAt.latest].map((timestampMs) => ({
      topic,
      partition,
      timestampMs,
    })),
  );
  const [earliest, latest] = offsets.map(({ value, error }) => {
    if (value === null) throw error;
    return value.offset;
  });
  const [{ directories }] = await admin.describeLogDirs();
  const replica = directories.flatMap(({ replicas }) => replicas)
    .find((each) => each.topic === topic);
  const segments: string[] = [];
  for await (const { name } of Deno.readDir(`${dataDirectory}/${topic}-0`)) {
    if (name.endsWith(".log")) segments.push(String(parseInt(name, 10)));
  }
  const sizeBytes = replica?.sizeBytes ?? -1;
  return { earliest, latest, sizeBytes, segments: segments.sort() };
}
