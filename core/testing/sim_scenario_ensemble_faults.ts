// What befalls a simulated ensemble: faults drawn by chance from those that a run
// allows, each undone after a while.

import type { SimNet } from "./sim_net.ts";
import type { SimRandom } from "./sim_random.ts";
import type { EnsembleServer } from "./sim_scenario_ensemble_server.ts";

export const faultKinds = [
  "power",
  "kill",
  "cut by disk",
  "restart",
  "partition",
  "one way",
  "slow",
  "reset",
  "stall",
  "disk error",
  "clock jump",
  "all down",
] as const;
export type FaultKind = typeof faultKinds[number];

export interface FaultsOptions {
  readonly random: SimRandom;
  readonly net: SimNet;
  readonly servers: readonly EnsembleServer[];
  /** Nodes of clients. */
  readonly clients: readonly string[];
  readonly kinds: readonly FaultKind[];
  readonly trace: (line: string) => void;
  /** Runs something after a while. */
  readonly later: (delayMs: number, run: () => void) => void;
}

/** See the file's header. */
export class EnsembleFaults {
  readonly #options: FaultsOptions;
  count = 0;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** One fault, now. */
  strike(): void {
    const { random, kinds, servers, trace } = this.#options;
    const kind = random.pick(kinds);
    const up = servers.filter(({ sim }) => !sim.isCrashed);
    if (up.length === 0) return;
    // Leaders have the most to lose.
    const leader = up.find(({ isLeading }) => isLeading);
    const target = leader !== undefined && random.chance(0.4)
      ? leader
      : random.pick(up);
    this.count++;
    trace(`-- ${kind} ${target.name}`);
    this.#befall(kind, target, up);
  }

  #befall(
    kind: FaultKind,
    target: EnsembleServer,
    up: readonly EnsembleServer[],
  ): void {
    const { random, net } = this.#options;
    switch (kind) {
      case "power":
      case "kill":
        return target.crash(kind);
      case "restart":
        return void target.stop().catch(() => {});
      case "cut by disk":
        return target.sim.disk.crashAtCall(1 + random.below(30));
      case "disk error":
        return target.sim.disk.failNthCall(
          1 + random.below(3),
          "io",
          random.chance(0.7)
            ? ({ action }) => action === "sync"
            : ({ action }) => ["write", "rename", "open"].includes(action),
        );
      case "clock jump":
        return target.sim.clock.jumpWall(random.between(-3_600_000, 3_600_000));
      case "reset":
        return net.resetConnections(target.name);
      case "stall":
        return target.sim.stall(random.between(50, 1500));
      case "all down":
        for (const each of up) each.crash(random.pick(["power", "kill"]));
        return;
      default:
        return this.#disturbNet(kind, target.name);
    }
  }

  #disturbNet(kind: "partition" | "one way" | "slow", name: string): void {
    const { random, net, servers, clients, later } = this.#options;
    const others = [...servers.map((each) => each.name), ...clients].filter(
      (other) => other !== name && random.chance(0.7),
    );
    for (const other of others) {
      if (kind === "partition") net.partition(name, other);
      else if (kind === "one way") {
        const isOut = random.chance(0.5);
        net.partition(isOut ? name : other, isOut ? other : name, {
          isOneWay: true,
        });
      } else {
        net.slow(name, other, random.between(5, 150));
        net.slow(other, name, random.between(5, 150));
      }
    }
    later(random.between(100, 2500), () => net.heal());
  }
}
