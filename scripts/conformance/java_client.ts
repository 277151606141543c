// Apache Kafka's own command line tools as a client: each operation is one run of
// a tool, all in one JVM (see clients/JavaTools.java).

import { kafkaClassPath } from "./apache_kafka.ts";
import {
  type Client,
  type ClientKind,
  type OperationName,
  type Operations,
  type ProduceOptions,
  type ReadRecord,
  type Source,
  type TextRecord,
  UnavailableError,
} from "./client.ts";
import { withProgram } from "./java_program.ts";
import { LineProcess } from "./worker_client.ts";

const TOPIC_COMMAND = "org.apache.kafka.tools.TopicCommand";
const CONSOLE_PRODUCER = "kafka.tools.ConsoleProducer";
const CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const PRODUCER_PERFORMANCE = "org.apache.kafka.tools.ProducerPerformance";
const GET_OFFSET_SHELL = "org.apache.kafka.tools.GetOffsetShell";
const CONFIG_COMMAND = "kafka.admin.ConfigCommand";
const DELETE_RECORDS_COMMAND = "org.apache.kafka.tools.DeleteRecordsCommand";

/** Separators that no record of the suite has in it. */
const FIELD = "\u0001";
const PAIR = "\u0002";
const NAME = "\u0003";
const LINE = "\u0004\n";
const NULL = "\u0005";
const LARGE = String(16 * 1024 * 1024);

/** What a run of a tool came to. */
export interface ToolAnswer {
  /** Its exit code; -1 while it runs. */
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A JVM that runs tools. */
export class JavaTools {
  readonly #process: LineProcess;
  /** The process answers in order; who asks next waits for who asked before. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(process: LineProcess) {
    this.#process = process;
  }

  /** @throws {UnavailableError} */
  static async open(): Promise<JavaTools> {
    const classPath = await kafkaClassPath();
    if (classPath === null) {
      throw new UnavailableError("needs Java 17, and Maven for the first run");
    }
    const programPath = await withProgram(classPath, "JavaTools");
    return new JavaTools(
      new LineProcess("Java", "java", [
        "-Xmx1g",
        "-Dfile.encoding=UTF-8",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-cp",
        programPath,
        "JavaTools",
      ]),
    );
  }

  /** What the tool wrote to its output; fails where it failed. */
  async run(
    tool: string,
    args: readonly string[],
    stdin = "",
  ): Promise<string> {
    const answer = await this.answer(tool, args, stdin);
    // Several tools end with 0 after they have printed an error.
    const text = `${answer.err}\n${answer.out}`;
    const failure = text.split("\n").find((line) =>
      /exception|^error/i.test(line)
    );
    if (answer.code === 0 && failure === undefined) return answer.out;
    throw new Error((failure ?? answer.err.trim().slice(-500)).trim());
  }

  /** What the tool came to, whether it failed or not. */
  answer(
    tool: string,
    args: readonly string[],
    stdin = "",
  ): Promise<ToolAnswer> {
    return this.#ask({ tool, args, stdin });
  }

  /** Starts a tool beside the others, under a name of its own. */
  async start(
    name: string,
    tool: string,
    args: readonly string[],
  ): Promise<void> {
    await this.#ask({ start: name, tool, args });
  }

  /** What a started tool has written so far. */
  look(name: string): Promise<ToolAnswer> {
    return this.#ask({ look: name });
  }

  /** Ends a started tool as a signal would, and waits for that. */
  stop(name: string): Promise<ToolAnswer> {
    return this.#ask({ stop: name });
  }

  async #ask(request: unknown): Promise<ToolAnswer> {
    const line = JSON.stringify(request);
    const answer = this.#last.then(() => this.#process.ask(line));
    this.#last = answer.catch(() => {});
    return JSON.parse(await answer);
  }

  close(): Promise<void> {
    return this.#process.close();
  }
}

class JavaClient implements Client {
  readonly #tools: JavaTools;
  readonly #bootstrap: string;

