// kcat as a member of a group (`kcat -G`).

import { fill, type GroupRun, makeTopic, same, until } from "./group_run.ts";
import { kcat } from "./kcat_client.ts";

const PARTITIONS = 4;
const PER_PARTITION = 50;
const RUN_TIMEOUT_MS = 60_000;

/** A running `kcat -G`; each line it prints is `partition offset value`. */
class KcatMember {
  readonly #child: Deno.ChildProcess;
  readonly #done: Promise<void>[];
  #out = "";
  #err = "";

  constructor(
    command: string,
    bootstrap: string,
    group: string,
    topic: string,
    flags: readonly string[] = [],
  ) {
    this.#child = new Deno.Command(command, {
      args: [
        ...["-b", bootstrap, "-G", group, "-u", "-f", "%p %o %s\n"],
        ...["-X", "auto.offset.reset=earliest", "-X", "fetch.wait.max.ms=50"],
        ...["-X", "session.timeout.ms=10000"],
        ...[...flags, topic],
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#done = [
      collect(this.#child.stdout, (text) => this.#out += text),
      collect(this.#child.stderr, (text) => this.#err += text),
    ];
  }

  get lines(): string[] {
    return this.#out.split("\n").slice(0, -1);
  }

  /** Partitions as of the last rebalance that it told of. */
  get assigned(): number {
    const last = this.#err.split("rebalanced").at(-1) ?? "";
    return /assigned:/.test(last) ? last.match(/ \[\d+\]/g)?.length ?? 0 : 0;
  }

  /** Waits for its end; with a signal, after that. */
  async end(signal?: "SIGTERM"): Promise<string[]> {
    if (signal !== undefined) this.#child.kill(signal);
    const killer = setTimeout(
      () => this.#child.kill("SIGKILL"),
      RUN_TIMEOUT_MS,
    );
    const { code } = await this.#child.status;
    clearTimeout(killer);
    await Promise.all(this.#done);
    if (code !== 0) {
      throw new Error(`kcat ended with ${code}: ${this.#err.slice(-200)}`);
    }
    return this.lines;
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    take(text);
  }
}

/** What filled partitions hold, as a member prints it, in order. */
function linesOf(first: number, count: number): string[] {
  return Array.from({ length: PARTITIONS }, (_, partition) =>
    Array.from(
      { length: count },
      (_, i) => `${partition} ${first + i} ${first + i}`,
    )).flat().toSorted();
}

/** Two share, one goes on where they stopped. */
export async function kcatFeatures(
  run: GroupRun,
  command: string,
): Promise<void> {
  const topic = "group-kcat";
  const member = (flags?: readonly string[]) =>
    new KcatMember(command, run.bootstrap, "kcat-shared", topic, flags);
  let next = 0;
  const more = async () => {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      await fill(run, topic, partition, { first: next, count: PER_PARTITION });
    }
    next += PER_PARTITION;
  };
  await run.feature(kcat.name, "group: two members share", async () => {
    await makeTopic(run, topic, PARTITIONS);
    const members = [member(), member()];
    let read: string[] = [];
    try {
      await until(
        () => Promise.resolve(members.map(({ assigned }) => assigned)),
        (counts) => counts.every((count) => count === PARTITIONS / 2),
        "the number of partitions of each",
      );
      await more();
      await until(
        () => Promise.resolve(members.flatMap(({ lines }) => lines).length),
        (count) => count >= PARTITIONS * PER_PARTITION,
        "the number of records",
      );
    } finally {
      read = (await Promise.all(members.map((each) => each.end("SIGTERM"))))
        .flat();
    }
    same(read.toSorted(), linesOf(0, PER_PARTITION), "what both have read");
  });
  await run.feature(
    kcat.name,
    "group: goes on where it stopped",
    async () => {
      await more();
      const lines = await member(["-e"]).end();
      same(
        lines.toSorted(),
        linesOf(next - PER_PARTITION, PER_PARTITION),
        "what was read",
      );
      same(await member(["-e"]).end(), [], "what was read again");
    },
  );
}
