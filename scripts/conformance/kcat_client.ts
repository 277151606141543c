// kcat as a client: each operation is a run of it.

import {
  type Client,
  type ClientKind,
  type OperationName,
  type Operations,
  type ProduceOptions,
  type ReadRecord,
  type Source,
  type TextRecord,
  UnsupportedError,
} from "./client.ts";
import { debianTool } from "./install.ts";

const KEY_SEPARATOR = "\u0001";
const LARGE = String(16 * 1024 * 1024);
const RUN_TIMEOUT_MS = 40_000;

/** A line of `kcat -J`. */
interface JsonMessage {
  readonly offset: number;
  readonly ts: number;
  readonly key: string | null;
  readonly payload: string | null;
  /** Names and values in turn. */
  readonly headers?: readonly string[];
}

interface JsonMetadata {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly unknown[];
  }[];
}

class KcatClient implements Client {
  readonly #command: string;
  readonly #bootstrap: string;

  constructor(command: string, bootstrap: string) {
    this.#command = command;
    this.#bootstrap = bootstrap;
  }

  async call<Name extends OperationName>(
    operation: Name,
    argument: Operations[Name][0],
  ): Promise<Operations[Name][1]> {
    const run = this.#operations[operation] as
      | ((argument: Operations[Name][0]) => Promise<Operations[Name][1]>)
      | undefined;
    if (run === undefined) throw new UnsupportedError("kcat has no such mode");
    return await run(argument);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  readonly #operations: {
    [Name in OperationName]?: (
      argument: Operations[Name][0],
    ) => Promise<Operations[Name][1]>;
  } = {
    produce: (options) => this.#produce(options),
    consume: async ({ sources }) => {
      const all: ReadRecord[][] = [];
      for (const source of sources) all.push(await this.#consume(source));
      return all;
    },
    listTopics: async () =>
      (await this.#metadata([])).topics.map(({ topic }) => topic),
    partitionCount: async ({ topic }) => {
      const { topics } = await this.#metadata(["-t", topic]);
      return topics[0].partitions.length;
    },
    offsets: async ({ topic }) => ({
      earliest: await this.#offset(topic, -2),
      latest: await this.#offset(topic, -1),
    }),
    offsetForTime: ({ topic, timestampMs }) => this.#offset(topic, timestampMs),
  };

  async #run(args: readonly string[], stdin = ""): Promise<string> {
    const child = new Deno.Command(this.#command, {
      args: ["-b", this.#bootstrap, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const killer = setTimeout(() => child.kill("SIGKILL"), RUN_TIMEOUT_MS);
    const output = child.output();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
    await writer.close().catch(() => {});
    const { success, stdout, stderr } = await output;
    clearTimeout(killer);
    const errors = new TextDecoder().decode(stderr).trim();
    if (!success || /ERROR|Delivery failed/.test(errors)) {
      throw new Error(errors.split("\n").at(-1) || "kcat took too long");
    }
    return new TextDecoder().decode(stdout);
  }

  async #metadata(args: readonly string[]): Promise<JsonMetadata> {
    return JSON.parse(await this.#run(["-L", "-J", ...args]));
  }

  /** A line of the query mode is `topic [partition] offset N`. */
  async #offset(topic: string, timestampMs: number): Promise<number> {
    const out = await this.#run(["-Q", "-t", `${topic}:0:${timestampMs}`]);
    return Number(/offset (-?\d+)/.exec(out)?.[1]);
  }

  /**
   * One run takes records that share their headers, and that have a key or have
   * none; an empty value and a missing one differ by an option too.
   */
  async #produce(options: ProduceOptions): Promise<null> {
    const { records } = options;
    for (let start = 0; start < records.length;) {
      let end = start + 1;
      while (
        end < records.length && modeOf(records[end]) === modeOf(records[start])
      ) {
        end++;
      }
      await this.#produceAlike(options, records.slice(start, end));
      start = end;
    }
    return null;
  }

  async #produceAlike(
    options: ProduceOptions,
    records: readonly TextRecord[],
  ): Promise<void> {
    const [{ key, value, headers }] = records;
    const lines = records.map((record) =>
      (key === null ? "" : record.key + KEY_SEPARATOR) + (record.value ?? "")
    );
    await this.#run([
      ...["-P", "-t", options.topic, "-p", "0", "-z", options.compression],
      ...["-X", `acks=${options.acks}`, "-X", `message.max.bytes=${LARGE}`],
      ...["-X", `enable.idempotence=${options.isIdempotent}`],
      ...(key === null ? [] : ["-K", KEY_SEPARATOR]),
      ...(value === null ? ["-Z"] : []),
      ...headers.flatMap(([name, content]) => ["-H", `${name}=${content}`]),
    ], lines.join("\n"));
  }

  async #consume(source: Source): Promise<ReadRecord[]> {
    const out = await this.#run([
      ...["-C", "-J", "-q", "-t", source.topic],
      ...["-p", String(source.partition), "-o", String(source.offset)],
      ...["-c", String(source.count)],
      ...["-X", `fetch.message.max.bytes=${LARGE}`],
      ...["-X", "fetch.wait.max.ms=50"],
    ]);
    return out.split("\n").filter((line) => line !== "").map((line) => {
      const message: JsonMessage = JSON.parse(line);
      const flat = message.headers ?? [];
      return {
        offset: message.offset,
        timestampMs: message.ts,
        key: message.key,
        value: message.payload,
        headers: Array.from(
          { length: flat.length / 2 },
          (_, i) => [flat[2 * i], flat[2 * i + 1]] as const,
        ),
      };
    });
  }
}

function modeOf({ key, value, headers }: TextRecord): string {
  return JSON.stringify([key === null, value === null, headers]);
}

export const kcat: ClientKind = {
  name: "kcat",
  open: async (bootstrap) =>
    new KcatClient(await debianTool("kcat"), bootstrap),
};
