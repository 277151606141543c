// kq config defaults

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import { brokerConfig } from "../core/config/broker_config.ts";
import {
  adminConfig,
  consumerConfig,
  producerConfig,
} from "../core/config/client_config.ts";
import { didYouMean } from "../core/config/did_you_mean.ts";
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
    { name: "SCOPE", doc: SCOPES.join(", ") },
    { name: "KEY", doc: "Only these keys", optional: true, many: true },
  ],
  flags: {
    used: { kind: "switch", doc: "Leave out keys without effect in kq" },
    ...outputFlags,
  },
  examples: [
    "kq config defaults topic",
    "kq config defaults broker log.segment.bytes -o json",
  ],
  run: async (context, { flags, args: [scope, ...keys] }) => {
    const found = SCOPES.find((name) => name === scope.replace(/s$/, ""));
    if (found === undefined) {
      throw new UsageError(
        `expected one of ${SCOPES.join(", ")}, got ${JSON.stringify(scope)}${
          didYouMean(scope, SCOPES)
        }`,
      );
    }
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
