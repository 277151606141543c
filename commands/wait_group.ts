// kq wait group

import { command } from "../core/cli/command.ts";
import { connectionFlags } from "../core/cli/flags.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Admin, GroupDescription } from "../core/client/admin.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";
import { withAdmin } from "./_admin.ts";
import { groupLags, isActive, sumOf } from "./_groups.ts";
import { waitFlags, waitUntil } from "./_waiting.ts";

export default command({
  details:
    "A group that does not exist has no lag and no members: it is empty, and neither\n" +
    "stable nor has it read anything.",
  args: [{ name: "GROUP", doc: "A group", many: true }],
  flags: {
    lag: {
      kind: "whole",
      min: 0,
      value: "N",
      doc:
        "Wait until the group is at most N records behind, in all partitions",
    },
    empty: { kind: "switch", doc: "Wait until the group has no members" },
    stable: {
      kind: "switch",
      doc: "Wait until the group has members, and is done rebalancing",
    },
    members: {
      kind: "whole",
      min: 1,
      value: "N",
      doc: "With --stable: wait for at least N members",
    },
    ...waitFlags,
    ...connectionFlags,
  },
  examples: [
    "kq wait group billing --lag 0 --for 10m",
    "kq wait group billing --stable && kq wait group old-billing --empty",
  ],
  run: async (context, { flags, args }) => {
    const { lag, empty } = flags;
    const stable = flags.stable || flags.members !== undefined;
    if (lag === undefined && !empty && !stable) {
      throw new UsageError("say what for: --lag N, --empty or --stable");
    }
    if (empty && stable) {
      throw new UsageError("--empty and --stable exclude each other");
    }
    await withAdmin(
      context,
      flags,
      (admin) =>
        waitUntil(context, flags, async () => {
          for (const name of args) {
            const reason = (empty || stable
              ? await wrongState(admin, name, {
                empty,
                memberCount: flags.members ?? 1,
              })
              : null) ??
              (lag === undefined ? null : await tooFarBehind(admin, name, lag));
            if (reason !== null) return reason;
          }
          return null;
        }),
    );
  },
});

async function wrongState(
  admin: Admin,
  name: string,
  wanted: { readonly empty: boolean; readonly memberCount: number },
): Promise<string | null> {
  const [{ value, error }] = await admin.describeGroups([name]);
  if (error !== null && !isMissing(error)) throw error;
  const memberCount = value?.members.length ?? 0;
  if (wanted.empty) {
    return value === null || !isActive(value)
      ? null
      : `group ${name} has ${memberCount} members (${value.state})`;
  }
  return isSettled(value, wanted.memberCount)
    ? null
    : `group ${name} has ${memberCount} members (${value?.state ?? "missing"})`;
}

function isSettled(group: GroupDescription | null, memberCount: number) {
  return group !== null && group.state.toLowerCase() === "stable" &&
    group.members.length >= memberCount;
}

async function tooFarBehind(
  admin: Admin,
  name: string,
  lagMax: number,
): Promise<string | null> {
  const [found] = await groupLags(admin, [name]);
  if (found.error !== null) {
    if (!isMissing(found.error)) throw found.error;
    return `group ${name} does not exist`;
  }
  const lag = sumOf(found.partitions.map((row) => row.lag));
  const unread = found.partitions.filter((row) =>
    row.committed === null && row.end !== row.start
  );
  if (lag === null || unread.length > 0) {
    return `group ${name} has not committed in all its partitions`;
  }
  return lag <= lagMax ? null : `group ${name} is ${lag} records behind`;
}

function isMissing(error: Error): boolean {
  return error instanceof KafkaError &&
    error.errorName === "GROUP_ID_NOT_FOUND";
}
