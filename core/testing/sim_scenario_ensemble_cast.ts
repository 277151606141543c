// Who is in a simulated ensemble: servers and clients, with what chance gives them.

import { QuorumConfig } from "../ensemble/quorum/quorum_config.ts";
import { simHost } from "./sim_host.ts";
import type { SimLoop } from "./sim_loop.ts";
import type { SimNet } from "./sim_net.ts";
import type { SimRandom } from "./sim_random.ts";
import { EnsembleClient } from "./sim_scenario_ensemble_client.ts";
import type { EnsembleHistory } from "./sim_scenario_ensemble_history.ts";
import { EnsembleServer, type Plant } from "./sim_scenario_ensemble_server.ts";
import { ensembleWork } from "./sim_scenario_ensemble_work.ts";

export const TICK_MS = 200;
const CLIENT_COUNT = 3;
const HOUR_MS = 3_600_000;

/** What all of them share. */
export interface EnsembleStage {
  readonly random: SimRandom;
  readonly loop: SimLoop;
  readonly net: SimNet;
  readonly history: EnsembleHistory;
  readonly trace: (line: string) => void;
  readonly judge: (act: () => void) => void;
  /** A leader ends a session. */
  readonly expiring: (sessionId: bigint) => void;
  /** A client is told that its session has ended. */
  readonly expired: (sessionId: bigint) => void;
}

/** Three or five that vote, and sometimes one that observes. */
export function castServers(
  stage: EnsembleStage,
  plant: Plant,
): EnsembleServer[] {
  const { random, loop, net } = stage;
  const voterCount = random.pick([3, 3, 3, 5]);
  const memberCount = voterCount + (random.chance(0.2) ? 1 : 0);
  const ids = Array.from({ length: memberCount }, (_, index) => index + 1);
  const config = QuorumConfig.parse(
    ids.map((id) =>
      `server.${id}=s${id}:2888:3888${id > voterCount ? ":observer" : ""}`
    ).join("\n"),
  );
  if (plant.isQuorum !== undefined) config.isQuorum = plant.isQuorum;
  const drawn = {
    lastCounter: random.pick([0xffffffffn, 0xffffffffn, 60n]),
    snapshotTxnCount: random.pick([8, 30, 200]),
    historyCount: random.pick([1, 5, 30, 500]),
  };
  return ids.map((id) =>
    new EnsembleServer({
      ...stage,
      ...drawn,
      id,
      config,
      plant,
      sim: simHost(random.below(1e9), {
        name: `s${id}`,
        loop,
        net,
        clock: {
          driftPpm: random.pick([0, 0, random.between(-20_000, 20_000)]),
          skewMs: random.pick([0, random.between(-HOUR_MS, HOUR_MS)]),
        },
        disk: { syncDelayMs: random.pick([0.2, [0.1, 4], [0.5, 40]]) },
      }),
      timing: { tickMs: TICK_MS, initLimit: 5, syncLimit: 4 },
      sessionTimeoutMinMs: 2 * TICK_MS,
    })
  );
}

/** Each on a machine of its own. */
export function castClients(
  stage: EnsembleStage,
  servers: readonly EnsembleServer[],
): EnsembleClient[] {
  const { random, loop, net } = stage;
  return Array.from({ length: CLIENT_COUNT }, (_, index) => {
    const name = `c${index + 1}`;
    const { host } = simHost(random.below(1e9), { name, loop, net });
    return new EnsembleClient({
      ...stage,
      host,
      name,
      servers: servers.map((server) => server.name),
      timeoutMs: random.pick([500, 1000, 2000]),
      random: random.fork(),
      work: ensembleWork,
    });
  });
}
