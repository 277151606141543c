// The same conversations with kq's coordinator and with Apache ZooKeeper: see
// scripts/conformance/zookeeper_requests.

import { gzipSync } from "node:zlib";
import { parseArgs } from "node:util";
import { denoHost } from "../../core/host/deno_host.ts";
import { Dialogue } from "../../core/testing/zookeeper_dialogue.ts";
import { randomScenario } from "../../core/testing/zookeeper_random.ts";
import {
  type Scenario,
  scenarios,
} from "../../core/testing/zookeeper_scenarios.ts";
import {
  DEFAULT_SETTINGS,
  type ServerKind,
  ServerProcess,
} from "../kills/ensemble_process.ts";
import { kafkaClassPath } from "./apache_kafka.ts";

const RECORD_FILE = new URL(
  "../../testdata/conformance/zookeeper_answers.txt.gz",
  import.meta.url,
);
/** What goes by itself would do so at another time on each. */
const SETTINGS = {
  ...DEFAULT_SETTINGS,
  "znode.container.checkIntervalMs": 3_600_000,
};
const SCENARIO_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 30_000;
/** Lines before the first that differs, to know what it is about. */
const LINES_BEFORE = 2;

async function start(
  kind: ServerKind,
  count: number,
  { classPath, work }: { classPath: string; work: string },
): Promise<ServerProcess[]> {
  const servers = Array.from(
    { length: count },
    (_, index) =>
      new ServerProcess(
        index + 1,
        kind,
        `${work}/${kind}${index + 1}`,
        classPath,
      ),
  );
  const lines = count === 1
    ? []
    : servers.map((server) =>
      `server.${server.id}=127.0.0.1:${server.quorumPort}:${server.electionPort}`
    );
  for (const server of servers) server.configure(SETTINGS, lines);
  for (const server of servers) server.spawn();
  for (const server of servers) await server.untilServes(START_TIMEOUT_MS);
  return servers;
}

async function converse(
  scenario: Scenario,
  servers: readonly ServerProcess[],
): Promise<readonly string[]> {
  const addresses = servers.map(({ clientPort }) => ({
    host: "127.0.0.1",
    port: clientPort,
  }));
  const dialogue = new Dialogue(denoHost().net, addresses);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error("nothing more came")),
      SCENARIO_TIMEOUT_MS,
    );
  });
  try {
    await Promise.race([scenario(dialogue), late]);
    await Promise.race([dialogue.end(), late]);
  } catch (error) {
    dialogue.lines.push(`ended: ${error}`);
  } finally {
    clearTimeout(timer);
  }
  return dialogue.lines;
}

/** The first line that differs, and those around it; `null` where none does. */
function difference(
  zookeeper: readonly string[],
  kq: readonly string[],
): string[] | null {
  const length = Math.max(zookeeper.length, kq.length);
  for (let at = 0; at < length; at++) {
    if (zookeeper[at] === kq[at]) continue;
    return [
      ...zookeeper.slice(Math.max(0, at - LINES_BEFORE), at).map((line) =>
        `    both       ${line}`
      ),
      `    ZooKeeper  ${zookeeper[at] ?? "says no more"}`,
      `    kq         ${kq[at] ?? "says no more"}`,
    ];
  }
  return null;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      random: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      servers: { type: "string", default: "1" },
      record: { type: "boolean", default: false },
    },
  });
  const all: [string, Scenario][] = Object.entries(scenarios);
  for (let index = 0; index < Number(values.random); index++) {
    const seed = Number(values.seed) + index;
    all.push([`random ${seed}`, randomScenario(seed)]);
  }
  const asked = all.filter(([name]) => name.includes(values.only));
  const classPath = await kafkaClassPath();
  if (classPath === null) {
    console.log("skip everything: there is no Java on this machine");
    console.log(`0 passed, 0 failed, ${asked.length} skipped`);
    return 0;
  }
  const work = await Deno.makeTempDir({ prefix: "kq-requests-" });
  const servers: ServerProcess[] = [];
  let failed = 0;
  const recorded: string[] = [];
  try {
    const where = { classPath, work };
    const count = Number(values.servers);
    const [zookeeper, kq] = await Promise.all([
      start("zookeeper", count, where),
      start("kq", count, where),
    ]);
    servers.push(...zookeeper, ...kq);
    for (const [name, scenario] of asked) {
      const [theirs, ours] = await Promise.all([
        converse(scenario, zookeeper),
        converse(scenario, kq),
      ]);
      const found = difference(theirs, ours);
      if (found === null) console.log(`ok   ${name}: ${theirs.length} lines`);
      else {
        failed++;
        console.log(`FAIL ${name}`);
        for (const line of found) console.log(line);
      }
      if (!name.startsWith("random")) recorded.push(`# ${name}`, ...theirs);
    }
  } finally {
    for (const server of servers) await server.end();
    await Deno.remove(work, { recursive: true });
  }
  if (values.record) {
    await Deno.writeFile(RECORD_FILE, gzipSync(recorded.join("\n")));
  }
  console.log(`${asked.length - failed} passed, ${failed} failed, 0 skipped`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
