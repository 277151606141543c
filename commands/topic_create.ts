// kq topic create

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Admin } from "../core/client/admin.ts";
import type { CreatedTopic, NewTopic } from "../core/client/admin_types.ts";
import {
  errorField,
  parseKeyValues,
  reportItems,
  topicNames,
  withAdmin,
} from "./_admin.ts";
import { replicaCounts, warnOfReplicas } from "./_replica_counts.ts";

export default command({
  args: [{ name: "TOPIC", doc: "Name of a new topic", many: true }],
  flags: {
    partitions: {
      kind: "whole",
      short: "p",
      min: 1,
      doc: "Number of partitions (default: the broker's num.partitions)",
    },
    "replication-factor": {
      kind: "whole",
      short: "r",
      also: ["replicas"],
      min: 1,
      max: 32_767,
      doc: "Replicas of each partition (default: the broker's)",
    },
    "replica-assignment": {
      kind: "text",
      value: "0:1,1:2,…",
      doc: "Broker ids by partition, in place of both numbers",
    },
    config: {
      kind: "text",
      short: "c",
      also: ["topic-config"],
      many: true,
      value: "KEY=VALUE",
      doc: "A configuration key of the topic",
    },
    "if-not-exists": { kind: "switch", doc: "A topic that exists is no error" },
    "dry-run": { kind: "switch", doc: "Check everything and create nothing" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq topic create orders --partitions 3",
    "kq topic create prices -p 6 -r 3 --config cleanup.policy=compact",
  ],
  run: async (context, { flags, args }) => {
    const settings = {
      partitionCount: flags.partitions,
      replicationFactor: flags["replication-factor"],
      assignments: assignments(flags["replica-assignment"]),
      configs: Object.fromEntries(parseKeyValues("--config", flags.config)),
    };
    if (
      settings.assignments && (flags.partitions ?? flags["replication-factor"])
    ) {
      throw new UsageError(
        "--replica-assignment says both the partitions and their replicas: " +
          "leave --partitions and --replication-factor out",
      );
    }
    const topics = topicNames(args).map((name): NewTopic => ({
      name,
      ...settings,
    }));
    const { created, perBroker } = await withAdmin(
      context,
      flags,
      async (admin) => {
        const created = await admin.createTopics(topics, {
          validateOnly: flags["dry-run"],
        });
        return { created, perBroker: await replicasWith(admin, created) };
      },
    );
    const items = created.map((topic) =>
      flags["if-not-exists"] &&
        topic.error?.errorName === "TOPIC_ALREADY_EXISTS"
        ? { ...topic, error: null, exists: true }
        : { ...topic, exists: false }
    );
    const rows = items.filter(({ error }) =>
      error === null || flags.output === "json"
    ).map((topic) => ({
      name: topic.name,
      partitionCount: topic.partitionCount,
      replicationFactor: topic.replicationFactor,
      topicId: topic.topicId,
      created: topic.error === null && !topic.exists && !flags["dry-run"],
      ...errorField(topic.error),
    }));
    await printRows(context.out, flags.output, {
      columns: [
        { field: "name" },
        { field: "partitionCount" },
        { field: "replicationFactor" },
        { field: "topicId", wide: true },
        { field: "created", wide: true },
      ],
      nameField: "name",
      rows,
    });
    if (perBroker !== null) warnOfReplicas(context, perBroker);
    return reportItems(context, items);
  },
});

/** Replicas of a broker with these topics; `null` where none is new or that is not told. */
async function replicasWith(
  admin: Admin,
  created: readonly CreatedTopic[],
): Promise<number | null> {
  let added = 0;
  const fresh = created.filter(({ error }) => error === null);
  for (const { partitionCount, replicationFactor } of fresh) {
    added += Math.max(0, partitionCount) * Math.max(1, replicationFactor);
  }
  if (added === 0) return null;
  const { brokerCount, perBroker } = await replicaCounts(
    admin,
    new Set(fresh.map(({ name }) => name)),
  );
  return perBroker + Math.ceil(added / brokerCount);
}

// `0:1,1:2` is Kafka's own form: partitions by comma, their brokers by colon.
function assignments(text: string | undefined): number[][] | undefined {
  if (text === undefined) return undefined;
  return text.split(",").map((part) => {
    if (!/^\d{1,9}(:\d{1,9})*$/.test(part.trim())) {
      throw new UsageError(
        "--replica-assignment: expected broker ids by colon for each " +
          `partition by comma, as in 0:1,1:2, got ${JSON.stringify(text)}`,
      );
    }
    return part.trim().split(":").map(Number);
  });
}
