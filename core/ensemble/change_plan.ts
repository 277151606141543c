// Plans for changing an ensemble while it serves: in which order its servers are
// restarted, how one server after another comes in or goes.
//
// The leader is last: each restart of a leader costs an election, and so there is
// one. Servers come in and go one at a time: two majorities of ensembles that
// differ in one server always have a server in common, so that no two leaders can
// be; of those that differ in two, not.
//
// Source: ZooKeeper documentation, "ZooKeeper Dynamic Reconfiguration".

import { type Member, QuorumConfig } from "./quorum/quorum_config.ts";
import type { EnsembleStatus, ServerStatus } from "./server_status.ts";

/** One thing to do; those before it come first. */
export interface PlanStep {
  readonly action:
    | "start"
    | "stop"
    | "restart"
    | "reconfigure"
    | "configure"
    | "wait";
  /** The server's number; null where the step is about the ensemble. */
  readonly server: number | null;
  readonly what: string;
}

/** Why a plan is not to be followed now; one line. */
export class PlanRefusal extends Error {
  override readonly name = "PlanRefusal";
}

/** How many voters may be away at once. */
export function spareCount(voterCount: number): number {
  return voterCount - (Math.floor(voterCount / 2) + 1);
}

/**
 * In which order to restart the servers: who does not vote, who follows, who leads.
 *
 * @throws {PlanRefusal} Where the quorum would be lost on the way.
 */
export function restartOrder(status: EnsembleStatus): ServerStatus[] {
  const { servers, voterCount, servingVoterCount } = status;
  requireQuorum(status);
  const down = servers.filter(({ mode }) => mode === null);
  if (voterCount !== null && voterCount > 1) {
    const needed = Math.floor(voterCount / 2) + 2;
    if (servingVoterCount < needed) {
      throw new PlanRefusal(
        `${servingVoterCount} of ${voterCount} voters serve (of those that were asked): ` +
          "without one more the quorum would be lost; name all servers, or start those that are down",
      );
    }
  }
  const rank = ({ mode }: ServerStatus) =>
    mode === "observer" ? 0 : mode === "leader" ? 2 : 1;
  return servers.filter((server) => !down.includes(server)).sort((a, b) =>
    rank(a) - rank(b) || (a.id ?? 0) - (b.id ?? 0)
  );
}

/** The restarts, each with what to wait for. */
export function restartSteps(
  order: readonly ServerStatus[],
  why: string,
): PlanStep[] {
  return order.map(({ id, mode, address }) => ({
    action: "restart",
    server: id,
    what:
      `${address.host}:${address.port}, ${mode}${why}; then wait until it is in step`,
  }));
}

/** The members of an ensemble as its servers say. @throws {PlanRefusal} */
export function membersOf(status: EnsembleStatus): QuorumConfig {
  requireQuorum(status);
  let newest: QuorumConfig | null = null;
  for (const { members } of status.servers) {
    if (members === null) continue;
    if (newest === null || members.version > newest.version) newest = members;
  }
  if (newest !== null) return newest;
  throw new PlanRefusal(
    "no server says who is in the ensemble: allow conf in 4lw.commands.whitelist, or it is one server alone",
  );
}

function requireQuorum({ hasQuorum }: EnsembleStatus): void {
  if (!hasQuorum) throw new PlanRefusal("there is no quorum: no server serves");
}

/** A change of members, one server at a time. */
export interface MemberPlan {
  readonly before: QuorumConfig;
  readonly after: QuorumConfig;
  readonly steps: readonly PlanStep[];
}

/**
 * How servers come in.
 *
 * @param isStatic Without `reconfigEnabled`: by files and restarts.
 * @throws {PlanRefusal} Where one is a member already, or has another's address.
 */
