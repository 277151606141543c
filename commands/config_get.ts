// kq config get

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import {
  connectionFlags,
  outputFlags,
  type OutputFormat,
} from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import {
  type ConfigEntry,
  ConfigResourceType,
  ConfigSource,
} from "../core/client/admin_types.ts";
import { withAdmin } from "./_admin.ts";
import {
  configEntity,
  ENTITY_ARGUMENTS,
  entityName,
} from "./_config_entity.ts";
import { sourceName } from "./_config_view.ts";

export default command({
  details:
    "Without keys, shows those that are not at their default; with --all, all.",
  args: [
    ...ENTITY_ARGUMENTS,
    { name: "KEY", doc: "Only these keys", optional: true, many: true },
  ],
  flags: {
    all: { kind: "switch", short: "a", doc: "Show defaults too" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq config get topic orders",
    "kq config get broker 1 --all -o json",
    "kq config get topic orders retention.ms",
  ],
  run: async (context, { flags, args: [type, name, ...keys] }) => {
    const resource = configEntity(type, name);
    const [described] = await withAdmin(
      context,
      flags,
      (admin) =>
        admin.describeConfigs([resource], {
          keys: keys.length === 0 ? undefined : keys,
          includeSynonyms: true,
          includeDocumentation: true,
        }),
    );
    if (described.error !== null) throw described.error;
    const missing = keys.filter((key) =>
      !described.entries.some((entry) => entry.name === key)
    );
    const shown = described.entries.filter((entry) =>
      flags.all || keys.length > 0 ||
      ![ConfigSource.default, ConfigSource.unknown].includes(
        entry.source as 0 | 5,
      )
    );
    await printRows(context.out, flags.output, {
      columns: [
        { field: "name" },
        { field: "value" },
        { field: "source" },
        { field: "isReadOnly", wide: true },
        { field: "synonyms", wide: true },
        { field: "documentation", wide: true },
      ],
      nameField: "name",
      rows: shown.map((entry) => rowOf(entry, flags.output)).sort((a, b) =>
        a.name < b.name ? -1 : 1
      ),
    });
    if (missing.length > 0) {
      throw new ExitError(
        ExitCode.NOT_FOUND,
        resource.type === ConfigResourceType.broker && resource.name === ""
          ? `nothing is set for all brokers of ${missing.join(", ")}; ` +
            "kq config get broker ID shows what a broker has"
          : `${entityName(resource)} has no key ${missing.join(", ")}`,
      );
    }
  },
});

/** The values that stand behind each other are objects for programs, short texts for people. */
function rowOf(entry: ConfigEntry, format: OutputFormat) {
  const isForPeople = ["table", "wide", "csv"].includes(format);
  return {
    name: entry.name,
    value: entry.value,
    source: sourceName(entry.source),
    isReadOnly: entry.isReadOnly,
    isSensitive: entry.isSensitive,
    synonyms: entry.synonyms.map(({ name, value, source }) =>
      isForPeople
        ? `${sourceName(source)}:${name}=${value ?? "[hidden]"}`
        : { name, value, source: sourceName(source) }
    ),
    documentation: entry.documentation,
  };
}
