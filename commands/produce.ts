// kq produce

import { encodeUtf8 } from "../core/base/bytes.ts";
import { command, type CommandContext } from "../core/cli/command.ts";
import { clientConfig } from "../core/cli/connection.ts";
import { ExitCode, exitCodeOf } from "../core/cli/exit_code.ts";
import { connectionFlags } from "../core/cli/flags.ts";
import type { InputRecord } from "../core/cli/printed_record.ts";
import { checkTopicName } from "../core/cli/topic_spec.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import { createProducer, type Producer } from "../core/client/producer.ts";
import { sleep } from "../core/host/host.ts";
import { errorText, parsePairs } from "./_admin.ts";
import { type RecordSource, recordSources } from "./_record_source.ts";

const FLAGS = {
  key: { kind: "text", value: "KEY", doc: "The key of every record" },
  "key-separator": {
    kind: "text",
    short: "k",
    value: "SEP",
    doc: "What stands between key and value in a line",
  },
  header: {
    kind: "text",
    short: "H",
    many: true,
    value: "KEY=VALUE",
    doc: "A header of every record",
  },
  tombstone: {
    kind: "switch",
    short: "Z",
    doc: "Empty values are tombstones; with --key, send one and read nothing",
  },
  partition: {
    kind: "whole",
    short: "p",
    min: 0,
    doc: "Where all records go (default: by key, or spread)",
  },
  acks: {
    kind: "choice",
    of: ["all", "-1", "0", "1"],
    doc: "Replicas that have to have a record (default all)",
  },
  compression: {
    kind: "choice",
    short: "z",
    also: ["compression-codec"],
    of: ["none", "gzip", "snappy", "lz4", "zstd"],
    doc: "Compression of batches (default none)",
  },
  rate: { kind: "number", min: 0.001, doc: "Most records in a second" },
  idempotent: {
    kind: "switch",
    doc: "Keep retries from writing twice (as by default)",
  },
  "transactional-id": {
    kind: "text",
    value: "ID",
    doc: "Send all in one transaction of this producer",
  },
  input: {
    kind: "choice",
    short: "i",
    of: ["text", "ndjson"],
    default: "text",
    doc: "What the input is",
  },
  format: {
    kind: "text",
    short: "f",
    doc: "Format of a record, as of consume (default '%v\\n')",
  },
  ...connectionFlags,
} as const;

export default command({
  details:
    "Reads standard input, or files. At the end it says on stderr how many records\n" +
    "went where; where one failed, it names its line and exits with 1.",
  args: [
    { name: "TOPIC", doc: "Where the records go" },
    {
      name: "FILE",
      doc: "Files to read, - for standard input",
      optional: true,
      many: true,
    },
  ],
  flags: FLAGS,
  examples: [
    "printf 'a\\nb\\n' | kq produce orders",
    "printf 'k1:v1\\n' | kq produce orders -k : -H source=shell -z zstd",
    "kq consume a --until-end -o ndjson | kq produce b -i ndjson",
  ],
  finishesItself: true,
  run: async (context, { flags, args: [topic, ...files] }) => {
    checkTopicName(topic);
    const sources = recordSources(context, files, {
      input: flags.input,
      format: flags.format,
      separator: flags["key-separator"],
      isSingleTombstone: flags.tombstone && flags.key !== undefined &&
        files.length === 0,
    });
    const headers = parsePairs("--header", flags.header).map((
      [key, value],
    ) => ({ key, value: encodeUtf8(value) }));
    const config = await clientConfig(context, flags);
    setProducerKeys(config, flags);
    const producer = createProducer(context.host, config);
    const sending = new Sending(context, producer, {
      topic,
      partition: flags.partition,
      key: flags.key === undefined ? undefined : encodeUtf8(flags.key),
      headers,
      emptyIsNull: flags.tombstone,
      intervalMs: flags.rate === undefined ? 0 : 1000 / flags.rate,
    });
    try {
      await producer.partitionsFor(topic);
      await sending.sendAll(sources);
    } finally {
      await producer.close();
    }
    return sending.report();
  },
});

function setProducerKeys(
  config: Map<string, string>,
  flags: {
    readonly acks: string | undefined;
    readonly compression: string | undefined;
    readonly idempotent: boolean;
    readonly "transactional-id": string | undefined;
  },
): void {
  const given = {
    acks: flags.acks,
    "compression.type": flags.compression,
    "enable.idempotence": flags.idempotent ? "true" : undefined,
    "transactional.id": flags["transactional-id"],
  };
  for (const [key, value] of Object.entries(given)) {
    if (value !== undefined) config.set(key, value);
  }
}

