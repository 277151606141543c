// Transactions with Apache Kafka's own tools and kcat: those that write and read in
// them, and the one that operators look at them with.

import { kafkaClassPath } from "./apache_kafka.ts";
import type { ClientKind } from "./client.ts";
import {
  featuresInto,
  fill,
  type GroupRun,
  makeTopic,
  same,
} from "./group_run.ts";
import type { Transcripts } from "./consumer_group_command.ts";
import { JavaTools, javaTools } from "./java_client.ts";
import { leaveHanging } from "./hanging_transaction.ts";
import { debianTool } from "./install.ts";
import { kcat } from "./kcat_client.ts";
import type { Cell } from "./suite.ts";
import { PREFIX, TransactionsCommand } from "./transactions_command.ts";
import type { KeyedRecord, TransactionClient } from "./transaction_client.ts";
import { javaTransactions } from "./transaction_suite.ts";

const CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const PRODUCER_PERFORMANCE = "org.apache.kafka.tools.ProducerPerformance";
const GET_OFFSET_SHELL = "org.apache.kafka.tools.GetOffsetShell";
const COPIER = "org.apache.kafka.tools.TransactionalMessageCopier";
const PERFORMANCE_RECORDS = 3000;
const COPIED = 1000;
const TIMEOUT_MS = 60_000;

/** What stands in a topic when its last transaction is still open. */
const COMMITTED = ["one", "two", "five"];
const ALL = ["one", "two", "three", "four", "five", "six"];

/** Makes transactions for the tools to look at. */
class Writer {
  readonly #client: TransactionClient;

  constructor(client: TransactionClient) {
    this.#client = client;
  }

  async init(transactionalId: string): Promise<void> {
    await this.#client.askTransaction("initTransactions", {
      producer: transactionalId,
      transactionalId,
      timeoutMs: TIMEOUT_MS,
    });
  }

  async begin(producer: string, topic: string, values: readonly string[]) {
    await this.#client.askTransaction("beginTransaction", { producer });
    await this.send(producer, topic, values);
  }

  async send(producer: string, topic: string, values: readonly string[]) {
    const argument = { producer, topic, values };
    await this.#client.askTransaction("sendInTransaction", argument);
  }

  async sendOffset(producer: string, group: string, topic: string) {
    const argument = { producer, group, topic, offset: 7 };
    await this.#client.askTransaction("sendOffsets", argument);
  }

  async commit(producer: string): Promise<void> {
    await this.#client.askTransaction("commitTransaction", { producer });
  }

  async abort(producer: string): Promise<void> {
    await this.#client.askTransaction("abortTransaction", { producer });
  }

  readAll(topic: string): Promise<KeyedRecord[]> {
    return this.#client.askTransaction("readAllCommitted", { topic });
  }
}

async function readWithTools(
  run: GroupRun,
  writer: Writer,
  hasKcat: boolean,
): Promise<void> {
  const topic = "txn-tools-read";
  await makeTopic(run, topic, 1);
  await writer.init(topic);
  await writer.begin(topic, topic, ["one", "two"]);
  await writer.commit(topic);
  await writer.begin(topic, topic, ["three", "four"]);
  await writer.abort(topic);
  await writer.begin(topic, topic, ["five"]);
  await writer.commit(topic);
  await writer.begin(topic, topic, ["six"]);
  const feature = "transactions: read committed";
  const levels = [
    ["read_committed", COMMITTED],
    ["read_uncommitted", ALL],
  ] as const;
  await run.feature(
    javaTools.name,
    `${feature} (ConsoleConsumer)`,
    async () => {
      for (const [level, wanted] of levels) {
        const out = await run.tools.run(CONSOLE_CONSUMER, [
          ...["--bootstrap-server", run.bootstrap, "--topic", topic],
          // Without a partition it would leave a group behind.
          ...["--partition", "0", "--offset", "earliest"],
          ...["--isolation-level", level],
          ...["--max-messages", String(wanted.length)],
          ...["--timeout-ms", "20000"],
        ]);
        same(out.trim().split("\n"), wanted, level);
      }
    },
  );
  if (hasKcat) {
    await run.feature(kcat.name, feature, async () => {
      for (const [level, wanted] of levels) {
        const lines = await kcatLines(run.bootstrap, topic, level);
        same(lines, wanted, level);
      }
    });
  }
  await writer.abort(topic);
}

