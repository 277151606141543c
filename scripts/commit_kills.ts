// The broker is killed with kill -9, at moments that a seed gives, while many
// groups commit offsets. After each start every group has, for each partition,
// the offset whose commit was acknowledged last, or one that was sent later.
//
//   deno run -A scripts/commit_kills.ts --seed 7 --rounds 20 --flush 1
//
// `--flush N` is `log.flush.interval.messages`; 0 leaves it to the system, which
// outlives the broker. What a power cut leaves is the simulator's to show
// (`deno task sim SEED groups`). Ends with 1 where an offset is lost.

import { type Admin, createAdmin } from "../core/client/admin.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { SimRandom } from "../core/testing/sim_random.ts";
import { BrokerProcess, numberFlags, pause } from "./kills/kq_process.ts";

const flags = numberFlags(Deno.args, {
  seed: Math.floor(Math.random() * 1e9),
  rounds: 6,
  groups: 100,
  partitions: 10,
  flush: 0,
});
const TOPIC = "numbers";
/** Groups that commit at the same time. */
const LANE_COUNT = 20;

const random = new SimRandom(flags.seed);
const host = denoHost();
const work = await Deno.makeTempDir({ prefix: "kq-commit-kills-" });
const broker = new BrokerProcess(
  work,
  flags.flush > 0 ? [`log.flush.interval.messages=${flags.flush}`] : [],
);
const partitions = Array.from(
  { length: flags.partitions },
  (_, partition) => ({ topic: TOPIC, partition }),
);

/** What a group was told, and what it has asked for. */
interface Known {
  readonly group: string;
  /** By partition; 0 for nothing. */
  readonly acknowledged: number[];
  readonly sent: number[];
}

const groups: readonly Known[] = Array.from(
  { length: flags.groups },
  (_, index) => ({
    group: `g${index}`,
    acknowledged: partitions.map(() => 0),
    sent: partitions.map(() => 0),
  }),
);
let acknowledgedCount = 0;

/** Commits for one group after another until the broker is gone. */
async function commitUntilGone(admin: Admin, lane: number): Promise<void> {
  try {
    for (let round = 0;; round++) {
      for (let index = lane; index < groups.length; index += LANE_COUNT) {
        await commitOnce(admin, groups[index]);
      }
    }
  } catch {
    // It was killed: what was on its way may have been stored, or not.
  }
}

async function commitOnce(
  admin: Admin,
  { group, acknowledged, sent }: Known,
): Promise<void> {
  const offsets = partitions.map((place) => ({
    ...place,
    offset: ++sent[place.partition],
  }));
  const results = await admin.alterGroupOffsets(group, offsets, {
    timeoutMs: 1000,
  });
  results.forEach(({ partition, error }, index) => {
    if (error !== null) return;
    acknowledged[partition] = offsets[index].offset;
    acknowledgedCount++;
  });
}

/** @returns Offsets that are not what was promised. */
async function lostOffsets(admin: Admin): Promise<string[]> {
  const results = await admin.listGroupOffsets(
    groups.map(({ group }) => ({ group, partitions })),
    { timeoutMs: 30_000 },
  );
  const found = new Map(results.map((each) => [each.group, each]));
  return groups.flatMap(({ group, acknowledged, sent }) => {
    const { value, error } = found.get(group)!;
    if (error !== null) return [`${group}: ${error.message}`];
    return value!.flatMap(({ partition, offset }) => {
      const least = acknowledged[partition];
      const isRight = Math.max(offset, 0) >= least &&
        offset <= sent[partition];
      // What was read counts as much as what was acknowledged.
      acknowledged[partition] = Math.max(offset, least);
      return isRight ? [] : [
        `${group} ${partition}: ${offset}, where ${least} was acknowledged and ${
          sent[partition]
        } sent last`,
      ];
    });
  });
}

function connect(): Admin {
  return createAdmin(host, {
    "bootstrap.servers": broker.address,
    "reconnect.backoff.max.ms": "100",
  });
}

console.log(
  `seed ${flags.seed}: ${flags.rounds} kills, ${flags.groups} groups of ${flags.partitions} partitions, log.flush.interval.messages=${
    flags.flush || "default"
  }`,
);
const problems: string[] = [];
try {
  await broker.start();
  const maker = connect();
  await maker.createTopics([{
    name: TOPIC,
    partitionCount: flags.partitions,
  }]);
  maker.close();
  for (let round = 0; round < flags.rounds; round++) {
    const before = acknowledgedCount;
    const committer = connect();
    const committing = Array.from(
      { length: LANE_COUNT },
      (_, lane) => commitUntilGone(committer, lane),
    );
    await pause(random.between(100, 1500));
    await broker.end("SIGKILL");
    committer.close();
    await Promise.all(committing);
    await broker.start();
    const reader = connect();
    const lost = await lostOffsets(reader);
    reader.close();
    console.log(
      `round ${round}: ${
        acknowledgedCount - before
      } offsets acknowledged, ${lost.length} lost`,
    );
    problems.push(...lost);
  }
} finally {
  await broker.end("SIGKILL");
}
if (problems.length > 0) {
  for (const line of problems.slice(0, 20)) console.log(line);
  console.log(
    `FAILED  deno run -A scripts/commit_kills.ts ${
      Object.entries(flags).map(([key, value]) => `--${key} ${value}`).join(" ")
    }\nfiles are in ${work}`,
  );
  Deno.exit(1);
}
await Deno.remove(work, { recursive: true });
console.log(`ok: ${acknowledgedCount} offsets acknowledged, none lost`);
