// How much a coordinator does with 1, 3, 5 and 7 servers beside Apache ZooKeeper,
// as the picture docs/coordinator_servers.svg: see scripts/bench.
//
// All servers and the client stand on one machine, so more servers means less for
// each. Each load goes to one coordinator and then to the other; a figure is the
// median of its rounds. KQ_BENCH_ROUNDS and KQ_BENCH_MS (of each load) as for the
// table; KQ_BENCH_SERVERS=1,3 draws less, KQ_BENCH_PICTURE names another file.

import {
  type CoordinatorName,
  Ensemble,
  type Programs,
} from "./bench_ensembles.ts";
import { lineChart } from "./bench_line_chart.ts";
import { timed } from "./bench_probe.ts";
import { middle } from "./bench_table.ts";
import { ZnodeLoad } from "./bench_znode_load.ts";
import { kafkaClassPath } from "./conformance/apache_kafka.ts";
import { withProgram } from "./conformance/java_program.ts";

const FIRST_PORTS = { kq: 29700, zookeeper: 29800 };
const SESSION_COUNT = 100;
const WRITE_PERCENTS = [100, 30, 0];
const NAMES: readonly CoordinatorName[] = ["kq", "zookeeper"];
const ROUNDS = Number(Deno.env.get("KQ_BENCH_ROUNDS") ?? 3);
const MEASURED_MS = Number(Deno.env.get("KQ_BENCH_MS") ?? 1000);
const SERVER_COUNTS = (Deno.env.get("KQ_BENCH_SERVERS") ?? "1,3,5,7")
  .split(",").map(Number);
const PICTURE = Deno.env.get("KQ_BENCH_PICTURE") ??
  "docs/coordinator_servers.svg";

const kq = Deno.args[0] ?? "dist/kq";
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

/** Operations a second, by coordinator and share of writes. */
type Figures = Readonly<Record<CoordinatorName, readonly number[]>>;

async function measure(serverCount: number, round: number): Promise<Figures> {
  const figures: Record<CoordinatorName, number[]> = { kq: [], zookeeper: [] };
  const running: { ensemble: Ensemble; load: ZnodeLoad }[] = [];
  try {
    for (const name of NAMES) {
      const directory = `${work}/${name}-${serverCount}-${round}`;
      const firstPort = FIRST_PORTS[name];
      const plan = { name, serverCount, firstPort, directory };
      const ensemble = await Ensemble.start(programs, plan);
      running.push({ ensemble, load: new ZnodeLoad(loadClassPath, ensemble) });
    }
    if (round % 2 === 1) running.reverse();
    for (const { load } of running) {
      await load.run({
        sessionCount: 10,
        writePercent: 30,
        warmUpMs: 0,
        measuredMs: 3 * MEASURED_MS,
      });
    }
    for (const writePercent of WRITE_PERCENTS) {
      for (const { ensemble, load } of running) {
        const { operationsPerSecond } = await load.run({
          sessionCount: SESSION_COUNT,
          writePercent,
          warmUpMs: MEASURED_MS / 2,
          measuredMs: MEASURED_MS,
        });
        figures[ensemble.name].push(operationsPerSecond);
      }
    }
    return figures;
  } finally {
    for (const { ensemble, load } of running) {
      await load.stop();
      await ensemble.stop();
      await Deno.remove(ensemble.plan.directory, { recursive: true });
    }
  }
}

/** The middle of the rounds: by number of servers, then by share of writes. */
async function measureAll(): Promise<Figures[]> {
  const all: Figures[] = [];
  for (const serverCount of SERVER_COUNTS) {
    const rounds: Figures[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push(await measure(serverCount, round));
    }
    const middles = (name: CoordinatorName) =>
      WRITE_PERCENTS.map((_, index) =>
        middle(rounds.map((figures) => figures[name][index]))
      );
    all.push({ kq: middles("kq"), zookeeper: middles("zookeeper") });
    console.error(
      `bench: ${serverCount} servers: ${JSON.stringify(all.at(-1))}`,
    );
  }
  return all;
}

function picture(all: readonly Figures[]): string {
  const line = (name: string, of: CoordinatorName, index: number) => ({
    name,
    values: all.map((figures) => figures[of][index]),
  });
  return lineChart({
    title: `Operations on znodes of 1 kB, ${SESSION_COUNT} sessions`,
    valueName: "operations/s, servers and client on one machine",
    stepName: "servers",
    steps: SERVER_COUNTS.map(String),
    panels: WRITE_PERCENTS.map((writePercent, index) => ({
      title: `${writePercent} % writes`,
      lines: [
        line("kq", "kq", index),
        line("Apache ZooKeeper 3.8.4", "zookeeper", index),
      ],
    })),
  });
}

try {
  await timed(kq, ["version"]);
  const all = await measureAll();
  await Deno.writeTextFile(PICTURE, picture(all));
  console.log(`\nwritten: ${PICTURE}`);
} finally {
  await Deno.remove(work, { recursive: true });
}
