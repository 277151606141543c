// Kafka Streams on a broker: a word count with `processing.guarantee=exactly_once_v2`,
// stopped and begun again without its state, and killed in the middle.
//
// Every new count of a word is a record, so the committed output tells how often each
// word was counted: its values must be 1, 2, 3 and so on, once each. What that comes to
// follows from the input alone, so it is the same on every broker.

import { OffsetAt } from "../../core/client/list_offsets.ts";
import { kafkaClassPath, toolArgs } from "./apache_kafka.ts";
import { Feeder, type Ledger, settles } from "./feeder.ts";
import { withProgram } from "./java_program.ts";
import type { Cell } from "./suite.ts";
import type { KeyedRecord } from "./transaction_client.ts";
import { javaTransactions } from "./transaction_suite.ts";
import type { WorkerClient } from "./worker_client.ts";

/** The column of the table. */
export const STREAMS = "Kafka Streams 3.9.1";
const PROGRAM = "WordCount";
const APPLICATION = "streams-count";
const [INPUT, OUTPUT] = ["streams-lines", "streams-words"];
const REPARTITION = `${APPLICATION}-words-repartition`;
const CHANGELOG = `${APPLICATION}-counts-changelog`;
const PARTITIONS = 2;
const LINES_EACH = 400;
const WORDS_A_LINE = 5;
const VOCABULARY = 60;
const TOPIC_RESOURCE = 2;
const FED_AT_ONCE = 10;
const FEED_PAUSE_MS = 20;
/** Lines that come while the application is killed. */
const LINES_MEANWHILE = 1500;
/** Of an application that starts on a busy machine, and waits for sessions to end. */
const TIMEOUT_MS = 90_000;

export interface StreamsOptions {
  readonly bootstrap: string;
  /** A directory, for that of the application's state. */
  readonly work: string;
  readonly progress: (text: string) => void;
}

/** Line `index` of the input: words that come more and less often. */
export function lineOf(index: number): string {
  return Array.from({ length: WORDS_A_LINE }, (_, i) => {
    const draw = (index * 31 + i * 17) * 2_654_435_761 % 4_294_967_296;
    const share = draw / 4_294_967_296;
    return `word-${Math.floor(share * share * VOCABULARY)}`;
  }).join(" ");
}

/** How often each word is in the first lines. */
export function countsOf(lines: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < lines; i++) {
    for (const word of lineOf(i).split(" ")) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

/** What is wrong with the committed output, or `null`. */
export function outputProblem(
  output: readonly KeyedRecord[],
  counts: ReadonlyMap<string, number>,
): string | null {
  const last = new Map<string, number>();
  for (const [partition, offset, word, value] of output) {
    const wanted = (last.get(word) ?? 0) + 1;
    if (value !== String(wanted)) {
      return `${word} is ${value} after ${
        wanted - 1
      } at ${partition}/${offset}`;
    }
    last.set(word, wanted);
  }
  for (const [word, count] of counts) {
    const got = last.get(word) ?? 0;
    if (got !== count) return `${word} was counted ${got} times, not ${count}`;
  }
  return null;
}

/** The application as a process. */
class Application {
  readonly #child: Deno.ChildProcess;
  readonly #lines: string[] = [];
  readonly #reading: Promise<void>;

  /** @param programPath The class path with the program. */
  constructor(programPath: string, bootstrap: string, state: string) {
    const args = [bootstrap, APPLICATION, INPUT, OUTPUT, state];
    this.#child = new Deno.Command("java", {
      args: toolArgs(programPath, PROGRAM, args),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      const pieces = (rest + decoder.decode(chunk)).split("\n");
      rest = pieces.pop()!;
      this.#lines.push(...pieces);
    }
  }

  /** Fails where the application has. */
  check(): void {
    const error = this.#lines.find((line) => line.startsWith("error "));
    if (error !== undefined) throw new Error(error);
  }

  async untilRunning(): Promise<void> {
    await settles(
      () => {
        this.check();
        return Promise.resolve(this.#lines.at(-1) ?? "no state");
      },
      () => this.#lines.includes("state RUNNING"),
      "the application",
      TIMEOUT_MS,
    );
  }

  /** Records that it has read from its changelog. */
  get restored(): number {
    return this.#lines.filter((line) => line.startsWith("restored "))
      .reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
  }

  async stop(): Promise<void> {
    await this.#child.stdin.close();
    await this.#child.status;
    await this.#reading;
    this.check();
    if (!this.#lines.includes("closed true")) {
      throw new Error("the application did not end in time");
    }
  }

  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await this.#reading;
    await this.#child.stdin.close().catch(() => {});
  }
}

/** The stages on one broker, in order: each goes on from where the last one was. */
class StreamsRun {
  readonly cells: Cell[] = [];
  readonly #options: StreamsOptions;
  readonly #programPath: string;
  readonly #feeder: Feeder;
  readonly #reader: WorkerClient;
  readonly #state: string;
  #ledger: Ledger | null = null;
  #application: Application | null = null;
  #lines = 0;
  #hasFailed = false;