interface SendingOptions {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly key: Uint8Array | undefined;
  readonly headers: readonly { key: string; value: Uint8Array }[];
  readonly emptyIsNull: boolean;
  /** Least time between two records. */
  readonly intervalMs: number;
}

/** Failed records that are named one by one. */
const NAMED_FAILURES_MAX = 10;

/** What is on its way, and what became of it. */
class Sending {
  readonly #context: CommandContext;
  readonly #producer: Producer;
  readonly #options: SendingOptions;
  /** Count and offsets by partition. */
  readonly #sent = new Map<
    number,
    { count: number; first: number; last: number }
  >();
  #failedCount = 0;
  #firstError: Error | null = null;

  constructor(
    context: CommandContext,
    producer: Producer,
    options: SendingOptions,
  ) {
    this.#context = context;
    this.#producer = producer;
    this.#options = options;
  }

  /** Reads and sends until the input ends, a record fails or somebody interrupts. */
  async sendAll(sources: AsyncIterable<RecordSource>): Promise<void> {
    const { host, interrupted } = this.#context;
    let dueMs = host.clock.monotonicMs();
    try {
      for await (const { next } of sources) {
        for (let record = await next(); record; record = await next()) {
          // The input was cut anywhere, perhaps within this record.
          if (interrupted.aborted) return;
          await this.#send(record);
          if (this.#firstError !== null) return;
          if (this.#options.intervalMs === 0) continue;
          dueMs += this.#options.intervalMs;
          const waitMs = dueMs - host.clock.monotonicMs();
          if (waitMs > 0) await sleep(host.clock, waitMs);
        }
      }
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      // The line that cannot be read; those before it are sent.
      this.#fail(null, error);
    }
  }

  async #send(record: InputRecord): Promise<void> {
    const { topic, partition, key, headers, emptyIsNull } = this.#options;
    const value = emptyIsNull && record.value?.length === 0
      ? null
      : record.value;
    const wait = this.#producer.sendNoWait({
      topic,
      partition: partition ?? record.partition,
      timestampMs: record.timestampMs,
      key: key ?? record.key,
      value,
      headers: headers.length === 0
        ? record.headers
        : [...record.headers, ...headers],
    }, (error, metadata) => {
      if (error !== null) this.#fail(record.place, error);
      else this.#count(metadata!.partition, metadata!.offset);
    });
    if (wait !== undefined) await wait;
  }

  #count(partition: number, offset: number): void {
    const sent = this.#sent.get(partition);
    if (sent === undefined) {
      this.#sent.set(partition, { count: 1, first: offset, last: offset });
      return;
    }
    sent.count++;
    sent.first = Math.min(sent.first, offset);
    sent.last = Math.max(sent.last, offset);
  }

  #fail(place: string | null, error: Error): void {
    this.#failedCount++;
    this.#firstError ??= error;
    if (this.#failedCount > NAMED_FAILURES_MAX) return;
    this.#context.fail(
      place === null ? errorText(error) : `${place}: ${errorText(error)}`,
    );
  }

  /** Says how many records went where; @returns the exit code. */
  report(): number {
    const { context, topic } = { context: this.#context, ...this.#options };
    const partitions = [...this.#sent].sort(([a], [b]) => a - b);
    const total = partitions.reduce((sum, [, { count }]) => sum + count, 0);
    const parts = partitions.map(([partition, { count, first, last }]) =>
      first < 0
        ? `${topic}:${partition} ${count}`
        : `${topic}:${partition} ${count} (offsets ${first} to ${last})`
    );
    const where = parts.length === 0 ? "" : `: ${parts.join(", ")}`;
    const failed = this.#failedCount === 0
      ? ""
      : `, ${this.#failedCount} failed`;
    context.note(
      `${total} record${total === 1 ? "" : "s"} sent${where}${failed}`,
    );
    if (this.#firstError !== null) {
      const code = exitCodeOf(this.#firstError);
      throw new ExitError(
        code === ExitCode.UNREACHABLE ? code : ExitCode.FAILED,
      );
    }
    return context.interrupted.aborted ? ExitCode.INTERRUPTED : ExitCode.DONE;
  }
}