  constructor(tools: JavaTools, bootstrap: string) {
    this.#tools = tools;
    this.#bootstrap = bootstrap;
  }

  async call<Name extends OperationName>(
    operation: Name,
    argument: Operations[Name][0],
  ): Promise<Operations[Name][1]> {
    const run = this.#operations[operation] as (
      argument: Operations[Name][0],
    ) => Promise<Operations[Name][1]>;
    return await run.call(this, argument);
  }

  close(): Promise<void> {
    return this.#tools.close();
  }

  #run(tool: string, args: readonly string[], stdin?: string) {
    return this.#tools.run(
      tool,
      ["--bootstrap-server", this.#bootstrap, ...args],
      stdin,
    );
  }

  readonly #operations: {
    [Name in OperationName]: (
      argument: Operations[Name][0],
    ) => Promise<Operations[Name][1]>;
  } = {
    produce: (options) => this.#produce(options),
    consume: async ({ sources }) => {
      const all: ReadRecord[][] = [];
      for (const source of sources) all.push(await this.#consume(source));
      return all;
    },
    createTopic: async ({ topic, partitions, config }) => {
      await this.#run(TOPIC_COMMAND, [
        "--create",
        "--topic",
        topic,
        "--partitions",
        String(partitions),
        ...Object.entries(config).flatMap(([key, value]) => [
          "--config",
          `${key}=${value}`,
        ]),
      ]);
      return null;
    },
    listTopics: async () =>
      (await this.#run(TOPIC_COMMAND, ["--list"])).trim().split("\n"),
    partitionCount: async ({ topic }) => {
      const out = await this.#run(TOPIC_COMMAND, [
        "--describe",
        "--topic",
        topic,
      ]);
      return Number(/PartitionCount: (\d+)/.exec(out)?.[1]);
    },
    addPartitions: async ({ topic, total }) => {
      await this.#run(TOPIC_COMMAND, [
        "--alter",
        "--topic",
        topic,
        "--partitions",
        String(total),
      ]);
      return null;
    },
    getConfig: async ({ topic, key }) => {
      const out = await this.#run(CONFIG_COMMAND, [
        ...["--describe", "--all", "--entity-type", "topics"],
        ...["--entity-name", topic],
      ]);
      const line = out.split("\n").find((row) => row.trim().startsWith(key));
      return line?.trim().split(" ")[0].split("=")[1] ?? "";
    },
    setConfig: async ({ topic, key, value }) => {
      await this.#run(CONFIG_COMMAND, [
        ...["--alter", "--entity-type", "topics", "--entity-name", topic],
        ...["--add-config", `${key}=${value}`],
      ]);
      return null;
    },
    deleteRecords: async ({ topic, before }) => {
      const file = await Deno.makeTempFile({ suffix: ".json" });
      await Deno.writeTextFile(
        file,
        JSON.stringify({
          partitions: [{ topic, partition: 0, offset: before }],
          version: 1,
        }),
      );
      try {
        await this.#run(DELETE_RECORDS_COMMAND, ["--offset-json-file", file]);
        return null;
      } finally {
        await Deno.remove(file);
      }
    },
    offsets: async ({ topic }) => ({
      earliest: await this.#offset(topic, "earliest"),
      latest: await this.#offset(topic, "latest"),
    }),
    offsetForTime: ({ topic, timestampMs }) =>
      this.#offset(topic, String(timestampMs)),
    deleteTopic: async ({ topic }) => {
      await this.#run(TOPIC_COMMAND, ["--delete", "--topic", topic]);
      return null;
    },
    perfProduce: async ({ topic, count }) => {
      const out = await this.#tools.run(PRODUCER_PERFORMANCE, [
        ...["--topic", topic, "--num-records", String(count)],
        ...["--record-size", "100", "--throughput", "-1"],
        ...["--producer-props", `bootstrap.servers=${this.#bootstrap}`],
      ]);
      return Number(/(\d+) records sent, [\d.]+ records\/sec/.exec(out)?.[1]);
    },
  };

  /** A line of the tool is `topic:partition:offset`. */
  async #offset(topic: string, time: string): Promise<number> {
    const out = await this.#run(GET_OFFSET_SHELL, [
      ...["--topic-partitions", `${topic}:0`, "--time", time],
    ]);
    return Number(out.trim().split(":").at(-1));
  }

  async #produce(options: ProduceOptions): Promise<null> {
    const properties = [
      "parse.key=true",
      `key.separator=${FIELD}`,
      "parse.headers=true",
      `headers.delimiter=${FIELD}`,
      `headers.separator=${PAIR}`,
      `headers.key.separator=${NAME}`,
      `null.marker=${NULL}`,
    ].flatMap((property) => ["--property", property]);
    const lines = options.records.map((record) => lineOf(record) + "\n");
    await this.#run(CONSOLE_PRODUCER, [
      ...["--topic", options.topic, "--request-required-acks", options.acks],
      ...["--compression-codec", options.compression],
      ...["--max-memory-bytes", String(64 * 1024 * 1024)],
      ...["--producer-property", `max.request.size=${LARGE}`],
      "--producer-property",
      `enable.idempotence=${options.isIdempotent}`,
      ...properties,
    ], lines.join(""));
    return null;
  }

  async #consume(source: Source): Promise<ReadRecord[]> {
    const properties = [
      "print.timestamp=true",
      "print.offset=true",
      "print.headers=true",
      "print.key=true",
      `key.separator=${FIELD}`,
      `headers.separator=${PAIR}`,
      `line.separator=${LINE}`,
      `null.literal=${NULL}`,
    ].flatMap((property) => ["--property", property]);
    const out = await this.#run(CONSOLE_CONSUMER, [
      ...["--topic", source.topic, "--partition", String(source.partition)],
      ...["--offset", String(source.offset)],
      ...["--max-messages", String(source.count), "--timeout-ms", "20000"],
      ...["--consumer-property", `max.partition.fetch.bytes=${LARGE}`],
      ...properties,
    ]);
    return out.split(LINE).slice(0, -1).map(readLine);
  }
}

