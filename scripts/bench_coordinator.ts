// The coordinator beside Apache ZooKeeper, alone and as three servers: see
// scripts/bench.
//
// One client program of ZooKeeper's own library sets and reads znodes of 1 kB,
// with 1 to 1,000 sessions, and writes, writes and reads, or reads. In each round
// servers of both start anew; each load goes to one and then to the other, so that
// both meet the same machine. A figure is the median of its rounds.
//
// KQ_BENCH_ROUNDS and KQ_BENCH_MS (of each load) make it shorter, or longer.

import {
  type CoordinatorName,
  Ensemble,
  type Programs,
} from "./bench_ensembles.ts";
import { timed } from "./bench_probe.ts";
import { middle, printTable, type Row } from "./bench_table.ts";
import {
  ZnodeLoad,
  type ZnodeLoadFigures,
  type ZnodeLoadPlan,
} from "./bench_znode_load.ts";
import { kafkaClassPath } from "./conformance/apache_kafka.ts";
import { withProgram } from "./conformance/java_program.ts";

const FIRST_PORTS = { kq: 29500, zookeeper: 29600 };
const SERVER_COUNTS = [1, 3];
const SESSION_COUNTS = [1, 10, 100, 1000];
const WRITE_PERCENTS = [100, 30, 0];
const ROUNDS = Number(Deno.env.get("KQ_BENCH_ROUNDS") ?? 3);
const MEASURED_MS = Number(Deno.env.get("KQ_BENCH_MS") ?? 1000);
const NAMES: readonly CoordinatorName[] = ["kq", "zookeeper"];

const kq = Deno.args[0] ?? "dist/kq";
// Apache Kafka 3.9.1 comes with ZooKeeper 3.8.4.
const found = await kafkaClassPath();
if (found === null) {
  console.error(
    "bench: Apache ZooKeeper cannot be had here: it takes Java, Maven",
  );
  Deno.exit(1);
}
const programs: Programs = { kq, classPath: found };
const loadClassPath = await withProgram(found, "ZnodeLoad");
const work = await Deno.makeTempDir({ prefix: "kq-bench-" });

/** What one coordinator came to in one round. */
interface Figures {
  readonly startMs: number;
  readonly loads: readonly ZnodeLoadFigures[];
  readonly residentMb: number;
  readonly peakMb: number;
}

type Round = Readonly<Record<CoordinatorName, Figures>>;

interface Contender {
  readonly ensemble: Ensemble;
  readonly load: ZnodeLoad;
  readonly figures: ZnodeLoadFigures[];
}

function plans(): ZnodeLoadPlan[] {
  return SESSION_COUNTS.flatMap((sessionCount) =>
    WRITE_PERCENTS.map((writePercent) => ({
      sessionCount,
      writePercent,
      warmUpMs: Math.min(500, MEASURED_MS / 2),
      measuredMs: MEASURED_MS,
    }))
  );
}

async function measure(serverCount: number, index: number): Promise<Round> {
  const contenders: Contender[] = [];
  try {
    for (const name of NAMES) {
      const directory = `${work}/${name}-${serverCount}-${index}`;
      const firstPort = FIRST_PORTS[name];
      const plan = { name, serverCount, firstPort, directory };
      const ensemble = await Ensemble.start(programs, plan);
      const load = new ZnodeLoad(loadClassPath, ensemble);
      contenders.push({ ensemble, load, figures: [] });
    }
    // Either goes first in every other round.
    if (index % 2 === 1) contenders.reverse();
    for (const { load } of contenders) {
      const warmUp = { sessionCount: 10, writePercent: 30, warmUpMs: 0 };
      await load.run({ ...warmUp, measuredMs: 3 * MEASURED_MS });
    }
    for (const plan of plans()) {
      for (const { load, figures } of contenders) {
        figures.push(await load.run(plan));
      }
    }
    return roundOf(contenders);
  } finally {
    for (const { ensemble, load } of contenders) {
      await load.stop();
      await ensemble.stop();
      await Deno.remove(ensemble.plan.directory, { recursive: true });
    }
  }
}

function roundOf(contenders: readonly Contender[]): Round {
  const of = (wanted: CoordinatorName): Figures => {
    const { ensemble, figures } = contenders.find(({ ensemble }) =>
      ensemble.name === wanted
    )!;
    return {
      startMs: ensemble.startMs,
      loads: figures,
      residentMb: ensemble.residentMb(),
      peakMb: ensemble.peakMb(),
    };
  };
  return { kq: of("kq"), zookeeper: of("zookeeper") };
}

function rowsOf(rounds: readonly Round[]): Row[] {
  const row = (
    figure: string,
    pick: (figures: Figures) => number,
    bound?: Row["bound"],
  ): Row => ({
    figure,
    kq: middle(rounds.map((round) => pick(round.kq))),
    kafka: middle(rounds.map((round) => pick(round.zookeeper))),
    bound,
  });
  const rows: Row[] = [];
  for (const [index, { sessionCount, writePercent }] of plans().entries()) {
    const load = `${sessionCount} sessions, ${writePercent} % writes`;
    rows.push(
      row(
        `${load}, operations/s`,
        ({ loads }) => loads[index].operationsPerSecond,
        [">=", 1],
      ),
      row(
        `${load}, servers' cpu µs/operation`,
        ({ loads }) => loads[index].cpuMicroseconds,
      ),
    );
  }
  rows.push(
    row("resident memory after all loads, MB", (each) => each.residentMb, [
      "<=",
      0.25,
    ]),
    row("peak memory, MB", (each) => each.peakMb),
    row("start to first served request, ms", (each) => each.startMs, [
      "<=",
      0.1,
    ]),
  );
  return rows;
}

/** Both write below one folder: where that is in memory, fsync costs nothing. */
async function fileSystem(): Promise<string> {
  const { stdout } = await timed("df", ["--output=source,fstype", work]);
  return stdout.trim().split("\n").at(-1)!.split(/\s+/).join(", ");
}

try {
  // A first start unpacks what a self-extracting file holds; it is not measured.
  await timed(kq, ["version"]);
  const date = new Date().toISOString().slice(0, 10);
  console.log(`\n${date}, ${kq}; both sync to ${await fileSystem()}`);
  for (const serverCount of SERVER_COUNTS) {
    const rounds: Round[] = [];
    for (let index = 0; index < ROUNDS; index++) {
      rounds.push(await measure(serverCount, index));
      console.error(
        `bench: ${serverCount} servers, round ${
          index + 1
        } of ${ROUNDS} is done`,
      );
    }
    console.log(`\nCoordinators of ${serverCount} servers:\n`);
    printTable(rowsOf(rounds), "Apache ZooKeeper");
  }
} finally {
  await Deno.remove(work, { recursive: true });
}