export function planGrowth(
  status: EnsembleStatus,
  joining: readonly Member[],
  isStatic: boolean,
): MemberPlan {
  const before = membersOf(status);
  let members = [...before.members.values()];
  const steps: PlanStep[] = [];
  for (const member of joining) {
    refuseKnown(before, member);
    if (members.some(({ id }) => id === member.id)) {
      throw new PlanRefusal(`server.${member.id} is given twice`);
    }
    members = [...members, member];
    const lines = linesOf(members);
    steps.push({
      action: "start",
      server: member.id,
      what:
        `on ${member.quorum.host}: kq coordinator start --id ${member.id} --data DIR ${
          lines.map((line) => `--server '${line.slice("server.".length)}'`)
            .join(" ")
        }`,
    });
    if (isStatic) {
      steps.push(...staticRound(status, lines));
      continue;
    }
    steps.push({
      action: "reconfigure",
      server: member.id,
      what: `add ${memberLine(member)}; then wait until it is in step`,
    });
  }
  return { before, after: new QuorumConfig(members, before.version), steps };
}

/**
 * How servers go.
 *
 * @throws {PlanRefusal} Where one is no member, none would be left, or those that
 * are left would be no quorum now.
 */
export function planShrinking(
  status: EnsembleStatus,
  leaving: readonly number[],
  isStatic: boolean,
): MemberPlan {
  const before = membersOf(status);
  const steps: PlanStep[] = [];
  let members = [...before.members.values()];
  for (const id of leavingOrder(status, leaving)) {
    if (!members.some((member) => member.id === id)) {
      const known = members.map((member) => member.id).join(", ");
      throw new PlanRefusal(`server.${id} is none of ${known}`);
    }
    members = members.filter((member) => member.id !== id);
    refuseLosing(status, new QuorumConfig(members, 0n));
    if (isStatic) {
      steps.push({ action: "stop", server: id, what: "and leave it stopped" });
      steps.push(...staticRound(status, linesOf(members), id));
      continue;
    }
    steps.push(
      { action: "reconfigure", server: id, what: "remove it" },
      {
        action: "stop",
        server: id,
        what: "once the others serve without it; its data can go",
      },
    );
  }
  return { before, after: new QuorumConfig(members, before.version), steps };
}

/** A leader that goes takes an election with it: last. */
function leavingOrder(
  { leader }: EnsembleStatus,
  leaving: readonly number[],
): number[] {
  const ids = [...new Set(leaving)];
  return ids.sort((a, b) =>
    Number(a === leader?.id) - Number(b === leader?.id) || a - b
  );
}

function refuseLosing(status: EnsembleStatus, left: QuorumConfig): void {
  if (left.voterCount === 0) {
    throw new PlanRefusal("nobody would be left to vote");
  }
  const serving = status.servers.flatMap(({ id, mode }) =>
    id !== null && mode !== null ? [id] : []
  );
  if (left.isQuorum(serving)) return;
  throw new PlanRefusal(
    `of the ${left.voterCount} voters that would be left, only ${
      serving.filter((id) => left.isVoter(id)).length
    } serve (of those that were asked): no quorum`,
  );
}

function refuseKnown(before: QuorumConfig, member: Member): void {
  if (before.members.has(member.id)) {
    throw new PlanRefusal(`server.${member.id} is a member already`);
  }
  for (const other of before.members.values()) {
    for (const taken of [other.quorum, other.election]) {
      for (const own of [member.quorum, member.election]) {
        if (own.host !== taken.host || own.port !== taken.port) continue;
        throw new PlanRefusal(
          `server.${member.id}: ${own.host}:${own.port} is server.${other.id}'s`,
        );
      }
    }
  }
}

/** New files for all, and a rolling restart. */
function staticRound(
  status: EnsembleStatus,
  lines: readonly string[],
  gone: number | null = null,
): PlanStep[] {
  const order = restartOrder(status).filter(({ id }) => id !== gone);
  return [
    {
      action: "configure",
      server: null,
      what: `in every server's zoo.cfg: ${lines.join(" ")}`,
    },
    ...restartSteps(order, ""),
  ];
}

function linesOf(members: readonly Member[]): string[] {
  return new QuorumConfig(members, 0n).toText().split("\n").filter((line) =>
    line.startsWith("server.")
  );
}

/** `server.N=…` of one member. */
export function memberLine(member: Member): string {
  return linesOf([member])[0];
}
