// What the commands share that plan a change of an ensemble: asking its servers,
// printing the steps, doing them.

import type { CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { type FlagRows, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import { serverText } from "../core/client/zookeeper/connect_string.ts";
import type { ZooKeeperClient } from "../core/client/zookeeper/zookeeper_client.ts";
import type { Member } from "../core/ensemble/quorum/quorum_config.ts";
import { PlanRefusal, type PlanStep } from "../core/ensemble/change_plan.ts";
import {
  type EnsembleStatus,
  ensembleStatus,
  serverStatus,
} from "../core/ensemble/server_status.ts";
import { sleep } from "../core/host/host.ts";
import { isZkError } from "../core/wire/zookeeper/errors.ts";
import {
  askServers,
  type ServersFlags,
  serversFlags,
} from "./_ensemble_servers.ts";
import { withZooKeeper } from "./_zk.ts";

/** The flags of the commands that change who is in an ensemble. */
export const changeFlags = {
  static: {
    kind: "switch",
    doc: "Plan without reconfigEnabled: by new files and restarts",
  },
  execute: {
    kind: "switch",
    doc: "Reconfigure the ensemble now, one server after another",
  },
  auth: {
    kind: "text",
    value: "USER:PASSWORD",
    doc: "Who may reconfigure: the one of superDigest, or of /zookeeper/config",
  },
  ...serversFlags,
  ...outputFlags,
} as const satisfies FlagRows;

export interface ChangeFlags extends ServersFlags {
  readonly static: boolean;
  readonly execute: boolean;
  readonly auth: string | undefined;
}

/** What the servers say now. */
export async function ensembleOf(
  context: CommandContext,
  connect: string | undefined,
  flags: ServersFlags,
): Promise<EnsembleStatus> {
  return ensembleStatus(await askServers(context, connect, flags));
}

/** Makes a plan; one that is refused ends the command with exit code 3. */
export function planned<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof PlanRefusal)) throw error;
    throw new ExitError(ExitCode.REFUSED, error.message);
  }
}

/** Prints steps in their order. */
export async function printSteps(
  context: CommandContext,
  format: Parameters<typeof printRows>[1],
  steps: readonly PlanStep[],
): Promise<void> {
  await printRows(context.out, format, {
    columns: ["step", "action", "server", "what"].map((field) => ({ field })),
    nameField: "what",
    rows: steps.map(({ action, server, what }, index) => ({
      step: index + 1,
      action,
      server,
      what,
    })),
  });
}

/** A change of whatever members there are now. */
export const ANY_CHANGE = {
  joining: null,
  leaving: null,
  members: null,
  configVersion: -1n,
} as const;

const IN_STEP_MS = 30_000;
const ASK_MS = 5000;
const LOOK_EVERY_MS = 200;

/** Does one change after another; the next once the ensemble serves with it. */
export async function reconfigure(
  context: CommandContext,
  status: EnsembleStatus,
  flags: ChangeFlags,
  changes: readonly ((client: ZooKeeperClient) => Promise<unknown>)[],
): Promise<void> {
  const connect = status.servers.filter(({ mode }) => mode !== null).map((
    { address },
  ) => serverText(address)).join(",");
  const { auth, timeout } = flags;
  for (const change of changes) {
    // Each with a session of its own: the server of the one before may have gone.
    await withZooKeeper(
      context,
      { zookeeper: connect, auth, timeout },
      async (client) => {
        try {
          await change(client);
        } catch (error) {
          throw reconfigError(error);
        }
      },
    );
    await waitForQuorum(context, connect, flags);
  }
}

/**
 * A voter that does not run is one that is missing: the others may have no quorum
 * with it among them.
 */
export async function requireRunning(
  { host }: CommandContext,
  { id, client, quorum }: Member,
  timeoutMs: number | undefined,
): Promise<void> {
  if (client === null) return;
  const isAny = client.host === "0.0.0.0" || client.host === "";
  const address = isAny ? { ...client, host: quorum.host } : client;
  const deadlineMs = host.clock.monotonicMs() + IN_STEP_MS;
  for (;;) {
    const { mode, error } = await serverStatus(
      host,
      address,
      timeoutMs ?? ASK_MS,
    );
    if (mode !== null) return;
    if (host.clock.monotonicMs() > deadlineMs || /refused/.test(error ?? "")) {
      throw new ExitError(
        ExitCode.REFUSED,
        `server.${id} at ${
          serverText(address)
        } does not serve: ${error}; start it first`,
      );
    }
    await sleep(host.clock, LOOK_EVERY_MS);
  }
}

async function waitForQuorum(
  context: CommandContext,
  connect: string,
  flags: ServersFlags,
): Promise<void> {
  const { clock } = context.host;
  const deadlineMs = clock.monotonicMs() + IN_STEP_MS;
  const ask = { ...flags, config: undefined, zookeeper: undefined };
  while (clock.monotonicMs() < deadlineMs) {
    const { leader } = await ensembleOf(context, connect, ask);
    if (leader !== null) return;
    await sleep(clock, LOOK_EVERY_MS);
  }
  throw new ExitError(
    ExitCode.TIMED_OUT,
    `there is no leader ${IN_STEP_MS} ms after the change`,
  );
}

function reconfigError(error: unknown): unknown {
  if (isZkError(error, "RECONFIG_DISABLED")) {
    return new ExitError(
      ExitCode.REFUSED,
      "the servers do not reconfigure: set reconfigEnabled=true on all, or plan with --static",
    );
  }
  if (isZkError(error, "NO_AUTH")) {
    return new ExitError(
      ExitCode.REFUSED,
      "only who may write /zookeeper/config reconfigures: name them with --auth",
    );
  }
  return error;
}
