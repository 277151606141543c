// The same logs through kq's cleaner and Apache Kafka's: both must keep the same
// batches and records, in the same segments, and each must serve what the other
// kept. Some logs are drawn from a seed and have all that a log can have; one was
// written by Kafka for its own producers.

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { encodeBase64 } from "../../core/base/bytes.ts";
import { factsDifference } from "../../core/testing/compaction_facts.ts";
import { kafkaClassPath, toolArgs } from "./apache_kafka.ts";
import { freePort, startKafka, startKq } from "./brokers.ts";
import {
  type CompactionInput,
  compactionInputs,
  stagesOf,
} from "./compaction_input.ts";
import { StagedBroker, type StageResult } from "./compaction_stage.ts";
import { checkSegments } from "./segments.ts";
import type { Cell } from "./suite.ts";

export const LOG_CLEANER = "log cleaner";
const WRITTEN_TOPIC = "compacted-written";
const WRITTEN_ROUNDS = 400;
const RECORD_FILE = new URL(
  "../../testdata/log/kafka-compacted.json.gz",
  import.meta.url,
);
const kqCommand = Deno.env.get("KQ") ?? "scripts/kq";

export interface CompactionRunOptions {
  /** An empty directory. */
  readonly work: string;
  readonly progress: (text: string) => void;
  /** Keeps the logs and what Kafka made of them, for tests without a JVM. */
  readonly isRecording: boolean;
}

/** Runs on both brokers. */
export async function runCompaction(
  options: CompactionRunOptions,
): Promise<Cell[]> {
  const cells: Cell[] = [];
  const seed = Date.now() % 1_000_000;
  options.progress(`== ${LOG_CLEANER}, seed ${seed}`);
  const feature = async (name: string, check: () => Promise<void>) => {
    try {
      await check();
      cells.push({
        client: LOG_CLEANER,
        feature: name,
        outcome: "pass",
        reason: "",
      });
    } catch (error) {
      const reason = `seed ${seed}: ${(error as Error).message.slice(0, 1000)}`;
      cells.push({
        client: LOG_CLEANER,
        feature: name,
        outcome: "fail",
        reason,
      });
    }
  };
  const run = await Comparison.prepare(options.work, seed);
  await feature("keep the same batches and records", async () => {
    const kept = await run.clean();
    if (options.isRecording) record(run.inputs, kept);
  });
  cells.push(...await checkSegments(run.kq.dataDirectory, LOG_CLEANER));
  await feature("serve what the other kept", () => run.serveEachOther());
  return cells;
}

/** Both brokers, and the logs that they clean. */
class Comparison {
  readonly kq: StagedBroker;
  readonly #kafka: StagedBroker;
  inputs: CompactionInput[];

  private constructor(work: string, seed: number) {
    this.kq = new StagedBroker(startKq, { work, port: freePort() });
    this.#kafka = new StagedBroker(startKafka, { work, port: freePort() });
    this.inputs = compactionInputs(seed, Date.now() - 60_000);
  }

