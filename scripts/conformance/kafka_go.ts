// The tests that come with a client, segmentio/kafka-go 0.4.51: those that pass on
// Apache Kafka have to pass on kq.
//
// Its tests want their broker on localhost:9092. Where the machine lets us, all of
// it runs in a network namespace, so that nobody else's port 9092 is in the way.

import { fileURLToPath } from "node:url";
import { cacheDirectory } from "./apache_kafka.ts";
import { UnavailableError } from "./client.ts";
import type { KafkaGoTask, TestOutcome, TestUnit } from "./kafka_go_worker.ts";
import type { SuiteResult } from "./report.ts";
import type { Cell } from "./suite.ts";

export const KAFKA_GO = "kafka-go 0.4.51's own tests";
const MODULE = "github.com/segmentio/kafka-go@v0.4.51";
/** Packages that have tests of a broker; their names go before the tests' own. */
const PACKAGES = [
  { path: ".", prefix: "" },
  { path: "./topics", prefix: "topics/" },
];
const LIST_FILE = new URL(
  "../../testdata/conformance/kafka_go_passes.txt",
  import.meta.url,
);
/** Test functions that take long, and whose parts can run beside each other. */
const SPLIT = new Set(["TestDialerResolver", "TestReaderConsumerGroup"]);
/** Longest first, so that none is left alone at the end. */
const LONGEST = ["TestReaderConsumerGroup", "TestWriter", "TestConn"];

/** A test that has to pass. */
export interface ListedTest {
  readonly name: string;
  /** What kq lacks for it, where it lacks something. */
  readonly missing: string | null;
}

/** How a run on one broker went: counts, and what is to be said of single tests. */
export interface KafkaGoResult {
  readonly passed: number;
  /** Each with its reason. */
  readonly failures: readonly string[];
  readonly skips: readonly string[];
}

/** Reads the list: a name a line, after a tab what kq lacks for it. */
export function parseList(text: string): ListedTest[] {
  return text.split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [name, missing = null] = line.split("\t");
      return { name, missing };
    });
}

/** Runs the tests on kq, and on Apache Kafka unless it is quick; a cell where this machine cannot. */
export async function kafkaGoSuite(
  work: string,
  { isQuick }: { readonly isQuick: boolean },
): Promise<SuiteResult | Cell> {
  try {
    const kq = await runKafkaGo("kq", work);
    const listed = kq.passed + kq.failures.length + kq.skips.length;
    const kafka = isQuick ? null : await runKafkaGo("kafka", work);
    const kafkaPassed = kafka?.passed ?? listed;
    return { name: KAFKA_GO, ...kq, kafkaPassed };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return {
      client: KAFKA_GO,
      feature: "everything",
      outcome: "skip",
      reason: error.message,
    };
  }
}

/**
 * Runs the listed tests on a broker of its own.
 *
 * @throws {UnavailableError} Where this machine has no Go, or port 9092 is taken.
 */
export async function runKafkaGo(
  broker: KafkaGoTask["broker"],
  work: string,
): Promise<KafkaGoResult> {
  const list = parseList(await Deno.readTextFile(LIST_FILE));
  const isRun = ({ missing }: ListedTest) =>
    missing === null || broker === "kafka";
  const prefix = await namespacePrefix();
  const units = await buildUnits(list.filter(isRun));
  const directory = `${work}/kafka-go-${broker}`;
  await Deno.mkdir(directory, { recursive: true });
  const outcomesFile = `${directory}/outcomes.json`;
  const taskFile = `${directory}/task.json`;
  const task: KafkaGoTask = { broker, work: directory, outcomesFile, units };
  await Deno.writeTextFile(taskFile, JSON.stringify(task));
  const worker = new URL("./kafka_go_worker.ts", import.meta.url);
  await run(prefix[0] ?? Deno.execPath(), [
    ...prefix.slice(1),
    ...(prefix.length > 0 ? [Deno.execPath()] : []),
    ...["run", "--frozen", "-A", "--quiet", fileURLToPath(worker), taskFile],
  ]);
  const outcomes: Record<string, TestOutcome> = JSON.parse(
    await Deno.readTextFile(outcomesFile),
  );
  return judge(list, isRun, outcomes);
}

