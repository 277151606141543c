// kq coordinator shrink

import { command } from "../core/cli/command.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { planShrinking } from "../core/ensemble/change_plan.ts";
import {
  ANY_CHANGE,
  changeFlags,
  ensembleOf,
  planned,
  printSteps,
  reconfigure,
} from "./_ensemble_change.ts";
import { serversArgument } from "./_ensemble_servers.ts";

export default command({
  details:
    "Plans how servers leave an ensemble that goes on serving: each is removed, one at a\n" +
    "time, the leader last, and stopped after that. --execute removes them; it needs\n" +
    "reconfigEnabled. With --static the plan works without: a rolling restart for each.\n\n" +
    "Exits with 3 where those that are left would be no quorum.",
  args: [serversArgument],
  flags: {
    remove: {
      kind: "whole",
      many: true,
      min: 0,
      max: 255,
      value: "N",
      doc: "Number of a server that goes",
    },
    ...changeFlags,
  },
  examples: ["kq coordinator shrink zk1:2181 --remove 4 --remove 5"],
  run: async (context, { flags, args }) => {
    if (flags.remove.length === 0) {
      throw new UsageError("--remove names a server that goes");
    }
    const status = await ensembleOf(context, args[0], flags);
    const plan = planned(() =>
      planShrinking(status, flags.remove, flags.static)
    );
    if (!flags.execute) {
      return await printSteps(context, flags.output, plan.steps);
    }
    if (flags.static) throw new UsageError("--execute goes without --static");
    const leaving = plan.steps.flatMap(({ action, server }) =>
      action === "reconfigure" && server !== null ? [server] : []
    );
    await reconfigure(
      context,
      status,
      flags,
      leaving.map((id) => async (client) => {
        await client.reconfig({ ...ANY_CHANGE, leaving: String(id) });
        context.note(`removed server.${id}`);
      }),
    );
  },
});
