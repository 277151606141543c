// Conversations made up from a seed: a few clients, a few paths, every operation.
// What is asked does not depend on what was answered, so that two servers are
// asked the same.

import type { Scenario } from "./zookeeper_scenarios.ts";
import type { Asked, Operation, Step } from "./zookeeper_asked.ts";
import { SimRandom } from "./sim_random.ts";

const NAMES = ["", "/a", "/b", "/a/c", "/a/c/d", "/e"];
const LISTS = [
  "world:anyone:31",
  "world:anyone:1",
  "world:anyone:30",
  "digest:bob:fyVmFCwVbTJYrznoSu1koqYEYF0=:31",
  "auth::31",
  "ip:127.0.0.1:31",
  "",
];
const CLIENTS = 3;

/** One conversation. */
export function randomScenario(seed: number, askCount = 150): Scenario {
  return async (dialogue) => {
    const random = new SimRandom(seed);
    const below = (count: number) => Math.floor(random.next() * count);
    const oneOf = <T>(values: readonly T[]): T => values[below(values.length)];
    const top = `/random${seed}`;
    const path = () => top + oneOf(NAMES);
    const version = () => oneOf([-1, -1, -1, 0, 1, 2]);
    const data = () => oneOf(["", "x", "some data", null]);
    const change = (): Step => {
      const acl = below(4) === 0 ? oneOf(LISTS) : LISTS[0];
      switch (below(8)) {
        case 0:
        case 1:
          return ["create", {
            path: path(),
            data: data(),
            acl,
            flags: below(4),
          }];
        case 2:
          return ["create2", {
            path: path(),
            data: data(),
            acl,
            flags: below(4),
          }];
        case 3:
          return ["createContainer", { path: path(), acl, flags: 4 }];
        case 4:
          return ["setData", {
            path: path(),
            data: data(),
            version: version(),
          }];
        case 5:
          return ["check", { path: path(), version: version() }];
        default:
          return ["delete", { path: path(), version: version() }];
      }
    };
    const read = (): Step => {
      const watch = below(2) === 0;
      const operation = oneOf(
        ["exists", "getData", "getChildren", "getChildren2"] as const,
      );
      return [operation, { path: path(), watch }];
    };
    const other = (): Step => {
      switch (below(9)) {
        case 0:
          return ["getAcl", { path: path() }];
        case 1:
          return ["setAcl", {
            path: path(),
            acl: oneOf(LISTS),
            version: version(),
          }];
        case 2:
          return ["sync", { path: path() }];
        case 3:
          return ["getEphemerals", { path: top }];
        case 4:
          return ["getAllChildrenNumber", { path: path() }];
        case 5:
          return ["multi", {
            steps: Array.from({ length: 1 + below(4) }, change),
          }];
        case 6:
          return ["multiRead", {
            steps: [["getData", { path: path() }], ["getChildren", {
              path: path(),
            }]],
          }];
        case 7:
          return ["removeWatches", { path: path(), type: 1 + below(3) }];
        default:
          return ["setData", { path: path(), data: "more" }];
      }
    };
    const ask = (): Step => {
      const kind = below(10);
      const step = kind < 5 ? change() : kind < 8 ? read() : other();
      // Alone it is no request that clients make.
      return step[0] === "check" ? read() : step;
    };
    for (let client = 0; client < CLIENTS; client++) {
      await dialogue.connect(`c${client}`);
    }
    await dialogue.ask("c1", "auth", { scheme: "digest", auth: "bob:secret" });
    // Who watches for good watches nothing else: ZooKeeper 3.8 lets the one
    // replace the other.
    await dialogue.connect("watcher");
    await dialogue.ask("watcher", "addWatch", { path: top, mode: below(2) });
    await dialogue.ask("c0", "create", { path: top });
    for (let asked = 0; asked < askCount; asked++) {
      const name = `c${below(CLIENTS)}`;
      const steps: [Operation, Asked[Operation]][] = Array.from(
        { length: below(4) === 0 ? 4 : 1 },
        () => ask() as [Operation, Asked[Operation]],
        // ZooKeeper itself does not see a list that is on its way.
      ).filter(([operation], _, all) =>
        operation !== "setAcl" || all.length === 1
      );
      if (steps.length > 0) await dialogue.askAll(name, steps);
    }
  };
}
