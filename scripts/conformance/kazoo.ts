// The tests that come with kazoo 2.11.0: see scripts/conformance/kazoo.
//
// Its harness starts servers itself, by `java` and a zoo.cfg that it writes; on
// kq's turn, kazoo_server stands in for `java`. Files of tests run beside each
// other, each with servers and ports of its own, since most of their time is
// waiting.

import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { cacheDirectory, kafkaClassPath } from "./apache_kafka.ts";
import { UnavailableError } from "./client.ts";
import { pythonWith } from "./install.ts";
import { parseList } from "./kafka_go.ts";
import { type JunitOutcome, parseJunit } from "./junit.ts";

const VERSION = "2.11.0";
const REQUIREMENTS = [
  `kazoo==${VERSION}`,
  "pytest==8.3.4",
  "pytest-timeout==2.3.1",
  "pyjks==20.0.0",
  // The last ones with what its harness makes certificates by.
  "pyopenssl==24.2.1",
  "cryptography==43.0.3",
  "objgraph==3.6.2",
  "pure-sasl==0.6.2",
  "gevent==24.11.1",
  "eventlet==0.38.2",
];
const LIST_FILE = new URL(
  "../../testdata/conformance/kazoo_passes.txt",
  import.meta.url,
);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Files of tests at a time: they wait most of the time. */
const WORKERS = 4;
/** Those that take longest come first, so that none is left alone at the end. */
const LONGEST = [
  "test_client",
  "test_eventlet_handler",
  "test_gevent_handler",
  "test_lock",
  "test_partitioner",
  "test_watchers",
];
const TEST_TIMEOUT_S = 120;
/** Ports of one file's servers: ten for each of three. */
const PORTS_EACH = 40;
const FIRST_PORT = 14_000;

type Target = "kq" | "zookeeper";
type Outcomes = ReadonlyMap<string, JunitOutcome>;

interface Installed {
  readonly python: string;
  /** kazoo's source, with its tests. */
  readonly source: string;
  readonly classPath: string | null;
}

async function install(): Promise<Installed> {
  const python = await pythonWith(`kazoo-${VERSION}`, REQUIREMENTS);
  const directory = `${cacheDirectory()}/kazoo-${VERSION}`;
  const source = `${directory}/kazoo-${VERSION}`;
  if (await Deno.stat(`${source}/kazoo/tests`).catch(() => null) === null) {
    await Deno.mkdir(directory, { recursive: true });
    await run(python, [
      ...["-m", "pip", "download", "--quiet", "--no-deps"],
      ...["--disable-pip-version-check", "--no-binary", ":all:"],
      ...["--dest", directory, `kazoo==${VERSION}`],
    ]);
    const archive = `${directory}/kazoo-${VERSION}.tar.gz`;
    await run("tar", ["-xzf", archive, "-C", directory]);
  }
  return { python, source, classPath: await kafkaClassPath() };
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  const text = new TextDecoder().decode(stderr).trim();
  throw new UnavailableError(`${command} ${args[0]}: ${text.slice(-500)}`);
}

interface FileRun {
  readonly file: string;
  readonly target: Target;
  readonly serverCount: number;
  readonly firstPort: number;
  readonly work: string;
}

/** Runs one file of tests. @returns Outcomes by test. */
async function runFile(
  installed: Installed,
  { file, target, serverCount, firstPort, work }: FileRun,
): Promise<Outcomes> {
  const name = `${target}-${serverCount}-${file}`;
  const temporary = `${work}/${name}`;
  await Deno.mkdir(temporary, { recursive: true });
  const bin = `${work}/bin`;
  const path = Deno.env.get("PATH") ?? "";
  await new Deno.Command("sh", {
    args: [
      ...["-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh"],
      ...[`${work}/${name}.log`, installed.python, "-m", "pytest"],
      ...["-p", "no:cacheprovider", "-o", "log_cli=false", "-q"],
      ...[`--timeout=${TEST_TIMEOUT_S}`, `--junitxml=${work}/${name}.xml`],
      `kazoo/tests/${file}.py`,
    ],
    cwd: installed.source,
    env: {
      KQ: Deno.env.get("KQ") ?? `${ROOT}scripts/kq`,
      PATH: target === "kq" ? `${bin}:${path}` : path,
      PYTHONDONTWRITEBYTECODE: "1",
      TMPDIR: temporary,
      ZOOKEEPER_CLASSPATH: installed.classPath ?? "none",
      ZOOKEEPER_VERSION: "3.8.4",
      ZOOKEEPER_CLUSTER_SIZE: String(serverCount),
      ZOOKEEPER_PORT_OFFSET: String(firstPort),
    },
    stdin: "null",
  }).output();
  const xml = await Deno.readTextFile(`${work}/${name}.xml`).catch(() => "");
  return parseJunit(xml);
}

