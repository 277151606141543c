// What `config set` and `config unset` share.

import type { CommandContext } from "../core/cli/command.ts";
import type { ConnectionFlags } from "../core/cli/connection.ts";
import type { OutputFormat } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import type {
  ConfigChange,
  ConfigResource,
} from "../core/client/admin_types.ts";
import { withAdmin } from "./_admin.ts";

type Flags = ConnectionFlags & {
  readonly output: OutputFormat;
  readonly "dry-run": boolean;
};

/** Changes the keys of one entity, all or none, and prints them. */
export async function changeConfig(
  context: CommandContext,
  flags: Flags,
  resource: ConfigResource,
  changes: readonly ConfigChange[],
): Promise<void> {
  const [{ error }] = await withAdmin(
    context,
    flags,
    (admin) =>
      admin.incrementalAlterConfigs([{ resource, changes }], {
        validateOnly: flags["dry-run"],
      }),
  );
  if (error !== null) throw error;
  await printRows(context.out, flags.output, {
    columns: [{ field: "name" }, { field: "operation" }, { field: "value" }],
    nameField: "name",
    rows: changes.map((change) => ({ ...change })),
  });
}
