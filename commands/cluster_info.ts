// kq cluster info

import { command, type CommandContext } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printDocument, printRows } from "../core/cli/rows.ts";
import type { Admin } from "../core/client/admin.ts";
import { apiRows } from "../core/wire/kafka/api_keys.ts";
import { reportItems, withAdmin } from "./_admin.ts";

const API_COLUMNS = [
  { field: "broker" },
  { field: "key" },
  { field: "name" },
  { field: "minVersion" },
  { field: "maxVersion" },
];

export default command({
  args: [],
  flags: {
    apis: {
      kind: "switch",
      doc: "Show which versions of each API every broker serves",
    },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: ["kq cluster info", "kq cluster info --apis -o csv"],
  run: (context, { flags }) =>
    withAdmin(context, flags, async (admin) => {
      if (flags.apis) return await showApis(context, admin, flags.output);
      const { clusterId, controllerId, nodes } = await admin.describeCluster();
      const brokers = nodes.map(({ id, host, port, rack }) => ({
        id,
        host,
        port,
        rack,
        isController: id === controllerId,
      }));
      const format = flags.output;
      if (format === "json" || format === "ndjson" || format === "yaml") {
        const document = { clusterId, controllerId, brokers };
        return await printDocument(context.out, format, document);
      }
      if (format === "table" || format === "wide") {
        await printDocument(context.out, format, { clusterId, controllerId });
        await context.out.line("");
      }
      await printRows(context.out, format, {
        columns: [
          { field: "id" },
          { field: "host" },
          { field: "port" },
          { field: "rack" },
          { field: "isController" },
        ],
        nameField: "id",
        rows: brokers,
      });
    }),
});

async function showApis(
  context: CommandContext,
  admin: Admin,
  format: Parameters<typeof printRows>[1],
): Promise<number> {
  const brokers = await admin.apiVersions();
  const names = new Map<number, string>(
    Object.entries(apiRows).map(([name, { key }]) => [key, name]),
  );
  await printRows(context.out, format, {
    columns: API_COLUMNS,
    nameField: "name",
    rows: brokers.flatMap(({ node, apis }) =>
      apis.map(({ key, minVersion, maxVersion }) => ({
        broker: node.id,
        key,
        name: names.get(key) ?? "unknown",
        minVersion,
        maxVersion,
      }))
    ),
  });
  return reportItems(
    context,
    brokers.map(({ node, error }) => ({ name: `broker ${node.id}`, error })),
  );
}
