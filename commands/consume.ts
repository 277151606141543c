// kq consume

import { command } from "../core/cli/command.ts";
import { clientConfig } from "../core/cli/connection.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { connectionFlags, OUTPUT_FORMATS } from "../core/cli/flags.ts";
import { parseOffset } from "../core/cli/offset_expression.ts";
import { parseTopicSpec } from "../core/cli/topic_spec.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import { Admin } from "../core/client/admin.ts";
import { createConsumer } from "../core/client/consumer.ts";
import type { IsolationLevel } from "../core/client/list_offsets.ts";
import { chosenTopics, topicPattern } from "./_admin.ts";
import { noteHeldBack, planReading, uncommittedEnds } from "./_reading.ts";
import { readAll } from "./_reading_loop.ts";
import { recordPrinter } from "./_record_printer.ts";
import { partitionsOf } from "./_topic_partitions.ts";

const FLAGS = {
  "from-offset": {
    kind: "text",
    short: "s",
    also: ["offset"],
    value: "OFFSET",
    doc:
      "Where to begin: earliest (the default), latest, stored, N, -N, +N, @TIME; in a group only where it has no offset yet",
  },
  "to-offset": {
    kind: "text",
    short: "e",
    value: "OFFSET",
    doc: "Where to stop, in the same forms; that record is not read",
  },
  "from-beginning": { kind: "switch", doc: "Begin at the earliest record" },
  "until-end": {
    kind: "switch",
    doc: "Stop at the end as it stands at the start",
  },
  "max-messages": {
    kind: "whole",
    short: "n",
    min: 0,
    value: "N",
    doc: "Stop after N records",
  },
  "idle-timeout": {
    kind: "duration",
    doc: "Give up, with exit code 5, when no record comes for this long",
  },
  partition: {
    kind: "whole",
    short: "p",
    also: ["partitions"],
    min: 0,
    many: true,
    doc: "Only this partition; the same as TOPIC:N",
  },
  regex: { kind: "switch", short: "r", doc: "The names are patterns" },
  group: {
    kind: "text",
    short: "g",
    doc:
      "Share the topics with a group: go on where it stands, commit what was printed",
  },
  "isolation-level": {
    kind: "choice",
    of: ["read_uncommitted", "read_committed"],
    doc:
      "Whether records of open and aborted transactions are seen; if not, the end is where the first open one begins",
  },
  format: {
    kind: "text",
    short: "f",
    doc: "Format of a record, such as '%k: %v\\n' (default '%v\\n')",
  },
  output: {
    kind: "choice",
    short: "o",
    of: ["text", ...OUTPUT_FORMATS],
    default: "text",
    value: "FORMAT",
    doc: "How to print",
  },
  ...connectionFlags,
} as const;

