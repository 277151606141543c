// kq config defaults

import { command, type CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { outputFlags, type OutputFormat } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import { brokerConfig } from "../core/config/broker_config.ts";
import {
  adminConfig,
  consumerConfig,
  producerConfig,
} from "../core/config/client_config.ts";
import { didYouMean } from "../core/config/did_you_mean.ts";
import { formerDefaults } from "../core/config/former_defaults.ts";
import { type ConfigRow, defaultValue } from "../core/config/table.ts";
import { topicConfig } from "../core/config/topic_config.ts";
import { describeRow, formatValue } from "../core/config/value.ts";

const TABLES = {
  broker: brokerConfig,
  topic: topicConfig,
  producer: producerConfig,
  consumer: consumerConfig,
  admin: adminConfig,
};

const SCOPES = Object.keys(TABLES) as (keyof typeof TABLES)[];

export default command({
  details: "Needs no cluster: this is what kq itself knows.",
  args: [
    { name: "SCOPE", doc: SCOPES.join(", "), optional: true },
    { name: "KEY", doc: "Only these keys", optional: true, many: true },
  ],
  flags: {
    since: {
      kind: "text",
      value: "RELEASE",
      doc:
        "Print a properties file that sets what this release had other defaults for",
    },
    used: { kind: "switch", doc: "Leave out keys without effect in kq" },
    ...outputFlags,
  },
  examples: [
    "kq config defaults topic",
    "kq config defaults broker log.segment.bytes -o json",
    "kq config defaults consumer --since 0.10 > consumer.properties",
  ],
  run: async (context, { flags, args: [scope, ...keys] }) => {
    if (flags.since !== undefined) {
      return await printFormer(context, flags.since, flags.output, {
        scope,
        keys,
      });
    }
    if (scope === undefined) {
      throw new UsageError(`SCOPE is missing: ${SCOPES.join(", ")}`);
    }
    const found = scopeOf(scope);
    const table = TABLES[found];
    for (const key of keys) {
      if (table.row(key) !== undefined) continue;
      throw new ExitError(
        ExitCode.NOT_FOUND,
        `a ${found} has no key ${JSON.stringify(key)}${
          didYouMean(key, table.keys)
        }`,
      );
    }
    const rows = (keys.length > 0 ? keys : table.keys)
      .map((key) => rowOf(key, table.row(key)!))
      .filter(({ effect }) => !flags.used || effect === "used");
    await printRows(context.out, flags.output, {
      columns: [
        { field: "name" },
        { field: "default" },
        { field: "valid", wide: true },
        { field: "dynamic", wide: true },
        { field: "effect", wide: true },
        { field: "documentation" },
      ],
      nameField: "name",
      rows,
    });
  },
});

function scopeOf(text: string): keyof typeof TABLES {
  const found = SCOPES.find((name) => name === text.replace(/s$/, ""));
  if (found !== undefined) return found;
  throw new UsageError(
    `expected one of ${SCOPES.join(", ")}, got ${JSON.stringify(text)}${
      didYouMean(text, SCOPES)
    }`,
  );
}

/** What a release had other defaults for, as a file that sets them. */
async function printFormer(
  { out }: CommandContext,
  release: string,
  output: OutputFormat,
  asked: {
    readonly scope: string | undefined;
    readonly keys: readonly string[];
  },
): Promise<void> {
  const version = /^(\d+\.\d+)(\.\d+)*$/.exec(release)?.[1] ?? release;
  const defaults = Object.hasOwn(formerDefaults, version)
    ? formerDefaults[version]
    : undefined;
  if (defaults === undefined) {
    throw new UsageError(
      `--since: expected one of ${
        Object.keys(formerDefaults).join(", ")
      }, got ` +
        JSON.stringify(release),
    );
  }
  const scope = asked.scope === undefined ? null : scopeOf(asked.scope);
  const rows = Object.entries(defaults).flatMap(([name, values]) =>
    Object.entries(values)
      .filter(([key]) =>
        (scope === null || scope === name) &&
        (asked.keys.length === 0 || asked.keys.includes(key))
      )
      .map(([key, value]) => ({ scope: name, name: key, value }))
  );
  if (output !== "table" && output !== "wide") {
    return await printRows(out, output, {
      columns: [{ field: "scope" }, { field: "name" }, { field: "value" }],
      nameField: "name",
      rows,
    });
  }
  await out.line(`# What Apache Kafka ${version} had other defaults for.`);
  if (scope === null) {
    await out.line("# Clients pass over what is not theirs, brokers do not:");
    await out.line(
      `# kq config defaults broker --since ${version} prints a broker's alone.`,
    );
  }
  let shown: string | null = null;
  for (const row of rows) {
    if (scope === null && row.scope !== shown) {
      await out.line(`\n# ${row.scope}`);
      shown = row.scope;
    }
    await out.line(`${row.name}=${row.value}`);
  }
}

function rowOf(name: string, row: ConfigRow) {
  return {
    name,
    type: row.type,
    default: formatValue(row, defaultValue(row)),
    valid: describeRow(row),
    importance: row.importance ?? "medium",
    dynamic: row.dynamic ?? "no",
    effect: row.effect ?? "used",
    documentation: row.doc,
  };
}
