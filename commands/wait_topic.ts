// kq wait topic

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { connectionFlags } from "../core/cli/flags.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import { topicNames, withAdmin } from "./_admin.ts";
import { waitFlags, waitUntil } from "./_waiting.ts";

export default command({
  details:
    "Waits until topics are there and each of their partitions has a leader.",
  args: [{ name: "TOPIC", doc: "A topic", many: true }],
  flags: {
    partitions: {
      kind: "whole",
      min: 1,
      value: "N",
      doc: "Wait until there are at least N partitions",
    },
    deleted: { kind: "switch", doc: "Wait until the topics are gone" },
    ...waitFlags,
    ...connectionFlags,
  },
  examples: ["kq wait topic orders", "kq wait topic orders --deleted --for 1m"],
  run: (context, { flags, args }) =>
    withAdmin(context, flags, async (admin) => {
      const names = topicNames(args);
      return await waitUntil(context, flags, async () => {
        const topics = await admin.describeTopics(names);
        for (const { name, error, partitions } of topics) {
          const isMissing = error?.errorName === "UNKNOWN_TOPIC_OR_PARTITION";
          if (flags.deleted) {
            if (!isMissing) return `topic ${name} is still there`;
            continue;
          }
          if (isMissing) return `topic ${name} does not exist`;
          if (error !== null && !error.retriable) {
            throw new ExitError(ExitCode.FAILED, `${name}: ${error.message}`);
          }
          const open = partitions.filter(({ leader }) => leader < 0).length;
          if (error !== null || open > 0 || partitions.length === 0) {
            return `topic ${name} has ${open} partitions without a leader`;
          }
          if (partitions.length < (flags.partitions ?? 1)) {
            return `topic ${name} has ${partitions.length} partitions`;
          }
        }
        return null;
      });
    }),
});
