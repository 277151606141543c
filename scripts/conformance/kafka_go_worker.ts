// Starts a broker on port 9092 of this machine, or of the network namespace that
// this process is in, and runs tests of kafka-go on it, each test function in a
// process of its own: one that panics takes no other with it.
//
//   deno run -A kafka_go_worker.ts TASK_FILE     see `KafkaGoTask`

import { startKafka, startKq } from "./brokers.ts";

/** What to do; outcomes by test go to `outcomesFile`, as JSON. */
export interface KafkaGoTask {
  readonly broker: "kq" | "kafka";
  readonly work: string;
  readonly outcomesFile: string;
  readonly units: readonly TestUnit[];
}

/** One process: a test function, or one of its parts. */
export interface TestUnit {
  /** Goes before the names of the tests, such as `topics/`; empty for the module's root. */
  readonly prefix: string;
  readonly binary: string;
  readonly directory: string;
  /** What `-test.run` takes. */
  readonly pattern: string;
  /** The tests that are to pass, whole names. */
  readonly names: readonly string[];
}

export interface TestOutcome {
  readonly action: "pass" | "fail" | "skip";
  readonly seconds: number;
  /** The last lines it wrote, where it failed. */
  readonly text: string;
}

/** Tests mostly wait, so there are more at a time than processors. */
const CONCURRENCY = 6;
const UNIT_TIMEOUT = "100s";
/** The suite wants broker 1; its largest message has 100 MB, and topics that are made unasked one partition. */
const SETTINGS = {
  "advertised.listeners": "PLAINTEXT://localhost:9092",
  "num.partitions": "1",
  "message.max.bytes": "200000000",
  "group.initial.rebalance.delay.ms": "0",
};

async function runUnit(
  unit: TestUnit,
  outcomes: Map<string, TestOutcome>,
): Promise<void> {
  const { stdout, stderr } = await new Deno.Command(unit.binary, {
    args: [
      "-test.v",
      `-test.timeout=${UNIT_TIMEOUT}`,
      `-test.run=${unit.pattern}`,
    ],
    cwd: unit.directory,
    // Its network tests are left out by its own continuous integration, too.
    env: { KAFKA_VERSION: "3.9.1", KAFKA_SKIP_NETTEST: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  for (const [name, outcome] of readOutcomes(text)) {
    outcomes.set(unit.prefix + name, outcome);
  }
}

/** Reads what a Go test binary prints with `-test.v`. */
export function readOutcomes(text: string): Map<string, TestOutcome> {
  const outcomes = new Map<string, TestOutcome>();
  const last = text.trim().split("\n").filter((line) =>
    !/^\s*(=== |--- PASS|--- SKIP|PASS|FAIL|ok)/.test(line)
  ).slice(0, 400).join(" | ").slice(-300);
  for (const line of text.split("\n")) {
    const match = /--- (PASS|FAIL|SKIP): (\S+) \(([\d.]+)s\)/.exec(line);
    if (match === null) continue;
    const [, word, name, seconds] = match;
    const action = word.toLowerCase() as TestOutcome["action"];
    outcomes.set(name, {
      action,
      seconds: Number(seconds),
      text: action === "fail" ? last : "",
    });
  }
  return outcomes;
}

async function main(taskFile: string): Promise<void> {
  const task: KafkaGoTask = JSON.parse(await Deno.readTextFile(taskFile));
  const start = task.broker === "kq" ? startKq : startKafka;
  // Apache Kafka is started as node 1 already.
  const settings = task.broker === "kq"
    ? { ...SETTINGS, "broker.id": "1" }
    : SETTINGS;
  const broker = await start({ work: task.work, port: 9092, settings });
  const outcomes = new Map<string, TestOutcome>();
  const left = [...task.units];
  const hasPassed = ({ names }: TestUnit) =>
    names.every((name) => outcomes.get(name)?.action === "pass");
  try {
    await Promise.all(
      Array.from({ length: CONCURRENCY }, async () => {
        for (let unit = left.shift(); unit; unit = left.shift()) {
          await runUnit(unit, outcomes);
        }
      }),
    );
    // Some wait for a second or two only: these get the machine for themselves.
    for (const unit of task.units) {
      if (!hasPassed(unit)) await runUnit(unit, outcomes);
    }
  } finally {
    await broker.stop();
  }
  await Deno.writeTextFile(
    task.outcomesFile,
    JSON.stringify(Object.fromEntries(outcomes)),
  );
}

if (import.meta.main) await main(Deno.args[0]);
