// kq topic alter

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Admin } from "../core/client/admin.ts";
import {
  type ConfigChange,
  ConfigResourceType,
} from "../core/client/admin_types.ts";
import {
  chosenTopics,
  errorField,
  parseKeyValues,
  reportItems,
  withAdmin,
} from "./_admin.ts";
import { replicaCounts, warnOfReplicas } from "./_replica_counts.ts";

export default command({
  args: [{
    name: "TOPIC",
    doc: "A topic; with --regex, a pattern",
    many: true,
  }],
  flags: {
    regex: { kind: "switch", short: "r", doc: "The names are patterns" },
    partitions: {
      kind: "whole",
      short: "p",
      min: 1,
      doc: "Number of partitions there are to be; it only grows",
    },
    config: {
      kind: "text",
      short: "c",
      also: ["add-config"],
      many: true,
      value: "KEY=VALUE",
      doc: "Set a configuration key",
    },
    "delete-config": {
      kind: "text",
      many: true,
      value: "KEY",
      doc: "Take a configuration key back to its default",
    },
    "dry-run": { kind: "switch", doc: "Check everything and change nothing" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq topic alter orders --partitions 6",
    "kq topic alter orders --config retention.ms=3600000",
  ],
  run: async (context, { flags, args }) => {
    const changes: ConfigChange[] = [
      ...[...parseKeyValues("--config", flags.config)].map(([name, value]) => ({
        name,
        operation: "set" as const,
        value,
      })),
      ...flags["delete-config"].map((name) => ({
        name,
        operation: "delete" as const,
        value: null,
      })),
    ];
    if (changes.length === 0 && flags.partitions === undefined) {
      throw new UsageError(
        "nothing to alter: say --partitions, --config or --delete-config",
      );
    }
    const { items, perBroker } = await withAdmin(
      context,
      flags,
      async (admin) => {
        const names = await chosenTopics(admin, args, flags.regex);
        const items = await alter(admin, names, {
          changes,
          partitionCount: flags.partitions,
          validateOnly: flags["dry-run"],
        });
        const altered = items.filter(({ error }) => error === null);
        const perBroker = flags.partitions === undefined
          ? null
          : await replicasWith(
            admin,
            altered.map(({ name }) => name),
            flags.partitions,
          );
        return { items, perBroker };
      },
    );
    await printRows(context.out, flags.output, {
      columns: [{ field: "name" }, { field: "altered" }],
      nameField: "name",
      rows: items.map(({ name, error }) => ({
        name,
        altered: error === null && !flags["dry-run"],
        ...errorField(error),
      })),
    });
    if (perBroker !== null) warnOfReplicas(context, perBroker);
    return reportItems(context, items);
  },
});

interface Alteration {
  readonly changes: readonly ConfigChange[];
  readonly partitionCount: number | undefined;
  readonly validateOnly: boolean;
}

async function alter(
  admin: Admin,
  names: readonly string[],
  { changes, partitionCount, validateOnly }: Alteration,
): Promise<{ name: string; error: Error | null }[]> {
  const errors = new Map<string, Error>();
  if (changes.length > 0 && names.length > 0) {
    const results = await admin.incrementalAlterConfigs(
      names.map((name) => ({
        resource: { type: ConfigResourceType.topic, name },
        changes,
      })),
      { validateOnly },
    );
    for (const { resource, error } of results) {
      if (error !== null) errors.set(resource.name, error);
    }
  }
  const rest = names.filter((name) => !errors.has(name));
  if (partitionCount !== undefined && rest.length > 0) {
    const topics = rest.map((name) => ({ name, partitionCount }));
    for (
      const { name, error } of await admin.createPartitions(topics, {
        validateOnly,
      })
    ) {
      if (error !== null) errors.set(name, error);
    }
  }
  return names.map((name) => ({ name, error: errors.get(name) ?? null }));
}

/** Replicas of a broker once these topics have so many partitions; `null` where none was altered. */
async function replicasWith(
  admin: Admin,
  names: readonly string[],
  partitionCount: number,
): Promise<number | null> {
  if (names.length === 0) return null;
  const { brokerCount, perBroker } = await replicaCounts(admin, new Set(names));
  const topics = await admin.listTopics({ includeInternal: true });
  const count = topics.filter(({ name }) => names.includes(name))
    .reduce((sum, topic) => sum + partitionCount * topic.replicationFactor, 0);
  return perBroker + Math.ceil(count / brokerCount);
}
