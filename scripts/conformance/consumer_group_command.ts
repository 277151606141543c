// ConsumerGroupCommand (kafka-consumer-groups.sh), run. What it says on a broker,
// apart from ids and addresses, is compared with what it said on Apache Kafka.

import { type GroupRun, same, until } from "./group_run.ts";
import { javaTools, type ToolAnswer } from "./java_client.ts";

const COMMAND = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

/** What one run of the tool said: the call, then its code and its lines, sorted. */
export type Transcript = readonly string[];
/** By feature: what the runs of the tool said, in turn. */
export type Transcripts = Record<string, Transcript[]>;

/**
 * The tables of resets and deletions come as one line from the tool of 3.9: a row
 * each, and the names of several groups in order.
 */
function unfolded(line: string): string[] {
  if (/^GROUP TOPIC PARTITION NEW-OFFSET/.test(line)) {
    return line.match(/\S+ \S+ \S+ \S+/g)!;
  }
  if (/^TOPIC PARTITION STATUS/.test(line)) {
    return line.split(/ ?(?=cmd-\S+ \d+ )/);
  }
  if (/groups were deleted successfully:|^Deletion of requested/.test(line)) {
    const names = new Set(line.match(/cmd-[a-z]+/g) ?? []);
    return [`Deleted: ${[...names].toSorted().join(", ")}`];
  }
  return [line];
}

/** The lines of an output without what differs from run to run. */
export function normalised(text: string): string[] {
  return text.split("\n")
    .filter((line) => !/^\s+at |^\s*$/.test(line))
    .map((line) =>
      line
        .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID")
        .replaceAll(/127\.0\.0\.1:\d+ +\(\d+\)/g, "BROKER")
        .replaceAll(/127\.0\.0\.1:\d+/g, "BROKER")
        .replaceAll(/(?<=\s)[A-Za-z0-9_-]{22}(?=\s)/g, "UUID")
        .replaceAll(/\S*\/[^\s,]*\.csv/g, "FILE")
        .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+/g, "TIME")
        .replaceAll(/\s+/g, " ").trim()
    )
    .flatMap(unfolded);
}

/** The scenarios of one run, in order: some need what others have left. */
export class CommandRun {
  readonly #run: GroupRun;
  readonly #expected: Transcripts | null;
  readonly #transcripts: Transcripts;
  #feature = "";
  /** Groups that other features have left. */
  #foreign: ReadonlySet<string> = new Set();

  constructor(
    run: GroupRun,
    expected: Transcripts | null,
    transcripts: Transcripts,
  ) {
    this.#run = run;
    this.#expected = expected;
    this.#transcripts = transcripts;
  }

  /** One feature: fails where its check does, or where a run says other things than on Apache Kafka. */
  async feature(name: string, check: () => Promise<void>): Promise<void> {
    const feature = `group command: ${name} (ConsumerGroupCommand)`;
    await this.#run.feature(javaTools.name, feature, async () => {
      this.#feature = feature;
      this.#transcripts[feature] = [];
      await check();
      const wanted = this.#expected?.[feature];
      if (wanted === undefined) return;
      const got = this.#transcripts[feature];
      for (const [i, transcript] of wanted.entries()) {
        same(got[i], transcript, "what the tool says");
      }
      same(got.length, wanted.length, "the number of runs");
    });
  }

  /**
   * Runs the tool and keeps what it says.
   *
   * @param wanted What must be in it, on any broker.
   */
  async says(
    args: readonly string[],
    ...wanted: readonly RegExp[]
  ): Promise<string[]> {
    const { code, lines } = await this.#call(args);
    const ours = lines.filter((line) => !this.#isForeign(line));
    const isFailure = ours.some((line) => line.startsWith("* Group"));
    const rows = [...new Set(ours)].toSorted().filter((line) =>
      // Of others' groups alone.
      isFailure || !line.startsWith("Error: Deletion of some")
    );
    const call = args.map((arg) => normalised(arg).join(" ")).join(" ");
    this.#transcripts[this.#feature].push([`${call}: ${code}`, ...rows]);
    const missing = wanted.find((each) => !rows.some((row) => each.test(row)));
    if (missing !== undefined) {
      throw new Error(`${call}: no ${missing} in ${rows.join(" | ")}`);
    }
    return rows;
  }

  /** Waits until the tool says something; keeps nothing. */
  async until(args: readonly string[], wanted: readonly RegExp[]) {
    await until(
      async () => (await this.#call(args)).lines,
      (lines) => wanted.every((each) => lines.some((row) => each.test(row))),
      args.join(" "),
    );
  }

  /** From now on, rows of the groups that exist do not count. */
  async ignoreOthers(): Promise<void> {
    const { lines } = await this.#call(["--list"]);
    this.#foreign = new Set(lines);
  }

  #isForeign(line: string): boolean {
    const name = /group '([^']*)'/i.exec(line)?.[1] ?? line.split(" ")[0];
    return this.#foreign.has(name);
  }

  /** Runs the tool; keeps nothing. */
  raw(args: readonly string[]): Promise<ToolAnswer> {
    const command = ["--bootstrap-server", this.#run.bootstrap, ...args];
    return this.#run.tools.answer(COMMAND, command);
  }

  async #call(args: readonly string[]) {
    const { code, out, err } = await this.raw(args);
    return { code, lines: normalised(`${out}\n${err}`) };
  }
}