export default command({
  details:
    "In a format, %t is the topic, %p partition, %o offset, %d timestamp, %k key,\n" +
    "%v value, %h{%k=%v } headers, %e leader epoch, %K and %V sizes. Modifiers:\n" +
    "%v{hex}, {base64}, {json}; %V{big32} and so on; %d{strftime[%F %T]}.\n\n" +
    "With --group, offsets are committed once their records have been written, so\n" +
    "that each is printed at least once. TOPIC:N reads for a group without joining it.",
  args: [{
    name: "TOPIC",
    doc: "A topic, or some of its partitions as in orders:0,2",
    many: true,
  }],
  flags: FLAGS,
  examples: [
    "kq consume orders --from-offset 2",
    "kq consume orders --from-offset @-1h --until-end -o ndjson",
    "kq consume orders:0 -s -10 -n 10 -f '%o %k=%v\\n'",
    "kq consume orders --group billing",
    "kq consume orders --isolation-level read_committed --until-end",
  ],
  finishesItself: true,
  run: async (context, { flags, args }) => {
    if (flags.format !== undefined && flags.output !== "text") {
      throw new UsageError("--format and --output exclude each other");
    }
    const from = startText(flags);
    const nowMs = context.host.clock.wallMs();
    const printer = recordPrinter(
      context.out,
      flags.output,
      flags.format ?? "%v\\n",
    );
    const expressions = {
      from: parseOffset(from, nowMs),
      to: flags["to-offset"] === undefined
        ? null
        : parseOffset(flags["to-offset"], nowMs),
    };
    const config = await clientConfig(context, flags);
    if (flags["isolation-level"] !== undefined) {
      config.set("isolation.level", flags["isolation-level"]);
    }
    const isolationLevel =
      (config.get("isolation.level") ?? "read_uncommitted") as IsolationLevel;
    if (!config.has("auto.offset.reset")) {
      config.set("auto.offset.reset", "none");
    }
    const group = flags.group ?? config.get("group.id");
    if (group !== undefined) {
      const { readAsGroup } = await import("./_group_reading.ts");
      config.set("group.id", group);
      return await readAsGroup(context, {
        config,
        printer,
        ...expressions,
        untilEnd: flags["until-end"],
        isolationLevel,
        countMax: flags["max-messages"] ?? Infinity,
        idleMs: flags["idle-timeout"] ?? Infinity,
        isByHand: flags.partition.length > 0 ||
          args.some((text) => text.includes(":")),
        pattern: flags.regex ? anyOf(args) : null,
        choose: (admin) => chosen(admin, args, flags),
      });
    }
    const consumer = createConsumer(context.host, config);
    try {
      const admin = new Admin(consumer.cluster);
      const partitions = await chosen(admin, args, flags);
      const mayEndEarly = flags["until-end"] && expressions.to === null &&
        isolationLevel === "read_committed";
      const ends = mayEndEarly
        ? await uncommittedEnds(admin, partitions)
        : null;
      const readings = await planReading(admin, {
        partitions,
        ...expressions,
        untilEnd: flags["until-end"],
        group: undefined,
        isolationLevel,
      });
      if (ends !== null) noteHeldBack(context, readings, ends);
      return await readAll(context, {
        consumer,
        readings,
        printer,
        countMax: flags["max-messages"] ?? Infinity,
        idleMs: flags["idle-timeout"] ?? Infinity,
      });
    } finally {
      consumer.close();
    }
  },
});

function startText(flags: {
  readonly "from-offset": string | undefined;
  readonly "from-beginning": boolean;
}): string {
  if (flags["from-offset"] === undefined) return "earliest";
  if (flags["from-beginning"]) {
    throw new UsageError(
      "--from-beginning and --from-offset exclude each other",
    );
  }
  return flags["from-offset"];
}

/** One pattern for several; `chosen` says where one is none. */
function anyOf(patterns: readonly string[]): RegExp {
  const all = patterns.map((text) => topicPattern(text).source);
  // Without the anchors, which subscriptions have anyway.
  const inner = all.map((source) => source.slice(1, -1));
  return new RegExp(
    patterns.length === 1 ? patterns[0] : inner.join("|"),
  );
}

async function chosen(
  admin: Admin,
  args: readonly string[],
  flags: { readonly regex: boolean; readonly partition: readonly number[] },
) {
  const specs = flags.regex
    ? (await chosenTopics(admin, args, true)).map((topic) => ({
      topic,
      partitions: null,
    }))
    : args.map((text) => parseTopicSpec(text));
  if (flags.regex && specs.length === 0) {
    throw new ExitError(ExitCode.NOT_FOUND, "no topic has such a name");
  }
  if (flags.partition.length === 0) return await partitionsOf(admin, specs);
  if (specs.some(({ partitions }) => partitions !== null)) {
    throw new UsageError("--partition and TOPIC:N exclude each other");
  }
  const partitions = flags.partition;
  return await partitionsOf(
    admin,
    specs.map(({ topic }) => ({ topic, partitions })),
  );
}
