// kq config unset

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { changeConfig } from "./_config_change.ts";
import { configEntity, ENTITY_ARGUMENTS } from "./_config_entity.ts";

export default command({
  details: "Shows the value before and after, and the scope that it is from.",
  args: [
    ...ENTITY_ARGUMENTS,
    { name: "KEY", doc: "A key to take back to its default", many: true },
  ],
  flags: {
    "dry-run": { kind: "switch", doc: "Check everything and change nothing" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: ["kq config unset topic orders retention.ms"],
  run: (context, { flags, args: [type, name, ...keys] }) => {
    const changes = keys.map((key) => {
      if (key.includes("=")) {
        throw new UsageError(
          `expected a key without value, got ${JSON.stringify(key)}`,
        );
      }
      return { name: key, operation: "delete" as const, value: null };
    });
    return changeConfig(context, flags, configEntity(type, name), changes);
  },
});
