// What every host must do, whatever stands behind it: the same cases run on the
// operating system and on the simulator, so that code which works on one works
// on the other.

import { clockSuite } from "./clock_suite.ts";
import { diskSuite } from "./disk_suite.ts";
import { netSuite } from "./net_suite.ts";
import type { Host } from "../host/host.ts";

/** Gives a case a host and an empty directory, and takes both back after it. */
export type WithHost = (
  run: (host: Host, directory: string) => void | Promise<void>,
) => Promise<void>;

/** Registers all cases as tests. */
export function hostSuite(name: string, withHost: WithHost): void {
  const test = (
    title: string,
    run: (host: Host, directory: string) => void | Promise<void>,
  ) => Deno.test(`${name}: ${title}`, () => withHost(run));
  clockSuite(test);
  diskSuite(test);
  netSuite(test);
}

/** Registers one case. */
export type RegisterCase = (
  title: string,
  run: (host: Host, directory: string) => void | Promise<void>,
) => void;