function lineOf({ key, value, headers }: TextRecord): string {
  const pairs = headers.map((pair) => pair.join(NAME)).join(PAIR);
  return [headers.length > 0 ? pairs : NULL, key ?? NULL, value ?? NULL]
    .join(FIELD);
}

/** `CreateTime:T`, `Offset:N`, headers as `name:value`, key, value. */
function readLine(line: string): ReadRecord {
  const [time, offset, headers, key, value] = line.split(FIELD);
  return {
    offset: Number(offset.split(":")[1]),
    timestampMs: Number(time.split(":")[1]),
    key: key === NULL ? null : key,
    value: value === NULL ? null : value,
    headers: headers === "NO_HEADERS" ? [] : headers.split(PAIR).map((pair) => {
      const [name, ...content] = pair.split(":");
      return [name, content.join(":")] as const;
    }),
  };
}

/** Apache Kafka's tools of 3.9.1. */
export const javaTools: ClientKind = {
  name: "Java tools 3.9.1",
  tools: {
    produce: "ConsoleProducer",
    consume: "ConsoleConsumer",
    createTopic: "TopicCommand",
    listTopics: "TopicCommand",
    partitionCount: "TopicCommand",
    addPartitions: "TopicCommand",
    deleteTopic: "TopicCommand",
    getConfig: "ConfigCommand",
    setConfig: "ConfigCommand",
    deleteRecords: "DeleteRecordsCommand",
    offsets: "GetOffsetShell",
    offsetForTime: "GetOffsetShell",
    perfProduce: "ProducerPerformance",
  },
  open: async (bootstrap) => new JavaClient(await JavaTools.open(), bootstrap),
};