/** What became of the listed tests. */
export function judge(
  list: readonly ListedTest[],
  isRun: (test: ListedTest) => boolean,
  outcomes: Readonly<Record<string, TestOutcome>>,
): KafkaGoResult {
  const failures: string[] = [];
  const skips: string[] = [];
  let passed = 0;
  for (const test of list) {
    const outcome = outcomes[test.name];
    if (!isRun(test)) skips.push(`${test.name}: ${test.missing}`);
    else if (outcome?.action === "pass") passed++;
    else {
      const reason = outcome?.text ?? "it did not come to an end";
      failures.push(`${test.name}: ${reason}`);
    }
  }
  return { passed, failures, skips };
}

/** One process for each test function, or for its parts where it takes long. */
async function buildUnits(list: readonly ListedTest[]): Promise<TestUnit[]> {
  const binaries = await compileTests();
  const units = new Map<string, TestUnit>();
  for (const { name } of list) {
    const { prefix, binary, directory } = binaries.find((each) =>
      each.prefix !== "" && name.startsWith(each.prefix)
    ) ?? binaries[0];
    const [top, part] = name.slice(prefix.length).split("/");
    const isSplit = SPLIT.has(top) && part !== undefined;
    const levels = isSplit ? [top, part] : [top];
    // A function that is split runs by its parts alone.
    if (SPLIT.has(top) && !isSplit) {
      continue;
    }
    const pattern = levels.map((level) =>
      `^${escapePattern(level)}$`
    )
      .join("/");
    const key = prefix + pattern;
    const names = [...units.get(key)?.names ?? [], name];
    units.set(key, { prefix, binary, directory, pattern, names });
  }
  const rank = ({ pattern }: TestUnit) => {
    const found = LONGEST.findIndex((name) => pattern.startsWith(`^${name}`));
    return found < 0 ? LONGEST.length : found;
  };
  return [...units.values()].sort((a, b) => rank(a) - rank(b));
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

async function compileTests() {
  const go = await findGo();
  const { Dir: source }: { Dir: string } = JSON.parse(
    await run(go, ["mod", "download", "-json", MODULE]),
  );
  const cache = `${cacheDirectory()}/kafka-go-0.4.51`;
  await Deno.mkdir(cache, { recursive: true });
  // The module's own files are read-only, and its go.mod is not quite tidy.
  for (const name of ["go.mod", "go.sum"]) {
    const text = await Deno.readTextFile(`${source}/${name}`);
    await Deno.writeTextFile(`${cache}/${name}`, text);
  }
  const compiled = [];
  for (const { path, prefix } of PACKAGES) {
    const binary = `${cache}/${prefix.replace("/", "") || "kafka-go"}.test`;
    if (await Deno.stat(binary).catch(() => null) === null) {
      await run(go, [
        ...["test", "-C", source, `-modfile=${cache}/go.mod`, "-mod=mod"],
        ...["-c", "-o", binary, path],
      ]);
    }
    compiled.push({ prefix, binary, directory: `${source}/${path}` });
  }
  return compiled;
}

async function findGo(): Promise<string> {
  for (const go of ["go", "/usr/local/go/bin/go"]) {
    if (await run(go, ["version"]).then(() => true, () => false)) return go;
  }
  throw new UnavailableError("there is no Go on this machine");
}

/**
 * The command that runs another in a network namespace of its own; empty where
 * there can be none and port 9092 is free anyway.
 */
async function namespacePrefix(): Promise<string[]> {
  const script = 'ip link set lo up && exec "$@"';
  const prefix = ["unshare", "-rn", "sh", "-c", script, "sh"];
  const [command, ...args] = [...prefix, "true"];
  if (await run(command, args).then(() => true, () => false)) return prefix;
  try {
    Deno.listen({ hostname: "127.0.0.1", port: 9092 }).close();
    return [];
  } catch {
    throw new UnavailableError(
      "needs port 9092, which is taken, or leave to make a network namespace",
    );
  }
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    // Nothing is fetched for the sake of another version of Go.
    env: { GOTOOLCHAIN: "local", GOFLAGS: "" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  const text = new TextDecoder().decode(stderr).trim();
  throw new Error(`${command} ${args[0]}: ${text.slice(-500)}`);
}
