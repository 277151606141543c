// kq coordinator grow

import { command } from "../core/cli/command.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { memberLine, planGrowth } from "../core/ensemble/change_plan.ts";
import {
  type Member,
  parseMember,
  QuorumConfigError,
} from "../core/ensemble/quorum/quorum_config.ts";
import {
  ANY_CHANGE,
  changeFlags,
  ensembleOf,
  planned,
  printSteps,
  reconfigure,
  requireRunning,
} from "./_ensemble_change.ts";
import { serversArgument } from "./_ensemble_servers.ts";

export default command({
  details:
    "Plans how servers come into an ensemble that goes on serving: each is started with\n" +
    "all the others in its configuration, and then added, one at a time. --execute adds\n" +
    "those that run already; it needs reconfigEnabled. With --static the plan works\n" +
    "without: a rolling restart for each server.",
  args: [serversArgument],
  flags: {
    server: {
      kind: "text",
      many: true,
      value: "N=HOST:PORT:PORT;PORT",
      doc: "A server that comes in, as server.N of zoo.cfg",
    },
    ...changeFlags,
  },
  examples: [
    "kq coordinator grow zk1:2181 --server '4=zk4:2888:3888;2181' --server '5=zk5:2888:3888;2181'",
  ],
  run: async (context, { flags, args }) => {
    const joining = flags.server.map(memberOf);
    if (joining.length === 0) {
      throw new UsageError("--server names a server that comes in");
    }
    const status = await ensembleOf(context, args[0], flags);
    const plan = planned(() => planGrowth(status, joining, flags.static));
    if (!flags.execute) {
      return await printSteps(context, flags.output, plan.steps);
    }
    if (flags.static) throw new UsageError("--execute goes without --static");
    await reconfigure(
      context,
      status,
      flags,
      joining.map((member) => async (client) => {
        await requireRunning(context, member, flags.timeout);
        await client.reconfig({ ...ANY_CHANGE, joining: memberLine(member) });
        context.note(`added ${memberLine(member)}`);
      }),
    );
  },
});

function memberOf(text: string): Member {
  const separator = text.indexOf("=");
  try {
    return parseMember(text.slice(0, separator), text.slice(separator + 1));
  } catch (error) {
    if (!(error instanceof QuorumConfigError)) throw error;
    throw new UsageError(`--server: ${error.message}`);
  }
}