  constructor(
    options: StreamsOptions,
    programPath: string,
    reader: WorkerClient,
  ) {
    this.#options = options;
    this.#programPath = programPath;
    this.#feeder = new Feeder(options.bootstrap);
    this.#state = Deno.makeTempDirSync({
      dir: options.work,
      prefix: "streams-",
    });
    this.#reader = reader;
  }

  async run(): Promise<void> {
    await this.#stage("count words exactly once", () => this.#count());
    await this.#stage(
      "delete what was repartitioned",
      () => this.#expectPurge(),
    );
    await this.#stage("compact the changelog", () => this.#expectCompaction());
    await this.#stage("restore the state", () => this.#restore());
    await this.#stage("go on after kill -9", () => this.#killInTheMiddle());
  }

  async close(): Promise<void> {
    await this.#application?.kill();
    await this.#reader.close();
    await this.#feeder.close();
  }

  async #stage(name: string, check: () => Promise<void>): Promise<void> {
    // A stage means nothing after one that failed.
    if (this.#hasFailed) return;
    const startMs = performance.now();
    const feature = `streams: ${name}`;
    let reason = "";
    try {
      await check();
    } catch (error) {
      this.#hasFailed = true;
      reason = (error as Error).message.replaceAll(/\s+/g, " ").slice(0, 300);
    }
    const outcome = this.#hasFailed ? "fail" : "pass";
    this.cells.push({ client: STREAMS, feature, outcome, reason });
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    this.#options.progress(`  ${outcome} ${feature} (${seconds} s) ${reason}`);
  }

  #start(): Application {
    const { bootstrap } = this.#options;
    return this.#application = new Application(
      this.#programPath,
      bootstrap,
      this.#state,
    );
  }

  async #feed(count: number): Promise<void> {
    const first = this.#lines;
    this.#lines += count;
    const lines = Array.from({ length: count }, (_, i) => lineOf(first + i));
    await this.#ledger!.feedValues(lines);
  }

  /** Waits until all words are counted, and looks at every count. */
  async #expectCounted(): Promise<void> {
    const wanted = this.#lines * WORDS_A_LINE;
    await this.#untilOutput((count) => count >= wanted);
    const output = await this.#committed();
    const problem = outputProblem(output, countsOf(this.#lines));
    if (problem !== null) throw new Error(problem);
  }

  async #untilOutput(isEnough: (count: number) => boolean): Promise<void> {
    await settles(
      async () => {
        this.#application?.check();
        return (await this.#committed()).length;
      },
      isEnough,
      "the number of words counted",
      TIMEOUT_MS,
    );
  }

  #committed(topic = OUTPUT): Promise<KeyedRecord[]> {
    return this.#reader.askTransaction("readAllCommitted", { topic });
  }

  async #count(): Promise<void> {
    this.#ledger = await this.#feeder.topic(INPUT, PARTITIONS);
    await this.#feeder.topic(OUTPUT, PARTITIONS);
    await this.#feed(LINES_EACH);
    const application = this.#start();
    await application.untilRunning();
    await this.#expectCounted();
  }

  async #earliest(topic: string): Promise<number[]> {
    const partitions = Array.from({ length: PARTITIONS }, (_, i) => i);
    const found = await this.#feeder.admin.listOffsets(
      partitions.map((partition) => ({
        topic,
        partition,
        timestampMs: OffsetAt.earliest,
      })),
    );
    return found.map(({ error, value }) => {
      if (error !== null) throw error;
      return value!.offset;
    });
  }

  async #expectConfig(topic: string, key: string, wanted: string) {
    const [{ error, entries }] = await this.#feeder.admin.describeConfigs([
      { type: TOPIC_RESOURCE, name: topic },
    ]);
    if (error !== null) throw error;
    const value = entries.find(({ name }) => name === key)?.value;
    if (value !== wanted) throw new Error(`${key} of ${topic} is ${value}`);
  }

  /** Streams deletes the records of its own topics once they are counted. */
  async #expectPurge(): Promise<void> {
    await this.#expectConfig(REPARTITION, "cleanup.policy", "delete");
    await this.#expectConfig(REPARTITION, "retention.ms", "-1");
    await settles(
      () => this.#earliest(REPARTITION),
      (offsets) => offsets.every((offset) => offset > 0),
      "the start of the repartition topic",
    );
  }

  async #expectCompaction(): Promise<void> {
    await this.#expectConfig(CHANGELOG, "cleanup.policy", "compact");
    const written = this.#lines * WORDS_A_LINE;
    await settles(
      async () => (await this.#committed(CHANGELOG)).length,
      (count) => count < written,
      "the number of records in the changelog",
    );
  }

  async #restore(): Promise<void> {
    await this.#application!.stop();
    await Deno.remove(this.#state, { recursive: true });
    await this.#feed(LINES_EACH);
    const application = this.#start();
    await application.untilRunning();
    await this.#expectCounted();
    if (application.restored === 0) throw new Error("nothing was restored");
  }

  async #killInTheMiddle(): Promise<void> {
    const counted = this.#lines * WORDS_A_LINE;
    const feeding = (async () => {
      for (let i = 0; i < LINES_MEANWHILE; i += FED_AT_ONCE) {
        await this.#feed(FED_AT_ONCE);
        await new Promise((done) => setTimeout(done, FEED_PAUSE_MS));
      }
    })();
    feeding.catch(() => {}); // It may fail before it is waited for.
    await this.#untilOutput((count) => count > counted + 100);
    await this.#application!.kill();
    await this.#start().untilRunning();
    await feeding;
    await this.#expectCounted();
    await this.#application!.stop();
    this.#application = null;
  }
}

/** Runs the word count on one broker. */
export async function runStreams(options: StreamsOptions): Promise<Cell[]> {
  options.progress(STREAMS);
  const classPath = await kafkaClassPath();
  if (classPath === null) {
    const reason = "needs Java 17, and Maven for the first run";
    return [{
      client: STREAMS,
      feature: "everything",
      outcome: "skip",
      reason,
    }];
  }
  const run = new StreamsRun(
    options,
    await withProgram(classPath, PROGRAM),
    await javaTransactions("Java", classPath, options.bootstrap),
  );
  try {
    await run.run();
  } finally {
    await run.close();
  }
  return run.cells;
}
