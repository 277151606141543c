// kq coordinator status

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printRows, type Row } from "../core/cli/rows.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import { serverText } from "../core/client/zookeeper/connect_string.ts";
import {
  type EnsembleStatus,
  ensembleStatus,
  type ServerStatus,
} from "../core/ensemble/server_status.ts";
import {
  askServers,
  serversArgument,
  serversFlags,
} from "./_ensemble_servers.ts";

export default command({
  details:
    "Asks every server by its four-letter words, kq's and ZooKeeper's alike; what a\n" +
    "server does not tell (4lw.commands.whitelist) shows as -. Servers whose clients'\n" +
    "addresses the others know are asked too.\n\n" +
    "Exits with 0 where the ensemble has a quorum, 1 where it has none.",
  args: [serversArgument],
  flags: { ...serversFlags, ...outputFlags },
  examples: [
    "kq coordinator status",
    "kq coordinator status zk1:2181,zk2:2181,zk3:2181 -o json",
    "kq coordinator status --config zoo.cfg",
  ],
  run: async (context, { flags, args }) => {
    const servers = await askServers(context, args[0], flags);
    const status = ensembleStatus(servers);
    const { output } = flags;
    if (output === "json") {
      await context.out.line(JSON.stringify(documentOf(status), null, 2));
    } else {
      await printRows(context.out, output, {
        columns: columnsOf(output === "wide"),
        nameField: "server",
        rows: servers.map((server) => rowOf(server, status)),
      });
    }
    if (!status.hasQuorum) {
      throw new ExitError(ExitCode.FAILED, "no quorum: no server serves");
    }
    context.note(summary(status));
  },
});

function columnsOf(isWide: boolean) {
  const fields = [
    ...["server", "id", "mode", "zxid", "epoch", "behind", "latencyAvgMs"],
    ...["latencyMaxMs", "outstanding", "sessions", "fsyncAvgMs", "fsyncMaxMs"],
    ...(isWide ? ["connections", "znodes", "uptimeMs", "version"] : []),
    "error",
  ];
  return fields.map((field) => ({ field }));
}

function rowOf(server: ServerStatus, { leader }: EnsembleStatus): Row {
  const { zxid, members } = server;
  const newest = leader?.zxid ?? null;
  return {
    server: serverText(server.address),
    id: server.id,
    mode: server.mode,
    zxid: zxid === null ? null : `0x${zxid.toString(16)}`,
    epoch: zxid === null ? null : Number(zxid >> 32n),
    // Two servers of one epoch are so many transactions apart.
    behind: zxid === null || newest === null || zxid >> 32n !== newest >> 32n
      ? null
      : Math.max(0, Number(newest - zxid)),
    latencyMinMs: server.latencyMinMs,
    latencyAvgMs: server.latencyAvgMs,
    latencyMaxMs: server.latencyMaxMs,
    outstanding: server.outstandingCount,
    connections: server.connectionCount,
    sessions: server.sessionCount,
    znodes: server.znodeCount,
    fsyncAvgMs: server.fsyncAvgMs,
    fsyncMaxMs: server.fsyncMaxMs,
    uptimeMs: server.uptimeMs,
    version: server.version,
    configVersion: members === null ? null : members.version.toString(16),
    error: server.error,
  };
}

function documentOf(status: EnsembleStatus) {
  const { leader } = status;
  return {
    hasQuorum: status.hasQuorum,
    leader: leader === null ? null : serverText(leader.address),
    voters: status.voterCount,
    servingVoters: status.servingVoterCount,
    servers: status.servers.map((server) => rowOf(server, status)),
  };
}

function summary(
  { leader, voterCount, servingVoterCount }: EnsembleStatus,
): string {
  if (leader?.mode === "standalone") return "one server, alone";
  const led = leader === null
    ? "the leader was not asked"
    : `led by ${serverText(leader.address)}`;
  if (voterCount === null) return `quorum, ${led}`;
  const spare = servingVoterCount - (Math.floor(voterCount / 2) + 1);
  const more = spare > 0
    ? `${spare} more may go`
    : spare === 0
    ? "none more may go"
    : "not all of them were asked";
  return `quorum of ${servingVoterCount} of ${voterCount} voters, ${led}; ${more}`;
}
