// kq config set

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import type { ConfigOperation } from "../core/client/admin_types.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { changeConfig } from "./_config_change.ts";
import { configEntity, ENTITY_ARGUMENTS } from "./_config_entity.ts";

const OPERATIONS: { readonly [sign: string]: ConfigOperation } = {
  "=": "set",
  "+=": "append",
  "-=": "subtract",
};

export default command({
  details:
    "Shows the value before and after, and the scope that it is from; names the " +
    "brokers and topics that keep a value of their own. KEY+=VALUE adds to a " +
    "list, and KEY-=VALUE takes from it.",
  args: [
    ...ENTITY_ARGUMENTS,
    { name: "KEY=VALUE", doc: "A key and its new value", many: true },
  ],
  flags: {
    "dry-run": { kind: "switch", doc: "Check everything and change nothing" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq config set topic orders retention.ms=3600000",
    "kq config set broker default log.cleaner.threads=2",
    "kq config set topic orders cleanup.policy+=compact",
  ],
  run: (context, { flags, args: [type, name, ...items] }) => {
    const changes = items.map((item) => {
      const match = /^([\w.-]+?)(=|\+=|-=)(.*)$/s.exec(item);
      if (match === null) {
        throw new UsageError(
          `expected KEY=VALUE, got ${JSON.stringify(item)}`,
        );
      }
      const [, key, sign, value] = match;
      return { name: key, operation: OPERATIONS[sign], value };
    });
    return changeConfig(context, flags, configEntity(type, name), changes);
  },
});
