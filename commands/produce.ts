// kq produce

import { encodeUtf8 } from "../core/base/bytes.ts";
import { command } from "../core/cli/command.ts";
import { clientConfig } from "../core/cli/connection.ts";
import { connectionFlags } from "../core/cli/flags.ts";
import { checkTopicName } from "../core/cli/topic_spec.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { createProducer } from "../core/client/producer.ts";
import { parsePairs } from "./_admin.ts";
import { Committing } from "./_committing.ts";
import { recordSources } from "./_record_source.ts";
import { Sending } from "./_sending.ts";

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
    doc:
      "Send all in one transaction; ends and fences what others have open by this name",
  },
  "commit-every": {
    kind: "whole",
    min: 1,
    value: "N",
    doc: "With --transactional-id: a transaction for each N records",
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
    "went where; where one failed, it names its line and exits with 1. With\n" +
    "--transactional-id that, and Ctrl-C, aborts the open transaction.",
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
    "kq produce orders --transactional-id import --commit-every 1000 orders.txt",
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
    const isTransactional = config.has("transactional.id");
    if (flags["commit-every"] !== undefined && !isTransactional) {
      throw new UsageError("--commit-every needs --transactional-id");
    }
    const producer = createProducer(context.host, config);
    const sending = new Sending(context, producer, {
      topic,
      partition: flags.partition,
      key: flags.key === undefined ? undefined : encodeUtf8(flags.key),
      headers,
      emptyIsNull: flags.tombstone,
      intervalMs: flags.rate === undefined ? 0 : 1000 / flags.rate,
      committing: isTransactional
        ? new Committing(producer, flags["commit-every"] ?? Infinity)
        : null,
    });
    try {
      await producer.partitionsFor(topic);
      if (isTransactional) await producer.initTransactions();
      await sending.sendAll(sources);
    } finally {
      // Records of transactions have been waited for, or given up.
      await producer.close(isTransactional ? { timeoutMs: 0 } : {});
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