  /** Makes the topics on both, and has Kafka write one. */
  static async prepare(work: string, seed: number): Promise<Comparison> {
    const run = new Comparison(work, seed);
    const [{ config }] = run.inputs;
    const topics = [...run.inputs, { topic: WRITTEN_TOPIC, config }];
    await run.#kafka.withoutCleaner(async (bootstrap) => {
      for (const topic of topics) await createTopic(bootstrap, topic);
      await fill(bootstrap, seed);
    });
    await run.kq.withoutCleaner(async (bootstrap) => {
      for (const topic of topics) await createTopic(bootstrap, topic);
    });
    const segments = run.#kafka.segmentsOf(WRITTEN_TOPIC);
    const stages = stagesOf(segments.length);
    run.inputs.push({ topic: WRITTEN_TOPIC, config, segments, stages });
    return run;
  }

  /** Cleans all stages; @returns what Kafka kept in each. */
  async clean(): Promise<StageResult[]> {
    const kept: StageResult[] = [];
    for (const stage of this.inputs[0].stages.keys()) {
      const [kq, kafka] = await Promise.all([
        this.kq.clean(this.inputs, stage),
        this.#kafka.clean(this.inputs, stage),
      ]);
      for (const { topic } of this.inputs) {
        const found = stageDifference(topic, kq, kafka);
        if (found !== null) {
          throw new Error(`${topic}, stage ${stage}: ${found}`);
        }
      }
      kept.push(kafka);
    }
    return kept;
  }

  /** What consumers get is the same from both brokers, whoever cleaned. */
  async serveEachOther(): Promise<void> {
    const topics = this.inputs.map(({ topic }) => topic);
    const consumeAll = (broker: StagedBroker) =>
      broker.withoutCleaner((bootstrap) => consume(bootstrap, topics));
    const own = await consumeAll(this.kq);
    const kafkaOwn = await consumeAll(this.#kafka);
    this.kq.exchange(this.#kafka, topics);
    const results = {
      "Kafka from its own": kafkaOwn,
      "kq from Kafka's": await consumeAll(this.kq),
      "Kafka from kq's": await consumeAll(this.#kafka),
    };
    for (const [name, records] of Object.entries(results)) {
      for (const [key, text] of own) {
        if (records.get(key) === text) continue;
        throw new Error(`${key} is not the same for consumers of ${name}`);
      }
    }
  }
}

function stageDifference(
  topic: string,
  kq: StageResult,
  kafka: StageResult,
): string | null {
  const ends = [kq, kafka].map((result) => result.cleanedOffsets.get(topic));
  if (ends[0] !== ends[1]) {
    return `kq cleaned up to ${ends[0]}, Kafka up to ${ends[1]}`;
  }
  return factsDifference(kq.facts.get(topic)!, kafka.facts.get(topic)!);
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr).trim());
  return decoder.decode(stdout);
}

async function createTopic(
  bootstrap: string,
  { topic, config }: Pick<CompactionInput, "topic" | "config">,
): Promise<void> {
  await run(kqCommand, [
    ...["topic", "create", topic, "-b", bootstrap, "-p", "1", "-r", "1"],
    ...Object.entries(config).flatMap((pair) => ["--config", pair.join("=")]),
  ]);
}

/** Has Kafka's own producers write to Kafka. */
async function fill(bootstrap: string, seed: number): Promise<void> {
  const source = new URL("./clients/CompactedTopic.java", import.meta.url);
  const classPath = (await kafkaClassPath())!;
  await run(
    "java",
    toolArgs(classPath, fileURLToPath(source), [
      bootstrap,
      WRITTEN_TOPIC,
      String(seed),
      String(WRITTEN_ROUNDS),
    ]),
  );
}

/** What consumers of both kinds get, as text, by topic and isolation. */
async function consume(
  bootstrap: string,
  topics: readonly string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const topic of topics) {
    for (const isolation of ["read_uncommitted", "read_committed"]) {
      const text = await run(kqCommand, [
        ...["consume", topic, "-b", bootstrap, "--until-end"],
        ...["--isolation-level", isolation],
        ...["--format", "%o %d %k{hex} %v{hex} %h{%k=%v{hex},}\\n"],
      ]);
      if (text === "") throw new Error(`${topic} is empty on ${bootstrap}`);
      found.set(`${topic}, ${isolation}`, text);
    }
  }
  return found;
}

/** Keeps the smaller half of the logs, and what Kafka made of them. */
function record(
  inputs: readonly CompactionInput[],
  kept: readonly StageResult[],
): void {
  const logs = inputs.filter((_, i) => i % 3 === 0).map((input) => ({
    ...input,
    segments: input.segments.map((segment) => ({
      ...segment,
      bytes: encodeBase64(segment.bytes),
    })),
    kept: kept.map(({ facts, cleanedOffsets }) => ({
      ...facts.get(input.topic)!,
      cleanedOffset: cleanedOffsets.get(input.topic)!,
    })),
  }));
  Deno.writeFileSync(RECORD_FILE, gzipSync(JSON.stringify(logs), { level: 9 }));
}