/** Runs files, several at a time. */
async function runAll(
  installed: Installed,
  files: readonly string[],
  where: { target: Target; serverCount: number; work: string },
): Promise<Map<string, JunitOutcome>> {
  const outcomes = new Map<string, JunitOutcome>();
  const rank = (file: string) => {
    const found = LONGEST.indexOf(file);
    return found < 0 ? LONGEST.length : found;
  };
  const waiting = [...files].sort((a, b) => rank(a) - rank(b));
  let next = 0;
  const work = async () => {
    while (next < waiting.length) {
      const index = next++;
      const found = await runFile(installed, {
        ...where,
        file: waiting[index],
        firstPort: FIRST_PORT + index * PORTS_EACH,
      });
      for (const [name, outcome] of found) outcomes.set(name, outcome);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return outcomes;
}

/** One line of the table: what became of the tests of one number of servers. */
interface Result {
  readonly serverCount: number;
  readonly passed: number;
  readonly failures: readonly string[];
  readonly skips: readonly string[];
  readonly zookeeperPassed: number;
}

/** Names of the list say how many servers there were, too. */
function listedName(serverCount: number, test: string): string {
  return `${serverCount}/${test}`;
}

async function runServers(
  installed: Installed,
  serverCount: number,
  asked: { files: readonly string[]; isQuick: boolean; work: string },
  list: Map<string, string | null>,
): Promise<Result> {
  const { files, isQuick, work } = asked;
  const isAsked = (test: string) => files.includes(test.split(".")[0]);
  if (!isQuick) {
    console.error(`== ZooKeeper 3.8.4, servers: ${serverCount}`);
    const target = "zookeeper" as const;
    const seen = await runAll(installed, files, { target, serverCount, work });
    for (const [test, { kind, text }] of seen) {
      const name = listedName(serverCount, test);
      if (kind === "pass") list.set(name, list.get(name) ?? lackOf(test));
      else if (kind === "fail") {
        console.error(`fails on ZooKeeper: ${test}: ${text}`);
        list.delete(name);
      }
    }
  }
  const wanted = [...list].filter(([name]) =>
    name.startsWith(`${serverCount}/`) && isAsked(name.split("/")[1])
  );
  console.error(`== kq, servers: ${serverCount}`);
  const target = "kq" as const;
  const outcomes = await runAll(installed, files, {
    ...{ target, serverCount, work },
  });
  const again = wanted.filter(([name, lack]) =>
    lack === null && outcomes.get(name.split("/")[1])?.kind !== "pass"
  );
  if (again.length > 0) await runAgain(again, outcomes);
  const failures: string[] = [];
  const skips: string[] = [];
  let passed = 0;
  for (const [name, lack] of wanted) {
    const outcome = outcomes.get(name.split("/")[1]);
    if (lack !== null) skips.push(`${name}: ${lack}`);
    else if (outcome?.kind === "pass") passed++;
    else {failures.push(
        `${name}: ${outcome?.text ?? "it did not come to an end"}`,
      );}
  }
  const zookeeperPassed = wanted.length;
  return { serverCount, passed, failures, skips, zookeeperPassed };

  /** Some of its tests race with time: a file that failed has a second chance, alone. */
  async function runAgain(
    failed: readonly (readonly [string, unknown])[],
    outcomes: Map<string, JunitOutcome>,
  ): Promise<void> {
    const names = failed.map(([name]) => name.split("/")[1]);
    const filesAgain = new Set(names.map((name) => name.split(".")[0]));
    for (const file of filesAgain) {
      console.error(
        `again: ${
          names.filter((name) => name.startsWith(`${file}.`)).join(" ")
        }`,
      );
      const firstPort = FIRST_PORT + files.length * PORTS_EACH;
      const seen = await runFile(installed, {
        ...{ file, target, serverCount, firstPort, work: `${work}/again` },
      });
      for (const [name, outcome] of seen) {
        if (outcomes.get(name)?.kind !== "pass") outcomes.set(name, outcome);
      }
    }
  }
}

/** What kq lacks for a test; `null` for nothing. */
function lackOf(test: string): string | null {
  if (test.includes("SASL")) return "kq's coordinator has no SASL yet";
  return test.includes("SSL") ? "kq's coordinator has no TLS yet" : null;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      quick: { type: "boolean", default: false },
      servers: { type: "string", multiple: true, default: ["1", "3"] },
      file: { type: "string", multiple: true },
      record: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
    },
  });
  const text = await Deno.readTextFile(LIST_FILE).catch(() => "");
  const list = new Map(
    parseList(text).map(({ name, missing }) => [name, missing]),
  );
  const installed = await install().catch((error: unknown) => {
    if (!(error instanceof UnavailableError)) throw error;
    console.log(`skip everything: ${error.message}`);
    console.log(`0 passed, 0 failed, ${list.size} skipped`);
    return Deno.exit(0);
  });
  const isQuick = values.quick || installed.classPath === null;
  const work = await Deno.makeTempDir({ prefix: "kq-kazoo-" });
  await Deno.mkdir(`${work}/bin`);
  await Deno.mkdir(`${work}/again`);
  await Deno.symlink(
    fileURLToPath(new URL("kazoo_server", import.meta.url)),
    `${work}/bin/java`,
  );
  await Deno.symlink(`${work}/bin`, `${work}/again/bin`);
  const files = values.file ?? await testFiles(installed.source);
  const results: Result[] = [];
  for (const count of values.servers) {
    const asked = { files, isQuick, work };
    results.push(await runServers(installed, Number(count), asked, list));
  }
  if (values.record) await record(list);
  report(results, isQuick);
  if (values.keep) console.error(`kept: ${work}`);
  else await Deno.remove(work, { recursive: true });
  Deno.exit(results.some(({ failures }) => failures.length > 0) ? 1 : 0);
}

