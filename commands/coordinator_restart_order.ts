// kq coordinator restart-order

import { command } from "../core/cli/command.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { restartOrder, restartSteps } from "../core/ensemble/change_plan.ts";
import { ensembleOf, planned, printSteps } from "./_ensemble_change.ts";
import { serversArgument, serversFlags } from "./_ensemble_servers.ts";

export default command({
  details:
    "Plans a rolling restart: observers first, then followers, the leader last, so that\n" +
    "there is one election. Between two, wait until kq coordinator status shows the\n" +
    "server in step. Changes nothing.\n\n" +
    "Exits with 3 where a restart would lose the quorum now.",
  args: [serversArgument],
  flags: { ...serversFlags, ...outputFlags },
  examples: ["kq coordinator restart-order zk1:2181,zk2:2181,zk3:2181"],
  run: async (context, { flags, args }) => {
    const status = await ensembleOf(context, args[0], flags);
    const order = planned(() => restartOrder(status));
    await printSteps(context, flags.output, restartSteps(order, ""));
  },
});