async function kcatLines(
  bootstrap: string,
  topic: string,
  level: string,
): Promise<string[]> {
  const { stdout } = await new Deno.Command(await debianTool("kcat"), {
    args: [
      ...["-b", bootstrap, "-C", "-e", "-q", "-t", topic],
      ...["-X", `isolation.level=${level}`],
    ],
    stdin: "null",
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n");
}

async function measure(run: GroupRun, writer: Writer): Promise<void> {
  const topic = "txn-tools-perf";
  await run.feature(
    javaTools.name,
    "transactions: benchmark (ProducerPerformance)",
    async () => {
      await makeTopic(run, topic, 1);
      const out = await run.tools.run(PRODUCER_PERFORMANCE, [
        ...["--topic", topic, "--num-records", String(PERFORMANCE_RECORDS)],
        ...["--record-size", "100", "--throughput", "3000"],
        ...["--transactional-id", topic, "--transaction-duration-ms", "100"],
        ...["--producer-props", `bootstrap.servers=${run.bootstrap}`],
      ]);
      const sent = Number(/(\d+) records sent, [\d.]+ rec/.exec(out)?.[1]);
      same(sent, PERFORMANCE_RECORDS, "records sent");
      const read = (await writer.readAll(topic)).length;
      same(read, PERFORMANCE_RECORDS, "committed records");
      const ends = await run.tools.run(GET_OFFSET_SHELL, [
        ...["--bootstrap-server", run.bootstrap],
        ...["--topic-partitions", `${topic}:0`, "--time", "latest"],
      ]);
      const markers = Number(ends.trim().split(":").at(-1)) - read;
      if (markers < 3) throw new Error(`there are ${markers} markers`);
    },
  );
}

async function copy(run: GroupRun, writer: Writer): Promise<void> {
  const [from, to] = ["txn-tools-from", "txn-tools-to"];
  for (const isGroup of [false, true]) {
    const mode = isGroup ? ", as a member" : "";
    const output = isGroup ? `${to}-member` : to;
    await run.feature(
      javaTools.name,
      `transactions: copy in a group${mode} (TransactionalMessageCopier)`,
      async () => {
        if (!isGroup) {
          await makeTopic(run, from, 1);
          await fill(run, from, 0, { count: COPIED });
        }
        await makeTopic(run, output, 1);
        await run.tools.run(COPIER, [
          ...["--input-topic", from, "--input-partition", "0"],
          ...["--output-topic", output, "--broker-list", run.bootstrap],
          ...["--transaction-size", "100", "--transactional-id", output],
          ...["--consumer-group", output, "--enable-random-aborts"],
          ...(isGroup ? ["--group-mode", "--use-group-metadata"] : []),
        ]);
        const values = (await writer.readAll(output)).map((row) => row[3]);
        const wanted = Array.from({ length: COPIED }, (_, i) => String(i));
        same(values, wanted, "the copy");
      },
    );
  }
}

async function lookWithCommand(
  run: GroupRun,
  writer: Writer,
  expected: Transcripts | null,
  transcripts: Transcripts,
): Promise<void> {
  const command = new TransactionsCommand(run, expected, transcripts);
  const [topic, other] = [`${PREFIX}topic`, `${PREFIX}other`];
  const [empty, committed, aborted, open] = ["empty", "commit", "abort", "open"]
    .map((name) => `${PREFIX}${name}`);
  const place = ["--topic", topic, "--partition", "0"];
  const describe = (id: string) => ["describe", "--transactional-id", id];
  await makeTopic(run, topic, 1);
  await makeTopic(run, other, 1);
  const hanging = `${PREFIX}hanging`;
  await makeTopic(run, hanging, 1);
  for (const id of [empty, committed, aborted, open]) await writer.init(id);
  await writer.begin(committed, topic, ["a", "b"]);
  await writer.sendOffset(committed, committed, topic);
  await writer.commit(committed);
  await writer.begin(aborted, topic, ["c"]);
  await writer.abort(aborted);
  await writer.begin(open, topic, ["d", "e"]);
  await writer.send(open, other, ["f"]);
  await command.feature("list", async () => {
    await command.says(["list"], /^tx-open BROKER ID Ongoing$/);
    await command.says(["list", "--duration-filter", "1"], /^tx-open/);
    await command.says(["list", "--duration-filter", "3600000"]);
  });
  await command.feature("describe", async () => {
    await command.says(describe(empty), /Empty/);
    await command.says(describe(committed), /CompleteCommit/);
    await command.says(describe(aborted), /CompleteAbort/);
    await command.says(describe(open), /Ongoing .*tx-topic-0/);
    await command.says(describe(`${PREFIX}nobody`));
  });
  await command.feature("describe producers", async () => {
    await command.says(["describe-producers", ...place], / None$/, / 5$/);
  });
  await command.feature("find hanging", async () => {
    await command.says(["find-hanging", "--topic", topic], /^Topic/);
    const all = ["--max-transaction-timeout", "0"];
    await command.says(["find-hanging", "--topic", topic, ...all], /^Topic/);
  });
  await command.feature("find hanging, and abort it", async () => {
    await leaveHanging(run.bootstrap, committed, hanging);
    const find = ["find-hanging", "--topic", hanging];
    const all = ["--max-transaction-timeout", "0"];
    await command.says(find, /^Topic/);
    await command.says([...find, ...all], /^tx-hanging 0 ID /);
    const there = ["--topic", hanging, "--partition", "0"];
    await command.says(["describe-producers", ...there], / 0$/);
    await command.says(["abort", ...there, "--start-offset", "0"]);
    await command.says([...find, ...all], /^Topic/);
    await command.says(["describe-producers", ...there], / None$/);
    same(await writer.readAll(hanging), [], "what is committed");
  });
  await command.feature("abort", async () => {
    await command.says(["abort", ...place, "--start-offset", "1"]);
    await command.says(["abort", ...place, "--start-offset", "5"]);
    await command.says(["describe-producers", ...place], / None$/);
    // Its coordinator knows nothing of that.
    await command.says(describe(open), /Ongoing/);
    const values = (await writer.readAll(topic)).map((row) => row[3]);
    same(values, ["a", "b"], "what is committed");
  });
  await writer.abort(open);
}

const TRANSCRIPTS_FILE = new URL(
  "../../testdata/conformance/transactions_command.json",
  import.meta.url,
);

export interface TransactionToolOptions {
  readonly kinds: readonly ClientKind[];
  readonly bootstrap: string;
  readonly progress: (text: string) => void;
  /** Whether this is Apache Kafka: what its tool says there is kept, to compare with. */
  readonly isReference: boolean;
}

/** All features of the tools on one broker. */
export async function runTransactionTools(
  { kinds, bootstrap, progress, isReference }: TransactionToolOptions,
): Promise<Cell[]> {
  const cells: Cell[] = [];
  const classPath = await kafkaClassPath();
  // Without Java the suite has said already what cannot be had.
  if (!kinds.includes(javaTools) || classPath === null) return cells;
  const tools = await JavaTools.open();
  const client = await javaTransactions("Java", classPath, bootstrap);
  const feature = featuresInto(cells, progress);
  const run: GroupRun = { bootstrap, tools, feature };
  const transcripts: Transcripts = {};
  try {
    const writer = new Writer(client);
    await readWithTools(run, writer, kinds.includes(kcat));
    await measure(run, writer);
    await copy(run, writer);
    const expected = isReference
      ? null
      : JSON.parse(await Deno.readTextFile(TRANSCRIPTS_FILE));
    await lookWithCommand(run, writer, expected, transcripts);
    if (!isReference) return cells;
    const text = JSON.stringify(transcripts, null, 1) + "\n";
    await Deno.writeTextFile(TRANSCRIPTS_FILE, text);
    return cells;
  } finally {
    await client.close();
    await tools.close();
  }
}