async function testFiles(source: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(`${source}/kazoo/tests`)) {
    if (/^test_.*\.py$/.test(name)) files.push(name.slice(0, -3));
  }
  return files.sort();
}

async function record(list: ReadonlyMap<string, string | null>) {
  const lines = [...list].map(([name, lack]) =>
    lack === null ? name : `${name}\t${lack}`
  ).sort();
  await Deno.writeTextFile(
    LIST_FILE,
    `# What of kazoo ${VERSION}'s own tests passes on Apache ZooKeeper 3.8.4: number of servers, file, class, test;\n` +
      `# after a tab what kq lacks for it. Written by scripts/conformance/kazoo --record.\n${
        lines.join("\n")
      }\n`,
  );
}

function report(results: readonly Result[], isQuick: boolean): void {
  for (const { failures, skips } of results) {
    for (const line of skips) console.log(`skip ${line}`);
    for (const line of failures) console.log(`FAIL ${line}`);
  }
  const rows = results.map((result) => {
    const { serverCount, passed, zookeeperPassed } = result;
    const servers = serverCount === 1 ? "1 server" : `${serverCount} servers`;
    return [servers, String(passed), String(zookeeperPassed)];
  });
  const reference = `ZooKeeper 3.8.4${isQuick ? " (recorded)" : ""}`;
  const heads = [`kazoo ${VERSION}'s own tests`, "kq", reference];
  const widths = heads.map((head, index) =>
    Math.max(head.length, ...rows.map((row) => row[index].length))
  );
  for (const row of [heads, ...rows]) {
    const cells = row.map((cell, index) => cell.padEnd(widths[index]));
    console.log(cells.join("  ").trimEnd());
  }
  const count = (of: (result: Result) => number) =>
    results.reduce((sum, result) => sum + of(result), 0);
  console.log(
    `${count(({ passed }) => passed)} passed, ${
      count(({ failures }) => failures.length)
    } failed, ${count(({ skips }) => skips.length)} skipped`,
  );
}

if (import.meta.main) await main();
